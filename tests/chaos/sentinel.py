"""The master of Redis is killed, again and again, under three Sentinels; the killed one comes back as a replica of the next.

Answers wait for both replicas. One would do where a master dies, and does not where Sentinels take a master for dead that is slow
alone, as one is on a busy machine that must answer within a second: it takes writes still, with the replica that has not left it
yet, when the other one has been put in its place.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from redis import RedisError

from tests.chaos.cluster import Cluster, raised
from tests.chaos.fault import Fault
from tests.stores.redis_group import Group, group
from tests.stores.redis_server import RedisServer

AGREED = 60.0  # seconds within which Sentinels must have agreed on another one, and all must follow it
LOOK = 0.1  # seconds: each look asks three Sentinels, which have enough to do
BETWEEN = 1.0  # seconds between two kills, all three nodes being there


async def inflict(cluster: Cluster, size: float) -> None:
    assert isinstance(cluster.redis, Group)
    for _ in range(int(size)):
        await asyncio.to_thread(kill_master, cluster.redis, cluster.note)
        await asyncio.sleep(BETWEEN)


def kill_master(group: Group, note: Callable[[str], None]) -> None:
    master = agreed(group)
    note("MASTER KILLED")
    master.kill()
    after = taken_over_from(group, master)
    note("ANOTHER ONE IS MASTER")
    group.start_as_replica(master, after)
    agreed(group)
    note("ALL FOLLOW IT")


def agreed(group: Group) -> RedisServer:
    """The master of which all Sentinels say so, and that all other nodes follow."""
    until = time.monotonic() + AGREED
    while time.monotonic() < until:
        with contextlib.suppress(OSError, RedisError):
            masters = {one.port: one for one in map(group.master, group.sentinels)}
            if len(masters) == 1 and group.is_followed(*masters.values()):
                return next(iter(masters.values()))
        time.sleep(LOOK)
    raise AssertionError("there is no master that all agree on")


def taken_over_from(group: Group, master: RedisServer) -> RedisServer:
    """The next one, of which most Sentinels say so."""
    until = time.monotonic() + AGREED
    while time.monotonic() < until:
        others = [one for one in map(group.master, group.sentinels) if one is not master]
        if 2 * len(others) > len(group.sentinels):
            return others[0]
        time.sleep(LOOK)
    raise AssertionError("no other master was found")


@asynccontextmanager
async def watched(flaw: str) -> AsyncIterator[Cluster]:
    async with raised(flaw, redis=lambda: group(watched=True), STORE__WAIT_REPLICAS="2") as cluster:
        yield cluster


FAULT = Fault("sentinel", inflict, long=20, short=2, unit="times", flaw="no-spool", raised=watched)
