"""The service carries a small crowd of listeners on one shelf: counted frame by frame, never timed."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from tests.benchmarks.listeners.client import Listeners, program
from tests.benchmarks.listeners.servers import Ours, frames
from tests.benchmarks.streams import shelf

LISTENERS = 100
WINDOW = 4.0
SOUND_WITHIN = 30.0


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shelf.fill(tmp_path_factory.mktemp("media"), seconds=10.0)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("gcc") is None and not os.environ.get("CI"):
        pytest.skip("gcc is missing (package gcc, with libc6-dev)")
    return program(tmp_path_factory.mktemp("client"))


async def test_a_hundred_listeners_all_get_whole_frames_and_nobody_is_lost(
    client: Path, media: Path, tmp_path: Path
) -> None:
    server = Ours(tmp_path, media)
    await asyncio.to_thread(server.start)
    listeners = Listeners(client, server.port, server.path, LISTENERS)
    try:
        await listeners.start()
        told = await listeners.sounding(SOUND_WITHIN)
        heard = await listeners.window(WINDOW)
    finally:
        await listeners.stop()
        server.stop()

    assert (told.sounding, told.refused) == (LISTENERS, 0)
    assert (heard.alive, heard.lost, heard.broken) == (LISTENERS, 0, 0)
    assert heard.frames >= LISTENERS
    assert heard.least > 0


async def test_the_client_notices_frames_that_are_none_and_listeners_that_are_lost(client: Path, media: Path) -> None:
    whole = frames(media, 3.0)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: audio/mpeg\r\n\r\n" + b"".join(whole[:10]))
        await spoilt.wait()
        writer.write(b"".join(whole[10:20]) + b"noise" + b"".join(whole[20:30]))
        await writer.drain()
        writer.close()

    spoilt = asyncio.Event()
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    listeners = Listeners(client, server.sockets[0].getsockname()[1], "/any", 3)
    async with server:
        await listeners.start()
        told = await listeners.sounding(SOUND_WITHIN)
        window = asyncio.create_task(listeners.window(1.0))
        await asyncio.sleep(0.2)
        spoilt.set()
        heard = await window
        await listeners.stop()

    assert told.sounding == 3
    assert heard.broken > 0
    assert heard.lost == 3
    assert heard.alive == 0
