"""The ranges that callers are told: narrow, better than before or with a word of excuse, and judged by when the agent came."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdsvc.calls import promise
from holdsvc.calls.estimate import Expected, Ground, Outlook
from holdsvc.calls.model import Outcome
from holdsvc.calls.promise import SPANS, Came, Promise, Span
from tests.plans import NOON, after


def outlook(likely, steps=20.0, answers=40):
    """`likely` in seconds."""
    spread = 1.28 * (1 / steps + 1 / answers) ** 0.5
    return Outlook(Expected(likely * max(0.0, 1 - spread), likely, likely * (1 + spread), Ground.PLACE), steps, answers)


OUTLOOKS = st.builds(outlook, st.floats(1, 20_000), st.floats(1, 60), st.integers(5, 40))
PROMISES = st.builds(Promise, st.integers(0, 7200).map(after), st.sampled_from(SPANS))


@pytest.mark.parametrize(
    ("likely", "steps", "span"),
    [
        (20, 1.0, Span(0, 1)),
        (60, 1.0, Span(0, 2)),
        (110, 12.0, Span(1, 3)),
        (200, 12.0, Span(2, 5)),
        (420, 12.0, Span(3, 10)),
        (420, 40.0, Span(5, 10)),
        (600, 1.0, Span(0, 20)),
        (900, 60.0, Span(10, 20)),
        (2400, 60.0, Span(30, 60)),
        (4000, 20.0, Span(30)),
        (6000, 20.0, Span(60)),
    ],
)
def test_the_narrowest_range_that_most_likely_holds_is_told(likely, steps, span):
    assert promise.fitting(outlook(likely, steps)) == span


def test_where_no_range_would_tell_anything_none_is_told():
    assert promise.fitting(outlook(4000, 1.0)) is None


@given(OUTLOOKS)
def test_what_is_told_holds_in_eight_of_ten_cases_and_no_narrower_range_does(told):
    span = promise.fitting(told)
    if span is None:
        return
    share = (1.0 if span.high is None else told.by(60 * span.high)) - told.by(60 * span.low)
    assert share >= 0.8
    narrower = SPANS[: SPANS.index(span)]
    assert all(told.by(60 * one.high) - told.by(60 * one.low) < 0.8 for one in narrower if one.high is not None)


@given(OUTLOOKS, PROMISES, st.integers(0, 7200))
def test_what_is_told_after_something_else_is_better_or_says_that_it_takes_longer(told, last, seconds):
    at = last.at + timedelta(seconds=seconds)

    made = promise.made(told, last, at)

    if made is None:
        return
    if made.longer:
        assert last.until is not None
        assert at + timedelta(seconds=told.expected.low) > last.until
        assert promise.prompts(made)[0] == promise.LONGER
    else:
        assert made.until is not None
        assert last.until is None or made.until <= last.until
        assert made.span != last.span
        assert promise.prompts(made) == (promise.prompt(made.span),)


def test_time_that_passes_is_an_improvement_and_the_same_again_is_none():
    first = Promise(NOON, Span(2, 5))

    assert promise.made(outlook(200, 12), first, after(10)) is None, "as before"
    assert promise.made(outlook(110, 12), first, after(100)) == Promise(after(100), Span(1, 3))
    assert promise.made(outlook(110, 12), first, after(150)) is None, "that would be half a minute after what was said"


def test_that_it_takes_longer_is_said_once_for_each_promise_that_breaks():
    first = Promise(NOON, Span(2, 5))

    assert promise.made(outlook(200, 12), first, after(150)) is None, "it may still be kept"
    second = promise.made(outlook(200, 12), first, after(260))
    assert second == Promise(after(260), Span(2, 5), longer=True)
    assert promise.made(outlook(200, 12), second, after(320)) is None
    assert promise.made(outlook(400, 12), second, after(330)) == Promise(after(330), Span(3, 10), longer=True)


def test_who_was_told_over_an_hour_is_told_less_when_it_is_less():
    assert promise.made(outlook(2400), Promise(NOON, Span(60)), after(600)) == Promise(after(600), Span(20, 60))
    assert promise.made(outlook(9000), Promise(NOON, Span(60)), after(7200)) is None


@pytest.mark.parametrize(
    ("seconds", "outcome", "came"),
    [
        (119, Outcome.ANSWERED, Came.EARLIER),
        (120, Outcome.ANSWERED, Came.WITHIN),
        (300, Outcome.ANSWERED, Came.WITHIN),
        (301, Outcome.ANSWERED, Came.LATER),
        (301, Outcome.ABANDONED, Came.LATER),
        (301, Outcome.OVERFLOWED, Came.LATER),
        (250, Outcome.ABANDONED, None),
        (301, Outcome.UNKNOWN, None),
        (-1, Outcome.ANSWERED, None),
    ],
)
def test_a_promise_is_judged_by_the_answer_and_broken_too_where_the_caller_left_behind_its_end(seconds, outcome, came):
    assert promise.kept(Promise(NOON, Span(2, 5)), after(seconds), outcome) is came


def test_over_an_hour_is_never_late():
    assert promise.kept(Promise(NOON, Span(60)), after(9999), Outcome.ANSWERED) is Came.WITHIN
    assert promise.kept(Promise(NOON, Span(60)), after(3000), Outcome.ANSWERED) is Came.EARLIER


def test_every_range_has_a_name_of_its_own():
    assert len({promise.prompt(span) for span in SPANS}) == len(SPANS)
    assert all(span.high is None or span.low < span.high for span in SPANS)
