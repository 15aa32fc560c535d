"""One fault from the first call to the verdict."""

from __future__ import annotations

import asyncio
import time

from tests.chaos.cluster import Cluster
from tests.chaos.fault import Fault
from tests.chaos.load import RATE, Load
from tests.chaos.verdict import Verdict, judge, read

BEFORE, AFTER = 4.0, 4.0  # seconds of calls before and after the fault
PATIENCE = 240.0  # seconds that the log may take until all is in it
CONTROLLED = 10.0  # and where it is known that something never comes
GLANCE = 0.5


async def run(fault: Fault, *, size: float, control: bool = False, rate: float = RATE, seed: int = 1) -> Verdict:
    async with fault.raised(fault.flaw if control else "") as cluster:
        load, enough = Load(cluster.base, rate=rate, seed=seed), asyncio.Event()
        calling = asyncio.create_task(load.run(enough))
        try:
            await asyncio.sleep(BEFORE)
            await fault.inflict(cluster, size)
            await asyncio.sleep(AFTER)
        finally:
            enough.set()
            await calling
        verdict = await settled(cluster, load, CONTROLLED if control else PATIENCE)
        verdict.silences = load.silences(cluster.happened)
        return verdict


async def settled(cluster: Cluster, load: Load, patience: float) -> Verdict:
    """As soon as nothing is missing any more, or when patience is at its end."""
    until = time.monotonic() + patience
    while True:
        began = time.monotonic()
        verdict = judge(load, await read(cluster.database))
        if not (verdict.lost or verdict.doubled or verdict.other) or time.monotonic() > until:
            return verdict
        await asyncio.sleep(max(GLANCE, time.monotonic() - began))  # reading it all keeps PostgreSQL from taking more
