"""The service carries a small crowd over AudioSocket: counted, and heard by its tones; never timed."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from tests.benchmarks.streams import shelf
from tests.benchmarks.streams.client import Client, compiled
from tests.benchmarks.streams.contenders import OurLines, bare_lines, naive_lines
from tests.benchmarks.streams.test_streams_short import undisturbed

STREAMS = 40
SOUND_WITHIN = 20.0


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("gcc") is None and not os.environ.get("CI"):
        pytest.skip("gcc is missing (package gcc, with libc6-dev)")
    return compiled(tmp_path_factory.mktemp("client"), "client.c")


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shelf.fill(tmp_path_factory.mktemp("media"), seconds=60.0)


@pytest.mark.parametrize("whose", ["ours", "naive", "bare"])
async def test_a_crowd_hears_its_music_frame_by_frame(whose: str, program: Path, media: Path, tmp_path: Path) -> None:
    make = {"naive": naive_lines, "bare": bare_lines}.get(whose)
    server = make(tmp_path, media, shelf.sounds(media)) if make else OurLines(tmp_path / "data", media)
    await asyncio.to_thread(server.start)
    try:
        client = Client(program, server.port, seed=1, keys_every=0.0, lines=True)
        await client.start()
        offered = await server.place(STREAMS, 100.0, client.place)
        sounding = await client.until(lambda told: told.sounding == STREAMS, SOUND_WITHIN)
        heard = await undisturbed(client)
        await client.stop()
    finally:
        server.stop()

    assert offered == STREAMS
    assert sounding
    assert (heard.alive, heard.opened, heard.lost, heard.broken, heard.blocked) == (STREAMS, STREAMS, 0, 0, 0)
    assert (heard.silent, heard.wrong) == (0, 0)
    assert heard.pieces > STREAMS * 50
    if not heard.starved and whose == "ours":
        assert heard.underruns == 0
