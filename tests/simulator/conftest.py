from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from holdsvc.simulator.hooks import Target

from tests.simulator.house import House

TOKEN = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"


@asynccontextmanager
async def opened(house: House) -> AsyncIterator[Target]:
    """The fake house on a free port of the loopback."""
    runner = web.AppRunner(house.app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    house.base = f"http://{host}:{port}"
    try:
        yield Target(house.base, TOKEN)
    finally:
        await runner.cleanup()
