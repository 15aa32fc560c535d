"""Settings: read once from file and environment into frozen values. Nobody reads the environment later.

A variable beats the file; two underscores part the levels: HOLDSVC_SERVICE__PORT is `service.port`. Secrets come only by variable,
or from a file that HOLDSVC_..._FILE names, so that none ever lies in a configuration file.
"""

from __future__ import annotations

import difflib
import math
import os
import tomllib
import types
from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Union, cast, get_args, get_origin

import msgspec
from msgspec import Struct

from holdsvc.calls.events import Departure
from holdsvc.calls.menu import CALLBACK, SHIPPED
from holdsvc.calls.service_level import VARIANTS
from holdsvc.content.radio import BITRATES
from holdsvc.engine.plans import QueueRules, faults
from holdsvc.errors import ConfigError
from holdsvc.settings import (
    ApiSettings,
    AudioSocketSettings,
    CallersSettings,
    DirectorySettings,
    FetchSettings,
    LedgerSettings,
    LiveSettings,
    LogSettings,
    MediaSettings,
    MetricsSettings,
    ReportsSettings,
    ServiceSettings,
    Settings,
    SpeechSettings,
    StoreSettings,
    StreamsSettings,
    SubscriberSettings,
    SynthesiserSettings,
)
from holdsvc.speech.recognise.kinds import KINDS as RECOGNISERS

__all__ = [
    "PREFIX",
    "ApiSettings",
    "AudioSocketSettings",
    "CallersSettings",
    "DirectorySettings",
    "FetchSettings",
    "LedgerSettings",
    "LiveSettings",
    "LogSettings",
    "MediaSettings",
    "MetricsSettings",
    "ReportsSettings",
    "ServiceSettings",
    "Settings",
    "SpeechSettings",
    "StoreSettings",
    "StreamsSettings",
    "SubscriberSettings",
    "SynthesiserSettings",
    "convert_section",
    "is_network",
    "is_postgres",
    "load",
    "read_toml",
    "refuse_secrets",
    "shipped",
]

PREFIX = "HOLDSVC_"
PACKAGE = Path(__file__).parent
MOST_PORT = 65535
MOST_WORKERS = 64
LEAST_SECRET = 32  # characters
MOST_REPLICAS = 5
LEAST_DAYS = 7  # for which waits are kept
WAIT_SECONDS = 0.01, 0.4  # below what Redis has for an answer at all


# Where a secret belongs; such a key in a file is refused.
SECRETS = (
    "service.secret",
    "api.token",
    "platforms.*.auth_token",
    "platforms.*.previous_auth_token",
    "platforms.*.shared_keys",
    "directories.*.secret",
    "subscribers.*.secret",
    "subscribers.*.previous_secret",
)


LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("auto", "json", "text")
DOCUMENT = 75.0  # seconds that the longest document may take until the platform comes back


def hold_to_rules(settings: Settings) -> None:
    """What a type cannot say."""
    one_of("log.format", settings.log.format, FORMATS)
    one_of("log.level", settings.log.level, LEVELS)
    one_of("speech.recogniser", settings.speech.recogniser, RECOGNISERS)
    if not 1 <= settings.speech.workers <= MOST_WORKERS:
        raise ConfigError("speech.workers", f"{settings.speech.workers} will not do: 1 to {MOST_WORKERS}")
    one_of("store.synchronous", settings.store.synchronous, ("FULL", "NORMAL"))
    if not 0 <= settings.service.port <= MOST_PORT:
        raise ConfigError("service.port", f"{settings.service.port} will not do: a port is 0 to {MOST_PORT}")
    if settings.service.secret and len(settings.service.secret) < LEAST_SECRET:
        raise ConfigError("service.secret", f"it is too short: {LEAST_SECRET} characters of chance or more")
    if (settings.service.drain_seconds or 0.0) < 0:
        raise ConfigError("service.drain_seconds", f"{settings.service.drain_seconds:g} will not do: 0 or more")
    hold_replicas_to_rules(settings.store)
    hold_ledger_to_rules(settings)
    for port in settings.fetch.ports:
        if not 0 <= port <= MOST_PORT:
            raise ConfigError("fetch.ports", f"{port} will not do: a port is 1 to {MOST_PORT}, and 0 stands for any")
    allowed = {
        "metrics.allow": settings.metrics.allow,
        "live.allow": settings.live.allow,
        "fetch.allow": settings.fetch.allow,
    }
    for key, networks in allowed.items():
        for network in networks:
            if not is_network(network):
                raise ConfigError(key, f"{network!r} is no network; write it as 10.1.0.0/16")
    if settings.live.bitrate not in BITRATES:
        raise ConfigError(
            "live.bitrate", f"{settings.live.bitrate} will not do: one of {', '.join(map(str, BITRATES))}"
        )
    one_of("reports.contract", settings.reports.contract, VARIANTS)
    if not 0 < settings.reports.target_share <= 1:
        raise ConfigError("reports.target_share", f"{settings.reports.target_share:g} will not do: 0.8 means 80 %")
    for name, queue in settings.queues.items():
        hold_queue_to_rules(f"queues.{name}", queue)
        for key, sentence in faults(queue, settings.queues):
            raise ConfigError(f"queues.{name}.{key}", sentence)


