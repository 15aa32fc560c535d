"""Service level within T, in every way that contracts count it, side by side; and the means that go with it.

Formulas and names as in the trade's literature; each carries its formula, because a figure without one cannot be compared.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from msgspec import Struct

from holdsvc.calls.model import Outcome
from holdsvc.reports.table import Flags, WaitTable

Z95 = 1.959963984540054  # of the normal distribution, both sides together 5 %


class Counts(Struct, frozen=True):
    """What every variant is made of. A short abandon is an abandon too: `abandoned` counts both."""

    answered: int
    answered_within: int
    abandoned: int
    abandoned_within: int
    abandoned_short: int
    flowed_out: int  # moved on by the system
    offered: int  # with all other ends, and whoever waits still


class Level(Struct, frozen=True):
    name: str
    words: str
    formula: str
    part: int
    whole: int

    @property
    def share(self) -> float | None:
        """None where there is nothing to take a share of."""
        return self.part / self.whole if self.whole else None

    @property
    def interval(self) -> tuple[float, float] | None:
        return wilson(self.part, self.whole)


class Means(Struct, frozen=True):
    """Seconds; None where nobody belongs to the population that the name says."""

    answer: float | None  # ASA: all answered, those at once included
    abandon: float | None  # of those who abandoned; it is not their patience
    wait: float | None  # of all that ended
    longest: float | None
    waiting: int  # not in any of these


def counts(waits: WaitTable, within: float, short: float) -> Counts:
    """`within`: T in seconds, itself included. `short`: an abandon up to here was no wait worth the name."""
    answered = waits.ended_as(Outcome.ANSWERED)
    abandoned = waits.ended_as(Outcome.ABANDONED, Outcome.SHORT_ABANDONED)
    in_time = waits.seconds <= within
    return Counts(
        answered=total(answered),
        answered_within=total(answered & in_time),
        abandoned=total(abandoned),
        abandoned_within=total(abandoned & in_time),
        abandoned_short=total(abandoned & (waits.seconds <= short)),
        flowed_out=total(waits.ended_as(Outcome.OVERFLOWED)),
        offered=len(waits),
    )


def levels(of: Counts) -> tuple[Level, ...]:
    a, b = of.answered, of.abandoned
    at, bt, bs = of.answered_within, of.abandoned_within, of.abandoned_short
    return (
        Level("V1", "early abandons credited", "(A_T + B_T) / (A + B)", at + bt, a + b),
        Level("V2", "answered calls only", "A_T / A", at, a),
        Level("V3", "every abandon counts against", "A_T / (A + B)", at, a + b),
        Level("V4", "early abandons left out", "A_T / (A + B - B_T)", at, a + b - bt),
        Level("V5", "only very short abandons credited", "(A_T + B_s) / (A + B)", at + bs, a + b),
        Level("V6", "very short abandons left out", "A_T / (A + B - B_s)", at, a + b - bs),
        Level("V7", "flow-outs count against", "A_T / (A + B + F)", at, a + b + of.flowed_out),
    )


def abandonment(of: Counts) -> tuple[Level, Level]:
    return (
        Level("gross", "abandoned of all offered", "B / offered", of.abandoned, of.offered),
        Level(
            "net",
            "without the very short ones",
            "(B - B_s) / (offered - B_s)",
            of.abandoned - of.abandoned_short,
            of.offered - of.abandoned_short,
        ),
    )


def means(waits: WaitTable) -> Means:
    ended = ~waits.waiting
    return Means(
        answer=mean(waits, waits.ended_as(Outcome.ANSWERED)),
        abandon=mean(waits, waits.ended_as(Outcome.ABANDONED, Outcome.SHORT_ABANDONED)),
        wait=mean(waits, ended),
        longest=float(waits.seconds[ended].max()) if ended.any() else None,
        waiting=total(waits.waiting),
    )


def mean(waits: WaitTable, of: Flags) -> float | None:
    return float(waits.seconds[of].mean()) if of.any() else None


def total(flags: Flags) -> int:
    return int(np.count_nonzero(flags))


def wilson(part: int, whole: int) -> tuple[float, float] | None:
    """The interval that holds the true share in 95 of 100 such samples; honest where the numbers are small."""
    if not whole:
        return None
    share, z2 = part / whole, Z95**2
    middle = (share + z2 / (2 * whole)) / (1 + z2 / whole)
    reach = Z95 * sqrt(share * (1 - share) / whole + z2 / (4 * whole**2)) / (1 + z2 / whole)
    return max(0.0, middle - reach), min(1.0, middle + reach)
