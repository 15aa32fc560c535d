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
        self._parts: list[dict[Watched, T]] = [{} for _ in range(ROUNDS)]
        self._next = 0  # number of the part that is glanced at next
        self._answer = array("i", bytes(ROOM))

    def add(self, socket: Watched, reader: T) -> None:
        min(self._parts, key=len)[socket] = reader

    def remove(self, socket: Watched) -> None:
        for part in self._parts:
            part.pop(socket, None)

    def due(self, now: float) -> list[T]:
        """Whose socket has something to be read, of those whose turn it is. Late, nobody is glanced at twice."""
        last = int(now / PART)
        first, self._next = max(self._next, last - ROUNDS + 1), last + 1
        found: list[T] = []
        for number in range(first, last + 1):
            found += self._glance(self._parts[number % ROUNDS])
        return found

    def _glance(self, part: dict[Watched, T]) -> list[T]:
        answer, ask, what = self._answer, ioctl, FIONREAD
        found = []
        for socket, reader in part.items():
            ask(socket.fd, what, answer)
            if answer[0] % socket.frame:
                found.append(reader)
        return found
