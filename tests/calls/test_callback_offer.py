"""What a caller hears who would rather be called back, on documents and on a stream."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from holdsvc.calls.briefing import brief
from holdsvc.calls.estimate import Departed, Movement
from holdsvc.calls.events import (
    AgentAnswered,
    CallArrived,
    CallerHungUp,
    CallerKnown,
    ContentEnded,
    Departure,
    LeftQueue,
    StreamClosed,
    StreamOpened,
    TimeCame,
    UtteranceHeard,
)
from holdsvc.calls.facts import CallbackAsked, CallbackOffered, CallbackSettled, ContentChosen, QuizAnswered, WaitEnded
from holdsvc.calls.history import Stage
from holdsvc.calls.instructions import Depart, LeaveQueue, Listen, Play, Release
from holdsvc.calls.menu import CALLBACK, CALLBACK_WORDS, SHIPPED, Action, Choice
from holdsvc.calls.model import CallerId, Outcome, Owed, Talk
from holdsvc.calls.plan import CallbackOffer, Media, offered
from holdsvc.calls.session import Asked
from tests.calls.test_decide import Call, held, key
from tests.calls.test_quizmaster import a_quiz_plan
from tests.plans import ITEMS, NOON, PROMPTS, QUEUE, a_plan, after

ENTRY = Choice(CALLBACK, Action.CALLBACK, "6", CALLBACK_WORDS)
NAMES = "choice_callback_6 callback_ask callback_already callback_promised callback_no_number callback_not_now goodbye"
SAID = {"en": {**PROMPTS, **dict.fromkeys(NAMES.split(), 4.0)}}
MENU = offered((*SHIPPED, ENTRY), ITEMS)
PLAN = a_plan(prompts=SAID, menu=MENU, callback=CallbackOffer(after=30.0))
LIVE = a_plan(prompts=SAID, menu=MENU, callback=CallbackOffer(after=30.0), media=Media.STREAM)
KNOWN = CallerKnown(at=NOON, id="known", caller=CallerId("pseudonym"), masked="+15…23")
EARLIER = Owed(QUEUE, after(-900), after(-800))


def waiting(plan=PLAN, known=KNOWN):
    call = Call(plan)(known) if known else Call(plan)
    return call(held())


def streaming(plan=LIVE, known=KNOWN):
    call = Call(plan)(known)(CallArrived(at=NOON, id="arrived"))
    return call(StreamOpened(at=after(1), id="opened"))


def said(word, seconds, **more):
    return UtteranceHeard(at=after(seconds), id=f"said{seconds}", choice=word, **more)


def asked(call):
    return [fact for fact in call.facts if isinstance(fact, CallbackAsked)]


# --- asking, and the promise -------------------------------------------------------------------------------------------------


def test_the_key_asks_once_and_one_takes_it_with_the_place_of_the_wait():
    call = waiting()(key("6", 60))
    assert call.said() == ["callback_ask"]
    assert any(isinstance(one, Play) for one in call.todo)

    call(key("1", 66))

    assert call.said() == ["callback_promised"]
    assert isinstance(call.todo[-1], LeaveQueue)
    assert asked(call) == [CallbackAsked(at=after(66), queue=QUEUE, began=NOON)]
    assert [fact.choice for fact in call.facts if isinstance(fact, ContentChosen)] == ["music", "callback"]

    call(LeftQueue(at=after(75), id="left", why=Departure.CHOICE))

    assert call.session.outcome is Outcome.CALLBACK_TAKEN
    assert call.todo == (Depart(QUEUE, Departure.CALLBACK),)  # no second goodbye


def test_on_a_stream_the_promise_is_said_and_the_stream_ends():
    call = streaming()(key("6", 60))(key("1", 66))

    assert call.said() == ["callback_promised"]
    assert isinstance(call.todo[-1], Release)
    assert call.session.outcome is Outcome.CALLBACK_TAKEN
    call(StreamClosed(at=after(72), id="closed"))
    assert call.todo == (Depart(QUEUE, Departure.CALLBACK),)


def test_who_hangs_up_on_the_promise_has_taken_it():
    call = waiting()(key("6", 60))(key("1", 66))(CallerHungUp(at=after(68), id="gone"))

    assert [fact.outcome for fact in call.facts if isinstance(fact, WaitEnded)] == [Outcome.CALLBACK_TAKEN]


def test_yes_and_the_same_by_voice():
    call = waiting()(said("callback", 60))
    listen = next(one for one in call.todo if isinstance(one, Listen))
    assert "yes" in [choice.id for choice in listen.menu.choices]

    call(said("yes", 67))

    assert len(asked(call)) == 1
    assert call.said() == ["callback_promised"]


@pytest.mark.parametrize("other", [*"02345789*#", "6"])
def test_any_other_key_keeps_waiting_with_what_was_heard(other):
    call = waiting()(key("6", 60))
    choice, gain = call.session.choice, call.session.gain

    call(key(other, 66))

    assert (call.said(), asked(call), call.session.history.stage) == ([], [], Stage.WAITING)
    assert (call.session.choice, call.session.gain) == (choice, gain)
    assert call.played()


@pytest.mark.parametrize("word", [said("no", 66), said("", 66), said("yes", 66, near=True), said("callback", 66)])
def test_no_and_what_was_hardly_heard_is_no_yes(word):
    call = waiting()(key("6", 60))(word)

    assert asked(call) == []
    assert call.session.history.stage is Stage.WAITING


def test_a_clear_wish_for_something_else_is_obeyed():
    call = waiting()(key("6", 60))(said("podcast", 66))

    assert (asked(call), call.session.choice) == ([], "podcast")


def test_one_means_music_again_when_the_question_is_over():
    call = waiting()(key("2", 50))(key("6", 60))(key("1", 60 + 4 + 11))

    assert (asked(call), call.session.choice) == ([], "music")


def test_one_press_is_one_promise_however_often_it_is_told():
    call = waiting()(key("6", 60))(key("1", 66))(key("1", 66))(key("1", 66))

    assert len(asked(call)) == 1


def test_who_is_owed_one_is_told_so_and_keeps_the_earlier_place():
    call = waiting(known=replace(KNOWN, owed=(EARLIER,)))(key("6", 60))
    assert call.said() == ["callback_already", "callback_ask"]

    call(key("1", 68))

    assert asked(call) == [CallbackAsked(at=after(68), queue=QUEUE, began=EARLIER.began, again=True)]
    assert call.session.owed == (EARLIER,)


# --- where it cannot be had --------------------------------------------------------------------------------------------------


def test_who_shows_no_number_hears_that_it_cannot_be_done_and_the_music_goes_on():
    call = waiting(known=CallerKnown(at=NOON, id="known"))(key("6", 60))

    assert call.said() == ["callback_no_number"]
    assert call.played()
    assert call(key("1", 66)).session.history.stage is Stage.WAITING
    assert asked(call) == []


def test_before_its_time_it_cannot_be_had():
    assert waiting()(key("6", 29)).said() == ["callback_not_now"]
    assert waiting()(key("6", 30)).said() == ["callback_ask"]


def test_where_the_queue_offers_none_the_key_means_nothing():
    call = Call(a_plan(prompts=SAID, menu=offered(SHIPPED, ITEMS)))(KNOWN)(held())(key("6", 60))

    assert call.said()[:1] == ["not_understood"]


@pytest.mark.parametrize(("pace", "says"), [(10.0, "callback_not_now"), (200.0, "callback_ask")])
def test_where_the_wait_will_be_short_it_cannot_be_had(pace, says):
    ends = tuple(
        Departed(NOON.timestamp() - pace * (n + 3), NOON.timestamp() - pace * n, Outcome.ANSWERED)
        for n in range(9, 0, -1)
    )
    call = waiting(replace(PLAN, callback=CallbackOffer(after=30.0, least_wait=120.0)))
    call.session = replace(call.session, movement=Movement(ends, (NOON.timestamp(),)))

    assert call(key("6", 60)).said() == [says]


def test_a_wait_that_nobody_can_estimate_is_long_enough():
    call = waiting(replace(PLAN, callback=CallbackOffer(after=30.0, least_wait=120.0)))

    assert call(key("6", 60)).said() == ["callback_ask"]


def test_on_hold_in_mid_call_there_is_none():
    call = waiting()(AgentAnswered(at=after(40), id="answered"))
    call(replace(held(), id="again", at=after(60), began=after(60), mid_call=True))

    assert call(key("6", 70)).said() == ["callback_not_now"]
    assert asked(call) == []


def test_a_confirmation_that_comes_behind_the_answer_promises_nothing():
    call = waiting()(key("6", 60))(AgentAnswered(at=after(63), id="answered"))(key("1", 66))

    assert (asked(call), call.session.outcome) == ([], Outcome.ANSWERED)


# --- telling of it -----------------------------------------------------------------------------------------------------------


def test_it_is_told_once_at_the_first_joint_after_its_time():
    call = waiting()
    heard = [call(ContentEnded(at=after(at), id=f"end{at}")).said() for at in (25, 60, 120)]

    assert [one[:1] == ["choice_callback_6"] for one in heard] == [False, True, False]
    assert [fact.at for fact in call.facts if isinstance(fact, CallbackOffered)] == [after(60)]


def test_on_a_stream_an_alarm_tells_of_it_while_the_content_goes_on():
    call = streaming()
    assert call.session.wake_at == after(30)

    call(TimeCame(at=after(30), id="time"))

    assert call.said() == ["choice_callback_6"]
    assert call.played()
    assert call.session.wake_at > after(60)
    assert call(TimeCame(at=after(40), id="later")).todo == ()


def test_nobody_is_interrupted_for_it_and_the_alarm_rings_again_when_all_is_said():
    call = streaming()
    call.session = replace(call.session, talks_until=after(45))

    call(TimeCame(at=after(30), id="time"))

    assert call.todo == ()
    assert call.session.wake_at == after(45)
    assert call(TimeCame(at=after(45), id="later")).said() == ["choice_callback_6"]


def test_where_a_question_is_open_it_is_told_at_the_next_joint():
    call = streaming()(key("6", 28))
    call.session = replace(call.session, asked=Asked("podcast", "asked", after(60), after(60)), talks_until=None)

    call(TimeCame(at=after(30), id="time"))

    assert call.todo == ()
    assert call.session.wake_at > after(60)
    assert call(ContentEnded(at=after(100), id="end")).said()[:1] == ["choice_callback_6"]


@pytest.mark.parametrize(
    "known",
    [CallerKnown(at=NOON, id="known"), replace(KNOWN, owed=(EARLIER,))],
    ids=["without a number", "owed already"],
)
def test_who_cannot_have_it_is_not_told_of_it(known):
    call = waiting(known=known)(ContentEnded(at=after(60), id="end"))

    assert "choice_callback_6" not in call.said()


def test_who_wants_less_talk_is_not_told_of_it():
    call = waiting()(key("#", 20))
    assert call.session.talk is not Talk.FULL

    assert "choice_callback_6" not in call(ContentEnded(at=after(60), id="end")).said()


def test_zero_tells_of_it_with_the_choices_and_changes_the_language_as_ever():
    call = waiting()(key("0", 60))

    assert call.said()[:2] == ["choice_callback_6", "choice_music"]


# --- who calls again ---------------------------------------------------------------------------------------------------------


def test_who_is_owed_one_and_is_answered_need_not_be_called():
    call = waiting(known=replace(KNOWN, owed=(EARLIER,)))
    assert "Is owed a call-back, promised 14 minutes 20 seconds ago." in brief(call.session, after(60))

    call(AgentAnswered(at=after(60), id="answered"))

    assert [fact for fact in call.facts if isinstance(fact, CallbackSettled)] == [
        CallbackSettled(at=after(60), queue=QUEUE)
    ]
    assert call.session.owed == ()


def test_what_another_queue_owes_stays_owed():
    other = Owed("billing", NOON, NOON)
    call = waiting(known=replace(KNOWN, owed=(other,)))(AgentAnswered(at=after(60), id="answered"))

    assert not any(isinstance(fact, CallbackSettled) for fact in call.facts)
    assert call.session.owed == (other,)


def test_an_answer_that_is_told_late_settles_what_was_promised_after_it():
    call = waiting()(key("6", 60))(key("1", 66))(LeftQueue(at=after(75), id="left", why=Departure.CHOICE))

    call(AgentAnswered(at=after(64), id="answered"))

    assert call.session.outcome is Outcome.ANSWERED
    assert any(isinstance(fact, CallbackSettled) for fact in call.facts)


# --- in the quiz -------------------------------------------------------------------------------------------------------------


def in_the_quiz():
    quiz = a_quiz_plan()
    menu = offered((*SHIPPED, ENTRY), quiz.items)
    plan = replace(quiz, menu=menu, callback=CallbackOffer(), prompts={"en": {**quiz.prompts["en"], **SAID["en"]}})
    return waiting(plan)(key("4", 40))


def test_in_the_quiz_one_takes_it_while_we_ask_and_is_an_answer_when_the_question_comes_again():
    taken = in_the_quiz()(key("6", 60))(key("1", 63))
    played = in_the_quiz()(key("6", 60))(key("1", 60 + 4 + 2))

    assert (len(asked(taken)), taken.said()) == (1, ["callback_promised"])
    assert (asked(played), len(played.of(QuizAnswered))) == ([], 1)
