"""`python -m tests.benchmarks.voice.latency [--streams 200] [--a-second 4] [--seconds 60]`: from the end of speech to new sound.

`holdsvc serve` with the real recogniser, and so many streams in the load client of `tests/benchmarks/streams`, which counts what it
lacks. A few callers beside them say "next" in turn. Told is the time from the last loud moment of the word to the first sound that
came because of it, at the caller's end of the socket: the third of a second in which it is not clear yet that the word is over is
part of it.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import aiohttp
import numpy as np

from holdsvc.audio import g711
from tests.benchmarks.load import connect, usage
from tests.benchmarks.streams import ours, shelf
from tests.benchmarks.streams.client import Call, Client, Heard, compiled
from tests.faults.service import HOST, Service
from tests.speech.recognise.test_every_recogniser import SAID

WORD = "next"
LOUD = 0.05  # of the loudest moment: what is softer is no voice any more
FRAME, TICK = 160, 0.02
HUSH = base64.b64encode(b"\xff" * FRAME).decode()
SPEAKERS = 16
WITHIN = (
    2.6  # seconds in which new sound must have come; the same caller's next word takes sound back again later than that
)
UNDUCKED = 2  # clears behind a word that was done: the music comes back, then it is another
LOADED = 240.0  # seconds that the recogniser may take to load on a machine under load
API = "a token of the benchmark, in place of a loopback that a public address is not"
GOAL = 0.7  # seconds, p95


class Result(NamedTuple):
    seconds: list[float]  # a word each that was done
    nothing: int
    crowd: Heard
    own_lateness: float  # seconds by which a speaker was late with a frame, at the most
    cpu: float  # of the service without its recogniser, as a share of a core
    utterances: dict[str, int]  # by what became of them, as the service tells it


class Speaker:
    """A caller on the platform's wire, who notes when sound was taken back and when new sound came."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, call: str) -> None:
        self._socket, self._call, self._number = socket, call, 0
        self.microphone: deque[str] = deque()
        self.clears: list[float] = []
        self.sounds: list[float] = []  # first sound behind each clear
        self.late = 0.0
        self._tasks = [asyncio.create_task(one) for one in (self._speak(), self._listen())]

    async def say(self, ulaw: bytes, ends: float) -> float | None:
        """Seconds from the end of the voice to new sound; None if none came."""
        frames = [ulaw[at : at + FRAME] for at in range(0, len(ulaw) - FRAME + 1, FRAME)]
        loop = asyncio.get_running_loop()
        began = loop.time()
        self.microphone.extend(base64.b64encode(frame).decode() for frame in frames)
        over = began + ends
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ends + WITHIN):
                while len(found := [one for one in self.sounds if one > over]) < UNDUCKED:
                    await asyncio.sleep(TICK / 2)
                return found[UNDUCKED - 1] - over
        return None

    async def leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._socket.close()

    async def _send(self, event: str, **more: object) -> None:
        self._number += 1
        told = {"event": event, "sequenceNumber": str(self._number), "streamSid": f"MZ{self._call[2:]}", **more}
        await self._socket.send_str(json.dumps(told, separators=(",", ":")))

    async def _speak(self) -> None:
        loop = asyncio.get_running_loop()
        began, frames = loop.time(), 0
        await self._send("start", start={"streamSid": f"MZ{self._call[2:]}", "callSid": self._call})
        while True:
            payload = self.microphone.popleft() if self.microphone else HUSH
            await self._send("media", media={"track": "inbound", "payload": payload})
            frames += 1
            due = began + frames * TICK
            await asyncio.sleep(due - loop.time())
            self.late = max(self.late, loop.time() - due)

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        async for message in self._socket:
            came = json.loads(message.data)
            if came["event"] == "clear":
                self.clears.append(loop.time())
            elif came["event"] == "media" and len(self.sounds) < len(self.clears):
                self.sounds += [loop.time()] * (len(self.clears) - len(self.sounds))
            elif came["event"] == "mark":
                await self._send("mark", mark={"name": came["mark"]["name"]})


def spoken_word() -> tuple[bytes, float]:
    """The recording, and the second of it at which the voice is over."""
    ulaw = (SAID / f"{WORD}.ulaw").read_bytes()
    sound = np.abs(g711.samples(ulaw))
    return ulaw, float(np.flatnonzero(sound > LOUD * sound.max())[-1]) / 8000


