"""How long somebody who waits will still wait: a range and what it rests on, or None where there is no ground for any.

First come, first served, a wait is over when everybody in front has left, answered or not, and one more has been answered: a sum of
times between departures. Where talks and patience have no memory, no other estimate comes closer. Its two rates are counted in the
queue itself: answers for each second in which somebody waited (agents with nobody to answer do not show how fast they are), and
callers who left unanswered for each second that anybody waited. Where callers are not answered in their order, the place says
nothing; then it is the waits of those answered lately.

What a platform calls the average of its queue is not asked: it is of those who still wait, not of how waits end (Queue resource,
2026-11). Moments are seconds of Unix time: thousands of them are soon summed up.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from enum import StrEnum
from math import ceil, erf, floor, log, sqrt

from msgspec import Struct

from holdsvc.calls.model import Outcome

SHARE = 0.8  # of the waits that end within the range, as it is stated; half of the others end before it, half behind
MOST_ANSWERS = 40  # the latest that count: what was before them, other agents answered
MOST_DEPARTED = 128  # ends of waits that are worth remembering
LATELY = 3600.0  # seconds after which an answer says nothing of now
FLOOR = 5  # answers for which a pace is told; with fewer, the range would tell nothing
AT_ONCE = 1.0  # seconds; who is answered sooner, with nobody else there, has not waited for anybody
SAME_MOMENT = 2.0  # seconds between two beginnings in which nobody can say who was first
IN_ORDER = 0.75  # of the answers; with fewer of them in the order in which callers came, the place says nothing
STANDSTILL = 0.001  # chance of so long a pause at this pace: it is another pace now, perhaps nobody answers any more
ONE_BY_ONE = 64  # places in front that are summed up one by one, before an integral does for the others

TENTH = 1.2815515655446004  # standard deviations that a tenth of a normal spread lies above


class Departed(Struct, frozen=True, gc=False):
    """A wait that ended, however it did."""

    began: float
    ended: float
    outcome: Outcome


class Movement(Struct, frozen=True, gc=False):
    """What is known of a queue."""

    departed: tuple[Departed, ...] = ()  # the latest
    waiting: tuple[float, ...] = ()  # since when those wait who wait now, earliest first


class Ground(StrEnum):
    """What an estimate rests on."""

    PLACE = "place"  # how many are in front, and how fast the queue moves
    WAITS = "waits"  # how long those waited who were answered lately


class Expected(Struct, frozen=True, gc=False):
    """Seconds still to wait: of ten waits told so, eight end between `low` and `high` (SHARE)."""

    low: float
    likely: float
    high: float
    ground: Ground


class Outlook(Struct, frozen=True, gc=False):
    """An estimate with all that it says, for other ranges than its own."""

    expected: Expected
    steps: float = 0.0  # equal ones that spread as much as those in front
    answers: int = 0  # that the pace was counted from
    rests: tuple[float, ...] = ()  # where it rests on waits: how much longer those waited, shortest first

    def by(self, seconds: float) -> float:
        """The chance that the wait is over by then."""
        if self.rests:
            return bisect_right(self.rests, seconds) / (len(self.rests) + 1)
        return chance(seconds / self.expected.likely, self.steps, self.answers)


class Pace(Struct, frozen=True, gc=False):
    """How a queue moves at present."""

    answers: int  # that it was counted from
    per_second: float  # answers, while somebody waits
    leaving: float  # chance for each second of waiting that the caller leaves unanswered
    waits: tuple[float, ...]  # seconds of those answered, shortest first
    in_order: bool  # they were answered as they came
    idle: bool  # nobody waits


class Stretch(Struct):
    """A time in which somebody waited, without a gap, and the answers in it."""

    began: float
    ended: float
    answers: int


def expected(movement: Movement, at: float, began: float | None = None, position: int | None = None) -> Expected | None:
    """For a caller who waits since `began`, None: who would come now. `position` is the platform's word, counted from 1."""
    told = outlook(movement, at, began, position)
    return None if told is None else told.expected


