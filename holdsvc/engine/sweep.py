"""What came on many lines, read in one call into the kernel. The caller's own sound is passed over; of all else each line hears."""

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
        self._of["opcode"], self._of["how"] = ring.RECEIVE, ring.AT_ONCE
        self._of["address"] = self._area.ctypes.data + EACH * np.arange(MOST)
        self._of["user"] = np.arange(MOST)

    def read(self, lines: Sequence[L], now: float) -> list[L]:
        """Returns those that have to be read by themselves: nothing came, no more will, or there is more."""
        alone: list[L] = []
        alike: list[L] = []
        for line in lines:
            kind = alike if line.swept and line.length == lines[0].length else alone
            kind.append(line)
        for at in range(0, len(alike), MOST):
            alone += self._read(alike[at : at + MOST], now)
        return alone

    def _read(self, lines: Sequence[L], now: float) -> list[L]:
        number, length = len(lines), lines[0].length
        most = EACH // length * length
        came = self._came[:number]
        came[:] = -errno.EAGAIN
        self._of["fd"][:number] = [line.fd for line in lines]
        self._of["length"] = most
        self._ring.run(self._entries[:number], came)
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
