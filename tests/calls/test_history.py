import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdsvc.calls.events import (
    AgentAnswered,
    CallerHungUp,
    CallHeld,
    Departure,
    HoldResumed,
    LeftQueue,
    ReleaseAsked,
    WentElsewhere,
    WentSilent,
)
from holdsvc.calls.history import Hold, Rules, Stage, fold
from holdsvc.calls.model import Outcome
from tests.plans import after

RULES = Rules()


def held(seconds, began=None):
    return CallHeld(at=after(seconds), id=f"held{seconds}", began=after(seconds if began is None else began))


def answered(seconds, **more):
    return AgentAnswered(at=after(seconds), id=f"answered{seconds}{more.get('waited', '')}", **more)


def hung_up(seconds, **more):
    return CallerHungUp(at=after(seconds), id=f"hangup{seconds}", **more)


def left(seconds, why, **more):
    return LeftQueue(at=after(seconds), id=f"left{seconds}{why}", why=why, **more)


def elsewhere(seconds, why=Departure.OVERFLOW, *, settled=False):
    return WentElsewhere(at=after(seconds), id=f"elsewhere{seconds}{why}{settled}", why=why, settled=settled)


@pytest.mark.parametrize(
    ("events", "outcome", "seconds"),
    [
        ([held(0), answered(40)], Outcome.ANSWERED, 40),
        ([held(0), hung_up(40)], Outcome.ABANDONED, 40),
        ([held(0), hung_up(4.9)], Outcome.SHORT_ABANDONED, 4.9),
        ([held(0), hung_up(5)], Outcome.ABANDONED, 5),
        ([held(0), left(20, Departure.CHOICE)], Outcome.LEFT_BY_CHOICE, 20),
        ([held(0), left(20, Departure.CALLBACK)], Outcome.CALLBACK_TAKEN, 20),
        ([held(0), left(20, Departure.OVERFLOW)], Outcome.OVERFLOWED, 20),
        ([held(0), left(20, Departure.FAILURE)], Outcome.FAILED, 20),
        ([held(0), WentSilent(at=after(30), id="s")], Outcome.UNKNOWN, 30),
        ([held(0), held(60), WentSilent(at=after(60), id="s"), hung_up(50)], Outcome.ABANDONED, 50),
        ([held(0)], None, None),
    ],
)
def test_the_first_thing_that_ends_a_wait_is_how_it_ended(events, outcome, seconds):
    wait = fold(events, RULES).wait

    assert (wait.outcome, wait.seconds) == (outcome, seconds)


@pytest.mark.parametrize(
    ("events", "outcome", "seconds"),
    [
        ([held(0), elsewhere(40)], None, None),  # how it ended may still be told
        ([held(0), elsewhere(40, settled=True)], Outcome.OVERFLOWED, 40),
        ([held(0), elsewhere(40, Departure.CHOICE, settled=True)], Outcome.LEFT_BY_CHOICE, 40),
        ([held(0), elsewhere(40), answered(90, waited=30)], Outcome.ANSWERED, 30),
        ([held(0), elsewhere(40), answered(41)], Outcome.ANSWERED, 40),
        ([held(0), elsewhere(40, settled=True), left(39, Departure.CHOICE)], Outcome.LEFT_BY_CHOICE, 39),
        ([held(0), elsewhere(40, settled=True), left(55, Departure.CHOICE)], Outcome.LEFT_BY_CHOICE, 40),
        ([held(0), hung_up(39), elsewhere(40, settled=True)], Outcome.OVERFLOWED, 40),
        ([held(0), elsewhere(40, settled=True), hung_up(90), answered(80)], Outcome.OVERFLOWED, 40),
        ([held(0), elsewhere(40), WentSilent(at=after(39), id="s")], None, None),
    ],
)
def test_who_went_elsewhere_waits_no_more_and_has_not_hung_up(events, outcome, seconds):
    wait = fold(events, RULES).wait

    assert (wait.outcome, wait.seconds) == (outcome, seconds)


def test_a_talk_is_over_for_this_wait_when_the_caller_is_elsewhere():
    history = fold([held(0), answered(40), held(100), elsewhere(130), answered(200)], RULES)

    assert history.stage is Stage.ENDED
    assert history.holds == (Hold(after(100), after(130)),)


def test_a_wait_begins_when_the_caller_was_held_not_when_we_heard_of_it():
    assert fold([held(12, began=3), held(60, began=3)], RULES).wait.began == after(3)


