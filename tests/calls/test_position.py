"""The place in the queue, as callers hear it: it improves or is not told."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from holdsvc.calls import position
from holdsvc.calls.briefing import brief
from holdsvc.calls.decide import decide
from holdsvc.calls.events import (
    AgentAnswered,
    CallArrived,
    CallerKnown,
    CallHeld,
    ContentEnded,
    DigitPressed,
    HeardUntil,
    NoticePosted,
    QueueMoved,
    ReleaseAsked,
    StreamClosed,
    StreamOpened,
    UtteranceHeard,
)
from holdsvc.calls.facts import Promised
from holdsvc.calls.instructions import Play, Say
from holdsvc.calls.model import Profile, PromptId, Talk
from holdsvc.calls.plan import Media, Notice
from holdsvc.calls.position import APART, BEYOND, EXACT, SETTLED
from holdsvc.calls.record import record
from tests.calls.test_decide import Call, key
from tests.calls.test_quizmaster import a_quiz_plan
from tests.plans import NOON, PROMPTS, a_plan, a_session, after

PLACES = {f"position_{place}": 1.0 for place in range(1, EXACT + 1)} | {"position_more": 2.0}
MORE = dict.fromkeys(["no_talk", "more_talk", "notice_storm"], 1.0)
SPOKEN = {"en": {**PROMPTS, **PLACES, **MORE}}
PLAN = a_plan(prompts=SPOKEN)
LIVE = a_plan(prompts=SPOKEN, media=Media.STREAM)


def in_line(seconds, place, size=30):
    return CallHeld(at=after(seconds), id=f"held{seconds}", began=NOON, position=place, size=size)


def moved(seconds, place, at_once=True):
    return QueueMoved(at=after(seconds), id=f"moved{seconds}", position=place, at_once=at_once)


def live(plan=LIVE):
    return Call(plan)(CallArrived(at=NOON, id="a"))(StreamOpened(at=NOON, id="o"))


def places(call):
    return [prompt for prompt in call.said() if prompt.startswith("position_")]


# --- in documents --------------------------------------------------------------------------------------------------------


def test_in_documents_it_is_told_between_two_of_them_and_the_music_goes_on_behind_it():
    call = Call(PLAN)(in_line(0, 4))
    assert places(call) == [], "hardly here"

    call(replace(in_line(75, 3), heard=HeardUntil("waltz", 0.0, 60.0)))

    say, play, *_ = call.todo
    assert say == Say(("position_3",), "en")
    assert isinstance(play, Play)
    assert (play.content, play.from_second, play.ducks) == ("waltz", 60, True)
    assert [fact.position for fact in call.of(Promised)] == [3]


def test_the_first_telling_needs_no_move():
    call = Call(PLAN)(in_line(0, 4))

    assert places(call(in_line(75, 4))) == ["position_4"]
    assert places(call(in_line(140, 4))) == [], "nothing new"
    assert places(call(in_line(205, 2))) == ["position_2"]


def test_who_was_sent_back_is_told_nothing_until_it_is_better_than_ever():
    call = Call(PLAN)(in_line(0, 5))(in_line(75, 3))

    heard = [places(call(in_line(75 + 65 * step, place))) for step, place in enumerate((7, 5, 4, 3, 2), 1)]

    assert heard == [[], [], [], [], ["position_2"]]


def test_places_behind_the_twentieth_share_one_sentence_told_once():
    call = Call(PLAN)(in_line(0, 90))

    heard = [places(call(in_line(65 * step, place))) for step, place in enumerate((88, 60, 21, 20), 1)]

    assert heard == [["position_more"], [], [], ["position_20"]]
    assert [fact.position for fact in call.of(Promised)] == [BEYOND, 20]


def test_a_place_that_is_not_known_is_not_told():
    call = Call(PLAN)(in_line(0, None))

    assert places(call(in_line(75, None))) == []


def test_it_is_not_told_where_the_queue_wants_none_and_not_without_a_recording():
    for plan in (replace(PLAN, tell_position=False), a_plan(), replace(PLAN, prompts_per_minute=0)):
        call = Call(plan)(in_line(0, 4))
        assert places(call(in_line(75, 3))) == []
        assert call.of(Promised) == []


def test_behind_a_stream_that_broke_the_platforms_queue_says_nothing_of_the_place():
    call = live()(StreamClosed(at=after(30), id="c1"))

    call(in_line(40, 1))

    assert places(call) == []
    assert call.session.position is None


def test_it_counts_as_a_prompt_that_was_not_asked_for():
    call = Call(replace(PLAN, prompts_per_minute=1))(in_line(0, 3))(in_line(75, 3))
    assert places(call) == ["position_3"]

    assert call(key("9", 80)).said() == [], "that was the one of this minute"


# --- on a stream -----------------------------------------------------------------------------------------------------------


def test_on_a_stream_it_is_told_at_once_when_nothing_else_is_said():
    call = live()

    call(moved(60, 3))

    assert places(call) == ["position_3"]
    assert next(one.ducks for one in call.todo if isinstance(one, Play))


def test_not_while_the_menu_is_told_or_answered():
    call = live()
    told = call.session.offer[1]

    assert call(moved(21, 2)).todo == ()
    assert call.session.position == 2
    seconds = (told - NOON).total_seconds()
    assert call(moved(seconds - 0.1, 2)).todo == ()
    assert places(call(moved(seconds, 2))) == ["position_2"]
    assert "choice_music" not in call.said(), "that was told"


def test_not_into_a_word_that_answers_a_key():
    call = live()(key("9", 100))
    assert call.said() == ["next"]

    assert call(moved(101, 2)).todo == ()
    assert places(call(moved(102, 2))) == ["position_2"]


def test_not_into_a_question_of_ours_that_waits_for_its_answer():
    plan = replace(LIVE, prompts={"en": {**SPOKEN["en"], "did_you_say_quiet": 1.0, "say_yes": 1.0}})
    call = live(plan)(UtteranceHeard(at=after(60), id="u", choice="quiet", near=True))
    assert call.said() == ["did_you_say_quiet", "say_yes"]

    assert call(moved(65, 2)).todo == (), "that was said, but may still be answered"
    assert places(call(moved(75, 2))) == ["position_2"]


def test_not_to_who_is_being_handed_over_or_on_the_way_out():
    handed = live()(ReleaseAsked(at=after(59), id="r"))
    leaving = Call(PLAN)(in_line(0, 2))(key("6", 59))

    assert handed(moved(60, 1)).of(Promised) == []
    assert leaving(in_line(75, 1)).of(Promised) == []


def test_what_came_at_no_good_moment_is_told_at_the_next_joint():
    call = live()(moved(21, 2))

    call(ContentEnded(at=after(130), id="e", heard=HeardUntil("waltz", 0.0, 130.0)))

    assert places(call) == ["position_2"]


def test_to_be_next_is_told_without_delay_and_the_rest_not_more_often_than_is_bearable():
    call = live()(moved(60, 5))

    assert call(moved(80, 4)).todo == ()
    assert places(call(moved(81, 1))) == ["position_1"]
    assert places(call) == call.said(), "and nothing else with it"
    assert call(moved(300, 1)).todo == ()


def test_the_same_news_again_gives_the_same_turn():
    call = live()
    first = call(moved(60, 3)).todo

    assert call(moved(60, 3)).todo == first
    assert len(call.of(Promised)) == 1


def test_news_for_a_joint_stops_no_sound():
    call = live()

    assert call(moved(60, 3, at_once=False)).todo == ()


def test_a_word_from_the_floor_into_the_place_lets_it_be_said_again_behind_it():
    call = live()(moved(60, 3))
    call.plan = replace(LIVE, notice=Notice("n", PromptId("notice_storm")))

    call(NoticePosted(at=after(60.5), id="n"))

    assert call.said() == ["notice_storm", "position_3"]


# --- in the quiz ---------------------------------------------------------------------------------------------------------


def quizzing(plan):
    call = live(plan)
    return call(key("4", 50))


def test_in_the_quiz_it_is_told_before_a_question_and_never_between_a_question_and_its_answer():
    plan = a_quiz_plan(media=Media.STREAM)
    plan = replace(plan, prompts={"en": {**plan.prompts["en"], **PLACES}})
    call = quizzing(plan)

    assert call(moved(60, 3)).todo == ()
    heard = HeardUntil("thinking", 0.0, 1.0)
    call(ContentEnded(at=after(80), id="answer", heard=heard))
    assert call.said()[0] == "quiz_time_up"
    call(ContentEnded(at=after(90), id="question", heard=heard))

    assert places(call) == ["position_3"]
    assert call.said()[1].endswith(".ask")


# --- how much somebody wants to hear ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("talk", "told"), [(Talk.FULL, 1), (Talk.WHEN_MOVED, 1), (Talk.NONE, 0)])
def test_only_when_i_move_is_kept(talk, told):
    known = CallerKnown(at=NOON, id="k", profile=Profile(talk=talk, choice="music"))
    documents = Call(PLAN)(known)(in_line(0, 4))(in_line(75, 3))
    stream = Call(LIVE)(known)(StreamOpened(at=NOON, id="o"))(CallArrived(at=NOON, id="a"))(moved(60, 3))

    assert len(places(documents)) == told
    assert len(places(stream)) == told


# --- what others are told of it --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        (1, "Was told to be next."),
        (7, "Was told to be number 7."),
        (40, "Was told not to be among the first 20."),
    ],
)
def test_the_agent_and_the_log_know_what_was_promised(place, sentence):
    call = Call(PLAN)(in_line(0, place))(in_line(75, place))

    assert sentence in brief(call.session, after(80))
    assert record(call.session).position_told == min(place, BEYOND)


def test_who_was_told_nothing_was_promised_nothing():
    call = Call(PLAN)(in_line(0, 4))

    assert record(call.session).position_told is None
    assert not any("told" in sentence for sentence in brief(call.session, after(80)))


def test_with_an_agent_nobody_has_a_place():
    call = live()(AgentAnswered(at=after(50), id="answered"))

    assert call(moved(60, 1)).todo == ()


# --- whatever happens ------------------------------------------------------------------------------------------------------

STEPS = st.tuples(
    st.floats(0.5, 90),
    st.one_of(st.none(), st.integers(1, 40)),
    st.sampled_from(["held", "moved", "joint", "ended", "#", "0", "9", "4", "2", "notice"]),
)


def a_step(number, at, place, what, streams):
    same = {"at": at, "id": f"step{number}"}
    match what:
        case "held" if not streams:
            return CallHeld(**same, began=NOON, position=place)
        case "moved" | "joint" if place:
            return QueueMoved(**same, position=place, at_once=what == "moved")
        case "#" | "0" | "9" | "4" | "2":
            return DigitPressed(**same, digit=what)
        case "notice":
            return NoticePosted(**same)
        case _:
            return ContentEnded(**same)


@given(st.booleans(), st.booleans(), st.lists(STEPS, max_size=40))
def test_whatever_happens_a_place_never_worsens_is_not_told_too_often_and_never_to_who_wants_no_talk(
    streams, quiz, history
):
    plan = a_quiz_plan(media=Media.STREAM if streams else Media.DOCUMENTS) if quiz else LIVE if streams else PLAN
    plan = replace(plan, prompts={"en": {**plan.prompts["en"], **PLACES, **MORE}}, notice=Notice("n", "notice_storm"))
    session, now, told = a_session(), NOON, []
    first = StreamOpened(at=NOON, id="o") if streams else CallHeld(at=NOON, id="h", began=NOON)
    for event in (CallArrived(at=NOON, id="a"), first):
        session = decide(session, event, plan).session
    for number, (seconds, place, what) in enumerate(history):
        now += timedelta(seconds=seconds)
        before = session
        decision = decide(session, a_step(number, now, place, what, streams), plan)
        session = decision.session
        said = [prompt for one in decision.instructions if isinstance(one, Say) for prompt in one.prompts]
        promised = [fact for fact in decision.facts if isinstance(fact, Promised)]
        assert len(promised) <= 1
        for fact in promised:
            assert position.prompt(fact.position) in said, "what is promised is said"
            assert before.talk is not Talk.NONE
            told.append((now, fact.position))
        if before.talk is Talk.NONE and what not in ("#", "0"):
            assert not any(prompt.startswith("position_") for prompt in said)
    assert all(at >= NOON + SETTLED for at, _ in told)
    for (earlier, worse), (later, better) in pairwise(told):
        assert better < worse
        assert better == 1 or later - earlier >= APART
