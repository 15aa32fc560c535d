from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl

from aiohttp import web

from holdsvc.simulator.carrier import Carrier
from holdsvc.simulator.clock import SimClock, VirtualClock
from holdsvc.simulator.hooks import CALM, Chaos, Target, client_session
from tests.simulator.house import wav

TOKEN = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"


@asynccontextmanager
async def opened(house) -> AsyncIterator[Target]:
    """A fake service on a free port of the loopback."""
    runner = web.AppRunner(house.app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(house.base.rpartition(":")[2] or 0)).start()
    host, port = runner.addresses[0][:2]
    house.base = f"http://{host}:{port}"
    try:
        yield Target(house.base, TOKEN)
    finally:
        await runner.cleanup()


@asynccontextmanager
async def carrier_for(house, clock: SimClock, *, chaos: Chaos = CALM) -> AsyncIterator[Carrier]:
    """A carrier whose numbers lead to the house; a virtual clock runs as long as this is open."""
    async with opened(house) as target, client_session() as client:
        carrier = Carrier(target, client, clock, rng=random.Random(7), chaos=chaos, keep_sounds=True)
        driver = asyncio.create_task(clock.run()) if isinstance(clock, VirtualClock) else None
        try:
            yield carrier
        finally:
            await carrier.drop()
            if driver is not None:
                driver.cancel()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Script:
    """A service that answers each step with the documents written down for it, the last of them again and again."""

    def __init__(self, clock: SimClock, **answers: str | list[str]) -> None:
        self.clock = clock
        self.answers = {step: [told] if isinstance(told, str) else list(told) for step, told in answers.items()}
        self.heard: list[tuple[float, str, dict[str, str]]] = []
        self.content_type = "text/xml"
        self.status = 200
        self.base = ""
        self.app = web.Application()
        self.app.router.add_route("*", "/hooks/twilio/{step}", self.hook)
        self.app.router.add_get("/audio/{seconds}.wav", self.audio)

    async def hook(self, request: web.Request) -> web.Response:
        step = request.match_info["step"]
        fields = dict(parse_qsl((await request.read()).decode(), keep_blank_values=True))
        self.heard.append((self.clock.monotonic(), step, fields))
        told = self.answers.get(step, [""])
        document = told.pop(0) if len(told) > 1 else told[0]
        body = f"<Response>{document}</Response>".encode()
        return web.Response(body=body, content_type=self.content_type, status=self.status)

    async def audio(self, request: web.Request) -> web.Response:
        headers = {"ETag": '"a"', "Cache-Control": "max-age=60"}
        body = wav(float(request.match_info["seconds"]))
        return web.Response(body=body, content_type="audio/wav", headers=headers)

    def steps(self, *without: str) -> list[str]:
        return [step for _, step, _ in self.heard if step not in without]

    def of(self, step: str) -> list[dict[str, str]]:
        return [fields for _, said, fields in self.heard if said == step]

    def at(self, step: str) -> list[float]:
        return [round(at, 3) for at, said, _ in self.heard if said == step]
