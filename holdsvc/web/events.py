"""`/api/v1/events`: the wallboard's figures as server-sent events, more often than each second while somebody looks.

All who look are told at the same moments, so that the figures are made once for them: a hundred screens cost little more than one.
"""

from __future__ import annotations

import asyncio
from math import floor

import msgspec
from aiohttp import web

from holdsvc.web.access import Access, access
from holdsvc.web.house import HOUSE, House

EVERY = 0.75  # seconds; a change is on every wall within one, with what is left for the way
FRESH = 0.1  # seconds for which figures that were made for one are good for another


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
            await asyncio.sleep(until_all(loop.time()))
    except (ConnectionError, asyncio.CancelledError):
        pass
    return response


def until_all(now: float) -> float:
    """Seconds to the next of the moments that all who look have in common; one that is as good as now is left out."""
    return (floor(now / EVERY + 0.1) + 1) * EVERY - now
