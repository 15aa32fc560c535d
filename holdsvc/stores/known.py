"""What is known without asking the disk: the calls in hand, callers' profiles, sums and alarms. The rest is read by key."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec import MsgspecError, Struct
from msgspec.structs import replace

from holdsvc.calls.callback import Callback
from holdsvc.calls.callback import erased as erased_callback
from holdsvc.calls.model import CallerId, CallRef, PhoneNumber, Profile
from holdsvc.calls.session import HoldSession
from holdsvc.errors import StoreUnavailable
from holdsvc.stores import callbacks, rows, tally
from holdsvc.stores.alarms import Alarms
from holdsvc.stores.callbacks import Open
from holdsvc.stores.erasure import erased
from holdsvc.stores.lately import Lately
from holdsvc.stores.ledger import connect

log = logging.getLogger(__name__)

MOST_RECENT = 4_000  # calls that do not wait any more, at hand for their last webhooks
MOST_PROFILES = 4_000
CACHE = 250  # KiB of pages: each look-up is for one key, and what others write makes it void

READ_CALLBACKS = "SELECT callback FROM callbacks"
READ_SESSIONS = "SELECT id, facts, forgotten, session FROM sessions"


class Kept(Struct, frozen=True, gc=False):
    """What the file holds of a call."""

    number: int  # id of its row
    session: HoldSession
    facts: int
    forgotten: bool


class Known:
    def __init__(self, path: Path) -> None:
        self.waiting: dict[CallRef, Kept] = {}
        self.sums: dict[tally.Key, float] = {}
        self.alarms = Alarms(self._wake_at)
        self.open = Open()  # call-backs
        self._recent: Lately[CallRef, Kept | None] = Lately(MOST_RECENT)  # None: the file does not know the call
        self._profiles: Lately[CallerId, bytes] = Lately(MOST_PROFILES)  # as the file has them: a fifth of the value
        self._numbered: Lately[CallerId, None] = Lately(MOST_PROFILES)  # whose number is in the file
        self._db = connect(path)
        self._db.execute(f"PRAGMA cache_size = -{CACHE}").close()
        self._last_number = 0
        self._read_back()

    def _read_back(self) -> None:
        """The calls that wait, and the sums: what a restart needs at once, however long the log."""
        self._last_number = int(self._read("SELECT coalesce(max(id), 0) FROM sessions")[0][0])
        for row in self._read(f"{READ_SESSIONS} WHERE waiting"):
            try:
                self.keep(kept(row))
            except StoreUnavailable as error:  # one call that cannot be read must not keep all others from being served
                log.error("session_unreadable", extra={"number": row[0], "reason": str(error)})
        for (blob,) in self._read(f"{READ_CALLBACKS} WHERE ended IS NULL"):
            self.open.put(rows.unpack_callback(blob))
        for name, a, b, c, value in self._read("SELECT name, a, b, c, value FROM totals"):
            self.sums[name, a, b, c] = value

    def close(self) -> None:
        self._db.close()

    def _wake_at(self, ref: CallRef) -> datetime | None:
        known = self.waiting.get(ref)
        return known.session.wake_at if known else None

    def next_number(self) -> int:
        self._last_number += 1
        return self._last_number

    def call(self, ref: CallRef) -> Kept | None:
        known = self.waiting.get(ref)
        if known is not None or ref in self._recent:
            return known or self._recent[ref]
        found = self._read(f"{READ_SESSIONS} WHERE platform = ? AND call = ?", ref.platform, ref.key)
        if not found:
            self._recent[ref] = None
            return None
        self.keep(kept(found[0]))
        return self.call(ref)

    def keep(self, known: Kept) -> None:
        ref = known.session.ref
        if rows.is_waiting(known.session):
            self.waiting[ref] = known
            self._recent.pop(ref)
            self.alarms.set(ref, known.session.wake_at)
        else:
            self.waiting.pop(ref, None)
            self._recent[ref] = known

    def profile(self, caller: CallerId) -> Profile | None:
        if caller not in self._profiles:
            found = self._read("SELECT profile FROM profiles WHERE caller = ?", caller)
            self._profiles[caller] = found[0][0] if found and readable(found[0][0]) else b""
        packed = self._profiles[caller]
        return rows.unpack_profile(packed) if packed else None

    def keep_profile(self, caller: CallerId, packed: bytes) -> None:
        self._profiles[caller] = packed

    def has_number(self, caller: CallerId) -> bool:
        """A caller's pseudonym is made of the number, so that it never changes."""
        return caller in self._numbered

    def keep_number(self, caller: CallerId) -> None:
        self._numbered[caller] = None

    def callback(self, id: str) -> Callback | None:
        """An open one is at hand."""
        known = self.open.get(id)
        if known is not None:
            return known
        found = self._read(f"{READ_CALLBACKS} WHERE id = ?", id)
        return rows.unpack_callback(found[0][0]) if found else None

    def number(self, caller: CallerId) -> PhoneNumber | None:
        found = self._read("SELECT number FROM numbers WHERE caller = ?", caller)
        return PhoneNumber(found[0][0]) if found else None

    def let_go(self, calls: Iterable[CallRef]) -> None:
        """The file does not know them any more."""
        for ref in calls:
            self._recent.pop(ref)

    def forget(self, caller: CallerId, at: datetime | None) -> None:
        """The file has forgotten; so do we, in the very same way."""
        gone = [erased_callback(one, at or one.asked) for one in self.open.of(caller)]
        tally.add(self.sums, callbacks.counted(gone))
        for one in gone:
            self.open.put(one)
        self._profiles.pop(caller)
        self._numbered.pop(caller)
        for kept in [*self.waiting.values(), *self._recent.values()]:
            if kept is not None and kept.session.caller == caller:
                self.keep(replace(kept, session=erased(kept.session), forgotten=True))

    def _read(self, sql: str, *values: str) -> list[tuple[Any, ...]]:
        """Everything at once: a cursor left open would hold up the checkpoint."""
        try:
            return self._db.execute(sql, values).fetchall()
        except (sqlite3.Error, MsgspecError, ValueError) as error:
            raise StoreUnavailable(str(error)) from error


def readable(blob: bytes) -> bool:
    """A profile that cannot be read is as good as none: this caller is a stranger, and nobody else is held up."""
    try:
        rows.unpack_profile(blob)
    except (MsgspecError, ValueError) as error:
        log.error("profile_unreadable", extra={"reason": str(error), "heard": "what a new caller hears"})
        return False
    return True


def kept(row: tuple[Any, ...]) -> Kept:
    number, facts, forgotten, session = row
    try:
        return Kept(number, rows.unpack_session(session), facts, bool(forgotten))
    except MsgspecError as error:
        raise StoreUnavailable(f"session {number} cannot be read: {error}") from error
