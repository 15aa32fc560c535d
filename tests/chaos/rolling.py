"""A rolling update: each replica in its turn is told to stop, drains, and is started again."""

from __future__ import annotations

from tests.chaos.cluster import Cluster
from tests.chaos.fault import Fault


async def inflict(cluster: Cluster, size: float) -> None:
    for number in range(int(size)):
        await cluster.restart(cluster.replicas[number % len(cluster.replicas)])


FAULT = Fault("rolling", inflict, long=20, short=2, unit="times", flaw="abrupt")
