"""How long a release takes that lands on one worker while another one holds the stream; what streams cost with several workers.

`python -m tests.benchmarks.words [--streams 1000] [--calls 200] [--rounds 2]`, with its own redis-servers (appendfsync always); it
needs gcc. First a word alone. Then, in turn, `serve --workers 1` and `--workers 2`, so many streams for each worker and a key a
minute: the CPU that they take, of two workers beside that of one. Where there are two, callers beside these streams are released
by requests to the worker that does not have theirs: the request, the decision, its keeping, the word, and the end of the stream
at the platform's side. `--streams 0` has these callers alone, and needs no gcc.

A machine that does other things shows in both. So it is counted what each process waited for a core: a release of which that is a
part is told apart, and how slow Redis's disk was at that moment.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from holdsvc.simulator.leg import Leg
from holdsvc.stores.redis_fellows import RedisFellows
from holdsvc.stores.redis_link import Link, connect
from tests.benchmarks import load
from tests.benchmarks.dialogues import Request
from tests.benchmarks.load import END_OF_HEAD, Line, quantile, usage
from tests.benchmarks.streams import ours, shelf
from tests.benchmarks.streams.client import Client, compiled
from tests.faults.callers import API, STREAMING, Caller, Callers, callers, until
from tests.faults.replicas import SECRET
from tests.faults.service import HOST, Service
from tests.stores.redis_server import RedisServer, one_node

GLANCE = 0.0005  # seconds
WORDS = 2000
PLACED, KEYS_EVERY, LONG = 100.0, 60.0, 120.0  # calls a second; seconds between keys; seconds of sound of an item
# Seconds; all of a place's keepings fall into the window alike, for it is as long as two of their rounds.
SETTLE, WINDOW, SOUND_WITHIN = 5.0, 20.0, 30.0
AT_ONCE, STAY = 10, 1.0  # callers who are released one after the other, and how long they have been there then
SLOW, DISTURBED = 0.05, 0.01  # seconds: a release should be over; somebody waited so long for a core
GIVEN_UP = 10.0  # seconds after which a release counts as one that never reached its stream
MOST_LINES = 64  # tries to reach each worker
MOST_TOLD = 8  # slow releases, the slowest first


class Released(Struct, frozen=True):
    """Seconds: what a release took; how late our own loop was at most; what workers and Redis, ready to run, were not run."""

    took: float
    late: float
    waited: tuple[float, ...]
    at: float  # by the calendar
    released: bool = True

    @property
    def disturbed(self) -> bool:
        return max(self.late, *self.waited) > DISTURBED


class Cost(Struct, frozen=True):
    workers: int
    streams: int
    cores: float  # of all workers
    told: str  # what else is of interest
    found: Sequence[Released] = ()

    @property
    def each(self) -> float:
        """Cores for a thousand streams."""
        return 1000 * self.cores / max(1, self.streams)


class Connection(Protocol):
    def get_extra_info(self, name: str) -> Any: ...  # Any: as asyncio has it


class Workers(Service):
    """One process, or several and their parent."""

    def __init__(self, folder: Path, number: int, settings: Mapping[str, str]) -> None:
        super().__init__(folder, before=(), **settings)
        self.number = number

    def start(self, *more: str) -> None:
        super().start("--workers", str(self.number), *more)

    @property
    def pids(self) -> list[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return [self.pid] if self.number == 1 else [int(pid) for pid in children.read_text().split()]

    @property
    def all_ready(self) -> bool:
        return self.log().count('"event": "ready"') == self.number

    def whose(self) -> dict[int, int]:
        """Which worker has a connection, by the port at its other end."""
        ports = {}
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            here, there, inode = (line.split()[n] for n in (1, 2, 9))
            if int(here.rpartition(":")[2], 16) == self.port:
                ports[f"socket:[{inode}]"] = int(there.rpartition(":")[2], 16)
        return {ports[name]: pid for pid in self.pids for name in opened(pid) if name in ports}

    def complaints(self) -> str:
        found = re.findall(r'"level": "(?:warning|error)", "event": "(\w+)"(?:.*?"reason": "([^"]*)")?', self.log())
        return ", ".join(f"{count} {' '.join(one).strip()}" for one, count in Counter(found).most_common(6)) or "none"


def opened(pid: int) -> list[str]:
    names = []
    for one in os.scandir(f"/proc/{pid}/fd"):
        try:
            names.append(os.readlink(one.path))
        except OSError:  # closed meanwhile
            continue
    return names


@asynccontextmanager
async def serving(folder: Path, media: Path, redis: RedisServer, number: int) -> AsyncIterator[Workers]:
    settings = {
        **STREAMING,
        "STORE__URL": redis.url,
        "LEDGER__URL": f"sqlite:{folder / 'log.sqlite3'}",
        "SERVICE__SECRET": SECRET,
        "MEDIA__FOLDER": str(media),  # all of it is ready: whoever prepares sound has the cores and the disk
        "QUEUES__SUPPORT__MEDIA": "stream",
        "LOG__LEVEL": "info",
    }
    service = Workers(folder / "data", number, settings)
    service.start()
    try:
        await until(lambda: service.all_ready, 30.0)
        yield service
    finally:
        service.kill()


async def run(folder: Path, media: Path, program: Path | None, workers: int, given: argparse.Namespace) -> Cost:
    with one_node() as redis:
        redis.ask("CONFIG", "SET", "latency-monitor-threshold", "10")
        async with serving(folder, media, redis, workers) as service:
            client = Client(program, service.port, 1, KEYS_EVERY) if program else None
            try:
                cost = (
                    await held(service, redis, client, workers * given.streams) if client else Cost(workers, 0, 0, "")
                )
                if workers > 1:
                    cost = replace(cost, found=await released(service, redis, given.calls))
                    tell_releases(cost.found)
                    tell_slow(cost.found, slow_moments(redis))
                show(f"          the service complained of: {service.complaints()}")
                return cost
            finally:
                if client is not None:
                    await client.stop()


async def held(service: Workers, redis: RedisServer, client: Client, streams: int) -> Cost:
    await client.start()
    offered = await ours.place(service.port, streams, PLACED, client.place)
    if not await client.until(lambda told: told.sounding == offered, SOUND_WITHIN):
        show(f"          not all have sound: {client.told}")
    await asyncio.sleep(SETTLE)
    pids = (*service.pids, redis.pid, client.pid)
    before = [usage(pid) for pid in pids]
    client.begin()
    await asyncio.sleep(WINDOW)
    heard = await client.end()
    spent = [usage(pid).since(one) for pid, one in zip(pids, before, strict=True)]
    *cores, redis_s, client_s = [one.cpu / one.wall for one in spent]
    kept_off = max(one.kept_waiting / one.wall for one in spent)
    shares = " and ".join(
        str(count) for count in Counter(service.whose().values()).values()
    )  # with a few lines of ours
    told = (
        f"{shares} of them; Redis {redis_s:.3f} core, the client {client_s:.2f}; {heard.underruns} underruns; the client late "
        f"{heard.own_lateness.p99:.1f} ms (p99), whoever waited most for a core did so for {100 * kept_off:.0f} % of the time"
    )
    return Cost(service.number, heard.alive, sum(cores), told)


async def released(service: Workers, redis: RedisServer, number: int) -> list[Released]:
    found: list[Released] = []
    asking = await one_line_each(service)
    async with callers(service.base) as there:
        while len(found) < number:
            for caller, line in await placed(there, service, asking, min(AT_ONCE, number - len(found))):
                found.append(await one((*service.pids, redis.pid), line, caller.leg))
                caller.hang_up()  # harmless, where it was released
    for line in asking.values():
        line.close()
    return found


async def one_line_each(service: Workers) -> dict[int, Line]:
    """Over which each worker is asked."""
    found: dict[int, Line] = {}
    for _ in range(MOST_LINES):
        (line,) = await load.connect(HOST, service.port, 1)
        port = port_of(line._transport)
        while (pid := service.whose().get(port)) is None:  # it has not been accepted yet
            await asyncio.sleep(GLANCE)
        if found.setdefault(pid, line) is not line:
            line.close()
        if len(found) == service.number:
            return found
    raise AssertionError(f"{MOST_LINES} connections went to {len(found)} of {service.number} workers")


def port_of(connection: Connection) -> int:
    return int(connection.get_extra_info("sockname")[1])


async def placed(there: Callers, service: Workers, asking: dict[int, Line], number: int) -> list[tuple[Caller, Line]]:
    """Callers on streams, each with the line to a worker that has another one's. A busy machine offers some of them documents."""
    made = [there.call() for _ in range(number)]
    await until(lambda: all(caller.ear.sounds or caller.ear.played for caller in made), 60.0)
    await asyncio.sleep(STAY)
    whose, found = service.whose(), []
    for caller in made:
        if caller.leg.stream is None:
            caller.hang_up()
            continue
        holds = whose[port_of(caller.leg.stream._socket)]
        found.append((caller, next(line for pid, line in asking.items() if pid != holds)))
    return found


