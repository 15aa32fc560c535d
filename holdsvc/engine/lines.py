"""Lines over plain TCP whose socket is ours: what waits for the belt to take it, and what came, read when the belt comes by."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections import deque
from collections.abc import Callable

from holdsvc.audio.blocks import Blocks
from holdsvc.engine.belt import Belt, Heads, Place, framed
from holdsvc.engine.sockets import AGAIN, FAREWELL
from holdsvc.engine.waiting import untaken
from holdsvc.engine.wheel import NEVER
from holdsvc.errors import BadWebhook
from holdsvc.ports import LineWire, Written

ROOM = 128 * 1024  # bytes that are read at once
LEAST_FRAME = 300  # bytes that a frame counts at least, however short it is: looking at it costs as much
TELL = 5.0  # seconds between two tidings that the caller's sound comes
FRAMES_A_SECOND = 100  # from the far end in the long run; genuine ones send fifty
MOST_FRAMES = 3000  # and at once, after a network stood still for as long as we bear it
FRAME_TIME = 0.02  # seconds
log = logging.getLogger(__name__)

# One for all: what is read is understood before the next socket is read.
_buffer = bytearray(ROOM)
_view = memoryview(_buffer)


class OwnedLine:
    """One connection. Its frames wait here until the belt takes them; what comes is looked at when the belt comes by."""

    # fmt: off
    __slots__ = (
        "_allowed", "_belt", "_closing", "_gone", "_heads", "_hear", "_leave", "_ready", "_refuse",
        "_tell_at", "_until", "behind", "came", "fd", "gaps", "head", "held", "length", "listens", "look_at", "place", "row",
        "slot", "sock", "wire",
    )
    # fmt: on

    def __init__(self, sock: socket.socket, wire: LineWire, belt: Belt, leave: Callable[[OwnedLine], None]) -> None:
        """`leave` is told of a farewell that was begun: `serve` it until it is over."""
        self.slot = NEVER
        self.place: Place | None = None  # where the belt comes by, and which of the rows there is ours
        self.row = 0
        self.look_at = 0  # number of the round
        self.came = NEVER  # bytes that waited to be read at the last glance
        self.listens = False  # the caller's sound is heard as well
        self.held = False  # the network takes nothing
        self.gaps = 0  # times when the belt came by and there was nothing, or did not come by
        self.behind = b""  # of a frame that the network took in part
        self._ready: deque[bytes] = deque()  # behind what lies on the belt
        self.sock, self.wire, self._belt, self._leave = sock, wire, belt, leave
        self._heads = belt.heads(wire)
        self.head, self.length, self.fd = wire.sound_head, wire.sound_length, sock.fileno()
        self._closing = self._gone = False
        self._until: float | None = None
        self._hear: Callable[[str | bytes], object] = len  # nobody yet
        self._refuse: Callable[[str], object] = len
        self._tell_at, self._allowed = 0.0, float(MOST_FRAMES * self.length)  # bytes

    # --- to the far end ----------------------------------------------------------------------------------------------

    def begin(self) -> Blocks[bytes]:
        """From now on the belt comes by. Returns where shared sound is to be had as it goes over the line."""
        if not self._closing and self.place is None:
            self._belt.put(self)
        return self._belt.blocks(self.wire)

    @property
    def waiting(self) -> int:
        """Frames that have not been sent."""
        lies = 0 if self.place is None else self.place.rows.left(self.row)
        return lies + sum(map(len, self._ready)) // self.length

    @property
    def dry_at(self) -> float:
        """When the belt comes by and finds nothing, unless more is put here."""
        comes = 0.0 if self.place is None else self._belt.reaches(self.place)
        return comes + self.waiting * FRAME_TIME

    @property
    def backlog(self) -> int:
        return len(self.behind) + untaken(self.sock)

    def put(self, frames: bytes) -> None:
        """Whole frames as they go over the line, one behind the other."""
        if not self._closing:
            self._ready.append(frames)

    def say(self, sound: bytes) -> None:
        """Sound that nobody else hears."""
        self.put(framed(self.wire, sound))

    def clear(self) -> int:
        """Take back what has not been sent. How many frames that were."""
        waiting = self.waiting
        if self.place is not None:
            self.place.rows.take_back(self.row)
        self._ready.clear()
        return waiting

    def turn_over(self) -> bytes:
        """What was put behind the frames that are all sent now."""
        if self.held or not self._ready:
            self.gaps += 1
            return b""
        return self._ready.popleft()

    def send(self, frame: Written) -> None:
        """Nothing but frames of sound goes out, and those by `put`: there is nothing to mark or clear over there."""

    def close(self, code: int) -> None:
        """The far end goes on with what its own plan says next. Who has gone is told nothing."""
        if self._closing:
            return
        self._closing = True
        self.clear()
        if self.place is not None:
            self.place.remove(self)
        if self._gone:
            self.sock.close()
            return
        self.behind += self.wire.farewell
        self._leave(self)

    def serve(self, now: float) -> float | None:
        """The farewell: what the far end still says is read and not heard, so that it reads our last word before the end."""
        if self._until is None:
            self._until = now + FAREWELL
        if self.behind and self.flush():
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_WR)
        if now >= self._until or self._drained():
            self.sock.close()
            return None
        return now + AGAIN

    def flush(self) -> bool:
        """The network has taken what it took in part, or will never take it."""
        try:
            self.behind = self.behind[self.sock.send(self.behind) :]
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            self.behind = b""
        return not self.behind

    def _drained(self) -> bool:
        try:
            return not self.sock.recv_into(_buffer)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            return True

    # --- from the far end --------------------------------------------------------------------------------------------

    def answer_to(self, hear: Callable[[str | bytes], object], refuse: Callable[[str], object]) -> None:
        """Whose line it is. `refuse` closes it, for a reason in a word."""
        self._hear, self._refuse = hear, refuse

    def look(self, now: float) -> None:
        """Hear what has come. The caller's own sound is passed over; that there is some is told once in a while."""
        self._reckon(self._guarded(self._read), now)

    @property
    def swept(self) -> bool:
        """Others may read for us."""
        return not (self.listens or self.wire.rest)

    def pass_over(self, came: int, now: float) -> None:
        """Others have read so many bytes of the caller's own sound."""
        self._reckon(came, now)

    def hear_out(self, whole: bytes, now: float) -> None:
        """Others have read this, at a time when we were not closed yet."""
        if not self._closing:
            self._reckon(self._guarded(lambda: max(len(whole), LEAST_FRAME * self._understand(whole))), now)

    def _guarded(self, read: Callable[[], int]) -> int | None:
        """None: what came cannot be understood, and the line is closed."""
        try:
            return read()
        except BadWebhook as error:
            self._refuse(error.reason)
        except Exception:
            log.exception("line_failed")
            self._refuse("failed")
        return None

    def _reckon(self, came: int | None, now: float) -> None:
        """With so many bytes more."""
        if came is None or self.place is None:
            return
        self._mind_backlog()
        self._allowed -= came
        if came and now >= self._tell_at:
            self._allowed = min(MOST_FRAMES, self._allowed / self.length + FRAMES_A_SECOND * TELL) * self.length
            self._tell_at = now + TELL
            if not self.listens:
                self._hear(self.head.ljust(self.length, b"\0"))
        if self._allowed < 0 and not self._closing:
            self._refuse("too_many_frames")

    def _mind_backlog(self) -> None:
        """What the network does not take is not heaped on it, to come as a burst: it stays on the belt."""
        held, self.held = self.held, not self._closing and self.backlog > self.wire.high_mark
        if self.held and not held:
            self._belt.meter.stream_cut(self.wire.name)
            if self.place is not None and (lies := self.place.rows.take_back(self.row)):
                self._ready.appendleft(lies)

    def _read(self) -> int:
        """Bytes that came, 0 also when no more will."""
        rest = self.wire.rest
        held = len(rest)
        try:
            if held:
                _buffer[:held] = rest
                came = self.sock.recv_into(_view[held:])
            else:
                came = self.sock.recv_into(_buffer)
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
        return max(came, LEAST_FRAME * self._understand(bytes(_view[at:end])))

    def _passed_over(self, end: int) -> int:
        """Where the caller's sound ends, if it is nothing else from the beginning on: then all heads are the same."""
        number = end // self.length
        heads = self._heads.get(number)
        if heads is None:
            heads = self._heads[number] = Heads(self.head, self.length, number)
        return heads.length if heads.of(_buffer) == heads.same else 0

    def _understand(self, whole: bytes) -> int:
        """How many frames had to be looked at."""
        looked_at, sound, all_of_it = 0, self.wire.sound_begins, self.listens
        self.wire.rest = b""
        for frame in self.wire.cut(whole):
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
