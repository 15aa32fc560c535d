"""The whole service in this process, with recognisers in processes of their own, and callers with a voice on both kinds of line."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import numpy as np

from holdsvc import app
from holdsvc.audio import g711
from holdsvc.config import AudioSocketSettings, SpeechSettings
from holdsvc.simulator import audiosocket
from holdsvc.simulator.carrier import Carrier
from holdsvc.simulator.clock import RealClock
from holdsvc.simulator.hooks import Target
from holdsvc.simulator.leg import Gone
from holdsvc.simulator.speaking import Line, Word
from holdsvc.speech.workers import Limits, Workers, command_of
from tests.benchmarks.voice import voices
from tests.benchmarks.voice.lines import carried
from tests.service import TOKEN, Service, running, until

HERE = "127.0.0.1"
QUEUE = "support"
LOADED = 90.0  # seconds that a recogniser may take to load on a machine under load
WIRES = ("AudioSocket", "Twilio")

# What is said -> the entry that is meant; only what is done at once and can be seen in the log.
WORDS: Mapping[str, str] = {
    "music": "music",
    "podcast": "podcast",
    "a podcast": "podcast",
    "news": "daily",
    "today's updates": "daily",
    "quiet": "quiet",
    "stop": "quiet",
    "softer": "softer",
    "turn it down": "softer",
    "louder": "louder",
    "turn it up": "louder",
    "next": "next",
    "skip": "next",
    "something else": "next",
    "start over": "repeat",
    "go back": "back",
    "jazz": "music:jazz",
    "classical": "music:classical",
}


class House(NamedTuple):
    service: Service
    port: int  # of AudioSocket
    ears: Workers


@asynccontextmanager
async def open_house(
    folder: Path, ports: tuple[int, int], *, limits: Limits | None = None, model: str = "", ingest: bool = False
) -> AsyncIterator[House]:
    """`ports` of HTTP and of AudioSocket. With `limits` of its own the recogniser is not that of the settings."""
    own = Workers(command_of("forced", model), limits) if limits is not None else None
    # With the carrier's token streams are opened on loopback.
    options = app.Options(ingest=ingest, phone_token=TOKEN, ears=own)
    lines, speech = AudioSocketSettings(HERE, ports[1]), SpeechSettings("forced", model=model)
    async with running(folder, ports[0], options=options, audiosocket=lines, speech=speech) as service:
        hearing = service.house.streams.hearing
        assert hearing is not None
        ears = hearing.ears
        assert isinstance(ears, Workers)
        await until(lambda: ears.load.ready or ears.load.fault, LOADED)
        yield House(service, ports[1], ears)


async def all_prepared(house: House, least: int, seconds: float) -> None:
    """So much stands on the shelves."""
    plans = house.service.house.plans
    await until(lambda: len(plans.plan(QUEUE).items) >= least, seconds)


@asynccontextmanager
async def on_the_line(house: House, wire: str, rng: random.Random, carrier: Carrier) -> AsyncIterator[tuple[str, Line]]:
    """A caller who hears something already: the name of the call, and the end of the line that speaks."""
    if wire == "AudioSocket":
        call = uuid4()  # good for one call, also where the log of an earlier run is kept
        wanted = {"queue": QUEUE, "caller": number(rng), "uuid": str(call)}
        async with house.service.client.post(f"{house.service.base}/api/v1/calls/announce", json=wanted) as answer:
            assert answer.status == 200, await answer.text()
        line = await audiosocket.dial(HERE, house.port, call)
        try:
            await line.hear(0.5)
            yield str(call), line
        finally:
            await line.hang_up()
        return
    leg = carrier.place(number(rng), queue=QUEUE, mode="stream")
    try:
        await until(lambda: leg.stream is not None and leg.stream.playout.received > 0, 20.0)
        assert leg.stream is not None
        yield leg.sid, leg.stream
    finally:
        leg.signal(Gone())
        await asyncio.wait([leg.over], timeout=10)


def carrier_of(house: House) -> Carrier:
    return Carrier(Target(house.service.base, TOKEN), house.service.client, RealClock(), rng=random.Random(uuid4().int))


def number(rng: random.Random) -> str:
    return f"+1500555{rng.randrange(10_000):04d}"


@cache
def sound_of(folder: Path, voice: str, text: str, wire: str) -> bytes | None:
    """As the line takes it. None: this speaker cannot be had."""
    say = {**voices.REPORTING, **voices.TUNING}.get(voice, voices.unsaid)
    speech = voices.spoken(folder, voice, say, text)
    return None if speech is None else on_wire(carried(speech, "clean", np.random.default_rng(1)), wire)


def on_wire(pcm: bytes, wire: str) -> bytes:
    return pcm if wire == "AudioSocket" else bytes(g711.encode(np.frombuffer(pcm, "<i2")))


def who_can_speak(folder: Path, speakers: Sequence[str]) -> list[str]:
    """Those that are installed; all that they may say is said now."""
    texts = (*WORDS, "yes", "no")
    return [voice for voice in speakers if all(sound_of(folder, voice, text, wire) for text in texts for wire in WIRES)]


def word_of(folder: Path, voice: str, text: str, means: str, wire: str) -> Word:
    sound = sound_of(folder, voice, text, wire)
    assert sound is not None, f"{voice} is not installed"
    return Word(text, means, sound)


async def figures(house: House) -> dict[str, float]:
    text = await (await house.service.get("/metrics")).text()
    found = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in found}


def underruns(found: Mapping[str, float]) -> int:
    return round(sum(value for name, value in found.items() if name.startswith("holdsvc_stream_underruns_total{")))
