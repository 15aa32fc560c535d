"""Waits leave the log when they are older than the operator keeps them: some at a time, so that no save waits for it. News that
would bring one back are refused."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from holdsvc.calls.facts import AnyFact, WaitBegan
from holdsvc.calls.session import HoldSession
from holdsvc.clock import Clock
from holdsvc.errors import ConfigError, StoreUnavailable
from holdsvc.ports import Store

AT_ONCE = 100  # waits in one transaction: some ten milliseconds
PAUSE = 0.1  # seconds between two of them
EVERY = 3600.0  # seconds between two looks

log = logging.getLogger(__name__)


async def none_refused(session: HoldSession, facts: Sequence[AnyFact]) -> bool:
    """Where all waits are kept for ever."""
    return False


class Ageing:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        keep_days: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        on_refused: Callable[[str], None] = lambda platform: None,
    ) -> None:
        """`keep_days` 0: for ever. `on_refused` hears whose news came too late."""
        self._store, self._clock, self._keep_days, self._sleep = store, clock, keep_days, sleep
        self._on_refused = on_refused

    @property
    def _oldest(self) -> datetime:
        return self._clock.now() - timedelta(days=self._keep_days)

    async def refused(self, session: HoldSession, facts: Sequence[AnyFact]) -> bool:
        """With this news a wait would begin that is older than any that is kept. It was counted before it went: nobody counts it
        again. The store is asked, for who could not reach it takes a wait that it has for a new one. Raise `StoreUnavailable`."""
        too_old = [fact for fact in facts if isinstance(fact, WaitBegan) and fact.at < self._oldest]
        if not self._keep_days or not too_old:
            return False
        known = await self._store.load(session.ref)
        if known is not None and known.version >= session.version:
            return False  # it was decided without what is known, and will be again
        began = too_old[0].at.isoformat(timespec="seconds")
        log.warning(
            "news_refused", extra={"call": session.ref.call, "reason": "the wait has left the log", "began": began}
        )
        self._on_refused(session.ref.platform)
        return True

    async def run(self) -> None:
        """Until cancelled. No fault ends it: the next look comes."""
        while self._keep_days:
            await self.round()
            await self._sleep(EVERY)

    async def round(self) -> int:
        """All that is old now; how many there were."""
        before, gone = self._oldest, 0
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
