"""Name in the configuration -> adapter; one line per adapter."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TypeVar, cast

from msgspec import Struct, field
from msgspec.structs import replace

from holdsvc.callers.http_json import HttpJsonDirectory, HttpJsonSettings
from holdsvc.callers.table import TableDirectory
from holdsvc.calls.telling import KINDS, Subscriber
from holdsvc.clock import Clock, SystemClock
from holdsvc.config import (
    DirectorySettings,
    Settings,
    SubscriberSettings,
    SynthesiserSettings,
    convert_section,
    is_postgres,
)
from holdsvc.content.fetch import Fetcher
from holdsvc.content.keeper import Source
from holdsvc.content.sources import Sources
from holdsvc.content.subscriptions import Subscriptions
from holdsvc.engine.outbound import Outbound
from holdsvc.engine.personal import fields_of
from holdsvc.engine.webhook import Webhook, secret_of
from holdsvc.errors import ConfigError
from holdsvc.platforms.audiosocket import AudioSocket
from holdsvc.platforms.twilio import Twilio
from holdsvc.ports import Directory, Fellows, Ledger, LinePlatform, Numbers, Platform, Store, Synthesiser
from holdsvc.speech.recognise.kinds import NONE
from holdsvc.speech.speak.command import CommandSettings, CommandSynthesiser
from holdsvc.speech.workers import Limits, Workers, command_of
from holdsvc.stores.ledger import SqliteLedger
from holdsvc.stores.memory import MemoryStore
from holdsvc.stores.mover import SqlLog
from holdsvc.stores.redis import RedisStore
from holdsvc.stores.redis_fellows import RedisFellows
from holdsvc.stores.redis_link import ANSWER, Link, Replicas, connect
from holdsvc.stores.sqlite import SqliteStore
from holdsvc.stores.sqlite_log import SqliteLog
from holdsvc.stores.turns import MoverInTurns

T = TypeVar("T")


class TwilioSettings(Struct, frozen=True, forbid_unknown_fields=True):
    auth_token: str = ""
    previous_auth_token: str = ""  # valid as well, while you rotate
    shared_keys: Mapping[str, str] = field(default_factory=dict)  # name -> secret


def twilio(section: Mapping[str, object], more_tokens: tuple[str, ...], insecure: bool) -> Twilio:
    given = cast(TwilioSettings, convert_section(section, TwilioSettings, "platforms.twilio"))
    tokens = (given.auth_token, given.previous_auth_token, *more_tokens)
    return Twilio(tuple(token for token in tokens if token), given.shared_keys, insecure)


class NoSettings(Struct, frozen=True, forbid_unknown_fields=True):
    pass


def audiosocket(section: Mapping[str, object], more_tokens: tuple[str, ...], insecure: bool) -> AudioSocket:
    convert_section(section, NoSettings, "platforms.audiosocket")
    return AudioSocket()


# Each takes its own section of the settings, tokens that are valid beside those in it, and whether to skip the check.
PLATFORMS: Mapping[str, Callable[[Mapping[str, object], tuple[str, ...], bool], Platform]] = {
    "twilio": twilio,
    "audiosocket": audiosocket,
}
STREAM_ONLY = frozenset({"audiosocket"})  # whose calls have a live stream and no documents
PHONE_PLATFORM = "twilio"  # whose caller the browser phone is

Committed = Callable[[float], None]  # told the seconds of each commit
Away = Callable[[str, bool], None]  # told which part is away, and when it is back


def shared(settings: Settings, committed: Committed, clock: Clock, away: Away) -> Store:
    """Live state in Redis, the wait log in PostgreSQL or in a file of ours."""
    replicas = Replicas(settings.store.wait_replicas, settings.store.wait_seconds)
    link = Link(connect(settings.store.url), replicas, ANSWER)
    fellows = RedisFellows(link)
    log, heard = wait_log(settings), partial(away, "ledger")
    if is_postgres(settings.ledger.url):
        mover = MoverInTurns(link, log, lambda: fellows.leads, on_away=heard, led=lambda: fellows.led)
    else:
        mover = MoverInTurns(link, log, on_away=heard)
    return RedisStore(link, mover, committed, clock.monotonic, fellows=fellows)


def fellows(store: Store) -> Fellows | None:
    """The way to the processes that serve the same calls, where there may be any."""
    return store.fellows if isinstance(store, RedisStore) else None


def embedded(settings: Settings, committed: Committed, clock: Clock, away: Away) -> Store:
    return SqliteStore(database(settings), on_commit=committed, clock=clock, synchronous=settings.store.synchronous)


STORES: Mapping[str, Callable[[Settings, Committed, Clock, Away], Store]] = {
    "memory": lambda settings, committed, clock, away: MemoryStore(),
    "sqlite": embedded,
    "redis": shared,
    "rediss": shared,
    "redis+sentinel": shared,
    "rediss+sentinel": shared,
    "redis+cluster": shared,
    "rediss+cluster": shared,
}


def is_shared(settings: Settings) -> bool:
    """Other processes serve the same calls, or may."""
    return settings.store.url.partition(":")[0].startswith("redis")


def wait_log(settings: Settings) -> SqlLog:
    """Where the log of a shared store goes."""
    if is_postgres(settings.ledger.url):
        return cast(SqlLog, postgres("log").PostgresLog(settings.ledger.url))
    return SqliteLog(database(settings), settings.store.synchronous)


def ledger(settings: Settings, url: str = "") -> AbstractContextManager[Ledger]:
    """The wait log to be read: the one of the settings, or the one that is named."""
    url = url or ledger_url(settings)
    if is_postgres(url):
        return cast(AbstractContextManager[Ledger], postgres("ledger").PostgresLedger(url))
    return SqliteLedger(file_at(url, settings))


def postgres(part: str) -> ModuleType:
    try:
        return import_module(f"holdsvc.stores.postgres_{part}")
    except ModuleNotFoundError as error:
        why = "a wait log in PostgreSQL needs one more package: pip install 'holdsvc[postgres]'"
        raise ConfigError("ledger.url", why) from error


def ledger_url(settings: Settings) -> str:
    """The embedded store keeps its log itself; beside a shared one, `ledger.url` says where it is."""
    return settings.store.url if settings.store.url.startswith("sqlite:") else settings.ledger.url


def database(settings: Settings) -> Path:
    """The file of the wait log."""
    return file_at(ledger_url(settings), settings)


def file_at(url: str, settings: Settings) -> Path:
    if not url.startswith("sqlite:"):
        kind = url.partition(":")[0]
        raise ConfigError("ledger.url", f"{kind!r} is not known; there is sqlite: and postgresql:")
    named = url.removeprefix("sqlite:").removeprefix("//")
    return Path(named).expanduser() if named else settings.data_dir / "holdsvc.sqlite3"


# Each takes its name, its settings and, last, the fields that updates of callers' own want beside those of a contact.
DIRECTORIES: Mapping[str, Callable[[str, DirectorySettings, Numbers, Outbound, tuple[str, ...]], Directory]] = {
    "table": lambda name, given, numbers, outbound, more: TableDirectory(
        Path(given.path), numbers, name=name, more=more
    ),
    "http": lambda name, given, numbers, outbound, more: HttpJsonDirectory(
        http_json(given, more), outbound.get_json, numbers, name
    ),
}


def http_json(given: DirectorySettings, more: tuple[str, ...] = ()) -> HttpJsonSettings:
    settings = HttpJsonSettings(
        url=given.url,
        headers={given.secret_header: given.secret} if given.secret else {},
        records=given.records,
        number=given.number,
        more=more,
    )
    return replace(settings, fields={**settings.fields, **given.fields})


SYNTHESISERS: Mapping[str, Callable[[SynthesiserSettings], Synthesiser]] = {
    "command": lambda given: CommandSynthesiser(
        CommandSettings(given.command, given.voices, given.seconds, given.most_megabytes)
    ),
}


def synthesiser(settings: Settings) -> Synthesiser | None:
    """What speaks texts, where there is one."""
    given = settings.synthesiser
    make = pick(SYNTHESISERS, given.kind, "synthesiser.kind")
    return make(given) if given.command else None


def ears(settings: Settings, told: Callable[[bool], None] = lambda away: None) -> Workers | None:
    """Who understands spoken choices, where a recogniser is wanted; not started yet. `told` hears when it is away and back."""
    given = settings.speech
    if given.recogniser == NONE:
        return None
    return Workers(command_of(given.recogniser, given.model), Limits(workers=given.workers), told)


def sources(settings: Settings, outbound: Outbound, others: tuple[Source, ...] = ()) -> Sources:
    """Where content comes from outside. Those that will not do are left out; `holdsvc check` says why."""
    fetcher = Fetcher(outbound, settings.fetch.ports)
    subscriptions = Subscriptions(settings.data_dir)
    return Sources(settings.podcasts, settings.updates, subscriptions, fetcher, synthesiser(settings), others)


def pick(shelf: Mapping[str, T], name: str, key: str) -> T:
    found = shelf.get(name)
    if found is None:
        close = difflib.get_close_matches(name, list(shelf), 1, 0.5)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(shelf)}"
        raise ConfigError(key, f"{name!r} is not known; {hint}")
    return found


def platforms(settings: Settings, phone_token: str, insecure: bool) -> dict[str, Platform]:
    for name in settings.platforms:
        pick(PLATFORMS, name, f"platforms.{name}")
    return {
        name: make(
            settings.platforms.get(name, {}),
            (phone_token,) if phone_token and name == PHONE_PLATFORM else (),
            insecure,
        )
        for name, make in PLATFORMS.items()
    }


def announced(settings: Settings) -> LinePlatform | None:
    """The platform whose calls come over TCP, where that is switched on."""
    return AudioSocket() if settings.audiosocket.port else None


def store(
    settings: Settings,
    committed: Committed = lambda seconds: None,
    clock: Clock | None = None,
    away: Away = lambda part, is_so: None,
) -> Store:
    if settings.store.synchronous not in ("FULL", "NORMAL"):
        raise ConfigError("store.synchronous", f"{settings.store.synchronous!r} will not do: FULL or NORMAL")
    make = pick(STORES, settings.store.url.partition(":")[0], "store.url")
    return make(settings, committed, clock or SystemClock(), away)


def directories(settings: Settings, numbers: Numbers, outbound: Outbound) -> tuple[Directory, ...]:
    return tuple(
        pick(DIRECTORIES, given.kind, f"directories.{name}.kind")(
            name, given, numbers, outbound, fields_of(settings.personal)
        )
        for name, given in settings.directories.items()
    )


A_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")  # it stands in the store's keys


def subscribers(settings: Settings) -> tuple[Subscriber, ...]:
    """Who is told what."""
    found = []
    for name, given in settings.subscribers.items():
        key = f"subscribers.{name}"
        if not A_NAME.fullmatch(name):
            raise ConfigError(key, "this name will not do: small letters, digits, - and _, 40 at the most")
        for kind in given.tells:
            pick(dict.fromkeys(KINDS, ""), kind, f"{key}.tells")
        if given.most_age < 0:
            raise ConfigError(f"{key}.most_age", f"{given.most_age:g} will not do: seconds, or 0 for any age")
        age = timedelta(seconds=given.most_age) if given.most_age else None
        found.append(Subscriber(name, frozenset(given.tells), frozenset(given.queues), age))
    return tuple(found)


def webhooks(settings: Settings, clock: Clock) -> tuple[dict[str, Webhook], tuple[Outbound, ...]]:
    """The way to each, and the gates to be closed at the end: each has its own, so that none takes another's connections."""
    ways, gates = {}, []
    for name, given in settings.subscribers.items():
        if not given.url.startswith(("https://", "http://")):
            raise ConfigError(f"subscribers.{name}.url", "it begins with https://")
        gates.append(Outbound(settings.service.allow_outgoing))
        ways[name] = Webhook(given.url, signing(name, given), gates[-1].post, clock, name)
    return ways, tuple(gates)


def signing(name: str, given: SubscriberSettings) -> tuple[bytes, ...]:
    found = []
    for key, text in (("secret", given.secret), ("previous_secret", given.previous_secret)):
        try:
            found.append(secret_of(text))
        except ValueError as error:
            raise ConfigError(f"subscribers.{name}.{key}", str(error)) from error
    return tuple(secret for secret in found if secret)
