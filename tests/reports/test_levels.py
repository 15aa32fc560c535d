from __future__ import annotations

import pytest

from holdsvc.calls.model import Outcome
from holdsvc.calls.service_level import abandonment, levels, wilson
from holdsvc.reports.levels import counts, means
from tests.reports.figures import times, waits

ANSWERED, ABANDONED, SHORT = Outcome.ANSWERED, Outcome.ABANDONED, Outcome.SHORT_ABANDONED

# The example that the five published formulas are explained with: 860 of 1,000 answered within 20 s, 60 abandoned, 20 of them
# within 20 s and 10 of these within 5 s.
PUBLISHED = waits(
    *times(ANSWERED, 12, 860),
    *times(ANSWERED, 40, 140),
    *times(SHORT, 3, 10),
    *times(ABANDONED, 15, 10),
    *times(ABANDONED, 50, 40),
)


def test_every_variant_gives_the_published_figure() -> None:
    shares = {one.name: one.share or 0.0 for one in levels(counts(PUBLISHED, within=20, short=5))}

    assert {name: round(100 * share, 1) for name, share in shares.items()} == {
        "V1": 83.0,
        "V2": 86.0,
        "V3": 81.1,
        "V4": 82.7,
        "V5": 82.1,
        "V6": 81.9,
        "V7": 81.1,
    }


def test_a_wait_of_exactly_the_target_is_within_it() -> None:
    edge = waits((20.0, ANSWERED), (20.001, ANSWERED))

    assert counts(edge, within=20, short=5).answered_within == 1


def test_flow_outs_count_against_the_last_variant_alone() -> None:
    with_flows = waits(*times(ANSWERED, 5, 80), *times(Outcome.OVERFLOWED, 60, 20))

    shares = {one.name: one.share for one in levels(counts(with_flows, within=20, short=5))}

    assert (shares["V3"], shares["V7"]) == (1.0, 0.8)


def test_abandonment_is_told_gross_and_net_of_short_ones() -> None:
    gross, net = abandonment(counts(PUBLISHED, within=20, short=5))

    assert round(100 * (gross.share or 0), 2) == 5.66
    assert round(100 * (net.share or 0), 2) == 4.76


def test_means_say_of_whom_they_are_and_nobody_has_none() -> None:
    told = means(waits((10, ANSWERED), (30, ANSWERED), (5, ABANDONED), (0, None)))

    assert (told.answer, told.abandon, told.wait, told.longest, told.waiting) == (20, 5, 15, 30, 1)
    assert means(waits()).answer is None
    assert levels(counts(waits(), 20, 5))[0].share is None


@pytest.mark.parametrize(("part", "whole"), [(0, 5), (5, 5), (1, 3), (830, 1000)])
def test_an_interval_holds_its_share_and_stays_between_nothing_and_all(part: int, whole: int) -> None:
    low, high = wilson(part, whole) or (-1, -1)

    assert 0 <= low <= part / whole <= high <= 1
    assert high - low > 0
    assert wilson(0, 0) is None


def test_a_known_interval() -> None:
    low, high = wilson(8, 10) or (0, 0)  # 0.4902 to 0.9433 in every textbook

    assert (round(low, 4), round(high, 4)) == (0.4902, 0.9433)
