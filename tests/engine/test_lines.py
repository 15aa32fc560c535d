"""A line of our own at one end of a connection, the belt turned by hand, and the far end in our hand: both ways to send."""

from __future__ import annotations

import contextlib
import socket
import struct
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdsvc.engine import belt, lines
from holdsvc.engine.belt import ROUND
from holdsvc.engine.lines import MOST_FRAMES, OwnedLine
from holdsvc.engine.sockets import FAREWELL
from holdsvc.engine.wheel import SLOT
from holdsvc.platforms.wires.audiosocket import AudioSocketWire
from tests.engine.lines import END, KEY, SOUND, TICK, WAYS, WHOLE, House, frame, spoken


@pytest.fixture(params=WAYS)
def house(request):
    return House(request.param)


# --- to the far end ------------------------------------------------------------------------------------------------------


def test_a_frame_goes_out_every_twenty_milliseconds_in_one_write(house):
    far = house.dial()
    far.put(1, 2, 3)
    far.put(4)

    came = []
    for _ in range(6):
        house.turn(TICK)
        came.append(far.read())

    assert tuple(came) == (*spoken(1, 2, 3, 4), b"", b"")


@pytest.mark.parametrize(
    ("full", "at_each"), [(1000, [0, 0, 0, 0, 20]), (8, [0, 0, 0, 10, 10]), (15, [0, 0, 0, 5, 15])]
)
def test_lines_are_served_together_until_they_are_many(house, monkeypatch, full, at_each):
    monkeypatch.setattr(belt, "FULL", full)
    fars = [house.dial() for _ in range(20)]
    for far in fars:
        far.put(1, 2)

    at_once = []
    for _ in range(ROUND):
        house.turn(SLOT)
        at_once.append(sum(bool(far.read()) for far in fars))

    assert sorted(at_once) == at_each


def test_what_was_not_sent_is_taken_back_at_once(house):
    far = house.dial()
    far.put(1, 2, 3)
    far.put(4, 5)
    house.turn(2 * TICK)

    taken_back = far.line.clear()
    far.put(9)
    house.turn(2 * TICK)

    assert taken_back == 3
    assert far.read() == b"".join(spoken(1, 2, 9))


def test_a_late_belt_catches_up_with_four_frames_and_no_more(house):
    far = house.dial()
    far.put(*range(40))
    house.turn(TICK)
    assert far.read() == spoken(0)[0]

    house.sleep(3 * TICK)
    assert far.read() == b"".join(spoken(1, 2, 3))
    assert far.line.gaps == 0

    house.sleep(20 * TICK)
    came = far.read()
    assert 3 * WHOLE <= len(came) <= 4 * WHOLE
    assert b"".join(spoken(4, 5, 6, 7)).startswith(came), "nothing is left out"
    assert far.line.gaps == 1


def test_a_belt_that_rested_begins_anew_without_a_gap(house):
    house.turn(1)
    house.now += 3600
    far = house.dial()
    far.put(1, 2)

    house.sleep(0)

    assert far.read() == spoken(1)[0]
    assert far.line.gaps == 0


def test_when_it_will_be_dry_is_when_it_is(house):
    far = house.dial()
    far.put(1, 2, 3)
    house.turn(SLOT)

    dry_at = far.line.dry_at
    while house.now < dry_at - SLOT / 2:
        assert far.line.gaps == 0
        house.turn(SLOT)

    assert far.line.gaps == 1


def test_a_network_that_takes_nothing_is_not_heaped_on_and_hurts_no_other(house, monkeypatch):
    held, good = house.dial(), house.dial()
    monkeypatch.setattr(lines, "untaken", lambda sock: 5000 if sock is held.line.sock else 0)
    for far in (held, good):
        far.put(*range(100))

    house.turn(1)

    assert len(held.read()) <= 6 * WHOLE, "what went out before the first look"
    assert len(good.read()) == 50 * WHOLE
    assert house.counts.cuts == 1
    monkeypatch.setattr(lines, "untaken", lambda sock: 0)
    waiting = held.line.waiting
    house.turn(0.5)
    assert waiting - 25 <= held.line.waiting <= waiting - 18, "then it goes on where it was"


def test_who_talks_and_takes_nothing_is_not_heaped_on_either(house, monkeypatch):
    held = house.dial()
    monkeypatch.setattr(lines, "untaken", lambda sock: 5000)
    held.put(*range(200))

    for _ in range(200):
        held.end.send(SOUND)
        house.turn(TICK)

    assert len(held.read()) <= 40 * WHOLE, "what went out before the first look"
    assert house.counts.cuts == 1
    monkeypatch.setattr(lines, "untaken", lambda sock: 0)
    waiting = held.line.waiting
    house.turn(0.5)
    assert waiting - 25 <= held.line.waiting <= waiting - 20, "then it goes on at once"


def test_a_far_end_that_reads_nothing_gets_whole_frames_only(house, monkeypatch):
    monkeypatch.setattr(lines, "untaken", lambda sock: 0)
    far = house.dial()
    far.line.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    for _ in range(20):
        far.put(*range(100))
        house.turn(2)

    came = b""
    for _ in range(50):
        came += far.read()
        house.turn(TICK)

    assert far.line.waiting == 0
    cut = AudioSocketWire()
    assert {one[:3] for one in cut.cut(came)} == {b"\x10\x01\x40"}
    assert cut.rest == b""


