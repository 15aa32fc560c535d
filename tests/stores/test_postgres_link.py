"""To end while PostgreSQL says nothing, or breaks the line in that very moment."""

from __future__ import annotations

import asyncio
import struct
from contextlib import asynccontextmanager

import asyncpg
import pytest

from holdsvc.stores import ending
from holdsvc.stores.ending import ended
from holdsvc.stores.postgres_link import transaction, whole

SOON = 3.0  # seconds
SSL, CANCEL = 80877103, 80877102  # what a client may ask for before anything else


def said(kind: bytes, what: bytes) -> bytes:
    return kind + struct.pack("!I", len(what) + 4) + what


class Frozen:
    """A PostgreSQL that lets in, and at the most begins. `breaks`: asked to leave off, it closes the line instead."""

    def __init__(self, begins: bool, breaks: bool) -> None:
        self.begins, self.breaks = begins, breaks
        self.heard, self.lines = asyncio.Event(), []

    async def __call__(self, reader, writer) -> None:
        self.lines.append(writer)
        try:
            while (await self._first(reader, writer)) == SSL:
                writer.write(b"N")
            ready = said(b"K", struct.pack("!II", 1, 2)) + said(b"Z", b"I")
            writer.write(said(b"R", struct.pack("!I", 0)) + said(b"S", b"server_version\x0015.0\0") + ready)
            while True:
                kind = await reader.readexactly(1)
                query = await reader.readexactly(struct.unpack("!I", await reader.readexactly(4))[0] - 4)
                if self.begins and kind == b"Q" and query.startswith(b"BEGIN"):
                    writer.write(said(b"C", b"BEGIN\0") + said(b"Z", b"T"))
                else:
                    self.heard.set()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _first(self, reader, writer) -> int:
        asked = await reader.readexactly(struct.unpack("!I", await reader.readexactly(4))[0] - 4)
        (what,) = struct.unpack("!I", asked[:4])
        if what == CANCEL:
            if self.breaks:
                self.lines[0].close()
            await reader.read()
        return what


@asynccontextmanager
async def frozen(begins: bool, breaks: bool):
    there = Frozen(begins, breaks)
    server = await asyncio.start_server(there, "127.0.0.1", 0)
    connection = await asyncpg.connect(f"postgresql://u@127.0.0.1:{server.sockets[0].getsockname()[1]}/x")
    try:
        yield there, connection
    finally:
        connection.terminate()
        for line in there.lines:
            line.close()
        server.close()


@pytest.mark.parametrize("kind", [whole, transaction])
@pytest.mark.parametrize("begins", [True, False], ids=["after the beginning", "at the beginning"])
@pytest.mark.parametrize("breaks", [True, False], ids=["the line breaks", "nothing is heard"])
async def test_who_is_to_end_in_a_transaction_ends_at_once_and_as_one_who_was_told_to(kind, begins, breaks):
    async with frozen(begins, breaks) as (there, connection):

        async def work() -> None:
            async with kind(connection):
                await connection.execute("SELECT 1")

        task = asyncio.create_task(work())
        await asyncio.wait_for(there.heard.wait(), SOON)
        task.cancel()
        await asyncio.wait([task], timeout=SOON)

        assert task.done()
        assert task.cancelled()
        assert connection.is_closed()


async def test_who_forgets_that_it_was_to_end_is_told_again(monkeypatch):
    monkeypatch.setattr(ending, "AGAIN", 0.01)
    told = []

    async def forgets() -> None:
        while len(told) < 3:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                told.append(1)

    task = asyncio.create_task(forgets())
    await asyncio.sleep(0)

    await asyncio.wait_for(ended([task]), SOON)

    assert len(told) == 3
