"""`python -m tests.benchmarks.streams [--rounds 3] [--quick] [--only ours:1000,naive:200]`: live streams, ours beside others.

All in one interleaved run, the server on one core and the client on the other: a shared machine's speed drifts, so only ratios
of one run count. A run in which client or server was kept off its core is void, and done again a few times.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tests.benchmarks.streams import contenders, report, shelf
from tests.benchmarks.streams.client import compiled
from tests.benchmarks.streams.contenders import MAKE, Missing
from tests.benchmarks.streams.measure import Plan, Run, Setting, run

FULL = "naive:200,pipecat:40,picows:500,bare:1000,ours:1000,ours:2400,naive-lines:250,bare-lines:1000,ours-lines:1000"
GROWTH = "ours:100,ours:300,ours:1000,ours:3000"
QUICK = "naive:100,bare:300,ours:300"
RATES = {
    "pipecat": 10.0,
    "naive": 100.0,
    "naive-lines": 100.0,
}  # calls a second, where a server would be overrun by 200
LOCK = Path(tempfile.gettempdir()) / "holdsvc-benchmark.lock"
TRIES = 3  # runs that may be void, for each that counts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help=f"one round of 4 s with {QUICK}")
    parser.add_argument("--growth", action="store_true", help=f"what a stream costs as they grow: {GROWTH}")
    parser.add_argument("--only", default="", help="which servers with how many streams, as ours:1000,bare:1000")
    parser.add_argument("--window", type=float, default=10.0, help="seconds of each run that are judged")
    parser.add_argument("--keys-every", type=float, default=60.0, help="seconds between two keys of a caller; 0 = none")
    parser.add_argument("--json", type=Path, help="a file for all runs")
    given = parser.parse_args()
    plans = plans_of(given.only or (GROWTH if given.growth else QUICK if given.quick else FULL))
    rounds = 1 if given.quick else given.rounds
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="holdsvc-benchmark-") as name:
        folder = Path(name)
        window = 4.0 if given.quick else given.window
        setting = Setting(compiled(folder, "client.c"), cores[0], cores[-1], window, given.keys_every)
        runs, left_out = asyncio.run(all_rounds(plans, rounds, setting, folder))
    if given.json:
        given.json.write_bytes(msgspec.json.encode(runs))
    print(f"\n{machine(cores)}; {rounds} rounds, windows of {window:.0f} s\n")
    print(report.servers(runs, contenders.TOLD))
    for line in left_out:
        print(f"\nLeft out: {line}")
    print(f"\n{report.ratios(runs)}")
    return 2 if any(one.void for one in runs) else 0


@contextmanager
def alone() -> Iterator[None]:
    """Two runs at once would measure each other; two benchmarks take turns."""
    with LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            show_line("another benchmark measures; waiting for our turn")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def plans_of(text: str) -> list[Plan]:
    plans = []
    for one in text.split(","):
        name, _, number = one.partition(":")
        if name not in MAKE:
            sys.exit(f"there is no server {name!r}; there are {', '.join(MAKE)}")
        plans.append(Plan(name, int(number or 1000), RATES.get(name, 200.0)))
    return plans


async def all_rounds(plans: Sequence[Plan], rounds: int, setting: Setting, folder: Path) -> tuple[list[Run], list[str]]:
    """Interleaved: what disturbs the machine disturbs all."""
    show_line(f"making the shelf of tones in {folder}")
    media = shelf.fill(folder)
    tones = shelf.sounds(media)
    runs: list[Run] = []
    left_out: dict[str, str] = {}
    for turn in range(1, rounds + 1):
        for plan in plans:
            if plan.name in left_out:
                continue
            try:
                runs.append(await one_run(plan, turn, rounds, setting, folder, (media, tones)))
            except Missing as why:
                left_out[plan.name] = str(why)
                show_line(f"left out: {why}")
    return runs, list(left_out.values())


async def one_run(
    plan: Plan, turn: int, rounds: int, setting: Setting, folder: Path, sound: tuple[Path, list[Path]]
) -> Run:
    """Void ones are done again; the last stays, void or not."""
    for attempt in range(TRIES):
        where = Path(tempfile.mkdtemp(dir=folder))
        server = MAKE[plan.name](where, *sound)
        head = f"round {turn} of {rounds}, {plan}"
        seed = msgspec.structs.replace(setting, seed=turn)
        with alone():
            done = await run(server, plan, seed, lambda text, head=head: show_line(f"{head}: {text}"))  # type: ignore[misc]
        show_line(f"{head}: {report.told(done)}")
        if not done.void:
            break
        if attempt + 1 < TRIES:
            show_line(f"{head}: void ({done.void}), again")
    return done


BEGAN = time.monotonic()


def show_line(text: str) -> None:
    print(f"{time.monotonic() - BEGAN:6.1f} s  {text}", file=sys.stderr, flush=True)


def machine(cores: Sequence[int]) -> str:
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), ": unknown")
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    return (
        f"{len(cores)} virtual cores ({model.partition(':')[2].strip()}), Linux {platform.release()}, "
        f"Python {platform.python_version()}, load average {load}"
    )


if __name__ == "__main__":
    sys.exit(main())
