"""Several processes that serve the same calls on one Redis, behind a balancer of TCP connections that asks who is ready."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.faults.callers import STREAMING
from tests.faults.service import HOST, Service, free_port

SECRET = "a secret that all replicas of a test share"
LOOK = 0.2  # seconds between two questions whether a replica is ready
PIECE = 65536


class Balancer:
    """Hands each connection to the next of those that were ready when they were asked last; tries another where one refuses."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.port = free_port()
        self.base = f"http://{HOST}:{self.port}"
        self._ports, self._ready = tuple(ports), set(ports)
        self._next = 0
        self._lines: set[asyncio.Task[None]] = set()

    async def look(self) -> None:
        while True:
            for port in self._ports:
                (self._ready.add if await ready(port) else self._ready.discard)(port)
            await asyncio.sleep(LOOK)

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await self._reach()
        if there is None:
            writer.close()
            return
        lines = [asyncio.create_task(carry(*one)) for one in ((reader, there[1]), (there[0], writer))]
        self._lines.update(lines)
        with contextlib.suppress(asyncio.CancelledError):  # the test is over
            await asyncio.wait(lines)
        self._lines.difference_update(lines)

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for _ in self._ports:
            ports = [port for port in self._ports if port in self._ready] or list(self._ports)
            self._next += 1
            port = ports[self._next % len(ports)]
            try:
                return await asyncio.open_connection(HOST, port)
            except OSError:
                self._ready.discard(port)
        return None

    def close(self) -> None:
        for line in self._lines:
            line.cancel()


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(PIECE):
            writer.write(piece)
            await writer.drain()
    except (OSError, asyncio.CancelledError):
        pass
    finally:
        writer.close()


async def ready(port: int) -> bool:
    try:
        async with asyncio.timeout(1.0):
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answer = await reader.read(64)
            writer.close()
    except (OSError, TimeoutError):
        return False
    return answer.startswith(b"HTTP/1.1 200")


@asynccontextmanager
async def balanced(ports: Sequence[int]) -> AsyncIterator[Balancer]:
    one = Balancer(ports)
    server = await asyncio.start_server(one.take, HOST, one.port)
    looking = asyncio.create_task(one.look())
    try:
        yield one
    finally:
        looking.cancel()
        server.close()
        one.close()
        with contextlib.suppress(asyncio.CancelledError):
            await looking


def replicas(folder: Path, redis: str, number: int, **settings: str) -> list[Service]:
    """Each with a data folder of its own, all with one wait log."""
    common = {
        **STREAMING,
        "STORE__URL": redis,
        "LEDGER__URL": f"sqlite:{folder / 'log.sqlite3'}",
        "SERVICE__SECRET": SECRET,
        **settings,
    }
    return [Service(folder / f"replica{n}", **common) for n in range(number)]


async def start(services: Sequence[Service]) -> None:
    for one in services:
        one.start()
    await asyncio.gather(*(asyncio.to_thread(one.wait_until_ready) for one in services))
