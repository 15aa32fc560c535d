"""A supervisor that kills the service in the middle of its work, starts it again, and looks at what it had promised.

`python -m tests.faults.kills [--rounds N] [--calls N] [--kills N]`
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import aiohttp
from msgspec import Struct, field

from holdsvc.reports.audit import audit
from holdsvc.simulator.clock import RealClock
from holdsvc.simulator.hooks import Target
from holdsvc.simulator.ledger import Books
from holdsvc.simulator.verdict import Exactness, compare_waits
from holdsvc.stores.ledger import SqliteLedger
from tests.faults import books
from tests.faults.service import TOKEN, Service
from tests.faults.traffic import Kept, Traffic, read

RATE = 7.0  # calls a second: 200 calls keep coming during twenty lives of the service
LIFE = (0.2, 0.8)  # seconds that the service lives after it was ready, least and most
IN_FLIGHT = 0.01  # seconds after a request went out, at most, when the kill comes
AIMS = 10  # times to wait for another request where the last was answered before the kill: a fast machine takes 2 ms
ARRIVED = 0.05  # seconds in which answers that left before the kill reach us
SLOW_START = 0.7  # seconds after which no more callers come until it is ready: else a busy machine has none left for the last kill
UNKNOWN = 10**9  # a version that the log does not tell
QUEUES = ("billing", "support")
# A service that was away hears of things late; what counts here is how a wait ended, and roughly when.
LENIENT = Exactness(own=2.0, told=3.0)


class Kill(Struct, frozen=True):
    ready: float  # seconds until it was ready again
    own: float  # the same without those in which the machine had no core for it
    under_way: int  # requests that were not answered when it died
    acknowledged: int  # so far


class Result(Struct):
    """`wrong`: sentences; empty when every promise was kept. `books`: what each of the service's own counts at the end."""

    kills: list[Kill] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    calls: int = 0
    hooks: int = 0
    waits: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    audit: str = ""
    books: dict[str, books.Counts] = field(default_factory=dict)
    waiting: int = 0  # callers at a moment in the middle at which the books were the same

    def __str__(self) -> str:
        ready = sorted(kill.ready for kill in self.kills)
        own = sorted(kill.own for kill in self.kills)
        return "\n".join(
            (
                f"{self.calls} calls, {len(self.kills)} kills, {sum(kill.under_way for kill in self.kills)} requests "
                f"under way at a kill, {self.hooks} acknowledged",
                f"{self.waits} waits: {', '.join(f'{count} {word}' for word, count in sorted(self.outcomes.items()))}",
                f"ready again: p50 {statistics.median(ready):.2f} s, max {ready[-1]:.2f} s "
                f"(without waiting for a core: p50 {statistics.median(own):.2f} s, max {own[-1]:.2f} s)",
                f"books: {', '.join(self.books)}, compared with what happened; in the middle {self.waiting} waited",
                *self.wrong[:20],
                f"{len(self.wrong)} differences",
            )
        )


async def run(folder: Path, *, calls: int, kills: int, seed: int, settings: Mapping[str, str]) -> Result:
    """One run; the file is looked at after each kill, the log is asked for over HTTP at the end."""
    service = Service(folder, QUEUES__BILLING__BASE="default", **settings)
    rng, result = random.Random(seed), Result(calls=calls)
    service.start()
    try:
        await asyncio.to_thread(service.wait_until_ready)
        traffic = Traffic(service.base, calls, RATE, seed, QUEUES)
        calling = asyncio.create_task(traffic.run())
        for number in range(kills):
            await kill_once(service, traffic, rng, result)
            if number == kills // 2 and service.file.exists():
                result.waiting, wrong = await books.read_while_calls_go_on(service.base, TOKEN, service.file)
                result.wrong += wrong
        if calling.done():
            result.wrong.append("the calls were over before the last kill")
        await calling
        await judge(service, traffic, result)
    finally:
        service.kill()
    return result


async def kill_once(service: Service, traffic: Traffic, rng: random.Random, result: Result) -> None:
    """In the middle of a request, as far as one can aim."""
    await asyncio.sleep(rng.uniform(*LIFE))
    under_way = await aim(traffic, rng)
    await asyncio.to_thread(service.kill)
    await asyncio.sleep(ARRIVED)
    if service.file.exists():
        result.wrong += look(service, traffic)
    service.start()
    ready = await started(service, traffic)
    own = ready - service.waited_for_a_core()
    result.kills.append(Kill(ready, own, under_way, traffic.acknowledged.hooks))


async def started(service: Service, traffic: Traffic) -> float:
    starting = asyncio.create_task(asyncio.to_thread(service.wait_until_ready))
    done, _ = await asyncio.wait({starting}, timeout=SLOW_START)
    if not done:
        traffic.coming.clear()
    try:
        return await starting
    finally:
        traffic.coming.set()


async def aim(traffic: Traffic, rng: random.Random) -> int:
    """Wait for a moment, early or late in a request, at which some are not answered; how many those are."""
    for _ in range(AIMS):
        traffic.sent.clear()
        await asyncio.wait_for(traffic.sent.wait(), 10)
        await asyncio.sleep(rng.uniform(0.0, IN_FLIGHT))
        if traffic.acknowledged.under_way:
            break
    return traffic.acknowledged.under_way


def look(service: Service, traffic: Traffic) -> list[str]:
    """At a copy of what the dead service left, so that nothing we do helps the living one."""
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / service.file.name
        for file in service.folder.glob(f"{service.file.name}*"):
            if not file.name.endswith("-shm"):
                shutil.copy(file, name)
        lost = traffic.acknowledged.lost(read(copy))
        with SqliteLedger(copy) as ledger:
            return lost + list(audit(ledger).differences)


async def judge(service: Service, traffic: Traffic, result: Result) -> None:
    """What the service says at the end against what it acknowledged, and against what really happened."""
    async with aiohttp.ClientSession() as client:
        rows = await Books(Target(service.base, TOKEN), client, RealClock()).rows()
    times = Counter(row.call for row in rows)
    kept = {call: Kept(0, None, UNKNOWN) for call in traffic.carrier.truth.calls}
    kept |= {row.call: Kept(times[row.call], row.outcome, UNKNOWN) for row in rows}
    result.wrong += traffic.acknowledged.lost(kept)
    carrier = traffic.carrier
    result.books, wrong = await books.read(service.base, TOKEN, service.file)
    happened = books.happened(carrier.truth, LENIENT, carrier.hooks.delays)
    result.wrong += [*wrong, *books.untrue(happened, books.METRICS, result.books[books.METRICS])]
    result.wrong += compare_waits(carrier.truth, rows, LENIENT, carrier.hooks.delays)
    result.wrong += [f"{found.sentence} ({found.times} times)" for found in carrier.findings.all()]
    result.hooks, result.waits = traffic.acknowledged.hooks, len(rows)
    result.outcomes = Counter(str(row.outcome) for row in rows)
    if service.file.exists():
        told = await asyncio.to_thread(service.command, "audit")
        result.audit = told.stdout + told.stderr
        if told.returncode:
            result.wrong.append(f"the audit does not hold: {result.audit}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    wrong = 0
    for seed in range(given.seed, given.seed + given.rounds):
        with tempfile.TemporaryDirectory(prefix="holdsvc-kills-") as folder:
            done = asyncio.run(run(Path(folder), calls=given.calls, kills=given.kills, seed=seed, settings={}))
        print(f"seed {seed}: {done}\n{done.audit}")
        wrong += len(done.wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
