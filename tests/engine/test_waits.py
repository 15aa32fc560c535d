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
    ContentEnded,
    Departure,
    DigitPressed,
    HeardUntil,
    LeftQueue,
    QueueMoved,
)
from holdsvc.calls.instructions import Play
from holdsvc.calls.model import MOST_WAITS, CallId, CallRef, Contact, Outcome, QueueName
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


def first_wait(*between):
    return (door(SALES, 0), held(SALES, 1, 1, wait=1), *between)


LEFT_AT_60 = left(SALES, 60, Departure.OVERFLOW, 1, wait=1)


async def test_what_the_caller_heard_chose_and_set_comes_along_and_what_was_promised_does_not():
    house = House()
    told = QueueMoved(at=after(30), id="moved", position=1)
    heard = HeardUntil("swing", 0.0, 40.0)
    await house.tell(
        *first_wait(pressed(SALES, 5, "2", wait=1), pressed(SALES, 6, "8", wait=1), pressed(SALES, 7, "8", wait=1)),
        report(SALES, told, wait=1),
        report(SALES, ContentEnded(at=after(50), id="on", heard=heard), wait=1),
    )
    await house.tell(LEFT_AT_60)
    before = (await house.intake.waits(CALL))[0]
    await house.tell(door(SUPPORT, 61))
    taken = await house.tell(held(SUPPORT, 62, 62, wait=2))
    second = taken.session

    assert (before.gain, before.choice) == (second.gain, second.choice)
    assert second.gain != 0.0
    assert second.choice == "podcast"
    assert dict(before.plays) == dict(second.plays)
    assert second.choices[-1].via == "remembered"
    assert (second.promised, second.position) == (None, 1)
    assert (second.listened, second.ref.wait, second.queue) == ((), 2, SUPPORT)


async def test_nothing_is_heard_twice_on_the_way_through_two_queues():
    house, heard = House(), []
    await house.tell(door(SALES, 0))
    taken = await house.tell(held(SALES, 1, 1, wait=1))
    for queue, wait, times in ((SALES, 1, (20, 40)), (SUPPORT, 2, (80, 100, 120))):
        for at in times:
            play = next(one for one in taken.instructions if isinstance(one, Play))
            heard.append(play.content)
            whole = HeardUntil(play.content, 0.0, 1000.0)
            ended = ContentEnded(at=after(at), id=f"end{at}", heard=whole)
            taken = await house.tell(report(queue, ended, wait=wait))
        if wait == 1:
            await house.tell(LEFT_AT_60, door(SUPPORT, 61))
            taken = await house.tell(held(SUPPORT, 62, 62, wait=2))

    shelf = {item.id for item in Shelves.items if item.kind == "music"}
    assert set(heard[: len(shelf)]) == shelf


async def test_a_hold_by_the_agent_is_no_wait_and_a_place_in_the_queue_is_one():
    house = House()
    aside = CallHeld(at=after(100), id="aside", began=after(100))
    agent = CallHeld(at=after(110), id="conference", began=after(110), mid_call=True)
    await house.tell(*first_wait(), answered(30), report(SALES, aside), report(SALES, agent))
    assert len(await house.intake.waits(CALL)) == 1

    await house.tell(held(SALES, 200, 198))

    waits = await house.intake.waits(CALL)
    assert [one.history.stage for one in waits] == ["ended", "waiting"]
    assert waits[1].history.wait.began == after(198)


async def test_late_news_of_the_first_wait_reaches_it_and_changes_nothing_in_the_second():
    house = House()
    await house.tell(*first_wait(LEFT_AT_60, door(SUPPORT, 61), held(SUPPORT, 62, 62, wait=2)))
    second = (await house.intake.waits(CALL))[1]

    await house.tell(pressed(SALES, 59, "8", wait=1), bridged(SALES, 400, 20, wait=1))

    first, after_all = await house.intake.waits(CALL)
    assert after_all == second
    assert first.outcome is Outcome.ANSWERED
    assert first.amended


async def test_who_is_elsewhere_has_not_hung_up_whatever_a_stream_said():
    house = House()
    await house.tell(*first_wait(hung_up(40)))
    assert [row[3] for row in await house.rows()] == [Outcome.ABANDONED]

    await house.tell(door(SUPPORT, 41), held(SUPPORT, 42, 42, wait=2), hung_up(90))

    assert [row[2:] for row in await house.rows()] == [
        (after(41), Outcome.OVERFLOWED),
        (after(90), Outcome.ABANDONED),
    ]
    assert await house.conserved()


async def test_who_goes_round_in_circles_for_ever_goes_on_in_the_last_wait():
    house = House()
    for number in range(MOST_WAITS + 5):
        await house.tell(door((SALES, SUPPORT)[number % 2], number * 10))

    assert len(await house.intake.waits(CALL)) == MOST_WAITS


async def test_a_call_is_found_in_its_latest_wait_and_a_lookup_that_answers_late_too():
    house = House()
    await house.tell(*first_wait(LEFT_AT_60, door(SUPPORT, 61)))

    await house.intake.contact_came(CALL, Contact(name="Ada", source="crm"))

    found = await house.intake.find("call-1", ("testphone",))
    assert (found.ref, found.contact.name) == (CallRef("testphone", CallId("call-1"), 2), "Ada")
    assert await house.intake.find("call-1/2", ("testphone",)) is None


async def test_a_caller_who_was_forgotten_is_nobody_in_the_next_wait_too():
    house = House()
    await house.tell(door(SALES, 0, caller="+15005550123"), held(SALES, 1, 1, wait=1, caller="+15005550123"))
    await house.intake.forget("+15005550123")

    await house.tell(LEFT_AT_60, door(SUPPORT, 61, caller="+15005550123"))

    assert [one.caller for one in await house.intake.waits(CALL)] == [None, None]


async def test_with_the_store_away_the_second_wait_is_kept_as_soon_as_it_is_back():
    house = House()
    await house.tell(*first_wait(pressed(SALES, 5, "8", wait=1), LEFT_AT_60))
    house.store.away = True
    await house.tell(door(SUPPORT, 61), held(SUPPORT, 62, 62, wait=2))
    house.store.away = False
    await house.intake.keep_again()

    assert [(row[1], row[3]) for row in await house.rows()] == [(SALES, Outcome.OVERFLOWED), (SUPPORT, None)]
    assert (await house.store.load(CALL.nth(2))).gain != 0.0
