"""Traffic by the textbook: what is measured is what Erlang A says, within what chance allows."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest

from holdsvc.reports.erlang import erlang_a
from holdsvc.simulator.agents import Agent
from holdsvc.simulator.callers import gaps, start
from holdsvc.simulator.clock import VirtualClock
from holdsvc.simulator.leg import Taken
from holdsvc.simulator.queues import Line, Offer
from holdsvc.simulator.run import simulate
from holdsvc.simulator.staffing import Shift, Staffing, measured
from holdsvc.simulator.truth import End, Truth, Wait
from holdsvc.simulator.verdict import report
from tests.simulator.exchange import opened
from tests.simulator.house import House

FAR = 4.0  # standard errors that chance hardly ever makes
# agents, arrivals a minute, handling and patience in seconds, and what the reference has: abandoned, mean wait, busy
TABLE = [
    (50, 48.0, 60.0, 120.0, 0.030912, 3.7095, 0.9303),
    (10, 10.0, 60.0, 60.0, 0.12511, 7.507, 0.8749),
    (10, 10 / 3, 180.0, 120.0, 0.13746, 16.496, 0.8625),
    (12, 10 / 3, 180.0, 120.0, 0.06160, 7.392, 0.7820),
    (14, 6.0, 180.0, 120.0, 0.24920, 29.904, 0.9653),
]


@pytest.mark.parametrize("row", [TABLE[1], TABLE[4]], ids=lambda row: f"{row[0]} agents, {row[1]:.1f} a minute")
async def test_a_run_gives_the_reference_within_what_chance_allows(row):
    agents, arrivals, handling, patience, abandoned, wait, busy = row
    clock = VirtualClock()
    async with opened(House(clock)) as target:
        verdict = await simulate(
            target, calls=700, clock=clock, seed=11, staffing=Staffing(agents, arrivals, handling, patience)
        )

    found = verdict.measured
    assert verdict.ok, report(verdict)
    assert found is not None
    assert found.waits > 500
    assert abs(found.abandoned - abandoned) < FAR * found.abandoned_error
    assert abs(found.mean_wait - wait) < FAR * found.mean_wait_error
    assert abs(found.busy - busy) < FAR * found.busy_error
    assert found.abandoned_error < 0.06, "so wide a band would hold anything"
    assert found.busy_error < 0.04


class Leg:
    """A call that needs no service: it waits, talks and is over."""

    def __init__(self, board: Board, number: int) -> None:
        self.call = board.truth.arrive(f"CA{number}", "")
        self.queue_name = "support"
        self.holder = None
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._board, self._taker = board, None
        self._offer = Offer(self, self._reached)
        board.truth.hold(self.call, "support")
        board.line.join(self._offer)

    async def _reached(self, taker: Agent) -> None:
        self.signal(Taken(taker))

    def signal(self, signal: object) -> None:
        if isinstance(signal, Taken):
            self._taker = signal.taker
            self._board.truth.release(self.call, End.ANSWERED)
            signal.taker.bridged(self)
            return
        self._board.truth.release(self.call, End.HUNG_UP)
        self._board.line.leave(self._offer)
        self.over.set_result(None)
        if self._taker is not None:
            self._taker.free(self)


class Board:
    def __init__(self, clock: VirtualClock) -> None:
        self.clock, self.truth, self.line = clock, Truth(clock), Line(clock)

    def new_sid(self, kind: str) -> str:
        return kind

    agent_url = new_sid


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]} agents, {row[1]:.1f} a minute")
async def test_a_long_run_without_a_service_comes_close_to_the_reference(row):
    agents, arrivals, handling, patience, abandoned, wait, busy = row
    plan, clock, rng = Staffing(agents, arrivals, handling, patience), VirtualClock(), random.Random(3)
    board = Board(clock)
    staff = [Agent(board, plan.habits(), random.Random(rng.random())) for _ in range(agents)]
    tasks = [asyncio.create_task(clock.run()), *(asyncio.create_task(one.work()) for one in staff)]
    for number, gap in enumerate(gaps(plan.rate, 8000, rng)):
        await clock.sleep(gap)
        start(Leg(board, number), plan.habits(), clock, random.Random(rng.random()))
    found = measured(board.truth, [one.shift for one in staff], clock, 0.0, clock.monotonic())
    for task in tasks:
        task.cancel()

    assert found is not None
    assert abs(found.abandoned - abandoned) < FAR * found.abandoned_error < 0.06
    assert abs(found.mean_wait - wait) < FAR * found.mean_wait_error < 0.7 * wait
    assert abs(found.busy - busy) < FAR * found.busy_error < 0.05


class Wordy(House):
    def on_agent(self, request, fields):
        super().on_agent(request, fields)
        return "<Say>Somebody is there for you now, and will be with you in a moment.</Say>"


async def test_what_the_service_says_before_the_bridge_takes_no_more_of_an_agents_time():
    shares = []
    for house in (House, Wordy):
        clock = VirtualClock()
        async with opened(house(clock)) as target:
            verdict = await simulate(target, calls=60, clock=clock, seed=5, staffing=Staffing(20, 10.0, 60.0, 6000.0))
        assert verdict.measured is not None
        assert verdict.outcomes["answered"] == 60
        shares.append(verdict.measured.busy)

    assert shares[1] == pytest.approx(shares[0], rel=0.02)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]} agents, {row[1]:.1f} a minute")
def test_the_formula_gives_the_reference(row):
    agents, arrivals, handling, patience, abandoned, wait, busy = row
    plan = Staffing(agents, arrivals, handling, patience)

    model = erlang_a(plan.rate, 1 / plan.handling, 1 / plan.patience, plan.agents)

    assert model.abandoned == pytest.approx(abandoned, abs=2e-5)
    assert model.mean_wait == pytest.approx(wait, abs=2e-3)
    assert model.occupancy == pytest.approx(busy, abs=1e-4)


def test_the_beginning_is_left_out_and_talks_are_cut_to_the_time_that_is_measured():
    clock = VirtualClock(datetime(2026, 3, 2, tzinfo=UTC))
    truth = Truth(clock)
    for second, length, end in ((5, 100, End.HUNG_UP), (20, 0, End.ANSWERED), (40, 10, End.HUNG_UP)):
        began = clock.now() + timedelta(seconds=second)
        call = truth.arrive(f"CA{second}", "")
        call.waits.append(Wait("support", began, began + timedelta(seconds=length), end))

    found = measured(truth, [Shift([(0.0, 20.0), (90.0, 150.0)])], clock, 0.0, 100.0)

    assert found is not None
    assert (found.waits, found.waited, found.abandoned, found.mean_wait) == (2, 0.5, 0.5, 5.0)
    assert found.busy == pytest.approx(20 / 90)


def test_of_nothing_nothing_is_measured():
    clock = VirtualClock()

    assert measured(Truth(clock), [Shift([])], clock, 0.0, 100.0) is None
