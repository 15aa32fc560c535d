"""The short form: one cluster under load, from which a replica, PostgreSQL and Redis are taken in their turn. The long form has a
command of its own: `python -m tests.chaos`."""

import asyncio
import time

from tests.chaos import postgres_gone, redis_gone
from tests.chaos.cluster import raised
from tests.chaos.load import Load
from tests.chaos.trial import settled

RATE = 10.0  # calls a second
WAITS = (1.0, 4.0)  # seconds of patience
WINDOW = 2  # seconds that streams have to end by themselves
PATIENCE = 20.0  # seconds until all is in the log


async def test_nothing_acknowledged_is_lost_or_doubled_and_nobody_is_left_in_silence_whatever_goes_away():
    began = time.monotonic()
    async with raised(SERVICE__DRAIN_SECONDS=str(WINDOW)) as cluster:
        load, enough = Load(cluster.base, rate=RATE, waits=WAITS), asyncio.Event()
        calling = asyncio.create_task(load.run(enough))
        await asyncio.sleep(1.0)
        away = asyncio.create_task(postgres_gone.inflict(cluster, 4.0))
        await cluster.crash(cluster.replicas[0])
        await cluster.restart(cluster.replicas[1])
        await away
        await redis_gone.stop(cluster, 2.0)
        enough.set()
        await calling
        verdict = await settled(cluster, load, PATIENCE)

    print(
        f"{verdict.calls} calls, {verdict.webhooks} webhooks, silence {verdict.silence:.1f} s, {time.monotonic() - began:.0f} s"
    )
    assert verdict.ok, "\n".join(verdict.sentences)
    assert verdict.calls > 5 * RATE
    assert 0 < verdict.streams < verdict.calls
