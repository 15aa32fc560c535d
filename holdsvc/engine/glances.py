"""Glances at sockets that lie unread for as long as one block of sound lasts: does a key wait among the caller's own sound?

Nothing is read for it. The caller's sound comes in messages of one length, so that what waits is a whole number of them; anything
else has another length. One that comes out even by chance is found a moment later, when the socket is read.
"""

from __future__ import annotations

import contextlib
from array import array
from typing import Generic, Protocol, TypeVar

with contextlib.suppress(ImportError):  # no such system hands its sockets over to us
    from fcntl import ioctl
    from termios import FIONREAD

from holdsvc.engine.rows import last_in
from holdsvc.engine.shell import Watched

EVERY = 0.06  # seconds between two glances at one socket
ROUNDS = 8  # parts into which all sockets are divided, glanced at one after the other
PART = EVERY / ROUNDS
ROOM = 1028  # bytes; for an answer in so many of them the interpreter neither copies nor hands its lock over


class Read(Protocol):
    def read(self, now: float) -> None:
        """Read what has come."""


T = TypeVar("T", bound=Read)


class Glances(Generic[T]):
    def __init__(self) -> None:
        self._parts: list[Part[T]] = [Part() for _ in range(ROUNDS)]
        self._next = 0  # number of the part that is glanced at next

    def add(self, socket: Watched, reader: T) -> None:
        min(self._parts, key=len).add(socket, reader)

    def remove(self, socket: Watched) -> None:
        for part in self._parts:
            part.remove(socket)

    def due(self, now: float) -> list[T]:
        """Whose socket has something to be read, of those whose turn it is. Late, nobody is glanced at twice."""
        last = int(now / PART)
        first, self._next = max(self._next, last - ROUNDS + 1), last + 1
        found: list[T] = []
        for number in range(first, last + 1):
            found += self._parts[number % ROUNDS].glance()
        return found


class Part(Generic[T]):
    """What a glance needs of each lies side by side: to look it up in a thousand sockets would cost more than to ask."""

    def __init__(self) -> None:
        self._row: dict[Watched, int] = {}
        self._sockets: list[Watched] = []
        self._readers: list[T] = []
        self._fds, self._frames = array("i"), array("i")  # the second as it was when we looked last
        self._answer = array("i", bytes(ROOM))

    def __len__(self) -> int:
        return len(self._sockets)

    def add(self, socket: Watched, reader: T) -> None:
        self._row[socket] = len(self._sockets)
        self._sockets.append(socket)
        self._readers.append(reader)
        self._fds.append(socket.fd)
        self._frames.append(socket.frame)

    def remove(self, socket: Watched) -> None:
        """The last one takes its row."""
        row = self._row.pop(socket, None)
        if row is None:
            return
        self._row[self._sockets[-1]] = row
        self._row.pop(socket, None)  # the last one itself
        last_in(self._sockets, row)
        last_in(self._readers, row)
        last_in(self._fds, row)
        last_in(self._frames, row)

    def glance(self) -> list[T]:
        answer, ask, what = self._answer, ioctl, FIONREAD
        told = []
        for row, (fd, frame) in enumerate(zip(self._fds, self._frames, strict=True)):
            ask(fd, what, answer)
            if answer[0] % frame and answer[0] % self._frame_of(row):
                told.append(self._readers[row])
        return told

    def _frame_of(self, row: int) -> int:
        """As it is now: the caller's messages grow longer as they are counted."""
        frame = self._frames[row] = self._sockets[row].frame
        return frame
