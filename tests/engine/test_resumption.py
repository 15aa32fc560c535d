"""Hang up on one platform, call on another: the sound begins where it stopped. The whole service, on a clock moved by hand.

One call is a live AudioSocket line of which the far end knows every sample; the other fetches documents over signed hooks.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from itertools import count
from urllib.parse import urlsplit
from uuid import UUID
from xml.etree import ElementTree

import numpy as np
import pytest
from msgspec.structs import replace

from holdsvc import app
from holdsvc.audio.formats import FRAME, RATE
from holdsvc.calls.model import CallId, CallRef, Kind, Licence, QueueName
from holdsvc.config import AudioSocketSettings
from holdsvc.content import sounds
from holdsvc.content.index import Entry, write_index
from tests.engine.far_end import STEP, FarEnd, SharingWire, Time, settle
from tests.service import CALLER, a_call, running, settings_for

SECONDS = {"tune": 240.0, "tale": 300.0}
REWIND = {"tune": 0.0, "tale": 5.0}
GRID = 10.0
KEYS = {"tune": "1", "tale": "2"}
numbers = count(1)


def a_shelf(folder):
    """A piece of music and a podcast of noise: any tenth of a second of it is at one place only."""
    rng, media = np.random.default_rng(7), folder / "media"
    media.mkdir(parents=True)
    made = {}
    for name, kind in (("tune", Kind.MUSIC), ("tale", Kind.PODCAST)):
        (media / f"{name}.bin").write_bytes(name.encode())
        sound = rng.integers(0, 100, int(SECONDS[name] * RATE), np.uint8).tobytes()
        measured = sounds.Measured(SECONDS[name], -20.0, -3.0)
        sounds.keep(sounds.Prepared(sound, b"", measured), folder / "sound", sounds.hash_of(name.encode()))
        licence = Licence("CC0-1.0", "made for this test")
        made[name] = sound, Entry(name, kind, name, name.title(), f"{name}.bin", licence, house=name == "tune")
    write_index(media, [entry for _, entry in made.values()])
    return {name: sound for name, (sound, _) in made.items()}


class Lines:
    """One caller's calls to one service, now here, now there."""

    def __init__(self, service, time, shelf):
        self.service, self.time, self.shelf = service, time, shelf
        self.streams = service.house.streams

    # --- a live line -------------------------------------------------------------------------------------------------

    async def dial(self):
        call = UUID(int=next(numbers), version=4)
        wanted = {"queue": "support", "caller": CALLER, "uuid": str(call)}
        async with self.service.client.post(f"{self.service.base}/api/v1/calls/announce", json=wanted) as answer:
            assert answer.status == 200, await answer.text()
        self.far = FarEnd(self.time)
        ticket = self.streams.tokens.redeem("audiosocket", str(call))
        self.stream = self.streams.open(ticket, SharingWire("audiosocket"), self.far)
        assert ticket.ref == CallRef("audiosocket", CallId(str(call)))
        assert ticket.queue == QueueName("support")
        self.stream.hear(f"start {call} {call}")
        await self.answered()

    async def answered(self):
        await self.streams.settle()
        await settle()

    async def advance(self, seconds):
        for _ in range(round(seconds / STEP)):
            self.time.seconds += STEP
            self.far.play()
            while self.far.marks:
                self.stream.hear(f"mark {self.far.marks.pop(0)}")
            self.stream.hear("audio")
            self.streams.turn(self.time.monotonic())
            await settle()

    async def key(self, digit):
        self.stream.hear(f"digit {digit} {next(numbers)}")
        await self.answered()

    async def hang_up(self):
        """Returns the item, and the second of it, that the ear heard last."""
        self.far.play()
        last = bytes(self.far.heard[-RATE // 10 :])
        self.stream.hear("stop")
        await self.answered()
        await self.service.house.intake.settle()
        (name, at), *others = [(name, at) for name, sound in self.shelf.items() if (at := sound.find(last)) >= 0]
        assert not others
        return name, (at + len(last)) / RATE

    def begins(self):
        """The item, and the second of it, that the ear heard first."""
        first = bytes(self.far.heard[RATE // 5 : RATE // 5 + RATE // 10])  # behind a fade
        (name, at), *others = [(name, at) for name, sound in self.shelf.items() if (at := sound.find(first)) >= 0]
        assert not others
        return name, at / RATE - 0.2

    # --- documents ---------------------------------------------------------------------------------------------------

    async def fetch(self, step, **fields):
        self.document = await self.service.document(step, a_call(self.sid, **fields))
        return self.document

    async def call(self):
        self.sid = f"CA{next(numbers):032x}"
        await self.fetch("call")
        await self.fetch("wait", QueueTime="0")

    async def press(self, digit):
        action = next(node.get("action") for node in self.document.iter("Gather"))
        answer = await self.service.post(action, a_call(self.sid, Digits=digit))
        assert answer.status == 200
        self.document = ElementTree.fromstring(await answer.read())

    def played(self):
        """Prompts' seconds before the content, and the content's item and second, of the present document."""
        before, hashes = 0.0, {sounds.hash_of(name.encode()): name for name in self.shelf}
        for node in self.document.iter("Play"):
            _, _, _, sound, span = urlsplit(node.text).path.split("/")
            if sound in hashes:
                return before, hashes[sound], float(span.partition("-")[0])
            before += len(self.service.house.sounds.by_hash(sound)) / RATE
        raise AssertionError("no content in the document")

    async def gone(self):
        await self.fetch("left", QueueResult="hangup", QueueTime=str(int(self.time.seconds)))


@pytest.fixture
def lines(tmp_path, unused_tcp_port_factory):
    @asynccontextmanager
    async def opened():
        shelf, time = a_shelf(tmp_path), Time()
        listening = AudioSocketSettings("127.0.0.1", unused_tcp_port_factory())
        rules = replace(settings_for(tmp_path).queues["support"], shelves=tuple(SECONDS))
        given = {"clock": time, "options": app.Options(ingest=False), "audiosocket": listening}
        given["queues"] = {"support": rules}
        async with running(tmp_path, unused_tcp_port_factory(), **given) as service:
            yield Lines(service, time, shelf)

    return opened


@pytest.mark.parametrize("name", KEYS)
async def test_hang_up_on_a_stream_and_go_on_in_documents_within_a_step_of_the_grid(lines, name):
    async with lines() as line:
        for seconds in (3.0, 14.1, 21.34, 30.02, 41.98):
            await line.dial()
            await line.key(KEYS[name])
            await line.advance(seconds)
            item, stopped = await line.hang_up()

            line.time.seconds += 600
            await line.call()
            _, again, begins = line.played()
            await line.gone()
            line.time.seconds += 600

            assert (item, again) == (name, name)
            assert begins == max(0.0, stopped - REWIND[name]) // GRID * GRID, stopped


@pytest.mark.parametrize("name", KEYS)
async def test_hang_up_in_documents_and_go_on_on_a_stream_within_a_frame(lines, name):
    async with lines() as line:
        place = 0.0
        for seconds in (3.0, 14.1, 21.34, 30.02):
            await line.call()
            await line.press(KEYS[name])
            before, item, began = line.played()
            assert item == name
            line.time.seconds += before + seconds
            await line.gone()
            place = began + seconds

            line.time.seconds += 600
            await line.dial()
            await line.advance(1.0)
            again, begins = line.begins()
            _, place_now = await line.hang_up()
            line.time.seconds += 600

            assert again == name
            assert begins == pytest.approx(max(0.0, place - REWIND[name]), abs=FRAME / RATE)
            assert place_now > begins


@pytest.mark.parametrize("name", KEYS)
async def test_hang_up_on_a_stream_and_go_on_on_another_within_a_frame(lines, name):
    async with lines() as line:
        await line.dial()
        await line.key(KEYS[name])
        for seconds in (4.0, 7.22, 13.5, 26.02):
            await line.advance(seconds)
            item, stopped = await line.hang_up()

            line.time.seconds += 600
            await line.dial()
            await line.advance(1.0)
            again, begins = line.begins()

            assert (item, again) == (name, name)
            assert begins == pytest.approx(max(0.0, stopped - REWIND[name]), abs=FRAME / RATE)
