"""What goes on while the service runs: opened and begun with the application, ended and kept when it stops."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from aiohttp import web

from holdsvc.calls.session import HoldSession
from holdsvc.content.ingest import ingest_behind
from holdsvc.content.keeper import Keeper
from holdsvc.content.library import Library
from holdsvc.engine.ageing import Ageing
from holdsvc.engine.alarms import Alarms
from holdsvc.engine.ears import Hearing
from holdsvc.engine.intake import Taken
from holdsvc.engine.movements import latest
from holdsvc.engine.places import Places
from holdsvc.errors import BadContent, StoreUnavailable
from holdsvc.ports import Ears, LinePlatform, Totals
from holdsvc.settings import Settings
from holdsvc.speech.workers import Workers
from holdsvc.stores.ending import ended
from holdsvc.web.audiosocket import networks, open_lines
from holdsvc.web.house import House

FOLLOW = 5.0  # seconds between two looks at shelves that another process keeps
log = logging.getLogger(__name__)
Sleep = Callable[[float], Awaitable[None]]
T = TypeVar("T")


def understanding(hearing: Hearing, ears: Ears | None) -> Callable[[web.Application], AsyncIterator[None]]:
    async def while_it_runs(application: web.Application) -> AsyncIterator[None]:
        if isinstance(ears, Workers):
            await ears.start()
        try:
            yield
        finally:
            await hearing.close()

    return while_it_runs


def running(
    house: House, library: Library, folder: Path, sleep: Sleep, ingest: bool, keeper: Keeper | None = None
) -> Callable[[web.Application], AsyncIterator[None]]:
    async def while_it_runs(application: web.Application) -> AsyncIterator[None]:
        await house.store.open()
        try:
            await house.together.open(partial(take_up_again, house))
            await take_up(house)
            await house.floor.tidy()
            alarms = Alarms(
                house.store,
                house.intake,
                house.clock,
                rang(house),
                sleep,
                house.metrics.store_away,
            )
            foresight = house.movements.foresight
            places = Places(
                house.roster, house.intake.plan, house.streams, house.intake.take_now, house.clock, sleep, foresight
            )
            tasks = [
                asyncio.create_task(one.run()) for one in (alarms, house.streams, places, house.callbacks, house.outbox)
            ]
            preparing = None
            if ingest and library.pending():
                preparing = asyncio.create_task(prepare_behind(library, folder))
                tasks.append(preparing)
            if keeper is not None:
                # Side by side where each can tell the other's drafts from those of a process that has ended.
                before = None if sys.platform == "linux" else preparing
                tasks.append(asyncio.create_task(keeper.run(before)))
            async with house.scrape.answering():
                yield
            await stop(house, tasks)
        finally:
            await house.together.close()
            await house.store.close()

    return while_it_runs


def following(library: Library, sleep: Sleep) -> Callable[[web.Application], AsyncIterator[None]]:
    """Another process of this data folder looks after the shelves: what it puts there is found a little later."""

    async def follow() -> None:
        while True:
            await sleep(FOLLOW)
            try:
                if await asyncio.to_thread(library.changed):
                    await asyncio.to_thread(library.refresh)
            except (BadContent, OSError) as error:
                log.warning("shelves_unread", extra={"reason": str(error), "heard": "what was there before"})

    async def while_it_runs(application: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(follow())
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    return while_it_runs


def letting_go(ageing: Ageing) -> Callable[[web.Application], AsyncIterator[None]]:
    async def while_it_runs(application: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(ageing.run())
        yield
        await ended([task])

    return while_it_runs


def lines(
    house: House, platform: LinePlatform, settings: Settings, shared: bool = False
) -> Callable[[web.Application], AsyncIterator[None]]:
    """`shared`: other processes listen there as well."""
    given = settings.audiosocket
    allow = networks(given.host, given.allow)

    async def while_it_runs(application: web.Application) -> AsyncIterator[None]:
        async with open_lines(house, platform, (given.host, given.port), allow, shared=shared):
            yield

    return while_it_runs


def rang(house: House) -> Callable[[Taken], Awaitable[None]]:
    """What an alarm decided for a call whose media is here is performed at once."""

    async def perform(taken: Taken) -> None:
        if taken.session.streaming:
            await house.together.perform(taken.session.ref, taken.instructions)

    return perform


async def take_up(house: House) -> None:
    """Where the last process left off: live calls, today's sums, totals, how the queues moved, and what it could not keep."""
    house.intake.unkept.read_back()
    store, roster = house.store, house.roster
    live, totals = await known(house)
    roster.start_from(live, await logged(store.ended_since(roster.midnight, roster.edges), {}))
    house.metrics.start_from(totals, roster.live, house.plans.names(), house.movements.expected)
    house.metrics.waits.owing = house.callbacks.owing
    house.metrics.waits.standing = lambda: house.outbox.standing
    await house.callbacks.look()
    house.movements.start_from(live, await logged(store.waits(latest(totals.offered, house.clock.now())), ()))


async def known(house: House) -> tuple[Sequence[HoldSession], Totals]:
    """Who waits, and the sums. Of a shared store that is away nothing is known yet; `take_up_again` comes when it is back."""
    try:
        return await house.store.live(), await house.store.totals()
    except StoreUnavailable as error:
        if house.together.fellows is None:
            raise
        log.warning("calls_not_read", extra={"reason": str(error), "then": "they are known when the store is back"})
        return (), Totals()


async def logged(asked: Awaitable[T], otherwise: T) -> T:
    """What the wait log says. One that is away, apart from the store, keeps nobody from being served."""
    try:
        return await asked
    except StoreUnavailable as error:
        log.warning("log_not_read", extra={"reason": str(error), "then": "the wall's figures of today begin now"})
        return otherwise


async def take_up_again(house: House) -> None:
    """Others may have kept things that we have not heard of."""
    store, roster = house.store, house.roster
    before = {session.ref for session in roster.live()}
    live = await store.live()
    roster.start_from(live, await store.ended_since(roster.midnight, roster.edges))
    for session in live:
        house.movements.facts(session, ())
        house.together.let_go(session)
    for ref in before.difference(session.ref for session in live):
        gone = await store.load(ref)
        if gone is not None:
            house.movements.facts(gone, ())


async def prepare_behind(library: Library, folder: Path) -> None:
    try:
        await ingest_behind(library, folder / "sound")
    except (BadContent, OSError):
        log.exception("ingest_failed", extra={"heard": "what was prepared before"})


async def stop(house: House, tasks: list[asyncio.Task[None]]) -> None:
    await house.floor.close()
    await house.personal.close()
    await house.streams.close()
    await house.intake.settle()
    await house.outbox.close()
    house.notices.save()
    for task in tasks:
        task.cancel()
    for task in tasks:
        with contextlib.suppress(asyncio.CancelledError):
            await task
