"""`/audio/live/{shelf}`: a music shelf as mp3 without end, for telephone systems that take their hold music from an address.

As a rule the framework is done with a listener after the head of the answer, and the broadcast has the socket to itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from email.utils import format_datetime
from http import HTTPStatus

from aiohttp import web

from holdsvc.web.access import Access, access
from holdsvc.web.house import HOUSE, House
from holdsvc.web.takeover import Taken

SEND_BUFFER = 64 * 1024  # bytes that the kernel keeps for a listener who reads slowly; it doubles this
DEAD = 20.0  # seconds without an acknowledgement after which the machine at the other end is gone
HELD = 64 * 1024  # bytes that the framework may hold for a listener where it keeps the socket
LATER = "30"  # seconds after which one who was turned away may ask again


@access(Access.LISTEN)
async def live(request: web.Request) -> web.StreamResponse:
    house = request.app[HOUSE]
    shelf, shelves = request.match_info["shelf"].removesuffix(".mp3"), house.broadcast.shelves()
    if shelf not in shelves:
        return told(HTTPStatus.NOT_FOUND, f"There is no shelf {shelf!r:.60}; there are {', '.join(shelves)}.")
    if request.method == "HEAD":
        return web.StreamResponse(headers=headers(house, shelf))  # no length, not even 0
    if house.broadcast.full:
        refusal = told(HTTPStatus.SERVICE_UNAVAILABLE, "All places are taken; live.most says how many there are.")
        refusal.headers["Retry-After"] = LATER
        return refusal
    begin = head(house, shelf)
    ear = owned(request, begin) if house.take_over else None
    if ear is not None:
        house.broadcast.join(shelf, ear)
        return Answered()
    return await kept(request, house, shelf, begin)


async def kept(request: web.Request, house: House, shelf: str, begin: bytes) -> web.StreamResponse:
    """The framework keeps the socket; what goes out is written past it."""
    if request.transport is None:
        raise ConnectionResetError
    theirs = request.transport.get_extra_info("socket")
    if theirs is not None:
        tune(theirs)
    request.transport.write(begin)
    ear = TransportEar(request.transport)
    house.broadcast.join(shelf, ear)
    try:
        await ear.left.wait()
    finally:
        ear.close()
    return Answered()


def owned(request: web.Request, begin: bytes) -> SocketEar | None:
    """None where the socket has to stay with the framework."""
    transport = request.transport
    if transport is None or transport.is_closing() or transport.get_extra_info("ssl_object") is not None:
        return None
    theirs = transport.get_extra_info("socket")
    if theirs is None or transport.get_write_buffer_size():  # an earlier answer is still on its way
        return None
    try:
        ours: socket.socket = theirs.dup()
    except OSError:  # no descriptor is left
        return None
    transport.pause_reading()  # nothing more is asked on this connection
    try:
        ours.setblocking(False)
        tune(ours)
        if ours.send(begin) != len(begin):
            raise ConnectionError
    except OSError:
        ours.close()
        transport.abort()
        raise ConnectionResetError("gone before it was answered") from None
    return SocketEar(ours)


def tune(ours: socket.socket) -> None:
    """Little is kept for who does not read, and a dead machine is noticed."""
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(DEAD * 1000))


class Answered(Taken):
    """All has been said by us; for the framework this connection is over."""

    def __init__(self) -> None:
        super().__init__()
        self.set_status(HTTPStatus.OK)


class SocketEar:
    """A socket that is ours. Whoever has gone is noticed at the second send; what a listener says is never read."""

    __slots__ = ("_socket",)

    def __init__(self, ours: socket.socket) -> None:
        self._socket = ours

    def take(self, piece: bytes | memoryview) -> int:
        try:
            return self._socket.send(piece)
        except (BlockingIOError, InterruptedError):
            return 0

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # the framework's descriptor may still be open beside ours
        self._socket.close()


class TransportEar:
    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport, self.left = transport, asyncio.Event()

    def take(self, piece: bytes | memoryview) -> int:
        if self._transport.is_closing():
            raise ConnectionResetError
        if self._transport.get_write_buffer_size() > HELD:
            return 0
        self._transport.write(piece)
        return len(piece)

    def close(self) -> None:
        """What the framework holds for one who does not read is not waited for."""
        self.left.set()
        self._transport.abort()


def told(status: HTTPStatus, sentence: str) -> web.Response:
    return web.Response(status=status, text=f"{sentence}\n")


def headers(house: House, shelf: str) -> dict[str, str]:
    """As internet radio says it; there is no length, and no part of it can be asked for."""
    return {
        "Content-Type": "audio/mpeg",
        "Cache-Control": "no-store",
        "Accept-Ranges": "none",
        "icy-name": f"holdsvc {plain(shelf)}",
        "icy-genre": plain(shelf),
        "icy-br": str(house.broadcast.bitrate),
        "icy-pub": "0",
        "X-Content-Type-Options": "nosniff",
    }


def head(house: House, shelf: str) -> bytes:
    """The end of the sound is the end of the connection: players of radio know no chunks."""
    date = format_datetime(house.clock.now(), usegmt=True)
    lines = [f"{name}: {value}" for name, value in headers(house, shelf).items()]
    return "\r\n".join(["HTTP/1.1 200 OK", f"Date: {date}", "Connection: close", *lines, "", ""]).encode()


def plain(text: str) -> str:
    return "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in text)
