"""What is said where something begins or ends: a hold by the agent, a way out that leads nowhere, a stream that broke."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from holdsvc.calls.events import (
    AgentAnswered,
    CallArrived,
    CallerKnown,
    CallHeld,
    Departure,
    HoldResumed,
    LeftQueue,
    NoticePosted,
    StreamClosed,
    StreamOpened,
    UtteranceHeard,
)
from holdsvc.calls.facts import NoticeTold
from holdsvc.calls.instructions import Depart, EnterQueue, Listen, OpenStream, Play, Say
from holdsvc.calls.model import Profile, PromptId, Talk
from holdsvc.calls.plan import Media, Notice
from tests.calls.test_decide import Call, held, key
from tests.plans import NOON, PROMPTS, QUEUE, a_plan, after

SAID = {"en": {**PROMPTS, **dict.fromkeys(["hold_again", "goodbye", "sorry_trouble", "notice_storm"], 1.0)}}
PLAN, LIVE = a_plan(prompts=SAID), a_plan(prompts=SAID, media=Media.STREAM)
GOODBYE = Say(("goodbye",), "en")


def wanting(talk, plan=PLAN):
    return Call(plan)(CallerKnown(at=NOON, id="k", profile=Profile(talk=talk, choice="music")))


def put_aside(seconds, name="hold"):
    return CallHeld(at=after(seconds), id=f"{name}{seconds}", began=after(seconds), mid_call=True)


# --- put on hold by the agent ----------------------------------------------------------------------------------------------


def test_who_is_put_on_hold_by_the_agent_is_told_so_once_and_again_at_the_next_hold():
    call = wanting(Talk.FULL)(held())(AgentAnswered(at=after(60), id="answered"))
    said = []
    for event in (put_aside(120, "status"), put_aside(121), put_aside(180)):
        call(event)
        assert call.played()
        said.append(call.said())
    call(HoldResumed(at=after(200), id="resumed"))(put_aside(300))

    assert [*said, call.said()] == [["hold_again"], ["hold_again"], [], ["hold_again"]]


@pytest.mark.parametrize("talk", [Talk.WHEN_MOVED, Talk.NONE])
def test_who_wants_less_talk_hears_the_content_alone(talk):
    call = wanting(talk)(held())(AgentAnswered(at=after(60), id="answered"))(put_aside(120))

    assert call.said() == []
    assert call.played()


# --- out of the queue ------------------------------------------------------------------------------------------------------


def test_who_leaves_for_nowhere_is_not_hung_up_on_without_a_word():
    call = Call(PLAN)(held())(key("6"))(LeftQueue(at=after(21), id="l", why=Departure.CHOICE))

    assert call.todo == (GOODBYE, Depart(QUEUE, Departure.CHOICE))


def test_who_leaves_for_somewhere_goes_there():
    plan = replace(PLAN, sends_on=(Departure.CHOICE,))
    call = Call(plan)(held())(key("6"))(LeftQueue(at=after(21), id="l", why=Departure.CHOICE))

    assert call.todo == (Depart(QUEUE, Departure.CHOICE),)


def test_from_a_stream_as_from_documents():
    call = Call(LIVE)(CallArrived(at=NOON, id="a"))(StreamOpened(at=after(1), id="s"))(key("6"))

    call(StreamClosed(at=after(22), id="c"))

    assert call.todo == (GOODBYE, Depart(QUEUE, Departure.CHOICE))


# --- a stream that broke -----------------------------------------------------------------------------------------------------


def broke(second):
    return StreamClosed(at=after(second), id=f"c{second}")


def opened(second):
    return StreamOpened(at=after(second), id=f"o{second}")


def test_a_stream_that_broke_is_owned_up_to_on_the_next_one_where_a_key_is_heard():
    call = Call(LIVE)(CallArrived(at=NOON, id="a"))(opened(1))
    assert call(broke(9)).todo == (OpenStream(QUEUE),)

    call(opened(10))
    assert call.said() == ["sorry_trouble"]
    assert isinstance(call.todo[-1], Listen)

    call(key("2", 10.5))
    assert call.said() == ["now_podcast"]
    assert call.played() == [("episode-1", 0, None)]


def test_each_such_stream_once():
    call = Call(LIVE)(CallArrived(at=NOON, id="a"))(opened(1))
    said = []
    for event in (broke(9), broke(10), opened(11), key("1", 12), broke(30), opened(31)):
        call(event)
        said.append("sorry_trouble" in call.said())

    assert said == [False, False, True, False, False, True]


def test_where_no_stream_can_be_had_any_more_it_is_owned_up_to_in_the_first_document():
    call = Call(LIVE)(CallArrived(at=NOON, id="a"))
    answers = [call(broke(second)).todo for second in (1, 2, 3)]
    assert answers == [(OpenStream(QUEUE),), (OpenStream(QUEUE),), (EnterQueue(QUEUE),)]

    call.plan = PLAN  # as for every call that is to have documents
    said = [call(held(second)).said()[:1] for second in (4, 70)]
    assert said == [["sorry_trouble"], []]
    assert isinstance(call.todo[-1], Listen)


def test_so_it_is_where_there_is_nothing_to_choose_from():
    call = Call(replace(LIVE, items=()))(CallArrived(at=NOON, id="a"))
    said = []
    for event in (opened(1), broke(9), opened(10), broke(20), opened(21), broke(30), broke(31), broke(32)):
        call(event)
        said += [call.said()] if isinstance(event, StreamOpened) else []
    assert said == [[], ["sorry_trouble"], ["sorry_trouble"]]

    call.plan = replace(PLAN, items=())
    assert [call(held(second)).said() for second in (33, 90, 150)] == [["sorry_trouble"], [], []]


def test_whom_an_agent_has_answered_in_between_is_not_told_of_a_place_that_is_kept():
    call = Call(LIVE)(CallArrived(at=NOON, id="a"))(opened(1))(broke(9))(AgentAnswered(at=after(12), id="answered"))

    assert call(put_aside(120)).said() == ["hold_again"]
    assert "sorry_trouble" not in call(opened(121)).said()
    assert call.played()


def test_zero_means_the_menu_then_although_another_language_was_about_to_be_offered():
    words = {**SAID["en"], "language_offer": 1.0, "language_set": 1.0}
    both = {"en": words, "de": words}
    call = Call(a_plan(prompts=both, media=Media.STREAM))(CallArrived(at=NOON, id="a"))(opened(1))
    begins = (call.session.offer[0] - NOON).total_seconds()

    call(broke(begins))(opened(begins + 0.5))(key("0", begins + 1))

    assert call.said()[:1] == ["choice_music"]
    assert call.session.language == ""


def test_what_was_being_said_when_it_broke_is_over():
    call = Call(LIVE)(CallArrived(at=NOON, id="a"))(opened(1))(broke(9))
    call.session = replace(call.session, saying=(PromptId("more_talk"),))

    call(opened(10))

    assert call.said() == ["sorry_trouble"]


def test_who_wants_to_hear_nothing_is_told_nothing():
    call = wanting(Talk.NONE, LIVE)(CallArrived(at=NOON, id="a"))(opened(1))

    assert call(broke(9)).todo == (OpenStream(QUEUE),)
    assert call(opened(10)).said() == []


# --- a word from the floor ---------------------------------------------------------------------------------------------------


def test_a_word_from_the_floor_is_kept_where_the_turn_may_say_nothing():
    """What was only nearly understood is not answered on a stream: a notice would be counted as told and heard by nobody."""
    call = Call(LIVE)(CallArrived(at=NOON, id="a"))(StreamOpened(at=NOON, id="o"))
    call.plan = replace(LIVE, notice=Notice("n", PromptId("notice_storm")))

    call(UtteranceHeard(at=after(60), id="u", choice="music", near=True))
    assert (call.todo, call.of(NoticeTold)) == ((), [])

    assert call(NoticePosted(at=after(70), id="n")).said() == ["notice_storm"]
    assert any(isinstance(one, Play) for one in call.todo)
