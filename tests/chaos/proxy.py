"""A way to somebody else's port that can be spoilt while connections are on it: a line of TCP, as bad as one likes.

A black hole swallows what is sent, the end of a connection included, and whatever lost bytes in it stays dead when it is over:
nobody is told. When the way is mended, the side that is left alone on a connection hears that the other one has gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

from msgspec import Struct

from tests.faults.service import HOST, free_port

PIECE = 65536  # bytes that are read at once
AHEAD = 64  # pieces on their way
MOST_SLICE = 7  # bytes
STEPS = 20  # pieces a second on a narrow way
ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: to close is to reset


class Toxic(Struct, frozen=True):
    """How a way is spoilt, in both directions. `reset_after`: bytes that a connection still carries before it is reset."""

    name: str
    latency: float = 0.0  # seconds
    jitter: float = 0.0  # seconds at most, another number for each piece; none overtakes another
    rate: float = 0.0  # bytes a second; 0: as many as there are
    slices: bool = False  # each packet has a few bytes
    reset_after: int | None = None
    swallows: bool = False
    away: bool = False  # nobody listens


CLEAN = Toxic("clean")
TOXICS = {
    one.name: one
    for one in (
        Toxic("latency", latency=0.3),
        Toxic("jitter", jitter=0.5),
        Toxic("1 KB/s", rate=1024.0),
        Toxic("slices", slices=True),
        Toxic("reset", reset_after=0),
        Toxic("torn", reset_after=300),  # in the middle of a question or of an answer
        Toxic("black hole", swallows=True),
        Toxic("away", away=True),
    )
}


class Proxy:
    """Listens at `port`, carries everything to `there`, a port of this machine, and back."""

    def __init__(self, there: int, rng: random.Random) -> None:
        self.there, self.port, self.rng = there, free_port(), rng
        self.toxic = CLEAN
        self._server: asyncio.Server | None = None
        self._lines: dict[Line, asyncio.Task[None] | None] = {}

    async def turn(self, toxic: Toxic) -> None:
        """From now on it is spoilt like this; for the connections that there are as well."""
        self.toxic = toxic
        for line in list(self._lines):
            line.carried = 0
            if toxic.away or toxic.reset_after == 0 or (line.half_closed and not toxic.swallows):
                line.reset()
        if toxic.away:
            await self._close()
        elif self._server is None:
            self._server = await asyncio.start_server(self._take, HOST, self.port)

    async def end(self) -> None:
        await self._close()
        for line in list(self._lines):
            line.reset()
        await asyncio.gather(*(task for task in self._lines.values() if task is not None), return_exceptions=True)

    async def _close(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(self, reader, writer)
        self._lines[line] = asyncio.current_task()
        try:
            await line.carry()
        except asyncio.CancelledError:  # the test is over; asyncio's server would complain of it
            pass
        finally:
            line.reset()
            del self._lines[line]


class Line:
    """One connection from somebody to the other port."""

    def __init__(self, proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.proxy, self.carried = proxy, 0
        self.dead = False  # bytes of it were swallowed
        self.half_closed = False  # and one side has gone without the other having heard of it
        self._near = reader, writer
        self._writers = [writer]
        self._over = asyncio.Event()

    async def carry(self) -> None:
        if self.proxy.toxic.reset_after == 0:
            return
        try:
            reader, writer = await asyncio.open_connection(HOST, self.proxy.there)
        except OSError:
            return
        self._writers.append(writer)
        ways = [Way(self, self._near[0], writer), Way(self, reader, self._near[1])]
        tasks = [asyncio.create_task(work) for way in ways for work in (way.read(), way.write())]
        over = asyncio.create_task(self._over.wait())
        done = asyncio.create_task(all_of(tasks))
        try:
            await asyncio.wait([over, done], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (over, done, *tasks):
                task.cancel()
            await asyncio.gather(over, done, *tasks, return_exceptions=True)
            for one in self._writers:
                with contextlib.suppress(OSError):
                    one.close()

    def reset(self) -> None:
        """Both sides hear of it at once, and what was on its way is gone."""
        self._over.set()
        for writer in self._writers:
            if not writer.is_closing():
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
                writer.transport.abort()


async def all_of(tasks: Sequence[asyncio.Task[None]]) -> bool:
    await asyncio.wait(tasks)
    return True


class Way:
    """One direction of a line."""

    def __init__(self, line: Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._line, self._proxy, self._reader, self._writer = line, line.proxy, reader, writer
        self._going: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(AHEAD)

    async def read(self) -> None:
        now, due, piece = asyncio.get_running_loop().time, 0.0, b"?"
        while piece:
            try:
                piece = await self._reader.read(PIECE)
            except OSError:
                piece = b""
            toxic = self._proxy.toxic
            self._line.dead = self._line.dead or toxic.swallows
            if self._line.dead and (piece or toxic.swallows):
                self._line.half_closed = self._line.half_closed or not piece
                continue
            due = max(due, now() + toxic.latency + self._proxy.rng.uniform(0.0, toxic.jitter))
            await self._going.put((due, piece))
        if self._line.half_closed:
            await asyncio.Event().wait()  # nobody is told; until the way is mended, or the other side gives up, too

    async def write(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                due, piece = await self._going.get()
                await asyncio.sleep(due - loop.time())
                if not piece:
                    self._writer.write_eof()
                    return
                for part in self._cut(piece):
                    self._writer.write(part)
                    await self._writer.drain()
                    rate = self._proxy.toxic.rate
                    await asyncio.sleep(len(part) / rate if rate else 0)
        except OSError:
            self._line.reset()

    def _cut(self, piece: bytes) -> Iterator[bytes]:
        """As the way is at that moment: it may change in the middle."""
        at = 0
        while at < len(piece):
            toxic, size = self._proxy.toxic, len(piece)
            if toxic.slices:
                size = self._proxy.rng.randint(1, MOST_SLICE)
            elif toxic.rate:
                size = max(1, int(toxic.rate / STEPS))
            if toxic.reset_after is not None:
                size = min(size, toxic.reset_after - self._line.carried)
            part = piece[at : at + size]
            at += len(part)
            self._line.carried += len(part)
            if part:
                yield part
            if toxic.reset_after is not None and self._line.carried >= toxic.reset_after:
                raise ConnectionResetError


@asynccontextmanager
async def proxied(there: int, seed: int = 1) -> AsyncIterator[Proxy]:
    one = Proxy(there, random.Random(seed))
    await one.turn(CLEAN)
    try:
        yield one
    finally:
        await one.end()