def hold_replicas_to_rules(store: StoreSettings) -> None:
    least, most = WAIT_SECONDS
    if not 0 <= store.wait_replicas <= MOST_REPLICAS:
        raise ConfigError("store.wait_replicas", f"{store.wait_replicas} will not do: 0 to {MOST_REPLICAS}")
    if store.wait_replicas and not store.url.startswith("redis"):
        raise ConfigError(
            "store.wait_replicas", "only Redis has replicas: set store.url to redis+sentinel://…, or it to 0"
        )
    if not least <= store.wait_seconds <= most:
        raise ConfigError("store.wait_seconds", f"{store.wait_seconds:g} will not do: {least:g} to {most:g}")


def hold_ledger_to_rules(settings: Settings) -> None:
    url, store = settings.ledger.url, settings.store.url.partition(":")[0]
    if not url.startswith("sqlite:") and not is_postgres(url):
        raise ConfigError("ledger.url", f"{url.partition(':')[0]!r} is not known; there is sqlite: and postgresql:")
    if store == "sqlite" and url != "sqlite:":
        why = "the embedded store keeps the wait log in its own file; one elsewhere goes with store.url = redis://…"
        raise ConfigError("ledger.url", why)

    days = settings.ledger.keep_days
    if days and not LEAST_DAYS <= days < math.inf:  # news of a call come up to days later, and callers call again
        raise ConfigError("ledger.keep_days", f"{days:g} will not do: {LEAST_DAYS} or more, or 0 to keep all")


def is_postgres(url: str) -> bool:
    return url.startswith(("postgresql://", "postgres://"))


def hold_queue_to_rules(key: str, queue: QueueRules) -> None:
    entries = {choice.id: choice for choice in SHIPPED}
    for name in (*queue.menu.off, *queue.menu.words):
        one_of(f"{key}.menu", name, (*entries, "leave", CALLBACK))
    for why in queue.departures:
        one_of(f"{key}.departures", why, tuple(Departure))
    taken = {choice.digit: choice.id for choice in SHIPPED if choice.digit and choice.id not in queue.menu.off}
    if queue.menu.leave in taken:
        raise ConfigError(
            f"{key}.menu.leave", f"{queue.menu.leave!r} is the key for {taken[queue.menu.leave]}; free is 6"
        )
    if queue.menu.leave and queue.menu.leave not in "0123456789*#":
        raise ConfigError(f"{key}.menu.leave", f"{queue.menu.leave!r} is no key of a telephone")
    if queue.callback.offer:
        hold_callback_to_rules(key, queue, taken)
    if queue.silence_limit < DOCUMENT:
        raise ConfigError(
            f"{key}.silence_limit", f"{queue.silence_limit:g} is shorter than a document; at least {DOCUMENT:g}"
        )


def hold_callback_to_rules(key: str, queue: QueueRules, taken: Mapping[str, str]) -> None:
    digit = queue.callback.key
    if len(digit) != 1 or digit not in "0123456789":
        raise ConfigError(f"{key}.callback.key", f"{digit!r} will not do: one key, 0 to 9")
    owner = "leave" if digit == queue.menu.leave else taken.get(digit)
    if owner:
        raise ConfigError(
            f"{key}.callback.key", f"{digit!r} is the key for {owner}; take another, or free one by menu.off"
        )


