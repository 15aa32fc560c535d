"""A call-back on a live line: told of by an alarm over the music, asked about, promised, and the line ends."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import UUID

from msgspec.structs import replace

from holdsvc import app
from holdsvc.config import AudioSocketSettings, load
from holdsvc.engine.plans import CallbackRules
from holdsvc.simulator.audiosocket import dial
from tests.service import CALLER, running, until
from tests.web.test_position_walk import QUICKLY, AheadClock, Ear


async def test_on_a_stream_it_is_told_of_asked_for_and_promised_and_the_line_ends(
    tmp_path: Path, unused_tcp_port_factory
) -> None:
    clock, port, call = AheadClock(), unused_tcp_port_factory(), UUID(int=0x40008000000000000000 + 9)
    options = app.Options(ingest=False, sleep=lambda seconds: asyncio.sleep(min(seconds, QUICKLY)))
    queues = dict(load(environ={}).queues)
    queues["support"] = replace(queues["support"], tell_position=False, callback=CallbackRules(offer=True))
    line = AudioSocketSettings("127.0.0.1", port)
    async with running(
        tmp_path, unused_tcp_port_factory(), clock=clock, options=options, audiosocket=line, queues=queues
    ) as service:
        wanted = {"queue": "support", "caller": CALLER, "uuid": str(call)}
        async with service.client.post(f"{service.base}/api/v1/calls/announce", json=wanted) as response:
            assert response.status == 200, await response.text()
        ear = Ear(service, await dial("127.0.0.1", port, call))
        assert not await ear.hears("choice_callback_6", 1.0), "hardly here"
        clock.pass_by(30)
        assert not await ear.hears("choice_callback_6", 1.0), "the choices are being told"

        clock.pass_by(30)
        assert await ear.hears("choice_callback_6")
        await ear.leg.hear(ear.leg.heard.seconds + service.house.sounds.prompt_seconds("en", "choice_callback_6"))
        ear.leg.press("6")
        assert await ear.hears("callback_ask")
        ear.leg.press("1")
        assert await ear.hears("callback_promised")
        await until(lambda: not len(service.house.streams), 10.0)
        await service.house.intake.settle()

        (owed,) = (await service.json("/api/v1/callbacks?state=owed"))["callbacks"]
        (wait,) = (await service.json("/api/v1/waits"))["waits"]
        assert (owed["call"], owed["masked"], wait["outcome"]) == (str(call), "+15…23", "callback_taken")
        assert ear.leg.heard.findings == []
