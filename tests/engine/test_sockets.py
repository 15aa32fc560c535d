"""The owned socket at one end of a pair, and the far end in our hand."""

from __future__ import annotations

import socket

import pytest

from holdsvc.engine.frames import BINARY, CLOSE, PING, TEXT
from holdsvc.engine.sockets import FAREWELL, GONE, OwnedSocket
from tests.engine.test_frames import SKIP, client_frame, media


class Ends:
    def __init__(self, early: bytes = b"") -> None:
        ours, self.far = socket.socketpair()
        self.far.setblocking(False)
        self.leaving: list[OwnedSocket] = []
        self.heard: list[str | bytes] = []
        self.ours = OwnedSocket(ours, self.leaving.append, early, SKIP)

    def sweep(self) -> int:
        return self.ours.sweep(self.heard.append)

    def read(self) -> bytes:
        try:
            return self.far.recv(1 << 20)
        except BlockingIOError:
            return b""


@pytest.fixture
def ends():
    both = Ends()
    yield both
    both.far.close()
    both.ours._end()


def test_what_came_is_heard_and_the_callers_sound_is_counted_only(ends):
    ends.far.send(client_frame(TEXT, media(1)) + client_frame(TEXT, b"one") + client_frame(BINARY, b"two"))

    assert ends.sweep() > 0
    assert ends.heard == ["one", b"two"]
    assert ends.sweep() == 0

    ends.far.send(client_frame(TEXT, media(2)))
    assert ends.sweep() == len(client_frame(TEXT, media(2)))
    assert ends.heard == ["one", b"two"]


def test_what_was_read_before_it_was_ours_is_heard_first():
    frame = client_frame(TEXT, b"one")
    ends = Ends(early=frame + frame[:3])

    ends.sweep()
    ends.far.send(frame[3:] + client_frame(TEXT, b"two"))
    ends.sweep()

    assert ends.heard == ["one", "one", "two"]


def test_a_ping_is_answered(ends):
    ends.far.send(client_frame(PING, b"are you there"))

    ends.sweep()

    assert ends.read() == b"\x8a\x0dare you there"


def test_what_the_network_does_not_take_goes_out_later_and_in_order(ends):
    sent = b""
    while not ends.ours.backlog:
        ends.ours.send("x" * 5000)
        sent += b"\x81\x7e\x13\x88" + b"x" * 5000
    ends.ours.send("last")
    sent += b"\x81\x04last"

    came = b""
    while ends.ours.backlog or len(came) < len(sent):
        came += ends.read()
        ends.sweep()

    assert came == sent


def test_a_far_end_that_reads_nothing_costs_no_more_than_the_limit(ends):
    for _ in range(1000):
        ends.ours.send(b"x" * 10000)

    assert 0 < ends.ours.backlog <= 512 * 1024 + 10010


def test_the_end_is_agreed_on_when_we_begin_it(ends):
    ends.ours.close(1001)
    ends.ours.close(1000)
    ends.ours.send("nothing goes out after the end")

    assert ends.leaving == [ends.ours]
    assert ends.ours.serve(10.0) is not None
    assert ends.read() == b"\x88\x02\x03\xe9"
    ends.far.send(client_frame(TEXT, b"still talking") + client_frame(CLOSE, b"\x03\xe9"))
    assert ends.ours.serve(10.02) is None
    assert ends.far.recv(100) == b""
    assert ends.heard == []


def test_a_far_end_that_does_not_agree_is_left_after_a_moment(ends):
    ends.ours.close(1000)

    assert ends.ours.serve(10.0) is not None
    assert ends.ours.serve(10.0 + FAREWELL - 0.1) is not None
    assert ends.ours.serve(10.0 + FAREWELL) is None


def test_the_end_is_agreed_on_when_they_begin_it(ends):
    ends.far.send(client_frame(CLOSE, b"\x03\xe8bye"))

    assert ends.sweep() == GONE
    assert ends.read() == b"\x88\x02\x03\xe8"
    assert ends.leaving[0].serve(1.0) is None
    assert ends.far.recv(100) == b""


def test_a_far_end_that_breaks_off_is_gone(ends):
    ends.far.close()

    assert ends.sweep() == GONE
    ends.ours.send("into the void")
    assert not ends.leaving


@pytest.mark.parametrize(("frame", "code"), [(client_frame(TEXT, b"\xff\xfe"), 1007), (b"\x81\x05hello", 1002)])
def test_what_cannot_be_understood_is_told_why_and_what_follows_is_read_unheard(ends, frame, code):
    ends.far.send(client_frame(TEXT, b"one") + frame + client_frame(TEXT, b"two"))

    assert ends.sweep() == GONE
    assert ends.heard == ["one"]
    assert ends.read() == b"\x88\x02" + code.to_bytes(2)
    ends.far.send(b"\x00" * 1000)
    assert ends.ours.serve(1.0) is not None
    ends.far.close()
    assert any(ends.ours.serve(1.0 + look / 100) is None for look in range(5))
