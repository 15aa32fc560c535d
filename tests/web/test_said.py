"""Callers who say what they want, as JSON and on a plain line: the whole service, with a recogniser that tells pitches."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections import deque
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from holdsvc import app
from holdsvc.audio.formats import RATE
from holdsvc.audio.g711 import linear, samples
from holdsvc.audio.player import LOWER
from holdsvc.calls.events import CallHeld
from holdsvc.calls.model import CallId, CallRef, EventId, QueueName
from holdsvc.config import AudioSocketSettings
from holdsvc.errors import Unheard
from holdsvc.ports import Certainty, Recognised
from holdsvc.simulator.audiosocket import SOUND, TICK, WHOLE, Leg
from tests.audio.talk import coded, hush, noise, row, word
from tests.service import CALLER, running, until

CALL = UUID("0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0")
STALL = 0.04  # seconds for which the whole process had no time: nothing can be said of the sound then
LOW, HIGH = 110.0, 220.0  # Hz: "quiet" and "music", as the recogniser has it


class PitchEars:
    """Low voices want quiet, high ones music. It keeps what it was asked, but for the sound."""

    def __init__(self):
        self.asked, self.closed = [], False
        self.away = self.hangs = self.slow = self.understands_nothing = self.doubts = False

    def understands(self, language):
        return True

    async def recognise(self, utterance):
        pitch = pitch_of(np.frombuffer(utterance.pcm, "<i2").astype(np.float64))
        self.asked.append((round(pitch), utterance.seconds, utterance.language, utterance.candidates))
        if self.away:
            raise Unheard("absent")
        if self.hangs:
            await asyncio.Event().wait()
        if self.slow:
            await asyncio.sleep(60)
        if self.understands_nothing:
            return Recognised("", 0.1, Certainty.NONE)
        choice = "quiet" if pitch < 160 else "music"
        return Recognised(choice, 0.1 if self.doubts else 0.9, Certainty.NEAR if self.doubts else Certainty.SURE)

    async def close(self):
        self.closed = True


def pitch_of(sound):
    spectrum = np.abs(np.fft.rfft(sound, 1 << 17)) ** 2
    alike = np.fft.irfft(spectrum)
    lags = slice(RATE // 300, RATE // 80)
    return RATE / (RATE // 300 + int(np.argmax(alike[lags])))


def spoken(pitch):
    """What a line gives while somebody says a word, with half a second before and behind."""
    sound = row(hush(0.5), word(-18, pitch), hush(0.7))
    return sound + noise(len(sound) / RATE, -60)


class SpeakingLeg(Leg):
    """A line with a microphone."""

    async def _speak(self):
        self.microphone = deque()
        loop, frames = asyncio.get_running_loop(), 0
        while True:
            self._say(SOUND, self.microphone.popleft() if self.microphone else bytes(WHOLE))
            frames += 1
            due = self._began + frames * TICK
            await asyncio.sleep(due - loop.time())
            self.heard.asleep = max(self.heard.asleep, loop.time() - due)

    def say(self, sound):
        whole = linear(sound).astype("<i2").tobytes()
        self.microphone += [whole[at : at + WHOLE] for at in range(0, len(whole) - WHOLE, WHOLE)]


class JsonLeg:
    """A caller's stream as a platform opens it. `heard` is all sound that came, whatever was taken back."""

    def __init__(self, socket, call, stream):
        self.socket, self.call, self.stream = socket, call, stream
        self.microphone, self.heard, self.clears, self._number = deque(), bytearray(), 0, 0
        self.asleep = 0.0  # seconds by which we were late at the most: then this machine had no time for us
        self._tasks = [asyncio.create_task(one) for one in (self._speak(), self._listen())]

    async def send(self, event, **more):
        self._number += 1
        await self.socket.send_str(
            json.dumps(
                {"event": event, "sequenceNumber": str(self._number), "streamSid": self.stream, **more},
                separators=(",", ":"),
            )
        )

    async def start(self):
        told = {"streamSid": self.stream, "callSid": self.call, "customParameters": {}}
        await self.send("start", start=told)

    def say(self, sound):
        ulaw = coded(sound)
        self.microphone += [ulaw[at : at + 160] for at in range(0, len(ulaw) - 159, 160)]

    async def _speak(self):
        loop = asyncio.get_running_loop()
        began = loop.time()
        await self.start()
        frames = 0
        while True:
            piece = self.microphone.popleft() if self.microphone else b"\xff" * 160
            await self.send("media", media={"track": "inbound", "payload": base64.b64encode(piece).decode()})
            frames += 1
            due = began + frames * TICK
            await asyncio.sleep(due - loop.time())
            self.asleep = max(self.asleep, loop.time() - due)

    async def _listen(self):
        async for message in self.socket:
            came = json.loads(message.data)
            if came["event"] == "media":
                self.heard += base64.b64decode(came["media"]["payload"])
            elif came["event"] == "mark":
                await self.send("mark", mark={"name": came["mark"]["name"]})
            elif came["event"] == "clear":
                self.clears += 1

    async def hang_up(self):
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.socket.close()


