"""The wait log in PostgreSQL, read beside live services: a connection that can only read, and one snapshot."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Iterator, Sequence
from types import TracebackType
from typing import Any, TypeVar

from asyncpg import Connection

from holdsvc.calls.model import CallerId, PhoneNumber
from holdsvc.errors import ConfigError
from holdsvc.stores import rows
from holdsvc.stores.dialect import POSTGRES, numbered
from holdsvc.stores.ledger import AT_ONCE, Columns, SqlLedger
from holdsvc.stores.postgres_link import SCHEMA, applied, connect, in_our_words, shown
from holdsvc.stores.schema import LATEST

LONGEST = 600.0  # seconds that a question over the whole log may take
ROOM = "64MB"  # for sorting and grouping; with the server's usual 4 MB a long log goes by way of its disk

T = TypeVar("T")


class PostgresLedger(SqlLedger):
    """For a thread in which no loop runs. What cannot be read is `StoreUnavailable`."""

    put = POSTGRES

    def __init__(self, url: str) -> None:
        self._url = url

    def __enter__(self) -> PostgresLedger:
        self._loop = asyncio.new_event_loop()
        try:
            self._db: Connection = self._wait(connect(self._url))
        except BaseException:
            self._loop.close()
            raise
        try:
            self._wait(self._begin())
        except BaseException:
            self._part()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._part()

    async def _begin(self) -> None:
        await self._db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        version, oldest = await applied(self._db)
        if not version:
            why = f"there is no wait log in {shown(self._url)} yet; the first `holdsvc serve` makes it"
            raise ConfigError("ledger.url", why)
        if version < LATEST or oldest > LATEST:
            whose = "an older" if version < LATEST else "a newer"
            why = f"{shown(self._url)} was written by {whose} holdsvc; a start of the present one sees to it"
            raise ConfigError("ledger.url", why)
        await self._db.execute(f"SET LOCAL search_path = {SCHEMA}; SET LOCAL work_mem = '{ROOM}'")

    def _part(self) -> None:
        self._db.terminate()
        self._loop.run_until_complete(asyncio.sleep(0))  # the connection's end is heard
        self._loop.close()

    def _wait(self, work: Coroutine[Any, Any, T] | Awaitable[T]) -> T:
        with in_our_words(self._url):
            return self._loop.run_until_complete(as_coroutine(work))

    def _ask(self, sql: str, values: Sequence[rows.Value] = ()) -> Iterator[Columns]:
        cursor = self._wait(self._cursor(numbered(sql), values))
        while some := self._wait(cursor.fetch(AT_ONCE, timeout=LONGEST)):
            yield from map(tuple, some)

    def number(self, caller: CallerId) -> PhoneNumber | None:
        """Asked for every row of an export: one question and one answer."""
        found = self._wait(self._db.fetchval("SELECT number FROM numbers WHERE caller = $1", caller))
        return PhoneNumber(found) if found else None

    async def _cursor(self, sql: str, values: Sequence[rows.Value]) -> Any:  # Any: a cursor, which has no public type
        statement = await self._db.prepare(sql, timeout=LONGEST)
        return await statement.cursor(*values, timeout=LONGEST)


async def as_coroutine(work: Awaitable[T]) -> T:
    return await work
