"""Glances at sockets that lie unread for as long as one block of sound lasts: does a key wait among the caller's own sound?

Nothing is read for it. The caller's sound comes in messages of one length, so that what waits is a whole number of them; anything
else has another length. One that comes out even by chance is found a moment later, when the socket is read.
"""

from __future__ import annotations

import contextlib
from array import array
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

with contextlib.suppress(ImportError):  # no such system hands its sockets over to us
    from fcntl import ioctl
    from termios import FIONREAD

from holdsvc.engine import ring
from holdsvc.engine.ring import Ring
from holdsvc.engine.shell import Watched

EVERY = 0.06  # seconds between two glances at one socket
ROUNDS = 8  # parts into which all sockets are divided, glanced at one after the other
PART = EVERY / ROUNDS
UNTOLD = -1
MANY = 8  # sockets that are worth a question to the ring
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
        self._questions: Questions | None = None

    def use(self, way: Ring) -> None:
        """From now on many sockets are asked in one call, if it can."""
        if way.asks:
            self._questions = Questions(way)

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
        questions = self._questions
        if questions is not None and len(part) >= MANY and not questions.ring.broken:
            readers = list(part.values())
            return [readers[place] for place in questions.odd(list(part))]
        answer, ask, what = self._answer, ioctl, FIONREAD
        found = []
        for socket, reader in part.items():
            ask(socket.fd, what, answer)
            if answer[0] % socket.frame:
                found.append(reader)
        return found


class Questions:
    """What waits at many sockets, asked of the kernel in one call."""

    def __init__(self, way: Ring) -> None:
        self.ring = way
        self._room(ring.ENTRIES)

    def odd(self, sockets: list[Watched]) -> list[int]:
        """The places of those where something else waits than whole messages, or of which we are not told."""
        number = len(sockets)
        if number > len(self._entries):
            self._room(2 * number)
        came = self._came[:number]
        came[:] = UNTOLD
        self._fd[:number] = [socket.fd for socket in sockets]
        self.ring.run(self._entries[:number], came)
        messages = np.fromiter((socket.frame for socket in sockets), np.int32, number)
        return (came % messages).nonzero()[0].tolist()

    def _room(self, number: int) -> None:
        self._entries = ring.blank(number)
        self._came: NDArray[np.int32] = np.zeros(number, np.int32)
        of = ring.fields(self._entries)
        of["opcode"], of["user"], self._fd = ring.ASK, np.arange(number), of["fd"]
