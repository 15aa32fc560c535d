"""One run: a server started anew on its core, so many calls placed at it, and a window in which all is judged."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from tests.benchmarks.load import Usage, at_work, usage
from tests.benchmarks.streams.client import Client, Heard
from tests.benchmarks.streams.contenders import Server, first_in_line

SETTLE = 3.0  # seconds between the last call's first sound and the window
SOUND_WITHIN = 15.0  # seconds
MOST_KEPT_OFF = 0.1  # share of the window in which the server could have run and did not
MOST_BUSY = 0.85  # share of the window in which the client ran: above it, the client is what is measured

Show = Callable[[str], None]


class Startable(Protocol):
    @property
    def pid(self) -> int: ...
    def start(self) -> None: ...


class Plan(Struct, frozen=True):
    name: str  # of the contender
    streams: int
    rate: float = 200.0  # calls a second

    def __str__(self) -> str:
        return f"{self.name}:{self.streams}"


class Setting(Struct, frozen=True):
    """What all runs have in common."""

    program: Path  # the client
    server_core: int
    client_core: int
    window: float = 10.0  # seconds
    keys_every: float = 60.0  # seconds between two keys of a caller, on average
    seed: int = 1


class Run(Struct, frozen=True):
    plan: Plan
    heard: Heard
    offered: int  # calls that were given a stream
    server: Usage
    client: Usage
    kept_off: float  # seconds for which its main thread could have run and others had its core
    taken: float  # share of the server's core, by others
    memory: float  # bytes of its own (no files, no page cache) that the server took for all streams

    @property
    def carried(self) -> bool:
        return self.heard.alive == self.heard.first_sounds == self.plan.streams

    @property
    def share(self) -> float:
        """Of a core."""
        return self.server.cpu / self.server.wall

    @property
    def per_thousand(self) -> float:
        return 1000 * self.share / max(1, self.heard.alive)

    @property
    def kilobytes(self) -> float:
        return self.memory / 1024 / max(1, self.heard.alive)

    @property
    def void(self) -> str:
        """Why this run does not count; "" if it does."""
        if self.client.cpu > MOST_BUSY * self.client.wall:
            return "the client was at its limit"
        if self.heard.starved:
            return "the client was starved"
        if self.kept_off > MOST_KEPT_OFF * self.server.wall:
            return "the server was kept off its core"
        return ""


async def run(server: Server, plan: Plan, setting: Setting, show: Show) -> Run:
    """The server is stopped afterwards, whatever happens."""
    client = Client(setting.program, server.port, setting.seed, setting.keys_every, lines=server.lines)
    try:
        start_on(setting.server_core, server)
        await asyncio.sleep(1.0)
        empty = own_memory(server.pid)
        await client.start(setting.client_core)
        first_in_line(client.pid)
        show(f"placing {plan.streams} calls, {plan.rate:.0f} a second")
        offered = await server.place(plan.streams, plan.rate, client.place)
        if not await client.until(lambda told: told.sounding >= offered - told.refused, SOUND_WITHIN):
            show(f"not all have sound: {client.told}")
        await asyncio.sleep(SETTLE)
        show(f"measuring {setting.window:.0f} s")
        return await window(server, client, plan, setting, offered, empty)
    finally:
        await client.stop()
        server.stop()


async def window(server: Server, client: Client, plan: Plan, setting: Setting, offered: int, empty: int) -> Run:
    core, main = at_work(setting.server_core), main_thread(server.pid)
    before, before_client = usage(server.pid), usage(client.pid)
    client.begin()
    await asyncio.sleep(setting.window)
    heard = await client.end()
    spent, spent_client = usage(server.pid).since(before), usage(client.pid).since(before_client)
    busy, main = at_work(setting.server_core) - core, main_thread(server.pid).since(main)
    return Run(
        plan=plan,
        heard=heard,
        offered=offered,
        server=spent,
        client=spent_client,
        kept_off=max(0.0, main.kept_waiting - (spent.cpu - main.cpu)),  # its own threads share the core, too
        taken=max(0.0, busy - spent.cpu) / spent.wall,
        memory=own_memory(server.pid) - empty,
    )


def main_thread(pid: int) -> Usage:
    ran, waited, _ = Path(f"/proc/{pid}/schedstat").read_text().split()
    return Usage(time.monotonic(), int(ran) / 1e9, int(waited) / 1e9)


def start_on(core: int, server: Startable) -> None:
    """What is started here runs there, with all its threads."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        server.start()
    finally:
        os.sched_setaffinity(0, before)
    first_in_line(server.pid)


def own_memory(pid: int) -> int:
    """Bytes that no file stands behind."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"process {pid} does not tell its memory")
