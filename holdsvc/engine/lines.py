"""Lines over plain TCP whose socket is ours: swept for what came, and a belt that carries one frame of each every 20 ms.

The far end keeps nothing and paces nothing, so the belt is the only clock: a frame goes out when it is to be heard, whole, in one
write. What lies on the belt has not been sent; it can be taken back at once. All that is done for a frame is one step and one send.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
from collections.abc import Callable, Iterator
from math import floor
from typing import Protocol

from holdsvc.audio.blocks import Blocks
from holdsvc.audio.formats import FRAME, RATE
from holdsvc.engine.sockets import AGAIN, FAREWELL
from holdsvc.engine.waiting import GLANCES, spoken_to, untaken
from holdsvc.engine.wheel import NEAR, NEVER, SLOT
from holdsvc.errors import BadWebhook
from holdsvc.ports import LineWire, Written

ROUND = round(FRAME / RATE / SLOT)  # slots in which the belt goes round: 20 ms, in each of them a share of the lines
CAUGHT_UP = 3 * ROUND  # slots by which the belt may be late and still sends all: a telephone's buffer takes four frames
STRETCH = 2 * RATE  # bytes of mu-law that are made ready together, and laid on the belt: taking them back costs nothing
MOST_BLOCKS = 1024  # of a stretch, about 36 kB each: 34 minutes of different sound
ROOM = 128 * 1024  # bytes that are read at once
LEAST_FRAME = 300  # bytes that a frame counts at least, however short it is: looking at it costs as much
GLANCE = 3  # rounds between two glances at what waits to be read
ATTENTIVE = 2 * ROUND  # slots between two readings: where the caller's sound is heard
RELAXED = (20 if GLANCES else 4) * ROUND  # and where glances tell of all but the caller's sound
TELL = 5.0  # seconds between two tidings that the caller's sound comes
FRAMES_A_SECOND = 100  # from the far end in the long run; genuine ones send fifty
MOST_FRAMES = 3000  # and at once, after a network stood still for as long as we bear it
NONE: tuple[bytes, ...] = ()
log = logging.getLogger(__name__)

Frames = tuple[bytes, ...]

# One for all: what is read is understood before the next socket is read.
_buffer = bytearray(ROOM)
_view = memoryview(_buffer)


class BeltMeter(Protocol):
    def stream_late(self, wire: str, seconds: float) -> None: ...
    def stream_cut(self, wire: str) -> None: ...


class Belt:
    """Goes round in 20 ms. Each line has its place, so that the sends of all are spread evenly over that time."""

    def __init__(self, meter: BeltMeter, monotonic: Callable[[], float]) -> None:
        self.meter, self._monotonic = meter, monotonic
        self._places: list[list[OwnedLine]] = [[] for _ in range(ROUND)]
        self._next = 0  # number of the slot that is served next
        self._blocks: dict[str, Blocks[Frames]] = {}
        self._heads: dict[str, dict[int, Heads]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._places))

    def blocks(self, wire: LineWire) -> Blocks[Frames]:
        """Shared sound as frames, made once for all lines of a kind."""
        if wire.name not in self._blocks:
            self._blocks[wire.name] = Blocks(wire.frames, STRETCH, MOST_BLOCKS)
        return self._blocks[wire.name]

    def heads(self, wire: LineWire) -> dict[int, Heads]:
        """By number of frames: as many as fit into what is read at once."""
        return self._heads.setdefault(wire.name, {})

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
        """Send what is due, and look at what has come. After a long stall the belt begins anew: a gap, never a burst."""
        last = floor((now + NEAR) / SLOT)
        if last - self._next > CAUGHT_UP:
            self._stalled(last - CAUGHT_UP)
        while self._next <= last:
            number = self._next
            self._next += 1
            if lines := self._places[number % ROUND]:
                self.meter.stream_late(lines[0].wire.name, max(0.0, now - number * SLOT))
                looks = send(lines, number)
                if number // ROUND % GLANCE == 0:
                    looks += spoken_to(lines)
                for line in looks:
                    line.look(number, now)

    def _stalled(self, following: int) -> None:
        missed = following - self._next
        for place, lines in enumerate(self._places):
            if (place - self._next) % ROUND < missed:
                for line in lines:
                    line.gaps += line.waiting > 0
        self._next = following


def send(lines: list[OwnedLine], number: int) -> list[OwnedLine]:
    """A frame of each. Returns those that are to be looked at."""
    looks = []
    for line in lines:
        if line.look_at <= number:
            looks.append(line)
        frame = next(line.frames, None)
        if frame is None and (frame := line.turn_over()) is None:
            continue
        try:
            taken = line.write(frame)
        except (BlockingIOError, InterruptedError):
            continue  # its place in time is lost; how much the network holds is looked at elsewhere
        except OSError:  # a look sees the same
            line.write, line.look_at = len, number + 1
            continue
        if taken != len(frame):
            line.cut_short(frame, taken)
    return looks


class Heads:
    """How so many frames of the caller's sound begin, one behind the other."""

    def __init__(self, head: bytes, length: int, number: int) -> None:
        self.of = struct.Struct(f"{len(head)}s{length - len(head)}x" * number).unpack_from
        self.same = (head,) * number
        self.length = number * length