async def one(pids: Sequence[int], line: Line, leg: Leg) -> Released:
    head = f"POST /api/v1/calls/{leg.sid}/release HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {API}\r\n"
    before, late = [usage(pid) for pid in pids], 0.0
    began = looked = time.monotonic()
    line.give(Request(f"{head}Content-Length: 0\r\n\r\n".encode(), b'"released":true'))
    while leg.stream is not None and not line.wrong and looked < began + GIVEN_UP:
        await asyncio.sleep(GLANCE)
        late, looked = max(late, time.monotonic() - looked - GLANCE), time.monotonic()
    took = looked - began
    waited = [usage(pid).since(one).kept_waiting for pid, one in zip(pids, before, strict=True)]
    while not line.empty:
        await asyncio.sleep(GLANCE)
    if line.wrong:
        show(f"          not released: {line.last[:12].decode()} {line.last.rpartition(END_OF_HEAD)[2].decode()}")
    line.wrong = 0
    return Released(took, late, tuple(waited), time.time(), released=leg.stream is None)


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


def tell(what: str, took: Sequence[float]) -> None:
    if took:
        p50, p99 = 1000 * quantile(took, 0.5), 1000 * quantile(took, 0.99)
        show(f"{len(took)} {what}: p50 {p50:.1f} ms, p99 {p99:.1f} ms, max {1000 * max(took):.1f} ms")


