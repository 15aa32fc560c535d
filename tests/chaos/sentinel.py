"""The master of Redis is killed, again and again, under three Sentinels; the killed one comes back as a replica of the next."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.chaos.cluster import Cluster, raised
from tests.chaos.fault import Fault
from tests.stores.redis_group import Group, group

FAILED_OVER = 20.0  # seconds within which Sentinels must have agreed on another one
BETWEEN = 1.0  # seconds between two kills, all three nodes being there


async def inflict(cluster: Cluster, size: float) -> None:
    assert isinstance(cluster.redis, Group)
    for _ in range(int(size)):
        await asyncio.to_thread(kill_master, cluster.redis)
        await asyncio.sleep(BETWEEN)


def kill_master(group: Group) -> None:
    master = group.master()
    master.kill()
    taken_over_from(group, master)
    group.start_as_replica(master, group.master())
    group.follows(master, group.master())


def taken_over_from(group: Group, master: object) -> None:
    """All Sentinels that can be asked say so."""
    until = time.monotonic() + FAILED_OVER
    while any(group.master(one) is master for one in group.sentinels[1:]):
        assert time.monotonic() < until, "no other master was found"
        time.sleep(0.05)


@asynccontextmanager
async def watched(flaw: str) -> AsyncIterator[Cluster]:
    async with raised(flaw, redis=lambda: group(watched=True), STORE__WAIT_REPLICAS="1") as cluster:
        yield cluster


FAULT = Fault("sentinel", inflict, long=20, short=2, unit="times", flaw="no-spool", raised=watched)
