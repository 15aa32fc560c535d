"""A store that dies is told of by the looks themselves: nobody need call for that."""

import asyncio
from contextlib import suppress

from holdsvc.engine.alarms import Alarms
from holdsvc.errors import StoreUnavailable
from tests.engine.test_intake import FaultyStore, House, held


class AskedStore(FaultyStore):
    """One that is asked over a network, such as Redis."""

    async def due(self, now, most):
        if self.away:
            raise StoreUnavailable("nobody answers there")
        return await super().due(now, most)


async def told_by_looks(house, aways):
    """What each look told, with the store away or there."""
    told = []
    over = asyncio.Event()
    left = list(aways)

    async def sleep(seconds):
        if not left:
            over.set()
            await asyncio.Event().wait()
        house.store.away = left.pop(0)
        told.append([])

    alarms = Alarms(
        house.store,
        house.intake,
        house.clock,
        lambda taken: asyncio.sleep(0),
        sleep,
        lambda away: told[-1].append(away),
    )
    task = asyncio.create_task(alarms.run())
    await asyncio.wait_for(over.wait(), 5)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return told


async def test_a_store_that_dies_while_nobody_calls_is_told_and_its_return_too():
    told = await told_by_looks(House(store=AskedStore()), (False, True, True, False))

    assert told == [[False], [True], [True], [False]], "and never for a moment that it is there, before it has answered"


async def test_a_store_is_away_until_it_has_what_could_not_be_kept():
    house = House(store=AskedStore())
    house.store.away = True
    await house.hook(held())
    bring, refused = house.store.save, []

    async def refuse_once(session, facts):
        if not refused:
            refused.append(session)
            raise StoreUnavailable("it reads, and does not write")
        await bring(session, facts)

    house.store.save = refuse_once

    told = await told_by_looks(house, (False, False))

    assert told == [[True], [False]]
