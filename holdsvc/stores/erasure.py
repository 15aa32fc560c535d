"""Forgetting a caller. The wait stays counted; who waited is gone, from the rows and from the bytes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from holdsvc.calls import callback
from holdsvc.calls.model import CallerId, CallRef
from holdsvc.calls.session import HoldSession
from holdsvc.stores import rows
from holdsvc.stores.callbacks import counted

# In words that both databases take.
CALLS_OF = "SELECT id, session FROM sessions WHERE caller = ?"
SESSION = "UPDATE sessions SET version = ?, caller = NULL, forgotten = TRUE, session = ? WHERE id = ?"
WAIT = "UPDATE waits SET caller = NULL WHERE session = ?"
OTHERS = ("DELETE FROM profiles WHERE caller = ?", "DELETE FROM numbers WHERE caller = ?")
CALLBACKS_OF = "SELECT callback FROM callbacks WHERE caller = ?"
TABLES = ("sessions", "waits", "profiles", "numbers", "callbacks")  # in which something of a caller stands


class Erased(Struct, frozen=True):
    calls: tuple[CallRef, ...]
    waits: int


def anonymous(session: HoldSession) -> HoldSession:
    return replace(session, caller=None, masked="", contact=None, told_account="", past=(), remembered="", owed=())


def erased(session: HoldSession) -> HoldSession:
    """With a new version, so that a decision under way on the old one cannot bring the caller back."""
    return replace(anonymous(session), version=session.version + 1)


def erase(db: sqlite3.Connection, caller: CallerId, at: datetime | None = None) -> Erased:
    found = db.execute(CALLS_OF, (caller,)).fetchall()
    calls, waits = [], 0
    for number, blob in found:
        session = erased(rows.unpack_session(blob))
        db.execute(SESSION, (session.version, rows.pack(session), number))
        waits += db.execute(WAIT, (number,)).rowcount
        calls.append(session.ref)
    changed, sums = without((blob for (blob,) in db.execute(CALLBACKS_OF, (caller,)).fetchall()), at)
    rows.write(db, rows.CALLBACKS, changed)
    rows.write(db, rows.TOTALS, sums)
    for sql in OTHERS:
        db.execute(sql, (caller,))
    return Erased(tuple(calls), waits)


def without(blobs: Iterable[bytes], at: datetime | None) -> tuple[list[rows.Row], list[rows.Row]]:
    """The rows of a caller's call-backs without the person, and what that adds to the sums. What was owed is withdrawn; where
    nobody says when, as soon as it was asked for."""
    before = [rows.unpack_callback(blob) for blob in blobs]
    after = [callback.erased(one, at or one.asked) for one in before]
    changes = counted(gone for one, gone in zip(before, after, strict=True) if one.open)
    return [rows.callback_row(one) for one in after], [(*key, value) for key, value in changes]


def overwrite(db: sqlite3.Connection) -> bool:
    """Empty the write-ahead log, which still holds the erased pages. False where a reader needs it; then try again later."""
    (patience,) = db.execute("PRAGMA busy_timeout").fetchone()
    db.execute("PRAGMA busy_timeout = 0").fetchall()  # saves are waiting behind us
    try:
        busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        db.execute(f"PRAGMA busy_timeout = {patience}").fetchall()
    return not busy
