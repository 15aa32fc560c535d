"""When those who watch the wall are told: all at the same moments, none twice for one of them, each within a second of a change."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdsvc.web.events import EVERY, FRESH, until_all

MOMENTS = st.floats(0, 1e6)
EARLY = 0.01  # seconds by which a timer may go off before its time, and more


@given(MOMENTS)
def test_whoever_comes_is_told_with_all_others_and_soon(now):
    told = now + until_all(now)

    assert 0 < told - now <= 1.11 * EVERY
    assert told / EVERY == pytest.approx(round(told / EVERY), abs=1e-6)


@given(MOMENTS, st.floats(-EARLY, EARLY))
def test_a_timer_that_goes_off_a_little_early_or_late_misses_no_moment_and_repeats_none(now, off):
    first = now + until_all(now)

    second = first + off + until_all(first + off)

    assert second - first == pytest.approx(EVERY, abs=1e-6)


def test_a_change_that_just_missed_the_figures_is_told_within_a_second():
    assert FRESH + EVERY < 0.9, "something must be left for the way"
