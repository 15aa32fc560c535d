"""The wait log of a shared store in the embedded file: the same tables as the embedded store's, so that every report reads both."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from holdsvc.calls.callback import Callback
from holdsvc.calls.model import CallerId, CallRef, parted
from holdsvc.calls.record import WaitRecord
from holdsvc.errors import HoldsvcError
from holdsvc.ports import CallbackQuery, Ended, WaitQuery
from holdsvc.stores import ageing, erasure, ledger, rows
from holdsvc.stores.dialect import SQLITE
from holdsvc.stores.lock import FileLock
from holdsvc.stores.mover import Placed
from holdsvc.stores.moving import LAST_SESSION, POSITIONS, REACHED, Draft, Known, calls_of, fresh
from holdsvc.stores.writer import Writer, transaction

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

    async def let_go(self, before: datetime, most: int) -> int:
        return len(await self._do(transaction(partial(let_go, before.timestamp(), most))))

    async def waits(self, query: WaitQuery) -> Sequence[WaitRecord]:
        return await asyncio.to_thread(ledger.find, self._path, query)

    async def callbacks(self, query: CallbackQuery) -> Sequence[Callback]:
        return await asyncio.to_thread(ledger.find_callbacks, self._path, query)

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


def move(placed: Sequence[Placed], db: sqlite3.Connection) -> Mapping[int, str]:
    reached = positions(db)
    entries = fresh(placed, reached)
    (last,) = db.execute(LAST_SESSION).fetchone()
    gone = db.execute(ageing.LAST).fetchone()
    there = {ref: found for ref in calls_of(entries) if (found := known(db, ref))}
    draft = Draft(last, there, gone[0] if gone else None)
    for entry in entries:
        draft.take(entry)
    for table, some in (*draft.rows(), (REACHED, list(reached.items()))):
        rows.write(db, table, some)
    return reached


def let_go(before: float, most: int, db: sqlite3.Connection) -> Sequence[CallRef]:
    """The calls that went."""
    old = db.execute(ageing.OLD, (before, before, most)).fetchall()
    if not old:
        return ()
    those = (rows.write_json([session for session, _ in old]).decode(),)
    gone = [CallRef(platform, *parted(call)) for platform, call in db.execute(ageing.calls(SQLITE), those).fetchall()]
    found = [row for sql in ageing.questions(SQLITE) for row in db.execute(sql, those).fetchall()]
    rows.write(db, rows.TOTALS, ageing.sums(found))
    rows.write(db, ageing.MOVED_ON, [(ageing.BEFORE, "", "", "", old[-1][1])])
    for sql in ageing.deletions(SQLITE):
        db.execute(sql, those)
    return gone


def known(db: sqlite3.Connection, ref: CallRef) -> Known | None:
    found = db.execute(
        "SELECT id, version, facts, forgotten FROM sessions WHERE platform = ? AND call = ?", (ref.platform, ref.key)
    ).fetchone()
    return Known(*found) if found else None


def positions(db: sqlite3.Connection) -> dict[int, str]:
    return dict(db.execute(POSITIONS).fetchall())
