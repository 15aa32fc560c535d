"""The TCP server for calls that bring their sound without HTTP: announced beforehand by an id, which is their token.

Who may connect is this machine and the networks that the settings name. The first frame says which call it is; then the stream has
the connection. Its end without a word is a hang-up.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import cast

from holdsvc.engine.stream import MOST_FRAMES, NOT_ALLOWED, START_WITHIN, Stream
from holdsvc.errors import BadWebhook, ConfigError, Unverified
from holdsvc.ports import LinePlatform, WireStart, Written
from holdsvc.web.access import is_loopback
from holdsvc.web.house import House

MOST_UNNAMED = 256  # connections at once that have not said which call they are; genuine ones say it at once
FAREWELL = 2.0  # seconds that the far end has to take our last bytes
DEAD = 30.0  # seconds without an acknowledgement after which the machine at the other end is gone
LISTEN = 1.0  # seconds between two frames of sound that the stream is told of, so that it knows the caller is there
ASK_EVERY = 4  # frames after which the network is asked again how much it still holds
SEND_BUFFER = 32 * 1024  # bytes: two seconds of sound, much more than a stream lets stand in it
log = logging.getLogger(__name__)

Network = IPv4Network | IPv6Network

if sys.platform == "win32":

    def untaken(connection: socket.socket) -> int:
        return 0
else:
    import fcntl
    import termios

    def untaken(connection: socket.socket) -> int:
        """Bytes that our side of the network still holds."""
        try:
            return int(struct.unpack("i", fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, b"\0\0\0\0"))[0])
        except OSError:  # not every system tells
            return 0


class Desk:
    """What all lines share."""

    def __init__(self, house: House, platform: LinePlatform, allow: Sequence[Network], start_within: float) -> None:
        self.house, self.platform, self.start_within = house, platform, start_within
        self.unnamed: set[Line] = set()
        self._allow = allow

    def admits(self, peer: str) -> bool:
        try:
            address = ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return address.is_loopback or any(address in network for network in self._allow)

    def refused(self, reason: str) -> None:
        self.house.metrics.webhook_rejected(self.platform.name, reason)
        log.warning("stream_refused", extra={"platform": self.platform.name, "reason": reason})


class Line(asyncio.Protocol):
    """One connection, and the way out for its stream: a frame a write, never a part of one."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._wire = desk, desk.platform.wire()
        self._stream: Stream | None = None
        self._gone = False  # nothing is sent any more
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._passed, self._listen_at = 0, 0.0  # frames of sound passed over, and when the next is not
        self._sent = self._untaken = 0  # frames, and bytes that the network held when it was asked

    # --- from the far end --------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername") or ("",)
        if not self._desk.admits(str(peer[0])):
            self._desk.refused("not_allowed")
            self._abort()
        elif len(self._desk.unnamed) >= MOST_UNNAMED:
            self._desk.refused("too_many_unnamed")
            self._abort()
        else:
            self._socket: socket.socket = transport.get_extra_info("socket")
            tune(self._socket)
            self._desk.unnamed.add(self)
            self._timer = self._loop.call_later(self._desk.start_within, self._refuse, "no_start")

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._wire.cut(data):
                if self._gone:
                    return
                if self._stream is None:
                    self._begin(frame)
                elif not (frame.startswith(self._wire.sound_begins) and self._passes()):
                    self._stream.hear(frame)
        except BadWebhook as error:
            self._refuse(error.reason)

    def _passes(self) -> bool:
        """Nobody listens to the caller's sound; that there is some is told once in a while."""
        now = self._loop.time()
        if now < self._listen_at:
            self._passed += 1
            if self._passed > MOST_FRAMES:
                raise BadWebhook("too_many_frames")
            return True
        self._passed, self._listen_at = 0, now + LISTEN
        return False

    def eof_received(self) -> None:
        self._hang_up()

    def connection_lost(self, error: Exception | None) -> None:
        self._named()
        self._hang_up()
        self._stop_timer()

    def _begin(self, frame: bytes) -> None:
        streams = self._desk.house.streams
        event = self._wire.read(frame)
        if not isinstance(event, WireStart):
            raise BadWebhook("bad_start")
        if streams.full:  # before the token is spent
            log.error("streams_full", extra={"platform": self._desk.platform.name, "streams": len(streams)})
            self._refuse("streams_full")
            return
        try:
            ticket = streams.tokens.redeem(self._desk.platform.name, event.token)
        except Unverified as refused:
            self._refuse(refused.reason)
            return
        self._named()
        self._stop_timer()
        self._stream = streams.open(ticket, self._wire, self)
        self._stream.hear(frame)

    def _hang_up(self) -> None:
        """The connection is over. Unless we ended it, the caller did: the far end's farewell, unsaid."""
        if self._gone:
            return
        self._gone = True
        if self._stream is not None:
            self._stream.hear(self._wire.farewell)
            self._stream.lost()

    # --- to the far end ----------------------------------------------------------------------------------------------

    @property
    def backlog(self) -> int:
        if self._untaken or self._sent % ASK_EVERY == 0:
            self._untaken = untaken(self._socket)
        return self._transport.get_write_buffer_size() + self._untaken

    def send(self, frame: Written) -> None:
        if not self._gone and isinstance(frame, bytes) and not self._transport.is_closing():
            self._transport.write(frame)
            self._sent += 1

    def close(self, code: int) -> None:
        """The far end goes on with what its own plan says next."""
        if self._transport.is_closing():
            return
        if not self._gone:
            self._gone = True
            self._transport.write(self._wire.farewell)
        self._transport.close()
        self._stop_timer()
        self._timer = self._loop.call_later(FAREWELL, self._transport.abort)

    def _refuse(self, reason: str) -> None:
        self._desk.refused(reason)
        self._named()
        if self._stream is not None:
            self._stream.close(NOT_ALLOWED)
        self.close(NOT_ALLOWED)

    def abandon(self) -> None:
        """The house closes."""
        self.close(NOT_ALLOWED)

    def _abort(self) -> None:
        self._gone = True
        self._transport.abort()

    def _named(self) -> None:
        self._desk.unnamed.discard(self)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


def tune(connection: socket.socket) -> None:
    """No waiting for more to send, room for whole frames only, and a dead machine is noticed."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(DEAD * 1000))


def networks(host: str, allow: Sequence[str]) -> tuple[Network, ...]:
    """Who may connect, beside this machine. Raise `ConfigError` where the settings would let in everybody."""
    if not allow and host != "localhost" and not is_loopback(host):
        raise ConfigError(
            "audiosocket.host", f"{host!r} is open to other machines; name those that may connect in audiosocket.allow"
        )
    try:
        return tuple(ip_network(one, strict=False) for one in allow)
    except ValueError as error:
        raise ConfigError("audiosocket.allow", f"{error}; networks are written as 10.1.0.0/16") from error


@asynccontextmanager
async def open_lines(
    house: House,
    platform: LinePlatform,
    address: tuple[str, int],
    allow: Sequence[Network],
    start_within: float = START_WITHIN,
) -> AsyncIterator[None]:
    host, port = address
    desk = Desk(house, platform, allow, start_within)
    try:
        server = await asyncio.get_running_loop().create_server(lambda: Line(desk), host, port, backlog=1024)
    except OSError as error:
        raise ConfigError("audiosocket.port", f"cannot listen on {host}:{port}: {error.strerror}") from error
    log.info("lines_open", extra={"platform": platform.name, "host": host, "port": port})
    try:
        yield
    finally:
        server.close()
        for line in tuple(desk.unnamed):
            line.abandon()
