"""The wait that a caller is told: one of a few ranges of whole minutes, each of which has its own sentence.

It is the narrowest of them in which the wait will most likely end: in eight of ten cases at least, as the estimate sees it. What
was told is kept to: another range is told where it is a better one that ends no later than promised, and a worse one only when even
the earliest end that is likely lies behind what was promised; then it is said that it takes longer.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from holdsvc.calls.estimate import SHARE, Expected, Outlook
from holdsvc.calls.model import Outcome, PromptId

MINUTE = 60.0
LONGER = PromptId("wait_longer")  # it takes longer than was told
UNDER = (1, 2, 3, 5, 10, 15, 20, 30, 60)
BETWEEN = (
    (1, 3), (1, 5), (2, 5), (2, 10), (3, 10), (5, 10), (5, 15), (5, 20), (10, 20), (10, 30), (15, 30), (15, 45), (20, 45), (20, 60),
    (30, 60),
)  # fmt: skip
OVER = (60, 30)  # told only where nothing else fits


class Span(Struct, frozen=True, gc=False):
    """Minutes. `high` None: longer than `low`."""

    low: int
    high: int | None = None


SPANS = (
    *(
        Span(low, high)
        for low, high in sorted([*((0, most) for most in UNDER), *BETWEEN], key=lambda one: one[1] - one[0])
    ),
    *(Span(least) for least in OVER),
)  # the narrowest first


MARKS = tuple({one.low for one in SPANS} | {one.high for one in SPANS if one.high})  # minutes


class Promise(Struct, frozen=True, gc=False):
    """What a caller was told. `longer`: and that it takes longer than what was told before."""

    at: datetime
    span: Span
    longer: bool = False

    @property
    def until(self) -> datetime | None:
        """None: without end."""
        return None if self.span.high is None else self.at + timedelta(minutes=self.span.high)


class Came(StrEnum):
    """When the agent came, against what was told."""

    EARLIER = "earlier"
    WITHIN = "within"
    LATER = "later"  # or the caller left unanswered when what was told had passed


def fitting(outlook: Outlook) -> Span | None:
    """None: no sentence of ours is true of it and tells anything."""
    by: dict[int | None, float] = {minutes: outlook.by(minutes * MINUTE) for minutes in MARKS}
    by[None] = 1.0
    return next((one for one in SPANS if by[one.high] - by[one.low] >= SHARE), None)


def made(outlook: Outlook, last: Promise | None, at: datetime) -> Promise | None:
    """What is to be told now, after what was told last; None: nothing."""
    span = fitting(outlook)
    if span is None:
        return None
    told = Promise(at, span, longer=last is not None and broken(last, outlook.expected, at))
    return told if last is None or told.longer or better(told, last) else None


def broken(last: Promise, expected: Expected, at: datetime) -> bool:
    """What was told will most likely not be kept."""
    return last.until is not None and at + timedelta(seconds=expected.low) > last.until


def better(told: Promise, last: Promise) -> bool:
    """Sooner by a step at least, and by the clock no later than what was told."""
    if told.until is None or told.span.low > last.span.low:
        return False
    return last.until is None or (told.until - told.at < last.until - last.at and told.until <= last.until)


def prompts(told: Promise) -> tuple[PromptId, ...]:
    return (LONGER, prompt(told.span)) if told.longer else (prompt(told.span),)


def spoken(span: Span) -> str:
    """For people who read it."""
    if span.high is None:
        return f"over {span.low} minutes"
    if not span.low:
        return "less than 1 minute" if span.high == 1 else f"less than {span.high} minutes"
    return f"{span.low} to {span.high} minutes"


def prompt(span: Span) -> PromptId:
    if span.high is None:
        return PromptId(f"wait_over_{span.low}")
    return PromptId(f"wait_{span.low}_{span.high}" if span.low else f"wait_under_{span.high}")


def kept(told: Promise, ended: datetime, outcome: Outcome) -> Came | None:
    """None: nobody knows, because the caller left before, nobody told how it ended, or it had ended when this was told."""
    late = told.until is not None and ended > told.until
    if (
        ended < told.at
        or outcome in (Outcome.UNKNOWN, Outcome.FAILED)
        or (outcome is not Outcome.ANSWERED and not late)
    ):
        return None
    if late:
        return Came.LATER
    return Came.EARLIER if ended < told.at + timedelta(minutes=told.span.low) else Came.WITHIN
