"""Redis is away for a while: killed and started again from its append-only file, with replicas that die and start meanwhile or
without, or frozen so that it answers nothing."""

from __future__ import annotations

import asyncio

from tests.chaos.cluster import Cluster
from tests.chaos.fault import Fault


async def stop(cluster: Cluster, size: float) -> None:
    cluster.note("REDIS KILLED")
    await asyncio.to_thread(cluster.node.kill)
    await asyncio.sleep(size)
    await asyncio.to_thread(cluster.node.start)
    cluster.note("REDIS BACK")


async def stop_and_restart(cluster: Cluster, size: float) -> None:
    """Meanwhile one replica dies with what it had put by, and another one is told to stop: both start without Redis."""
    back = asyncio.create_task(stop(cluster, size))
    try:
        await asyncio.sleep(1.0)
        await cluster.crash(cluster.replicas[0])
        await cluster.restart(cluster.replicas[1])
    finally:
        await back


async def freeze(cluster: Cluster, size: float) -> None:
    cluster.note("REDIS FROZEN")
    cluster.freeze(cluster.node)
    try:
        await asyncio.sleep(size)
    finally:
        cluster.thaw(cluster.node)
        cluster.note("REDIS THAWED")


STOPPED = Fault("redis-gone", stop, long=120, short=8, unit="s", flaw="no-spool")
RESTARTED = Fault("redis-gone-restarts", stop_and_restart, long=60, short=12, unit="s", flaw="no-spool")
FROZEN = Fault("redis-frozen", freeze, long=120, short=8, unit="s", flaw="no-spool")
