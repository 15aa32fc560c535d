"""`/api/v1/events`: the wallboard's figures as server-sent events, each second while somebody looks."""

from __future__ import annotations

import asyncio

import msgspec
from aiohttp import web

from holdsvc.web.access import Access, access
from holdsvc.web.house import HOUSE

EVERY = 1.0  # seconds; a wallboard that is older says so


@access(Access.TOKEN)
async def events(request: web.Request) -> web.StreamResponse:
    house = request.app[HOUSE]
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)
    await response.write(b"retry: 1000\n\n")
    try:
        while not house.streams.draining:
            figures = msgspec.json.encode(house.roster.wall(house.plans.names()))
            await response.write(b"event: wall\ndata: " + figures + b"\n\n")
            await asyncio.sleep(EVERY)
    except (ConnectionError, asyncio.CancelledError):
        pass
    return response
