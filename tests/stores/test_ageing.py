"""Waits that are older than they are to be kept leave the log, in either database; the audit holds, and no sum goes back."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdsvc.calls.record import WaitRecord
from holdsvc.calls.service_level import Target
from holdsvc.ports import WaitQuery
from holdsvc.reports.audit import audit
from holdsvc.reports.book import report
from holdsvc.reports.page import stamp
from holdsvc.reports.plays import Shelved
from holdsvc.stores.ledger import SqliteLedger
from holdsvc.stores.mover import Entry, SqlLog
from holdsvc.stores.postgres_ledger import PostgresLedger
from holdsvc.stores.postgres_log import PostgresLog
from holdsvc.stores.sqlite_log import SqliteLog
from tests.stores.calls import START, answered, held, opened, tell
from tests.stores.days import calls, moved
from tests.stores.postgres_server import new_database

WAITS = 300
CUT = START + timedelta(days=1, hours=7)
EVERYTHING = WaitQuery(most=10**9)


async def aged(log: SqlLog, entries: Sequence[Entry], before: datetime, at_once: int = 40) -> int:
    await log.open()
    await moved(log, entries)
    gone = 0
    while some := await log.let_go(before, at_once):
        assert some <= at_once
        gone += some
    await log.close()
    return gone


def old(wait: WaitRecord, newest: int, before: datetime) -> bool:
    return wait.row != newest and wait.began < before and wait.ended is not None and wait.ended < before


@pytest.mark.parametrize("kind", ["file", "PostgreSQL"])
def test_old_waits_are_gone_and_all_the_rest_is_as_it_was(tmp_path: Path, kind: str) -> None:
    entries = list(calls(WAITS))
    reads: type[SqliteLedger] | type[PostgresLedger] = SqliteLedger if kind == "file" else PostgresLedger
    writes: type[SqliteLog] | type[PostgresLog] = SqliteLog if kind == "file" else PostgresLog
    whole, cut = (tmp_path / name if kind == "file" else new_database() for name in ("whole", "cut"))
    asyncio.run(aged(writes(whole), entries, START - timedelta(days=1)))
    gone = asyncio.run(aged(writes(cut), entries, CUT))

    with reads(whole) as before, reads(cut) as after:
        all_waits = list(before.waits(EVERYTHING))
        leaving = [wait for wait in all_waits if old(wait, all_waits[-1].row, CUT)]
        assert 80 < gone == len(leaving) < WAITS
        assert list(after.waits(EVERYTHING)) == [wait for wait in all_waits if wait not in leaving]
        assert after.totals() == before.totals()
        assert (before.complete_after(), after.complete_after()) == (None, max(wait.began for wait in leaving))
        told, left = before.evidence(), after.evidence()
        assert (left.rows, left.ended, left.amended, left.came) == (told.rows, told.ended, told.amended, told.came)
        assert str(audit(after)).endswith("The law holds.")
        assert f"{WAITS} offered = " in str(audit(after))
        assert f"{gone} of these waits, and {left.facts_gone} facts, were counted and let go" in str(audit(after))
        made = report("waits", after, WaitQuery(until=CUT), Shelved({}), Target(), CUT)
        assert f"complete after {stamp(max(wait.began for wait in leaving))}" in made.period
        young = report("waits", after, WaitQuery(since=CUT), Shelved({}), Target(), CUT)
        assert "complete after" not in young.period
        assert sum(left.amended.values()) > 5


def test_what_somebody_else_deletes_still_shows(tmp_path: Path) -> None:
    file = tmp_path / "log.sqlite3"
    asyncio.run(aged(SqliteLog(file), list(calls(60)), CUT))
    with closing(sqlite3.connect(file)) as db, db:
        ((session,),) = db.execute("SELECT min(session) FROM waits").fetchall()
        for table, column in (("facts", "session"), ("waits", "session"), ("sessions", "id")):
            db.execute(f"DELETE FROM {table} WHERE {column} = ?", (session,))

    with SqliteLedger(file) as ledger:
        assert not audit(ledger).holds


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.floats(-1, 4), st.integers(1, 50), st.integers(0, 40))
def test_the_law_holds_whatever_goes_and_whatever_comes_then(
    tmp_path_factory: pytest.TempPathFactory, seed: int, days: float, at_once: int, more: int
) -> None:
    file = tmp_path_factory.mktemp("log") / "log.sqlite3"
    entries = list(calls(40, seed))
    asyncio.run(aged(SqliteLog(file), entries[:more], START + timedelta(days=days), at_once))
    asyncio.run(aged(SqliteLog(file), entries, START + timedelta(days=days), at_once))

    with SqliteLedger(file) as ledger:
        assert audit(ledger).differences == ()


async def test_an_embedded_store_lets_go_beside_its_calls_and_serves_on(path: Path) -> None:
    async with opened(path) as store:
        for n in range(30):
            await tell(store, f"CA{n}", held(n))
            if n % 3:
                await tell(store, f"CA{n}", answered(n + 50))
        before = await store.totals()

        assert await store.let_go(START + timedelta(days=1), 15) == 15
        assert await store.let_go(START + timedelta(days=1), 15) == 4, "one is the newest of all"
        assert await store.let_go(START + timedelta(days=1), 15) == 0

        assert await store.totals() == before
        assert len(await store.live()) == 10
        assert len(await store.waits(EVERYTHING)) == 11
        await tell(store, "CA0", answered(90))
        await tell(store, "CA1", held(200))  # of which the log knew, and does not any more
    async with opened(path) as store:
        assert (await store.totals()).offered == 31
    with SqliteLedger(path) as ledger:
        assert audit(ledger).differences == ()
