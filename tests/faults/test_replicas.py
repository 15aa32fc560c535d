"""Two real processes serve the same calls on a real Redis: what lands on one reaches the stream that the other holds."""

import asyncio
import signal
import statistics
import time
from itertools import pairwise

import aiohttp
import pytest

from tests.faults.callers import API, callers, until
from tests.faults.positions import place
from tests.faults.replicas import balanced, replicas, start
from tests.stores.redis_server import RedisServer, emptied, shared_node

BEARER = {"Authorization": f"Bearer {API}"}
SORRY = 2.0  # seconds, less than the word that something went wrong takes: until it is over no music is heard as it was prepared
GAP = 1.5  # seconds between two pieces of sound; a second is wanted, and other work goes on beside


@pytest.fixture
def node() -> RedisServer:
    return emptied(shared_node())


@pytest.fixture
async def two(node, tmp_path):
    services = replicas(tmp_path, node.url, 2, SERVICE__DRAIN_SECONDS="1")
    try:
        await start(services)
        yield services
    finally:
        for one in services:
            one.kill()


async def streams(client: aiohttp.ClientSession, service) -> float:
    async with client.get(f"{service.base}/metrics", headers=BEARER) as answer:
        text = await answer.text()
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith("holdsvc_streams{"))


async def waiting(client: aiohttp.ClientSession, service) -> list[str]:
    async with client.get(f"{service.base}/api/v1/calls", headers=BEARER) as answer:
        return [one["call"] for one in (await answer.json())["calls"]]


async def release(client: aiohttp.ClientSession, service, call: str) -> None:
    async with client.post(f"{service.base}/api/v1/calls/{call}/release", headers=BEARER) as answer:
        assert answer.status == 200, await answer.text()


async def test_what_lands_on_one_process_reaches_the_stream_of_the_other(two):
    first, second = two
    async with balanced([first.port]) as balancer, callers(balancer.base) as there:
        on_stream = [there.call() for _ in range(20)]
        await until(lambda: all(one.ear.sounds for one in on_stream), 20.0)
        assert set(await waiting(there.client, second)) == {one.leg.sid for one in on_stream}
        assert (await streams(there.client, first), await streams(there.client, second)) == (20, 0)

        took = []
        for one in on_stream:
            began = time.monotonic()
            await release(there.client, second, one.leg.sid)
            took.append(time.monotonic() - began + await until(lambda one=one: not one.on_stream))

        print(
            f"released elsewhere and over: p50 {1000 * statistics.median(took):.0f} ms, max {1000 * max(took):.0f} ms"
        )
        assert there.findings == set()


async def test_streams_of_a_stopped_process_go_on_at_the_other_where_they_were_without_a_word(two):
    first, second = two
    async with balanced([first.port, second.port]) as balancer, callers(balancer.base) as there:
        calls = [there.call() for _ in range(8)]
        await until(lambda: all(one.ear.sounds for one in calls), 20.0)
        assert 0 < await streams(there.client, first) < len(calls)

        first.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(15.0):
            while await streams(there.client, second) < len(calls):
                await asyncio.sleep(0.1)

        moved = time.monotonic()
        await until(lambda: all(place(one.ear.heard_since(moved)) for one in calls), SORRY)  # nobody is sorry over it
        assert not any(one.ear.played for one in calls)
        for one in calls:
            moments = [at for at, _ in one.ear.sounds]
            assert max(later - at for at, later in pairwise(moments)) < GAP
        assert there.findings == set()
