"""PostgreSQL is away for a while: the log waits in Redis."""

from __future__ import annotations

import asyncio

from tests.chaos.cluster import Cluster
from tests.chaos.fault import Fault


async def inflict(cluster: Cluster, size: float) -> None:
    await asyncio.to_thread(cluster.postgres.stop)
    cluster.note("POSTGRESQL STOPPED")
    await asyncio.sleep(size)
    await asyncio.to_thread(cluster.postgres.start)
    cluster.note("POSTGRESQL BACK")


FAULT = Fault("postgres-gone", inflict, long=300, short=8, unit="s", flaw="at-most-once")
