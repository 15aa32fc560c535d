"""Who hears a word, and when: counted over the calls that wait."""

from __future__ import annotations

from msgspec.structs import replace

from holdsvc.calls.events import CallerHungUp
from holdsvc.calls.model import PromptId, Talk
from holdsvc.calls.plan import Notice
from holdsvc.engine.audience import JOINT, Audience, audiences, rest, waiting
from tests.calls.test_decide import Call, held
from tests.plans import NOON, PROMPTS, a_plan, after

SPOKEN = {"en": {**PROMPTS, "notice_storm": 3.0}, "es": dict(PROMPTS)}
PLAN = a_plan(prompts=SPOKEN)
LOUD = replace(PLAN, notice=Notice("n1", PromptId("notice_storm")))


def caller(**changes):
    return replace(Call(PLAN)(held()).session, **changes)


def test_each_caller_counts_once_and_where_it_belongs():
    told = replace(Call(LOUD)(held()).session)
    sessions = [caller(), caller(streaming=True), caller(talk=Talk.NONE), caller(language="es"), told]

    (found,) = audiences(sessions, lambda session: LOUD, after(5)).values()

    assert (found.told, found.at_once, found.later, found.left_out) == (1, 1, 1, 2)
    assert found.within == round(caller().sent.seconds - 5 + JOINT + 0.499)


def test_where_no_notice_holds_there_is_no_audience():
    assert audiences([caller()], lambda session: PLAN, NOON) == {}


def test_who_does_not_wait_any_more_is_reached_by_nothing():
    gone = Call(PLAN)(held())(CallerHungUp(at=after(3), id="gone")).session

    assert waiting([gone], NOON) == {"support": Audience(left_out=1)}
    assert waiting([caller(), caller(streaming=True)], NOON)["support"].later == 1


def test_a_document_that_should_be_over_or_is_not_known_is_a_moment_away():
    assert rest(caller(), after(1000)) == JOINT
    assert rest(caller(sent=None), NOON) == JOINT
