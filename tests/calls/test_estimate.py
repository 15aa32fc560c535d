"""The expected wait: held against reference values, against what it must never say, and against histories of any kind."""

from math import comb, inf, isfinite

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from holdsvc.calls import estimate
from holdsvc.calls.estimate import Departed, Ground, Movement, Pace, expected
from holdsvc.calls.model import Outcome

NOW = 1_772_452_800.0
TENTH = estimate.TENTH


def answered(began: float, ended: float) -> Departed:
    return Departed(NOW + began, NOW + ended, Outcome.ANSWERED)


def gave_up(began: float, ended: float) -> Departed:
    return Departed(NOW + began, NOW + ended, Outcome.ABANDONED)


def steady(count: int = 30, every: float = 20.0, wait: float = 90.0) -> tuple[Departed, ...]:
    """One was answered every so many seconds until now, each after the same wait."""
    return tuple(answered(-every * n - wait, -every * n) for n in reversed(range(count)))


def since(*waiting: float) -> tuple[float, ...]:
    return tuple(NOW - seconds for seconds in waiting)


MOVING = Movement(steady(), since(80.0, 60.0, 40.0))


# --- reference values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agents", "talks", "giving_up", "in_front", "patient", "impatient"),
    [(50, 1.0, 0.5, 10, 13.2, 12.5828), (10, 1 / 3, 0.5, 20, 378.0, 177.816)],
)
def test_the_sum_of_the_departures_in_front_is_the_reference(agents, talks, giving_up, in_front, patient, impatient):
    rate, leaving = agents * talks / 60, giving_up / 60  # per minute there, per second here

    assert estimate.departures(rate, 0.0, in_front, 1) == pytest.approx(patient, abs=5e-4)
    assert estimate.departures(rate, leaving, in_front, 1) == pytest.approx(impatient, abs=5e-4)


def test_patience_counts_those_who_were_answered_as_having_waited_too():
    waits = [(10, "A"), (15, "S"), (20, "A"), (20, "S"), (30, "A"), (45, "S"), (60, "A")]
    departed = [(gave_up if end == "A" else answered)(-seconds, 0.0) for seconds, end in waits]

    assert estimate.impatience(departed) == pytest.approx(0.02)
    assert estimate.impatience(departed, waiting=200.0) == pytest.approx(0.01)


@pytest.mark.parametrize(("count", "beyond", "ranks"), [(99, 0.1, (10, 90)), (8, 0.1, (0, 9)), (9, 0.1, (1, 9))])
def test_the_ends_of_a_range_are_the_ranks_of_the_reference_and_of_eight_there_are_none(count, beyond, ranks):
    assert estimate.rank(count, beyond) == ranks


def test_no_longer_rest_is_told_the_longer_somebody_has_waited_where_the_average_is_two_minutes():
    departed = tuple(answered(-40.0 * n - 120.0 - n % 3, -40.0 * n) for n in range(20))
    moving = Pace(20, 1 / 40, 0.0, tuple(sorted(one.ended - one.began for one in departed)), False, False)

    told = [estimate.still(moving, 3, waited) for waited in (0, 60, 120, 150, 210, 300, 600)]

    likely = [one.expected.likely for one in told if one is not None]
    assert likely == sorted(likely, reverse=True)
    assert likely[:2] == [121.0, 61.0]
    assert told[3:] == [None] * 4, "who has waited longer than anybody answered lately is told nothing"


@pytest.mark.parametrize("steps", [1, 2, 5, 21, 80])
@pytest.mark.parametrize("answers", [5, 12, 40])
def test_a_tenth_lies_beyond_either_end_as_the_exact_distribution_has_it(steps, answers):
    for deviations, share in ((-TENTH, 0.1), (TENTH, 0.9)):
        point = estimate.spread(steps, answers, deviations) * steps / answers
        x, n = point / (1 + point), steps + answers - 1

        exact = sum(comb(n, j) * x**j * (1 - x) ** (n - j) for j in range(steps, n + 1))

        assert exact == pytest.approx(share, abs=0.012)


@pytest.mark.parametrize("leaving", [0.0, 1e-12, 0.001, 0.5])
@pytest.mark.parametrize("power", [1, 2])
def test_thousands_in_front_are_summed_up_as_if_one_by_one(leaving, power):
    whole = sum((0.05 + place * leaving) ** -power for place in range(5001))

    assert estimate.departures(0.05, leaving, 5000, power) == pytest.approx(whole, rel=1e-4)


