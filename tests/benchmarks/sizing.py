"""What a call takes of Redis, of the wait log and of each process: the figures that docs/scale.md reckons with.

`python -m tests.benchmarks.sizing [--calls N]`, with its own redis-server (appendfsync always) and PostgreSQL. Two services share
them: one is asked, the other hears of it. Calls are played as in `webhooks`: front door, wait, a key, left. Bytes and commands do
not depend on what else the machine does; CPU seconds do a little, and the clock plays no part.

With `--streams N` it holds so many live streams at the one that is asked instead, with keys once a minute each; it needs gcc.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from functools import partial
from itertools import islice
from pathlib import Path

from redis import Redis

from tests.benchmarks.dialogues import STEPS, Writer
from tests.benchmarks.load import Line, closed_loop, connect, usage
from tests.benchmarks.streams import ours, shelf
from tests.benchmarks.streams.client import Client, compiled
from tests.faults.replicas import SECRET
from tests.faults.service import HOST, Service
from tests.stores.postgres_server import PostgresServer, new_database, shared_server, told
from tests.stores.redis_server import RedisServer, one_node

LINES = 8
WARM = 400  # calls
FLUSHED = 200  # calls for which flushes are counted, which slows Redis down
IDLE = 5.0  # seconds without a call, to know what a process does anyway
MOVED_WITHIN = 60.0  # seconds
PARTS = 16
STREAMING = {"SERVICE__PUBLIC_URL": ours.PUBLIC, "QUEUES__SUPPORT__MEDIA": "stream"}
KEYS_EVERY, PLACED, SETTLE, WINDOW, SOUND_WITHIN = 60.0, 100.0, 5.0, 20.0, 30.0  # seconds; calls a second
SAMPLE = 200  # keys of a kind that are looked at
SHELF, LONG = 20.0, 120.0  # seconds of sound an item: little to prepare

Found = list[tuple[str, str, str]]
Starts = Callable[[], float]


def info(redis: RedisServer, section: str) -> dict[str, str]:
    lines = redis.ask("INFO", section).decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("$"))


def commands(redis: RedisServer) -> dict[str, int]:
    found = info(redis, "commandstats")
    return {name.removeprefix("cmdstat_"): int(text.split(",")[0].partition("=")[2]) for name, text in found.items()}


def entries(redis: RedisServer) -> int:
    return sum(int(redis.ask("XLEN", f"holdsvc:{{{part}}}:log").strip()[1:]) for part in range(PARTS))


def moved(redis: RedisServer) -> None:
    until = time.monotonic() + MOVED_WITHIN
    while entries(redis):
        assert time.monotonic() < until, "the log does not move on"
        time.sleep(0.1)


def resident(service: Service) -> int:
    """Bytes of its own, without files."""
    text = Path(f"/proc/{service.pid}/status").read_text("utf-8")
    return int(next(line for line in text.splitlines() if line.startswith("RssAnon")).split()[1]) * 1024


def postgres_cpu(server: PostgresServer) -> float:
    leader = (server.folder / "data" / "postmaster.pid").read_text("utf-8").split()[0]
    mine = [path for path in Path("/proc").glob("[0-9]*") if parent(path) == leader]
    return sum(usage(path.name).cpu for path in mine)


def parent(process: Path) -> str:
    try:
        return (process / "stat").read_text("utf-8").rpartition(")")[2].split()[1]
    except OSError:
        return ""


def spent(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    return {name: after[name] - before[name] for name in before}


class Bench:
    def __init__(self, redis: RedisServer, database: str, services: Sequence[Service], lines: Sequence[Line]) -> None:
        self.redis, self.services, self.lines = redis, services, lines
        self.postgres = not database.startswith("sqlite:")
        self.writer = Writer(services[0])
        self._next = 1

    async def learn(self) -> None:
        for step in STEPS:
            await closed_loop(self.lines[:1], [[self.writer.request(step, 0)]])
            self.writer.learn(step, self.lines[0].last)

    def names(self, calls: int) -> range:
        self._next += calls
        return range(self._next - calls, self._next)

    async def play(self, steps: Sequence[str], names: Sequence[int]) -> None:
        """Of each call one request after the other."""
        shares = [names[n :: len(self.lines)] for n in range(len(self.lines))]
        work = [[self.writer.request(step, name) for step in steps for name in share] for share in shares]
        await closed_loop(self.lines, work)
        wrong = sum(line.wrong for line in self.lines)
        assert not wrong, f"{wrong} answers were wrong"

    def cpu(self) -> dict[str, float]:
        asked, hears = (usage(one.pid).cpu for one in self.services[:2])
        return {
            "CPU µs, the process that is asked": asked,
            "CPU µs, a process that hears of it": hears,
            "CPU µs, Redis": usage(self.redis.pid).cpu,
            "CPU µs, PostgreSQL": postgres_cpu(shared_server()) if self.postgres else 0.0,
        }

    def redis_figures(self) -> dict[str, float]:
        stats, stored = info(self.redis, "stats"), info(self.redis, "persistence")
        count = commands(self.redis)
        return {
            "Redis, bytes in": float(stats["total_net_input_bytes"]),
            "Redis, bytes out": float(stats["total_net_output_bytes"]),
            "Redis, bytes into its file": float(stored["aof_current_size"]),
            "Redis, scripts": float(sum(number for name, number in count.items() if name.startswith("eval"))),
            "Redis, commands, those in scripts as well": float(sum(count.values())),
        }

    def all(self) -> tuple[dict[str, float], dict[str, float]]:
        return self.cpu(), self.redis_figures()

    def memory(self) -> float:
        return float(info(self.redis, "memory")["used_memory"])


async def measure(
    redis: RedisServer, database: str, services: Sequence[Service], calls: int, rounds: int, starts: Starts
) -> Found:
    lines = await connect(HOST, services[0].port, LINES)
    bench = Bench(redis, database, services, lines)
    await bench.learn()
    await bench.play(STEPS, bench.names(WARM))
    await asyncio.to_thread(moved, redis)

    found = await room(bench, database, calls, starts)
    each = [await work(bench, calls) for _ in range(rounds)]
    found += [(what, *spread([one[what] for one in each])) for what in each[0]]
    syncs = Syncs(redis.pid)
    await bench.play(STEPS, bench.names(FLUSHED))
    flushes = await asyncio.to_thread(syncs.counted)
    found.append(
        ("webhooks a flush of Redis", (flushes and f"{FLUSHED * len(STEPS) / flushes:.1f}") or "not counted", "")
    )
    for line in lines:
        line.close()
    return found


async def room(bench: Bench, database: str, calls: int, starts: Starts) -> Found:
    """Bytes that a call takes while it waits, and when it is over."""
    alone = await asyncio.to_thread(starts)
    empty, log = bench.memory(), await asyncio.to_thread(stored, database)
    before = [resident(one) for one in bench.services]
    names = bench.names(calls)
    await bench.play(STEPS[:3], names)
    await asyncio.to_thread(moved, bench.redis)
    waiting = (bench.memory() - empty) / calls
    among = await asyncio.to_thread(starts)
    asked, hears = ((resident(one) - was) / calls for one, was in zip(bench.services[:2], before[:2], strict=True))
    await bench.play(STEPS[3:], names)
    await asyncio.to_thread(moved, bench.redis)
    over, log = (bench.memory() - empty) / calls, (await asyncio.to_thread(stored, database) - log) / calls
    return [
        (f"one more process is ready, none waiting; {calls} waiting, s", f"{alone:.2f}; {among:.2f}", ""),
        ("Redis, a call that waits, kB", f"{waiting / 1e3:.1f}", ""),
        ("Redis, a call whose wait is over, for four days, kB", f"{over / 1e3:.1f}", ""),
        ("the process that is asked, a call that waits, kB", f"{asked / 1e3:.1f}", ""),
        ("a process that hears of it, kB", f"{hears / 1e3:.1f}", ""),
        *((f"of which {what}, kB", f"{number / 1e3:.2f}", "") for what, number in keys(bench.redis).items()),
        ("the wait log, tables and indexes, a wait, kB", f"{log / 1e3:.1f}", ""),
    ]


def keys(redis: RedisServer) -> dict[str, float]:
    """Bytes of one key of a kind, by Redis's own word; a caller's are kept for as long as the caller is known."""
    kinds = {
        "a call": "call",
        "a caller's profile": "profile",
        "a caller's number": "number",
        "a caller's calls": "calls",
    }
    found: dict[str, float] = {}
    with Redis.from_url(redis.url) as client:
        for what, kind in kinds.items():
            some = list(islice(client.scan_iter(f"holdsvc:*:{kind}:*", 1000), SAMPLE))
            sizes = [int(client.memory_usage(name, samples=0) or 0) for name in some]
            if sizes:
                found[what] = statistics.mean(sizes)
    return found


async def work(bench: Bench, calls: int) -> dict[str, float]:
    """What a webhook takes, less what is done anyway."""
    quiet = bench.cpu(), bench.redis_figures()
    await asyncio.sleep(IDLE)
    anyway = {name: one / IDLE for pair in zip(quiet, bench.all(), strict=True) for name, one in spent(*pair).items()}
    before, began = bench.all(), time.monotonic()
    await bench.play(STEPS, bench.names(calls))
    await asyncio.to_thread(moved, bench.redis)
    took, hooks = time.monotonic() - began, calls * len(STEPS)
    after = bench.all()
    took_of = {name: one for pair in zip(before, after, strict=True) for name, one in spent(*pair).items()}
    return {
        name: (one - anyway[name] * took) / hooks * (1e6 if name in bench.cpu() else 1) for name, one in took_of.items()
    }


def spread(values: Sequence[float]) -> tuple[str, str]:
    return f"{statistics.median(values):,.0f}", f"{min(values):,.0f} - {max(values):,.0f}"


async def live(redis: RedisServer, database: str, services: Sequence[Service], program: Path, number: int) -> Found:
    """CPU by a thousand live streams, all at the first process, with what is kept of them."""
    client = Client(program, services[0].port, seed=1, keys_every=KEYS_EVERY)
    bench = Bench(redis, database, services, ())
    quiet = bench.all()
    await asyncio.sleep(IDLE)
    anyway = {name: one / IDLE for pair in zip(quiet, bench.all(), strict=True) for name, one in spent(*pair).items()}
    empty = bench.memory()
    await client.start()
    number = await ours.place(
        services[0].port, number, PLACED, client.place
    )  # a busy machine offers some of them documents
    if not await client.until(lambda told: told.sounding == number, SOUND_WITHIN):
        raise SystemExit(f"{number} streams were offered, and {client.told.sounding} sound")
    await asyncio.sleep(SETTLE)
    room_of = (bench.memory() - empty) / number
    log = await asyncio.to_thread(logged, database)
    before, began = bench.all(), time.monotonic()
    client.begin()
    await asyncio.sleep(WINDOW)
    heard = await client.end()
    took = time.monotonic() - began
    after = bench.all()
    grown = [after - before for before, after in zip(log, await asyncio.to_thread(logged, database), strict=True)]
    syncs = Syncs(redis.pid)
    await asyncio.sleep(IDLE)
    flushes = await asyncio.to_thread(syncs.counted)
    await client.stop()
    found: Found = [("live streams; underruns; wrong tones", f"{heard.alive}; {heard.underruns}; {heard.wrong}", "")]
    for pair in zip(before, after, strict=True):
        for name, one in spent(*pair).items():
            each = (one / took - anyway[name]) / number * 1000
            found.append((f"{name.replace('µs', 'cores')}, a second and 1,000 streams", f"{each:,.3g}", ""))
    found.append(("Redis, a call on a stream, kB", f"{room_of / 1e3:.1f}", ""))
    found.append((f"Redis, flushes a second with {number} streams", f"{(flushes or 0) / IDLE:.0f}", ""))
    facts, size = (one / took / number for one in grown)
    found.append(("the wait log, facts and bytes, a minute of a stream", f"{60 * facts:.1f}, {60 * size:,.0f}", ""))
    return found


def logged(database: str) -> tuple[int, int]:
    """Facts, and bytes of all tables."""
    if database.startswith("sqlite:"):
        with closing(sqlite3.connect(database.removeprefix("sqlite:"))) as db:
            return int(db.execute("SELECT count(*) FROM facts").fetchone()[0]), stored(database)
    return int(str(told(database, "SELECT count(*) FROM holdsvc.facts")[0][0])), stored(database)


def stored(database: str) -> int:
    """Bytes of the wait log once it is packed: room of old rows is used again in the long run."""
    if database.startswith("sqlite:"):
        file = Path(database.removeprefix("sqlite:"))
        with closing(sqlite3.connect(file)) as db:
            pages = "SELECT (page_count - freelist_count) * page_size"
            return int(
                db.execute(f"{pages} FROM pragma_page_count, pragma_freelist_count, pragma_page_size").fetchone()[0]
            )
    told(database, "VACUUM FULL")
    asked = "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    return int(str(told(database, f"{asked} WHERE n.nspname = 'holdsvc' AND c.relkind = 'r'")[0][0]))


def started(folder: Path, settings: Mapping[str, str]) -> float:
    """Seconds until one more of them is ready, which first reads all calls that wait."""
    one = Service(folder / "late", **settings)
    one.start()
    try:
        return one.wait_until_ready()
    finally:
        one.kill()


class Syncs:
    """Counts flushes to the disk from outside, where strace is."""

    def __init__(self, pid: int) -> None:
        self._strace: subprocess.Popen[str] | None = None
        if shutil.which("strace"):
            words = ["strace", "-f", "-c", "-e", "trace=fdatasync,fsync", "--seccomp-bpf", "-p", str(pid)]
            self._strace = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
            time.sleep(0.5)

    def counted(self) -> int | None:
        if self._strace is None:
            return None
        self._strace.send_signal(signal.SIGINT)
        _, told_us = self._strace.communicate(timeout=10)
        rows = [line.split() for line in told_us.splitlines() if "sync" in line and "attached" not in line]
        return sum(int(row[3]) for row in rows if len(row) > 3 and row[3].isdigit()) or None


def main() -> None:
    asks = argparse.ArgumentParser(prog="python -m tests.benchmarks.sizing", description=__doc__)
    asks.add_argument("--calls", type=int, default=4000)
    asks.add_argument("--rounds", type=int, default=3)
    asks.add_argument("--others", type=int, default=1, help="processes that hear of it")
    asks.add_argument("--sqlite", action="store_true", help="the wait log in a file instead of PostgreSQL")
    asks.add_argument("--streams", type=int, default=0)
    words = asks.parse_args()
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="holdsvc-sizing-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        redis = stack.enter_context(one_node())
        database = f"sqlite:{folder / 'log.sqlite3'}" if words.sqlite else new_database(shared_server())
        media = str(shelf.fill(folder, LONG if words.streams else SHELF))
        settings = {
            "STORE__URL": redis.url,
            "LEDGER__URL": database,
            "SERVICE__SECRET": SECRET,
            "MEDIA__FOLDER": media,
            **(STREAMING if words.streams else {}),
        }
        services = [
            Service(folder / name, **settings) for name in ("asked", *(f"hears{n}" for n in range(words.others)))
        ]
        for one in services:
            one.start()
            stack.callback(one.kill)
        for one in services:
            one.wait_until_ready()
        print(f"Redis {info(redis, 'server')['redis_version']}, {words.calls} calls", flush=True)
        if words.streams:
            work_of = live(redis, database, services, compiled(folder, "client.c"), words.streams)
        else:
            work_of = measure(redis, database, services, words.calls, words.rounds, partial(started, folder, settings))
        print("| what | found | least - most |\n| --- | --- | --- |")
        for row in asyncio.run(work_of):
            print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
