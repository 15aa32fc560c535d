"""What was only nearly understood is asked about once; yes, no and silence; and "no" takes back what a word just did."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdsvc.calls import asking
from holdsvc.calls.events import HeardUntil, StreamOpened, UtteranceHeard
from holdsvc.calls.facts import ContentChosen, NotUnderstood
from holdsvc.calls.instructions import Listen
from holdsvc.calls.menu import SHIPPED, Action
from holdsvc.calls.model import Talk, Via
from holdsvc.calls.plan import offered
from tests.calls.test_decide import Call, held, key
from tests.plans import NOON, PROMPTS, a_plan, after

QUESTIONS = ("did_you_say_music_jazz", "did_you_say_podcast", "did_you_say_quiet", "say_yes")
PLAN = a_plan(prompts={"en": {**PROMPTS, **dict.fromkeys(QUESTIONS, 1.5)}})
ASKED = ["did_you_say_music_jazz", "say_yes"]


def called(plan=PLAN, live=True):
    call = Call(plan)(held())
    return call(StreamOpened(at=NOON, id="open")) if live else call


def nearly(choice, seconds, **more):
    return UtteranceHeard(at=after(seconds), id=f"near{choice}{seconds}", choice=choice, score=0.1, near=True, **more)


def surely(choice, seconds, **more):
    return UtteranceHeard(at=after(seconds), id=f"sure{choice}{seconds}", choice=choice, score=0.9, **more)


def chosen(call):
    found = [(fact.choice, fact.via) for fact in call.facts if isinstance(fact, ContentChosen)]
    return [one for one in found if one[1] is not Via.DEFAULT]


@pytest.mark.parametrize("live", [True, False])
def test_a_near_word_is_asked_about_while_the_content_goes_on_and_yes_does_it(live):
    call = called(live=live)
    playing = call.played()[0][0]

    call(nearly("music:jazz", 9))

    assert call.said()[:2] == ASKED
    assert call.played()[0][0] == playing
    assert chosen(call) == []
    call(surely("yes", 13))
    assert chosen(call) == [("music:jazz", Via.VOICE)]
    assert call.played()[0][0] == "swing"


@pytest.mark.parametrize("yes", [key("1", 13), surely("music:jazz", 13), nearly("music:jazz", 13), nearly("yes", 13)])
def test_key_one_or_the_same_word_again_is_a_yes(yes):
    call = called()(nearly("music:jazz", 9))

    call(yes)

    assert chosen(call) == [("music:jazz", Via.VOICE)]


@pytest.mark.parametrize("no", [surely("no", 13), nearly("no", 13), nearly("podcast", 13), surely("", 13)])
def test_no_and_what_is_not_understood_leave_everything_as_it_was_without_a_word(no):
    call = called()
    playing = call.played()[0][0]
    call(nearly("music:jazz", 9))

    call(no)

    assert (chosen(call), call.said()) == ([], [])
    assert call.played()[0][0] == playing
    assert not any(isinstance(fact, NotUnderstood) for fact in call.facts)


def test_behind_a_no_or_silence_nothing_is_asked_for_a_while_and_then_again():
    call = called()(nearly("music:jazz", 9))(surely("no", 12))

    call(nearly("podcast", 13))
    assert call.todo == (), "the sound goes on"
    call(nearly("podcast", 12 + asking.REST.total_seconds() + 1))
    assert call.said()[:1] == ["did_you_say_podcast"]
    silent = call.session.asked.until + timedelta(seconds=1)
    call(UtteranceHeard(at=silent, id="late", choice="music:jazz", near=True))
    assert call.todo == ()


def test_a_yes_that_nothing_was_asked_for_chooses_nothing():
    call = called()
    assert asking.menu(call.session, PLAN, after(5)).by_id("yes") is None
    call(nearly("music:jazz", 9))
    until = call.session.asked.until

    assert asking.menu(call.session, PLAN, until).by_id("yes") is not None
    assert asking.menu(call.session, PLAN, until + timedelta(seconds=1)).by_id("yes") is None
    call(UtteranceHeard(at=until + timedelta(seconds=1), id="y", choice="yes", score=0.9))
    assert chosen(call) == []


def test_another_clear_wish_and_another_key_are_obeyed_in_place_of_an_answer():
    assert chosen(called()(nearly("music:jazz", 9))(surely("podcast", 12))) == [("podcast", Via.VOICE)]
    assert chosen(called()(nearly("music:jazz", 9))(key("5", 12))) == [("quiet", Via.KEY)]


@pytest.mark.parametrize("live", [True, False])
def test_zero_tells_the_choices_where_our_question_cut_the_offers_of_other_languages_short(live):
    """Once, zero meant another language there, which nobody had been offered."""
    spoken = {**PLAN.prompts["en"], "language_offer": 1.5, "language_set": 1.5}
    both = {"en": spoken, "es": spoken}
    call = called(a_plan(prompts=both, menu=offered(SHIPPED, PLAN.items, tuple(both))), live=live)
    told, until = call.session.offer
    seconds = (told - NOON).total_seconds() - 1.0
    call(nearly("music:jazz", seconds))

    call(key("0", (until - NOON).total_seconds() - 0.5))

    assert call.said()[0] == "choice_music"
    assert call.session.language == ""


def test_an_utterance_that_is_told_twice_is_asked_about_once():
    call = called()(nearly("music:jazz", 9))
    before = call.session

    call(nearly("music:jazz", 9))

    assert call.session == before
    assert call.said()[:2] == ASKED


def test_who_wants_no_talk_is_not_asked_nor_is_anybody_more_often_than_the_queue_allows():
    silent = called()(key("#", 1))(key("#", 2))
    assert silent.session.talk is Talk.NONE
    assert silent(nearly("music:jazz", 9)).todo == ()

    full = called(a_plan(prompts=PLAN.prompts, prompts_per_minute=0))
    assert full(nearly("music:jazz", 9)).todo == ()


def test_what_no_recording_asks_about_is_let_go_on_a_stream_and_not_understood_in_a_document():
    live = called()
    before = live.session
    live(nearly("music:classical", 9))
    assert live.todo == ()
    assert live.session.choice == before.choice

    assert called(live=False)(nearly("music:classical", 9)).said()[:1] == ["not_understood"]


def test_a_platform_that_recognises_speech_itself_is_told_to_listen_for_yes():
    call = called(live=False)
    assert not hears(call, "yes")

    assert hears(call(nearly("music:jazz", 9)), "yes")


def hears(call, word):
    return any(word in one.menu.words for one in call.todo if isinstance(one, Listen))


# --- taking back -----------------------------------------------------------------------------------------------------------


def test_no_shortly_after_a_word_was_obeyed_takes_it_back_to_the_very_second():
    call = called()
    playing = call.played()[0][0]
    call(surely("podcast", 20, heard=HeardUntil(playing, 0.0, 20.0)))
    assert call.session.choice == "podcast"

    call(surely("no", 24, heard=HeardUntil("episode-1", 0.0, 3.0)))

    assert call.session.choice == "music"
    assert call.played()[0][:2] == (playing, 20.0)
    assert call.said() == []


@pytest.mark.parametrize("word", ["louder", "less_talk", "next"])
def test_no_takes_back_what_callers_set_too(word):
    call = called()
    before = call.session

    call(surely(word, 20))
    call(surely("no", 22))

    after_all = call.session
    assert (after_all.gain, after_all.talk, after_all.now) == (before.gain, before.talk, before.now)


def test_no_at_any_other_time_means_quiet_and_stop_always_does():
    assert called()(surely("no", 30)).session.choice == "quiet"
    assert called()(key("2", 5))(surely("no", 7)).session.choice == "quiet", "what a key did was meant"
    late = 5 + asking.TAKEN_BACK.total_seconds() + 1
    assert called()(surely("podcast", 5))(surely("no", late)).session.choice == "quiet"
    assert called()(surely("podcast", 5))(surely("quiet", 7)).session.choice == "quiet"


def test_no_and_stop_can_always_be_said():
    known = asking.menu(called().session, PLAN, after(1))

    assert known.by_id("no").action is Action.NO
    assert known.choices[: len(PLAN.menu.choices)] == PLAN.menu.choices, "the menu comes first"


words = st.sampled_from(
    ["music:jazz", "podcast", "quiet", "yes", "no", "next", "louder", "item:swing", "item:gone", ""]
)
acts = st.lists(st.tuples(words, st.booleans(), st.floats(0.1, 30.0)), max_size=30)


@given(acts, st.booleans())
@settings(max_examples=150, deadline=None)
def test_whatever_is_said_sound_goes_on_and_nobody_is_asked_again_soon_but_after_a_yes(said, live):
    call, now, asked_at, done = called(live=live), 1.0, float("-inf"), 0

    for number, (word, near, pause) in enumerate(said):
        now += pause
        call(UtteranceHeard(at=after(now), id=f"u{number}", choice=word, near=near))
        assert call.todo == () or call.played()
        if call.said() and call.said()[0].startswith("did_you_say"):
            assert now - asked_at > asking.REST.total_seconds() or len(chosen(call)) > done
            asked_at, done = now, len(chosen(call))
