"""When waits leave the log, and how many at a time."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from holdsvc.calls.events import CallerHungUp, CallHeld
from holdsvc.engine.ageing import AT_ONCE, EVERY, PAUSE, Ageing
from holdsvc.errors import ConfigError, StoreUnavailable
from tests.engine.test_intake import CALL, FaultyStore, House, held
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


def ended(began):
    """What a platform tells when a wait is over: of which nothing else may be known."""
    yield CallHeld(at=NOON, id="ended+held", began=began, inferred=True)
    yield CallerHungUp(at=began + timedelta(seconds=41), id="ended")


async def refusing(keep_days, *events):
    house, whose = House(), []
    house.intake.refused = Ageing(house.store, house.clock, keep_days, on_refused=whose.append).refused
    taken = await house.hook(*events)
    return house, whose, taken


async def test_news_that_would_begin_a_wait_older_than_any_that_is_kept_are_refused_and_counted(caplog):
    house, whose, taken = await refusing(7.0, *ended(NOON - timedelta(days=7, seconds=1)))

    assert whose == [CALL.platform]
    assert (await house.store.load(CALL), house.told, taken.facts, taken.repeated) == (None, [], (), False)
    assert [record.message for record in caplog.records] == ["news_refused"]
    assert (await house.store.totals()).offered == 0


@pytest.mark.parametrize(("keep_days", "age"), [(0.0, 30.0), (7.0, 6.9)])
async def test_news_of_a_wait_that_is_young_enough_or_where_all_is_kept_begin_it(keep_days, age):
    house, whose, taken = await refusing(keep_days, *ended(NOON - timedelta(days=age)))

    assert whose == []
    assert (await house.store.load(CALL)) == taken.session
    assert (await house.store.totals()).offered == 1


async def test_what_is_told_of_a_wait_that_is_still_known_is_kept_however_old_the_wait():
    house = House()
    await house.hook(held())
    house.clock.at = NOON + timedelta(days=8)
    house.intake.refused = Ageing(house.store, house.clock, 7.0).refused

    await house.hook(CallerHungUp(at=house.clock.at, id="over"))

    totals = await house.store.totals()
    assert (totals.offered, totals.waiting) == (1, 0)


class Cut(FaultyStore):
    """While it is away nothing can be read, either."""

    async def load(self, ref):
        if self.away:
            raise StoreUnavailable("no connection")
        return await super().load(ref)


def far_house():
    house, whose = House(store=Cut()), []
    house.intake.refused = Ageing(house.store, house.clock, 7.0, on_refused=whose.append).refused
    return house, whose


async def test_the_end_of_an_old_wait_that_is_known_is_kept_though_it_was_told_while_the_store_was_away():
    house, whose = far_house()
    await house.hook(held())
    house.clock.at = NOON + timedelta(days=8)
    house.store.away = True
    _, over = ended(NOON)
    await house.hook(replace(held(), id="held again", inferred=True), replace(over, at=house.clock.at), caller="")
    assert len(house.intake.unkept) == 1
    house.store.away = False

    await house.intake.keep_again()

    totals = await house.store.totals()
    assert (whose, totals.offered, totals.waiting) == ([], 1, 0)


async def test_news_that_was_put_by_and_would_begin_a_wait_that_has_left_the_log_are_refused_by_the_store_that_is_back():
    house, whose = far_house()
    house.store.away = True
    await house.hook(*ended(NOON - timedelta(days=8)), caller="")
    assert (whose, len(house.intake.unkept)) == ([], 1)
    house.store.away = False

    await house.intake.keep_again()

    assert (whose, len(house.intake.unkept)) == ([CALL.platform], 0)
    assert await house.store.load(CALL) is None
    assert (await house.store.totals()).offered == 0


async def test_a_store_that_comes_back_between_two_questions_refuses_no_news_of_a_wait_that_it_has(monkeypatch):
    house, whose = far_house()
    await house.hook(held())
    house.clock.at = NOON + timedelta(days=8)
    house.store.away = True
    whole = house.intake._keep

    async def back(*given):
        house.store.away = False
        return await whole(*given)

    monkeypatch.setattr(house.intake, "_keep", back)
    _, over = ended(NOON)
    await house.hook(replace(held(), id="held again", inferred=True), replace(over, at=house.clock.at), caller="")

    totals = await house.store.totals()
    assert (whose, len(house.intake.unkept), totals.offered, totals.waiting) == ([], 0, 1, 0)
