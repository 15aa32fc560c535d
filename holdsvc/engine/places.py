"""Where we hold the places ourselves: who of the callers on streams has moved up, and is to be told so now.

A look at all who wait, every few seconds, and a word to the few for whom it has news; the streams' wheel knows nothing of it.
First come, first served: the place is one more than those who came before and still wait, be it on a stream or not. Who is being
handed over or on the way out stands in nobody's way.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from functools import partial

from holdsvc.calls import position
from holdsvc.calls.events import QueueMoved
from holdsvc.calls.model import EventId, QueueName
from holdsvc.calls.plan import HoldPlan
from holdsvc.calls.position import Foresight
from holdsvc.calls.session import HoldSession
from holdsvc.clock import Clock
from holdsvc.engine.roster import Roster
from holdsvc.engine.streams import Streams, Take

EVERY = 5.0  # seconds between two looks
WAITS_IN = 6  # looks until the wait of everybody has been looked at: an estimate takes as long as ten places
AT_ONCE = 200  # callers who are looked at in one go: a tenth of a millisecond
TOLD = 20  # callers who are told in one go
REST = 0.004  # seconds between two such
log = logging.getLogger(__name__)


class Places:
    def __init__(
        self,
        roster: Roster,
        plan: Callable[[HoldSession], HoldPlan],
        streams: Streams,
        take: Take,
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        foresight: Callable[[datetime], Foresight] = lambda now: HoldSession.outlook,
    ) -> None:
        """`foresight`: of one moment, how long callers will still wait."""
        self._roster, self._plan, self._streams, self._take = roster, plan, streams, take
        self._clock, self._sleep, self._foresight = clock, sleep, foresight
        self._looks = 0

    async def run(self) -> None:
        """Until cancelled. No fault ends it: the next look comes."""
        while True:
            await self._sleep(EVERY)
            try:
                await self.look()
            except Exception:
                log.exception("places_untold")

    async def look(self) -> int:
        """Tell whoever has moved up; return how many there were."""
        told, foresight = 0, self._foresight(self._clock.now())
        self._looks += 1
        for line in await self._lines():
            for before, (_, session) in enumerate(line):
                await self._breathe(before)
                place = before + 1
                now = self._clock.now()
                wait = place % WAITS_IN == self._looks % WAITS_IN
                wanted = self._streams.holds(session.ref) and position.may_want(session, place, now, wait=wait)
                if wanted and await self._tell(session, place, now, foresight):
                    await self._breathe(told, TOLD)
                    told += 1
        return told

    async def _lines(self) -> Iterable[list[tuple[datetime, HoldSession]]]:
        """Who waits in each queue, in the order in which they came."""
        queues: dict[QueueName, list[tuple[datetime, HoldSession]]] = {}
        for number, session in enumerate(self._roster.live()):
            await self._breathe(number)
            wait = session.history.wait
            if wait is not None and not session.released and session.leaving is None and session.elsewhere is None:
                queues.setdefault(session.queue, []).append((wait.began, session))
        for line in queues.values():
            line.sort(key=lambda one: one[0])
        return queues.values()

    async def _breathe(self, number: int, at_once: int = AT_ONCE) -> None:
        """Sound goes before news."""
        if number % at_once == at_once - 1:
            await self._sleep(REST)

    async def _tell(self, session: HoldSession, place: int, now: datetime, foresight: Foresight) -> bool:
        """At once where the sound can give way; else the core is told, and tells it at the next joint."""
        plan = self._plan(session)
        if not position.wants(session, place, plan, now, foresight):
            return False
        if position.gives_way(session, plan, now):
            return self._streams.tell(session.ref, partial(moved, place=place, at_once=True))
        if session.position == place:
            return False
        await self._take(session.ref, session.queue, (moved(session.ref.call, now, place=place),))
        return True


def moved(name: str, at: datetime, *, place: int, at_once: bool = False) -> QueueMoved:
    return QueueMoved(at=at, id=EventId(f"{name}:moved{at.timestamp():.3f}"), position=place, at_once=at_once)
