import asyncio
import time

import pytest

from holdsvc.simulator.clock import RealClock, VirtualClock


@pytest.fixture
async def clock():
    clock = VirtualClock()
    driver = asyncio.create_task(clock.run())
    yield clock
    driver.cancel()


async def test_hours_pass_in_an_instant_and_in_order(clock):
    woken = []

    async def sleeper(seconds):
        await clock.sleep(seconds)
        woken.append((seconds, clock.monotonic()))

    began, start = time.perf_counter(), clock.now()
    await asyncio.gather(*(sleeper(seconds) for seconds in (3600.0, 5.0, 0.02, 5.0)))

    assert woken == [(0.02, 0.02), (5.0, 5.0), (5.0, 5.0), (3600.0, 3600.0)]
    assert (clock.now() - start).total_seconds() == 3600
    assert time.perf_counter() - began < 1


async def test_time_stands_still_while_work_is_under_way(clock):
    sleeping = asyncio.create_task(clock.sleep(10))

    with clock.busy():
        await asyncio.sleep(0.05)
        held = clock.monotonic()
    await sleeping

    assert held == 0.0
    assert clock.monotonic() == 10.0


async def test_a_wait_ends_at_the_news_or_at_its_time_whichever_comes_first(clock):
    news = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(clock.wait(news, 60))

    await clock.sleep(4)
    news.set_result(None)
    await waiting
    early = clock.monotonic()
    await clock.wait(asyncio.get_running_loop().create_future(), 6)

    assert early == 4.0
    assert clock.monotonic() == 10.0


async def test_a_cancelled_sleeper_does_not_hold_time_up(clock):
    sleeping = asyncio.create_task(clock.sleep(5))
    await asyncio.sleep(0)
    sleeping.cancel()

    await clock.sleep(9)

    assert clock.monotonic() == 9.0


async def test_in_real_time_a_wait_ends_at_the_news():
    clock = RealClock()
    news = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(news.set_result, None)

    began = clock.monotonic()
    await clock.wait(news, 30)

    assert clock.monotonic() - began < 1


async def test_a_loop_of_the_service_holds_time_up_while_it_works(clock):
    pause, seen = clock.pauses(), []

    async def loop():
        while True:
            await pause(1.0)
            await asyncio.sleep(0.01)  # work that the clock does not see
            seen.append(clock.monotonic())

    looping = asyncio.create_task(loop())
    await clock.sleep(3.5)
    looping.cancel()

    assert seen == [1.0, 2.0, 3.0]