async def measured(
    streams: int, a_second: float, seconds: float, *, folder: Path, show: Callable[[str], None]
) -> Result:
    media = shelf.fill(folder / "media", seconds=60.0)
    service = ours.service(folder / "data", media, SPEECH__RECOGNISER="forced", API__TOKEN=API)
    service.start()
    client = Client(compiled(folder, "client.c"), service.port, seed=1, keys_every=0.0)
    try:
        await asyncio.to_thread(service.wait_until_ready)
        async with aiohttp.ClientSession() as session:
            await loaded(session, service)
            await client.start()
            show(f"placing {streams} calls")
            await ours.place(service.port, streams, 50.0, client.place)
            await client.until(lambda told: told.sounding == streams, 30.0)
            speakers = [await dialled(session, service, streams + 1 + number) for number in range(SPEAKERS)]
            await asyncio.sleep(3.0)
            show(f"measuring {seconds:.0f} s")
            before = usage(service.pid)
            client.begin()
            came = await in_turn(speakers, a_second, seconds)
            crowd, spent = await client.end(), usage(service.pid).since(before)
            late, told = max(one.late for one in speakers), await utterances(session, service)
            for one in speakers:
                await one.leave()
        done = [one for one in came if one is not None]
        return Result(done, len(came) - len(done), crowd, late, spent.cpu / spent.wall, told)
    finally:
        await client.stop()
        service.stop()


async def in_turn(speakers: Sequence[Speaker], a_second: float, seconds: float) -> list[float | None]:
    """The next one says it whenever it is time, whatever became of the one before."""
    ulaw, ends = spoken_word()
    loop = asyncio.get_running_loop()
    began, saying = loop.time(), []
    for number in range(round(a_second * seconds)):
        await asyncio.sleep(began + number / a_second - loop.time())
        saying.append(asyncio.create_task(speakers[number % len(speakers)].say(ulaw, ends)))
    return list(await asyncio.gather(*saying))


async def dialled(session: aiohttp.ClientSession, service: Service, number: int) -> Speaker:
    (line,) = await connect(HOST, service.port, 1)
    call = await ours.placed(line, number)
    line.close()
    assert isinstance(call, Call)
    headers = {"Host": call.host, "X-Twilio-Signature": call.signature}
    return Speaker(await session.ws_connect(f"{service.base}{call.path}", headers=headers), call.call)


async def metrics(session: aiohttp.ClientSession, service: Service) -> list[str]:
    async with session.get(f"{service.base}/metrics", headers={"Authorization": f"Bearer {API}"}) as answer:
        return (await answer.text()).splitlines()


async def utterances(session: aiohttp.ClientSession, service: Service) -> dict[str, int]:
    found = [
        line.rsplit(" ", 1) for line in await metrics(session, service) if line.startswith("holdsvc_utterances_total{")
    ]
    return {name.rsplit('result="', 1)[1][:-2]: round(float(count)) for name, count in found}


async def loaded(session: aiohttp.ClientSession, service: Service) -> None:
    async with asyncio.timeout(LOADED):
        while True:
            if 'holdsvc_degraded{part="speech"} 0.0' in await metrics(session, service):
                return
            await asyncio.sleep(0.1)


def table(found: Result, streams: int, a_second: float) -> str:
    head = "| streams | words a second | words | done | p50 s | p95 s | p99 s | gaps of the crowd | service CPU | client late |"
    cells = (
        streams,
        f"{a_second:g}",
        len(found.seconds) + found.nothing,
        len(found.seconds),
        *(f"{np.quantile(found.seconds or [np.nan], share):.2f}" for share in (0.5, 0.95, 0.99)),
        found.crowd.underruns,
        f"{found.cpu:.0%}",
        f"{found.own_lateness * 1000:.0f} ms",
    )
    return "\n".join([head, "|---" * 10 + "|", f"| {' | '.join(map(str, cells))} |"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--a-second", type=float, default=4.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        found = asyncio.run(
            measured(
                given.streams,
                given.a_second,
                given.seconds,
                folder=Path(name),
                show=lambda text: print(text, file=sys.stderr, flush=True),
            )
        )
    print(table(found, given.streams, given.a_second))
    print(f"utterances: {found.utterances}")
    if found.crowd.starved:
        print("The load client was kept from its core: what it lacked does not count.")
    return 0 if found.seconds and np.quantile(found.seconds, 0.95) <= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
