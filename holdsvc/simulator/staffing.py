"""Traffic as the textbooks have it, and what came of it: callers at random, talks and patience exponential, so many agents.

That is Erlang A. Nobody keys anything and no phone rings, so that what is measured can be held against the formula.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from math import sqrt

from msgspec import Struct

from holdsvc.simulator.clock import SimClock
from holdsvc.simulator.habits import Habits
from holdsvc.simulator.truth import End, Truth, Wait

NEVER = 1e12  # seconds
WARM = 0.1  # of the traffic's time, in which the queue fills: not measured
BATCHES = 20  # stretches of time whose means tell how far the whole may be off


class Staffing(Struct, frozen=True):
    agents: int
    arrivals: float  # a minute
    handling: float  # mean seconds of a talk
    patience: float  # mean seconds until a caller hangs up

    @property
    def rate(self) -> float:
        """Calls a second."""
        return self.arrivals / 60

    def faster(self, speed: float) -> Staffing:
        """The same traffic in less time: as many agents are as busy, and as many callers give up."""
        return Staffing(self.agents, self.arrivals * speed, self.handling / speed, self.patience / speed)

    def habits(self) -> Habits:
        return Habits(
            patience=self.patience,
            talk=self.handling,
            words_in_talk=True,
            fiddle=NEVER,
            wrap=0.0,
            rings=(0.0, 0.0),
            holds=0.0,
        )


class Shift(Struct):
    """When one agent had a caller: begin and end, in the clock's monotonic seconds."""

    talks: list[tuple[float, float]]

    def busy(self, since: float, until: float) -> float:
        return sum(max(0.0, min(end, until) - max(begin, since)) for begin, end in self.talks)


class Measured(Struct, frozen=True):
    """Shares of all waits, seconds, and the error that chance alone makes of each (one standard deviation)."""

    waits: int
    waited: float  # share of callers who waited at all
    abandoned: float
    mean_wait: float
    busy: float  # share of the agents' time
    abandoned_error: float
    mean_wait_error: float
    busy_error: float


def measured(truth: Truth, shifts: Sequence[Shift], clock: SimClock, since: float, until: float) -> Measured | None:
    """What the truth says of the time from `since` to `until`, the clock's monotonic seconds, its beginning left out."""
    zero = clock.now() - timedelta(seconds=clock.monotonic())
    since += WARM * (until - since)
    waits = [
        (wait, began)
        for _, wait in truth.waits()
        if wait.ended and since <= (began := (wait.began - zero).total_seconds()) < until
    ]
    if not waits or not shifts or until <= since:
        return None
    step = (until - since) / BATCHES
    batches: list[list[Wait]] = [[] for _ in range(BATCHES)]
    for wait, began in waits:
        batches[min(BATCHES - 1, int((began - since) / step))].append(wait)
    everybody = [wait for wait, _ in waits]
    filled = [batch for batch in batches if batch]
    stretches = [(since + step * at, since + step * (at + 1)) for at in range(BATCHES)]
    return Measured(
        waits=len(waits),
        waited=sum(wait.seconds > 0 for wait in everybody) / len(waits),
        abandoned=lost(everybody),
        mean_wait=mean(everybody),
        busy=used(shifts, since, until),
        abandoned_error=error([lost(batch) for batch in filled]),
        mean_wait_error=error([mean(batch) for batch in filled]),
        busy_error=error([used(shifts, *stretch) for stretch in stretches]),
    )


def lost(waits: Sequence[Wait]) -> float:
    return sum(wait.end is End.HUNG_UP for wait in waits) / len(waits)


def mean(waits: Sequence[Wait]) -> float:
    return sum(wait.seconds for wait in waits) / len(waits)


def used(shifts: Sequence[Shift], since: float, until: float) -> float:
    return sum(shift.busy(since, until) for shift in shifts) / (len(shifts) * (until - since))


def error(means: Sequence[float]) -> float:
    """Of the mean of these: neighbours are hardly alike, for a batch is long against a wait."""
    if len(means) < 2:
        return 0.0
    middle = sum(means) / len(means)
    return sqrt(sum((one - middle) ** 2 for one in means) / (len(means) - 1) / len(means))
