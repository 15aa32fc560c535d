"""The belt under whatever comes together: each line is sent its own frames, all of them, in order and in their time."""

from __future__ import annotations

import os
import resource
import socket
import struct
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdsvc.engine import belt
from holdsvc.engine.belt import ROUND, Belt
from holdsvc.engine.lines import OwnedLine
from holdsvc.platforms.wires.audiosocket import AudioSocketWire
from tests.engine.lines import (
    BY_RING,
    END,
    KEY,
    TICK,
    WAYS,
    WHOLE,
    Counts,
    Far,
    House,
    connected,
    frame,
    new_ring,
    spoken,
)

LINES = st.integers(0, 7)
moves = st.lists(
    st.one_of(
        st.tuples(st.just("dial"), st.just(0), st.just(0)),
        st.tuples(st.just("put"), LINES, st.integers(1, 12)),
        st.tuples(st.just("put"), LINES, st.integers(1, 12)),
        st.tuples(st.just("turn"), st.just(0), st.integers(1, 8)),
        st.tuples(st.just("turn"), st.just(0), st.integers(1, 8)),
        st.tuples(st.just("clear"), LINES, st.just(0)),
        st.tuples(st.just("key"), LINES, st.just(0)),
        st.tuples(st.just("drop"), LINES, st.just(0)),
    ),
    max_size=60,
)


class Told:
    """What a line is to be sent, and was sent."""

    def __init__(self, house: House, name: int) -> None:
        self.far, self.name = Far(house), name
        self.coming: deque[bytes] = deque()
        self.numbered = self.keys = 0
        self.over = False

    def put(self, number: int) -> None:
        frames = [frame(0x10, struct.pack(">II", self.name, self.numbered + one) * 40) for one in range(number)]
        self.numbered += number
        self.coming.extend(frames)
        self.far.line.put(b"".join(frames))

    def clear(self) -> None:
        assert self.far.line.waiting == len(self.coming)
        assert self.far.line.clear() == len(self.coming)
        self.coming.clear()

    def press(self) -> None:
        self.keys += 1
        self.far.end.send(KEY)

    def drop(self) -> None:
        self.over = True
        self.coming.clear()
        self.far.line.close(1000)
        assert self.far.line.serve(0.0) is not None
        assert self.far.read() == END

    def turned(self) -> None:
        assert self.far.read() == (self.coming.popleft() if self.coming else b"")


@pytest.mark.parametrize("way", WAYS)
@settings(deadline=None)
@given(moves=moves)
def test_whatever_comes_together_each_line_is_sent_its_own_frames_in_their_time(way, moves):
    house = House(way)
    lines = [Told(house, name) for name in range(3)]
    for what, which, number in moves:
        one = lines[which % len(lines)]
        if what == "dial":
            lines.append(Told(house, len(lines)))
        elif what == "turn":
            turn(house, lines, number)
        elif not one.over:
            move(one, what, number)
    turn(house, lines, 10)

    for line in lines:
        assert line.over or line.far.heard == [KEY] * line.keys
        line.far.close()


def turn(house: House, lines: list[Told], rounds: int) -> None:
    for _ in range(rounds):
        house.turn(TICK)
        for line in lines:
            line.turned()


def move(line: Told, what: str, number: int) -> None:
    match what:
        case "put":
            line.put(number)
        case "clear":
            line.clear()
        case "key":
            line.press()
        case "drop":
            line.drop()


@pytest.mark.parametrize("way", WAYS)
def test_a_far_end_that_resets_takes_nobody_with_it(way):
    house = House(way, over_tcp=True)
    fars = [house.dial() for _ in range(12)]
    for far in fars:
        far.put(*range(50))
    house.turn(5 * TICK)
    for far in fars[::3]:
        far.end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        far.end.close()
    house.turn(0.3)

    for far in fars[::3]:
        assert far.heard == [END]
        assert far.line.sock.fileno() == -1
    rest = [far for far in fars if not far.heard]
    assert len(rest) == len(house.belt) == 8
    assert {far.line.gaps for far in rest} == {0}


@pytest.mark.parametrize("way", WAYS)
def test_a_line_that_takes_another_ones_row_is_sent_its_own(way):
    house = House(way)
    fars = [house.dial() for _ in range(ROUND * 4)]
    for number, far in enumerate(fars):
        far.put(*[number] * 10)
    house.turn(TICK)
    for far in fars[:-ROUND:2]:
        far.line.close(1000)
        far.read()

    house.turn(2 * TICK)

    for number, far in enumerate(fars):
        if far.line.place is not None:
            assert far.read() == spoken(number)[0] * 3
            assert far.line.waiting == 7


def test_a_ring_that_fails_is_done_without_and_costs_a_frame(caplog):
    house = House(BY_RING)
    fars = [house.dial() for _ in range(2 * ROUND)]
    for far in fars:
        far.put(*range(20))
    house.turn(3 * TICK)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, house.ring._fd)
    os.close(nothing)

    came = {far: far.read() for far in fars}
    for _ in range(17):
        house.turn(TICK)
        for far in fars:
            came[far] += far.read()

    assert caplog.messages.count("ring_failed") == 1
    frames = spoken(*range(20))
    for far in fars:
        assert came[far] == b"".join(frames[:3] + frames[4:]), "the one is lost that was to go by it"
        assert far.line.gaps == 0


@pytest.mark.parametrize("way", WAYS)
def test_three_thousand_lines_are_each_sent_their_frames(way):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 7000:
        pytest.skip(f"only {hard} descriptors are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 7000), hard))
    house = House(way)
    shared = b"".join(spoken(*range(100)))
    fars = [house.dial() for _ in range(3000)]
    for far in fars:
        far.line.put(shared)

    try:
        for number in range(5):
            house.turn(TICK)
            assert all(far.read() == shared[number * WHOLE : number * WHOLE + WHOLE] for far in fars)
        assert sum(len(place.lines) for place in house.belt.places) == 3000
    finally:
        for far in fars:
            far.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_ring_is_taken_by_an_empty_belt_alone():
    counts = Counts()
    one = Belt(counts, lambda: 100.0)
    plain = [type(place.rows) for place in one.places]
    line = OwnedLine(connected()[0], AudioSocketWire(), one, lambda line: None)
    line.begin()

    one.use(new_ring())
    assert [type(place.rows) for place in one.places] == plain
    line.close(1000)
    one.use(new_ring())

    assert {type(place.rows) for place in one.places} == {belt.RingRows}
