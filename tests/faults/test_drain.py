"""SIGTERM to a real process with live streams: red at once, nobody refused, streams moved on to what can go on without us."""

import asyncio
import signal
import time

import aiohttp
import pytest

from tests.faults.callers import STREAMING, Callers, callers, until
from tests.faults.service import Service

RED_WITHIN = 1.0  # seconds
WINDOW = 1.5


@pytest.fixture
def service(tmp_path):
    one = Service(tmp_path, **STREAMING, SERVICE__DRAIN_SECONDS=str(WINDOW))
    one.start()
    one.wait_until_ready()
    yield one
    one.kill()


async def status(there: Callers, path: str) -> int:
    try:
        async with there.client.get(there.base + path) as answer:
            return answer.status
    except aiohttp.ClientError:
        return 0


async def ended(service: Service) -> int:
    return await asyncio.to_thread(service.process.wait, 20)


async def test_a_stopped_service_refuses_nobody_and_hands_its_streams_over_at_the_end_of_the_window(service):
    async with callers(service.base) as there:
        before = [there.call() for _ in range(3)]
        await until(lambda: all(one.ear.sounds for one in before))

        service.process.send_signal(signal.SIGTERM)
        asked = time.monotonic()

        while await status(there, "/readyz") != 503:
            assert time.monotonic() - asked < RED_WITHIN
        late = there.call()
        await until(lambda: late.ear.played)
        assert all(one.on_stream for one in before)
        assert not late.on_stream
        await until(lambda: not any(one.on_stream for one in before))
        assert time.monotonic() - asked >= WINDOW
        assert all(one.ear.sounds[-1][0] > asked + WINDOW - 1.0 for one in before)  # sound went on until then
        moved = time.monotonic()
        await until(lambda: all(one.ear.played for one in before))
        assert time.monotonic() - moved < 2.0
        assert not any("went wrong" in played for one in before for played in one.ear.played)
        assert await ended(service) == 0
        assert not there.findings


async def test_a_second_word_ends_it_at_once(service):
    async with callers(service.base) as there:
        one = there.call()
        await until(lambda: one.ear.sounds)

        service.process.send_signal(signal.SIGTERM)
        while await status(there, "/readyz") != 503:
            pass
        again = time.monotonic()
        service.process.send_signal(signal.SIGTERM)

        assert await ended(service) == 0
        assert time.monotonic() - again < WINDOW
