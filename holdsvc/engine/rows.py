"""The lines of one place on the belt as rows: what lies there for each, and how a frame of all of them goes out.

One after the other, as any system can; or all in one call into the kernel, where it offers a ring: then nothing is done in Python
for a frame. What goes out and what is told of it is the same.
"""

from __future__ import annotations

import ctypes
import errno
import socket
import struct
from collections.abc import Callable, Iterator, MutableSequence, Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from holdsvc.engine import ring, waiting
from holdsvc.engine.ring import Ring
from holdsvc.engine.waiting import Glanced

NOTHING = b""
PASSING = (-errno.EAGAIN, -errno.EWOULDBLOCK, -errno.EINTR)  # what a send may come to without the connection being over
LEAST = 64  # rows for which there is memory to begin with
NEVER_CAME = -1

L = TypeVar("L", bound=Glanced)
T = TypeVar("T", bound=np.generic)
V = TypeVar("V")


class Cut:
    """A send that did not take a whole frame."""

    __slots__ = ("left", "result", "row")

    def __init__(self, row: int, result: int, left: bytes) -> None:
        self.row = row
        self.result = result  # bytes that were taken, or an error's number below zero
        self.left = left  # of the frame, if a part of it was taken


class Rows(Protocol):
    @property
    def broken(self) -> bool:
        """It can send no more: others must take over what it holds."""

    def add(self, sock: socket.socket, frame: int) -> None:
        """Another row, behind all others, for frames of so many bytes."""

    def remove(self, row: int) -> None:
        """The last row takes its number. The socket must still be open."""

    def lay(self, row: int, stretch: bytes) -> None:
        """Whole frames, to be sent one at a time. Nothing may be left there."""

    def take_back(self, row: int) -> bytes:
        """What was not sent."""

    def left(self, row: int) -> int:
        """Frames that were not sent."""

    def mute(self, row: int, muted: bool) -> None:
        """Its frames pass by in their time, and are not sent."""

    def carry(self, fill: Callable[[int], object]) -> list[Cut]:
        """Send a frame of each. `fill` is asked first to `lay` something for a row where nothing is left."""

    def spoken_to(self, lines: Sequence[L]) -> list[L]:
        """Those of the lines, one for each row, for whom something waits that is not the caller's sound alone; or no more."""

    def pure(self, rows: Sequence[int]) -> Sequence[int]:
        """Bytes that wait in each and are that sound alone, as two glances saw; 0: not known. Told once: they are read now."""


class PlainRows:
    """A call for each frame."""

    broken = False

    def __init__(self) -> None:
        self._sends: list[Callable[[bytes], int]] = []
        self._writes: list[Callable[[bytes], int]] = []  # the same, but of those that are mute
        self._frames: list[Iterator[tuple[bytes]]] = []
        self._cutters: list[struct.Struct] = []

    def add(self, sock: socket.socket, frame: int) -> None:
        self._sends.append(sock.send)
        self._writes.append(sock.send)
        self._cutters.append(struct.Struct(f"{frame}s"))
        self._frames.append(self._cutters[-1].iter_unpack(NOTHING))

    def remove(self, row: int) -> None:
        last_in(self._sends, row)
        last_in(self._writes, row)
        last_in(self._cutters, row)
        last_in(self._frames, row)

    def lay(self, row: int, stretch: bytes) -> None:
        self._frames[row] = self._cutters[row].iter_unpack(stretch)

    def take_back(self, row: int) -> bytes:
        return b"".join(frame for (frame,) in self._frames[row])

    def left(self, row: int) -> int:
        return self._frames[row].__length_hint__()  # type: ignore[attr-defined, no-any-return]  # it always has one

    def mute(self, row: int, muted: bool) -> None:
        self._writes[row] = len if muted else self._sends[row]

    def carry(self, fill: Callable[[int], object]) -> list[Cut]:
        cut = []
        frames_of = self._frames
        for row, write in enumerate(self._writes):
            one = next(frames_of[row], None)
            if one is None:
                fill(row)
                one = next(frames_of[row], None)
                if one is None:
                    continue
            try:
                taken = write(one[0])
            except OSError as error:
                cut.append(Cut(row, -(error.errno or errno.EIO), NOTHING))
                continue
            if taken != len(one[0]):
                cut.append(Cut(row, taken, one[0][taken:]))
        return cut

    def spoken_to(self, lines: Sequence[L]) -> list[L]:
        return waiting.spoken_to(lines)

    def pure(self, rows: Sequence[int]) -> Sequence[int]:
        return [0] * len(rows)


