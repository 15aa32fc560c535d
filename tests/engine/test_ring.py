"""The ring that is shared with the kernel: what was asked for is done when `run` returns, and what fails says so."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import signal
import socket
import struct
import subprocess
import sys

import numpy as np
import pytest

from holdsvc.engine import ring
from holdsvc.engine.ring import Ring, blank, fields
from tests.engine.lines import connected, connected_by_tcp, new_ring

UNTOUCHED = 7777


def sends(ends, words: list[bytes]):
    entries = blank(len(words))
    of = fields(entries)
    of["opcode"], of["how"] = ring.SEND, ring.AT_ONCE
    of["fd"], of["user"] = [end.fileno() for end in ends], np.arange(len(words))
    of["address"] = [ctypes.cast(ctypes.c_char_p(word), ctypes.c_void_p).value for word in words]
    of["length"] = [len(word) for word in words]
    return entries


def results(number: int):
    return np.full(number, UNTOUCHED, np.int32)


def test_more_sends_than_there_is_room_for_are_all_done_each_with_its_own_bytes():
    new_ring()
    small = Ring(entries=8)
    pairs = [connected() for _ in range(30)]

    for turn in range(20):
        words = [f"{turn} for {number}".encode() for number in range(len(pairs))]
        came = results(len(words))
        small.run(sends([ours for ours, _ in pairs], words), came)

        assert came.tolist() == [len(word) for word in words]
        assert [there.recv(100) for _, there in pairs] == words
    assert not small.broken


def test_what_cannot_be_sent_says_why_and_the_others_are_sent():
    way = new_ring()
    full, gone, closed, good = (connected() for _ in range(4))
    with contextlib.suppress(BlockingIOError):
        while True:
            full[0].send(bytes(4096))
    gone[1].close()
    number = closed[0].fileno()
    closed[0].close()
    entries = sends([full[0], gone[0], good[0], good[0]], [b"one", b"two", b"three", b"four"])
    fields(entries)["fd"][2] = number

    came = results(4)
    way.run(entries, came)

    assert came.tolist() == [-errno.EAGAIN, -errno.EPIPE, -errno.EBADF, 4]
    assert good[1].recv(10) == b"four"
    assert not way.broken


def test_of_a_tcp_connection_it_is_told_how_much_waits_to_be_read():
    way = new_ring()
    if not way.asks:
        pytest.skip("this kernel does not tell it")
    ours, there = connected_by_tcp()
    entries, came = blank(1), results(1)
    fields(entries)["opcode"], fields(entries)["fd"] = ring.ASK, ours.fileno()

    waited = []
    for _ in range(3):
        there.send(bytes(323))
        way.run(entries, came)
        waited.append(int(came[0]))

    assert waited == [323, 646, 969]


def test_it_fails_once_and_says_so_and_what_was_not_done_is_untouched():
    way = new_ring()
    ours, there = connected()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, way._fd)
    os.close(nothing)

    came = results(2)
    way.run(sends([ours, ours], [b"one", b"two"]), came)
    way.run(sends([ours, ours], [b"one", b"two"]), came)

    assert way.broken
    assert came.tolist() == [UNTOUCHED, UNTOUCHED]
    with pytest.raises(BlockingIOError):
        there.recv(10)


def test_signals_in_between_change_nothing():
    way = new_ring()
    ours, there = connected()
    came, rang = results(1), []
    before = signal.signal(signal.SIGALRM, lambda *_: rang.append(1))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        for turn in range(3000):
            word = struct.pack(">I", turn)
            way.run(sends([ours], [word]), came)
            assert came[0] == 4
            assert there.recv(10) == word
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert rang
    assert not way.broken


def test_a_ring_that_is_let_go_gives_its_descriptors_back():
    new_ring()
    before = len(os.listdir("/proc/self/fd"))

    for _ in range(20):
        Ring()

    assert len(os.listdir("/proc/self/fd")) == before


def test_a_system_without_it_is_an_error_that_can_be_caught(monkeypatch):
    monkeypatch.setattr(ring, "SETUP", 5000)  # a call that no kernel knows

    with pytest.raises(OSError):
        Ring()


def test_a_system_that_is_not_linux_is_not_even_asked(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")

    with pytest.raises(OSError, match="only Linux"):
        Ring()


FORBIDDEN = """
import ctypes, struct, sys
from holdsvc.engine.ring import Ring
program = struct.pack("HBBI", 0x20, 0, 0, 0) + struct.pack("HBBI", 0x15, 0, 1, 425)
program += struct.pack("HBBI", 0x06, 0, 0, 0x00050001) + struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000)
buffer = ctypes.create_string_buffer(program)
filter = struct.pack("HxxxxxxP", 4, ctypes.addressof(buffer))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
if libc.prctl(22, 2, filter, 0, 0):
    sys.exit("no filter")
try:
    Ring()
except PermissionError as error:
    print("refused:", error.strerror)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="seccomp is Linux's")
def test_where_a_filter_forbids_it_it_is_refused_and_nothing_else_happens():
    told = subprocess.run([sys.executable, "-c", FORBIDDEN], capture_output=True, text=True, timeout=60)
    if "no filter" in told.stderr:
        pytest.skip("this system lets us make no filter")

    assert told.stdout == "refused: Operation not permitted\n", told.stderr
    assert told.returncode == 0


def test_the_kernel_reads_what_was_given_and_not_what_lies_there_later():
    way = new_ring()
    ours, there = connected()
    came = results(1)

    for turn in range(200):
        way.run(sends([ours], [bytes((turn,)) * 323]), came)
        again = [bytes((255,)) * 323 for _ in range(20)]  # where the word lay, other words lie now
        assert there.recv(1000) == bytes((turn,)) * 323
        del again
    assert isinstance(there, socket.socket)
