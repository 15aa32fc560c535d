"""The machine with the master of Redis, a Sentinel and a replica of ours is cut off from the other two machines, and is back later.

Callers reach all three meanwhile, and all three reach PostgreSQL: the worst of it, for both sides go on taking calls, and one of
the two Redis will have to give up what it took.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import Struct

from tests.chaos.cluster import Cluster, Place, raised
from tests.chaos.fault import Fault
from tests.chaos.network import Network, network
from tests.chaos.sentinel import agreed, taken_over_from
from tests.stores.redis_group import Group, group

MACHINES = 3
NO_WAIT = "no-wait"  # the control: answers do not wait for replicas of Redis


class Machines(Struct):
    """The Redis of a cluster, and the network that it is on."""

    redis: Group
    network: Network

    @property
    def url(self) -> str:
        return self.redis.url


async def inflict(cluster: Cluster, size: float) -> None:
    assert isinstance(cluster.redis, Machines)
    redis, net = cluster.redis.redis, cluster.redis.network
    old = redis.master()
    net.cut(redis.nodes.index(old))
    cluster.note("MASTER CUT OFF")
    try:
        await asyncio.sleep(size)
        await asyncio.to_thread(taken_over_from, redis, old)
    finally:
        net.mend(redis.nodes.index(old))
        cluster.note("NETWORK MENDED")
    await asyncio.to_thread(agreed, redis)


@asynccontextmanager
async def cut_off(flaw: str) -> AsyncIterator[Cluster]:
    waits, flaw = ("0", "") if flaw == NO_WAIT else ("1", flaw)
    with network(MACHINES) as net, group(net.spots(), watched=True) as redis:
        places = [Place(spot.reached, spot.before) for spot in net.spots()]
        there = Machines(redis, net)
        async with raised(
            flaw, redis=lambda: contextlib.nullcontext(there), places=places, STORE__WAIT_REPLICAS=waits
        ) as cluster:
            yield cluster


FAULT = Fault("partition", inflict, long=10, short=5, unit="s", flaw=NO_WAIT, raised=cut_off)
