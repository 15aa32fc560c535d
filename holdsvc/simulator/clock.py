"""Two clocks of the other side: the machine's, and one that jumps to the next thing that somebody waits for.

Both offer `now()` and `monotonic()` as the service's clock does, so that the virtual one can be handed to the service too.
The virtual clock stands still while any work is registered with `busy()`: that is every HTTP request of the simulator, and
whatever the service registers of its own (a commit that outlives its request, a look-up).
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Protocol

# Turns of the event loop in which nobody touched the clock before it moves: a woken task hands on to another at most
# three times (caller, queue, agent, leg) before it sleeps, asks over HTTP, or has nothing to do.
QUIET_TURNS = 8


class SimClock(Protocol):
    virtual: bool

    def now(self) -> datetime:
        """The time of day, aware, UTC."""

    def monotonic(self) -> float:
        """Seconds that never jump back."""

    async def sleep(self, seconds: float) -> None: ...

    async def wait(self, wake: asyncio.Future[None], seconds: float | None) -> None:
        """Until `wake` is resolved or so many seconds have passed (None: for ever). Resolves `wake` itself at the end."""

    def busy(self) -> AbstractContextManager[None]:
        """Work under way: a virtual clock stands still as long as one is open."""


class RealClock:
    virtual = False

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    async def wait(self, wake: asyncio.Future[None], seconds: float | None) -> None:
        timer = None if seconds is None else asyncio.get_running_loop().call_later(max(0.0, seconds), _resolve, wake)
        try:
            await wake
        finally:
            if timer is not None:
                timer.cancel()

    def busy(self) -> AbstractContextManager[None]:
        return nullcontext()


class VirtualClock:
    """Time that costs nothing. Nothing moves until `run()` runs, beside the work, on the same event loop."""

    virtual = True

    def __init__(self, start: datetime = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0
        self._busy = 0
        self._moves = 0
        self._stirred: asyncio.Future[None] | None = None

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        await self.wait(asyncio.get_running_loop().create_future(), seconds)

    async def wait(self, wake: asyncio.Future[None], seconds: float | None) -> None:
        if seconds is not None:
            self._count += 1
            heapq.heappush(self._sleepers, (self._elapsed + max(0.0, seconds), self._count, wake))
        self._stir()
        try:
            await wake
        finally:
            self._stir()

    @contextmanager
    def busy(self) -> Iterator[None]:
        self._busy += 1
        self._stir()
        try:
            yield
        finally:
            self._busy -= 1
            self._stir()

    def pauses(self) -> Callable[[float], Awaitable[None]]:
        """A sleep for one loop of the service: from the end of one pause to the next, its work holds time up."""
        working = ExitStack()

        async def pause(seconds: float) -> None:
            working.close()
            await self.sleep(seconds)
            working.enter_context(self.busy())

        return pause

    async def run(self) -> None:
        """Move time on, one sleeper after the other, for as long as this runs. Cancel it at the end."""
        while True:
            await self._settle()
            if not self._advance():
                await self._until_stirred()

    def _advance(self) -> bool:
        while self._sleepers:
            due, _, wake = heapq.heappop(self._sleepers)
            if wake.done():
                continue
            self._elapsed = max(self._elapsed, due)
            wake.set_result(None)
            return True
        return False

    async def _settle(self) -> None:
        quiet, seen = 0, self._moves
        while quiet < QUIET_TURNS:
            if self._busy:
                await self._until_stirred()
            else:
                await asyncio.sleep(0)
            quiet = quiet + 1 if self._moves == seen and not self._busy else 0
            seen = self._moves

    async def _until_stirred(self) -> None:
        self._stirred = asyncio.get_running_loop().create_future()
        await self._stirred

    def _stir(self) -> None:
        self._moves += 1
        if self._stirred is not None:
            _resolve(self._stirred)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
