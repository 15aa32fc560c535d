"""The mover where several processes share one wait log: one of them moves for all, and another one when that one is gone.

A file has one writer, so who holds its lock moves. A database server takes all, so who leads moves; the others do it for
themselves where somebody asks for what they have just kept.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from holdsvc.calls.model import CallerId
from holdsvc.errors import ConfigError, InUse, StoreUnavailable
from holdsvc.ports import WaitQuery
from holdsvc.stores.mover import Entry, Mover, SqlLog
from holdsvc.stores.redis_keys import PARTS, key, log_of
from holdsvc.stores.redis_link import Link

TRY = 0.5  # seconds between two tries to take over
MOVED_WITHIN = 2.0  # seconds that are waited for another process to move what is there
ERASED_WITHIN = 5.0
ANSWER_KEPT = 60  # seconds
LOOK = 0.05  # seconds between two looks at what another process has done
ERASE = key(0, "erase")  # callers that whoever writes is to erase
log = logging.getLogger(__name__)


class MoverInTurns(Mover):
    def __init__(
        self,
        link: Link,
        sql: SqlLog,
        leads: Callable[[], bool] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        on_away: Callable[[bool], None] = lambda away: None,
        led: Callable[[], bool] = lambda: True,
    ) -> None:
        """`leads` None: the log has one writer, and who that is moves. `led`: another one leads; nobody may, for a while."""
        super().__init__(link, sql, log_of, PARTS, self._sleep_until_my_turn, on_away)
        self._leads, self._led, self._writes, self._closing = leads, led, False, False
        self._log, self._rest = sql, sleep
        self._erase, self.forget = self.forget, self._forget
        self._drop, self.let_go = self.let_go, self._let_go

    async def open(self, apply: Callable[[Entry], Awaitable[None]]) -> None:
        """If another one writes, that is no reason not to serve."""
        self._apply = apply
        await self._take_over()
        if not self._writes:
            await self._until(self._readable, MOVED_WITHIN)

    async def close(self) -> None:
        self._closing = True
        if self._writes:
            await super().close()

    async def catch_up(self) -> None:
        """All that is there now is moved, be it by another process."""
        if self._writes:
            await super().catch_up()
        else:
            await self._until(self._empty, MOVED_WITHIN)

    # --- inside ------------------------------------------------------------------------------------------------------

    async def _sleep_until_my_turn(self, seconds: float) -> None:
        await self._rest(seconds)
        while not self._closing:
            try:
                if await self._is_my_turn():
                    await self._erase_for_others()
                    return
                if self._led():
                    self._cares_no_more()
            except StoreUnavailable as error:
                log.warning("log_not_taken_over", extra={"reason": str(error)})
            except Exception:
                log.exception("log_not_taken_over")
            await self._rest(TRY)

    async def _is_my_turn(self) -> bool:
        if not self._writes:
            await self._take_over()
        return self._writes and (self._leads is None or self._leads())

    async def _take_over(self) -> None:
        try:
            await super().open(self._apply)
        except InUse:
            return
        self._writes = True

    async def _readable(self) -> bool:
        """Whoever writes has made the tables."""
        try:
            await self._log.waits(WaitQuery(most=1))
        except (StoreUnavailable, ConfigError):  # there is no file yet
            return False
        return True

    async def _empty(self) -> bool:
        return not any(await self._link.all([("XLEN", log_of(part)) for part in range(PARTS)]))

    async def _forget(self, caller: CallerId) -> int:
        if self._writes:
            return await self._erase(caller)
        return await self._erased_by_another(caller)

    async def _let_go(self, before: datetime, most: int) -> int:
        """By whoever writes."""
        mine = self._writes and (self._leads is None or self._leads())
        return await self._drop(before, most) if mine else 0

    async def _erased_by_another(self, caller: CallerId) -> int:
        await self._link.all([("DEL", answer_for(caller)), ("RPUSH", ERASE, caller)])
        found: list[bytes] = []

        async def answered() -> bool:
            found[:] = [answer] if (answer := await self._link.ask("GET", answer_for(caller))) else []
            return bool(found)

        if not await self._until(answered, ERASED_WITHIN):
            raise StoreUnavailable("the process that writes the wait log has not erased the caller yet: ask again")
        return int(found[0])

    async def _erase_for_others(self) -> None:
        while caller := await self._link.ask("LINDEX", ERASE, 0):
            waits = await self._erase(CallerId(caller.decode()))
            await self._link.all([("SET", answer_for(caller.decode()), waits, "EX", ANSWER_KEPT), ("LPOP", ERASE)])

    async def _until(self, true: Callable[[], Awaitable[bool]], seconds: float) -> bool:
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while not await true():
            if loop.time() >= until:
                return False
            await self._rest(LOOK)
        return True


def answer_for(caller: str) -> str:
    return key(0, f"erased:{caller}")
