"""What became of call-backs: the figures of a handful, checked by hand, and that the log gives them by period and queue."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from msgspec.structs import replace

from holdsvc.calls.callback import Attempt, Callback, State, Wish, id_of
from holdsvc.calls.model import QueueName
from holdsvc.calls.service_level import Target
from holdsvc.ports import WaitQuery
from holdsvc.reports.book import report
from holdsvc.reports.callbacks import callbacks
from holdsvc.reports.plays import Shelved
from holdsvc.stores.ledger import SqliteLedger
from tests.plans import CALL, NOON, QUEUE, after
from tests.reports.test_book import rows
from tests.stores import test_callbacks as asking
from tests.stores.calls import after as later
from tests.stores.calls import opened, ref

ASKED = Callback("a", CALL, QUEUE, None, NOON, NOON)


def one(state: State, seconds: float | None = None, attempts: int = 0, queue: str = "support") -> Callback:
    ended = None if seconds is None else NOON + timedelta(seconds=seconds)
    tried = tuple(Attempt(after(n)) for n in range(attempts))
    return replace(ASKED, state=state, ended=ended, attempts=tried, queue=QueueName(queue))


def test_the_figures_of_each_queue_are_those_that_one_counts_by_hand() -> None:
    some = (
        one(State.REACHED, 100, 1),
        one(State.REACHED, 300, 2),
        one(State.REACHED, 800, 1),
        one(State.GIVEN_UP, 900, 4),
        one(State.WITHDRAWN, 50),
        one(State.OWED),
        one(State.CALLING, None, 1),
        one(State.OWED, queue="billing"),
    )

    whole, billing, support = rows(callbacks(some))

    assert [row["queue"] for row in (whole, billing, support)] == ["all", "billing", "support"]
    assert [support[name] for name in ("asked", "reached", "given_up", "withdrawn", "open")] == [7, 3, 1, 1, 2]
    assert (support["completion"], support["attempts"]) == (3 / 4, 9 / 3)
    assert (support["median"], support["saved"]) == (300.0, 1200.0)
    assert whole["asked"] == 8
    assert [billing[name] for name in ("completion", "attempts", "median", "saved")] == [None, None, None, 0]


def test_without_any_there_is_no_row() -> None:
    assert rows(callbacks(())) == []


async def test_the_log_gives_those_that_were_asked_for_in_the_period(tmp_path: Path) -> None:
    path = tmp_path / "holdsvc.sqlite3"
    async with opened(path) as store:
        await asking.call(store, "CA1", *asking.asking())
        await asking.call(store, "CA2", *asking.asking(asking.OTHER, 600))
        await store.move_callback(id_of(ref("CA1"), QUEUE), Wish(State.REACHED, later(234)))

    def reported(since: datetime | None) -> list[dict[str, object]]:
        shelved = Shelved({}, frozenset(), {}, "US", ())
        with SqliteLedger(path) as ledger:
            (section,) = report("callbacks", ledger, WaitQuery(since=since), shelved, Target(), later(9999)).sections
        return rows(section)

    assert [(row["asked"], row["reached"], row["median"]) for row in reported(None)] == [(2, 1, 200.0)]
    assert [(row["asked"], row["reached"]) for row in reported(later(300))] == [(1, 0)]
