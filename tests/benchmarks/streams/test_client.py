"""The load client tells the truth of servers that do it wrong: each fault is seen, and no other."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from aiohttp import WSMsgType, web

from holdsvc.audio.g711 import encode, linear
from tests.benchmarks.streams.client import Call, Client, Heard, compiled
from tests.benchmarks.streams.shelf import HERTZ

STREAMS = 4
BLOCK = 1600  # bytes: 200 ms
AHEAD = 1.0  # seconds of sound that the server keeps at the client: a busy machine is no underrun
SOUND_WITHIN = 10.0
WINDOW = 1.5


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("gcc") is None and not os.environ.get("CI"):
        pytest.skip("gcc is missing (package gcc, with libc6-dev)")
    return compiled(tmp_path_factory.mktemp("client"), "client.c")


def tone(hertz: float) -> bytes:
    times = np.arange(BLOCK) / 8000
    return encode(linear((0.3 * np.sin(2 * np.pi * hertz * times)).astype(np.float32)))


TONES = [tone(hertz) for hertz in HERTZ.values()]
SILENCE = b"\xff" * BLOCK


class Far:
    """A server's end of one stream. `fault` changes what is sent: of the block's number and its sound makes a list of blocks."""

    def __init__(self, fault: Callable[[int, bytes], list[bytes]], obeys: bool) -> None:
        self.fault, self.obeys = fault, obeys
        self.plays = TONES[0]
        self.marked: list[str] = []

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        speaking: asyncio.Task[None] | None = None
        async for message in socket:
            told = json.loads(message.data) if message.type is WSMsgType.TEXT else {}
            match told.get("event"):
                case "start":
                    speaking = asyncio.create_task(self.speak(socket, told["streamSid"]))
                case "mark":
                    self.marked.append(told["mark"]["name"])
                case "dtmf" if self.obeys:
                    self.plays = TONES[int(told["dtmf"]["digit"]) - 1]
                    await socket.send_json({"event": "clear", "streamSid": told["streamSid"]})
                    await self.send(socket, told["streamSid"], [self.plays] * round(AHEAD * 8000 / BLOCK))
        if speaking is not None:
            speaking.cancel()
        return socket

    async def speak(self, socket: web.WebSocketResponse, stream: str) -> None:
        loop = asyncio.get_running_loop()
        began, number, due = loop.time(), 0, loop.time() - AHEAD
        while not socket.closed:
            await self.send(socket, stream, self.fault(number, self.plays))
            if number % 5 == 0:
                await socket.send_json({"event": "mark", "streamSid": stream, "mark": {"name": f"m{number}"}})
            number += 1
            due = began - AHEAD + number * BLOCK / 8000
            await asyncio.sleep(max(0.0, due - loop.time()))

    async def send(self, socket: web.WebSocketResponse, stream: str, blocks: list[bytes]) -> None:
        for block in blocks:
            payload = base64.b64encode(block).decode()
            await socket.send_json({"event": "media", "streamSid": stream, "media": {"payload": payload}})


@asynccontextmanager
async def serving(far: Callable[[], Far]) -> AsyncIterator[int]:
    async def serve(request: web.Request) -> web.WebSocketResponse:
        return await far().serve(request)

    application = web.Application()
    application.router.add_get("/media", serve)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


class Way(NamedTuple):
    """What servers do, and clients."""

    far: Callable[[], Far]
    keys_every: float = 0.0
    path: str = "/media"
    patience: float = SOUND_WITHIN


async def listened(program: Path, way: Way) -> Heard:
    async with serving(way.far) as port:
        client = Client(program, port, seed=3, keys_every=way.keys_every)
        await client.start()
        client.begin()
        for number in range(STREAMS):
            client.place(Call(way.path, "localhost", "unsigned", f"CA{number:032x}", "none"))
        await client.until(lambda told: told.sounding + told.refused == STREAMS, way.patience)
        await asyncio.sleep(WINDOW)
        heard = await client.end()
        await client.stop()
        return heard


def right(number: int, sound: bytes) -> list[bytes]:
    return [sound]


def obeyed(fault: Callable[[int, bytes], list[bytes]]) -> Callable[[], Far]:
    return lambda: Far(fault, True)


FARS: list[Far] = []  # those that do all as they should, and whose marks are looked at


def noted() -> Far:
    FARS.append(Far(right, True))
    return FARS[-1]


WAYS = {
    "right": Way(noted),
    "keys": Way(obeyed(right), keys_every=0.5),
    "disobedient": Way(lambda: Far(right, False), keys_every=0.5),
    "other tone": Way(obeyed(lambda number, sound: [TONES[2]])),
    "silence": Way(obeyed(lambda number, sound: [SILENCE if number % 2 else sound])),
    "ends": Way(obeyed(lambda number, sound: [] if number > 6 else [sound])),
    "nothing": Way(obeyed(lambda number, sound: []), patience=0.5),
    "refused": Way(obeyed(right), path="/elsewhere"),
}


@pytest.fixture(scope="module")
def all_heard(program: Path) -> dict[str, Heard | BaseException]:
    """All go on at the same time, each with servers and a client of its own: what takes time is to listen."""

    async def at_once() -> list[Heard | BaseException]:
        return await asyncio.gather(*(listened(program, way) for way in WAYS.values()), return_exceptions=True)

    FARS.clear()
    return dict(zip(WAYS, asyncio.run(at_once()), strict=True))


@pytest.fixture
def heard(all_heard: dict[str, Heard | BaseException], request: pytest.FixtureRequest) -> Heard:
    found = all_heard[request.param]
    if isinstance(found, BaseException):
        raise found
    return found


def of(way: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("heard", [way], indirect=True)


@of("right")
def test_sound_that_comes_as_it_should_has_no_fault(heard: Heard) -> None:
    assert (heard.alive, heard.opened) == (STREAMS, STREAMS)
    assert heard.pieces > 0
    assert (heard.silent, heard.wrong, heard.unclear, heard.underruns, heard.broken) == (0, 0, 0, 0, 0)
    assert heard.silence_ppm == 0
    assert len(FARS) == STREAMS
    assert all("m0" in far.marked for far in FARS)


@of("keys")
def test_a_key_is_heard_when_its_tone_comes(heard: Heard) -> None:
    assert heard.keys_heard > 0
    assert heard.clears >= heard.keys_heard
    assert heard.keys_missed == 0
    assert heard.wrong == 0


@of("disobedient")
def test_a_key_that_nobody_obeys_is_not_heard(heard: Heard) -> None:
    assert heard.keys > 0
    assert heard.keys_heard == 0


@of("other tone")
def test_another_tone_than_the_one_asked_for_is_wrong(heard: Heard) -> None:
    assert heard.wrong == heard.pieces > 0


@of("silence")
def test_silence_within_the_sound_is_silence(heard: Heard) -> None:
    assert 0 < heard.silent < heard.pieces
    assert heard.silence_ppm > 100_000
    assert heard.wrong == 0


@of("ends")
def test_sound_that_does_not_come_is_an_underrun(heard: Heard) -> None:
    assert heard.underruns >= STREAMS
    assert heard.gap_seconds > 0


@of("nothing")
def test_a_stream_on_which_nothing_ever_comes_is_one_gap(heard: Heard) -> None:
    assert (heard.alive, heard.first_sounds, heard.underruns) == (STREAMS, 0, STREAMS)
    assert heard.silence_ppm > 500_000


@of("refused")
def test_a_handshake_that_is_refused_is_counted(heard: Heard) -> None:
    assert (heard.opened, heard.refused, heard.alive) == (0, STREAMS, 0)