class RingRows:
    """One call for all. A row's frames lie in one stretch, of which the address moves on by one at each send.

    No address is handed out that lies outside of the stretch held here: whose next one would is filled anew or left out.
    """

    def __init__(self, way: Ring) -> None:
        self._ring = way
        self._number = 0
        self._stretches: list[bytes] = []  # held for as long as the kernel may read them
        self._sends, self._asks = ring.blank(LEAST), ring.blank(LEAST)
        self._frame, self._results, self._came, self._pure = (np.zeros(LEAST, np.int32) for _ in range(4))
        self._last = np.zeros(LEAST, np.int64)  # address of the last frame
        self._goes, self._muted, self._found = (np.zeros(LEAST, np.bool_) for _ in range(3))
        self._name()

    @property
    def broken(self) -> bool:
        return self._ring.broken

    def add(self, sock: socket.socket, frame: int) -> None:
        row = self._number
        if row == len(self._sends):
            self._grow()
        self._number += 1
        self._stretches.append(NOTHING)
        for entries, opcode in ((self._sends, ring.SEND), (self._asks, ring.ASK)):
            entries[row] = 0
            one = ring.fields(entries)[row]
            one["opcode"], one["fd"], one["user"] = opcode, sock.fileno(), row
        send = ring.fields(self._sends)[row]
        send["length"], send["how"] = frame, ring.AT_ONCE
        self._frame[row], self._came[row], self._pure[row] = frame, NEVER_CAME, 0
        self._muted[row], self._found[row] = False, True
        self._empty(row)

    def remove(self, row: int) -> None:
        last = self._number - 1
        for numbers in (self._sends, self._asks, self._frame, self._last, self._came, self._pure):
            numbers[row] = numbers[last]
        for flags in (self._goes, self._muted, self._found):
            flags[row] = flags[last]
        self._user[row] = ring.fields(self._asks)["user"][row] = row
        last_in(self._stretches, row)
        self._number = last

    def lay(self, row: int, stretch: bytes) -> None:
        start, frame = address(stretch), int(self._frame[row])
        self._stretches[row] = stretch
        self._next[row], self._last[row] = start, start + len(stretch) // frame * frame - frame
        self._goes[row] = not self._muted[row] and len(stretch) >= frame

    def take_back(self, row: int) -> bytes:
        stretch = self._stretches[row]
        left = stretch[-self.left(row) * int(self._frame[row]) :] if self.left(row) else NOTHING
        self._empty(row)
        return left

    def left(self, row: int) -> int:
        return max(0, (int(self._last[row]) - int(self._next[row])) // int(self._frame[row]) + 1)

    def mute(self, row: int, muted: bool) -> None:
        self._muted[row] = muted
        self._goes[row] = not muted and self.left(row) > 0

    def carry(self, fill: Callable[[int], object]) -> list[Cut]:
        number = self._number
        after, frame = self._next[:number], self._frame[:number]
        for row in (after > self._last[:number]).nonzero()[0].tolist():
            self._empty(row)
            fill(row)
        goes, results = self._goes[:number], self._results[:number]
        results[:] = frame  # of those that are not sent
        sends = self._sends[:number]
        self._ring.run(sends if goes.all() else sends[goes], results)
        after += frame
        return [self._cut(row, int(results[row])) for row in (results != frame).nonzero()[0].tolist()]

    def spoken_to(self, lines: Sequence[L]) -> list[L]:
        if not self._ring.asks:
            return waiting.spoken_to(lines)
        number = self._number
        results, before, frame = self._results[:number], self._came[:number], self._frame[:number]
        results[:] = 0
        self._ring.run(self._asks[:number], results)
        found = (results <= 0) | (results == before) | (results % frame != 0)
        self._pure[:number] = np.where(found | self._found[:number], 0, before)
        before[:], self._found[:number] = results, found
        return [lines[row] for row in found.nonzero()[0].tolist()]

    def pure(self, rows: Sequence[int]) -> Sequence[int]:
        waits: list[int] = self._pure[rows].tolist()
        self._pure[rows], self._found[rows] = 0, True
        return waits

    def _cut(self, row: int, result: int) -> Cut:
        """After the send: the address is the next frame's."""
        if result < 0:
            return Cut(row, result, NOTHING)
        stretch, frame = self._stretches[row], int(self._frame[row])
        sent = int(self._next[row]) - frame - address(stretch)
        return Cut(row, result, stretch[sent + result : sent + frame])

    def _empty(self, row: int) -> None:
        if not self.broken:  # of a ring that failed nobody knows what it still reads
            self._stretches[row] = NOTHING
        self._next[row], self._last[row] = 0, -int(self._frame[row])
        self._goes[row] = False

    def _grow(self) -> None:
        self._sends, self._asks = twice(self._sends), twice(self._asks)
        self._frame, self._results = twice(self._frame), twice(self._results)
        self._came, self._pure = twice(self._came), twice(self._pure)
        self._last, self._goes = twice(self._last), twice(self._goes)
        self._muted, self._found = twice(self._muted), twice(self._found)
        self._name()

    def _name(self) -> None:
        self._next, self._user = ring.fields(self._sends)["address"], ring.fields(self._sends)["user"]


def last_in(column: MutableSequence[V], row: int) -> None:
    """Instead of this one."""
    column[row] = column[-1]
    column.pop()


def twice(column: NDArray[T]) -> NDArray[T]:
    """As many again, and empty."""
    return np.concatenate((column, np.zeros_like(column)))


def address(stretch: bytes) -> int:
    """Where it lies; no bytes ever move."""
    return ctypes.cast(ctypes.c_char_p(stretch), ctypes.c_void_p).value or 0
