"""How long a release takes that lands on one process while another one holds the stream: until the platform is told.

`python -m tests.benchmarks.words [--calls 200]`, with its own redis-server. First a word alone; then the whole way: the request,
the decision, its keeping in Redis with appendfsync always, the word, and the end of the stream at the platform's side.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

from holdsvc.simulator.leg import Leg
from holdsvc.stores.redis_fellows import RedisFellows
from holdsvc.stores.redis_link import Link, connect
from tests.faults.callers import Caller, Callers, callers, until
from tests.faults.replicas import balanced, replicas, start
from tests.faults.test_replicas import release
from tests.stores.redis_server import one_node

GLANCE = 0.0005  # seconds


async def measure(folder: Path, redis: str, number: int) -> list[float]:
    """Seconds, one at a time."""
    services = replicas(folder, redis, 2)
    try:
        await start(services)
        holds, other = services
        async with balanced([holds.port]) as balancer, callers(balancer.base) as there:
            on_stream = await placed(there, number)
            return [await one(there, other, caller.leg) for caller in on_stream]
    finally:
        for service in services:
            service.kill()


async def placed(there: Callers, number: int) -> list[Caller]:
    made = [there.call() for _ in range(number)]
    await until(lambda: all(caller.ear.sounds for caller in made), 60.0)
    return made


async def one(there: Callers, other: object, leg: Leg) -> float:
    began = time.perf_counter()
    asked = asyncio.create_task(release(there.client, other, leg.sid))
    while leg.stream is not None:
        await asyncio.sleep(GLANCE)
    took = time.perf_counter() - began
    await asked
    return took


async def words(redis: str, number: int) -> list[float]:
    """Seconds from the saying of one word to its hearing by another process's connection, one at a time."""
    one, other = (RedisFellows(Link(connect(redis))) for _ in range(2))
    heard = asyncio.Event()
    for fellow in (one, other):
        await fellow.find_out()  # as a store does that is there: else nobody waits until it listens
        await fellow.open(lambda session, facts: None, lambda word: heard.set(), nothing, lambda asked: None)
    took = []
    for n in range(number):
        heard.clear()
        began = time.perf_counter()
        one.say(f"call {n}", b"a word of a hundred bytes".ljust(100))
        await heard.wait()
        took.append(time.perf_counter() - began)
    for fellow in (one, other):
        await fellow.close()
    return took


async def nothing() -> None: ...


def told(what: str, took: list[float]) -> None:
    took = sorted(took)
    p50, p99 = took[len(took) // 2], took[min(len(took) - 1, int(0.99 * len(took)))]
    print(f"{len(took)} {what}: p50 {1000 * p50:.1f} ms, p99 {1000 * p99:.1f} ms, max {1000 * took[-1]:.1f} ms")


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--calls", type=int, default=200)
    given = asked.parse_args()
    with one_node() as node, tempfile.TemporaryDirectory() as folder:
        told("words", asyncio.run(words(node.url, 10 * given.calls)))
        told("releases", asyncio.run(measure(Path(folder), node.url, given.calls)))


if __name__ == "__main__":
    main()
