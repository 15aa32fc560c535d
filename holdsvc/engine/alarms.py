"""Wakes sessions when their time has come, and brings to the store what could not be kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from holdsvc.calls.events import TimeCame
from holdsvc.calls.model import CallRef, EventId
from holdsvc.clock import Clock
from holdsvc.engine.intake import Intake, Taken
from holdsvc.errors import StaleSession, StoreUnavailable
from holdsvc.ports import Store

EVERY = 1.0  # seconds between two looks
MOST = 200  # sessions a look
log = logging.getLogger(__name__)


class Alarms:
    def __init__(
        self,
        store: Store,
        intake: Intake,
        clock: Clock,
        rang: Callable[[Taken], Awaitable[None]],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        degraded: Callable[[bool], None] = lambda away: None,
    ) -> None:
        self._store, self._intake, self._clock, self._rang, self._sleep = store, intake, clock, rang, sleep
        self._degraded = degraded

    async def run(self) -> None:
        """Until cancelled. No fault ends it: the next look comes."""
        while True:
            await self._sleep(EVERY)
            try:
                await self.look()
            except StoreUnavailable as error:
                self._degraded(True)
                log.warning("store_unavailable", extra={"reason": str(error)})
            except Exception:
                log.exception("alarm_failed")

    async def look(self) -> int:
        """Wake everyone whose time has come; return how many there were. Raise `StoreUnavailable` where it does not say."""
        if self._intake.degraded:
            await self._keep_again()
        now = self._clock.now()
        refs = await self._store.due(now, MOST)
        self._degraded(self._intake.degraded)  # it has answered: one that is asked and does not is away until then
        for ref in refs:
            if (
                self._intake.unkept.session(ref) is None
            ):  # its alarm stands in a store that cannot be told otherwise now
                await self._wake_safely(ref)
        return len(refs)

    async def _wake_safely(self, ref: CallRef) -> None:
        """One call that fails must not keep those behind it from being woken."""
        try:
            await self._wake(ref)
        except Exception:
            log.exception("alarm_failed", extra={"call": ref.call})

    async def _wake(self, ref: CallRef) -> None:
        session = await self._intake.load(ref)
        if session is None:
            return
        event = TimeCame(at=self._clock.now(), id=EventId(f"{ref.call}+time+{session.version}"))
        await self._rang(await self._intake.take(ref, session.queue, (event,)))

    async def _keep_again(self) -> None:
        try:
            await self._intake.keep_again()
            log.info("store_back")
        except (StoreUnavailable, StaleSession) as error:
            log.warning("store_still_unavailable", extra={"reason": str(error)})