def outlook(movement: Movement, at: float, began: float | None = None, position: int | None = None) -> Outlook | None:
    moving = pace(movement, at)
    waited = 0.0 if began is None else max(0.0, at - began)
    return None if moving is None else still(moving, ahead(movement, began, position), waited)


def ahead(movement: Movement, began: float | None, position: int | None = None) -> int:
    """How many are in front. Of two counts the smaller: each may count some who have gone, neither forgets any who are there."""
    here = movement.waiting
    known = len(here) if began is None else bisect_left(here, began)
    return known if position is None else max(0, min(known, position - 1))


def still(moving: Pace, in_front: int, waited: float = 0.0) -> Outlook | None:
    return by_place(moving, in_front) if moving.in_order else by_waits(moving, waited)


def by_place(moving: Pace, in_front: int) -> Outlook:
    """The departures that are needed, each at the rate that then holds; the spread is that of a sum of such times at a rate
    that was itself only counted, `F` with twice the number of the former over twice that of the latter."""
    likely = departures(moving.per_second, moving.leaving, in_front, 1)
    squares = departures(moving.per_second, moving.leaving, in_front, 2)
    needed = likely * likely / squares  # as many equal steps spread as much
    low = 0.0 if moving.idle else likely * spread(needed, moving.answers, -TENTH)
    high = max(likely, likely * spread(needed, moving.answers, TENTH))
    return Outlook(Expected(low, likely, high, Ground.PLACE), needed, moving.answers)