@pytest.fixture
def house(tmp_path, unused_tcp_port_factory):
    @asynccontextmanager
    async def opened(ears, **changes):
        port = unused_tcp_port_factory()
        options = app.Options(ingest=False, insecure=True, ears=ears)
        given = {"audiosocket": AudioSocketSettings("127.0.0.1", port), **changes}
        async with running(tmp_path, unused_tcp_port_factory(), options=options, **given) as service:
            service.lines = port
            yield service

    return opened


async def json_leg(service, call="CA" + "3" * 32):
    ref = CallRef("twilio", CallId(call))
    now = service.house.clock.now()
    await service.house.intake.take(ref, QueueName("support"), (CallHeld(at=now, id=EventId("held"), began=now),))
    token = service.house.streams.tokens.issue(ref, QueueName("support"))
    socket = await service.client.ws_connect(f"{service.base}/media/twilio/{token}")
    return JsonLeg(socket, call, "MZ" + "4" * 32)


async def plain_leg(service, call=CALL):
    wanted = {"queue": "support", "caller": CALLER, "uuid": str(call)}
    async with service.client.post(f"{service.base}/api/v1/calls/announce", json=wanted) as response:
        assert response.status == 200, await response.text()
    reader, writer = await asyncio.open_connection("127.0.0.1", service.lines)
    return SpeakingLeg(reader, writer, call)


LEGS = {"json": json_leg, "plain": plain_leg}


async def hearing(service):
    await service.house.streams.settle()
    await service.house.intake.settle()
    return [(session.choice, session.now) for session in await service.house.store.live()]


async def chosen(service, choice):
    for _ in range(400):
        found = await hearing(service)
        if [one for one, _ in found] == [choice]:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{choice} was not chosen, but {found}")


async def metrics(service):
    text = await (await service.get("/metrics")).text()
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))


def underruns(figures):
    return sum(float(value) for name, value in figures.items() if "underruns_total{" in name)


def asleep(leg):
    return leg.asleep if isinstance(leg, JsonLeg) else leg.heard.asleep


@pytest.mark.parametrize("kind", LEGS)
async def test_a_caller_chooses_by_voice_alone(house, kind):
    ears = PitchEars()
    async with house(ears) as service:
        leg = await LEGS[kind](service)
        await chosen(service, "music")

        leg.say(spoken(LOW))
        await chosen(service, "quiet")
        leg.say(spoken(HIGH))
        await chosen(service, "music")
        figures = await metrics(service)
        await leg.hang_up()
        await until(lambda: not len(service.house.streams))
        await service.house.intake.settle()
        wait = (await service.json("/api/v1/waits"))["waits"][0]

    assert [pitch < 160 for pitch, *_ in ears.asked] == [True, False]
    assert all(0.5 < seconds < 1.6 and language == "en" for _, seconds, language, _ in ears.asked)
    assert {one.choice for one in ears.asked[0][3]} >= {"music", "quiet", "next", "louder"}
    assert figures['holdsvc_utterances_total{result="sure"}'] == "2.0"
    assert [(one["what"], one["via"]) for one in wait["choices"]][-2:] == [("quiet", "voice"), ("music", "voice")]
    assert underruns(figures) == 0 or asleep(leg) > STALL
    assert ears.closed


