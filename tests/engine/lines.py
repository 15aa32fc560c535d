"""A belt whose time is in our hand, lines of the service on it, and their far ends, over loopback."""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import socket
import struct

import numpy as np
import pytest

from holdsvc.audio.formats import FRAME
from holdsvc.engine.belt import ROUND, Belt
from holdsvc.engine.lines import OwnedLine
from holdsvc.engine.ring import RECEIVE, SEND, Entries, Results, Ring, fields
from holdsvc.engine.wheel import SLOT
from holdsvc.platforms.wires.audiosocket import AudioSocketWire

WHOLE = 3 + 2 * FRAME
TICK = ROUND * SLOT
ONE_BY_ONE, BY_RING, ON_PAPER = "one by one", "by ring", "as by ring"
WAYS = (ONE_BY_ONE, BY_RING, ON_PAPER)


def frame(kind: int, payload: bytes = b"") -> bytes:
    return struct.pack(">BH", kind, len(payload)) + payload


SOUND, KEY, END = frame(0x10, bytes(2 * FRAME)), frame(3, b"5"), frame(0)


def spoken(*numbers: int) -> tuple[bytes, ...]:
    return tuple(frame(0x10, bytes((number,)) * 2 * FRAME) for number in numbers)


@functools.cache
def refusal() -> str:
    """Why this system has no ring for us; "" if it has."""
    try:
        Ring()
    except OSError as error:
        return f"io_uring is refused here: {error}"
    return ""


def new_ring() -> Ring:
    if refusal():
        pytest.skip(refusal())
    return Ring()


class PaperRing(Ring):
    """Does what it is asked for one by one, so that all but the kernel's own part is tried on every system."""

    def __init__(self) -> None:
        self.asks = self.broken = False

    def run(self, entries: Entries, into: Results) -> None:
        for one in fields(entries):
            try:
                into[one["user"]] = self._do(one)
            except OSError as error:
                into[one["user"]] = -(error.errno or errno.EIO)

    def _do(self, one: np.void) -> int:
        address, length = int(one["address"]), int(one["length"])
        if one["opcode"] == SEND:
            return os.write(one["fd"], ctypes.string_at(address, length))
        assert one["opcode"] == RECEIVE
        came = os.read(one["fd"], length)
        ctypes.memmove(address, came, len(came))
        return len(came)


class Counts:
    def __init__(self) -> None:
        self.late: list[float] = []
        self.cuts = 0

    def stream_late(self, wire: str, seconds: float) -> None:
        self.late.append(seconds)

    def stream_cut(self, wire: str) -> None:
        self.cuts += 1


class House:
    """A belt, its time, and lines on it."""

    def __init__(self, way: str, *, over_tcp: bool = False) -> None:
        self.over_tcp = over_tcp
        self.now = 100.0
        self.counts = Counts()
        self.ring = {ONE_BY_ONE: lambda: None, BY_RING: new_ring, ON_PAPER: PaperRing}[way]()
        if self.ring is not None and not over_tcp:
            self.ring.asks = False  # of TCP alone the kernel tells there what waits
        self.belt = Belt(self.counts, lambda: self.now, self.ring)
        self.leaving: list[OwnedLine] = []
        self.belt.turn(self.now)

    def dial(self) -> Far:
        return Far(self)

    def turn(self, seconds: float) -> None:
        """As a loop that is never late."""
        until = self.now + seconds
        while self.now < until - SLOT / 2:
            self.now += SLOT
            self.belt.turn(self.now)

    def sleep(self, seconds: float) -> None:
        """As a loop that was kept from its core."""
        self.now += seconds
        self.belt.turn(self.now)


class Far:
    def __init__(self, house: House) -> None:
        ours, self.end = connected_by_tcp() if house.over_tcp else connected()
        self.wire = AudioSocketWire()
        self.line = OwnedLine(ours, self.wire, house.belt, house.leaving.append)
        self.heard: list[bytes] = []
        self.refused: list[str] = []
        self.line.answer_to(self.hear, self.refuse)
        self.line.begin()

    def put(self, *numbers: int) -> None:
        self.line.put(b"".join(spoken(*numbers)))

    def hear(self, said: str | bytes) -> None:
        assert isinstance(said, bytes)
        if not said.startswith(b"\x10"):
            self.heard.append(said)

    def refuse(self, reason: str) -> None:
        self.refused.append(reason)
        self.line.close(1008)

    def read(self) -> bytes:
        try:
            return self.end.recv(1 << 20)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        self.end.close()
        self.line.close(1000)
        self.line.sock.close()


def connected() -> tuple[socket.socket, socket.socket]:
    """Both ends; neither waits. What is sent here is there at once, as nothing over TCP must be."""
    here, there = socket.socketpair()
    here.setblocking(False)
    there.setblocking(False)
    return here, there


def connected_by_tcp() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as door:
        there = socket.create_connection(door.getsockname())
        here, _ = door.accept()
    for end in (here, there):
        end.setblocking(False)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return here, there
