"""kill -9 of one of three processes on a real Redis: its calls come back by the verbs, and others take them up where they were."""

import asyncio
import time
from itertools import pairwise

import pytest

from tests.faults.callers import API, callers, until
from tests.faults.positions import RATE, first_place, place
from tests.faults.replicas import balanced, replicas, start
from tests.faults.test_replicas import streams
from tests.stores.redis_server import RedisServer, emptied, shared_node

BEARER = {"Authorization": f"Bearer {API}"}
CALLS = 9
SOUND_WITHIN = 5.0  # seconds after the kill
SEEN = 0.02  # seconds after which a new stream is noticed
SORRY = 2 * RATE  # bytes, less than the word that something went wrong takes
LEAD = 1.0  # seconds by which what was sent, or heard before a key counts, may differ from what we saw come
LESS_TALK = "#"  # a key that is kept with the place at which it was pressed, and changes neither item nor gain


@pytest.fixture
def node() -> RedisServer:
    return emptied(shared_node())


@pytest.fixture
async def three(node, tmp_path):
    services = replicas(tmp_path, node.url, 3)
    try:
        await start(services)
        yield services
    finally:
        for one in services:
            one.kill()


async def began(there, service) -> dict[str, str]:
    async with there.client.get(f"{service.base}/api/v1/calls", headers=BEARER) as answer:
        return {one["call"]: one["began"] for one in (await answer.json())["calls"]}


class Back:
    """Those who have another stream than before, and since when."""

    def __init__(self, calls) -> None:
        self._calls, self._before = calls, {one.leg.sid: one.leg.stream for one in calls}
        self.since: dict[str, float] = {}

    def look(self) -> int:
        """How many of them hear content as it was prepared, behind the word that something went wrong."""
        for one in self._calls:
            if one.leg.stream not in (None, self._before[one.leg.sid]):
                self.since.setdefault(one.leg.sid, time.monotonic() - SEEN)
        return sum(self.began(one) is not None for one in self.calls)

    @property
    def calls(self):
        return [one for one in self._calls if one.leg.sid in self.since]

    def heard(self, one) -> bytes:
        return one.ear.heard_since(self.since[one.leg.sid])

    def began(self, one) -> tuple[str, float] | None:
        """Where the new stream took the content up; until the word was over it went on beneath."""
        return first_place(self.heard(one))


async def test_a_killed_process_costs_no_caller_the_place_the_content_or_more_than_a_moment_of_sound(three):
    async with balanced([one.port for one in three]) as balancer, callers(balancer.base) as there:
        calls = [there.call() for _ in range(CALLS)]
        await until(lambda: all(one.ear.sounds for one in calls), 20.0)
        await asyncio.sleep(1.5)  # of music
        pressed = {one.leg.sid: place(one.ear.heard_since(0.0)) for one in calls}
        for one in calls:
            await one.leg.stream.key(LESS_TALK)
        await asyncio.sleep(1.0)  # of its prompt; the key is kept by now
        await until(lambda: all(place(one.ear.heard_since(time.monotonic() - 0.5)) for one in calls), 20.0)
        held = [await streams(there.client, one) for one in three]
        victim = next(service for service, number in zip(three, held, strict=True) if 0 < number < CALLS)
        other, another = (service for service in three if service is not victim)
        waits = await began(there, other)
        assert set(waits) == {one.leg.sid for one in calls}

        heard = {one.leg.sid: place(one.ear.heard_since(0.0)) for one in calls}
        back = Back(calls)
        victim.kill()
        killed = time.monotonic()
        lost = held[three.index(victim)]
        await until(lambda: back.look() == lost, 20.0)

        assert len(back.calls) == lost
        sound = [min(at for at, _ in one.ear.sounds if at >= back.since[one.leg.sid]) - killed for one in back.calls]
        print("sound again after", *sorted(f"{seconds:.2f} s" for seconds in sound))
        assert max(sound) < SOUND_WITHIN
        for one in back.calls:
            assert place(back.heard(one)[:SORRY]) is None  # the word is said over the music
            item, second = back.began(one) or ("", -1.0)
            assert item == heard[one.leg.sid][0]
            assert pressed[one.leg.sid][1] - LEAD <= second <= heard[one.leg.sid][1] + LEAD
        for one in calls:
            if one not in back.calls:
                moments = [at for at, _ in one.ear.sounds]
                assert max(later - at for at, later in pairwise(moments)) < 2.0
        assert await began(there, other) == waits

        for one in calls:
            one.hang_up()
        await there.carrier.all_over()
        async with asyncio.timeout(10.0):
            while await began(there, another):
                await asyncio.sleep(0.1)
        assert there.findings == set()
    async with asyncio.timeout(20.0):
        while "The law holds." not in (said := await asyncio.to_thread(other.command, "audit")).stdout:
            await asyncio.sleep(0.5)
    assert f"{CALLS} offered" in said.stdout
