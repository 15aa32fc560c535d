"""Who took a call-back or was moved on is no example of patience and none of its end: followed to that moment, and no further.

Worked out by hand, with fractions; each wrong way of counting them gives other digits, which are worked out too.
"""

from __future__ import annotations

from fractions import Fraction

import pytest

from holdsvc.calls.model import Outcome
from holdsvc.reports.page import Section
from holdsvc.reports.patience import abandonment_curve, patience
from tests.reports.figures import Told, waits

GAVE_UP, ANSWERED, CALLED_BACK, MOVED_ON = (
    Outcome.ABANDONED,
    Outcome.ANSWERED,
    Outcome.CALLBACK_TAKEN,
    Outcome.OVERFLOWED,
)

TOLD: tuple[Told, ...] = (
    (10, GAVE_UP), (15, CALLED_BACK), (20, GAVE_UP), (25, MOVED_ON), (40, GAVE_UP), (50, ANSWERED), (70, GAVE_UP), (100, ANSWERED),
)  # fmt: skip
TAKEN_OUT = {CALLED_BACK, MOVED_ON}


def counted_as(other: Outcome) -> tuple[Told, ...]:
    return tuple((seconds, other if end in TAKEN_OUT else end) for seconds, end in TOLD)


def left_out() -> tuple[Told, ...]:
    return tuple(one for one in TOLD if one[1] not in TAKEN_OUT)


def waiting_on() -> tuple[Told, ...]:
    """As if they had never left: nobody is in the queue for longer."""
    return tuple((200.0, ANSWERED) if end in TAKEN_OUT else (seconds, end) for seconds, end in TOLD)


def still_there(told: tuple[Told, ...]) -> list[float]:
    """Kaplan and Meier, as the report has it: at 30, 60 and 120 s."""
    (row,) = rows(patience(waits(*told)))
    return [float(str(row[f"at_{mark}"])) for mark in (30, 60, 120)]


def given_up(told: tuple[Told, ...], column: str = "censored") -> list[float]:
    """Aalen and Johansen: by 10, 30, 60 and 120 s."""
    found = {row["seconds"]: float(str(row[column])) for row in rows(abandonment_curve(waits(*told)))}
    return [found[mark] for mark in (10.0, 30.0, 60.0, 120.0)]


def rows(section: Section) -> list[dict[str, object]]:
    return [dict(zip((column.name for column in section.columns), row, strict=True)) for row in section.rows]


def digits(*shares: Fraction) -> list[object]:
    return [pytest.approx(float(one), abs=1e-12) for one in shares]


def test_patience_is_followed_to_a_call_back_or_a_move_and_no_further() -> None:
    """8 there at 10 s, 6 at 20, 4 at 40, 2 at 70: who was taken out is not among those whom the next one leaves."""
    by_30 = Fraction(7, 8) * Fraction(5, 6)
    by_60 = by_30 * Fraction(3, 4)
    by_120 = by_60 * Fraction(1, 2)

    assert still_there(TOLD) == digits(by_30, by_60, by_120)
    assert [round(one, 6) for one in still_there(TOLD)] == [0.729167, 0.546875, 0.273438]
    assert still_there(counted_as(ANSWERED)) == still_there(TOLD), "an answer cuts off as well"


@pytest.mark.parametrize(
    ("wrong", "shares"),
    [
        # as if they had given up: 8, 7, 6, 5, 4 and 2 there
        (counted_as(GAVE_UP), (Fraction(4, 8), Fraction(3, 8), Fraction(3, 16))),
        # as if they had never called: 6, 5, 4 and 2 there
        (left_out(), (Fraction(4, 6), Fraction(3, 6), Fraction(1, 4))),
        # as if they were there to the end: 8, 7, 6 and 4 there
        (waiting_on(), (Fraction(6, 8), Fraction(5, 8), Fraction(15, 32))),
    ],
    ids=["given up", "left out", "waiting on"],
)
def test_each_wrong_way_of_counting_them_gives_another_patience(
    wrong: tuple[Told, ...], shares: tuple[Fraction, ...]
) -> None:
    assert still_there(wrong) == digits(*shares)
    assert all(abs(one - right) > 0.01 for one, right in zip(still_there(wrong), still_there(TOLD), strict=True))


