"""A load client that costs little, and notices when the machine did not let it run.

A line is one keep-alive connection. Closed loop: each line sends its next request when it has its answer. Open loop: requests
become due by the clock, whether or not answers come, and the time counts from that moment.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from msgspec import Struct

from tests.benchmarks.dialogues import Request

TICK = 0.001  # seconds between two looks at what is due
END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"Content-Length: "


class Usage(Struct, frozen=True):
    """Seconds: by the clock, on a core, and ready to run while the machine ran something else."""

    wall: float
    cpu: float
    kept_waiting: float

    def since(self, before: Usage) -> Usage:
        return Usage(self.wall - before.wall, self.cpu - before.cpu, self.kept_waiting - before.kept_waiting)


def usage(pid: int | str = "self") -> Usage:
    """Of all its threads that live."""
    cpu = kept_waiting = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        ran, waited, _ = (task / "schedstat").read_text().split()
        cpu, kept_waiting = cpu + int(ran), kept_waiting + int(waited)
    return Usage(time.monotonic(), cpu / 1e9, kept_waiting / 1e9)


def at_work(core: int) -> float:
    """Seconds since the machine's start in which this core was not idle: user, nice, system, interrupts, stolen."""
    line = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith(f"cpu{core} "))
    user, nice, system, _, _, irq, softirq, steal = (int(ticks) for ticks in line.split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


class Line(asyncio.Protocol):
    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.wrong = 0
        self.last = b""  # the last answer
        self.on_empty: Callable[[], None] = lambda: None
        self._todo: deque[tuple[float, Request]] = deque()
        self._under_way: tuple[float, Request] | None = None
        self._read = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own are no subclass of it

    def connection_lost(self, exc: Exception | None) -> None:
        self.wrong += len(self._todo) + (self._under_way is not None)
        self._todo.clear()
        self._under_way = None
        self.on_empty()

    @property
    def empty(self) -> bool:
        return self._under_way is None

    def give(self, request: Request, due: float | None = None) -> None:
        """`due` None: now is as good as later, so that only the answer's own time counts."""
        self._todo.append((0.0 if due is None else due, request))
        if self._under_way is None:
            self._next()

    def give_all(self, requests: Sequence[Request]) -> None:
        self._todo.extend((0.0, request) for request in requests)
        if self._under_way is None:
            self._next()

    def close(self) -> None:
        self.on_empty = lambda: None
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._read = self._read + data if self._read else data
        head = self._read.find(END_OF_HEAD)
        if head < 0:
            return
        at = self._read.find(LENGTH, 0, head)
        end = head + len(END_OF_HEAD) + int(self._read[at + len(LENGTH) : self._read.find(b"\r", at)])
        if len(self._read) < end:
            return
        self.last, self._read = self._read[:end], self._read[end:]
        self._answered()

    def _answered(self) -> None:
        assert self._under_way is not None
        due, request = self._under_way
        self.seconds.append(time.monotonic() - due)
        self.wrong += not self.last.startswith(b"HTTP/1.1 200 ") or request.must_say not in self.last
        self._under_way = None
        self._next()

    def _next(self) -> None:
        if not self._todo:
            self.on_empty()
            return
        due, request = self._todo.popleft()
        self._under_way = (due or time.monotonic(), request)
        self._transport.write(request.wire)


async def connect(host: str, port: int, lines: int) -> list[Line]:
    loop = asyncio.get_running_loop()
    return [(await loop.create_connection(Line, host, port))[1] for _ in range(lines)]


async def closed_loop(lines: Sequence[Line], work: Sequence[Sequence[Request]]) -> None:
    """Until all of it is answered."""
    for line, requests in zip(lines, work, strict=True):
        line.give_all(requests)
    await all_empty(lines)


async def open_loop(lines: Sequence[Line], work: Sequence[Sequence[Request]], rate: float) -> float:
    """So many requests a second, evenly, round the lines. Return how late the client itself was at most, in seconds."""
    order = [(line, request) for turn in zip(*work, strict=True) for line, request in zip(lines, turn, strict=True)]
    began, sent, latest = time.monotonic(), 0, 0.0
    while sent < len(order):
        now = time.monotonic()
        latest = max(latest, now - (began + sent / rate))
        while sent < len(order) and began + sent / rate <= now:
            line, request = order[sent]
            line.give(request, began + sent / rate)
            sent += 1
        await asyncio.sleep(TICK)
    await all_empty(lines)
    return latest


async def all_empty(lines: Sequence[Line]) -> None:
    loop = asyncio.get_running_loop()
    waits = [loop.create_future() for _ in lines]
    for line, wait in zip(lines, waits, strict=True):
        line.on_empty = lambda wait=wait: wait.done() or wait.set_result(None)  # type: ignore[misc]
        if line.empty:
            line.on_empty()
    await asyncio.gather(*waits)
    for line in lines:
        line.on_empty = lambda: None


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
