"""Redis is away for a while: killed and started again from its append-only file, or frozen so that it answers nothing."""

from __future__ import annotations

import asyncio

from tests.chaos.cluster import Cluster
from tests.chaos.fault import Fault


async def stop(cluster: Cluster, size: float) -> None:
    await asyncio.to_thread(cluster.node.kill)
    await asyncio.sleep(size)
    await asyncio.to_thread(cluster.node.start)


async def freeze(cluster: Cluster, size: float) -> None:
    cluster.freeze(cluster.node)
    try:
        await asyncio.sleep(size)
    finally:
        cluster.thaw(cluster.node)


STOPPED = Fault("redis-gone", stop, long=120, short=8, unit="s", flaw="no-spool")
FROZEN = Fault("redis-frozen", freeze, long=120, short=8, unit="s", flaw="no-spool")