async def test_content_gives_way_while_a_caller_speaks_and_goes_on_where_nothing_was_understood(house):
    ears = PitchEars()
    ears.understands_nothing = True
    async with house(ears) as service:
        leg = await plain_leg(service)
        await chosen(service, "music")
        playing = (await hearing(service))[0][1]
        await leg.hear(4.0)
        leg.say(row(hush(0.1), word(-18, LOW), word(-18, LOW), hush(1.5)))
        await until(lambda: ears.asked)
        await leg.hear(leg.heard.seconds + 1.5)
        after = await hearing(service)
        figures = await metrics(service)
        await leg.hang_up()

    heard = np.frombuffer(bytes(leg.heard.sound), "<i2") / 32768
    sound = samples(service.house.sounds.content(playing))[: len(heard)]
    heard = heard[: len(sound)]
    second = RATE // 5
    factors = [gain(heard[at : at + second], sound[at : at + second]) for at in range(0, len(heard) - second, second)]
    assert min(factors) == pytest.approx(10 ** (LOWER / 20), rel=0.15)
    assert factors[2] == pytest.approx(1, abs=0.02)
    assert factors[-2] == pytest.approx(1, abs=0.02)
    assert after == [("music", playing)]
    assert figures['holdsvc_utterances_total{result="none"}'] == "1.0"
    assert not [name for name in figures if 'via="voice"' in name]


def gain(heard, sound):
    """By how much it is softer than it was made."""
    return float(heard @ sound / (sound @ sound + 1e-9))


@pytest.mark.parametrize("kind", LEGS)
async def test_a_near_word_is_asked_about_once_and_done_at_a_yes(house, kind):
    ears = PitchEars()
    ears.doubts = True
    async with house(ears) as service:
        leg = await LEGS[kind](service)
        await chosen(service, "music")

        leg.say(spoken(LOW))
        call = await asked_about(service, "quiet")
        before = await hearing(service)
        ears.doubts = False
        leg.say(spoken(LOW))  # the same again is a yes
        await chosen(service, "quiet")
        after = await service.json(f"/api/v1/calls/{call}")
        figures = await metrics(service)
        await leg.hang_up()

    assert [choice for choice, _ in before] == ["music"], "nothing is done before it is answered"
    assert after["asked"] == ""
    assert [one["what"] for one in after["choices"] if one["via"] == "voice"] == ["quiet"]
    assert {one.choice for one in ears.asked[1][3]} >= {"yes", "no"}
    assert "yes" not in {one.choice for one in ears.asked[0][3]}
    assert figures['holdsvc_utterances_total{result="near"}'] == "1.0"
    assert underruns(figures) == 0 or asleep(leg) > STALL


async def asked_about(service, choice):
    (call,) = [one["call"] for one in (await service.json("/api/v1/calls"))["calls"]]
    async with asyncio.timeout(5):
        while (await service.json(f"/api/v1/calls/{call}"))["asked"] != choice:
            await asyncio.sleep(0.01)
    return call


async def test_nobody_is_listened_to_without_a_recogniser(house):
    async with house(None) as service:
        leg = await plain_leg(service)
        await chosen(service, "music")
        leg.say(spoken(LOW))
        await leg.hear(leg.heard.seconds + 2)
        leg.press("5")
        await chosen(service, "quiet")
        figures = await metrics(service)
        await leg.hang_up()

    assert not [name for name in figures if "utterances_total{" in name]
    assert not service.house.streams.listens(QueueName("support"))