def test_late_news_is_dated_by_the_platforms_whole_seconds():
    wait = fold([held(0), answered(300, waited=42, exact=False), hung_up(300.1)], RULES).wait

    assert (wait.outcome, wait.seconds) == (Outcome.ANSWERED, 42)


def test_prompt_news_is_dated_by_our_own_receipt():
    assert fold([held(0.3), hung_up(42.9, waited=42)], RULES).wait.seconds == pytest.approx(42.6)


def test_our_own_receipt_beats_an_approximation_of_the_same_thing():
    events = [held(0), answered(42.7), answered(300, waited=42, exact=False)]

    assert fold(events, RULES).wait.seconds == pytest.approx(42.7)


def test_an_abandonment_is_corrected_by_an_answer_that_came_first():
    assert fold([held(0), hung_up(30), answered(29)], RULES).wait.outcome is Outcome.ANSWERED


def test_a_hang_up_known_only_to_the_second_loses_to_an_answer_in_that_second():
    events = [held(0), answered(40.6), hung_up(40, exact=False)]

    assert fold(events, RULES).wait == fold(events[:2], RULES).wait


def test_a_release_counts_as_answer_only_where_no_hook_tells_of_it():
    events = [held(0), ReleaseAsked(at=after(20), id="r"), hung_up(90)]

    assert fold(events, Rules(release_answers=True)).wait.outcome is Outcome.ANSWERED
    assert fold(events, Rules(release_answers=False)).wait.outcome is Outcome.ABANDONED


def test_a_hold_in_mid_call_is_kept_apart_from_the_wait():
    events = [
        held(0),
        answered(40),
        held(100),
        HoldResumed(at=after(130), id="back"),
        held(200),
        answered(220),
        hung_up(300),
    ]

    history = fold(events, RULES)

    assert history.wait.seconds == 40
    assert history.holds == (Hold(after(100), after(130)), Hold(after(200), after(220)))
    assert history.stage is Stage.ENDED


def test_a_beginning_that_was_only_concluded_gives_way_to_one_that_was_told():
    guess = CallHeld(at=after(50), id="guess", began=after(-1), inferred=True)

    assert fold([guess, hung_up(50)], RULES).wait.began == after(-1)
    assert fold([guess, held(0), hung_up(50)], RULES).wait.began == after(0)


def test_a_hold_by_the_agent_of_a_call_that_never_waited_here_is_no_wait():
    aside = CallHeld(at=after(10), id="aside", began=after(10), mid_call=True)

    history = fold([aside, HoldResumed(at=after(40), id="back")], RULES)

    assert history.wait is None
    assert history.holds == (Hold(after(10), after(40)),)


def test_a_sign_of_life_belies_an_earlier_silence():
    events = [held(0), WentSilent(at=after(30), id="s")]

    assert fold(events, RULES, latest=after(30)).wait.outcome is Outcome.UNKNOWN
    assert fold(events, RULES, latest=after(31)).wait.outcome is None


SIX = [held(0), held(60, began=0.4), answered(75.5), held(120), HoldResumed(at=after(140), id="back"), hung_up(200)]


def test_all_permutations_of_six_events_with_one_duplicate_each_fold_to_the_same_record():
    truth = fold(SIX, RULES)
    seen = 0

    for twice in SIX:
        for order in itertools.permutations(SIX):
            assert fold([*order[:3], twice, *order[3:]], RULES) == truth
            seen += 1

    assert seen == 6 * 720
    assert (truth.wait.outcome, truth.wait.seconds, len(truth.holds)) == (Outcome.ANSWERED, 75.5, 1)


moments = st.integers(0, 4000).map(lambda tenths: tenths / 10)
life = st.one_of(
    moments.map(held),
    moments.map(answered),
    moments.map(hung_up),
    st.builds(left, moments, st.sampled_from(Departure)),
    st.builds(lambda at, waited: answered(at, waited=waited, exact=False), moments, st.integers(0, 400)),
    moments.map(lambda at: HoldResumed(at=after(at), id=f"back{at}")),
    st.builds(
        lambda at, why, settled: elsewhere(at, why, settled=settled), moments, st.sampled_from(Departure), st.booleans()
    ),
)


@given(
    st.lists(life, max_size=12).flatmap(lambda events: st.tuples(st.just(events), st.permutations(events + events[:3])))
)
def test_any_order_and_repetition_gives_one_history(pair):
    events, shuffled = pair

    assert fold(shuffled, RULES) == fold(events, RULES)


@given(st.lists(life, max_size=12))
def test_a_wait_ends_once_and_never_before_it_began(events):
    wait = fold(events, RULES).wait

    assert wait is None or wait.ended is None or wait.ended >= wait.began
