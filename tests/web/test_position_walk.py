"""Who waits hears of moving up, and of nothing worse: one walk in documents and one on a stream, through the whole service."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import numpy as np

from holdsvc import app
from holdsvc.audio.g711 import decode
from holdsvc.config import AudioSocketSettings
from holdsvc.simulator.audiosocket import dial
from tests.service import CALLER, Service, a_call, running
from tests.web.test_notices import likeness
from tests.web.test_quiz import HandClock

QUICKLY = 0.25  # seconds; what the service does every few seconds, it does here so often
HEARD = 2.5  # seconds in which such a word is surely said
ALIKE, UNLIKE = 0.7, 0.4


class AheadClock:
    """As the machine's, but the time of day can be put forward: for calls hours pass, for sound none."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def pass_by(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)


async def waits_of(service: Service) -> dict[str, int | None]:
    return {one["call"]: one["position_told"] for one in (await service.json("/api/v1/waits"))["waits"]}


# --- in documents --------------------------------------------------------------------------------------------------------


async def test_in_documents_the_next_one_tells_the_place_when_it_has_improved(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    clock = HandClock()
    async with running(tmp_path, unused_tcp_port, clock=clock) as service:
        call = a_call()
        await service.document("call", call)
        document, waited = None, 0
        told = {service.house.sounds.prompt_hash("en", f"position_{place}"): str(place) for place in range(1, 8)}

        async def moves_to(place: int, seconds: int = 75) -> list[str]:
            nonlocal document, waited
            clock.at, waited = clock.at + timedelta(seconds=seconds), waited + seconds
            where = {"QueueTime": str(waited), "QueuePosition": str(place), "CurrentQueueSize": "9"}
            document = await service.document("wait", {**call, **where})
            played = [one.text or "" for one in document.iter("Play")]
            return [place for address in played for name, place in told.items() if name in address]

        async def presses(key: str) -> None:
            clock.at += timedelta(seconds=5)
            action = document.find("Gather").get("action")
            assert (await service.post(action, {**call, "Digits": key})).status == 200

        heard = [await moves_to(6, 0), await moves_to(6), await moves_to(4), await moves_to(7), await moves_to(4)]
        assert heard == [[], ["6"], ["4"], [], []], (
            "first after a while, then when it is better, never when it is worse"
        )
        await presses("#")
        assert await moves_to(3) == ["3"], "only when I move"
        await presses("#")
        assert await moves_to(1) == [], "nothing at all"
        await service.hook("status", {**call, "CallStatus": "completed"})

        assert await waits_of(service) == {call["CallSid"]: 3}


# --- on a stream -----------------------------------------------------------------------------------------------------------


class Ear:
    """A caller's telephone, and what was said in it of late."""

    def __init__(self, service: Service, leg) -> None:
        self.leg, self._service = leg, service

    async def hears(self, prompt: str, seconds: float = HEARD) -> bool:
        """Whether the prompt is said from now on."""
        begin = len(self.leg.heard.sound)
        await self.leg.hear(self.leg.heard.seconds + seconds)
        came = np.frombuffer(bytes(self.leg.heard.sound[begin:]), "<i2").astype(np.float32)
        wanted = decode(bytes(self._service.house.sounds.prompt("en", prompt))).astype(np.float32)
        alike = likeness(came, wanted[1600:6400])
        assert not UNLIKE < alike < ALIKE, alike
        return alike >= ALIKE


@asynccontextmanager
async def a_floor(folder: Path, ports, clock: AheadClock):
    port = ports()
    options = app.Options(ingest=False, sleep=lambda seconds: asyncio.sleep(min(seconds, QUICKLY)))
    line = AudioSocketSettings("127.0.0.1", port)
    async with running(folder, ports(), clock=clock, options=options, audiosocket=line) as service:

        async def calls(number: int) -> Ear:
            call = UUID(int=0x40008000000000000000 + number)
            wanted = {"queue": "support", "caller": f"{CALLER[:-1]}{number}", "uuid": str(call)}
            async with service.client.post(f"{service.base}/api/v1/calls/announce", json=wanted) as response:
                assert response.status == 200, await response.text()
            leg = await dial("127.0.0.1", port, call)
            await leg.hear(0.3)
            return Ear(service, leg)

        yield service, calls


async def test_on_a_stream_callers_hear_it_over_the_music_when_somebody_before_them_has_gone(
    tmp_path: Path, unused_tcp_port_factory
) -> None:
    clock = AheadClock()
    async with a_floor(tmp_path, unused_tcp_port_factory, clock) as (service, calls):
        first, second, hushed = [await calls(number) for number in (1, 2, 3)]
        second.leg.press("#")
        hushed.leg.press("#")
        hushed.leg.press("#")
        await hushed.leg.hear(hushed.leg.heard.seconds + 0.5)
        assert not await second.hears("position_2", 1.0), "hardly here"

        clock.pass_by(60)
        assert await asyncio.gather(
            first.hears("position_1"), second.hears("position_2"), hushed.hears("position_3")
        ) == [
            True,
            True,
            False,
        ]
        await first.leg.hang_up()
        clock.pass_by(60)
        assert await asyncio.gather(second.hears("position_1"), hushed.hears("position_2")) == [True, False]
        assert await asyncio.gather(second.hears("position_1"), hushed.hears("position_1")) == [False, False]
        for ear in (second, hushed):
            await ear.leg.hang_up()
            assert ear.leg.heard.findings == []
        await service.house.intake.settle()

        assert sorted((await waits_of(service)).values(), key=str) == [1, 1, None]
