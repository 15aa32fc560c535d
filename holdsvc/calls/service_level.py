"""Service level within T, in every way that contracts count it. Formulas and names as in the trade's literature."""

from __future__ import annotations

from math import sqrt

from msgspec import Struct

Z95 = 1.959963984540054  # of the normal distribution, both sides together 5 %
VARIANTS = ("V1", "V2", "V3", "V4", "V5", "V6", "V7")


class Target(Struct, frozen=True):
    """What was promised: so many of the calls within so many seconds, counted as the contract's variant counts."""

    seconds: float = 20.0
    share: float = 0.8
    variant: str = "V1"
    short: float = 5.0


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


def wilson(part: int, whole: int) -> tuple[float, float] | None:
    """The interval that holds the true share in 95 of 100 such samples; honest where the numbers are small."""
    if not whole:
        return None
    share, z2 = part / whole, Z95**2
    middle = (share + z2 / (2 * whole)) / (1 + z2 / whole)
    reach = Z95 * sqrt(share * (1 - share) / whole + z2 / (4 * whole**2)) / (1 + z2 / whole)
    return max(0.0, middle - reach), min(1.0, middle + reach)
