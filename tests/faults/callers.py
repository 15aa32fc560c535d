"""Callers on live streams of real processes: what reached each caller's ear, and when."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
from msgspec import Struct, field

from holdsvc.simulator.carrier import Carrier
from holdsvc.simulator.clock import RealClock
from holdsvc.simulator.hooks import Chaos, Target, client_session
from holdsvc.simulator.leg import Gone, Leg
from holdsvc.simulator.sound import Sound
from tests.faults.service import TOKEN

PUBLIC = "https://hold.example.com"
API = "a token of the tests for the API"
STREAMING = {"SERVICE__PUBLIC_URL": PUBLIC, "API__TOKEN": API}
PIECE = 160  # bytes of mu-law in 20 ms


class Ear(Struct, eq=False):
    """`sounds`: what came of a stream, with the moment at which it came; `played`: captions of what documents let play."""

    sounds: list[tuple[float, bytes]] = field(default_factory=list)
    played: list[str] = field(default_factory=list)
    began: list[float] = field(default_factory=list)  # when each of these began
    states: list[str] = field(default_factory=list)

    def play(self, sound: Sound) -> None:
        self.played.append(sound.caption)
        self.began.append(time.monotonic())

    def say(self, text: str) -> None:
        self.played.append(text)
        self.began.append(time.monotonic())

    def stop(self) -> None: ...

    def frames(self, payload: bytes) -> None:
        self.sounds.append((time.monotonic(), payload))

    def clear(self) -> None: ...

    def became(self, state: str) -> None:
        self.states.append(state)

    def silence_after(self, moment: float) -> float | None:
        """Seconds until there was sound again, be it a document's or a stream's; None: there was none."""
        began = [at for at in (*self.began, *(at for at, _ in self.sounds)) if at > moment]
        return min(began) - moment if began else None

    def heard_since(self, moment: float) -> bytes:
        return b"".join(payload for at, payload in self.sounds if at >= moment)


class Caller(Struct, eq=False):
    leg: Leg
    ear: Ear

    @property
    def on_stream(self) -> bool:
        return self.leg.stream is not None

    def hang_up(self) -> None:
        self.leg.signal(Gone())


class Callers:
    """`base` is where the service, or the balancer before several, listens."""

    def __init__(self, base: str, client: aiohttp.ClientSession, tries: int) -> None:
        target = Target(base, TOKEN, PUBLIC, API)
        self.carrier = Carrier(target, client, RealClock(), rng=random.Random(1), chaos=Chaos(tries=tries))
        self.client, self.base = client, base
        self._number = 0

    def call(self, queue: str = "support", mode: str = "stream") -> Caller:
        ear = Ear()
        self._number += 1
        number = f"+1500555{self._number:04d}"
        return Caller(self.carrier.place(number, queue=queue, mode=mode, ear=ear), ear)

    async def release(self, caller: Caller) -> bool:
        return await self.carrier.ask_release(caller.leg)

    @property
    def findings(self) -> set[str]:
        return {str(one) for one in self.carrier.findings.all()}


@asynccontextmanager
async def callers(base: str, tries: int = 2) -> AsyncIterator[Callers]:
    async with client_session() as client:
        there = Callers(base, client, tries)
        try:
            yield there
        finally:
            await there.carrier.drop()


async def until(true: Callable[[], object], seconds: float = 10.0) -> float:
    """How many seconds it took."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds, f"not within {seconds} s"
        await RealClock().sleep(0.01)
    return time.monotonic() - began
