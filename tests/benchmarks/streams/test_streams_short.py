"""The service carries a small crowd on live sockets: counted, and heard by its tones; never timed."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from tests.benchmarks.streams import ours, shelf
from tests.benchmarks.streams.client import Client, Heard, compiled

STREAMS = 50
KEYS_EVERY = 2.0  # seconds
WINDOW = 3.0
WINDOWS = 4  # that may be judged by a client that was starved itself
SOUND_WITHIN = 20.0


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("gcc") is None and not os.environ.get("CI"):
        pytest.skip("gcc is missing (package gcc, with libc6-dev)")
    return compiled(tmp_path_factory.mktemp("client"), "client.c")


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shelf.fill(tmp_path_factory.mktemp("media"), seconds=60.0)


async def test_fifty_callers_hear_what_they_asked_for_without_a_gap(program: Path, media: Path, tmp_path: Path) -> None:
    service = ours.service(tmp_path, media)
    service.start()
    try:
        await asyncio.to_thread(service.wait_until_ready)
        client = Client(program, service.port, seed=1, keys_every=KEYS_EVERY)
        await client.start()
        offered = await ours.place(service.port, STREAMS, 100.0, client.place)
        sounding = await client.until(lambda told: told.sounding == STREAMS, SOUND_WITHIN)
        heard = await undisturbed(client)
        await client.stop()
    finally:
        service.stop()

    assert offered == STREAMS
    assert sounding
    assert (heard.alive, heard.opened, heard.refused, heard.lost) == (STREAMS, STREAMS, 0, 0)
    assert (heard.broken, heard.blocked) == (0, 0)
    assert (heard.underruns, heard.silent, heard.wrong) == (0, 0, 0)
    assert heard.keys_heard > STREAMS / 4
    assert heard.keys_missed == 0
    assert heard.marks_echoed >= STREAMS
    assert heard.clears >= heard.keys_heard


async def undisturbed(client: Client) -> Heard:
    """A window in which the client was not kept from its core, if one can be had."""
    for _ in range(WINDOWS):
        client.begin()
        await asyncio.sleep(WINDOW)
        heard = await client.end()
        if not heard.starved:
            break
    return heard
