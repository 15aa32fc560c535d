"""kill -9 of a replica, which is started again after a second."""

from __future__ import annotations

import asyncio

from tests.chaos.cluster import Cluster
from tests.chaos.fault import Fault

APART = 2.0  # seconds between one that is ready again and the next kill


async def inflict(cluster: Cluster, size: float) -> None:
    for number in range(int(size)):
        await cluster.crash(cluster.replicas[number % len(cluster.replicas)])
        await asyncio.sleep(APART)


FAULT = Fault("kill", inflict, long=20, short=2, unit="times", flaw="late")
