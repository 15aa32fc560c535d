"""Who is told of a place, counted here, and how seldom the streams are asked for it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from holdsvc.calls.decide import decide
from holdsvc.calls.events import CallArrived, CallHeld, DigitPressed, ReleaseAsked, StreamOpened
from holdsvc.calls.facts import Promised
from holdsvc.calls.model import CallId, CallRef, QueueName
from holdsvc.calls.plan import Media
from holdsvc.calls.position import APART, EXACT
from holdsvc.calls.promise import Span
from holdsvc.calls.session import HoldSession
from holdsvc.engine.places import AT_ONCE, EVERY, WAITS_IN, Places
from tests.calls.test_position import PLACES
from tests.calls.test_quizmaster import a_quiz_plan
from tests.calls.test_wait_told import WAITS, a_movement
from tests.plans import NOON, QUEUE

BASE = a_quiz_plan(media=Media.STREAM)
PLAN = replace(BASE, prompts={"en": {**BASE.prompts["en"], **PLACES}})
LONG = 60.0  # seconds in which the menu has been told


class Floor:
    """Calls on streams and in documents, each with its session, as the roster has them; time passes when it is told to."""

    def __init__(self, plan=PLAN) -> None:
        self.at, self.plan = NOON, plan
        self.every = 0.0  # seconds in which somebody is answered; 0: nobody is
        self.spans: dict[str, list[Span]] = {}
        self.sessions: dict[CallRef, HoldSession] = {}
        self.told: dict[str, list[int]] = {}
        self.gave_way: list[str] = []
        self.gone: set[str] = set()  # streams that another process has
        self.rests = 0
        self.places = Places(self, lambda session: plan, self, self.take, self, self.rest, self.foresight)

    def now(self):
        return self.at

    def live(self):
        return list(self.sessions.values())

    def call(self, name, *, queue=QUEUE, stream=True):
        ref = CallRef("wire", CallId(name))
        self.sessions[ref] = HoldSession(ref, QueueName(queue))
        if stream:
            self.news(ref, CallArrived(at=self.at, id=f"{name}arrived"))
            self.news(ref, StreamOpened(at=self.at, id=f"{name}opened"))
        else:
            self.news(ref, CallHeld(at=self.at, id=f"{name}held", began=self.at))
        self.at += timedelta(seconds=1)
        return ref

    def news(self, ref, event):
        decision = decide(replace(self.sessions[ref], movement=self.movement), event, self.plan)
        self.sessions[ref] = replace(decision.session, movement=None)
        for fact in decision.facts:
            if isinstance(fact, Promised) and fact.position:
                self.told.setdefault(ref.call, []).append(fact.position)
            if isinstance(fact, Promised) and fact.wait:
                self.spans.setdefault(ref.call, []).append(fact.wait.span)
        return decision

    @property
    def movement(self):
        return a_movement((self.at - NOON).total_seconds(), self.every, 0) if self.every else None

    def foresight(self, now):
        movement = self.movement
        return lambda session, at: replace(session, movement=movement).outlook(at)

    def leave(self, ref):
        del self.sessions[ref]

    def holds(self, ref):
        return self.sessions[ref].streaming

    def tell(self, ref, event):
        if ref.call in self.gone:
            return False
        self.gave_way.append(ref.call)
        self.news(ref, event(ref.call, self.at))
        return True

    async def take(self, ref, queue, events):
        for event in events:
            self.news(ref, event)

    async def rest(self, seconds):
        self.rests += 1

    async def look(self, seconds=LONG):
        self.at += timedelta(seconds=seconds)
        return await self.places.look()


@pytest.fixture
def floor():
    return Floor()


async def test_callers_are_told_their_place_in_the_order_in_which_they_came(floor):
    for name in ("a", "b", "c"):
        floor.call(name)
    floor.call("elsewhere", queue="sales")

    assert await floor.look() == 4

    assert floor.told == {"a": [1], "b": [2], "c": [3], "elsewhere": [1]}


async def test_who_moved_up_is_told_and_nobody_else_is_disturbed(floor):
    refs = [floor.call(name) for name in ("a", "b", "c", "d")]
    await floor.look()
    floor.leave(refs[2])
    floor.gave_way.clear()

    assert await floor.look() == 1
    assert await floor.look() == 0

    assert floor.gave_way == ["d"]
    assert floor.told["d"] == [4, 3]


async def test_those_in_documents_and_those_who_are_handed_over_count_as_they_should(floor):
    """Somebody in documents waits as well; somebody whom an agent takes does not any more."""
    first, second, third = floor.call("a"), floor.call("b", stream=False), floor.call("c")

    await floor.look()
    assert floor.told == {"a": [1], "c": [3]}, "a platform's documents tell those in its own queue"

    floor.news(first, ReleaseAsked(at=floor.at, id="release"))
    floor.leave(second)
    await floor.look()
    assert floor.told["c"] == [3, 1]
    assert third in floor.sessions


async def test_in_a_long_queue_only_the_first_twenty_are_ever_told_a_number(floor):
    refs = [floor.call(f"c{number}") for number in range(EXACT + 30)]
    assert await floor.look() == len(refs)
    assert floor.rests == 2, "twenty at a time"
    floor.gave_way.clear()

    for _ in range(3):
        floor.leave(refs.pop(0))
        await floor.look(APART.total_seconds())

    assert len(floor.gave_way) == 3 * EXACT, "the others have heard all that there is to hear"


async def test_who_hears_a_question_is_told_before_the_next_one(floor):
    ref = floor.call("a")
    floor.at += timedelta(seconds=LONG)
    floor.news(ref, DigitPressed(at=floor.at, id="quiz", digit="4"))

    assert await floor.look(2.0) == 1
    assert await floor.look(2.0) == 0, "it is known"

    assert (floor.told, floor.gave_way) == ({}, [])
    assert floor.sessions[ref].position == 1


async def test_nobody_is_told_over_the_menu(floor):
    floor.call("a")

    await floor.look(21.0)
    assert floor.gave_way == []

    await floor.look(LONG)
    assert floor.told == {"a": [1]}


async def test_whose_wait_has_shortened_is_told_so_though_nobody_before_them_went():
    plan = replace(PLAN, tell_position=False, prompts={"en": {**PLAN.prompts["en"], **WAITS}})
    floor = Floor(plan)
    ref = floor.call("a")
    assert await floor.look() == 0, "there is no ground"
    floor.every = 120.0
    assert [await floor.look(EVERY) for _ in range(WAITS_IN)].count(1) == 1
    floor.every = 40.0
    for _ in range(30):
        await floor.look(EVERY)

    assert floor.spans == {"a": [Span(0, 5), Span(0, 2)]}
    assert floor.gave_way == ["a", "a"], "and disturbed for nothing else"
    assert len(floor.sessions[ref].waits_told) == 2


async def test_a_stream_that_is_elsewhere_is_left_to_others(floor):
    floor.call("a")
    floor.gone.add("a")

    assert await floor.look() == 0


async def test_who_is_on_the_way_out_stands_in_nobodys_way(floor):
    leaving, _ = floor.call("a"), floor.call("b")
    floor.sessions[leaving] = replace(floor.sessions[leaving], leaving="choice")

    await floor.look()

    assert floor.told == {"b": [1]}


async def test_a_look_at_thousands_makes_way_for_the_sound(floor):
    ref = floor.call("a")
    for number in range(3 * AT_ONCE):
        floor.sessions[CallRef("wire", CallId(f"c{number}"))] = floor.sessions[ref]

    await floor.look(1.0)

    assert floor.rests == 6, "half of them while they are put in line"
