"""Lines over plain TCP whose socket is ours: swept for what came, and a belt that carries one frame of each every 20 ms.

The far end keeps nothing and paces nothing, so the belt is the only clock: a frame goes out when it is to be heard, whole, in one
write. What lies on the belt has not been sent; it can be taken back at once. All that is done for a frame is one step and one send.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from math import floor
from typing import Protocol

from holdsvc.audio.blocks import Blocks
from holdsvc.audio.formats import BLOCK, FRAME, RATE
from holdsvc.engine.sockets import AGAIN, FAREWELL, GONE
from holdsvc.engine.wheel import NEAR, NEVER, SLOT
from holdsvc.ports import LineWire, Written

ROUND = round(FRAME / RATE / SLOT)  # slots in which the belt goes round: 20 ms, in each of them a share of the lines
CAUGHT_UP = 3 * ROUND  # slots by which the belt may be late and still sends all: a telephone's buffer takes four frames
MOST_BLOCKS = 8192  # of 200 ms, about 4 kB each: 27 minutes of different sound
ROOM = 128 * 1024  # bytes that are read at once
SEND_BUFFER = 32 * 1024  # bytes: two seconds of sound, much more than a stream lets stand in it
DEAD = 30.0  # seconds without an acknowledgement after which the machine at the other end is gone
LEAST_FRAME = 300  # bytes that a frame counts at least, however short it is: looking at it costs as much
NONE: tuple[bytes, ...] = ()
log = logging.getLogger(__name__)

Frames = tuple[bytes, ...]

# One for all: what is read is understood before the next socket is read.
_buffer = bytearray(ROOM)
_view = memoryview(_buffer)

if sys.platform == "win32":

    def untaken(connection: socket.socket) -> int:
        return 0
else:
    import fcntl
    import termios

    _room = bytearray(struct.calcsize("i"))

    def untaken(connection: socket.socket) -> int:
        """Bytes that our side of the network still holds, or that the far end has not acknowledged yet."""
        try:
            fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, _room, True)
        except (OSError, ValueError):  # not every system tells, and none of a socket that is closed
            return 0
        return int.from_bytes(_room, sys.byteorder)


class LateMeter(Protocol):
    def stream_late(self, wire: str, seconds: float) -> None: ...


class Belt:
    """Goes round in 20 ms. Each line has its place, so that the sends of all are spread evenly over that time."""

    def __init__(self, meter: LateMeter, monotonic: Callable[[], float]) -> None:
        self._meter, self._monotonic = meter, monotonic
        self._places: list[list[OwnedLine]] = [[] for _ in range(ROUND)]
        self._next = 0  # number of the slot that is served next
        self._blocks: dict[str, Blocks[Frames]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._places))

    def blocks(self, wire: LineWire) -> Blocks[Frames]:
        """Shared sound as frames, made once for all lines of a kind."""
        if wire.name not in self._blocks:
            self._blocks[wire.name] = Blocks(wire.frames, BLOCK, MOST_BLOCKS)
        return self._blocks[wire.name]

    def put(self, line: OwnedLine) -> None:
        """Where the fewest are; among those, where the belt comes by first."""
        if not len(self):
            self._next = max(self._next, floor((self._monotonic() + NEAR) / SLOT))
        coming = (number % ROUND for number in range(self._next, self._next + ROUND))
        line.place = min(coming, key=lambda place: len(self._places[place]))
        self._places[line.place].append(line)

    def drop(self, line: OwnedLine) -> None:
        if line.place != NEVER:
            self._places[line.place].remove(line)
            line.place = NEVER

    def reaches(self, place: int) -> float:
        """When the belt comes by there next."""
        return (self._next + (place - self._next) % ROUND) * SLOT

    def turn(self, now: float) -> None:
        """Send what is due. After a long stall the belt begins anew: a gap, never a burst."""
        last = floor((now + NEAR) / SLOT)
        if last - self._next > CAUGHT_UP:
            self._stalled(last - CAUGHT_UP)
        while self._next <= last:
            lines = self._places[self._next % ROUND]
            self._next += 1
            if lines:
                self._meter.stream_late(lines[0].wire.name, max(0.0, now - (self._next - 1) * SLOT))
                send(lines)

    def _stalled(self, following: int) -> None:
        missed = following - self._next
        for place, lines in enumerate(self._places):
            if (place - self._next) % ROUND < missed:
                for line in lines:
                    line.gaps += line.waiting > 0
        self._next = following


def send(lines: list[OwnedLine]) -> None:
    """A frame of each."""
    for line in lines:
        frame = next(line.frames, None)
        if frame is None and (frame := line.turn_over()) is None:
            continue
        try:
            taken = line.write(frame)
        except (BlockingIOError, InterruptedError):
            continue  # the place in time is lost; how much the network holds is looked at elsewhere
        except OSError:  # the next sweep sees the same
            line.write = len
            continue
        if taken != len(frame):
            line.cut_short(frame, taken)


class OwnedLine:
    """One connection. Its frames wait here until the belt takes them."""

    __slots__ = (
        "_belt",
        "_closing",
        "_gone",
        "_head",
        "_leave",
        "_left",
        "_length",
        "_ready",
        "_sock",
        "_until",
        "frames",
        "gaps",
        "place",
        "slot",
        "wire",
        "write",
    )

    def __init__(self, sock: socket.socket, wire: LineWire, belt: Belt, leave: Callable[[OwnedLine], None]) -> None:
        """`leave` is told of a farewell that was begun: `serve` it until it is over."""
        self.slot = self.place = NEVER
        self.gaps = 0  # times when the belt came by and there was nothing, or did not come by
        self.frames: Iterator[bytes] = iter(NONE)
        self.write: Callable[[bytes], int] = sock.send
        self._ready = NONE  # behind `frames`
        self._sock, self.wire, self._belt, self._leave = sock, wire, belt, leave
        self._head, self._length = wire.sound_head, wire.sound_length
        self._left = b""  # of a frame that the network took in part
        self._closing = self._gone = False
        self._until: float | None = None

    # --- to the far end ----------------------------------------------------------------------------------------------

    def begin(self) -> Blocks[Frames]:
        """From now on the belt comes by. Returns where shared sound is to be had as frames."""
        if not self._closing and self.place == NEVER:
            self._belt.put(self)
        return self._belt.blocks(self.wire)

    @property
    def waiting(self) -> int:
        """Frames that have not been sent."""
        return self.frames.__length_hint__() + len(self._ready)  # type: ignore[attr-defined, no-any-return]  # of a tuple

    @property
    def dry_at(self) -> float:
        """When the belt comes by and finds nothing, unless more is put here."""
        return self._belt.reaches(self.place) + self.waiting * ROUND * SLOT

    @property
    def backlog(self) -> int:
        return len(self._left) + untaken(self._sock)

    def put(self, frames: Frames) -> None:
        if not self._closing:
            self._ready = self._ready + frames if self._ready else frames

    def clear(self) -> int:
        """Take back what has not been sent. How many frames that were."""
        waiting = self.waiting
        self.frames, self._ready = iter(NONE), NONE
        return waiting

    def turn_over(self) -> bytes | None:
        """The first of what was put behind the frames that are all sent now."""
        if not self._ready:
            self.gaps += 1
            return None
        self.frames, self._ready = iter(self._ready), NONE
        return next(self.frames)

    def cut_short(self, frame: bytes, taken: int) -> None:
        """The network took a part of it: the rest goes before all else, for a frame in pieces ends the call."""
        self._left = frame[taken:]
        self.write = self._write_behind

    def send(self, frame: Written) -> None:
        """Nothing but frames of sound goes out, and those by `put`: there is nothing to mark or clear over there."""

    def close(self, code: int) -> None:
        """The far end goes on with what its own plan says next. Who has gone is told nothing."""
        if self._closing:
            return
        self._closing = True
        self._belt.drop(self)
        self.clear()
        if self._gone:
            self._sock.close()
            return
        self._left += self.wire.farewell
        self._leave(self)

    def serve(self, now: float) -> float | None:
        """The farewell: what the far end still says is read and not heard, so that it reads our last word before the end."""
        if self._until is None:
            self._until = now + FAREWELL
        if self._left and self._flush():
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_WR)
        if now >= self._until or self._drained():
            self._sock.close()
            return None
        return now + AGAIN

    def _write_behind(self, frame: bytes) -> int:
        """Whole frames only: one that finds no room is left out."""
        if not self._flush():
            return len(frame)
        self.write = self._sock.send
        return self.write(frame)

    def _flush(self) -> bool:
        try:
            self._left = self._left[self._sock.send(self._left) :]
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            self._left = b""
        return not self._left

    def _drained(self) -> bool:
        try:
            return not self._sock.recv_into(_buffer)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            return True

    # --- from the far end --------------------------------------------------------------------------------------------

    def sweep(self, hear: Callable[[str | bytes], None]) -> int:
        """Hear what has come. Raises `BadWebhook` where nothing can be understood any more."""
        rest = self.wire.rest
        held = len(rest)
        try:
            if held:
                _buffer[:held] = rest
                came = self._sock.recv_into(_view[held:])
            else:
                came = self._sock.recv_into(_buffer)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:
            came = 0
        if not came:
            return self._hung_up(hear)
        end = held + came
        at = self._passed_over(end)
        if at == end:  # as nearly always
            if held:
                self.wire.rest = b""
            return came
        return self._understand(at, end, came, hear)

    def _passed_over(self, end: int) -> int:
        """Where the caller's sound ends, if it is nothing else from the beginning on: then all heads are the same."""
        length = self._length
        number = end // length
        until = number * length
        for at, byte in enumerate(self._head):
            if _buffer[at:until:length].count(byte) != number:
                return 0
        return until

    def _understand(self, at: int, end: int, came: int, hear: Callable[[str | bytes], None]) -> int:
        looked_at, sound = 0, self.wire.sound_begins
        self.wire.rest = b""
        for frame in self.wire.cut(bytes(_view[at:end])):
            looked_at += 1
            if not frame.startswith(sound):
                hear(frame)
            if self._closing:
                return GONE
        return max(came, looked_at * LEAST_FRAME)

    def _hung_up(self, hear: Callable[[str | bytes], None]) -> int:
        """The end of the connection is the far end's farewell, unsaid."""
        if not self._closing:
            self._gone = True
            hear(self.wire.farewell)
            self.close(0)
        return GONE


def tune(connection: socket.socket) -> None:
    """No waiting for more to send, room for whole frames only, and a dead machine is noticed."""
    connection.setblocking(False)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(DEAD * 1000))