@pytest.mark.parametrize("kind", LEGS)
@pytest.mark.parametrize("how", ["away", "hangs", "slow"])
async def test_a_recogniser_that_is_gone_or_hangs_costs_nobody_sound_or_keys(house, caplog, monkeypatch, how, kind):
    monkeypatch.setattr("holdsvc.engine.ears.PATIENCE", 0.3)
    caplog.set_level(logging.INFO)
    ears = PitchEars()
    ears.away, ears.hangs, ears.slow = how == "away", how == "hangs", how == "slow"
    async with house(ears) as service:
        leg = await LEGS[kind](service)
        await chosen(service, "music")
        for _ in range(2):
            leg.say(spoken(LOW))
            asked = len(ears.asked)
            await until(lambda asked=asked: len(ears.asked) > asked)
        await asyncio.wait_for(service.house.streams.hearing.settle(), 5)
        figures = await metrics(service)
        ready = (await service.get("/readyz")).status
        if kind == "json":
            await leg.send("dtmf", dtmf={"digit": "5"})
        else:
            leg.press("5")
        await chosen(service, "quiet")
        after = await metrics(service)
        await leg.hang_up()

    result = "absent" if how == "away" else "late"
    assert figures[f'holdsvc_utterances_total{{result="{result}"}}'] == "2.0"
    assert figures['holdsvc_degraded{part="speech"}'] == "1.0"
    assert ready == 200
    assert len([one for one in caplog.records if one.message == "speech_away"]) == (how != "away")
    assert underruns(after) == 0 or asleep(leg) > STALL


async def test_a_recogniser_that_is_back_is_not_missing_any_more(house):
    ears = PitchEars()
    ears.away = True
    async with house(ears) as service:
        leg = await plain_leg(service)
        await chosen(service, "music")
        leg.say(spoken(LOW))
        await until(lambda: ears.asked)
        await service.house.streams.hearing.settle()
        missing = (await metrics(service))['holdsvc_degraded{part="speech"}']
        ears.away = False
        leg.say(spoken(LOW))
        await chosen(service, "quiet")
        found = (await metrics(service))['holdsvc_degraded{part="speech"}']
        await leg.hang_up()

    assert (missing, found) == ("1.0", "0.0")


async def test_what_a_caller_said_is_nowhere_afterwards(house, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "temporary").mkdir()
    caplog.set_level(logging.DEBUG)
    sound = spoken(LOW)
    marks = marked(sound)
    async with house(PitchEars()) as service:
        leg = await json_leg(service)
        await chosen(service, "music")
        leg.say(sound)
        await chosen(service, "quiet")
        seen = (await (await service.get("/metrics")).text()) + json.dumps(await service.json("/api/v1/calls"))
        await leg.hang_up()
        await until(lambda: not len(service.house.streams))
        await service.house.intake.settle()
    files = {path: path.read_bytes() for path in Path(tmp_path).rglob("*") if path.is_file()}
    told = (seen + " ".join(f"{one.getMessage()} {vars(one)}" for one in caplog.records)).encode()

    assert any(path.suffix == ".sqlite3" for path in files)
    assert not [path for path, content in files.items() if any(mark in content for mark in marks)]
    assert not any(mark in told for mark in marks)
    assert any(mark in coded(sound) for mark in marks), "the marks are to be found where the sound is"


def marked(sound):
    """Stretches of what was said, as it may lie somewhere: mu-law, linear, base64 at each of its three places, hexadecimal."""
    ulaw, whole = coded(sound), linear(sound).astype("<i2").tobytes()
    middle = len(ulaw) // 2
    plain = [ulaw[at : at + 24] for at in range(middle - 2000, middle + 2000, 200)]
    plain += [whole[2 * at : 2 * at + 24] for at in range(middle - 2000, middle + 2000, 200)]
    letters = [base64.b64encode(one[shift:])[2:24] for one in plain for shift in range(3)]
    return [*plain, *letters, *(one.hex().encode() for one in plain)]
