"""What is to happen outside happens at least once, and nobody waits for it.

A store keeps a letter in the same step as the facts that caused it, and it is tried at once after: that it is kept is the net for
when we die, or the other side is away. Each destination has a lane of its own, so that one which is slow or dead delays no other.
A letter that failed five times is dead: it is kept for a person to see to, and blocks nobody.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum

from msgspec.structs import replace

from holdsvc.calls.facts import AnyFact
from holdsvc.calls.session import HoldSession
from holdsvc.calls.telling import Effect, Subscriber, effects
from holdsvc.clock import Clock
from holdsvc.engine.letters import MOST
from holdsvc.errors import OutboundFailed, StoreUnavailable
from holdsvc.ports import Due, Letter, Standing, Verdict
from holdsvc.ports import Outbox as Box

SECONDS = 5.0  # that a try may take
LEASE = 10.0  # seconds for which a letter is ours alone: a try, begun as late as half-way, ends within it
PAUSES = (5.0, 60.0, 600.0, 3600.0)  # seconds after each try in vain: a restart is ridden out, and an outage of an hour
MOST_TRIES = len(PAUSES) + 1
SPREAD = 0.25  # of a pause, to either side: those that failed together do not come back together
LONGEST_PAUSE = 6 * 3600.0  # seconds, however long the other side asks us to stay away
AT_ONCE = 8  # tries under way to one destination
AT_HAND = 100  # letters of one destination that are in memory; all others are in the store alone
EVERY = 1.0  # seconds between two looks for what is due
SELDOM = 60.0  # the same where there is nobody to tell
BEAT = 0.25  # seconds in which verdicts gather: a flush of the disk costs more than all that stands in it, and saves wait behind it
MOST_VERDICTS = 10_000  # that wait for a store that is away; what is beyond it is tried again
MOST_REMEMBERED = 10_000  # that were delivered here: told before the store had them, they come out of it later
FAREWELL = 2.0  # seconds for what is under way when the service stops
NOBODY = "nobody"  # why it died: the settings do not name its destination any more
log = logging.getLogger(__name__)

Way = Callable[[Effect], Awaitable[None]]  # makes it happen, or raises `OutboundFailed`
Sleep = Callable[[float], Awaitable[None]]


class Result(StrEnum):
    DELIVERED = "delivered"
    FAILED = "failed"  # and will be tried again
    DEAD = "dead"
    DROPPED = "dropped"  # it had lost its sense


class Lane:
    """What is at hand for one destination."""

    def __init__(self, way: Way) -> None:
        self.way = way
        self.todo: deque[tuple[Letter, float]] = deque()  # and by when it must have begun, by the loop's clock
        self.under_way: set[asyncio.Task[None]] = set()

    @property
    def room(self) -> int:
        return AT_HAND - len(self.todo)


class Outbox:
    """`told` hears what came of each try."""

    def __init__(
        self,
        box: Box,
        ways: Mapping[str, Way],
        subscribers: Sequence[Subscriber],
        clock: Clock,
        chance: random.Random,
        told: Callable[[Result], None] = lambda result: None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._box, self._clock, self._chance, self._told, self._sleep = box, clock, chance, told, sleep
        self._subscribers = tuple(subscribers)
        self._lanes = {name: Lane(way) for name, way in ways.items()}
        self._engaged: set[str] = set()  # keys that are in a lane, or whose verdict is not kept yet
        self._delivered: dict[str, None] = {}
        self._verdicts: list[Verdict] = []
        self._settling: asyncio.Task[None] | None = None
        self._closed = False
        self.standing = Standing(0, 0)  # as it was found last
        if self._subscribers:
            box.causes = self.causes

    def causes(self, session: HoldSession, facts: Sequence[AnyFact]) -> Sequence[Due]:
        """For the store, as it saves. What may be tried at once is ours for now, what must wait for its turn is anybody's."""
        letters = self._letters(session, facts)
        now = self._now() if letters else 0.0
        return [Due(one, now if one.effect.turn else now + LEASE) for one in letters]

    def facts(self, session: HoldSession, facts: Sequence[AnyFact]) -> None:
        """A listener: these are kept."""
        if self._lanes:
            for letter in self._letters(session, facts):
                if not letter.effect.turn:
                    self._take(letter)

    async def run(self) -> None:
        """Until cancelled. No fault ends it: the next look comes."""
        bury = True
        while True:
            await self._sleep(EVERY if self._lanes else SELDOM)
            try:
                if bury:
                    await self.bury()
                    bury = False
                await self.look()
            except StoreUnavailable as error:
                log.debug("outbox_not_read", extra={"reason": str(error)})
            except Exception:
                log.exception("outbox_not_read")

    async def look(self) -> None:
        """Take up what is due: what failed before, what another process left, what there was no room for."""
        if self._verdicts and self._settling is None:
            self._settle_soon()
        for name, lane in self._lanes.items():
            if lane.room > 0:
                now = self._now()
                for letter in await self._box.hand_out(name, now, now + LEASE, lane.room):
                    self._take(letter)
        self.standing = await self._box.standing()

    async def bury(self) -> None:
        """What is for nobody that the settings name would wait for ever, unseen."""
        lost = [one for one in await self._box.letters(MOST) if one.died is None and one.effect.to not in self._lanes]
        if lost:
            now = self._now()
            await self._box.settle([Verdict(one, replace(one, fault=NOBODY, died=now)) for one in lost])
            log.error("effects_for_nobody", extra={"to": sorted({one.effect.to for one in lost}), "letters": len(lost)})

    async def close(self) -> None:
        """What is under way may end; the rest is in the store, and the next process takes it up."""
        self._closed = True
        for lane in self._lanes.values():
            lane.todo.clear()
        flights = [task for lane in self._lanes.values() for task in lane.under_way]
        if flights:
            await asyncio.wait(flights, timeout=FAREWELL)
            for task in flights:
                task.cancel()
            await asyncio.gather(*flights, return_exceptions=True)
        if self._verdicts:
            self._settle_soon()
        if self._settling is not None:
            await self._settling

    # --- inside ----------------------------------------------------------------------------------------------------

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _letters(self, session: HoldSession, facts: Sequence[AnyFact]) -> list[Letter]:
        return [Letter(one) for one in effects(self._subscribers, session, facts)]

    def _take(self, letter: Letter) -> None:
        """Where there is no room it stays in the store, and is handed out later."""
        lane, key = self._lanes.get(letter.effect.to), letter.effect.key
        if lane is None or lane.room <= 0 or key in self._engaged or self._closed:
            return
        self._engaged.add(key)
        if key in self._delivered:
            self._verdicts.append(Verdict(letter))
            self._settle_soon()
            return
        lane.todo.append((letter, asyncio.get_running_loop().time() + LEASE - SECONDS))
        self._go_on(lane)

    def _go_on(self, lane: Lane) -> None:
        now = asyncio.get_running_loop().time()
        while lane.todo and len(lane.under_way) < AT_ONCE:
            letter, until = lane.todo.popleft()
            if now > until:  # another may have it by the time that we were done
                self._engaged.discard(letter.effect.key)
                continue
            task = asyncio.create_task(self._try(lane, letter))
            lane.under_way.add(task)
            task.add_done_callback(lambda done: self._ended(lane, done))

    def _ended(self, lane: Lane, task: asyncio.Task[None]) -> None:
        lane.under_way.discard(task)
        self._go_on(lane)

    async def _try(self, lane: Lane, letter: Letter) -> None:
        try:
            verdict = await self._tried(lane, letter)
        except BaseException:
            self._engaged.discard(letter.effect.key)
            raise
        self._verdicts.append(verdict)
        self._settle_soon()

    async def _tried(self, lane: Lane, letter: Letter) -> Verdict:
        effect = letter.effect
        if effect.until is not None and self._clock.now() > effect.until:
            self._report(Result.DROPPED, letter)
            return Verdict(letter)
        try:
            await lane.way(effect)
        except OutboundFailed as error:
            return self._failed(letter, error)
        except Exception as error:  # the edge of a task: whatever it is, it is one more try in vain
            log.exception("effect_failed", extra=named(letter))
            return self._failed(letter, OutboundFailed(type(error).__name__))
        self._delivered[effect.key] = None
        if len(self._delivered) > MOST_REMEMBERED:
            del self._delivered[next(iter(self._delivered))]
        self._report(Result.DELIVERED, letter)
        return Verdict(letter)

    def _failed(self, letter: Letter, error: OutboundFailed) -> Verdict:
        tries, now = letter.tries + 1, self._now()
        failed = replace(letter, tries=tries, fault=error.why)
        if tries >= MOST_TRIES:
            self._report(Result.DEAD, failed)
            return Verdict(letter, replace(failed, died=now))
        self._report(Result.FAILED, failed)
        pause = PAUSES[tries - 1] * self._chance.uniform(1 - SPREAD, 1 + SPREAD)
        return Verdict(letter, failed, now + min(max(pause, error.after), LONGEST_PAUSE))

    def _report(self, result: Result, letter: Letter) -> None:
        self._told(result)
        extra = {**named(letter), "tries": letter.tries, "fault": letter.fault}
        if result is Result.DELIVERED:
            log.debug("effect_delivered", extra=named(letter))
        elif result is Result.DEAD:
            log.error("effect_dead", extra=extra)
        else:
            log.warning(f"effect_{result}", extra=extra)

    def _settle_soon(self) -> None:
        if self._settling is None:
            self._settling = asyncio.create_task(self._settle())

    async def _settle(self) -> None:
        """What cannot be kept now is kept after the next look; until then it is not tried again here."""
        try:
            while self._verdicts:
                await asyncio.sleep(BEAT)
                some, self._verdicts = self._verdicts, []
                if not await self._kept(some):
                    return
        finally:
            self._settling = None

    async def _kept(self, some: list[Verdict]) -> bool:
        try:
            await self._box.settle(some)
        except StoreUnavailable as error:
            log.debug("verdicts_not_kept", extra={"reason": str(error)})
            waiting = [*some, *self._verdicts]
            some, self._verdicts = waiting[:-MOST_VERDICTS], waiting[-MOST_VERDICTS:]
        self._engaged.difference_update(one.before.effect.key for one in some)
        return not self._verdicts


def named(letter: Letter) -> dict[str, str]:
    """For the log: what an operator needs to find it, and nothing of what it says."""
    effect = letter.effect
    return {"key": effect.key, "to": effect.to, "kind": effect.kind, "call": effect.call.partition("/")[2]}