# --- with ground and without -----------------------------------------------------------------------------------------------------


def test_with_an_answer_every_twenty_seconds_the_third_in_line_waits_about_a_minute():
    told = expected(MOVING, NOW, NOW - 40.0)

    assert told is not None
    assert told.likely == pytest.approx(60.0, rel=0.05)
    assert told.low < 40 < 80 < told.high < 150
    assert told.ground is Ground.PLACE


def test_who_would_come_now_stands_behind_all_who_wait():
    assert estimate.ahead(MOVING, None) == 3
    assert [estimate.ahead(MOVING, NOW - seconds) for seconds in (80.0, 60.0, 40.0)] == [0, 1, 2]


def test_the_platform_s_position_counts_where_it_is_the_better_one():
    assert estimate.ahead(MOVING, NOW - 40.0, 2) == 1, "one of those in front has gone, and nobody told us yet"
    assert estimate.ahead(MOVING, NOW - 40.0, 9) == 2
    assert estimate.ahead(MOVING, NOW - 40.0, 0) == 0


def test_those_in_front_who_give_up_make_the_wait_shorter():
    some = tuple(gave_up(-20.0 * n - 70.0, -20.0 * n - 5.0) for n in range(25))
    crowd = tuple(NOW - 120.0 + n for n in range(20))

    patient = expected(Movement(steady(), crowd), NOW)
    impatient = expected(Movement((*steady(), *some), crowd), NOW)

    assert patient is not None
    assert impatient is not None
    assert impatient.likely < 0.85 * patient.likely


def test_agents_without_callers_do_not_make_the_queue_slow():
    """Answers in two busy minutes, then nobody called for half an hour, then somebody waits again."""
    busy = tuple(answered(-2000.0 + 10 * n - 30, -2000.0 + 10 * n) for n in range(12))

    told = expected(Movement(busy, since(5.0)), NOW, NOW - 5.0)

    assert told is not None
    assert told.likely == pytest.approx(10.0, rel=0.25)


def test_those_answered_at_once_are_not_counted_as_the_pace_of_the_queue():
    at_once = tuple(answered(-15.0 - 0.3 - 40 * n, -15.0 - 40 * n) for n in range(40))

    assert expected(Movement(at_once, since(3.0)), NOW) is None


def test_where_nobody_waits_an_agent_may_be_free():
    told = expected(Movement(steady()), NOW)

    assert told is not None
    assert told.low == 0.0
    assert told.likely == pytest.approx(20.0, rel=0.1)


