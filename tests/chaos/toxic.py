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
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
from aiohttp import web
from msgspec import Struct

from holdsvc.content.feeds import PodcastSettings
from holdsvc.content.subscriptions import Subscriptions
from tests.chaos.cluster import HERE, SETTINGS, Cluster, Replica, fill_shelves
from tests.chaos.haproxy import Haproxy
from tests.chaos.load import Load
from tests.chaos.proxy import CLEAN, TOXICS, Proxy, Toxic, proxied
from tests.chaos.trial import settled
from tests.chaos.verdict import Verdict, read
from tests.content.kitchen import episode, rss, talk
from tests.faults.callers import API
from tests.faults.service import HOST, free_port
from tests.stores.postgres_server import new_database, one_server
from tests.stores.redis_server import one_node

DEPENDENCIES = ("redis", "postgres", "crm", "feed")
CONTROLS: Mapping[str, tuple[str, str]] = {  # dependency -> toxic, flaw
    "redis": ("black hole", "patient"),
    "postgres": ("reset", "at-most-once"),
    "crm": ("reset", "grudge"),
    "feed": ("away", "seldom"),
}
SILENCE, SLOWEST, HEALED = 2.0, 2.5, 30.0  # seconds at most
RATE = 8.0  # calls a second
WAITS = (2.0, 6.0)  # seconds of patience
SPOILT = 15.0  # seconds
BEFORE, AFTER = 2.0, 1.0  # seconds of calls before it, and after all is well again
PATIENCE = 45.0  # seconds after which it is not waited for any longer that all is well
GLANCE = 0.25
EPISODE = 12.0  # seconds
LINE = "{:10} {:11} {:>6} {:>8} {:>8} {:>8} {:>9} {:>9} {:>9}  {}"
COLUMNS = ("way to", "toxic", "calls", "webhooks", "not 2xx", "lost", "silence s", "slowest s", "healed s", "")


class Row(Struct, frozen=True):
    """What was seen of one toxic on the way to one dependency. `healed` is None where that did not come."""

    dependency: str
    toxic: str
    verdict: Verdict
    slowest: float
    healed: float | None

    @property
    def wrong(self) -> list[str]:
        one = self.verdict
        sentences = [f"{kind}: {what}" for kind, what in one.refused.items()]
        sentences += [*one.lost, *one.doubled, *one.other]
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
        seen = (one.calls, one.webhooks, one.refused.total(), gone, f"{one.silence:.2f}", f"{self.slowest:.2f}", healed)
        return LINE.format(self.dependency, self.toxic, *seen, "" if not self.wrong else "WRONG")


class Trial:
    """The cluster with its ways, and who looks at it from outside."""

    def __init__(self, cluster: Cluster, ways: Mapping[str, Proxy], feed: str, client: aiohttp.ClientSession) -> None:
        self.cluster, self.ways, self._feed, self._client = cluster, ways, feed, client
        self._podcasts: list[str] = []

    async def row(
        self, dependency: str, toxic: Toxic, seconds: float, *, seed: int, rate: float, patience: float
    ) -> Row:
        load, enough = Load(self.cluster.base, rate=rate, waits=WAITS, seed=seed), asyncio.Event()
        calling = asyncio.create_task(load.run(enough))
        try:
            await asyncio.sleep(BEFORE)
            await self.ways[dependency].turn(toxic)
            if dependency == "feed":
                self._subscribe(f"show{seed}")
            await asyncio.sleep(seconds)
            await self.ways[dependency].turn(CLEAN)
            healed = await self._healed(dependency, load, patience)
            await asyncio.sleep(AFTER)
        finally:
            enough.set()
            await calling
        verdict = await settled(self.cluster, load, patience if healed is None else PATIENCE)
        return Row(dependency, toxic.name, verdict, max(load.carrier.hooks.seconds), healed)

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


@asynccontextmanager
async def served(port: int, feed: str) -> AsyncIterator[None]:
    """A CRM that knows everybody, and a podcast of one episode under any name."""
    sound = await asyncio.to_thread(talk, 1, EPISODE)

    async def contacts(request: web.Request) -> web.Response:
        return web.json_response({"name": f"Caller {request.query['phone'][-4:]}", "segment": "gold"})

    async def podcast(request: web.Request) -> web.Response:
        return web.Response(body=rss(episode(1, f"{feed}/1.opus")), content_type="application/rss+xml")

    async def recording(request: web.Request) -> web.Response:
        return web.Response(body=sound, content_type="audio/ogg")

    application = web.Application()
    application.add_routes(
        [web.get("/contacts", contacts), web.get("/1.opus", recording), web.get("/{name}.xml", podcast)]
    )
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, HOST, port).start()
    try:
        yield
    finally:
        await runner.cleanup()


async def rows(given: argparse.Namespace) -> AsyncIterator[Row]:
    async with raised() as trial:
        seed = given.seed
        for dependency in given.ways:
            for toxic in given.toxics:
                seed += 1
                yield await trial.row(
                    dependency, TOXICS[toxic], given.seconds, seed=seed, rate=given.rate, patience=PATIENCE
                )


async def controls(given: argparse.Namespace) -> AsyncIterator[Row]:
    for dependency in given.ways:
        toxic, flaw = CONTROLS[dependency]
        async with raised(flaw) as trial:
            yield await trial.row(
                dependency, TOXICS[toxic], given.seconds, seed=given.seed, rate=given.rate, patience=HEALED + GLANCE
            )


async def tell(given: argparse.Namespace) -> int:
    """Prints as it goes; returns how many rows are not as they should be."""
    amiss = 0
    print(LINE.format(*COLUMNS), flush=True)
    async for row in controls(given) if given.control else rows(given):
        print(row, *(f"\n    {sentence}" for sentence in row.wrong[:6]), sep="", flush=True)
        amiss += bool(row.wrong) is not given.control
    return amiss


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ways", nargs="*", default=DEPENDENCIES, metavar="WAY", help=", ".join(DEPENDENCIES))
    parser.add_argument("--toxics", nargs="+", default=list(TOXICS), choices=list(TOXICS))
    parser.add_argument("--seconds", type=float, default=SPOILT)
    parser.add_argument("--rate", type=float, default=RATE, help="calls a second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--control", action="store_true", help="with the service broken, so that something must be found"
    )
    given = parser.parse_args(words)
    if unknown := set(given.ways) - set(DEPENDENCIES):
        parser.error(f"no such way: {', '.join(sorted(unknown))}; there are {', '.join(DEPENDENCIES)}")
    return 1 if asyncio.run(tell(given)) else 0


if __name__ == "__main__":
    sys.exit(main())
