"""The service, broken on purpose in one way: `python -m tests.chaos.flawed FLAW serve ...`. For control runs alone."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence

from holdsvc.calls.facts import AnyFact
from holdsvc.calls.session import HoldSession
from holdsvc.cli import run
from holdsvc.engine.unkept import News, Unkept
from holdsvc.errors import StaleSession, StoreUnavailable
from holdsvc.stores.mover import Placed
from holdsvc.stores.postgres_log import PostgresLog
from holdsvc.stores.redis import RedisStore

BEHIND = 1.0  # seconds by which it answers before it keeps


def late() -> None:
    """Answers first and keeps a second later: what a process that ends had not kept is gone."""
    keep, load = RedisStore.save, RedisStore.load
    ahead: dict[str, HoldSession] = {}

    async def save(self: RedisStore, session: HoldSession, facts: Sequence[AnyFact]) -> None:
        async def behind() -> None:
            await asyncio.sleep(BEHIND)
            with contextlib.suppress(StaleSession, StoreUnavailable):
                await keep(self, session, facts)

        ahead[session.ref.key] = session
        asyncio.get_running_loop().create_task(behind())

    async def known(self: RedisStore, ref: object) -> HoldSession | None:
        return ahead.get(ref.key) or await load(self, ref)  # type: ignore[attr-defined, arg-type]

    RedisStore.save, RedisStore.load = save, known  # type: ignore[method-assign]


def no_spool() -> None:
    """What the store cannot take is answered, and not put by."""

    def put_by(self: Unkept, session: HoldSession, news: News) -> bool:
        return True

    Unkept.put_by = put_by  # type: ignore[method-assign]


def at_most_once() -> None:
    """What SQL could not take counts as moved."""
    keep = PostgresLog.keep

    async def lossy(self: PostgresLog, placed: Sequence[Placed]) -> Mapping[int, str]:
        try:
            return await keep(self, placed)
        except StoreUnavailable:
            return {one.part: one.id for one in placed}

    PostgresLog.keep = lossy  # type: ignore[method-assign]


FLAWS: dict[str, Callable[[], None]] = {"late": late, "no-spool": no_spool, "at-most-once": at_most_once}

if __name__ == "__main__":
    FLAWS[sys.argv[1]]()
    sys.exit(run(sys.argv[2:]))
