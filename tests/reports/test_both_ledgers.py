"""The wait log in SQLite and in PostgreSQL: the same waits give the same reports, equal to the digit."""

from __future__ import annotations

import asyncio
import io
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, closing
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdsvc.calls.model import ContentId
from holdsvc.calls.service_level import Target
from holdsvc.ports import WaitQuery
from holdsvc.reports.audit import audit
from holdsvc.reports.book import TITLES, report
from holdsvc.reports.export import Form, export
from holdsvc.reports.plays import Shelved
from holdsvc.reports.show import as_json
from holdsvc.stores.ledger import SqliteLedger, SqlLedger
from holdsvc.stores.mover import Entry, SqlLog
from holdsvc.stores.postgres_ledger import PostgresLedger
from holdsvc.stores.postgres_log import PostgresLog
from holdsvc.stores.sqlite_log import SqliteLog
from tests.stores.calls import ITEMS, START
from tests.stores.days import QUEUES, calls, moved
from tests.stores.postgres_server import new_database, told

SHELF = Shelved({item.id: item for item in ITEMS}, territories={"billing": "CH"}, territory="DE")
NOW = START + timedelta(days=4)
WAITS = 2000
EVERYTHING = WaitQuery(most=10**9)
QUERIES = {
    "everything": EVERYTHING,
    "a queue": WaitQuery(queue=QUEUES[0], most=10**9),
    "a day": WaitQuery(START + timedelta(days=1), START + timedelta(days=2), most=10**9),
    "who waits": WaitQuery(outcome="waiting", most=10**9),
    "a page": WaitQuery(after=100, most=50),
    "nothing": WaitQuery(queue="nobody"),
}
Told = Mapping[str, object]


async def fill(log: SqlLog, entries: Sequence[Entry]) -> None:
    await log.open()
    await moved(log, entries)
    await log.close()


def told_by(opened: AbstractContextManager[SqlLedger], queries: Mapping[str, WaitQuery] = QUERIES) -> Told:
    """All that is ever asked of a log."""
    found: dict[str, object] = {}
    with opened as ledger:
        found["audit"] = str(audit(ledger))
        found["totals"] = ledger.totals()
        found["ended"] = ledger.ended_since(START + timedelta(hours=30, minutes=7), (10, 20, 60.5))
        for name, query in queries.items():
            for book in TITLES:
                found[f"{book} of {name}"] = as_json(report(book, ledger, query, SHELF, Target(), NOW))
            for item in ITEMS:
                late = ledger.heard_late(query, ContentId(item.id), START + timedelta(days=1))
                found[f"{item.id} late in {name}"] = late
            found[f"export of {name}"] = written(ledger, query)
    return found


def written(ledger: SqlLedger, query: WaitQuery) -> bytes:
    out = io.BytesIO()
    export(ledger.waits(query), Form.JSONL, out, ledger.number)
    return out.getvalue()


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    file, url = tmp_path_factory.mktemp("log") / "holdsvc.sqlite3", new_database()
    entries = list(calls(WAITS))
    asyncio.run(fill(SqliteLog(file), entries))
    asyncio.run(fill(PostgresLog(url), entries))
    return file, url


def test_every_report_the_audit_and_the_export_of_three_days_are_equal_to_the_digit(both: tuple[Path, str]) -> None:
    file, url = both

    ours, theirs = told_by(SqliteLedger(file)), told_by(PostgresLedger(url))

    assert [name for name in ours if ours[name] != theirs[name]] == []
    assert f"{WAITS} offered = " in str(theirs["audit"])
    assert str(theirs["audit"]).endswith("The law holds.")
    assert len(set(map(str, ours.values()))) > len(TITLES) * (len(QUERIES) - 1)  # not the same answer to all


def test_a_wait_that_differs_by_a_thousandth_of_a_second_shows(both: tuple[Path, str]) -> None:
    file, url = both
    ((row,),) = told(url, "SELECT min(row) FROM holdsvc.waits WHERE outcome = 'answered'")
    told(url, f"UPDATE holdsvc.waits SET seconds = seconds + 0.001 WHERE row = {row}")

    queries = {"everything": EVERYTHING}
    ours, theirs = told_by(SqliteLedger(file), queries), told_by(PostgresLedger(url), queries)

    differ = {name for name in ours if ours[name] != theirs[name]}
    assert {"waits of everything", "export of everything"} <= differ


DAMAGES = (
    "DELETE FROM waits WHERE call = 'CA00002'",
    "UPDATE waits SET outcome = 'failed' WHERE call = 'CA00003'",
    "DELETE FROM facts WHERE kind = 'WaitAmended'",
    "DELETE FROM facts WHERE n = 0 AND session = 4",
    "DELETE FROM sessions WHERE call = 'CA00005'",
    "UPDATE sessions SET waiting = NOT waiting WHERE call = 'CA00001'",
    "UPDATE totals SET value = value + 1 WHERE name = 'offered'",
)


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_audit_finds_the_same_fault_in_both(damage: str, tmp_path: Path) -> None:
    file, url = tmp_path / "holdsvc.sqlite3", new_database()
    entries = list(calls(40, seed=3))
    asyncio.run(fill(SqliteLog(file), entries))
    asyncio.run(fill(PostgresLog(url), entries))

    with closing(sqlite3.connect(file)) as db, db:
        db.execute(damage)
    told(url, f"SET search_path = holdsvc; {damage}")

    with SqliteLedger(file) as ours, PostgresLedger(url) as theirs:
        verdict = audit(ours)
        assert str(verdict) == str(audit(theirs))
        assert not verdict.holds


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32), st.integers(1, 30), st.sampled_from(["everything", "a queue", "a day", "who waits"]))
def test_any_day_is_told_alike(tmp_path_factory: pytest.TempPathFactory, seed: int, count: int, asked: str) -> None:
    file, url = tmp_path_factory.mktemp("log") / "holdsvc.sqlite3", new_database()
    entries = list(calls(count, seed))
    asyncio.run(fill(SqliteLog(file), entries))
    asyncio.run(fill(PostgresLog(url), entries))

    queries = {asked: QUERIES[asked]}
    assert told_by(SqliteLedger(file), queries) == told_by(PostgresLedger(url), queries)
