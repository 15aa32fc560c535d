"""Waits that are older than they are to be kept leave the log, in either database; the audit holds, and no sum goes back."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdsvc.calls.events import CallEvent
from holdsvc.calls.record import WaitRecord
from holdsvc.calls.service_level import Target
from holdsvc.calls.session import HoldSession
from holdsvc.ports import Evidence, WaitQuery
from holdsvc.reports.audit import audit
from holdsvc.reports.book import report
from holdsvc.reports.page import stamp
from holdsvc.reports.plays import Shelved
from holdsvc.stores.ledger import SqliteLedger
from holdsvc.stores.mover import Entry, SqlLog
from holdsvc.stores.postgres_ledger import PostgresLedger
from holdsvc.stores.postgres_log import PostgresLog
from holdsvc.stores.sqlite_log import SqliteLog
from tests.stores.calls import START, answered, decided, gone, held, known, opened, pressed, steps, tell
from tests.stores.days import calls, forgotten, moved, placed
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


# --- news of a wait that is gone -------------------------------------------------------------------------------------------


def told_on(session: HoldSession, *events: CallEvent) -> Iterator[Entry]:
    """What Redis, which knows the call longer than the log does, has to say of it."""
    for event in events:
        decision = decided(session, event)
        session = decision.session
        yield Entry(session, tuple(decision.facts))


def story(n: int, chance: random.Random) -> list[Entry]:
    """A wait, and news of it that come whenever they like: how it ended, that it goes on, what changes nothing, that its caller is
    to be forgotten."""
    at = chance.uniform(0, 3 * 24 * 3600)
    told = [one for one in calls(1, chance.randrange(2**32), f"CA{n}-") if one.session]
    late = [
        answered(at + 7),
        gone(at + 3),
        pressed("2", at + 500, heard=9),
        known("late", at + 1),
        held(at),
        answered(at + 900),
    ]
    chance.shuffle(late)
    last = told[-1].session
    assert last is not None
    told += told_on(last, *late[: chance.randrange(len(late))])
    if (last := told[-1].session) is not None and chance.random() < 0.2:
        told.append(forgotten(last))
    return told


async def written(log: SqlLog, stories: Sequence[Sequence[Entry]], chance: random.Random, lets_go: bool) -> None:
    """Each call's entries in their order, those of many calls mixed; waits go at any moment between them."""
    todo = [list(one) for one in stories]
    mixed = []
    while todo := [one for one in todo if one]:
        mixed.append(chance.choice(todo).pop(0))
    entries, at = placed(mixed), 0
    await log.open()
    while at < len(entries):
        some = chance.randrange(1, 30)
        await log.keep(entries[at : at + some])
        at += some
        before, most = START + timedelta(days=chance.uniform(-1, 5)), chance.randrange(1, 10)
        if lets_go:
            await log.let_go(before, most)
    await log.close()


def books(reads: type[SqliteLedger] | type[PostgresLedger], where: Path | str) -> tuple[Evidence, Sequence[str]]:
    with reads(where) as ledger:  # type: ignore[arg-type]  # each is given its own
        return ledger.evidence(), audit(ledger).differences


async def test_an_answer_that_is_told_of_a_wait_that_is_gone_is_counted_and_makes_no_row(tmp_path: Path) -> None:
    file = tmp_path / "log.sqlite3"
    log = SqliteLog(file)
    told = [Entry(one.session, tuple(one.facts)) for one in steps("CA1", held(), gone(70))]
    others = [Entry(one.session, tuple(one.facts)) for one in steps("CA2", held(500), gone(570))]
    assert told[-1].session is not None
    late = list(told_on(told[-1].session, answered(30), pressed("1", 40)))
    await log.open()
    await log.keep(placed([*told, *others]))
    assert await log.let_go(START + timedelta(days=8), 10) == 1
    await log.keep(placed([*late, forgotten(late[-1].session or told[-1].session)], first=9))
    await log.close()

    with SqliteLedger(file) as ledger:
        verdict, (row,) = audit(ledger), ledger.waits(EVERYTHING)
        assert ledger.totals().amendments == {("support", "abandoned", "answered"): 1}
    assert row.call == "CA2"
    assert verdict.differences == ()
    assert verdict.sentences[0] == "2 offered = 1 abandoned + 1 answered + 0 waiting."
    assert verdict.sentences[-1] == "3 of those facts were told when the wait had gone, and are counted with it."


async def test_a_wait_of_which_the_beginning_was_lost_still_shows_where_others_are_gone(tmp_path: Path) -> None:
    """The control: nothing is taken for gone that is too young for it, or that never was told to its end."""
    file = tmp_path / "log.sqlite3"
    log = SqliteLog(file)
    entries = [
        [Entry(one.session, tuple(one.facts)) for one in steps(f"CA{n}", held(n), gone(n + 70))] for n in range(3)
    ]
    young = [Entry(one.session, tuple(one.facts)) for one in steps("CB", held(9_000), gone(9_070), answered(9_030))]
    await log.open()
    await log.keep(placed([one for some in entries for one in some]))
    assert await log.let_go(START + timedelta(days=8), 10) == 2
    await log.keep(placed(young[-1:], first=20))
    await log.close()

    with SqliteLedger(file) as ledger:
        assert not audit(ledger).holds


@pytest.mark.parametrize("kind", ["file", "PostgreSQL"])
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_news_of_waits_that_are_gone_move_the_sums_and_the_books_are_those_of_a_log_that_keeps_all(
    tmp_path_factory: pytest.TempPathFactory, kind: str, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("log")
    whole, cut = (folder / name if kind == "file" else new_database() for name in ("whole", "cut"))
    reads: type[SqliteLedger] | type[PostgresLedger] = SqliteLedger if kind == "file" else PostgresLedger
    writes: type[SqliteLog] | type[PostgresLog] = SqliteLog if kind == "file" else PostgresLog
    stories = [story(n, random.Random(seed + n)) for n in range(20)]
    asyncio.run(written(writes(whole), stories, random.Random(seed), lets_go=False))  # type: ignore[arg-type]
    asyncio.run(written(writes(cut), stories, random.Random(seed), lets_go=True))  # type: ignore[arg-type]

    kept, kept_differences = books(reads, whole)
    left, left_differences = books(reads, cut)
    assert (kept_differences, left_differences) == ((), ())
    assert (left.rows, left.ended, left.amended, left.came) == (kept.rows, kept.ended, kept.amended, kept.came)
    assert (left.facts, left.began, left.totals) == (kept.facts, kept.began, kept.totals)


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