def one_of(key: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        close = difflib.get_close_matches(value, known, 1, 0.5)
        raise ConfigError(
            key, f"{value!r} will not do: " + (f"did you mean {close[0]}?" if close else f"one of {', '.join(known)}")
        )


def is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def shipped(name: str) -> Path:
    """A folder that ships with the package: inside the wheel, or at the top of an editable checkout."""
    inside = PACKAGE / "shipped" / name
    return inside if inside.is_dir() else PACKAGE.parent / name


def load(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read file, queue files beside it and environment; raise `ConfigError` that names the key at fault."""
    environ = os.environ if environ is None else environ
    path = path or shipped("config") / "holdsvc.toml"
    tree = read_toml(path)
    refuse_secrets(tree, path)
    refuse_passwords(tree, path)
    queues = cast(dict[str, object], tree.setdefault("queues", {}))
    folder = path.parent / "queues"
    for file in sorted(folder.glob("*.toml")) if folder.is_dir() else ():
        queues.setdefault(file.stem, read_toml(file))
    for variable in sorted(environ):
        # Without two underscores it is somebody else's: container platforms make HOLDSVC_PORT for a service of our name.
        if variable.startswith(PREFIX) and "__" in variable:
            put_variable(tree, variable, environ)
    settings = cast(Settings, convert(tree, Settings, ""))
    hold_to_rules(settings)
    return settings


def read_toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            "", f"there is no configuration file {path}; give one with --config, or none for the defaults"
        ) from None
    except OSError as error:
        raise ConfigError("", f"the configuration file {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError("", f"{path} is not UTF-8 text (byte {error.start})") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("", f"{path} is not valid TOML: {error}") from error


def refuse_secrets(tree: Mapping[str, object], path: Path) -> None:
    for pattern in SECRETS:
        for key in matching(tree, pattern.split("."), ()):
            variable = PREFIX + "__".join(key).upper()
            raise ConfigError(
                ".".join(key), f"secrets do not belong into {path.name}; set {variable} or {variable}_FILE"
            )


def refuse_passwords(tree: Mapping[str, object], path: Path) -> None:
    """An address may hold one, and a file may be shown to anybody."""
    for section in ("store", "ledger"):
        within = tree.get(section)
        url = within.get("url") if isinstance(within, Mapping) else None
        if isinstance(url, str) and ":" in url.rpartition("@")[0].partition("://")[2]:
            variable = f"{PREFIX}{section}__url".upper()
            why = f"a password does not belong into {path.name}; set {variable} or {variable}_FILE to the whole address"
            raise ConfigError(f"{section}.url", why)


def matching(tree: object, pattern: list[str], above: tuple[str, ...]) -> list[tuple[str, ...]]:
    if not pattern:
        return [above]
    if not isinstance(tree, Mapping):
        return []
    names = list(tree) if pattern[0] == "*" else [name for name in tree if name == pattern[0]]
    return [key for name in names for key in matching(tree[name], pattern[1:], (*above, name))]


def put_variable(tree: dict[str, object], variable: str, environ: Mapping[str, str]) -> None:
    """Lay one variable over the file's values; `..._FILE` names a file that holds the value."""
    value, name = environ[variable], variable.removeprefix(PREFIX)
    if name.endswith("_FILE"):
        name, value = name.removesuffix("_FILE"), secret_file(variable, value)
        if PREFIX + name in environ:
            raise ConfigError(variable, f"is set together with {PREFIX}{name}; set one of them")
    *levels, last = name.lower().split("__")
    if not levels:
        raise ConfigError(variable, "is no setting: two underscores part the levels, as in HOLDSVC_SERVICE__PORT")
    here = tree
    for level in levels:
        inner = here.setdefault(level, {})
        if not isinstance(inner, dict):
            raise ConfigError(variable, f"{level} is a value, not a section")
        here = inner
    here[last] = value


def secret_file(variable: str, name: str) -> str:
    try:
        value = Path(name).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(variable, f"the file {name} cannot be read: {reason}") from error
    if not value:
        raise ConfigError(variable, f"the file {name} is empty; put the secret into it, or unset the variable")
    return value


def convert(value: object, kind: object, key: str) -> object:
    """Turn what file and environment say into the settings' types, naming the key at fault."""
    if isinstance(kind, type) and issubclass(kind, Struct):
        return convert_section(value, kind, key)
    if get_origin(kind) is Mapping and isinstance(value, Mapping):
        inner = get_args(kind)[1]
        return {name: convert(one, inner, f"{key}.{name}") for name, one in value.items()}
    written = isinstance(value, str)  # a variable has no other types
    if get_origin(kind) is tuple and isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if get_origin(kind) in (types.UnionType, Union) and value in ("", "none"):
        value = None
    try:
        return msgspec.convert(value, cast(type, kind), strict=not written)
    except msgspec.ValidationError as error:
        raise ConfigError(key, f"{shown(value, key)} will not do: {plainly(str(error))}") from None


def convert_section(value: object, kind: type[Struct], key: str) -> Struct:
    if not isinstance(value, Mapping):
        raise ConfigError(key, f"{shown(value, key)} will not do: this is a section with keys of its own")
    hints = {one.name: one.type for one in msgspec.structs.fields(kind)}
    for name in value:
        if name not in hints:
            close = difflib.get_close_matches(str(name), list(hints), 1, 0.5)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(hints)}"
            raise ConfigError(f"{key}.{name}".lstrip("."), f"there is no such key; {hint}")
    return kind(**{name: convert(one, hints[name], f"{key}.{name}".lstrip(".")) for name, one in value.items()})


def shown(value: object, key: str) -> str:
    """A value for a message; nothing that might be a secret."""
    if any(matching_key(key, pattern) for pattern in SECRETS):
        return "what is set"
    text = repr(value)
    return text if len(text) < 40 else f"{text[:36]}…"


def matching_key(key: str, pattern: str) -> bool:
    """Whether the key is a secret, lies in one, or holds one."""
    pairs = zip(key.split("."), pattern.split("."), strict=False)
    return all(wanted in ("*", name) for name, wanted in pairs)


def plainly(message: str) -> str:
    return message.replace("`", "").replace("Expected ", "expected ")
