"""`python -m tests.benchmarks.voice.echo [--minutes 30] [--lines 15]`: how often our own sound, coming back, chooses anything.

Callers on AudioSocket whose telephones give back what they play, so much softer and a little later. They press keys, so that they
hear music of every kind, stories and all that we say; they say nothing themselves. Every choice by voice is a mistake. At the end
one of them does say a word over the echo: who cannot hear would make no mistakes either. 30 minutes on 15 lines take about 2, and
the first run in a data folder some 2 more.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import numpy as np

from holdsvc.audio import g711
from holdsvc.engine import ears
from holdsvc.simulator.audiosocket import TICK, WHOLE, Leg
from holdsvc.speech.workers import Limits
from tests.benchmarks.voice import house as houses
from tests.benchmarks.voice.house import House
from tests.benchmarks.voice.progress import Progress, stage
from tests.speech.recognise.test_every_recogniser import SAID

DELAY = 6  # frames by which the echo comes later: 120 ms
WANDERS = 3  # frames by which it may come later still: a telephone does not put off for ever what the network held up
SOFTER = -12.0  # decibels
KEYS = "0129837"  # all that makes us speak or play something else; no quiet
EVERY = (6.0, 14.0)  # seconds between two keys of a caller, least and most
SETTLED = 3.0  # seconds behind the last key
AGAIN = 6.0  # seconds after which a caller who saw nothing happen says it again
WORD, MEANS = "next", "next"
GLANCE = 5.0  # seconds between two looks at how far it is
TEMPORARY = Path(tempfile.gettempdir())


class Result(NamedTuple):
    minutes: float  # of sound that came back
    by_voice: int
    utterances: dict[str, int]  # by what became of them
    asleep: float  # seconds by which a caller of ours was late at the most: then the echo was none
    suppressed: float  # seconds of echo that would have counted as speech
    understood: bool  # the word that one of them said


class RoomLeg(Leg):
    """A telephone on a table: its microphone hears its loudspeaker."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, call: object, decibels: float
    ) -> None:
        self._room = deque([np.zeros(WHOLE // 2, np.float32)] * DELAY)
        self._factor = 10 ** (decibels / 20)
        super().__init__(reader, writer, call)  # type: ignore[arg-type]

    def _play(self, kind: int, payload: bytes) -> None:
        super()._play(kind, payload)
        self._room.append(np.frombuffer(payload, "<i2").astype(np.float32) * self._factor)
        while len(self._room) > DELAY + WANDERS:
            self._room.popleft()

    async def _speak(self) -> None:
        loop, frames = asyncio.get_running_loop(), 0
        while True:
            sound = self._room.popleft() if len(self._room) > 1 else self._room[0] * 0
            if self.microphone:
                sound = sound + np.frombuffer(self.microphone.popleft(), "<i2")
            self._say(0x10, np.clip(sound, -32768, 32767).astype("<i2").tobytes())
            frames += 1
            due = self._began + frames * TICK
            await asyncio.sleep(due - loop.time())
            self.heard.asleep = max(self.heard.asleep, loop.time() - due)


async def measured(house: House, lines: int, seconds: float, decibels: float = SOFTER) -> Result:
    async with AsyncExitStack() as stack:
        before = by_voice(await houses.figures(house))  # the log of earlier runs counts too
        legs = [await dialled(house, decibels) for _ in range(lines)]
        for leg in legs:
            stack.push_async_callback(leg.hang_up)
        await fiddled(house, legs, seconds, before)
        await house.service.house.streams.settle()
        told = await houses.figures(house)
        chosen, utterances = (by_voice(told) - before).total(), houses.results(told)
        came, asleep = sum(leg.heard.seconds for leg in legs) / 60, max(leg.heard.asleep for leg in legs)
        stage(f"{WORD!r} is said over the echo")
        understood = await heard_over_it(house, legs[0])
    suppressed = sum(value for name, value in told.items() if name.startswith("holdsvc_echo_suppressed_seconds_total"))
    return Result(came, chosen, utterances, asleep, suppressed, understood)


async def fiddled(house: House, legs: Sequence[RoomLeg], seconds: float, before: Counter[str]) -> None:
    """All of them, and how far they are."""
    rng, progress, minutes = random.Random(1), Progress(), len(legs) * seconds / 60
    stage(f"{minutes:.1f} minutes of echo on {len(legs)} lines")
    all_over = asyncio.gather(*(fiddle(leg, seconds, random.Random(rng.random())) for leg in legs))
    while not all_over.done():
        await asyncio.wait([all_over], timeout=GLANCE)
        came, chosen = sum(leg.heard.seconds for leg in legs) / 60, by_voice(await houses.figures(house)) - before
        share = 1.0 if all_over.done() else came / minutes
        progress.at(share, f"minute {came:.1f} of {minutes:.1f}: chosen by voice {dict(chosen) or 'nothing'}")
    await all_over


async def fiddle(leg: RoomLeg, seconds: float, rng: random.Random) -> None:
    while leg.heard.seconds < seconds - SETTLED and not leg.over.done():  # sound comes ahead of the clock
        leg.press(rng.choice(KEYS))
        await leg.hear(min(leg.heard.seconds + rng.uniform(*EVERY), seconds - SETTLED))
    await leg.hear(seconds)


async def heard_over_it(house: House, leg: RoomLeg) -> bool:
    """Music, its echo, and a word."""
    before = by_voice(await houses.figures(house))
    leg.press("1")
    await leg.hear(leg.heard.seconds + SETTLED)
    for _ in range(3):
        leg.say(g711.decode((SAID / f"{WORD}.ulaw").read_bytes()).astype("<i2").tobytes())
        until = leg.heard.seconds + AGAIN
        while leg.heard.seconds < until and not leg.over.done():
            await leg.hear(leg.heard.seconds + 0.5)
            if by_voice(await houses.figures(house)) - before:
                return True
    return False


async def dialled(house: House, decibels: float) -> RoomLeg:
    call = uuid4()
    wanted = {"queue": houses.QUEUE, "caller": houses.number(random.Random(call.int)), "uuid": str(call)}
    async with house.service.client.post(f"{house.service.base}/api/v1/calls/announce", json=wanted) as answer:
        assert answer.status == 200, await answer.text()
    reader, writer = await asyncio.open_connection(houses.HERE, house.port)
    return RoomLeg(reader, writer, call, decibels)


def by_voice(told: dict[str, float]) -> Counter[str]:
    """How often each was chosen so."""
    chosen: Counter[str] = Counter()
    for name, value in told.items():
        if name.startswith("holdsvc_choices_total{") and 'via="voice"' in name:
            chosen[name.partition('choice="')[2].partition('"')[0]] += round(value)
    return chosen


async def command(given: argparse.Namespace) -> Result:
    houses.prepare(given.data)
    limits = Limits(deadline=given.patience) if given.patience else None
    async with houses.open_house(given.data, (given.ports[0], given.ports[1]), limits=limits) as house:
        houses.started(house)
        return await measured(house, given.lines, 60 * given.minutes / given.lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0, help="of sound that comes back, on all lines together")
    parser.add_argument("--lines", type=int, default=15)
    parser.add_argument("--data", type=Path, default=TEMPORARY / "holdsvc-voice", help="where prepared sound is kept")
    parser.add_argument(
        "--patience", type=float, default=0.0, help="seconds that an answer may take; 0 = as in service"
    )
    parser.add_argument("--ports", type=int, nargs=2, default=(18381, 18382), help="of HTTP and of AudioSocket")
    given = parser.parse_args()
    if given.patience:  # on a machine under load: what is done is looked at then, not how soon
        ears.PATIENCE = given.patience
    found = asyncio.run(command(given))
    print(f"{found.minutes:.1f} minutes of echo at {SOFTER:.0f} dB: {found.by_voice} choices by voice")
    print(f"utterances {found.utterances}; {found.suppressed:.0f} s of echo that would have counted as speech")
    print(f"the callers were {found.asleep * 1000:.0f} ms late at the most")
    print(f"a word said over it was {'understood' if found.understood else 'not understood'}")
    return 0 if not found.by_voice and found.understood else 1


if __name__ == "__main__":
    sys.exit(main())
