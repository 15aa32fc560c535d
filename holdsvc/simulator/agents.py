"""Agents: they take whoever has waited longest, talk, sometimes put the caller on hold again, and need a moment afterwards."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from holdsvc.simulator.callers import start
from holdsvc.simulator.carrier import Carrier
from holdsvc.simulator.habits import Habits
from holdsvc.simulator.leg import AgentLeft, Gone, Leg, Moved, Taken
from holdsvc.simulator.queues import Offer
from holdsvc.simulator.staffing import Shift


class Agent:
    """One agent, over many calls. Each of them is a leg of its own, with its own sid."""

    def __init__(self, carrier: Carrier, habits: Habits, rng: random.Random, elsewhere: Sequence[str] = ()) -> None:
        """`elsewhere`: queues of the service into which this agent may send a caller on."""
        self.sid = ""
        self.shift = Shift([])
        self.queue_url = ""
        self._carrier = carrier
        self._habits = habits
        self._rng = rng
        self._elsewhere = elsewhere if habits.transfers else ()
        self._leg: Leg | None = None
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._talk: asyncio.Task[None] | None = None
        self._held_once = False
        self._taken_at = 0.0  # the clock's monotonic seconds

    async def work(self) -> None:
        """One caller after the other, for ever."""
        while True:
            offer = await self._carrier.line.next()
            begun = self._carrier.clock.monotonic()
            await self.serve(offer)
            self.shift.talks.append((begun, self._carrier.clock.monotonic()))
            if self._habits.wrap:
                await self._carrier.clock.sleep(self._rng.expovariate(1 / self._habits.wrap))

    async def serve(self, offer: Offer) -> None:
        """Take this caller; returns when the agent is free again."""
        self._leg, self._held_once = offer.leg, False
        self._taken_at = self._carrier.clock.monotonic()
        self.sid = self._carrier.new_sid("CA")
        wordless = self._rng.random() < self._habits.wordless
        self.queue_url = "" if wordless else self._carrier.agent_url(offer.leg.queue_name)
        self._done = asyncio.get_running_loop().create_future()
        await offer.reach(self)
        if offer.leg.over.done():
            self.free(offer.leg)
        await self._carrier.clock.wait(self._done, None)
        if self._talk is not None:
            self._talk.cancel()

    def bridged(self, leg: Leg) -> None:
        self._talk = asyncio.create_task(self._converse(leg))

    def free(self, leg: Leg) -> None:
        coming_back = leg.holder is self and not leg.over.done()
        if leg is self._leg and not coming_back and not self._done.done():
            self._done.set_result(None)

    async def _converse(self, leg: Leg) -> None:
        clock, rng = self._carrier.clock, self._rng
        talk = rng.expovariate(1 / self._habits.talk)
        if self._habits.words_in_talk:
            talk = max(0.0, talk - (clock.monotonic() - self._taken_at))
        if not self._held_once and leg.call.mode == "documents" and rng.random() < self._habits.holds:
            self._held_once = True
            await clock.sleep(talk / 2)
            leg.holder = self
            leg.signal(Moved(self._carrier.hold_url(leg.queue_name)))
            await clock.sleep(1.0 + rng.expovariate(1 / self._habits.hold))
            leg.signal(Taken(self))
            return  # `bridged` comes again
        await clock.sleep(talk)
        if self._elsewhere and rng.random() < self._habits.transfers:
            self._send_on(leg)
        else:
            leg.signal(Gone() if rng.random() < 0.5 else AgentLeft())

    def _send_on(self, leg: Leg) -> None:
        """To another queue, where the caller needs patience once more."""
        others = [name for name in self._elsewhere if name != leg.queue_name]
        door = self._carrier.voice_url(self._rng.choice(others or self._elsewhere), leg.call.mode)
        leg.signal(Moved(f"{door}&after={self.sid}"))  # who is sent there twice in a minute comes there twice
        start(leg, self._habits, self._carrier.clock, random.Random(self._rng.random()))
