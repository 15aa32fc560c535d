"""Glances at real sockets: what is told of them, and what is left unread."""

from __future__ import annotations

import random
import socket

import pytest

from holdsvc.engine.frames import PING, TEXT
from holdsvc.engine.glances import EVERY, PART, Glances
from holdsvc.engine.sockets import OwnedSocket
from tests.engine.test_frames import SKIP, client_frame, media

SOUND = client_frame(TEXT, media(1))
KEY = client_frame(TEXT, b'{"event":"dtmf","digit":"1"}')


class Caller:
    def __init__(self) -> None:
        ours, self.far = socket.socketpair()
        self.socket = OwnedSocket(ours, lambda one: None, skip=SKIP)
        self.heard: list[str | bytes] = []

    def read(self, now: float = 0.0) -> None:
        self.socket.sweep(self.heard.append)

    def says(self, *frames: bytes) -> None:
        self.far.send(b"".join(frames))


@pytest.fixture
def caller():
    one = Caller()
    one.says(SOUND)
    one.read()
    yield one
    one.far.close()
    one.socket._end()


@pytest.fixture
def glances(caller):
    made: Glances[Caller] = Glances()
    made.due(100.0)
    made.add(caller.socket, caller)
    return made


def test_the_callers_sound_alone_is_left_where_it_is(caller, glances):
    caller.says(*[SOUND] * 9)

    assert glances.due(100.0 + EVERY) == []


def test_a_key_among_it_is_told_within_a_round(caller, glances):
    caller.says(SOUND, KEY, SOUND)

    told = [one for step in range(1, 9) for one in glances.due(100.0 + step * PART)]

    assert told == [caller]
    caller.read()
    assert len(caller.heard) == 1
    assert glances.due(100.0 + 3 * EVERY) == []


def test_until_a_sound_was_seen_everything_is_told(glances):
    other = Caller()
    glances.add(other.socket, other)
    other.says(SOUND)

    assert glances.due(100.0 + EVERY) == [other]


def test_half_a_message_is_told_until_it_is_whole(caller, glances):
    caller.says(SOUND, SOUND[:100])
    assert glances.due(100.0 + EVERY) == [caller]

    caller.read()
    assert glances.due(100.0 + 2 * EVERY) == []
    caller.says(SOUND[100:])
    assert glances.due(100.0 + 3 * EVERY) == [caller]


def test_a_sound_of_another_length_is_learned(caller, glances):
    longer = client_frame(TEXT, media(2) + b" ")
    caller.says(longer, longer)
    assert glances.due(100.0 + EVERY) == [caller]

    caller.read()
    caller.says(longer, longer, longer)
    assert glances.due(100.0 + 2 * EVERY) == []
    assert caller.heard == []


def test_after_a_stall_each_is_told_once(caller, glances):
    caller.says(client_frame(PING, b""))

    assert glances.due(160.0) == [caller]


def test_who_is_gone_is_not_glanced_at(caller, glances):
    caller.says(KEY)

    glances.remove(caller.socket)

    assert glances.due(100.0 + EVERY) == []


def test_whoever_goes_in_whatever_order_the_others_are_told_of_as_before():
    glances: Glances[Caller] = Glances()
    glances.due(100.0)
    there = [Caller() for _ in range(40)]  # several in each part
    for one in there:
        one.says(SOUND)
        one.read()
        glances.add(one.socket, one)

    order = random.Random(1)
    for step in range(1, len(there)):
        glances.remove(there.pop(order.randrange(len(there))).socket)
        pressed = there[:: step % 3 + 1]
        for one in there:
            one.says(SOUND, *([KEY] if one in pressed else []))

        told = glances.due(100.0 + step * EVERY)

        assert sorted(map(id, told)) == sorted(map(id, pressed))
        for one in there:
            one.read()
