"""Content that gives way to a caller who speaks, and the time line of what was sent."""

from __future__ import annotations

import numpy as np
import pytest

from holdsvc.audio.formats import RATE, SILENCE
from holdsvc.audio.g711 import encode, linear, samples
from holdsvc.audio.player import LOWER, Player, excerpt


def tone(seconds, seed=3):
    rng = np.random.default_rng(seed)
    return memoryview(encode(linear((rng.normal(size=round(seconds * RATE)) * 0.1).astype(np.float32))))


def test_content_gives_way_to_a_caller_who_speaks_and_comes_back_to_the_very_sample():
    sound, player = tone(10), Player()
    player.play([excerpt(sound, content="waltz", name="waltz")])
    before = bytes(player.read(50))
    assert player.duck()
    lower = bytes(player.read(100))
    assert player.unduck()
    after = bytes(player.read(100))

    assert before == sound[: len(before)]
    low = slice(len(before) + 4000, len(before) + 16000)
    assert loudness_of(lower[4000:]) == pytest.approx(loudness_of(sound[low]) + LOWER, abs=0.3)
    assert after[4000:] == sound[len(before) + len(lower) + 4000 : len(before) + len(lower) + len(after)]
    assert player.heard(player.sent)[-1].until_second == player.sent / RATE
    assert [one.content for one in player.heard(player.sent)] == []


def loudness_of(ulaw):
    return 10 * np.log10(np.mean(samples(bytes(ulaw)) ** 2))


def test_nothing_gives_way_where_somebody_else_speaks_or_nothing_is_heard():
    player = Player()
    assert not player.duck()
    player.play([excerpt(tone(2), name="hello"), excerpt(tone(5), content="waltz", name="waltz")])
    player.read(10)

    assert not player.duck()
    assert not player.unduck()


def test_what_is_asked_for_while_content_is_turned_down_is_as_loud_as_ever():
    player, other = Player(), tone(5, 4)
    player.play([excerpt(tone(10), content="waltz", name="waltz")])
    player.read(50)
    player.duck()
    player.read(20)
    player.play([excerpt(other, content="news", name="news")])
    assert not player.unduck()
    heard = bytes(player.read(200))

    assert heard[4000:] == other[4000 : len(heard)]


def test_the_time_line_tells_what_was_sent_and_silence_where_nothing_was():
    sound, player = tone(10), Player()
    player.play([excerpt(sound, content="waltz", name="waltz")])
    sent = bytes(player.read(40))
    player.duck()
    sent += bytes(player.read(60))

    assert player.sounding(0, len(sent)) == sent
    assert player.sounding(1234, 9000) == sent[1234:9000]
    assert player.sounding(-100, 100) == bytes((SILENCE,)) * 100 + sent[:100]
    assert player.sounding(len(sent) - 50, len(sent) + 50) == sent[-50:] + bytes((SILENCE,)) * 50
