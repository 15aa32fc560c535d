"""The carrier's queues: who waits, in which place, for how long. Created on demand, as Twilio does.

Beside them the line: everybody who waits for an agent, in a queue or on a stream, longest wait first.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from msgspec import Struct

from holdsvc.simulator.clock import SimClock
from holdsvc.simulator.leg import Leg, Taker

LARGEST = 1000  # callers
REMEMBERED = 50  # past waits of which the average is made


class Spot(Struct, eq=False):
    call: str
    since: float  # the clock's monotonic seconds


class Queue:
    def __init__(self, name: str, sid: str) -> None:
        self.name = name
        self.sid = sid
        self._spots: list[Spot] = []
        self._past: deque[float] = deque(maxlen=REMEMBERED)

    def full(self, largest: int = LARGEST) -> bool:
        return len(self._spots) >= largest

    def join(self, spot: Spot) -> None:
        self._spots.append(spot)

    def leave(self, spot: Spot, now: float) -> None:
        if spot in self._spots:
            self._spots.remove(spot)
            self._past.append(now - spot.since)

    def fields(self, spot: Spot, now: float) -> dict[str, str]:
        """What a waitUrl request says of the place. Twilio counts in whole seconds."""
        average = sum(self._past) / len(self._past) if self._past else 0.0
        return {
            "QueueSid": self.sid,
            "QueuePosition": str(self._spots.index(spot) + 1 if spot in self._spots else 1),
            "QueueTime": str(int(now - spot.since)),
            "AvgQueueTime": str(int(average)),
            "CurrentQueueSize": str(len(self._spots)),
            "MaxQueueSize": str(LARGEST),
        }


class Offer(Struct, eq=False):
    """A caller who may be taken. `reach` asks for the caller on behalf of an agent."""

    leg: Leg
    reach: Callable[[Taker], Awaitable[None]]


class Line:
    """First come, first served. An offer that was taken back is never handed out."""

    def __init__(self, clock: SimClock) -> None:
        self._clock = clock
        self._offers: deque[Offer] = deque()
        self._idle: deque[asyncio.Future[None]] = deque()

    def join(self, offer: Offer) -> None:
        self._offers.append(offer)
        while self._idle:
            agent = self._idle.popleft()
            if not agent.done():
                agent.set_result(None)
                return

    def leave(self, offer: Offer) -> None:
        if offer in self._offers:
            self._offers.remove(offer)

    @property
    def busy(self) -> bool:
        """Somebody waits for an agent."""
        return bool(self._offers)

    async def next(self) -> Offer:
        while not self._offers:
            self._idle.append(asyncio.get_running_loop().create_future())
            await self._clock.wait(self._idle[-1], None)
        return self._offers.popleft()