@pytest.mark.parametrize(
    ("movement", "why"),
    [
        (Movement(), "nothing is known"),
        (Movement((), since(60.0)), "nobody has been answered yet"),
        (Movement(steady(5), since(60.0)), "five answers make four times between them"),
        (Movement(tuple(gave_up(-30.0 * n - 60, -30.0 * n) for n in range(30)), since(9.0)), "nobody was answered"),
        (Movement(tuple(answered(-9000.0 + n * 20, -8900.0 + n * 20) for n in range(30)), since(9.0)), "long ago"),
        (Movement(tuple(answered(20.0 * n, 20.0 * n + 90) for n in range(1, 30)), ()), "all of it is still to come"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_without_ground_nothing_is_told(movement, why):
    assert expected(movement, NOW, NOW - 5.0, 2) is None, why


def test_a_queue_that_has_stopped_moving_is_not_told_to_move():
    waiting = since(80.0, 60.0, 40.0)

    told = [expected(Movement(steady(), waiting), NOW + later) for later in (0, 60, 120, 240, 900)]

    rising = [one.likely for one in told if one is not None]
    assert rising == sorted(rising)
    assert told[1] is not None
    assert told[-1] is None


def test_where_callers_are_not_answered_in_their_order_the_place_says_nothing():
    """Every second one waited ten times as long as the one answered right after."""
    mixed = tuple(answered(-20.0 * n - (300.0 if n % 2 else 30.0), -20.0 * n) for n in reversed(range(40)))

    told = expected(Movement(mixed, since(250.0, 10.0)), NOW, NOW - 10.0)
    long_there = expected(Movement(mixed, since(250.0, 10.0)), NOW, NOW - 250.0)

    assert told is not None
    assert told.ground is Ground.WAITS
    assert told.likely in (20.0, 290.0)
    assert (told.low, told.high) == (20.0, 290.0)
    assert long_there is not None
    assert long_there.likely == 50.0


def test_two_who_came_at_the_same_moment_are_in_order_either_way():
    pairs = tuple(
        answered(-20.0 * n - 60.0 - (1.0 if n % 2 else -1.0) * 0.5 - (20.0 if n % 2 else 0), -20.0 * n)
        for n in reversed(range(30))
    )

    assert estimate.served_in_order(pairs)


# --- whatever the history -------------------------------------------------------------------------------------------------------

MOMENTS = st.floats(-5000.0, 200.0)
DEPARTED = st.builds(
    lambda began, length, outcome: Departed(NOW + began, NOW + began + length, outcome),
    MOMENTS,
    st.one_of(st.floats(-50.0, 600.0), st.just(0.0)),
    st.one_of(st.just(Outcome.ANSWERED), st.sampled_from(Outcome)),
)
WILD = st.lists(DEPARTED, max_size=estimate.MOST_DEPARTED)
MOVEMENTS = st.builds(
    lambda departed, waiting: Movement(tuple(departed), tuple(sorted(NOW + one for one in waiting))),
    st.one_of(WILD, st.builds(lambda wild, count: [*steady(count), *wild], WILD, st.integers(0, 60))),
    st.lists(MOMENTS, max_size=80),
)


@given(MOVEMENTS, st.none() | MOMENTS, st.none() | st.integers(-3, 2000))
def test_whatever_happened_there_is_a_range_of_seconds_or_nothing(movement, began, position):
    told = expected(movement, NOW, None if began is None else NOW + began, position)

    if told is not None:
        assert 0 <= told.low <= told.likely <= told.high < inf
        assert isfinite(told.high)
    assert told == expected(movement, NOW, None if began is None else NOW + began, position)


@given(MOVEMENTS, st.randoms(use_true_random=False))
def test_the_order_in_which_news_came_changes_nothing(movement, chance):
    departed = list(movement.departed)
    chance.shuffle(departed)

    assert expected(Movement(tuple(departed), movement.waiting), NOW) == expected(movement, NOW)


@given(MOVEMENTS, st.integers(0, 400), st.integers(1, 400))
def test_the_wait_falls_as_the_place_in_line_falls(movement, in_front, more):
    moving = estimate.pace(movement, NOW)
    assume(moving is not None and moving.in_order)

    nearer, farther = (estimate.still(moving, place).expected for place in (in_front, in_front + more))

    assert nearer.likely < farther.likely
    assert nearer.low <= farther.low * (1 + 1e-9)
    assert nearer.high <= farther.high * (1 + 1e-9)


@given(MOVEMENTS, st.integers(0, 400), st.lists(st.floats(0, 1e5), min_size=2))
def test_the_chance_that_the_wait_is_over_grows_with_time_and_is_a_tenth_at_either_end_of_the_range(
    movement, in_front, seconds
):
    moving = estimate.pace(movement, NOW)
    assume(moving is not None and moving.in_order)
    outlook = estimate.still(moving, in_front)

    chances = [outlook.by(second) for second in sorted(seconds)]

    assert chances == sorted(chances)
    assert all(0 <= chance <= 1 for chance in chances)
    assert outlook.by(0) == 0
    if outlook.expected.low > 0:
        assert outlook.by(outlook.expected.low) == pytest.approx(0.1, abs=1e-6)
    if outlook.expected.high > outlook.expected.likely:
        assert outlook.by(outlook.expected.high) == pytest.approx(0.9, abs=1e-6)


def test_where_it_rests_on_waits_the_chance_is_counted_among_them():
    outlook = estimate.Outlook(estimate.Expected(10.0, 50.0, 90.0, estimate.Ground.WAITS), rests=(10.0, 50.0, 90.0))

    assert [outlook.by(seconds) for seconds in (5, 10, 60, 500)] == [0.0, 0.25, 0.5, 0.75]


@given(MOVEMENTS)
def test_with_fewer_answers_than_the_floor_nothing_is_told(movement):
    few = [one for one in movement.departed if one.outcome is Outcome.ANSWERED][: estimate.FLOOR - 1]
    others = [one for one in movement.departed if one.outcome is not Outcome.ANSWERED]

    assert expected(Movement((*few, *others), movement.waiting), NOW) is None