def test_who_gave_up_is_told_with_call_backs_and_moves_cut_off() -> None:
    """Of 8 one is gone by 10 s, of the 7/8 left one in 6 by 20 s and one in 4 by 40 s; after the answer at 50 s one in 2."""
    by_10 = Fraction(1, 8)
    left = Fraction(7, 8)
    by_30 = by_10 + left * Fraction(1, 6)
    left *= Fraction(5, 6)
    by_60 = by_30 + left * Fraction(1, 4)
    left *= Fraction(3, 4) * Fraction(2, 3)
    by_120 = by_60 + left * Fraction(1, 2)

    assert given_up(TOLD) == digits(by_10, by_30, by_60, by_120)
    assert [round(one, 6) for one in given_up(TOLD)] == [0.125, 0.270833, 0.453125, 0.635417]


@pytest.mark.parametrize(
    ("wrong", "shares"),
    [
        (counted_as(GAVE_UP), (Fraction(1, 8), Fraction(4, 8), Fraction(5, 8), Fraction(6, 8))),
        (counted_as(ANSWERED), (Fraction(1, 8), Fraction(2, 8), Fraction(3, 8), Fraction(4, 8))),
        (left_out(), (Fraction(1, 6), Fraction(2, 6), Fraction(3, 6), Fraction(4, 6))),
    ],
    ids=["given up", "answered", "left out"],
)
def test_each_wrong_way_of_counting_them_gives_another_share_that_gave_up(
    wrong: tuple[Told, ...], shares: tuple[Fraction, ...]
) -> None:
    assert given_up(wrong) == digits(*shares)
    assert all(abs(one - right) > 0.01 for one, right in zip(given_up(wrong)[1:], given_up(TOLD)[1:], strict=True))


def test_what_really_happened_stands_beside_it() -> None:
    """Of all callers, so many had given up by then: there call-backs and moves are ends like any other."""
    assert given_up(TOLD, "share") == digits(Fraction(1, 8), Fraction(2, 8), Fraction(3, 8), Fraction(4, 8))
    assert given_up(TOLD, "share") == given_up(counted_as(ANSWERED), "share")

    plot = abandonment_curve(waits(*TOLD)).plot
    assert plot is not None
    assert [one.name for one in plot.series] == ["gave up", "had nobody been called back or moved on"]


def test_where_nobody_is_taken_out_both_are_the_same() -> None:
    section = abandonment_curve(waits(*left_out()))

    assert given_up(left_out()) == given_up(left_out(), "share")
    assert section.plot is not None
    assert len(section.plot.series) == 1


@pytest.mark.parametrize("end", sorted(TAKEN_OUT))
def test_one_who_is_taken_out_at_the_moment_of_an_end_was_still_there_for_it(end: Outcome) -> None:
    """Ties: events come before what cuts off."""
    told: tuple[Told, ...] = ((20, GAVE_UP), (20, end), (30, ANSWERED), (40, GAVE_UP))

    assert still_there(told) == digits(Fraction(3, 4), Fraction(0), Fraction(0))
    assert given_up(told) == digits(Fraction(0), Fraction(1, 4), Fraction(5, 8), Fraction(5, 8))


def test_who_waits_still_is_cut_off_now() -> None:
    told: tuple[Told, ...] = ((20, GAVE_UP), (30, ANSWERED), (0, None), (40, GAVE_UP))

    assert still_there(told) == digits(
        Fraction(2, 3), Fraction(0), Fraction(0)
    )  # began just now: in nobody's sight at 20 s
    assert given_up(told) == digits(Fraction(0), Fraction(1, 3), Fraction(2, 3), Fraction(2, 3))
