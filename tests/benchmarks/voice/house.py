"""The whole service in this process, with recognisers in processes of their own, and callers with a voice on both kinds of line."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import numpy as np

from holdsvc import app
from holdsvc.audio import g711
from holdsvc.commands.serve import spare_the_collector
from holdsvc.config import AudioSocketSettings, SpeechSettings
from holdsvc.content import ingest
from holdsvc.simulator import audiosocket
from holdsvc.simulator.carrier import Carrier
from holdsvc.simulator.clock import RealClock
from holdsvc.simulator.hooks import Target
from holdsvc.simulator.leg import Gone
from holdsvc.simulator.speaking import Line, Word
from holdsvc.speech.workers import Limits, Workers, command_of
from tests.benchmarks.voice import voices
from tests.benchmarks.voice.lines import carried
from tests.benchmarks.voice.progress import Progress, stage
from tests.service import TOKEN, Service, running, settings_for, until

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
    folder: Path, ports: tuple[int, int], *, limits: Limits | None = None, model: str = ""
) -> AsyncIterator[House]:
    """`ports` of HTTP and of AudioSocket. With `limits` of its own the recogniser is not that of the settings."""
    own = Workers(command_of("forced", model), limits) if limits is not None else None
    # With the carrier's token streams are opened on loopback.
    options = app.Options(ingest=False, phone_token=TOKEN, ears=own)
    lines, speech = AudioSocketSettings(HERE, ports[1]), SpeechSettings("forced", model=model)
    async with running(folder, ports[0], options=options, audiosocket=lines, speech=speech) as service:
        hearing = service.house.streams.hearing
        assert hearing is not None
        ears = hearing.ears
        assert isinstance(ears, Workers)
        stage("loading the recogniser")
        await until(lambda: ears.load.ready or ears.load.fault, LOADED)
        stage(f"the recogniser will not come: {ears.load.fault}" if ears.load.fault else "the recogniser is ready")
        yield House(service, ports[1], ears)


def prepare(folder: Path) -> None:
    """All that is shipped, before the house is opened: what is made beside calls takes the CPU of their recogniser. The next
    run finds it there."""
    settings = settings_for(folder)
    library, progress = app.open_library(settings, app.data_folder(settings)), Progress()
    stage(f"preparing the shelves: {len(library.pending())} of {len(library.sources)} sounds are not ready")

    def told(one: ingest.Progress) -> None:
        progress.at(one.done / one.total, f"sound {one.done} of {one.total}: {one.id} {one.reason}")

    ingest.ingest(library, folder / "sound", progress=told)


def started(house: House) -> None:
    """What is to be measured does as `holdsvc serve`, and can hear: else nothing is measured."""
    if house.ears.load.fault:
        sys.exit(f"nobody here understands what is said: {house.ears.load.fault}")
    spare_the_collector()


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
    texts, progress, able = (*WORDS, "yes", "no"), Progress(), []
    stage(f"saying {len(texts)} words in {len(speakers)} voices")
    for place, voice in enumerate(speakers, 1):
        if all(sound_of(folder, voice, text, wire) for text in texts for wire in WIRES):
            able.append(voice)
        said = "said all" if voice in able else "is not installed"
        progress.at(place / len(speakers), f"voice {place} of {len(speakers)}: {voice} {said}")
    return able


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


def results(found: Mapping[str, float]) -> dict[str, int]:
    """What became of utterances, as the service counts them."""
    counts = {
        name.rsplit('result="', 1)[1][:-2]: round(value) for name, value in found.items() if "utterances_total{" in name
    }
    return {name: count for name, count in counts.items() if count}
