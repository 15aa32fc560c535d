"""`python -m tests.benchmarks.listeners [--rounds 3] [--listeners 1000]`: CPU per listener, ours beside icecast2.

Interleaved, the server on one core and the listeners on the other. A run in which either was kept off its core is void and done
again.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from tests.benchmarks.listeners.client import Heard, Listeners, program
from tests.benchmarks.listeners.servers import MAKE, TOLD, Server
from tests.benchmarks.load import Usage, usage
from tests.benchmarks.streams import shelf
from tests.benchmarks.streams.__main__ import alone, machine, show_line
from tests.benchmarks.streams.contenders import Missing, first_in_line
from tests.benchmarks.streams.measure import MOST_BUSY, MOST_KEPT_OFF, main_thread, own_memory, start_on

SETTLE = 5.0  # seconds between the last one's first sound and the window: bursts are over
SOUND_WITHIN = 30.0
TRIES = 3
MUST, REACH = 0.7, 1.2  # icecast2 / ours


class Run(Struct, frozen=True):
    name: str
    listeners: int
    heard: Heard
    server: Usage
    client: Usage
    kept_off: float
    memory: float  # bytes of its own for all listeners

    @property
    def carried(self) -> bool:
        whole = self.heard.alive == self.listeners and not self.heard.broken
        return whole and self.heard.in_real_time

    @property
    def per_thousand(self) -> float:
        return 1000 * self.server.cpu / self.server.wall / max(1, self.heard.alive)

    @property
    def kilobytes(self) -> float:
        return self.memory / 1024 / max(1, self.heard.alive)

    @property
    def void(self) -> str:
        if self.client.cpu > MOST_BUSY * self.client.wall:
            return "the listeners were at their limit"
        if self.kept_off > MOST_KEPT_OFF * self.server.wall:
            return "the server was kept off its core"
        return ""

    def told(self) -> str:
        heard = self.heard
        return (
            f"{heard.alive} listeners, {self.per_thousand:.4f} cores a thousand; broken {heard.broken}, lost {heard.lost}, "
            f"sound {heard.least:.1f} to {heard.most:.1f} s of {heard.seconds:.1f}, longest wait {heard.pause:.2f} s; "
            f"{self.kilobytes:.1f} kB each; client {self.client.cpu / self.client.wall:.2f} cores, "
            f"server kept off {self.kept_off / self.server.wall:.0%}" + ("" if self.carried else "; NOT CARRIED")
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--listeners", type=int, default=1000)
    parser.add_argument("--window", type=float, default=20.0, help="seconds of each run that are judged")
    parser.add_argument("--only", default=",".join(MAKE), help=f"some of {', '.join(MAKE)}")
    parser.add_argument("--json", type=Path, help="a file for all runs")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="holdsvc-benchmark-") as name:
        runs = asyncio.run(rounds(given, Path(name)))
    if given.json:
        given.json.write_bytes(msgspec.json.encode(runs))
    print(f"\n{machine(sorted(os.sched_getaffinity(0)))}; {given.rounds} rounds, windows of {given.window:.0f} s\n")
    print(table(runs))
    return 2 if any(run.void for run in runs) else 0


async def rounds(given: argparse.Namespace, folder: Path) -> list[Run]:
    media, client = shelf.fill(folder), program(folder)
    runs: list[Run] = []
    names = given.only.split(",")
    for turn in range(1, given.rounds + 1):
        for name in list(names):
            try:
                runs.append(await one(name, f"round {turn} of {given.rounds}, {name}", given, client, (folder, media)))
            except Missing as why:
                names.remove(name)
                show_line(f"left out: {why}")
    return runs


async def one(name: str, head: str, given: argparse.Namespace, client: Path, places: tuple[Path, Path]) -> Run:
    """Void ones are done again; the last stays, void or not."""
    for attempt in range(TRIES):
        with alone():
            server = MAKE[name](Path(tempfile.mkdtemp(dir=places[0])), places[1])
            done = await run(name, server, Listeners(client, server.port, server.path, given.listeners), given)
        show_line(f"{head}: {done.told()}")
        if not done.void or attempt + 1 == TRIES:
            break
        show_line(f"{head}: void ({done.void}), again")
    return done


async def run(name: str, server: Server, listeners: Listeners, given: argparse.Namespace) -> Run:
    cores = sorted(os.sched_getaffinity(0))
    feeding = None
    try:
        start_on(cores[0], server)  # type: ignore[arg-type]  # it starts whatever can be started
        first_in_line(server.pid)
        os.sched_setaffinity(0, {cores[-1]})
        feeding = asyncio.create_task(server.feed())  # type: ignore[arg-type]
        await asyncio.sleep(2.0)
        empty = own_memory(server.pid)
        await listeners.start(cores[-1])
        await listeners.sounding(SOUND_WITHIN)
        await asyncio.sleep(SETTLE)
        before, before_client, main = usage(server.pid), usage(listeners.pid), main_thread(server.pid)
        heard = await listeners.window(given.window)
        spent, spent_client = usage(server.pid).since(before), usage(listeners.pid).since(before_client)
        waited = main_thread(server.pid).since(main)
        own = max(0.0, waited.kept_waiting - (spent.cpu - waited.cpu))
        return Run(name, given.listeners, heard, spent, spent_client, own, own_memory(server.pid) - empty)
    finally:
        os.sched_setaffinity(0, cores)
        if feeding is not None:
            feeding.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await feeding
        await listeners.stop()
        server.stop()


def table(runs: Sequence[Run]) -> str:
    rows = [
        "| server | listeners | core/1000 | broken frames | sound in the window, s | longest wait, s | kB each | runs (void) |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name in dict.fromkeys(run.name for run in runs):
        mine = [run for run in runs if run.name == name]
        good = counted(mine)
        seconds = statistics.median(run.heard.seconds for run in good)
        carried = min(run.heard.alive for run in good)
        rows.append(
            f"| {TOLD[name]} | {carried} | {spread(good, lambda run: run.per_thousand, 4)} "
            f"| {sum(run.heard.broken for run in good)} "
            f"| {min(run.heard.least for run in good):.1f} - {max(run.heard.most for run in good):.1f} of {seconds:.1f} "
            f"| {max(run.heard.pause for run in good):.2f} | {spread(good, lambda run: run.kilobytes, 1)} "
            f"| {len(mine)} ({sum(bool(run.void) for run in mine)}) |"
        )
    rows += ["", "| CPU per listener | found | must | reach for |", "| --- | --- | --- | --- |"]
    ours = counted([run for run in runs if run.name == "ours"])
    for name in dict.fromkeys(run.name for run in runs if run.name != "ours"):
        theirs = counted([run for run in runs if run.name == name])
        found = [one.per_thousand / other.per_thousand for one, other in zip(theirs, ours, strict=False)]
        rows.append(f"| {name} / ours | {middle(found, 2)} | {MUST} | {REACH} |")
    return "\n".join(rows)


def counted(runs: Sequence[Run]) -> list[Run]:
    """Those that are not void; all, if there is no other."""
    return [run for run in runs if not run.void] or list(runs)


def spread(runs: Sequence[Run], figure: Callable[[Run], float], digits: int) -> str:
    return middle([figure(run) for run in runs], digits)


def middle(figures: Sequence[float], digits: int) -> str:
    if not figures:
        return "not measured"
    return f"{statistics.median(figures):.{digits}f} ({min(figures):.{digits}f} - {max(figures):.{digits}f})"


if __name__ == "__main__":
    sys.exit(main())