class OwnedLine:
    """One connection. Its frames wait here until the belt takes them; what comes is looked at when the belt comes by."""

    __slots__ = (
        "_allowed",
        "_belt",
        "_closing",
        "_gone",
        "_head",
        "_heads",
        "_hear",
        "_held",
        "_leave",
        "_left",
        "_ready",
        "_refuse",
        "_sock",
        "_tell_at",
        "_until",
        "came",
        "fd",
        "frames",
        "gaps",
        "length",
        "listens",
        "look_at",
        "place",
        "slot",
        "wire",
        "write",
    )

    def __init__(self, sock: socket.socket, wire: LineWire, belt: Belt, leave: Callable[[OwnedLine], None]) -> None:
        """`leave` is told of a farewell that was begun: `serve` it until it is over."""
        self.slot = self.place = NEVER
        self.look_at = 0  # number of the slot
        self.came = NEVER  # bytes that waited to be read at the last glance
        self.listens = False  # the caller's sound is heard as well
        self.gaps = 0  # times when the belt came by and there was nothing, or did not come by
        self.frames: Iterator[bytes] = iter(NONE)
        self.write: Callable[[bytes], int] = sock.send
        self._ready = NONE  # behind `frames`
        self._sock, self.wire, self._belt, self._leave = sock, wire, belt, leave
        self._heads = belt.heads(wire)
        self._head, self.length, self.fd = wire.sound_head, wire.sound_length, sock.fileno()
        self._left = b""  # of a frame that the network took in part
        self._closing = self._gone = False
        self._held = False  # the network takes nothing
        self._until: float | None = None
        self._hear: Callable[[str | bytes], object] = len  # nobody yet
        self._refuse: Callable[[str], object] = len
        self._tell_at, self._allowed = 0.0, float(MOST_FRAMES * self.length)  # bytes

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
        if self._held or not self._ready:
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

    def answer_to(self, hear: Callable[[str | bytes], object], refuse: Callable[[str], object]) -> None:
        """Whose line it is. `refuse` closes it, for a reason in a word."""
        self._hear, self._refuse = hear, refuse

    def look(self, number: int, now: float) -> None:
        """Hear what has come. The caller's own sound is passed over; that there is some is told once in a while."""
        self.look_at = number + (ATTENTIVE if self.listens else RELAXED)
        try:
            came = self._read()
        except BadWebhook as error:
            self._refuse(error.reason)
            return
        except Exception:
            log.exception("line_failed")
            self._refuse("failed")
            return
        if self._held or not came:  # from whom nothing comes, nothing may come because the network stands still
            self._mind_backlog()
        self._allowed -= came
        if came and now >= self._tell_at and not self._closing:
            self._allowed = min(MOST_FRAMES, self._allowed / self.length + FRAMES_A_SECOND * TELL) * self.length
            self._tell_at = now + TELL
            if not self.listens:
                self._hear(self._head.ljust(self.length, b"\0"))
        if self._allowed < 0 and not self._closing:
            self._refuse("too_many_frames")

    def _mind_backlog(self) -> None:
        """What the network does not take is not heaped on it, to come as a burst: it stays on the belt."""
        held, self._held = self._held, not self._closing and self.backlog > self.wire.high_mark
        if self._held and not held:
            self._belt.meter.stream_cut(self.wire.name)
            self.frames, self._ready = iter(NONE), (*self.frames, *self._ready)

    def _read(self) -> int:
        """Bytes that came, 0 also when no more will."""
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
            self._hung_up()
            return 0
        end = held + came
        at = 0 if self.listens else self._passed_over(end)
        if at == end:  # as nearly always
            if held:
                self.wire.rest = b""
            return came
        return max(came, LEAST_FRAME * self._understand(at, end))

    def _passed_over(self, end: int) -> int:
        """Where the caller's sound ends, if it is nothing else from the beginning on: then all heads are the same."""
        number = end // self.length
        heads = self._heads.get(number)
        if heads is None:
            heads = self._heads[number] = Heads(self._head, self.length, number)
        return heads.length if heads.of(_buffer) == heads.same else 0

    def _understand(self, at: int, end: int) -> int:
        """How many frames had to be looked at."""
        looked_at, sound, all_of_it = 0, self.wire.sound_begins, self.listens
        self.wire.rest = b""
        for frame in self.wire.cut(bytes(_view[at:end])):
            looked_at += 1
            if all_of_it or not frame.startswith(sound):
                self._hear(frame)
            if self._closing:
                break
        return looked_at

    def _hung_up(self) -> None:
        """The end of the connection is the far end's farewell, unsaid."""
        if not self._closing:
            self._gone = True
            self._hear(self.wire.farewell)
            self.close(0)
