"""A caller's pseudonym: the same for the same number, of no use to whoever lacks the key.

Numbers are few enough to try them all, so a plain hash would hide nothing: the key is what hides.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from holdsvc.calls.model import CallerId, PhoneNumber
from holdsvc.errors import ConfigError

KEY_BYTES = 32
SHOWN = 32  # hex digits, 128 bits: two callers never share one
PURPOSE = b"holdsvc caller 1:"  # so that the key, used elsewhere one day, gives other values there


class Pseudonyms:
    """Holds the key and shows it to nobody."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        if len(key) < KEY_BYTES:
            raise ConfigError("callers.key", f"the key for pseudonyms needs {KEY_BYTES} bytes, this one has {len(key)}")
        self._key = key

    def of(self, number: PhoneNumber) -> CallerId:
        digest = hmac.digest(self._key, PURPOSE + number.e164.encode("utf-8", "surrogatepass"), "sha256")
        return CallerId(digest.hex()[:SHOWN])

    def __repr__(self) -> str:
        return "Pseudonyms(…)"


def _fresh() -> bytes:
    return secrets.token_bytes(KEY_BYTES)


def key_from(path: Path, fresh: Callable[[], bytes] = _fresh) -> bytes:
    """The key that stands in the file; makes file and key where there is none, readable by us alone.

    Of two processes that come at the same time, one makes the key and both use it. A damaged file is never replaced: with
    another key every caller would be a stranger.
    """
    try:
        if not path.exists():
            _make(path, fresh())
        text = path.read_text("ascii")
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a key"
        raise ConfigError("callers.key", f"the key file {path} cannot be used: {reason or error}") from error
    return _read(path, text)


def key_for(path: Path, secret: str = "") -> bytes:
    """Made of the secret that all processes share, where there is one; else it stands in the file."""
    return hmac.digest(secret.encode(), b"holdsvc " + path.name.encode(), "sha256") if secret else key_from(path)


def _read(path: Path, text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) < KEY_BYTES:
        raise ConfigError(
            "callers.key", f"the key file {path} is damaged; restore it, or remove it to forget who called"
        )
    return key


def _make(path: Path, key: bytes) -> None:
    """Written aside and linked, so that a crash leaves the whole file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(key.hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        _place(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def _place(aside: Path, path: Path) -> None:
    try:
        path.hardlink_to(aside)
    except FileExistsError:
        return  # somebody else was first: theirs counts
    except OSError:
        aside.replace(path)  # a file system without links
    with contextlib.suppress(OSError):  # not every system lets a folder be synced
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
