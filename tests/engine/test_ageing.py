"""When waits leave the log, and how many at a time."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from holdsvc.engine.ageing import AT_ONCE, EVERY, PAUSE, Ageing
from holdsvc.errors import ConfigError, StoreUnavailable
from tests.plans import NOON


class Shelf:
    """A store that has so many old waits."""

    def __init__(self, old: int) -> None:
        self.old, self.asked, self.away_after, self.fault = old, [], 10**9, StoreUnavailable("away")

    async def let_go(self, before, most):
        self.asked.append(before)
        if len(self.asked) > self.away_after:
            raise self.fault
        some = min(self.old, most)
        self.old -= some
        return some


class Clock:
    def now(self):
        return NOON


class Sleep:
    def __init__(self, most: int) -> None:
        self.most, self.seconds = most, []

    async def __call__(self, seconds):
        self.seconds.append(seconds)
        if len(self.seconds) == self.most:
            raise asyncio.CancelledError


async def test_all_that_is_old_goes_some_at_a_time_and_then_an_hour_passes():
    store, sleep = Shelf(2 * AT_ONCE + 1), Sleep(5)

    with pytest.raises(asyncio.CancelledError):
        await Ageing(store, Clock(), 90.0, sleep).run()

    assert sleep.seconds == [PAUSE, PAUSE, PAUSE, EVERY, EVERY]
    assert store.old == 0
    assert set(store.asked) == {NOON - timedelta(days=90)}


@pytest.mark.parametrize(
    "fault",
    [StoreUnavailable("away"), ConfigError("ledger.url", "does not let us in"), KeyError("what nobody thought of")],
)
async def test_a_store_that_is_away_or_refuses_is_asked_again_an_hour_later(fault, caplog):
    store, sleep = Shelf(5 * AT_ONCE), Sleep(4)
    store.away_after, store.fault = 2, fault

    with pytest.raises(asyncio.CancelledError):
        await Ageing(store, Clock(), 90.0, sleep).run()

    assert sleep.seconds == [PAUSE, PAUSE, EVERY, EVERY]
    assert [record.message for record in caplog.records if record.levelname != "INFO"] == ["waits_not_let_go"] * 2


async def test_nothing_goes_where_all_is_kept():
    store = Shelf(1)

    await Ageing(store, Clock(), 0.0, Sleep(1)).run()

    assert store.asked == []
