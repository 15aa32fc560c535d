"""Taking a websocket's socket over from the framework after the handshake, without losing a byte.

The framework did the HTTP; from here on the socket is ours, and it forgets the connection. What it had read already comes along.
`set_parser` is how its own websockets get their bytes; it is not in its documentation, so a test with hundreds of handshakes cut in
all ways guards it, and whoever cannot be taken over stays with the framework (`streams.take_over = false` keeps all of them there).
"""

from __future__ import annotations

import base64
import socket
from hashlib import sha1

from aiohttp import web

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 1.3


class Taken(web.StreamResponse):
    """Says to the framework that all has been answered, and that this connection is over for it."""

    def __init__(self) -> None:
        super().__init__(status=101)
        self.force_close()

    async def prepare(self, request: web.BaseRequest) -> None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        return None


class _Tail:
    """Stands where the framework's own parser of frames would: it keeps what is fed to it."""

    def __init__(self) -> None:
        self.fed = bytearray()

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.fed += data
        return False, b""

    def feed_eof(self) -> None:
        return None


def take_over(request: web.Request) -> tuple[socket.socket, bytes] | None:
    """The socket, our word that it is a websocket now said, and what came behind the request. None: it stays where it is.

    The handshake must have been checked. Answer with `Taken` afterwards.
    """
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
    tail = _Tail()
    request.protocol.set_parser(tail)  # type: ignore[arg-type]  # feed_data and feed_eof are all it needs
    transport.pause_reading()  # not before: `set_parser` may resume a transport that was paused
    try:
        ours.setblocking(False)
        welcome = answer(request.headers["Sec-WebSocket-Key"])
        if ours.send(welcome) != len(welcome):  # not by the transport: that would queue it behind this turn
            raise ConnectionError
    except OSError:
        ours.close()
        transport.abort()
        raise ConnectionError("gone before it was answered") from None
    return ours, bytes(tail.fed)


def answer(key: str) -> bytes:
    accept = base64.b64encode(sha1(key.strip().encode() + GUID).digest())  # noqa: S324  the standard's choice; it keeps no secret
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        + accept
        + b"\r\n\r\n"
    )
