"""`/media/{platform}/{token}`: a call's live sound. The handshake is signed, its token good once; then the stream has the socket.

As a rule to itself: the framework is done with it after the handshake. Where that cannot be (TLS of our own, another system, a
setting) the framework reads, and what goes out is written past it, as whole frames: a send must not wait, and needs no task.
"""

from __future__ import annotations

import asyncio
import logging
import socket

from aiohttp import WSMsgType, web

from holdsvc.engine.frames import MOST_MESSAGE, framed
from holdsvc.engine.sockets import FAREWELL, OwnedSocket
from holdsvc.engine.streams import Full
from holdsvc.engine.tokens import Ticket
from holdsvc.errors import Unverified
from holdsvc.ports import SharingWire, Wire, Written
from holdsvc.web.access import Access, access
from holdsvc.web.house import HOUSE, House
from holdsvc.web.takeover import Taken, take_over
from holdsvc.web.webhooks import read

STEP = "media"
TRY_LATER = 1013
HEARTBEAT = 20.0  # seconds between pings; a far end that answers none is gone
log = logging.getLogger(__name__)


@access(Access.SIGNED)
async def open_stream(request: web.Request) -> web.StreamResponse:
    house = request.app[HOUSE]
    platform = house.platforms.get(request.match_info["platform"])
    wire = platform.wire() if platform is not None else None
    if platform is None or wire is None:
        raise web.HTTPNotFound
    response = web.WebSocketResponse(
        timeout=FAREWELL, heartbeat=HEARTBEAT, max_msg_size=MOST_MESSAGE, compress=False, autoclose=True
    )
    if not response.can_prepare(request).ok:
        raise web.HTTPUpgradeRequired(text="a media stream is a websocket\n")
    try:
        platform.verify(await read(request, house, STEP))
        return await serve(request, house, wire, response)
    except Unverified as refused:
        house.metrics.webhook_rejected(platform.name, refused.reason)
        log.warning("stream_refused", extra={"platform": platform.name, "reason": refused.reason})
        raise web.HTTPForbidden(text="") from refused
    except Full:
        house.metrics.webhook_rejected(platform.name, "streams_full")
        log.error("streams_full", extra={"platform": platform.name, "streams": len(house.streams)})
        raise web.HTTPServiceUnavailable(text="all streams are taken\n") from None


async def serve(request: web.Request, house: House, wire: Wire, response: web.WebSocketResponse) -> web.StreamResponse:
    if house.streams.full:  # before the token is spent
        raise Full
    ticket = await house.streams.tickets.redeem(request.match_info["platform"], request.match_info["token"])
    if house.take_over and (taken := take_over(request)):
        return hand_over(house, ticket, wire, *taken)
    line = MediaSocket(request, response)
    stream = house.streams.open(ticket, wire, line)
    try:
        await response.prepare(request)
        async for message in response:
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                stream.hear(message.data)
    finally:
        stream.lost()
        await line.closed()
    return response


def hand_over(house: House, ticket: Ticket, wire: Wire, sock: socket.socket, early: bytes) -> web.StreamResponse:
    listens = house.streams.listens(ticket.queue)
    skip = wire.sound_begins if isinstance(wire, SharingWire) and not listens else b""
    owned = OwnedSocket(sock, house.streams.leave, early, skip)
    try:
        house.streams.open(ticket, wire, owned)
    except Full:
        owned.close(TRY_LATER)
    return Taken()


class MediaSocket:
    """The way out of a websocket, without waiting. Once it is closing, what is sent goes nowhere."""

    def __init__(self, request: web.Request, response: web.WebSocketResponse) -> None:
        self._transport, self._response = request.transport, response
        self._closing: asyncio.Task[bool] | None = None

    @property
    def backlog(self) -> int:
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def send(self, frame: Written) -> None:
        self.push(b"".join(map(framed, frame)) if isinstance(frame, tuple) else framed(frame))

    def push(self, line: bytes) -> None:
        """What is framed already."""
        if self._closing is None and self._transport is not None and not self._transport.is_closing():
            self._transport.write(line)

    def close(self, code: int) -> None:
        if self._closing is None and self._response.prepared:
            self._closing = asyncio.create_task(self._response.close(code=code))

    async def closed(self) -> None:
        """When the end has been agreed on, or the far end took too long to."""
        if self._closing is not None:
            await self._closing
