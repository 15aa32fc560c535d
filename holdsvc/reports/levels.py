"""What a table of waits counts up to: the numbers that service levels are made of, and the means that go with them."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from holdsvc.calls.model import Outcome
from holdsvc.calls.service_level import Counts
from holdsvc.reports.table import Flags, WaitTable


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
