"""A call that waits several times: whose news is whose, in any order, and what comes along from one wait to the next."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdsvc.calls.events import (
    AgentAnswered,
    CallArrived,
    CallerHungUp,
    CallHeld,
    Departure,
    DigitPressed,
    LeftQueue,
)
from holdsvc.calls.model import Contact, Outcome, QueueName
from holdsvc.engine.alarms import Alarms
from holdsvc.engine.intake import Intake, Recognition
from holdsvc.engine.plans import PlanBook, QueueRules
from holdsvc.ports import Destination, Report, WaitQuery
from tests.engine.test_intake import Directory, FaultyStore, HandClock, Numbers, Shelves, Words
from tests.plans import CALL, after

SALES, SUPPORT = QueueName("sales"), QueueName("support")
AWAY = {"overflow": Destination(redirect="/elsewhere")}
RULES = {
    "default": QueueRules(),
    "sales": QueueRules(max_wait=60.0, departures=AWAY),
    "support": QueueRules(),
}


class House:
    def __init__(self):
        self.store, self.clock, self.told = FaultyStore(), HandClock(), []
        book = PlanBook(Shelves(), RULES, streams=True)
        recognition = Recognition(Numbers(), lambda number: number.e164, Directory(Contact()).ask)
        self.intake = Intake(
            self.store, book, recognition, Words(), self.clock, [lambda session, facts: self.told.extend(facts)]
        )
        self.alarms = Alarms(self.store, self.intake, self.clock, self.rang)

    async def rang(self, taken):
        pass

    async def tell(self, *reports):
        for report in reports:
            taken = await self.intake.report(report)
        return taken

    async def passes(self, until):
        """The clock, and what rings meanwhile."""
        self.clock.at = after(until)
        await self.alarms.look()

    async def rows(self):
        return sorted(
            (wait.began, wait.queue, wait.ended, wait.outcome) for wait in await self.store.waits(WaitQuery())
        )

    async def conserved(self):
        totals = await self.store.totals()
        return totals.offered == sum(totals.outcomes.values()) + totals.waiting


def report(queue, *events, wait=None, caller="anonymous"):
    return Report(CALL, queue, events, caller=caller, wait=wait)


def door(queue, at, **more):
    return report(queue, CallArrived(at=after(at), id=f"door{at}"), **more)


def held(queue, at, began, wait=None, **more):
    event = CallHeld(at=after(at), id=f"held{at}", began=after(began), position=1, size=2)
    return report(queue, event, wait=wait, **more)


def pressed(queue, at, digit, wait=None, heard=None):
    return report(queue, DigitPressed(at=after(at), id=f"key{at}", digit=digit, heard=heard), wait=wait)


def left(queue, at, why, began, wait=None):
    stayed = CallHeld(at=after(at), id=f"left{at}.1", began=after(began), inferred=True)
    return report(queue, stayed, LeftQueue(at=after(at), id=f"left{at}", why=why, exact=True), wait=wait)


def bridged(queue, at, waited, wait=None):
    return report(queue, AgentAnswered(at=after(at), id=f"bridged{at}", waited=waited, exact=False), wait=wait)


def answered(at):
    return report(QueueName("default"), AgentAnswered(at=after(at), id=f"agent{at}"))


def hung_up(at):
    return report(QueueName("default"), CallerHungUp(at=after(at), id=f"completed{at}"))


# What a call asks for one after the other, and what is told of it at any time.
MOVED_ON = (
    (
        door(SALES, 0), held(SALES, 1, 1, wait=1), pressed(SALES, 20, "2", wait=1), held(SALES, 70, 1, wait=1),
        left(SALES, 70.5, Departure.OVERFLOW, 1, wait=1), door(SUPPORT, 71), held(SUPPORT, 72, 72, wait=2),
        pressed(SUPPORT, 90, "1", wait=2),
    ),
    (answered(120), bridged(SUPPORT, 400, 48, wait=2), hung_up(401)),
    [(1, SALES, 70.5, Outcome.OVERFLOWED), (72, SUPPORT, 120, Outcome.ANSWERED)],
)  # fmt: skip
PASSED_ON = (
    (
        door(SALES, 0), held(SALES, 1, 1, wait=1), door(SUPPORT, 200), held(SUPPORT, 201, 201, wait=2),
        held(SUPPORT, 230, 201, wait=2),
    ),
    (
        answered(30), bridged(SALES, 200.5, 29, wait=1), hung_up(250),
        report(SUPPORT, CallerHungUp(at=after(250), id="left250", waited=49, exact=False), wait=2),
    ),
    [(1, SALES, 30, Outcome.ANSWERED), (201, SUPPORT, 250, Outcome.ABANDONED)],
)  # fmt: skip
UNTOLD = (
    (door(SALES, 0), held(SALES, 1, 1, wait=1), door(SUPPORT, 40), held(SUPPORT, 41, 41, wait=2)),
    (hung_up(90), answered(80)),
    [(1, SALES, 40, Outcome.OVERFLOWED), (41, SUPPORT, 80, Outcome.ANSWERED)],
)
THREE = (
    (
        door(SALES, 0), held(SALES, 1, 1, wait=1), left(SALES, 30, Departure.CHOICE, 1, wait=1), door(SUPPORT, 31),
        held(SUPPORT, 32, 32, wait=2), left(SUPPORT, 60, Departure.OVERFLOW, 32, wait=2), door(SALES, 61),
        held(SALES, 62, 62, wait=3),
    ),
    (hung_up(90),),
    [
        (1, SALES, 30, Outcome.LEFT_BY_CHOICE), (32, SUPPORT, 60, Outcome.OVERFLOWED), (62, SALES, 90, Outcome.ABANDONED),
    ],
)  # fmt: skip
CALLS = {"moved on": MOVED_ON, "passed on": PASSED_ON, "untold": UNTOLD, "three": THREE}


@st.composite
def orders(draw, call):
    """The documents in their order; all else anywhere, once its address has been given out; and anything once more, later."""
    documents, others, _ = call
    told = list(documents)
    for one in draw(st.permutations(others)):
        told.insert(draw(st.integers(given_out(one, told), len(told))), one)
    for one in draw(st.lists(st.sampled_from(told), max_size=6)):
        told.insert(draw(st.integers(told.index(one) + 1, len(told))), one)
    return told


def given_out(one, told):
    """The place behind the door whose answer named the wait."""
    if one.wait is None:
        return 0
    return next(place for place, other in enumerate(told) if other.wait == one.wait and other.queue == one.queue)


@pytest.mark.parametrize("name", CALLS)
def test_any_order_of_a_calls_news_ends_in_the_same_waits(name):
    truth = [(after(began), queue, after(ended), outcome) for began, queue, ended, outcome in CALLS[name][2]]

    @settings(max_examples=150, deadline=None)
    @given(orders(CALLS[name]))
    def holds(told):
        async def run():
            house = House()
            for one in told:
                await house.tell(one)
                assert await house.conserved()
            await house.passes(1000)
            await house.passes(2000)
            return await house.rows(), await house.conserved()

        assert asyncio.run(run()) == (truth, True)

    holds()


async def test_the_same_form_at_the_door_is_a_repetition_unless_the_wait_was_long_over():
    async def visited(again, *between):
        house, first = House(), door(SALES, 0)
        await house.tell(first, held(SALES, 1, 1, wait=1), left(SALES, 30, Departure.OVERFLOW, 1, wait=1), *between)
        same = CallArrived(at=after(again), id=first.events[0].id)
        await house.tell(report(SALES, same))
        return len(await house.intake.waits(CALL))

    assert await visited(5) == 1
    assert await visited(89) == 1
    assert await visited(91) == 2
    assert await visited(91, hung_up(40)) == 1
