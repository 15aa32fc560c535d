"""The call-backs that are open, at hand for the wall, the scrape and the API; and the one way for others to say what became of one.

The store is right; what is at hand here is as old as the last look, for other processes may have changed it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from holdsvc.calls.callback import LEASE, Callback, State, Wish, in_order, now
from holdsvc.calls.facts import AnyFact, CallbackAsked, CallbackOffered, CallbackSettled
from holdsvc.calls.session import HoldSession
from holdsvc.clock import Clock
from holdsvc.errors import StoreUnavailable
from holdsvc.ports import CallbackQuery, Store

EVERY = 1.0  # seconds between two looks
MOST = 100_000  # that are owed at a time
OFFERED = "offered"  # where a state would stand
Told = Callable[[str, str], None]  # queue and state
log = logging.getLogger(__name__)


class Owing(Struct, frozen=True):
    """How a queue stands with what it has promised."""

    owed: int = 0
    calling: int = 0
    oldest_seconds: float = 0.0  # since the oldest that is still owed was asked for


class Callbacks:
    """`told` hears of each step in the life of one, and of each offer."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        told: Told = lambda queue, state: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        offered: Iterable[str] = (),
    ) -> None:
        """`offered`: the queues in which one can be had."""
        self._offered = tuple(offered)
        self._store, self._clock, self._told, self._sleep = store, clock, told, sleep
        self._open: Sequence[Callback] = ()
        self._looking: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until cancelled. No fault ends it: the next look comes."""
        while True:
            await self._sleep(EVERY)
            try:
                await self.look()
            except Exception:
                log.exception("callbacks_not_read")

    async def look(self) -> None:
        try:
            self._open = await self._store.callbacks(CallbackQuery(state="open", most=MOST))
        except StoreUnavailable as error:
            log.debug("callbacks_not_read", extra={"reason": str(error)})

    def facts(self, session: HoldSession, facts: Sequence[AnyFact]) -> None:
        """A listener."""
        steps = [one for one in map(step, facts) if one is not None]
        for queue, state in steps:
            self._told(queue, state)
        if any(state != OFFERED for _, state in steps):
            task = asyncio.get_running_loop().create_task(self.look())
            self._looking.add(task)
            task.add_done_callback(self._looking.discard)

    async def move(self, id: str, wish: Wish) -> Callback | None:
        """Durably; None: there is none of that name. Raises `CallbackRefused`."""
        after = await self._store.move_callback(id, wish)
        if after is not None and is_news(after, wish):
            self._told(after.queue, after.state.value)
        await self.look()
        return after

    def open(self) -> list[Callback]:
        """As they stand now, the earliest wait first."""
        at = self._clock.now()
        return in_order(now(one, at) for one in self._open)

    def owing(self) -> Mapping[str, Owing]:
        """By queue, those that owe something or may come to."""
        at, by_queue = self._clock.now(), {queue: list[Callback]() for queue in self._offered}
        for one in self.open():
            by_queue.setdefault(one.queue, []).append(one)
        return {queue: summed(some, at) for queue, some in by_queue.items()}


def summed(some: Iterable[Callback], at: datetime) -> Owing:
    some = list(some)
    owed = [(at - one.asked).total_seconds() for one in some if one.state is State.OWED]
    return Owing(len(owed), len(some) - len(owed), max(owed, default=0.0))


def together(some: Iterable[Owing]) -> Owing | None:
    """All queues; None where there are none."""
    some = list(some)
    oldest = max((one.oldest_seconds for one in some), default=0.0)
    return Owing(sum(one.owed for one in some), sum(one.calling for one in some), oldest) if some else None


def step(fact: AnyFact) -> tuple[str, str] | None:
    """What a fact says of the life of a call-back: queue and state."""
    match fact:
        case CallbackOffered(queue=queue):
            return queue, OFFERED
        case CallbackAsked(queue=queue, again=False):
            return queue, State.OWED.value
        case CallbackSettled(queue=queue):
            return queue, State.WITHDRAWN.value
        case _:
            return None


def is_news(after: Callback, wish: Wish) -> bool:
    """It came to be so by this wish, not by one before it."""
    return after.ended == wish.at or (after.state is State.CALLING and after.until == wish.at + LEASE)
