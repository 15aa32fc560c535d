"""The wait log of a shared store in the embedded file: the same tables as the embedded store's, so that every report reads both."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from holdsvc.calls.model import CallerId, CallRef
from holdsvc.calls.record import WaitRecord
from holdsvc.errors import HoldsvcError
from holdsvc.ports import Ended, WaitQuery
from holdsvc.stores import erasure, ledger, rows, tally
from holdsvc.stores.erasure import anonymous
from holdsvc.stores.lock import FileLock
from holdsvc.stores.mover import FIRST, Entry, Placed
from holdsvc.stores.writer import Writer, transaction

# Several versions of a call come at once, so that the last one stands.
SESSIONS = replace(rows.SESSIONS, then=rows.SESSIONS.then.partition(" WHERE ")[0])

T = TypeVar("T")


class SqliteLog:
    """For one process; another one that wants the same file is refused."""

    def __init__(self, path: Path, synchronous: str = "FULL") -> None:
        self._path = path
        self._lock = FileLock(path.with_suffix(".lock"))
        self._writer = Writer(path, synchronous)

    async def open(self) -> None:
        self._lock.take()
        try:
            await asyncio.to_thread(self._writer.start)
        except BaseException:
            self._lock.release()
            raise

    async def close(self) -> None:
        await asyncio.to_thread(self._writer.stop)
        self._lock.release()

    async def positions(self) -> Mapping[int, str]:
        return await self._do(positions)

    async def keep(self, placed: Sequence[Placed]) -> Mapping[int, str]:
        return await self._do(transaction(partial(move, placed)))

    async def forget(self, caller: CallerId) -> int:
        erased = await self._do(transaction(partial(erasure.erase, caller=caller)))
        await self._do(erasure.overwrite)
        return erased.waits

    async def waits(self, query: WaitQuery) -> Sequence[WaitRecord]:
        return await asyncio.to_thread(ledger.find, self._path, query)

    async def ended_since(self, moment: datetime, edges: Sequence[float]) -> Mapping[Ended, int]:
        return await asyncio.to_thread(ledger.ended_since, self._path, moment, edges)

    async def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def told(result: object, error: HoldsvcError | None) -> None:
            if error is not None:
                loop.call_soon_threadsafe(done.set_exception, error)
            else:
                loop.call_soon_threadsafe(done.set_result, result)  # type: ignore[arg-type]

        self._writer.do(work, told)
        return await done


class Known(Struct):
    """What SQL holds of a call."""

    number: int
    version: int
    facts: int
    forgotten: bool


class Draft:
    """One transaction's rows."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        (self._last,) = db.execute("SELECT coalesce(max(id), 0) FROM sessions").fetchone()
        self._known: dict[CallRef, Known] = {}
        self._sessions: dict[int, rows.Row] = {}
        self._waits: dict[int, rows.Row] = {}
        self._facts: list[rows.Row] = []
        self._numbers: dict[CallerId, rows.Row] = {}
        self._sums: dict[tally.Key, float] = {}

    def take(self, entry: Entry) -> None:
        if entry.caller is not None and entry.number:
            self._numbers[entry.caller] = (entry.caller, entry.number)
        session = entry.session
        if session is None:
            return
        known = self._of(session.ref)
        known.forgotten = known.forgotten or entry.forgotten
        if known.forgotten:
            session = anonymous(session)
        # A version that is there already belongs to a Redis that lost its own and began anew: the facts count all the same.
        known.version = max(session.version, known.version + 1)
        known.facts += len(entry.facts)
        session = replace(session, version=known.version)
        self._sessions[known.number] = rows.session_row(known.number, session, known.facts, known.forgotten)
        self._facts += rows.fact_rows(known.number, known.version, entry.facts)
        wait = rows.wait_row(known.number, session)
        if wait is not None:
            self._waits[known.number] = wait
        tally.add(self._sums, tally.changes(session.ref.platform, entry.facts))

    def write(self) -> None:
        for table, some in (
            (SESSIONS, list(self._sessions.values())),
            (rows.FACTS, self._facts),
            (rows.WAITS, list(self._waits.values())),
            (rows.NUMBERS, list(self._numbers.values())),
            (rows.TOTALS, [(*key, value) for key, value in self._sums.items()]),
        ):
            if some:
                rows.write(self._db, table, some)

    def _of(self, ref: CallRef) -> Known:
        known = self._known.get(ref)
        if known is None:
            found = self._db.execute(
                "SELECT id, version, facts, forgotten FROM sessions WHERE platform = ? AND call = ?",
                (ref.platform, ref.call),
            ).fetchone()
            if found is None:
                self._last += 1
                found = (self._last, 0, 0, 0)
            known = self._known[ref] = Known(found[0], found[1], found[2], bool(found[3]))
        return known


def move(placed: Sequence[Placed], db: sqlite3.Connection) -> Mapping[int, str]:
    reached = dict(positions(db))
    draft = Draft(db)
    for one in placed:
        if number_of(one.id) <= number_of(reached.get(one.part, FIRST)):
            continue
        reached[one.part] = one.id
        if one.entry is not None:
            draft.take(one.entry)
    draft.write()
    db.executemany(
        "INSERT INTO moved VALUES (?, ?) ON CONFLICT (part) DO UPDATE SET last = excluded.last", reached.items()
    )
    return reached


def positions(db: sqlite3.Connection) -> Mapping[int, str]:
    return dict(db.execute("SELECT part, last FROM moved").fetchall())


def number_of(id: str) -> tuple[int, int]:
    milliseconds, _, number = id.partition("-")
    return int(milliseconds), int(number)
