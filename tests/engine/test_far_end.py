from __future__ import annotations

import pytest

from holdsvc.calls.model import CallId, CallRef
from holdsvc.engine import limits
from holdsvc.engine.far_end import FarEnd
from holdsvc.errors import BadWebhook

REF = CallRef("twilio", CallId("CA1"))


class Strict:
    """A wire on which one word means something."""

    def read(self, frame):
        if frame != "word":
            raise BadWebhook("no_word")
        return frame


def a_far_end(now=100.0):
    return FarEnd(Strict(), REF, now)


def test_what_time_allows_is_borne_for_ever_and_more_only_once():
    far, now = a_far_end(), 100.0
    for _ in range(20 * limits.MOST_FRAMES):
        now += 1 / limits.FRAMES_A_SECOND
        assert far.read("word", now) == "word"
    assert far.fault == ""

    for _ in range(2 * limits.MOST_FRAMES):
        far.read("word", now)

    assert far.fault == "too_many_frames"
    assert far.read("word", now) is None


def test_bytes_count_as_the_frames_that_they_would_be():
    far = a_far_end()

    far.heard(limits.MOST_FRAMES, 100.0)
    assert far.fault == ""
    far.heard_twice()
    far.heard(1.0, 100.0)
    assert far.fault == ""
    far.heard(0.5, 100.0)

    assert far.fault == "too_many_frames"


def test_frames_without_meaning_are_borne_up_to_a_number():
    far = a_far_end()

    answers = [far.read("noise", 100.0) for _ in range(limits.MOST_BROKEN)]
    assert (set(answers), far.fault) == ({None}, "")
    far.read("noise", 100.0)

    assert far.fault == "broken_frames"


@pytest.mark.parametrize(
    ("begun", "after", "fault"),
    [
        (False, limits.START_WITHIN - 0.1, ""),
        (False, limits.START_WITHIN, "no_start"),
        (True, limits.START_WITHIN, ""),
        (True, limits.IDLE - 0.1, ""),
        (True, limits.IDLE, "idle"),
    ],
)
def test_who_says_nothing_is_left(begun, after, fault):
    far = a_far_end()

    far.look(100.0 + after, begun=begun)

    assert far.fault == fault


def test_a_network_that_takes_nothing_is_borne_for_a_while_and_anew_each_time():
    far = a_far_end()

    assert not far.takes(100.0, full=True)
    assert not far.takes(100.0 + limits.STUCK_FOR, full=True)
    assert far.takes(101.0 + limits.STUCK_FOR, full=False)
    assert not far.takes(102.0 + limits.STUCK_FOR, full=True)
    assert far.fault == ""
    assert not far.takes(103.0 + 2 * limits.STUCK_FOR, full=True)

    assert far.fault == "takes_nothing"