@pytest.mark.parametrize("way", WAYS)
def test_a_frame_that_the_network_took_in_part_is_finished_before_all_else(way, monkeypatch):
    monkeypatch.setattr(lines, "untaken", lambda sock: 0)
    house = House(way, over_tcp=True)
    far = house.dial()
    far.line.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32 * 1024)
    rounds, came = 0, b""
    while not far.line.behind:
        far.put(*range(100))
        house.turn(2)
        came += far.read() if rounds % 5 == 4 else b""
        rounds += 1
        assert rounds < 2000, "the network takes all or nothing"
    taken_in_part = WHOLE - len(far.line.behind)

    while far.line.waiting or far.line.behind:
        came += far.read()
        house.turn(TICK)
    far.line.close(1000)
    far.line.flush()
    far.line.sock.close()
    far.end.setblocking(True)
    while more := far.end.recv(65536):
        came += more

    assert 0 < taken_in_part < WHOLE
    cut = AudioSocketWire()
    frames = list(cut.cut(came))
    assert cut.rest == b""
    assert frames.pop() == END
    assert set(frames) <= set(spoken(*range(100))), "each is whole, and one that was put here"


# --- from the far end ----------------------------------------------------------------------------------------------------


def test_a_key_among_the_callers_sound_is_heard_within_three_frames(house):
    far = house.dial()
    house.turn(1)

    for _ in range(20):
        far.end.send(SOUND + KEY + SOUND)
        house.turn(0.06)
        assert far.heard.pop() == KEY
    assert not far.heard


def test_sound_alone_is_left_unread_for_many_frames_and_its_end_is_noticed_at_once(house):
    far = house.dial()
    house.turn(1)
    reads = Reads(far.line)

    for _ in range(50):
        far.end.send(SOUND)
        house.turn(TICK)
    assert 1 <= reads.number <= 3
    far.end.close()
    house.turn(0.2)

    assert far.heard == [END]


class Reads:
    """How often a line reads its socket."""

    def __init__(self, line: OwnedLine) -> None:
        self.number, self._read, sock = 0, line.sock.recv_into, line.sock
        line.sock = self
        self.send, self.fileno, self.close = sock.send, sock.fileno, lambda: None

    def recv_into(self, buffer: memoryview) -> int:
        self.number += 1
        return self._read(buffer)


pieces = st.lists(st.sampled_from([SOUND, SOUND, SOUND, KEY, frame(0x10, b"12"), frame(0xFF, b"1")]), max_size=30)


@pytest.mark.parametrize("way", WAYS)
@settings(deadline=None)
@given(said=pieces, cuts=st.lists(st.integers(0, 10_000), max_size=20))
def test_bytes_in_other_pieces_give_the_same_frames(way, said, cuts):
    stream = b"".join(said)
    edges = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    house = House(way)
    far = house.dial()

    for start, stop in pairwise(edges):
        far.end.send(stream[start:stop])
        house.turn(0.1)
    house.turn(0.2)  # what is as long as the caller's sound by chance is read when no more comes

    assert far.heard == [one for one in said if not one.startswith(b"\x10")]
    assert not far.refused
    far.close()


def test_the_end_of_the_connection_is_the_farewell(house):
    far = house.dial()
    far.end.send(KEY)
    far.end.close()

    house.turn(0.2)

    assert far.heard == [KEY, END]
    assert not house.leaving, "there is nobody to take leave of"
    assert far.line.sock.fileno() == -1
    assert len(house.belt) == 0


def test_who_breaks_the_format_is_refused(house):
    far = house.dial()
    far.end.send(SOUND + struct.pack(">BH", 0x10, 60_000))

    house.turn(0.2)

    assert far.refused == ["too_long"]


@pytest.mark.parametrize("flood", [SOUND * 50, frame(0x10, b"") * 1000])
def test_who_sends_without_end_is_refused_and_nobody_else_notices(house, flood):
    far, good = house.dial(), house.dial()
    for _ in range(3):
        good.put(*range(250))

    for _ in range(10 * MOST_FRAMES // 50):
        if far.refused:
            break
        with contextlib.suppress(BlockingIOError):
            far.end.send(flood)
        house.turn(0.02)
        good.read()

    assert far.refused == ["too_many_frames"]
    assert good.line.gaps == 0


def test_a_little_too_much_adds_up_and_fifty_a_second_are_borne_for_ever(house):
    far, good = house.dial(), house.dial()

    seconds = 0.0
    while not far.refused and seconds < 100:
        far.end.send(SOUND * 25)
        good.end.send(SOUND * 5)
        house.turn(0.1)
        seconds += 0.1
    for _ in range(1000):
        good.end.send(SOUND * 5)
        house.turn(0.1)

    assert seconds == pytest.approx(MOST_FRAMES / 150, abs=6)
    assert far.refused == ["too_many_frames"]
    assert not good.refused


# --- the end -------------------------------------------------------------------------------------------------------------


def test_our_farewell_is_the_last_that_is_said_and_what_they_still_say_is_read(house):
    far = house.dial()
    far.put(1, 2)
    house.turn(TICK)

    far.line.close(1000)
    far.put(3)
    far.end.send(SOUND * 5)
    again = house.leaving[0].serve(house.now)
    house.turn(TICK)

    assert again is not None
    assert far.read() == spoken(1)[0] + END
    assert far.end.recv(10) == b""
    far.end.close()
    assert any(house.leaving[0].serve(house.now + look / 50) is None for look in range(5))
    assert far.heard == []


def test_a_far_end_that_does_not_go_is_left_after_a_moment(house):
    far = house.dial()
    far.line.close(1000)
    far.line.close(1001)

    (leaving,) = house.leaving
    assert leaving.serve(house.now) is not None
    assert leaving.serve(house.now + FAREWELL - 0.1) is not None
    assert leaving.serve(house.now + FAREWELL) is None
