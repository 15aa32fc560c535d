"""Each dependency behind a way that is spoilt in each manner, while callers come: `python -m tests.chaos toxic`.

Two replicas behind haproxy reach Redis, PostgreSQL, a CRM and a podcast's server through a proxy each (`proxy.py`). For each toxic
of each dependency callers come, the way is spoilt for a while and mended; then it is judged what they heard, how long the slowest
answer took, when all was well again, and whether the wait log has each wait, end and choice once. `--control` breaks the service in
one way for each dependency; then something must be found.

`healed` counts from the mending until no part is degraded, the spools are empty, what was acknowledged until then is in the
log, and the dependency does its work: the directory knows callers again, the episode that was to be fetched is on its shelf.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path

import aiohttp
from msgspec import Struct

from holdsvc.content.feeds import PodcastSettings
from holdsvc.content.subscriptions import Subscriptions
from tests.chaos.cluster import HERE, SETTINGS, Cluster, Replica, fill_shelves
from tests.chaos.haproxy import Haproxy
from tests.chaos.load import Load
from tests.chaos.outside import TITLE, served
from tests.chaos.proxy import CLEAN, TOXICS, Proxy, Toxic, proxied
from tests.chaos.trial import settled
from tests.chaos.verdict import Verdict, read
from tests.faults.callers import API
from tests.faults.service import HOST, free_port
from tests.stores.postgres_server import new_database, one_server
from tests.stores.redis_server import one_node

DEPENDENCIES = ("redis", "postgres", "crm", "feed")
CONTROLS = (  # dependency, toxic, flaw
    ("redis", "black hole", "patient"),
    ("postgres", "reset", "at-most-once"),
    ("crm", "reset", "grudge"),
    ("feed", "away", "seldom"),
    ("feed", "latency", "selfish"),
)
CALM = ""  # the dependency of a row in which nothing is spoilt
SILENCE, SLOWEST, HEALED = 2.0, 2.5, 30.0  # seconds at most
RATE = 4.0  # calls a second
WAITS = (2.0, 5.0)  # seconds of patience
SPOILT = 8.0  # seconds
BEFORE, AFTER = 2.0, 1.0  # seconds of calls before it, and after all is well again
LISTENED = 5.0  # and after an episode is there, so that callers come to hear it
PATIENCE = 45.0  # seconds after which it is not waited for any longer that all is well
GLANCE = 0.25
LANES = 2  # clusters at once
FIRST = "a-show"  # stands before all other shelves: callers who want a podcast hear it first
ERROR = re.compile(rb'"level": "error", "event": "([^"]{1,80})')
LINE = "{:9} {:10} {:>5} {:>8} {:>7} {:>4} {:>9} {:>10} {:>9} {:>8} {:>8} {:>6} {:>5}  {}"
COLUMNS = (
    *("way to", "toxic", "calls", "webhooks", "not 2xx", "lost", "silence s", "on streams", "slowest s", "healed s"),
    *("episodes", "stands", "load", ""),
)


class Row(Struct, frozen=True):
    """What was seen of one toxic on the way to one dependency. `healed` is None where that did not come."""

    dependency: str
    toxic: str
    verdict: Verdict
    slowest: float
    healed: float | None
    on_streams: float = 0.0  # seconds of the longest silence of these
    episodes: int = 0  # of which a part was heard in a document
    stood_in: int = 0  # sounds that nobody could give in time: the house track instead
    load: float = 0.0  # of the machine, over a minute
    logged: Sequence[str] = ()  # what the service itself took for an error

    @property
    def wrong(self) -> list[str]:
        one = self.verdict
        sentences = [f"{kind}: {what}" for kind, what in one.refused.items()]
        if self.stood_in and self.dependency == "feed":
            sentences.append(f"{self.stood_in} sounds that one machine had named could be had from none")
        return [*sentences, *one.lost, *one.doubled, *one.other, *self.late]

    @property
    def late(self) -> list[str]:
        """What a machine that is too busy does as well."""
        one, sentences = self.verdict, []
        if one.silence > SILENCE:
            sentences.append(f"a caller heard nothing for {one.silence:.1f} s")
        if self.slowest > SLOWEST:
            sentences.append(f"an answer took {self.slowest:.1f} s")
        if self.healed is None or self.healed > HEALED:
            sentences.append(f"it was not well within {HEALED:g} s")
        return sentences

    def __str__(self) -> str:
        one, healed = self.verdict, "never" if self.healed is None else f"{self.healed:.1f}"
        gone = len(one.lost) + len(one.doubled) + len(one.other)
        heard = (f"{one.silence:.2f}", f"{self.on_streams:.2f}", f"{self.slowest:.2f}", healed)
        seen = (one.calls, one.webhooks, one.refused.total(), gone, *heard, self.episodes, self.stood_in)
        return LINE.format(self.dependency, self.toxic, *seen, f"{self.load:.0f}", "WRONG" if self.wrong else "ok")

    @property
    def cell(self) -> str:
        healed = "never" if self.healed is None else f"{self.healed:.1f}"
        return f"{self.verdict.silence:.1f}; {self.slowest:.1f}; {healed}{' WRONG' if self.wrong else ''}"


class Trial:
    """The cluster with its ways, and who looks at it from outside."""

    def __init__(self, cluster: Cluster, ways: Mapping[str, Proxy], feed: str, client: aiohttp.ClientSession) -> None:
        self.cluster, self.ways, self._feed, self._client = cluster, ways, feed, client
        self._podcasts: list[str] = []
        self.waits = WAITS

    async def row(
        self, dependency: str, toxic: Toxic, seconds: float, *, seed: int, rate: float, patience: float
    ) -> Row:
        logs = [
            (one.folder / "service.log", (one.folder / "service.log").stat().st_size) for one in self.cluster.replicas
        ]
        load, enough = Load(self.cluster.base, rate=rate, waits=self.waits, seed=seed), asyncio.Event()
        stood_in = self._stood_in()
        calling = asyncio.create_task(load.run(enough))
        try:
            await asyncio.sleep(BEFORE)
            if dependency != CALM:
                await self.ways[dependency].turn(toxic)
            self.cluster.note(f"{dependency} {toxic.name}".upper())
            if dependency == "feed":
                self._subscribe(f"{FIRST}-{seed}")
            await asyncio.sleep(seconds)
            if dependency != CALM:
                await self.ways[dependency].turn(CLEAN)
            self.cluster.note("MENDED")
            healed = await self._healed(dependency, load, patience)
            await asyncio.sleep(LISTENED if dependency == "feed" else AFTER)
        finally:
            enough.set()
            await calling
        verdict = await settled(self.cluster, load, patience if healed is None else PATIENCE)
        verdict.silences = load.silences(self.cluster.happened)
        calls, captions = load.carrier.truth.calls, load.carrier.sounds.captions
        streams = (load.hearing[call].longest for call, one in calls.items() if one.mode == "stream")
        return Row(
            dependency,
            toxic.name,
            verdict,
            max(load.carrier.hooks.seconds),
            healed,
            on_streams=max(streams, default=0.0),
            episodes=sum(any(captions.get(url, "").startswith(TITLE) for url in one.heard) for one in calls.values()),
            stood_in=self._stood_in() - stood_in,
            load=os.getloadavg()[0],
            logged=[line for log in logs for line in complaints(*log)],
        )

    def _stood_in(self) -> int:
        logs = (one.folder / "service.log" for one in self.cluster.replicas)
        return sum(log.read_bytes().count(b"sound_not_here") for log in logs)

    async def _healed(self, dependency: str, load: Load, patience: float) -> float | None:
        mended, hits = time.monotonic(), [await self._hits(one) for one in self.cluster.replicas]
        began, ended = frozenset(load.acknowledged.began), frozenset(load.acknowledged.ended)
        while (passed := time.monotonic() - mended) < patience:
            if await self._well(dependency, hits) and await self._logged(began, ended):
                return passed
            await asyncio.sleep(GLANCE)
        return None

    async def _well(self, dependency: str, hits: Sequence[float]) -> bool:
        for one, before in zip(self.cluster.replicas, hits, strict=True):
            degraded = await self._metric(one, "holdsvc_degraded{")
            if any(degraded.values()) or any(one.folder.glob("spool*.jsonl")):
                return False
            if dependency == "crm" and await self._hits(one) <= before:
                return False
            if dependency == "feed" and not await self._on_the_shelf(one):
                return False
        return True

    async def _logged(self, began: frozenset[str], ended: frozenset[str]) -> bool:
        kept = await read(self.cluster.database)
        return began <= kept.keys() and all(None not in kept[call].outcomes for call in ended & began)

    async def _hits(self, replica: Replica) -> float:
        """Callers whom the directory knew in time."""
        return sum((await self._metric(replica, 'holdsvc_lookup_duration_seconds_count{result="hit"')).values())

    async def _metric(self, replica: Replica, beginning: str) -> dict[str, float]:
        async with self._client.get(f"{replica.base}/metrics", raise_for_status=True) as answer:
            lines = (await answer.text()).splitlines()
        return {name: float(value) for name, _, value in (x.rpartition(" ") for x in lines if x.startswith(beginning))}

    def _subscribe(self, name: str) -> None:
        """One podcast more, on all machines: they look at its feed within seconds, for the first time."""
        for one in self.cluster.replicas:
            subscriptions = Subscriptions(one.folder)
            for old in self._podcasts:
                subscriptions.remove(old)
            subscriptions.add(name, PodcastSettings(f"{self._feed}/{name}.xml", "CC-BY-4.0", every_minutes=1.0))
        self._podcasts.append(name)

    async def _on_the_shelf(self, replica: Replica) -> bool:
        headers = {"authorization": f"Bearer {API}"}
        async with self._client.get(f"{replica.base}/api/v1/sources", headers=headers) as answer:
            sources = (await answer.json())["sources"]
        return any(one["name"] == self._podcasts[-1] and one["items"] == 1 for one in sources)


def complaints(log: Path, since: int) -> Iterator[str]:
    """What a replica itself took for an error, each kind once."""
    with log.open("rb") as lines:
        lines.seek(since)
        found = Counter(match[1] for line in lines if (match := ERROR.search(line)))
    for what, times in found.items():
        yield f"{log.parent.name} logged {what.decode()}, {times} times"


@asynccontextmanager
async def raised(flaw: str = "", replicas: int = 2, **settings: str) -> AsyncIterator[Trial]:
    """All of it goes away with the context."""
    async with AsyncExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="holdsvc-toxic-", ignore_cleanup_errors=True))
        )
        redis, postgres = stack.enter_context(one_node()), stack.enter_context(one_server())
        database, outside = await asyncio.to_thread(new_database, postgres), free_port()
        ports = {"redis": redis.port, "postgres": postgres.port, "crm": outside, "feed": outside}
        ways = {name: await stack.enter_async_context(proxied(port)) for name, port in ports.items()}
        feed = f"http://{HOST}:{ways['feed'].port}"
        await stack.enter_async_context(served(outside, feed))
        common = {
            **SETTINGS,
            "STORE__URL": f"redis://{HOST}:{ways['redis'].port}",
            "LEDGER__URL": database.replace(f":{postgres.port}/", f":{ways['postgres'].port}/"),
            "SERVICE__ALLOW_OUTGOING": "127.0.0.0/8",
            "DIRECTORIES__CRM__KIND": "http",
            "DIRECTORIES__CRM__URL": f"http://{HOST}:{ways['crm'].port}/contacts?phone={{number}}",
            "FETCH__ALLOW": "127.0.0.0/8",
            "METRICS__ALLOW": "127.0.0.0/8",
            "FETCH__PORTS": "0",
            "QUEUES__SUPPORT__DEFAULT_CHOICE": "podcast",
            **settings,
        }
        ours = [Replica(folder / f"replica{n}", place, flaw, **common) for n, place in enumerate(HERE[:replicas])]
        await asyncio.to_thread(fill_shelves, [one.folder for one in ours])
        balancer = Haproxy(folder / "balancer", [(one.host, one.port) for one in ours])
        cluster = Cluster(ours, balancer, redis, postgres, database)
        stack.callback(cluster.stop)
        await cluster.start()
        client = await stack.enter_async_context(aiohttp.ClientSession())
        yield Trial(cluster, ways, feed, client)


async def lane(
    trial: Trial, given: argparse.Namespace, ways: Sequence[str], seed: int, tell: Callable[[Row], None]
) -> None:
    """One cluster: its ways are spoilt one after the other. Beside what comes too late it is looked how late all is without."""
    seeds = count(seed)

    async def row(way: str, toxic: Toxic) -> Row:
        found = await trial.row(way, toxic, given.seconds, seed=next(seeds), rate=given.rate, patience=PATIENCE)
        tell(found)
        return found

    await row(CALM, CLEAN)
    for way in ways:
        for toxic in given.toxics:
            if (await row(way, TOXICS[toxic])).late:
                await row(CALM, CLEAN)


async def matrix(given: argparse.Namespace, tell: Callable[[Row], None]) -> None:
    """All clusters are there before the first caller comes, and until the last has gone: to start and to stop one holds us up."""
    ways = [given.ways[n :: given.lanes] for n in range(min(given.lanes, len(given.ways)))]
    async with AsyncExitStack() as stack:
        trials = [await stack.enter_async_context(raised()) for _ in ways]
        async with asyncio.TaskGroup() as group:
            for n, (trial, some) in enumerate(zip(trials, ways, strict=True)):
                group.create_task(lane(trial, given, some, given.seed + 1000 * n, tell))


async def controls(given: argparse.Namespace, tell: Callable[[Row], None]) -> None:
    for dependency, toxic, flaw in (one for one in CONTROLS if one[0] in given.ways):
        async with raised(flaw) as trial:
            patience = HEALED + GLANCE
            tell(
                await trial.row(
                    dependency, TOXICS[toxic], given.seconds, seed=given.seed, rate=given.rate, patience=patience
                )
            )


class Table:
    """Printed as it goes, and once more as it stands in the documentation."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        print(LINE.format(*COLUMNS), flush=True)

    def tell(self, row: Row) -> None:
        self.rows.append(row)
        told = [*row.wrong[:6], *(f"silence of {one}" for one in row.verdict.silences), *row.logged]
        print(row, *(f"\n    {sentence}" for sentence in told), sep="", flush=True)

    def amiss(self, control: bool) -> int:
        """How many rows are not as they should be."""
        return sum(bool(row.wrong) is not control for row in self.rows)

    def summary(self) -> Iterator[str]:
        ways = list(dict.fromkeys(row.dependency for row in self.rows if row.dependency))
        cells = {(row.dependency, row.toxic): row.cell for row in self.rows}
        yield f"| longest silence; slowest answer; healed after, s | {' | '.join(ways)} |"
        yield "|---|" + "---|" * len(ways)
        for toxic in dict.fromkeys(row.toxic for row in self.rows if row.dependency):
            yield f"| {toxic} | {' | '.join(cells.get((way, toxic), '') for way in ways)} |"
        if calm := [row.cell for row in self.rows if not row.dependency]:
            yield f"nothing spoilt: {', '.join(calm)}"


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ways", nargs="*", default=DEPENDENCIES, metavar="WAY", help=", ".join(DEPENDENCIES))
    parser.add_argument("--toxics", nargs="+", default=list(TOXICS), choices=list(TOXICS))
    parser.add_argument("--seconds", type=float, default=SPOILT)
    parser.add_argument("--rate", type=float, default=RATE, help="calls a second, of each cluster")
    parser.add_argument("--lanes", type=int, default=LANES, help="clusters at once, which share the ways among them")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--control", action="store_true", help="with the service broken, so that something must be found"
    )
    given = parser.parse_args(words)
    if unknown := set(given.ways) - set(DEPENDENCIES):
        parser.error(f"no such way: {', '.join(sorted(unknown))}; there are {', '.join(DEPENDENCIES)}")
    table, began = Table(), time.monotonic()
    asyncio.run((controls if given.control else matrix)(given, table.tell))
    print(*table.summary(), sep="\n")
    print(
        f"{len(table.rows)} rows, {table.amiss(given.control)} not as they should be, {time.monotonic() - began:.0f} s"
    )
    return 1 if table.amiss(given.control) else 0


if __name__ == "__main__":
    sys.exit(main())
