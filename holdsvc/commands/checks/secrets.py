"""Secrets: there, long enough, nobody's example, and read by nobody else. No message shows one."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from holdsvc import catalogue
from holdsvc.commands.checks.codes import Finding, finding
from holdsvc.commands.checks.scene import Scene
from holdsvc.config import PREFIX, Settings

SHORT_TOKEN = 20  # characters; 16 random bytes are 32 in hexadecimal
SHORT_SECRET = 16
VARIED = 5  # different characters, fewer than which nobody's chance has made
PLACEHOLDERS = (
    "changeme",
    "change-me",
    "change_me",
    "example",
    "password",
    "your-",
    "your_",
    "placeholder",
    "12345678",
)
WORDS = ("secret", "token", "test", "hush-hush", "auth_token", "api_token")
MOUNTED = Path("/run/secrets")  # where a container has them, for itself alone
FRESH = "make one: python -c 'import secrets; print(secrets.token_urlsafe(32))'"


def rules(scene: Scene) -> Iterator[Finding]:
    held = dict(secrets(scene.settings))
    yield from platforms(scene.settings)
    yield from strength(scene.settings, held)
    yield from repeated(held)
    yield from files(scene.environ)


def variable(key: str) -> str:
    return PREFIX + key.replace(".", "__").upper()


def secrets(settings: Settings) -> Iterator[tuple[str, str]]:
    yield "api.token", settings.api.token
    for name, section in settings.platforms.items():
        for key in ("auth_token", "previous_auth_token"):
            yield f"platforms.{name}.{key}", str(section.get(key) or "")
        shared = section.get("shared_keys")
        if isinstance(shared, Mapping):
            yield from ((f"platforms.{name}.shared_keys.{key}", str(value)) for key, value in shared.items())
    for name, directory in settings.directories.items():
        yield f"directories.{name}.secret", directory.secret
    for name, subscriber in settings.subscribers.items():
        yield f"subscribers.{name}.secret", subscriber.secret
        yield f"subscribers.{name}.previous_secret", subscriber.previous_secret


def platforms(settings: Settings) -> Iterator[Finding]:
    made = catalogue.platforms(settings, "", insecure=False)
    for name in (name for name, platform in made.items() if platform.steps):
        key = variable(f"platforms.{name}.auth_token")
        if not settings.platforms.get(name, {}).get("auth_token"):
            reached = bool(settings.service.public_url) or name in settings.platforms
            why = f"{name} has no secret: its hooks are answered 403"
            yield finding("HS-101" if reached else "HS-100", why, f"set {key} or {key}_FILE")
        elif not settings.service.public_url:
            why = f"{name} has a secret, but there is no service.public_url: what it signs cannot be checked"
            yield finding("HS-102", why, "set service.public_url to the https address that the platform calls")


def strength(settings: Settings, held: Mapping[str, str]) -> Iterator[Finding]:
    if settings.service.public_url and not settings.api.token:
        why = "there is a public URL and no api.token: API and wallboard are closed to everybody"
        yield finding("HS-103", why, "set HOLDSVC_API__TOKEN or HOLDSVC_API__TOKEN_FILE")
    for key, value in held.items():
        if not value:
            continue
        if value != value.strip():
            why = f"{key} begins or ends with white space, which the other side does not have"
            yield finding("HS-114", why, f"set {variable(key)} without it")
        if is_placeholder(value):
            yield finding("HS-108", f"{key} is a placeholder that anybody could guess", FRESH)
        elif key == "api.token" and len(value) < SHORT_TOKEN:
            yield finding("HS-106", f"api.token has fewer than {SHORT_TOKEN} characters and could be guessed", FRESH)
        elif key.startswith("platforms.") and len(value) < SHORT_SECRET:
            why = f"{key} has fewer than {SHORT_SECRET} characters; whoever guesses it can make calls up"
            yield finding("HS-107", why, "compare it with the one in the platform's console")


def is_placeholder(value: str) -> bool:
    word = value.strip().lower()
    return word in WORDS or any(part in word for part in PLACEHOLDERS) or len(set(word)) < min(VARIED, len(word))


def repeated(held: Mapping[str, str]) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for key, value in held.items():
        if not value:
            continue
        first = seen.setdefault(value, key)
        if first != key and key.endswith(".previous_auth_token"):
            why = f"{key} is the present token: there is nothing to rotate from"
            yield finding("HS-113", why, f"unset {variable(key)}, or set the old one")
        elif first != key:
            yield finding("HS-109", f"{first} and {key} are the same secret: who has one has both", FRESH)


def files(environ: Mapping[str, str]) -> Iterator[Finding]:
    for name in sorted(environ):
        if not (name.startswith(PREFIX) and name.endswith("_FILE") and "__" in name):
            continue
        path = Path(environ[name])
        if is_open(path) and not path.is_relative_to(MOUNTED):
            why = f"the file that {name} names may be read by everybody on this machine"
            yield finding("HS-110", why, f"chmod 600 {path}")


def is_open(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False
