"""A queue as Erlang A has it, of which the truth is known: how long each would wait, those too who gave up. Estimates beside it.

Whoever comes is answered by the agent who is free first, so that the wait of somebody with all patience is known at once. It takes
no carrier and no service: `python -m tests.simulator.foretold` runs a hundred thousand waits and prints what the documents say.
"""

from __future__ import annotations

import heapq
import random
from bisect import insort
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import log, sqrt

from holdsvc.calls import estimate
from holdsvc.calls.estimate import MOST_DEPARTED, Departed, Movement
from holdsvc.calls.model import Outcome
from holdsvc.simulator.staffing import BATCHES, Staffing, error

BEGIN = 1_772_442_000.0
CALLS = 20_000
LATEST = 40  # answered waits, at once ones left out, of which the plain average is made: as many as an estimate counts
SHIFT = 2400.0  # seconds
ROWS = (
    Staffing(50, 48.0, 60.0, 120.0),
    Staffing(10, 10.0, 60.0, 60.0),
    Staffing(10, 10 / 3, 180.0, 120.0),
    Staffing(12, 10 / 3, 180.0, 120.0),
    Staffing(14, 6.0, 180.0, 120.0),
    Staffing(3, 2.0, 120.0, 180.0),
)


@dataclass(frozen=True)
class Came:
    """`due`: when an agent would be there, if the caller has the patience."""

    began: float
    due: float
    ended: float
    outcome: Outcome


@dataclass
class Judged:
    """Of each estimate: was the truth within the range, and how far from the truth were it and the plain estimates."""

    within: list[bool] = field(default_factory=list)
    off: list[float] = field(default_factory=list)
    average_off: list[float] = field(
        default_factory=list
    )  # the mean of the latest answered waits, less what was waited
    last_off: list[float] = field(default_factory=list)  # the wait of the one answered last, less what was waited
    truth: list[float] = field(default_factory=list)
    silent: int = 0  # moments at which nothing was told

    @property
    def coverage(self) -> float:
        return sum(self.within) / len(self.within)

    @property
    def coverage_error(self) -> float:
        """One standard deviation; of batches, for neighbours in a queue are alike."""
        size = len(self.within) // BATCHES
        parts = [self.within[n * size : (n + 1) * size] for n in range(BATCHES)]
        return error([sum(part) / size for part in parts])


def callers(staff: Staffing, calls: int, rng: random.Random, *, even: bool = False, away: int = 0) -> Iterator[Came]:
    """`even`: talks are not exponential but log-normal, spread as much. `away`: so many agents are, every second SHIFT."""
    free = [BEGIN] * staff.agents
    now = BEGIN
    for _ in range(calls):
        now += rng.expovariate(staff.rate)
        here = staff.agents - away * (int((now - BEGIN) / SHIFT) % 2)
        while len(free) > here:
            heapq.heappop(free)  # whoever is free first, or next, goes
        while len(free) < here:
            heapq.heappush(free, now)
        due, patience = max(now, free[0]), rng.expovariate(1 / staff.patience)
        if due - now <= patience:
            heapq.heapreplace(free, due + talk(staff, rng, even=even))
            yield Came(now, due, due, Outcome.ANSWERED)
        else:
            yield Came(now, due, now + patience, Outcome.ABANDONED)


def talk(staff: Staffing, rng: random.Random, *, even: bool) -> float:
    if not even:
        return rng.expovariate(1 / staff.handling)
    return staff.handling * rng.lognormvariate(-log(2) / 2, sqrt(log(2)))


class Foretold:
    """The queue as an estimate sees it, at one moment after the other."""

    def __init__(self) -> None:
        self.judged = Judged()
        self._waiting: list[float] = []
        self._here: list[tuple[float, float, Came]] = []  # who is in the queue, by when they leave it
        self._departed: deque[Departed] = deque(maxlen=MOST_DEPARTED)
        self._answered: deque[float] = deque(maxlen=LATEST)

    def come(self, one: Came, chance: random.Random) -> None:
        """Judge what is told to whoever comes and has to wait, and to one of those who wait already."""
        self._until(one.began)
        if self._here and chance.random() < 0.5:
            self._judge(chance.choice(self._here)[2], one.began)
        insort(self._waiting, one.began)
        heapq.heappush(self._here, (one.ended, one.began, one))
        if one.due > one.began:
            self._judge(one, one.began)

    def _until(self, now: float) -> None:
        while self._here and self._here[0][0] <= now:
            gone = heapq.heappop(self._here)[2]
            self._waiting.remove(gone.began)
            self._departed.append(Departed(gone.began, gone.ended, gone.outcome))
            if gone.outcome is Outcome.ANSWERED and gone.ended > gone.began:
                self._answered.append(gone.ended - gone.began)

    def _judge(self, one: Came, now: float) -> None:
        told = estimate.expected(Movement(tuple(self._departed), tuple(self._waiting)), now, one.began)
        if told is None:
            self.judged.silent += 1
            return
        truth, waited, judged = one.due - now, now - one.began, self.judged
        judged.truth.append(truth)
        judged.within.append(told.low <= truth <= told.high)
        judged.off.append(abs(told.likely - truth))
        judged.average_off.append(abs(max(0.0, sum(self._answered) / len(self._answered) - waited) - truth))
        judged.last_off.append(abs(max(0.0, self._answered[-1] - waited) - truth))


def foretold(staff: Staffing, calls: int, seed: int, *, even: bool = False, away: int = 0) -> Judged:
    rng, queue = random.Random(seed), Foretold()
    for one in callers(staff, calls, random.Random(rng.random()), even=even, away=away):
        queue.come(one, rng)
    return queue.judged


def average(values: list[float]) -> float:
    return sum(values) / len(values)


def main() -> None:
    print("agents  a minute  talk  patience  estimates  none  mean wait  within  error: ours  average  last")
    for staff in ROWS:
        show(staff, foretold(staff, CALLS, 1))
    print("talks log-normal; then as before, but 4 agents away every second 40 minutes")
    show(ROWS[2], foretold(ROWS[2], CALLS, 1, even=True))
    show(ROWS[2], foretold(ROWS[2], CALLS, 1, away=4))


def show(staff: Staffing, judged: Judged) -> None:
    errors = "  ".join(f"{average(one):8.1f}" for one in (judged.off, judged.average_off, judged.last_off))
    print(
        f"{staff.agents:6}  {staff.arrivals:8.1f}  {staff.handling:4.0f}  {staff.patience:8.0f}  {len(judged.off):9}"
        f"  {judged.silent:4}  {average(judged.truth):9.1f}"
        f"  {100 * judged.coverage:5.1f} % ± {100 * judged.coverage_error:.1f}  {errors}"
    )


if __name__ == "__main__":
    main()