def by_waits(moving: Pace, waited: float) -> Outlook | None:
    """Of those who waited longer than this caller has, how much longer. So few say nothing: the range has no ends."""
    rest = tuple(one - waited for one in moving.waits if one > waited)
    first, last = rank(len(rest), (1 - SHARE) / 2)
    if first < 1 or last > len(rest):
        return None
    return Outlook(Expected(rest[first - 1], rest[len(rest) // 2], rest[last - 1], Ground.WAITS), rests=rest)


def rank(count: int, beyond: float) -> tuple[int, int]:
    """Which of so many, counted from 1, bound the next one but for a chance of `beyond` on either side; outside them: none do."""
    return floor((count + 1) * beyond + 1e-9), ceil((count + 1) * (1 - beyond) - 1e-9)


# --- how the queue moves -----------------------------------------------------------------------------------------------------


def pace(movement: Movement, at: float) -> Pace | None:
    """None: too few were answered of late, or nobody has been for longer than this pace lets expect."""
    departed = sorted(
        (one for one in movement.departed if one.began <= one.ended <= at), key=lambda one: (one.ended, one.began)
    )
    since = window(departed, at)
    recent = departed[bisect_right(departed, since, key=lambda one: one.ended) :]
    waiting = movement.waiting[: bisect_right(movement.waiting, at)]
    stretches = together(recent, waiting[0] if waiting else None, since, at)
    answers = sum(one.answers for one in stretches)
    seconds = sum(one.ended - one.began for one in stretches)
    answered = [one for one in recent if one.outcome is Outcome.ANSWERED]
    if answers < FLOOR or seconds <= 0:
        return None
    if stands(answers, seconds, pause(stretches[-1], answered[-1], at)):
        return None
    return Pace(
        answers=answers,
        per_second=answers / seconds,
        leaving=impatience(recent, len(waiting) * at - sum(waiting)),
        waits=tuple(sorted(one.ended - one.began for one in answered)),
        in_order=served_in_order(answered),
        idle=not waiting,
    )


def window(departed: Sequence[Departed], at: float) -> float:
    """From when on all is known and counts. The end with which it begins is not counted: nobody knows how long it took."""
    answers = [one.ended for one in departed if one.outcome is Outcome.ANSWERED and one.ended - one.began >= AT_ONCE]
    before = answers[-MOST_ANSWERS - 1] if len(answers) > MOST_ANSWERS else departed[0].ended if departed else at
    return max(at - LATELY, before)


def together(recent: Sequence[Departed], first: float | None, since: float, at: float) -> list[Stretch]:
    """The stretches of time in which somebody waited; those left out in which there was nothing to wait for."""
    waits = [(max(one.began, since), one.ended, int(one.outcome is Outcome.ANSWERED)) for one in recent]
    if first is not None:
        waits.append((max(first, since), at, 0))
    stretches: list[Stretch] = []
    for began, ended, answers in sorted(waits):
        if stretches and began <= stretches[-1].ended:
            last = stretches[-1]
            last.ended, last.answers = max(last.ended, ended), last.answers + answers
        else:
            stretches.append(Stretch(began, ended, answers))
    return [one for one in stretches if one.ended - one.began >= AT_ONCE]


def pause(latest: Stretch, answered: Departed, at: float) -> float:
    """Seconds for which nobody has been answered though somebody waited."""
    return at - max(latest.began, answered.ended) if latest.ended >= at else 0.0


def stands(answers: int, seconds: float, pause: float) -> bool:
    """So long without an answer, where somebody waited, is too long to be chance."""
    before = seconds - pause
    return before <= 0 or -answers * log(1 + pause / before) < log(STANDSTILL)


def served_in_order(answered: Sequence[Departed]) -> bool:
    """`answered` as they ended. Who had come before somebody that was answered earlier was overtaken."""
    overtook, earliest = 0, float("inf")
    for one in reversed(answered):
        overtook += earliest < one.began - SAME_MOMENT
        earliest = min(earliest, one.began)
    return overtook <= (1 - IN_ORDER) * len(answered)


def impatience(departed: Sequence[Departed], waiting: float = 0.0) -> float:
    """Callers who left unanswered for each second that anybody waited, those included who wait still: `waiting` seconds."""
    seconds = sum(one.ended - one.began for one in departed) + waiting
    left = sum(one.outcome is not Outcome.ANSWERED for one in departed)
    return left / seconds if seconds > 0 else 0.0


# --- the mathematics ---------------------------------------------------------------------------------------------------------


def departures(per_second: float, leaving: float, in_front: int, power: int) -> float:
    """The sum over the steps of a queue with so many in front of 1 / (its rate) ** power: mean (1) and variance (2) of its time."""
    first = min(in_front, ONE_BY_ONE)
    whole = sum((per_second + place * leaving) ** -power for place in range(first + 1))
    if in_front <= ONE_BY_ONE:
        return whole
    low, high = per_second + (first + 0.5) * leaving, per_second + (in_front + 0.5) * leaving
    if high - low < 1e-9 * low:
        return whole + (in_front - first) * float(low**-power)
    return whole + (log(high / low) if power == 1 else 1 / low - 1 / high) / leaving


def spread(steps: float, answers: int, deviations: float) -> float:
    """Where so many standard deviations lie in the `F` of 2 * steps over 2 * answers degrees of freedom (Paulson's cube roots)."""
    a, b = 1 / (9 * steps), 1 / (9 * answers)
    middle, square = (1 - a) * (1 - b), (1 - b) ** 2 - deviations**2 * b
    root = deviations**2 * (a * (1 - b) ** 2 + b * (1 - a) ** 2 - deviations**2 * a * b)
    return max(0.0, (middle + (1 if deviations > 0 else -1) * sqrt(root)) / square) ** 3


def chance(times: float, steps: float, answers: int) -> float:
    """The other way round: how much of this `F` lies below so many times its middle."""
    a, b, cube = 1 / (9 * steps), 1 / (9 * answers), max(0.0, times) ** (1 / 3)
    return 0.0 if times <= 0 else (1 + erf(((1 - b) * cube - (1 - a)) / sqrt(2 * (b * cube**2 + a)))) / 2
