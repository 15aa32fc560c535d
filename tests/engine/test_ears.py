"""The ear for one stream where sound is held up: our own, coming back, is nobody's word, and a caller's word is heard."""

from __future__ import annotations

import random

import numpy as np
import pytest

from holdsvc.audio.formats import FRAME, RATE
from holdsvc.audio.utterance import Ended
from holdsvc.engine.ears import Listener
from tests.audio.talk import coded, echo, hush, noise, row, sent_of, word
from tests.audio.test_utterance import tune

SECONDS = 60
DELAY = 0.12
QUIET = 8.0  # seconds without trouble at the beginning


class Wire:
    """Sends without an end. `held` frames less than it should have sent."""

    def __init__(self, music: bytes) -> None:
        self.player, self.held, self.frames = self, 0, 0
        self._sent = sent_of(music)

    def played(self, now: float) -> int:
        return (self.frames - self.held) * FRAME

    def sounding(self, start: int, stop: int) -> bytes:
        return self._sent(start, stop)


def utterances(came, music, hiccups, lasting):
    """What the ear takes for words. At a hiccup the wire says for two frames that it has sent less, or from then on."""
    wire, ear, told = Wire(music), Listener(), []
    for number in range(len(came) // FRAME):
        wire.frames = number
        lately = [begin for begin in hiccups if begin <= number and (lasting or number < begin + 2)]
        wire.held = len(lately)
        for one in ear.hear(came[number * FRAME : (number + 1) * FRAME], wire, number * FRAME / RATE):
            told += [number] if isinstance(one, Ended) else []
    return told


def at_random(seed):
    """Frames at which something was held up, one to four times within a third of a second."""
    rng, times = random.Random(seed), []
    for second in range(int(QUIET), SECONDS - 4, 5):
        begin = second * RATE // FRAME + rng.randrange(50)
        times += sorted(begin + rng.randrange(16) for _ in range(rng.randint(1, 4)))
    return times


def held_up(sound, hiccups):
    """What comes back when the far end heard nothing for a frame each time, and the rest later."""
    frames = [sound[at : at + FRAME] for at in range(0, len(sound), FRAME)]
    for begin in hiccups:
        frames.insert(begin + round(DELAY * RATE / FRAME), np.zeros(FRAME, np.float32))
    return np.concatenate(frames)[: len(sound)]


@pytest.mark.parametrize("seed", range(3))
def test_our_sound_is_no_utterance_where_the_reckoning_of_what_was_played_is_late_by_frames(seed):
    music = tune(SECONDS, seed)
    came = coded(echo(music, -12, DELAY) + noise(SECONDS, -62))

    assert utterances(came, music, at_random(seed), lasting=False) == []


@pytest.mark.parametrize("seed", range(3))
def test_our_sound_is_no_utterance_where_it_comes_back_later_each_time(seed):
    music, hiccups = tune(SECONDS, seed), at_random(seed)
    came = coded(held_up(echo(music, -12, DELAY), hiccups) + noise(SECONDS, -62))

    assert utterances(came, music, hiccups, lasting=True) == []


def test_words_are_heard_beside_such_moments():
    music, hiccups = tune(SECONDS), at_random(1)
    said = row(hush(QUIET), *(part for _ in range(16) for part in (word(-18), hush(2.4))))[: SECONDS * RATE]
    said = np.pad(said, (0, SECONDS * RATE - len(said)))
    came = coded(said + held_up(echo(music, -12, DELAY), hiccups) + noise(SECONDS, -62))

    assert len(utterances(came, music, hiccups, lasting=True)) >= 12, "of 16"
