"""The wait log of a shared store in PostgreSQL: the same tables as in the file, for any number of processes.

While the database is away nothing is lost: what is to be moved stays in Redis, and the service starts and serves without.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache, partial
from typing import TypeVar

from asyncpg import Connection

from holdsvc.calls.callback import Callback
from holdsvc.calls.model import CallerId
from holdsvc.calls.record import WaitRecord
from holdsvc.errors import ConfigError, StoreUnavailable, Unkeepable
from holdsvc.ports import CallbackQuery, Ended, WaitQuery
from holdsvc.stores import ageing, erasure, rows
from holdsvc.stores.dialect import POSTGRES, numbered
from holdsvc.stores.mover import Placed
from holdsvc.stores.moving import LAST_SESSION, POSITIONS, REACHED, Draft, Known, calls_of, fresh
from holdsvc.stores.postgres_ledger import PostgresLedger
from holdsvc.stores.postgres_link import AWAY, GREW, SCHEMA, connect, in_our_words, migrate, shown, transaction

REST = 0.5  # seconds after a connection that was not to be had, during which nobody tries
FAREWELL = 2.0  # seconds
ALONE = "LOCK TABLE moved IN SHARE ROW EXCLUSIVE MODE"  # one of all processes moves at a time; to read is free
CALLS = """
SELECT s.platform, s.call, s.id, s.version, s.facts, s.forgotten FROM sessions s
JOIN unnest($1::text[], $2::text[]) AS wanted(platform, call) ON s.platform = wanted.platform AND s.call = wanted.call"""
NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")  # as JSON writes it
UNREADABLE = "\ufffd"

T = TypeVar("T")
log = logging.getLogger(__name__)


class PostgresLog:
    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Connection | None = None
        self._turn = asyncio.Lock()
        self._rests_until = 0.0
        self._serving = False

    async def open(self) -> None:
        """A database that is away is come back to; one that will not have us refuses the start."""
        try:
            await self._do(positions)
        except StoreUnavailable as error:
            log.warning("log_away", extra={"where": shown(self._url), "reason": str(error), "kept": "in Redis"})
        self._serving = True

    async def close(self) -> None:
        async with self._turn:
            await self._part()

    async def positions(self) -> Mapping[int, str]:
        return await self._do(positions)

    async def keep(self, placed: Sequence[Placed]) -> Mapping[int, str]:
        return await self._do(partial(move, placed))

    async def forget(self, caller: CallerId) -> int:
        waits = await self._do(partial(erase, caller))
        async with self._turn:
            await self._wipe()
        return waits

    async def let_go(self, before: datetime, most: int) -> int:
        return await self._do(partial(let_go, before.timestamp(), most))

    async def waits(self, query: WaitQuery) -> Sequence[WaitRecord]:
        return await self._read(lambda ledger: list(ledger.waits(query)))

    async def callbacks(self, query: CallbackQuery) -> Sequence[Callback]:
        return await self._read(lambda ledger: ledger.callbacks(query))

    async def ended_since(self, moment: datetime, edges: Sequence[float]) -> Mapping[Ended, int]:
        return await self._read(lambda ledger: ledger.ended_since(moment, edges))

    async def _read(self, ask: Callable[[PostgresLedger], T]) -> T:
        """By a connection of its own, so that a long answer holds nothing up."""
        self._check_rest()

        def read() -> T:
            with self._only_away(), PostgresLedger(self._url) as ledger:
                return ask(ledger)

        return await asyncio.to_thread(read)

    @contextmanager
    def _only_away(self) -> Iterator[None]:
        """Once we serve, a database that will not have us any more is one that is away."""
        try:
            yield
        except ConfigError as error:
            if self._serving:
                raise StoreUnavailable(str(error)) from error
            raise

    async def _do(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        async with self._turn:
            connection = await self._connected()
            try:
                with in_our_words(self._url):
                    async with transaction(connection):
                        return await work(connection)
            except Unkeepable:
                raise
            except (StoreUnavailable, asyncio.CancelledError):
                await self._part()
                raise

    async def _connected(self) -> Connection:
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        self._check_rest()
        try:
            with self._only_away():
                connection = await connect(self._url)
                try:
                    await migrate(connection, self._url)
                except BaseException:
                    connection.terminate()
                    raise
        except StoreUnavailable:
            self._rests_until = asyncio.get_running_loop().time() + REST
            raise
        self._connection = connection
        return connection

    def _check_rest(self) -> None:
        if asyncio.get_running_loop().time() < self._rests_until:
            raise StoreUnavailable("PostgreSQL was not to be had just now")

    async def _part(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await connection.close(timeout=FAREWELL)
            except AWAY:
                connection.terminate()

    async def _wipe(self) -> None:
        """The old rows are gone for every question; this frees the room they have on the disk, as far as nobody reads them."""
        try:
            with in_our_words(self._url):
                connection = await self._connected()
                tables = ", ".join(f"{SCHEMA}.{table}" for table in erasure.TABLES)
                await connection.execute(f"VACUUM {tables}", timeout=GREW)
        except StoreUnavailable as error:
            log.warning(
                "log_not_vacuumed", extra={"reason": str(error), "then": "the database does so by itself, later"}
            )


async def positions(connection: Connection) -> dict[int, str]:
    return dict(await connection.fetch(POSITIONS))


async def move(placed: Sequence[Placed], connection: Connection) -> Mapping[int, str]:
    await connection.execute(ALONE)
    reached = await positions(connection)
    entries = fresh(placed, reached)
    refs = {(ref.platform, storable(ref.key)): ref for ref in calls_of(entries)}
    found = await connection.fetch(CALLS, [platform for platform, _ in refs], [call for _, call in refs])
    known = {refs[platform, call]: Known(*one) for platform, call, *one in found}
    draft = Draft(await connection.fetchval(LAST_SESSION), known, await connection.fetchval(ageing.LAST))
    for entry in entries:
        draft.take(entry)
    for table, some in (*draft.rows(), (REACHED, list(reached.items()))):
        await connection.executemany(insert(table), [tuple(map(storable, row)) for row in some])
    return reached


async def let_go(before: float, most: int, connection: Connection) -> int:
    await connection.execute(ALONE)
    old = await connection.fetch(numbered(ageing.OLD), before, before, most)
    if not old:
        return 0
    those = rows.write_json([session for session, _ in old]).decode()
    found = [tuple(row) for sql in ageing.questions(POSTGRES) for row in await connection.fetch(numbered(sql), those)]
    await connection.executemany(insert(rows.TOTALS), ageing.sums(found))
    await connection.execute(insert(ageing.MOVED_ON), ageing.BEFORE, "", "", "", old[-1][1])
    for sql in ageing.deletions(POSTGRES):
        await connection.execute(numbered(sql), those)
    return len(old)


@cache
def insert(table: rows.Table) -> str:
    columns, values = list(table.columns), [f"${n}" for n, _ in enumerate(table.columns, 1)]
    if table.counted:
        columns.append(table.counted)
        # S608: every word of the statement is a constant of ours
        values.append(f"(SELECT coalesce(max({table.counted}), 0) + 1 FROM {table.name})")  # noqa: S608
    return f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({', '.join(values)}) {table.then}"  # noqa: S608


def storable(value: rows.Value) -> rows.Value:
    """PostgreSQL has no text with a NUL in it, plain or as JSON writes it."""
    if isinstance(value, str) and ("\0" in value or "\\u0000" in value):
        return NUL.sub(rf"\1{UNREADABLE}", value).replace("\0", UNREADABLE)
    return value


async def erase(caller: CallerId, connection: Connection) -> int:
    await connection.execute(ALONE)
    waits = 0
    for number, blob in await connection.fetch(numbered(erasure.CALLS_OF), caller):
        session = erasure.erased(rows.unpack_session(blob))
        await connection.execute(numbered(erasure.SESSION), session.version, rows.pack(session), number)
        done = await connection.execute(numbered(erasure.WAIT), number)
        waits += int(done.rpartition(" ")[2])
    blobs = [blob for (blob,) in await connection.fetch(numbered(erasure.CALLBACKS_OF), caller)]
    for table, some in zip((rows.CALLBACKS, rows.TOTALS), erasure.without(blobs, None), strict=True):
        await connection.executemany(insert(table), [tuple(map(storable, row)) for row in some])
    for sql in erasure.OTHERS:
        await connection.execute(numbered(sql), caller)
    return waits
