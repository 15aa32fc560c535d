"""Nothing goes wrong: what the machine and the load do by themselves, beside which the other rows are to be read."""

from __future__ import annotations

import asyncio

from tests.chaos.cluster import Cluster
from tests.chaos.fault import Fault


async def inflict(cluster: Cluster, size: float) -> None:
    await asyncio.sleep(size)


FAULT = Fault("calm", inflict, long=60, short=5, unit="s", flaw="")
