"""`python -m tests.benchmarks.wall [--rounds 3] [--viewers 100] [--callers 200]`: what it costs that people look at the wallboard.

The service has live traffic. Windows without viewers and windows with them take turns; each viewer is a plain connection that
reads `/api/v1/events`. A call that begins to wait in a queue of its own is a change that every viewer must see within a second.
Beside that: how long a scrape of /metrics takes with fifty queues and three platforms. `--rounds 0`: that alone. It
fails where half of the scrapes take longer than they may.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import aiohttp
import msgspec
from msgspec import Struct, field

from holdsvc.config import load
from holdsvc.simulator.run import keep_calling
from holdsvc.simulator.signing import HEADER, sign
from tests.benchmarks.load import Usage, quantile, usage
from tests.benchmarks.streams import shelf
from tests.benchmarks.streams.__main__ import alone, machine, show_line
from tests.benchmarks.streams.contenders import first_in_line
from tests.faults.service import HOST, TOKEN, Service, free_port
from tests.ops.test_exposition import MOST_SERIES, NAMES, PLATFORMS, QUEUES, fill, session
from tests.service import running

FILLED = 25.0  # seconds after which about as many wait as are wanted
SETTLE = 2.0
MARKS = "marks"  # the queue in which nothing happens but the changes that viewers must see
EACH = 1.7  # seconds between two changes: no multiple of the service's own rhythm
SEEN_WITHIN = 5.0  # seconds after which a change counts as not seen; how soon it was is for the reader to judge
SCRAPES = 20
SCRAPED_WITHIN = 0.25  # seconds
ASK = f"GET /api/v1/events HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


class QueueSeen(Struct, frozen=True):
    queue: str
    waiting: int


class Seen(Struct, frozen=True):
    at: str
    waiting: int
    queues: tuple[QueueSeen, ...]

    @property
    def marks(self) -> int:
        return next((one.waiting for one in self.queues if one.queue == MARKS), 0)


class Viewer(asyncio.Protocol):
    """`figures`: by the moment at which they were made, as they came; `marks`: when each change was seen."""

    def __init__(self) -> None:
        self.figures: dict[str, bytes] = {}
        self.marks: dict[int, float] = {}
        self.waiting = 0
        self._marks = 0
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(ASK)

    def data_received(self, data: bytes) -> None:
        *events, self._read = (self._read + data).split(b"\n\n")
        for event in events:
            _, found, figures = event.partition(b"\ndata: ")
            if found:
                self._take(figures)

    def _take(self, figures: bytes) -> None:
        seen = msgspec.json.decode(figures, type=Seen)
        self.figures[seen.at], self.waiting = figures, seen.waiting
        while self._marks < seen.marks:
            self._marks += 1
            self.marks[self._marks] = time.monotonic()


class Watched(Struct):
    """What all viewers of a window saw. `delays`: seconds from the answer to the news until a viewer has it, of all together."""

    viewers: int
    delays: list[float] = field(default_factory=list)
    missed: int = 0  # changes that a viewer did not see
    differing: int = 0  # moments of which two viewers were told different figures
    figures: int = 0  # that were made
    events: int = 0  # that went out
    waiting: int = 0

    def take(self, viewers: Sequence[Viewer]) -> None:
        told: dict[str, set[bytes]] = {}
        for at, figures in itertools.chain.from_iterable(viewer.figures.items() for viewer in viewers):
            told.setdefault(at, set()).add(figures)
        self.differing = sum(len(kinds) > 1 for kinds in told.values())
        self.figures, self.events = len(told), sum(len(viewer.figures) for viewer in viewers)
        self.waiting = max((viewer.waiting for viewer in viewers), default=0)


class Marker:
    """Lets a call begin to wait, and knows when the service said that it is kept."""

    def __init__(self, base: str, client: aiohttp.ClientSession) -> None:
        self._base, self._client = base, client
        self.made = 0

    async def mark(self) -> float:
        self.made += 1
        call = {
            "CallSid": f"CA{self.made:032x}",
            "AccountSid": "AC" + "0" * 32,
            "From": "+15005550123",
            "To": "+15005550100",
        }
        for step, more in (
            ("call", {"CallStatus": "ringing"}),
            ("wait", {"CallStatus": "in-progress", "QueueTime": "0"}),
        ):
            url, fields = f"{self._base}/hooks/twilio/{step}?queue={MARKS}", {**call, **more}
            async with self._client.post(
                url, data=fields, headers={HEADER: sign(TOKEN, url, fields.items())}
            ) as answer:
                assert answer.status == 200, await answer.text()
        return time.monotonic()


async def watch(service: Service, marker: Marker, viewers: int, seconds: float, each: float = EACH) -> Watched:
    """So many look for so long; changes happen all the while, with and without them."""
    loop, watched, made = asyncio.get_running_loop(), Watched(viewers), dict[int, float]()
    eyes = [(await loop.create_connection(Viewer, HOST, service.port))[1] for _ in range(viewers)]
    before, until = marker.made, time.monotonic() + seconds
    while time.monotonic() < until - each:
        moment = await marker.mark()
        made[marker.made] = moment
        await asyncio.sleep(each)
    await asyncio.sleep(max(0.0, until - time.monotonic()))
    while any(marker.made not in eye.marks for eye in eyes) and time.monotonic() < until + SEEN_WITHIN:
        await asyncio.sleep(0.05)
    for number, moment in made.items():
        seen = [eye.marks[number] for eye in eyes if number in eye.marks]
        watched.missed += viewers - len(seen)
        watched.delays += [max(0.0, one - moment) for one in seen]
    assert marker.made > before
    watched.take(eyes)
    for eye in eyes:
        eye.transport.close()
    return watched


class Window(Struct, frozen=True):
    watched: Watched
    server: Usage

    @property
    def share(self) -> float:
        """Of a core."""
        return self.server.cpu / self.server.wall


async def measure(given: argparse.Namespace, folder: Path) -> list[tuple[Window, Window]]:
    """Pairs of windows, without viewers and with them."""
    service = watched_service(folder, MEDIA__FOLDER=str(shelf.fill(folder)))  # little to prepare
    service.start()
    try:
        await asyncio.to_thread(service.wait_until_ready)
        await asyncio.to_thread(service.wait_until_prepared)
        first_in_line(service.pid)
        crowd = asyncio.create_task(keep_calling(service.base, TOKEN, given.callers, seed=1))
        await asyncio.sleep(FILLED)
        async with aiohttp.ClientSession() as client:
            marker, pairs = Marker(service.base, client), []
            for turn in range(1, given.rounds + 1):
                pair = []
                for viewers in (0, given.viewers):
                    await asyncio.sleep(SETTLE)
                    before = usage(service.pid)
                    watched = await watch(service, marker, viewers, given.window)
                    pair.append(Window(watched, usage(service.pid).since(before)))
                    show_line(f"round {turn} of {given.rounds}: {told(pair[-1])}")
                pairs.append((pair[0], pair[1]))
        crowd.cancel()
        await asyncio.gather(crowd, return_exceptions=True)
        return pairs
    finally:
        service.stop()


def watched_service(folder: Path, **settings: str) -> Service:
    """Who waits among the marks is not closed because nothing more is heard of the call."""
    return Service(folder, QUEUES__MARKS__BASE="default", QUEUES__MARKS__SILENCE_LIMIT="86400", **settings)


def told(window: Window) -> str:
    watched, delays = window.watched, window.watched.delays
    return (
        f"{watched.viewers} viewers, {window.share:.4f} of a core, kept off {window.server.kept_waiting / window.server.wall:.0%}; "
        f"{watched.waiting} waiting; {watched.figures} figures in {watched.events} events, {watched.differing} differing; "
        f"seen after {quantile(delays, 0.5):.2f} s (median), {max(delays, default=0.0):.2f} s (most), {watched.missed} missed"
    )


class Scraped(Struct, frozen=True):
    series: int
    kilobytes: float
    seconds: list[float]  # each, as the client waited
    cpu: list[float]  # seconds of this process for each, client and all


async def scrape(folder: Path, times: int) -> Scraped:
    """All that can happen has happened in fifty queues on three platforms, and somebody waits in each."""
    support = load(environ={}).queues["support"]
    queues = dict.fromkeys(NAMES, support)
    async with running(folder, free_port(), queues=queues) as service:
        for platform, queue in itertools.product(PLATFORMS, QUEUES):
            service.house.roster.facts(session(platform, queue), ())
        fill(service.house.metrics)
        text, seconds, cpu = "", list[float](), list[float]()
        for _ in range(times):
            began, spent = time.monotonic(), time.process_time()
            text = await (await service.get("/metrics")).text()
            seconds.append(time.monotonic() - began)
            cpu.append(time.process_time() - spent)
    series = [line for line in text.splitlines() if line and not line.startswith("#")]
    return Scraped(len(series), len(text) / 1000, seconds, cpu)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--viewers", type=int, default=100)
    parser.add_argument(
        "--callers", type=int, default=200, help="that wait, about; they come and go at a fortieth of that a second"
    )
    parser.add_argument("--window", type=float, default=20.0, help="seconds")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="holdsvc-benchmark-") as name, alone():
        first_in_line(os.getpid())
        pairs = asyncio.run(measure(given, Path(name))) if given.rounds else []
        scraped = asyncio.run(scrape(Path(name) / "scraped", SCRAPES))
    print(f"\n{machine(sorted(os.sched_getaffinity(0)))}; {given.rounds} rounds, windows of {given.window:.0f} s\n")
    print(table([*(looked_at(pairs) if pairs else ()), *scrapes(scraped)]))
    if statistics.median(scraped.seconds) > SCRAPED_WITHIN or scraped.series > MOST_SERIES:
        print("the scrape takes longer than it may, or has more series")
        return 1
    return 0


Rows = Sequence[tuple[str, str, str]]  # measure, found, must


def looked_at(pairs: Sequence[tuple[Window, Window]]) -> Rows:
    without, seeing = ([pair[place].share for pair in pairs] for place in (0, 1))
    more = [after - before for before, after in zip(without, seeing, strict=True)]
    watched = [pair[1].watched for pair in pairs]
    delays = [delay for one in watched for delay in one.delays]
    return (
        ("callers who waited", " - ".join(map(str, sorted({one.waiting for one in watched}))), ""),
        ("share of a core, nobody looks", middle(without), ""),
        (f"share of a core, {watched[0].viewers} look", middle(seeing), ""),
        ("what they cost", middle(more), "0.10"),
        (
            "a change is seen after, median / most of all viewers",
            f"{quantile(delays, 0.5):.2f} / {max(delays):.2f} s",
            "1 s",
        ),
        (
            "changes not seen, figures that differed",
            f"{sum(o.missed for o in watched)}, {sum(o.differing for o in watched)}",
            "0, 0",
        ),
    )


def scrapes(scraped: Scraped) -> Rows:
    return (
        ("series with fifty queues and three platforms", f"{scraped.series:,}", f"{MOST_SERIES:,}"),
        (f"scrape of them, {scraped.kilobytes:.0f} kB", f"{middle(scraped.seconds)} s", f"{SCRAPED_WITHIN} s"),
        ("scrape, CPU with the client's", f"{middle(scraped.cpu)} s", ""),
    )


def table(rows: Rows) -> str:
    return "\n".join(["| measure | found | must |", "| --- | --- | --- |", *(f"| {' | '.join(row)} |" for row in rows)])


def middle(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.3f} ({min(values):.3f} - {max(values):.3f})"


if __name__ == "__main__":
    sys.exit(main())
