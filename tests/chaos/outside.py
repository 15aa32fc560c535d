"""What a service reaches outside: a CRM that knows everybody, and a podcast's server that hands out another file each time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

from aiohttp import web

from tests.content.kitchen import episode, rss, talk
from tests.faults.service import HOST

EPISODE = 12.0  # seconds
TITLE = "Episode 1"
FILES = 4  # that are handed out in turn, as a server does that puts other advertising into each


@asynccontextmanager
async def served(port: int, feed: str) -> AsyncIterator[None]:
    """`feed`: where its readers find it. Any name is a podcast of one episode."""
    sounds = [await asyncio.to_thread(talk, number, EPISODE) for number in range(1, FILES + 1)]
    asked = count()

    async def contacts(request: web.Request) -> web.Response:
        return web.json_response({"name": f"Caller {request.query['phone'][-4:]}", "segment": "gold"})

    async def podcast(request: web.Request) -> web.Response:
        return web.Response(body=rss(episode(1, f"{feed}/1.opus")), content_type="application/rss+xml")

    async def recording(request: web.Request) -> web.Response:
        return web.Response(body=sounds[next(asked) % FILES], content_type="audio/ogg")

    application = web.Application()
    application.add_routes(
        [web.get("/contacts", contacts), web.get("/1.opus", recording), web.get("/{name}.xml", podcast)]
    )
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, HOST, port).start()
    try:
        yield
    finally:
        await runner.cleanup()
