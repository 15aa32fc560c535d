"""`/api/v1/events`: the wallboard's figures as server-sent events, each second while somebody looks.

However many look, the figures are made once a second: a hundred screens cost little more than one.
"""

from __future__ import annotations

import asyncio

import msgspec
from aiohttp import web

from holdsvc.web.access import Access, access
from holdsvc.web.house import HOUSE, House

EVERY = 1.0  # seconds; a wallboard that is older says so
FRESH = 0.5  # seconds for which figures that were made for one are good for another


class Board:
    """The figures as they go over the line, made anew when they have become old."""

    def __init__(self) -> None:
        self._line, self._made = b"", float("-inf")

    def line(self, house: House, now: float) -> bytes:
        if now - self._made >= FRESH:
            figures = msgspec.json.encode(house.roster.wall(house.plans.names()))
            self._line, self._made = b"event: wall\ndata: " + figures + b"\n\n", now
        return self._line


BOARD: web.AppKey[Board] = web.AppKey("board", Board)


@access(Access.TOKEN)
async def events(request: web.Request) -> web.StreamResponse:
    house, board, loop = request.app[HOUSE], request.app[BOARD], asyncio.get_running_loop()
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)
    await response.write(b"retry: 1000\n\n")
    try:
        while not house.streams.draining:
            await response.write(board.line(house, loop.time()))
            await asyncio.sleep(EVERY)
    except (ConnectionError, asyncio.CancelledError):
        pass
    return response