def tell_releases(found: Sequence[Released]) -> None:
    done = [one for one in found if one.released]
    if len(done) < len(found):
        show(f"{len(found) - len(done)} were not released")
    tell("releases", [one.took for one in done])
    tell(
        f"of them that nobody disturbed for {1000 * DISTURBED:.0f} ms", [one.took for one in done if not one.disturbed]
    )


def tell_slow(found: Sequence[Released], stalls: Mapping[int, int]) -> None:
    for one in sorted(found, key=lambda one: -one.took)[:MOST_TOLD]:
        if one.took > SLOW:
            disk = max(stalls.get(second, 0) for second in range(int(one.at - one.took), int(one.at) + 1))
            waited = ", ".join(f"{1000 * each:.0f}" for each in one.waited)
            show(
                f"          {1000 * one.took:.0f} ms: workers and Redis waited {waited} ms for a core, we "
                f"{1000 * one.late:.0f} ms; Redis's slowest flush of that second {disk} ms"
            )


def slow_moments(redis: RedisServer) -> dict[int, int]:
    """Milliseconds of Redis's slowest flush of a second, by the second; those of ten and more."""
    told = redis.ask("LATENCY", "HISTORY", "aof-fsync-always").decode()
    numbers = [int(one) for one in re.findall(r":(\d+)", told)]
    return dict(zip(numbers[::2], numbers[1::2], strict=True))


def tell_costs(costs: Sequence[Cost]) -> None:
    for cost in costs:
        show(f"{cost.workers} worker(s), {cost.streams} streams: {cost.each:.3f} core for 1,000; {cost.told}")
    ones, twos = ([cost.each for cost in costs if cost.workers == number] for number in (1, 2))
    ratios = [two / one for one, two in zip(ones, twos, strict=True)]
    show(f"CPU of a stream, two workers by one: {', '.join(f'{each:.2f}' for each in ratios)}")


def show(text: str) -> None:
    print(text, flush=True)


def main() -> None:
    asks = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.words",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    asks.add_argument("--streams", type=int, default=1000, help="for each worker")
    asks.add_argument("--calls", type=int, default=200, help="that are released, each time")
    asks.add_argument("--rounds", type=int, default=2)
    given = asks.parse_args()
    with one_node() as node:
        tell("words", asyncio.run(words(node.url, WORDS)))
    with tempfile.TemporaryDirectory(prefix="holdsvc-words-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        media, program = shelf.fill(folder, LONG), compiled(folder, "client.c") if given.streams else None
        turns = [workers for _ in range(given.rounds) for workers in ((1, 2) if program else (2,))]
        costs = [
            asyncio.run(run(folder / str(turn), media, program, workers, given)) for turn, workers in enumerate(turns)
        ]
        show("in all")
        tell_releases([one for cost in costs for one in cost.found])
        if program:
            tell_costs(costs)


if __name__ == "__main__":
    main()
