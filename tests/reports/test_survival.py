from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdsvc.reports.survival import aalen_johansen, chance, kaplan_meier, log_rank, mean_patience

SECONDS = np.array([10, 15, 20, 20, 30, 45, 60], np.float64)
GONE = np.array([True, False, True, False, True, False, True])


def test_the_textbook_curve() -> None:
    curve = kaplan_meier(SECONDS, GONE)

    assert [round(curve.at(time), 6) for time in (5, 10, 20, 30, 60)] == [1.0, 0.857143, 0.685714, 0.457143, 0.0]
    assert curve.median() == 30
    assert (curve.events, curve.waits) == (4, 7)


def test_mean_patience_counts_the_time_of_those_who_were_served() -> None:
    assert mean_patience(SECONDS, GONE) == 50
    assert float(SECONDS[GONE].mean()) == 30  # what an average time to abandon would have said
    assert mean_patience(SECONDS, np.zeros(7, bool)) is None


def test_bands_hold_the_curve_and_narrow_with_more_waits() -> None:
    some, many = (kaplan_meier(np.tile(SECONDS, n), np.tile(GONE, n)) for n in (1, 100))

    for curve in (some, many):
        assert ((curve.low <= curve.values + 1e-12) & (curve.values <= curve.high + 1e-12)).all()
    assert (many.high - many.low)[0] < (some.high - some.low)[0] / 5


def test_greenwoods_band_of_a_known_step() -> None:
    """At 20 s: 1/(7*6) + 1/(5*4) under the root, on the log-log scale."""
    curve = kaplan_meier(SECONDS, GONE)
    spread = 1.959963984540054 * np.sqrt(1 / 42 + 1 / 20) / abs(np.log(24 / 35))

    assert curve.low[1] == pytest.approx((24 / 35) ** np.exp(spread))
    assert curve.high[1] == pytest.approx((24 / 35) ** np.exp(-spread))


waits = st.lists(st.tuples(st.integers(1, 60), st.sampled_from("aso")), min_size=1, max_size=40)


@given(waits)
def test_with_competing_ends_the_shares_add_up(told: list[tuple[int, str]]) -> None:
    seconds = np.array([one for one, _ in told], np.float64)
    gone, served = (np.array([how == which for _, how in told]) for which in "as")

    by_abandon, by_service = aalen_johansen(seconds, gone, served), aalen_johansen(seconds, served, gone)
    alive = kaplan_meier(seconds, gone | served)

    for time in (5, 20, 60):
        assert by_abandon.at(time, 0.0) + by_service.at(time, 0.0) + alive.at(time) == pytest.approx(1.0)


@given(waits)
def test_what_a_floor_sees_is_never_more_than_patience_alone_would_let_go(told: list[tuple[int, str]]) -> None:
    seconds = np.array([one for one, _ in told], np.float64)
    gone, served = (np.array([how == which for _, how in told]) for which in "as")

    seen, patience = aalen_johansen(seconds, gone, served), kaplan_meier(seconds, gone)

    assert seen.at(60, 0.0) <= 1 - patience.at(60) + 1e-9
    assert (np.diff(seen.values) >= -1e-12).all()
    assert ((seen.low <= seen.values + 1e-12) & (seen.values <= seen.high + 1e-12)).all()


def test_without_competitors_and_censoring_the_share_gone_is_a_plain_share() -> None:
    curve = aalen_johansen(np.array([1.0, 2.0, 3.0, 4.0]), np.ones(4, bool), np.zeros(4, bool))

    assert [curve.at(time, 0.0) for time in (0.5, 1, 2, 4)] == [0.0, 0.25, 0.5, 1.0]
    assert curve.high[1] - curve.values[1] == pytest.approx(1.959964 * np.sqrt(0.5 * 0.5 / 4), abs=1e-6)  # binomial


def test_a_known_log_rank() -> None:
    """Two groups of the classical leukaemia trial (Freireich 1963): chi-square 16.79."""
    drug = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
    event = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    none = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]

    chi, freedom, luck = log_rank(
        [(np.array(drug, float), np.array(event, bool)), (np.array(none, float), np.ones(21, bool))]
    )

    assert (round(chi, 2), freedom) == (16.79, 1)
    assert luck < 0.0001


def test_a_group_in_which_nobody_gave_up_counts_and_one_that_saw_nobody_do_so_does_not() -> None:
    """By hand: one gives up at 1 s among five, three of them in the first group, one at 2 s among four, two of them there."""
    first = np.array([1.0, 2.0, 3.0]), np.array([True, True, False])
    second = np.array([4.0, 4.0]), np.zeros(2, bool)
    early = np.array([0.5]), np.zeros(1, bool)

    chi, freedom, luck = log_rank([first, second, early])

    expected, spread = 3 / 5 + 2 / 4, 3 / 5 * 2 / 5 + 2 / 4 * 2 / 4
    assert (chi, freedom) == (pytest.approx((2 - expected) ** 2 / spread), 1)
    assert luck == pytest.approx(0.1985, abs=1e-4)


def test_where_nobody_gave_up_nothing_is_compared() -> None:
    assert log_rank([(SECONDS, np.zeros(len(SECONDS), bool))] * 2) == (0.0, 0, 1.0)


def test_groups_that_wait_alike_differ_by_luck_alone() -> None:
    chi, _, luck = log_rank([(SECONDS, GONE), (SECONDS, GONE), (SECONDS, GONE)])

    assert chi == pytest.approx(0)
    assert luck == pytest.approx(1)


@pytest.mark.parametrize(
    ("chi", "freedom", "luck"), [(3.841459, 1, 0.05), (5.991465, 2, 0.05), (16.811894, 6, 0.01), (0.0, 3, 1.0)]
)
def test_the_chance_is_that_of_the_tables(chi: float, freedom: int, luck: float) -> None:
    assert chance(chi, freedom) == pytest.approx(luck, abs=1e-6)
