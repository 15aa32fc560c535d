"""Told against waited: the figures of a handful of waits, checked by hand, and that the log gives them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from holdsvc.calls.model import Outcome
from holdsvc.calls.promise import Promise, Span
from holdsvc.calls.service_level import wilson
from holdsvc.ports import ToldWait, WaitQuery
from holdsvc.reports.estimates import estimates
from holdsvc.stores.ledger import SqliteLedger
from holdsvc.stores.sqlite import SqliteStore
from tests.reports.test_book import rows
from tests.stores.calls import after, gone, held, tell

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SHORT = Promise(NOON, Span(2, 5))


def wait(seconds, *told, queue="support", outcome=Outcome.ANSWERED):
    ended = None if seconds is None else NOON + timedelta(seconds=seconds)
    return ToldWait(queue, ended, None if seconds is None else outcome, told or (SHORT,))


WAITS = (
    wait(100),
    wait(200),
    wait(260),
    wait(420, SHORT, Promise(NOON + timedelta(seconds=310), Span(1, 3), longer=True)),
    wait(200, outcome=Outcome.ABANDONED),
    wait(301, outcome=Outcome.ABANDONED),
    wait(None),
    wait(30, Promise(NOON, Span(0, 1)), queue="billing"),
    wait(4000, Promise(NOON, Span(60)), queue="billing"),
)


def test_the_figures_of_each_queue_are_those_that_one_counts_by_hand() -> None:
    section, _ = estimates(WAITS)
    whole, billing, support = rows(section)

    assert [one["queue"] for one in (whole, billing, support)] == ["all", "billing", "support"]
    assert [support[name] for name in ("told", "earlier", "within", "later")] == [7, 1, 2, 2]
    assert support["kept"] == 3 / 5
    assert (support["low"], support["high"]) == wilson(3, 5)
    assert support["kept_last"] == 4 / 5, "who was told that it takes longer was told the truth in the end"
    assert support["longer"] == 1
    assert (support["error"], support["bias"]) == (80.0, -20.0), "210 s less 100, 200, 260 and 420 s"
    assert [whole[name] for name in ("told", "earlier", "within", "later")] == [9, 1, 4, 2]
    assert (billing["error"], billing["bias"]) == (0.0, 0.0), "over an hour has no middle"


def test_each_range_that_was_told_stands_in_its_row_the_shortest_first() -> None:
    _, section = estimates(WAITS)

    assert [(one["range"], one["told"], one["within"], one["median"]) for one in rows(section)] == [
        ("less than 1 minute", 1, 1, 30.0),
        ("2 to 5 minutes", 7, 2, 230.0),
        ("over 60 minutes", 1, 1, 4000.0),
    ]


def test_where_nothing_was_told_there_is_no_figure() -> None:
    assert [section.rows for section in estimates(())] == [(), ()]


def test_of_a_wait_that_is_not_over_nothing_is_known() -> None:
    (row,) = rows(estimates([wait(None)])[0])

    assert (row["told"], row["kept"], row["low"], row["error"]) == (1, None, None, None)


def test_the_log_gives_what_was_told(tmp_path: Path) -> None:
    file = tmp_path / "holdsvc.db"
    told = (Promise(after(20), Span(2, 5)), Promise(after(90), Span(1, 3)))

    async def calls() -> None:
        store = SqliteStore(file)
        await store.open()
        session = await tell(store, "CA1", held())
        await store.save(replace(session, waits_told=told, version=session.version + 1), ())
        await tell(store, "CA1", gone(400))
        await tell(store, "CA2", held(), gone(60))
        await store.close()

    asyncio.run(calls())
    with SqliteLedger(file) as ledger:
        assert list(ledger.told(WaitQuery(most=10))) == [
            ToldWait("support", after(400), Outcome.ABANDONED, told),
        ]
        (kept, _) = ledger.waits(WaitQuery(most=10))
        assert (kept.waits_told, kept.came, kept.estimate_told) == (told, "later", 180.0)
        assert ledger.totals().came == ledger.totals().came_now == {("support", "later"): 1}


@pytest.mark.parametrize("amended", [True, False])
def test_what_is_told_otherwise_later_moves_the_sums_with_the_rows(tmp_path: Path, amended: bool) -> None:
    file = tmp_path / "holdsvc.db"

    async def calls() -> None:
        store = SqliteStore(file)
        await store.open()
        session = await tell(store, "CA1", held())
        promise = Promise(after(20), Span(2, 5))
        await store.save(replace(session, waits_told=(promise,), version=session.version + 1), ())
        await tell(store, "CA1", gone(400))
        if amended:
            await tell(store, "CA1", gone(250))
        await store.close()

    asyncio.run(calls())
    with SqliteLedger(file) as ledger:
        (kept,) = ledger.waits(WaitQuery(most=10))
        totals = ledger.totals()

    assert totals.came == {("support", "later"): 1}, "as it was first told"
    assert totals.came_now == ({} if amended else totals.came)
    assert kept.came == (None if amended else "later")
