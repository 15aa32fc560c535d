"""A ring shared with the kernel (io_uring): many sends and questions in one call into it, where a call for each is what they cost.

Nothing here waits: all that is asked for is done, or refused, within `run`. So the kernel reads no memory of ours once that has
returned. Libraries for it want a call of Python for every entry, which is what we are here to save: here entries are rows of numpy.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
import socket
import sys
import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

ENTRIES = 1024  # that go into the kernel in one call; the lines of one place are 1,000, or 2,000 on a full belt
SETUP, ENTER = 425, 426  # system calls, the same number on every processor that we know of
SEND, RECEIVE = 26, 27  # what an entry may ask for (io_uring_op)
ASK = 46  # a command to the socket, of which the first is: how many bytes wait to be read (SOCKET_URING_OP_SIOCINQ)
AT_ONCE = 0x40 | 0x4000  # MSG_DONTWAIT, MSG_NOSIGNAL
UNREAD = 0x20  # MSG_TRUNC: over TCP, what is received is let go and written nowhere
GET_EVENTS = 1
ONE_MAP, SKIPS = 1 << 0, 1 << 11  # features; the second came with Linux 5.17, and by then what may not wait never did
QUEUES, SLOTS = 0, 0x10000000  # offsets at which the kernel's memory is mapped
ROUND_NUMBER = 0xFFFFFFFF  # all heads and tails are counted so far, and begin anew

ENTRY = np.dtype(
    [
        ("opcode", "u1"),
        ("flags", "u1"),
        ("priority", "u2"),
        ("fd", "i4"),
        ("offset", "u8"),
        ("address", "i8"),
        ("length", "u4"),
        ("how", "u4"),
        ("user", "u8"),
        ("rest", "V24"),
    ]
)
DONE = np.dtype([("user", "u8"), ("result", "i4"), ("flags", "u4")])
WORDS = ENTRY.itemsize // 8

Entries = NDArray[np.uint64]  # WORDS of each, as they lie in the memory; `fields` names them
Results = NDArray[np.int32]


class _Params(ctypes.Structure):
    """As in linux/io_uring.h; where in its memory the kernel keeps what."""

    _fields_ = [(name, ctypes.c_uint32) for name in ("entries", "results", "flags", "cpu", "idle", "features", "wq")]
    _fields_ += [("reserved", ctypes.c_uint32 * 3), ("sq", ctypes.c_uint32 * 10), ("cq", ctypes.c_uint32 * 10)]


class Ring:
    """`broken` says that it has failed; use it no more."""

    def __init__(self, entries: int = ENTRIES) -> None:
        """Raise OSError where the system has none for us."""
        self._call = system_call()
        params = _Params()
        self._fd = self._checked(self._call(SETUP, entries, ctypes.addressof(params), 0, 0, 0, 0))
        weakref.finalize(self, os.close, self._fd)
        if params.features & (ONE_MAP | SKIPS) != ONE_MAP | SKIPS:
            raise OSError(errno.ENOSYS, "this kernel's io_uring is too old")
        self.broken = False
        self._room = params.entries
        self._map(params)
        self.asks = self._try()  # it can be asked what waits: from Linux 6.7 on

    def run(self, entries: Entries, into: Results) -> None:
        """What each comes to, at its `user`: bytes, or an error's number below zero. What was not done keeps the result it had."""
        for at in range(0, len(entries), self._room):
            some = entries[at : at + self._room]
            self._lay(some)
            self._gather(self._submit(len(some)), into)

    def _lay(self, some: Entries) -> None:
        """All earlier ones have been taken, so that there is room for as many as there are slots."""
        tail = int(self._words[self._tail])
        at = tail & (self._room - 1)
        first = min(len(some), self._room - at)
        self._slots[at : at + first] = some[:first]
        if first < len(some):
            self._slots[: len(some) - first] = some[first:]
        self._words[self._tail] = (tail + len(some)) & ROUND_NUMBER

    def _submit(self, number: int) -> int:
        """How many the kernel took: all, unless it fails."""
        taken = 0
        while taken < number and not self.broken:
            left = number - taken
            came = self._call(ENTER, self._fd, left, left, GET_EVENTS, 0, 0)
            if came > 0:
                taken += came
            elif came == 0 or ctypes.get_errno() != errno.EINTR:
                self.broken = True
                self._words[self._tail] = self._words[self._head]  # nobody shall take them later
        return taken

    def _gather(self, number: int, into: Results) -> None:
        """Wait for the results of so many, which are there: until then the memory is the kernel's as well."""
        while True:
            head, tail = int(self._words[self._done_head]), int(self._words[self._done_tail])
            came = (tail - head) & ROUND_NUMBER
            at = head & (len(self._done) - 1)
            first = min(came, len(self._done) - at)
            for some in (self._done[at : at + first], self._done[: came - first]):
                into[some["user"].astype(np.intp)] = some["result"]
            self._words[self._done_head] = tail
            number -= came
            if number <= 0:
                return
            if self._call(ENTER, self._fd, 0, number, GET_EVENTS, 0, 0) < 0 and ctypes.get_errno() != errno.EINTR:
                self.broken = True
                return

    def _try(self) -> bool:
        """Some let a ring be made and no use be made of it."""
        entries, came = blank(2), np.full(2, -errno.ENOSYS, np.int32)
        byte = ctypes.c_char(0)
        with contextlib.ExitStack() as open_ones:
            here, there = map(open_ones.enter_context, socket.socketpair())
            inquired = open_ones.enter_context(socket.socket())
            of = fields(entries)
            of["opcode"], of["fd"], of["user"] = (SEND, ASK), (here.fileno(), inquired.fileno()), (0, 1)
            of["address"][0], of["length"][0], of["how"][0] = ctypes.addressof(byte), 1, AT_ONCE
            self.run(entries[:1], came)
            self.run(entries[1:], came)
            there.setblocking(False)
            if self.broken or came[0] != 1 or there.recv(2) != byte.value:
                raise OSError(errno.ENOSYS, "this system's io_uring sends nothing")
        return bool(came[1] == 0)

    def _map(self, params: _Params) -> None:
        how = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)
        array, done = params.sq[6], params.cq[5]
        size = max(array + 4 * params.entries, done + DONE.itemsize * params.results)
        queues = mmap.mmap(self._fd, size, flags=how, offset=QUEUES)
        slots = mmap.mmap(self._fd, ENTRY.itemsize * params.entries, flags=how, offset=SLOTS)
        self._words = np.frombuffer(queues, np.uint32, count=size // 4)
        self._head, self._tail = params.sq[0] // 4, params.sq[1] // 4
        self._done_head, self._done_tail = params.cq[0] // 4, params.cq[1] // 4
        self._slots: Entries = np.frombuffer(slots, np.uint64).reshape(params.entries, WORDS)
        self._done = np.frombuffer(queues, DONE, count=params.results, offset=done)
        order = np.frombuffer(queues, np.uint32, count=params.entries, offset=array)
        order[:] = np.arange(params.entries)  # each slot has its own place in the queue, for good

    @staticmethod
    def _checked(came: int) -> int:
        if came < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return came


def fields(entries: Entries) -> NDArray[np.void]:
    """The same memory, by name."""
    return entries.view(ENTRY)[:, 0]


def blank(number: int) -> Entries:
    return np.zeros((number, WORDS), np.uint64)


def system_call() -> Any:  # a function of ctypes has no type of its own
    """A call into the kernel that keeps the interpreter's lock: it is short, and giving the lock away costs more."""
    if not sys.platform.startswith("linux"):
        raise OSError(errno.ENOSYS, "only Linux has io_uring")
    try:
        call = ctypes.PyDLL(None, use_errno=True).syscall
    except AttributeError as error:
        raise OSError(errno.ENOSYS, "no system call can be made from here") from error
    call.argtypes = [ctypes.c_long] * 7
    call.restype = ctypes.c_long
    return call
