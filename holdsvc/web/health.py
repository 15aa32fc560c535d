"""`/healthz`, `/readyz`, `/metrics`."""

from __future__ import annotations

from aiohttp import web

from holdsvc.web.access import Access, access
from holdsvc.web.house import HOUSE


@access(Access.PUBLIC)
async def healthz(request: web.Request) -> web.StreamResponse:
    """The loop turns."""
    return web.Response(text="ok\n")


@access(Access.PUBLIC)
async def readyz(request: web.Request) -> web.StreamResponse:
    """A call can be served now. Green in degraded mode: callers hear something then, too."""
    house = request.app[HOUSE]
    if house.streams.draining:
        return web.Response(status=503, text="draining\n")
    return web.Response(text="degraded: the store is away\n" if house.intake.degraded else "ready\n")


@access(Access.SCRAPE)
async def metrics(request: web.Request) -> web.StreamResponse:
    body = await request.app[HOUSE].scrape.exposition()
    return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})
