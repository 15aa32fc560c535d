"""The TCP server for calls that bring their sound without HTTP: announced beforehand by an id, which is their token.

Who may connect is this machine and the networks that the settings name. The first frame says which call it is; then the stream has
the socket, and the event loop knows nothing of it. Its end without a word is a hang-up.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from holdsvc.engine.limits import START_WITHIN
from holdsvc.engine.lines import OwnedLine
from holdsvc.engine.ring import Ring
from holdsvc.engine.sockets import FAREWELL
from holdsvc.engine.stream import NOT_ALLOWED
from holdsvc.engine.tokens import Ticket
from holdsvc.errors import BadWebhook, ConfigError, Unverified
from holdsvc.ports import LinePlatform, LineWire, WireStart
from holdsvc.web.access import is_loopback
from holdsvc.web.house import House

MOST_UNNAMED = 256  # connections at once that have not said which call they are; genuine ones say it at once
WAITING = 1024  # connections that the system holds for us until we come by
SEND_BUFFER = 32 * 1024  # bytes: two seconds of sound, much more than a stream lets stand in it
DEAD = 30.0  # seconds without an acknowledgement after which the machine at the other end is gone
PIECE = 4096  # bytes that are read at once before the start
AGAIN = 1.0  # seconds until we take connections again where the system would give us none
log = logging.getLogger(__name__)

Network = IPv4Network | IPv6Network


class Desk:
    """Takes connections in, hears which call each is, and hands it to its stream."""

    def __init__(self, house: House, platform: LinePlatform, allow: Sequence[Network], start_within: float) -> None:
        self.house, self.platform, self._start_within = house, platform, start_within
        self._allow = allow
        self._unnamed: set[asyncio.Task[None]] = set()

    def admits(self, peer: str) -> bool:
        try:
            address = ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return address.is_loopback or any(address in network for network in self._allow)

    async def take_in(self, door: socket.socket) -> None:
        """Whoever connects here, for as long as this is not cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, peer = await loop.sock_accept(door)
            except OSError:  # no descriptor is left, or whoever came has gone
                log.exception("line_not_accepted")
                await asyncio.sleep(AGAIN)
                continue
            self._came(connection, str(peer[0]))

    async def close(self) -> None:
        """Who has not said which call it is is sent on its way."""
        for task in self._unnamed:
            task.cancel()
        await asyncio.gather(*self._unnamed, return_exceptions=True)

    def _came(self, connection: socket.socket, peer: str) -> None:
        if not self.admits(peer):
            self._refused("not_allowed")
            connection.close()
        elif len(self._unnamed) >= MOST_UNNAMED:
            self._refused("too_many_unnamed")
            connection.close()
        else:
            task = asyncio.create_task(self._greet(connection))
            self._unnamed.add(task)
            task.add_done_callback(self._unnamed.discard)

    async def _greet(self, connection: socket.socket) -> None:
        """Until the connection is a stream's, or is over."""
        wire = self.platform.wire()
        try:
            tune(connection)
            async with asyncio.timeout(self._start_within):
                frames = await first(connection, wire)
            if frames:
                await self._open(connection, wire, frames)
                return
        except BadWebhook as refused:
            await self._send_away(connection, wire, refused.reason)
        except Unverified as refused:
            await self._send_away(connection, wire, refused.reason)
        except TimeoutError:
            await self._send_away(connection, wire, "no_start")
        except asyncio.CancelledError:
            say(connection, wire.farewell)
            connection.close()
            raise
        except OSError:
            pass
        connection.close()

    async def _open(self, connection: socket.socket, wire: LineWire, frames: Sequence[bytes]) -> None:
        streams = self.house.streams
        ticket = await self._ticket(wire, frames[0])
        line = OwnedLine(connection, wire, streams.belt, streams.leave)
        stream = streams.open(ticket, wire, line)
        line.listens = streams.listens(ticket.queue)

        def refuse(reason: str) -> None:
            self._refused(reason)
            stream.close(NOT_ALLOWED)

        line.answer_to(stream.hear, refuse)
        for frame in frames:
            if not frame.startswith(wire.sound_begins):
                stream.hear(frame)

    async def _ticket(self, wire: LineWire, frame: bytes) -> Ticket:
        event, streams = wire.read(frame), self.house.streams
        if not isinstance(event, WireStart):
            raise BadWebhook("bad_start")
        if streams.full:  # before the token is spent
            log.error("streams_full", extra={"platform": self.platform.name, "streams": len(streams)})
            raise BadWebhook("streams_full")
        return await streams.tickets.redeem(self.platform.name, event.token)

    async def _send_away(self, connection: socket.socket, wire: LineWire, reason: str) -> None:
        """The far end goes on with what its own plan says next, once it has read our farewell."""
        self._refused(reason)
        say(connection, wire.farewell)
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(FAREWELL):
                while await loop.sock_recv(connection, PIECE):
                    pass

    def _refused(self, reason: str) -> None:
        self.house.metrics.webhook_rejected(self.platform.name, reason)
        log.warning("stream_refused", extra={"platform": self.platform.name, "reason": reason})


async def first(connection: socket.socket, wire: LineWire) -> list[bytes]:
    """The first frame, and those that came with it; none where the connection is over before."""
    loop = asyncio.get_running_loop()
    while received := await loop.sock_recv(connection, PIECE):
        if frames := list(wire.cut(received)):
            return frames
    return []


def tune(connection: socket.socket) -> None:
    """No waiting for more to send, room for whole frames only, and a dead machine is noticed."""
    connection.setblocking(False)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    if hasattr(socket, "TCP_CONGESTION"):
        with contextlib.suppress(OSError):  # we pace it; a system that paces as well pays a tenth more for each frame
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(DEAD * 1000))


def say(connection: socket.socket, farewell: bytes) -> None:
    with contextlib.suppress(OSError):
        connection.send(farewell)
        connection.shutdown(socket.SHUT_WR)


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
    *,
    shared: bool = False,
) -> AsyncIterator[None]:
    host, port = address
    desk = Desk(house, platform, allow, start_within)
    sending = at_once_or_not(house)
    try:
        doors = await listening(host, port, shared=shared)
    except OSError as error:
        raise ConfigError("audiosocket.port", f"cannot listen on {host}:{port}: {error.strerror}") from error
    log.info("lines_open", extra={"platform": platform.name, "host": host, "port": port, "sending": sending})
    taking = [asyncio.create_task(desk.take_in(door)) for door in doors]
    try:
        yield
    finally:
        for task in taking:
            task.cancel()
        await asyncio.gather(*taking, return_exceptions=True)
        for door in doors:
            door.close()
        await desk.close()


def at_once_or_not(house: House) -> str:
    """Whether the frames of many lines go out in one call into the kernel; else why not."""
    try:
        house.streams.belt.use(Ring())
    except OSError as error:
        return f"one by one, for io_uring is refused: {error.strerror}"
    return "many at once, by io_uring"


async def listening(host: str, port: int, *, shared: bool = False) -> list[socket.socket]:
    """One for each address that the name has. `shared`: the system hands connections to us and to others in turn."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    doors: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            door = socket.socket(family, kind, protocol)
            doors.append(door)
            if sys.platform != "win32":  # there it would let two of us listen
                door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if shared:
                door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                door.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            door.bind(address)
            door.listen(WAITING)
            door.setblocking(False)
    except OSError:
        for door in doors:
            door.close()
        raise
    return doors
