from __future__ import annotations

from msgspec.structs import replace

from holdsvc.calls.events import AgentAnswered, CallerKnown, ContentEnded, DigitPressed, HeardUntil, NoticePosted
from holdsvc.calls.facts import NoticeTold
from holdsvc.calls.instructions import Play
from holdsvc.calls.model import Profile, PromptId, Talk
from holdsvc.calls.plan import Notice
from tests.calls.test_decide import Call, held
from tests.plans import PROMPTS, a_plan, after

STORM = Notice("n1", PromptId("notice_storm"))
QUIET = a_plan(prompts={"en": {**PROMPTS, "notice_storm": 3.0, "notice_outage": 2.0}})
LOUD = replace(QUIET, notice=STORM)


def posted(seconds, name="n1"):
    return NoticePosted(at=after(seconds), id=f"posted{name}{seconds}")


def ended(seconds):
    return ContentEnded(at=after(seconds), id=f"ended{seconds}")


def test_it_is_told_at_once_and_the_content_goes_on_where_it_was():
    call = Call(QUIET)(held())
    call.plan = LOUD

    call(NoticePosted(at=after(5), id="posted", heard=HeardUntil("waltz", 0.0, 5.0)))

    assert call.said()[0] == "notice_storm"
    (play, *_) = call.played()
    assert play[0] == "waltz"
    assert call.of(NoticeTold)[0].notice == "n1"


def test_each_caller_is_told_once():
    call = Call(LOUD)(held())
    assert call.said()[0] == "notice_storm"

    for event in (posted(5), ended(60), DigitPressed(at=after(70), id="key", digit="9")):
        call(event)
        assert "notice_storm" not in call.said()
    assert len(call.of(NoticeTold)) == 1


def test_a_new_one_is_told_to_those_who_heard_the_one_before():
    call = Call(LOUD)(held())
    call.plan = replace(QUIET, notice=Notice("n2", PromptId("notice_outage")))

    call(posted(20, "n2"))

    assert call.said()[0] == "notice_outage"


def test_an_older_one_that_stands_again_is_not_told_again():
    other = replace(QUIET, notice=Notice("n2", PromptId("notice_outage")))
    call = Call(LOUD)(held())
    call.plan = other
    call(posted(20, "n2"))
    call.plan = LOUD  # the other one was taken down

    assert "notice_storm" not in call(posted(30)).said()
    assert [fact.notice for fact in call.of(NoticeTold)] == ["n1", "n2"]


def test_who_wants_to_hear_of_moves_alone_is_told_no_notice():
    call = Call(QUIET)(CallerKnown(at=after(0), id="known", profile=Profile(talk=Talk.WHEN_MOVED)))(held())
    call.plan = LOUD

    call(posted(5))

    assert call.todo == ()
    assert call.of(NoticeTold) == []


def test_who_asked_us_to_say_nothing_is_told_nothing_and_the_sound_goes_on():
    call = Call(QUIET)(CallerKnown(at=after(0), id="known", profile=Profile(talk=Talk.NONE)))(held())
    call.plan = LOUD

    call(posted(5))

    assert call.todo == ()
    assert call.of(NoticeTold) == []


def test_without_a_recording_in_any_language_of_the_caller_nothing_is_said():
    call = Call(a_plan())(held())
    call.plan = a_plan(notice=STORM)

    assert call(posted(5)).todo == ()


def test_who_talks_to_an_agent_is_left_alone():
    call = Call(QUIET)(held())(AgentAnswered(at=after(30), id="answered"))
    call.plan = LOUD

    assert call(posted(40)).todo == ()


def test_a_menu_that_was_still_to_be_told_is_told_behind_it():
    call = Call(QUIET)(held())
    assert "choice_music" in call.said()
    call.plan = LOUD

    call(posted(2))

    assert call.said()[0] == "notice_storm"
    assert "choice_music" in call.said()


def test_a_menu_that_has_been_told_is_not_told_again():
    call = Call(QUIET)(held())
    call.plan = LOUD

    call(posted(100))

    assert call.said() == ["notice_storm"]


def test_the_same_news_twice_gives_the_same_turn():
    call = Call(QUIET)(held())
    call.plan = LOUD
    first = call(posted(5)).todo

    assert call(posted(5)).todo == first
    assert len(call.of(NoticeTold)) == 1
    assert any(isinstance(one, Play) for one in first)
