"""A key answers what was told last, however much was said in front of it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from holdsvc.calls import quiz
from holdsvc.calls.events import (
    CallArrived,
    CallerKnown,
    CallHeld,
    ContentEnded,
    HeardUntil,
    NoticePosted,
    StreamOpened,
)
from holdsvc.calls.facts import QuizAnswered
from holdsvc.calls.instructions import Say
from holdsvc.calls.menu import SHIPPED
from holdsvc.calls.model import Profile, PromptId
from holdsvc.calls.plan import Media, Notice, offered
from holdsvc.calls.quiz import Result
from tests.calls.test_controls import FOUR
from tests.calls.test_decide import Call, held, key
from tests.calls.test_quizmaster import a_quiz_plan, question_of
from tests.plans import ITEMS, NOON, a_plan, after

STORM, SECONDS = "notice_storm", 7.0
OFFER = 1.5  # seconds of each offer of another language


def with_storm(plan, *, notice=True):
    prompts = {language: {**known, STORM: SECONDS} for language, known in plan.prompts.items()}
    return replace(plan, prompts=prompts, notice=Notice("n", PromptId(STORM)) if notice else None)


MENU = a_plan(prompts=FOUR, menu=offered(SHIPPED, ITEMS, tuple(FOUR)))
CALM, LOUD = with_storm(MENU, notice=False), with_storm(MENU)


def posted(seconds):
    return NoticePosted(at=after(seconds), id="posted")


def when(call, prompt):
    """Seconds from the turn's beginning until this is said, and until it has been."""
    passed = 0.0
    for one in call.todo:
        if isinstance(one, Say):
            for name in one.prompts:
                passed += call.plan.seconds_of((name,), one.language)
                if name == prompt:
                    return passed - call.plan.seconds_of((name,), one.language), passed
        elif hasattr(one, "until_second"):
            passed += (one.until_second or call.plan.item(one.content).seconds) - one.from_second
    return None


# --- the menu --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("plan", [CALM, LOUD])
def test_zero_in_the_first_offer_takes_the_first_language_whatever_was_said_in_front_of_the_menu(plan):
    call = Call(plan)(held())
    begins, _ = when(call, "language_offer")

    early = Call(plan)(held())(key("0", begins - 0.5))
    within = Call(plan)(held())(key("0", begins + 0.5))
    late = Call(plan)(held())(key("0", begins + 3 * OFFER + 3.5))

    assert [one.session.language for one in (early, within, late)] == ["", "es", ""]


@pytest.mark.parametrize("seconds", [2.0, 12.0, 22.0])
def test_a_word_from_the_floor_before_the_menu_is_over_puts_its_answers_off(seconds):
    """Into the content before the menu, into the menu, into the offers: behind the notice it is told from its beginning."""
    call = Call(CALM)(held())
    call.plan = LOUD
    call(posted(seconds))
    assert call.said()[0] == STORM
    begins, _ = when(call, "language_offer")

    before, call = call, Call(CALM)(held())
    call.plan = LOUD
    call(posted(seconds))
    before(key("0", seconds + begins - 0.5))
    call(key("0", seconds + begins + 0.5))

    assert (before.session.language, call.session.language) == ("", "es")


def test_a_menu_that_was_asked_for_is_told_again_behind_a_word_that_cut_it_short():
    call = Call(CALM)(held())(key("0", 60))
    assert call.said()[0] == "choice_music"
    call.plan = LOUD

    call(posted(64))

    assert call.said()[:2] == [STORM, "choice_music"]
    _, ends = when(call, "control_menu")
    call(key("0", 64 + ends + 0.5))
    assert call.session.language == "es", "zero still means: not understood"


# --- the quiz --------------------------------------------------------------------------------------------------------------

QUIZ = a_quiz_plan()
HEARD = HeardUntil("thinking", 0.0, 1.0)


def asked_behind(plan, at=200.0):
    """A question of the quiz in a turn that begins with the notice."""
    profile = Profile(choice="quiz")
    call = Call(with_storm(plan, notice=False))(CallerKnown(at=NOON, id="k", profile=profile))
    call(CallArrived(at=NOON, id="a"))
    call(StreamOpened(at=NOON, id="o") if plan.media is Media.STREAM else held())
    for seconds in (30.0, 60.0):  # the answer, then the next question
        call(ContentEnded(at=after(seconds), id=f"e{seconds}", heard=HEARD))
    call.plan = with_storm(plan)
    begin = posted(at) if plan.media is Media.STREAM else CallHeld(at=after(at), id="h", began=NOON, heard=HEARD)
    call(begin)
    assert call.said()[0] == STORM
    return call


@pytest.mark.parametrize("media", list(Media))
def test_a_key_at_every_tenth_of_a_second_behind_a_word_from_the_floor_answers_the_question_once_it_is_heard(media):
    plan, at = a_quiz_plan(media=media), 200.0
    begins, ends = when(asked_behind(plan), question_of(asked_behind(plan)).ask)
    for tenth in range(round((ends + quiz.THINKING) * 10) - 1):
        call = asked_behind(plan)
        question = question_of(call)

        call(key(str(question.right), at + tenth / 10))

        results = [fact.result for fact in call.of(QuizAnswered) if fact.at > after(at - 1)]
        assert results == ([Result.RIGHT] if tenth / 10 >= begins - 1e-6 else []), tenth


@pytest.mark.parametrize("media", list(Media))
def test_behind_a_word_from_the_floor_a_question_has_all_its_time(media):
    plan, at = a_quiz_plan(media=media), 200.0
    _, ends = when(asked_behind(plan), question_of(asked_behind(plan)).ask)

    call = asked_behind(plan)
    call(ContentEnded(at=after(at + ends + quiz.THINKING), id="over", heard=HEARD))
    assert [fact.result for fact in call.of(QuizAnswered)][-1] is Result.SILENT

    call = asked_behind(plan)
    answered = len(call.of(QuizAnswered))
    call(ContentEnded(at=after(at + ends + quiz.THINKING - SECONDS), id="cut", heard=HEARD))
    assert len(call.of(QuizAnswered)) == answered, "it was cut short, and is asked again"
    assert question_of(call).ask in call.said()


def test_a_confirmed_key_in_front_of_the_question_counts_too():
    call = Call(QUIZ)(held())(key("4", 50))(key("8", 70))
    question = question_of(call)
    begins, _ = when(call, question.ask)
    assert begins == QUIZ.prompts["en"]["louder"]

    call(key(str(question.right), 70 + begins / 2))
    assert call.of(QuizAnswered) == []
