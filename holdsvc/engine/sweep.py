"""What came on many lines, read in one call into the kernel. The caller's own sound is passed over; of all else each line hears.

Where it is known to be that sound alone, it is not even read: the kernel lets go of it, and not a byte is copied.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from holdsvc.engine import ring
from holdsvc.engine.ring import Ring

MOST = 64  # lines that are read at once: what comes of them fits into a core's cache
EACH = 16384  # bytes of each; a second of sound


class Swept(Protocol):
    fd: int
    head: bytes  # of nearly every frame of the caller's sound
    length: int  # and how long such a frame is

    @property
    def swept(self) -> bool:
        """It may be read by others, from the beginning of a frame on."""

    def pass_over(self, came: int, now: float) -> None:
        """So many bytes came, the caller's sound alone."""

    def hear_out(self, whole: bytes, now: float) -> None:
        """This came."""


L = TypeVar("L", bound=Swept)


class Sweep:
    def __init__(self, way: Ring) -> None:
        self._ring = way
        self._area = np.zeros((MOST, EACH), np.uint8)
        self._entries, self._came = ring.blank(MOST), np.zeros(MOST, np.int32)
        self._of = ring.fields(self._entries)
        self._of["opcode"] = ring.RECEIVE
        self._of["address"] = self._area.ctypes.data + EACH * np.arange(MOST)
        self._of["user"] = np.arange(MOST)

    def read(self, lines: Sequence[L], now: float, pure: Sequence[int] = ()) -> list[L]:
        """Returns those that have to be read by themselves: nothing came, no more will, or there is more.

        `pure`: for each, bytes that begin what waits and are known to be whole frames of the caller's sound; () for none of any.
        """
        alone: list[L] = []
        alike: list[L] = []
        unread: list[tuple[L, int]] = []
        for line, known in zip(lines, pure or (0,) * len(lines), strict=True):
            if not line.swept or line.length != lines[0].length:
                alone.append(line)
            elif known:
                unread.append((line, known))
            else:
                alike.append(line)
        for at in range(0, len(alike), MOST):
            alone += self._read(alike[at : at + MOST], now)
        for at in range(0, len(unread), MOST):
            alone += self._let_go(unread[at : at + MOST], now)
        return alone

    def _let_go(self, some: Sequence[tuple[L, int]], now: float) -> list[L]:
        came = self._take([line for line, _ in some], [known for _, known in some], ring.AT_ONCE | ring.UNREAD)
        alone = []
        for (line, _), bytes_ in zip(some, came.tolist(), strict=True):
            if bytes_ > 0:
                line.pass_over(bytes_, now)
            else:
                alone.append(line)
        return alone

    def _take(self, lines: Sequence[L], most: int | Sequence[int], how: int) -> NDArray[np.int32]:
        """How many bytes of each, or an error's number below zero."""
        number = len(lines)
        came = self._came[:number]
        came[:] = -errno.EAGAIN
        self._of["fd"][:number] = [line.fd for line in lines]
        self._of["length"][:number], self._of["how"][:number] = most, how
        self._ring.run(self._entries[:number], came)
        return came

    def _read(self, lines: Sequence[L], now: float) -> list[L]:
        length = lines[0].length
        most = EACH // length * length
        came = self._take(lines, most, ring.AT_ONCE)
        alone = []
        for place, (line, bytes_, sound) in enumerate(
            zip(lines, came.tolist(), self._sound(came, lines[0]).tolist(), strict=True)
        ):
            if sound:
                line.pass_over(bytes_, now)
            elif bytes_ > 0:
                line.hear_out(self._area[place, :bytes_].tobytes(), now)
            if bytes_ <= 0 or bytes_ == most:
                alone.append(line)
        return alone

    def _sound(self, came: NDArray[np.int32], one: Swept) -> NDArray[np.bool_]:
        """Of which lines the caller's sound came, whole frames of it, and nothing else: then all heads are the same."""
        number, length = len(came), one.length
        most = int(came.max()) // length
        if most <= 0:
            return np.zeros(number, np.bool_)
        heads = self._area[:number, : most * length].reshape(number, most, length)[:, :, : len(one.head)]
        same = (heads == np.frombuffer(one.head, np.uint8)).all(axis=2)
        frames = came // length
        beyond = np.arange(most) >= frames[:, np.newaxis]
        sound: NDArray[np.bool_] = (same | beyond).all(axis=1) & (frames > 0) & (came == frames * length)
        return sound
