"""Waits leave the log when they are older than the operator keeps them: some at a time, so that no save waits for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from holdsvc.clock import Clock
from holdsvc.errors import ConfigError, StoreUnavailable
from holdsvc.ports import Store

AT_ONCE = 100  # waits in one transaction: some ten milliseconds
PAUSE = 0.1  # seconds between two of them
EVERY = 3600.0  # seconds between two looks

log = logging.getLogger(__name__)


class Ageing:
    def __init__(
        self, store: Store, clock: Clock, keep_days: float, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        """`keep_days` 0: for ever."""
        self._store, self._clock, self._keep_days, self._sleep = store, clock, keep_days, sleep

    async def run(self) -> None:
        """Until cancelled. No fault ends it: the next look comes."""
        while self._keep_days:
            await self.round()
            await self._sleep(EVERY)

    async def round(self) -> int:
        """All that is old now; how many there were."""
        before, gone = self._clock.now() - timedelta(days=self._keep_days), 0
        try:
            while some := await self._store.let_go(before, AT_ONCE):
                gone += some
                await self._sleep(PAUSE)
        except (StoreUnavailable, ConfigError) as error:  # a database may let us write and not delete
            log.warning("waits_not_let_go", extra={"reason": str(error), "then": "in an hour"})
        except Exception:
            log.exception("waits_not_let_go", extra={"then": "in an hour"})
        if gone:
            log.info("waits_let_go", extra={"waits": gone, "before": before.isoformat(timespec="seconds")})
        return gone
