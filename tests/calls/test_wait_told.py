"""The wait, as callers hear it: a range where there is ground for one, rarely, with the place, and worse only with an excuse."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from holdsvc.calls import promise
from holdsvc.calls.briefing import brief
from holdsvc.calls.decide import decide
from holdsvc.calls.estimate import Departed, Movement
from holdsvc.calls.events import AgentAnswered, CallArrived, CallerHungUp, CallerKnown, CallHeld, StreamOpened
from holdsvc.calls.facts import Promised, WaitAmended, WaitEnded
from holdsvc.calls.instructions import Say
from holdsvc.calls.model import Outcome, Profile, Talk
from holdsvc.calls.plan import Media, Notice
from holdsvc.calls.position import APART, SETTLED, WAIT_APART
from holdsvc.calls.promise import SPANS, Came, Span
from holdsvc.calls.record import record
from tests.calls.test_decide import Call, key
from tests.calls.test_position import MORE, SPOKEN, STEPS, a_step, in_line, moved
from tests.calls.test_quizmaster import a_quiz_plan
from tests.plans import NOON, a_plan, a_session, after

WAITS = {promise.LONGER: 2.0, **dict.fromkeys(map(promise.prompt, SPANS), 3.0)}
PROMPTS = {"en": {**SPOKEN["en"], **WAITS}}
PLAN = a_plan(prompts=PROMPTS)
ALONE = replace(PLAN, tell_position=False)
LIVE = replace(PLAN, media=Media.STREAM)


def a_movement(seconds, every, in_front=12):
    """`seconds` after noon: somebody is answered every so often, each after a wait of five times that, and so many are in front."""
    now = after(seconds).timestamp()
    ends = [now - every * step for step in range(41)]
    departed = tuple(Departed(end - 5 * every, end, Outcome.ANSWERED) for end in reversed(ends))
    return Movement(departed, tuple(NOON.timestamp() - place for place in range(in_front, 0, -1)))


class Waiting(Call):
    """Calls `moving` before an event say how the queue moves at that moment."""

    def moving(self, seconds, every, in_front=12):
        self.session = replace(self.session, movement=a_movement(seconds, every, in_front))
        return self


def waits(call):
    return [prompt for prompt in call.said() if prompt.startswith("wait_")]


def held(plan=PLAN, place=13):
    return Waiting(plan)(in_line(0, place))


def live(plan=LIVE):
    return Waiting(plan)(CallArrived(at=NOON, id="a"))(StreamOpened(at=NOON, id="o"))


# --- told, and when ----------------------------------------------------------------------------------------------------------


def test_it_is_told_behind_the_place_in_one_telling():
    call = held().moving(75, 15)(in_line(75, 13))

    assert call.said() == ["position_13", "wait_2_5"]
    (fact,) = call.of(Promised)
    assert (fact.position, fact.wait.span, fact.wait.at) == (13, Span(2, 5), after(75))
    assert len([one for one in call.session.spoke if one == after(75)]) == 1, "it counts once"


def test_without_ground_the_place_alone_is_told():
    assert held()(in_line(75, 13)).said() == ["position_13"]
    assert held().moving(-3000, 15)(in_line(300, 13)).said() == ["position_13"], "nobody is answered any more"


def test_where_no_place_is_told_the_wait_stands_alone():
    assert held(ALONE).moving(75, 15)(in_line(75, 13)).said() == ["wait_2_5"]
    assert held(place=None).moving(75, 15)(in_line(75, None)).said() == ["wait_2_5"]


def test_not_to_who_has_hardly_come():
    assert held().moving(15, 15)(in_line(15, 13)).said() == []


@pytest.mark.parametrize(
    "plan",
    [
        replace(ALONE, tell_wait=False),
        replace(ALONE, prompts_per_minute=0),
        replace(ALONE, prompts=SPOKEN),
    ],
)
def test_it_is_not_told_where_the_queue_wants_none_and_not_without_a_recording(plan):
    call = held(plan).moving(75, 15)(in_line(75, 13))

    assert waits(call) == []
    assert call.of(Promised) == []


@pytest.mark.parametrize(
    ("talk", "told", "alone"),
    [(Talk.FULL, ["wait_2_5"], ["wait_2_5"]), (Talk.WHEN_MOVED, ["wait_2_5"], []), (Talk.NONE, [], [])],
)
def test_who_wants_to_hear_of_moves_alone_is_told_the_wait_with_a_move(talk, told, alone):
    known = CallerKnown(at=NOON, id="k", profile=Profile(talk=talk, choice="music"))

    assert waits(Waiting(PLAN)(known)(in_line(0, 13)).moving(75, 15)(in_line(75, 13))) == told
    assert waits(Waiting(ALONE)(known)(in_line(0, 13)).moving(75, 15)(in_line(75, 13))) == alone


def test_on_a_stream_it_is_told_at_once_and_not_over_the_menu():
    call = live().moving(21, 15)

    assert call(moved(21, 13)).todo == ()
    assert call.moving(60, 15)(moved(60, 13)).said() == ["position_13", "wait_2_5"]
    assert call(moved(61, 13)).todo == ()


def test_in_the_quiz_it_is_told_before_a_question_and_never_between_a_question_and_its_answer():
    plan = a_quiz_plan(media=Media.STREAM)
    call = live(replace(plan, prompts={"en": {**plan.prompts["en"], **PROMPTS["en"]}}))(key("4", 50)).moving(60, 15)

    assert call(moved(60, 13)).todo == ()


# --- told again ---------------------------------------------------------------------------------------------------------------


def test_it_is_told_again_when_it_is_a_step_better_and_not_before():
    call = held(ALONE).moving(60, 15)(in_line(60, 13))
    assert waits(call) == ["wait_2_5"]

    assert waits(call.moving(125, 15, 11)(in_line(125, 12))) == []
    assert waits(call.moving(190, 15, 4)(in_line(190, 5))) == ["wait_under_2"]
    assert record(call.session).waits_told == (call.of(Promised)[0].wait, call.of(Promised)[1].wait)


def test_a_better_wait_waits_for_two_minutes_unless_a_place_is_told_with_it():
    alone, together = held(ALONE).moving(60, 15)(in_line(60, 13)), held().moving(60, 15)(in_line(60, 13))

    assert alone.moving(110, 15, 2)(in_line(110, 3)).said() == []
    assert together.moving(110, 15, 2)(in_line(110, 3)).said() == ["position_3", "wait_under_2"]


def test_a_worse_one_is_not_told_as_long_as_what_was_told_may_be_kept():
    call = held(ALONE).moving(60, 15)(in_line(60, 13))

    assert [waits(call.moving(at, 25)(in_line(at, 13))) for at in (110, 130)] == [[], []]


def test_that_it_takes_longer_is_said_once_with_what_is_known_now():
    call = held(ALONE).moving(60, 15)(in_line(60, 13))

    heard = [waits(call.moving(at, 60)(in_line(at, 13))) for at in (125, 190, 255)]

    assert heard == [["wait_longer", "wait_5_20"], [], []]
    assert [fact.wait.longer for fact in call.of(Promised)] == [False, True]
    assert record(call.session).waits_told[0].span == Span(2, 5), "the first stays beside it"


# --- what comes of it -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "came", "words"),
    [
        (100, Came.EARLIER, "Was told 2 to 5 minutes; waited 40 seconds from then on."),
        (240, Came.WITHIN, "Was told 2 to 5 minutes; waited 3 minutes from then on."),
        (480, Came.LATER, "Was told 2 to 5 minutes; waited 7 minutes from then on."),
    ],
)
def test_at_its_end_the_wait_says_when_the_agent_came_and_the_agent_hears_of_it(seconds, came, words):
    call = held(ALONE).moving(60, 15)(in_line(60, 13))

    call(AgentAnswered(at=after(seconds), id="agent"))

    assert [fact.came for fact in call.of(WaitEnded)] == [came]
    assert words in brief(call.session, after(seconds + 9))
    kept = record(call.session)
    assert (kept.came, kept.estimate_told, kept.position_told) == (came, 300.0, None)


def test_the_agent_hears_that_it_was_to_take_longer():
    call = held(ALONE).moving(60, 15)(in_line(60, 13)).moving(125, 60)(in_line(125, 13))

    assert "Was told 2 to 5 minutes, and then that it takes longer; waited 2 minutes from then on." in brief(
        call.session, after(180)
    )


def test_late_news_of_the_end_is_judged_anew():
    call = held(ALONE).moving(60, 15)(in_line(60, 13))(CallerHungUp(at=after(400), id="gone"))
    assert [fact.came for fact in call.of(WaitEnded)] == [Came.LATER]

    call(AgentAnswered(at=after(240), id="late"))

    assert [(fact.came_was, fact.came) for fact in call.of(WaitAmended)] == [(Came.LATER, Came.WITHIN)]


def test_who_was_told_nothing_is_in_no_figure():
    call = held()(in_line(75, 13))(AgentAnswered(at=after(240), id="agent"))

    assert [fact.came for fact in call.of(WaitEnded)] == [None]
    assert record(call.session).waits_told == ()


# --- whatever happens -------------------------------------------------------------------------------------------------------------


@given(st.booleans(), st.booleans(), st.lists(st.tuples(STEPS, st.integers(2, 120), st.integers(0, 40)), max_size=30))
def test_whatever_happens_what_is_told_is_said_rarely_and_never_worse_without_an_excuse(streams, quiz, history):
    plan = a_quiz_plan(media=Media.STREAM if streams else Media.DOCUMENTS) if quiz else LIVE if streams else PLAN
    prompts = {"en": {**plan.prompts["en"], **PROMPTS["en"], **MORE}}
    plan = replace(plan, prompts=prompts, notice=Notice("n", "notice_storm"))
    session, seconds, told = a_session(), 0.0, []
    first = StreamOpened(at=NOON, id="o") if streams else CallHeld(at=NOON, id="h", began=NOON)
    for event in (CallArrived(at=NOON, id="a"), first):
        session = decide(session, event, plan).session
    for number, ((passed, place, what), every, in_front) in enumerate(history):
        seconds += passed
        before = replace(session, movement=a_movement(seconds, every, in_front))
        decision = decide(before, a_step(number, after(seconds), place, what, streams), plan)
        session = decision.session
        said = [prompt for one in decision.instructions if isinstance(one, Say) for prompt in one.prompts]
        for fact in (one for one in decision.facts if isinstance(one, Promised)):
            assert before.talk is not Talk.NONE
            if fact.wait is not None:
                assert set(promise.prompts(fact.wait)) <= set(said), "what is promised is said"
                told.append(fact)
    assert all(fact.at >= NOON + SETTLED for fact in told)
    for earlier, later in pairwise(told):
        assert later.at - earlier.at >= (APART if later.wait.longer or later.position else WAIT_APART) or (
            later.position == 1
        )
        if not later.wait.longer:
            assert earlier.wait.until is None or later.wait.until <= earlier.wait.until
            assert later.wait.span.low <= earlier.wait.span.low
    assert session.waits_told == tuple(fact.wait for fact in (*told[:1], *told[1:][-1:]))
    assert timedelta(0) <= SETTLED < APART < WAIT_APART
