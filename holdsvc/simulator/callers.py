"""Callers: when they come, from which number, what they key and say, and when they have had enough."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

from holdsvc.simulator.clock import SimClock
from holdsvc.simulator.habits import Habits
from holdsvc.simulator.leg import Gone, Leg, Pressed, Spoke
from holdsvc.simulator.truth import End

WITHHELD = ("anonymous", "Restricted", "+266696687", "")
KEYS = "1122334455789900*#6"  # what is on a menu more often than what is not
WORDS = (
    "music", "some music please", "podcast", "a podcast", "updates", "today's updates", "quiet", "be quiet",
    "next", "louder", "softer", "repeat", "leave", "call me back", "banana", "hello? is anybody there", "",
)  # fmt: skip
FICTIONAL = 10_000  # numbers of the form +1 500 555 xxxx


class Crowd:
    """Numbers of callers: some withheld, some who have called before."""

    def __init__(self, habits: Habits, rng: random.Random) -> None:
        self._habits = habits
        self._rng = rng
        self._seen: list[str] = []

    def number(self) -> str:
        if self._rng.random() < self._habits.withheld:
            return self._rng.choice(WITHHELD)
        if self._seen and self._rng.random() < self._habits.known:
            return self._rng.choice(self._seen)
        self._seen.append(f"+1500555{self._rng.randrange(FICTIONAL):04d}")
        return self._seen[-1]


def gaps(rate: float, calls: int, rng: random.Random) -> Iterator[float]:
    """Seconds between one arrival and the next: a Poisson stream of `rate` calls a second."""
    for _ in range(calls):
        yield rng.expovariate(rate)


async def behave(leg: Leg, habits: Habits, clock: SimClock, rng: random.Random) -> None:
    """One caller, until an agent has the call or patience is at its end. Cancelled with the call."""
    left = rng.expovariate(1 / habits.patience)
    while True:
        pause = rng.expovariate(1 / habits.fiddle)
        if pause >= left:
            break
        await clock.sleep(pause)
        left -= pause
        if leg.over.done() or _answered(leg):
            return
        leg.signal(_act(rng))
    await clock.sleep(left)
    if not leg.over.done() and not _answered(leg):
        leg.signal(Gone())


def start(leg: Leg, habits: Habits, clock: SimClock, rng: random.Random) -> asyncio.Task[None]:
    """The caller of a leg comes to life, and goes with it."""
    task = asyncio.create_task(behave(leg, habits, clock, rng))
    leg.over.add_done_callback(lambda _: task.cancel())
    return task


def _act(rng: random.Random) -> Pressed | Spoke:
    if rng.random() < 0.6:
        return Pressed(rng.choice(KEYS))
    confidence = rng.uniform(0.3, 0.98) if rng.random() < 0.9 else None  # Confidence is not guaranteed
    return Spoke(rng.choice(WORDS), rng.uniform(0.3, 1.5), confidence)


def _answered(leg: Leg) -> bool:
    return bool(leg.call.waits) and leg.call.waits[-1].end is End.ANSWERED
