"""When a caller speaks: with noise, with our own sound coming back, and whatever the pieces are in which it comes."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdsvc.audio import g711
from holdsvc.audio.formats import RATE
from holdsvc.audio.utterance import LONGEST, Began, Drop, Dropped, Ended, Utterances, nothing_sent
from tests.audio.talk import coded, echo, hush, level, noise, row, sent_of, vowel, word

SHIPPED = Path(__file__).parents[2] / "media" / "prepared"


def heard(ulaw, sent=nothing_sent, piece=160):
    """What came of it, each with the second at which it was told."""
    ear, told = Utterances(), []
    for at in range(0, len(ulaw), piece):
        told += [(ear.at / RATE, one) for one in ear.hear(ulaw[at : at + piece], sent)]
    return told


def kinds(told):
    return [type(one) for _, one in told]


def tune(seconds, seed=7):
    """Music of a kind: chords that change twice a second."""
    rng, at = np.random.default_rng(seed), np.arange(RATE // 2) / RATE
    parts = []
    for _ in range(round(seconds * 2)):
        notes = rng.choice([220, 262, 294, 330, 392, 440, 523, 587], 3, replace=False)
        chord = sum(np.sin(2 * np.pi * note * part * at) / part for note in notes for part in (1, 2, 3, 4))
        parts.append(chord * np.exp(-at * 2))
    return coded(level(np.concatenate(parts), -20))


@pytest.mark.parametrize("line", [-75, -55, -42])
def test_a_word_begins_and_ends_and_its_samples_are_handed_out(line):
    whole = row(hush(1.5), word(), hush(1.5), word(pitch=210), hush(1.5))
    told = heard(coded(whole + noise(len(whole) / RATE, line)))

    assert kinds(told) == [Began, Ended, Began, Ended]
    for (at, one), end in zip(told[1::2], (2.1, 4.2), strict=True):
        assert 0.3 <= at - end <= 0.45, "the end is told 300 to 400 ms after the last voice, and a step"
        assert 0.6 <= len(one.pcm) / 2 / RATE <= 1.3


def test_a_word_with_a_short_vowel_is_an_utterance():
    said = row(hush(0.7), vowel(0.09, -22.0), hush(1))

    found = [one for _, one in heard(coded(said + noise(len(said) / RATE, -60))) if isinstance(one, Ended | Dropped)]

    assert [type(one) for one in found] == [Ended]


def test_a_click_is_no_utterance():
    clicks = row(*(part for _ in range(5) for part in (hush(0.7), noise(0.03, -15))), hush(1))

    assert not [one for _, one in heard(coded(clicks + noise(len(clicks) / RATE, -60))) if isinstance(one, Ended)]


@pytest.mark.parametrize("seed", range(4))
def test_a_cough_has_no_voice(seed):
    cough = noise(0.35, -18, seed) * np.exp(-np.arange(round(0.35 * RATE)) / 1500)
    told = heard(coded(row(noise(1, -60), cough, noise(1, -60))))

    assert [one for _, one in told if isinstance(one, Dropped)] == [Dropped(Drop.VOICELESS)]
    assert not [one for _, one in told if isinstance(one, Ended)]


def test_a_long_talk_is_dropped_and_the_next_word_is_heard():
    long = row(*(part for _ in range(12) for part in (vowel(0.5), hush(0.1))))
    told = heard(coded(row(hush(1), long, hush(2), word(), hush(1)) + noise(4 + len(long) / RATE + 0.6, -60)))

    assert kinds(told) == [Began, Dropped, Began, Ended]
    assert told[1][1].why is Drop.LONG


def test_a_line_that_becomes_noisy_is_heard_again_after_a_while():
    told = heard(coded(row(noise(3, -70), noise(12, -38), noise(3, -38) + row(hush(1), word(-18), hush(1.4)))))

    assert kinds(told)[-2:] == [Began, Ended]
    assert told[-1][0] > 15
    assert sum(isinstance(one, Ended) for _, one in told) == 1


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 2000), min_size=1, max_size=60))
def test_any_cut_of_the_sound_gives_the_same_utterances(lengths):
    music = tune(6)
    said = row(hush(1), word(), hush(1.4), word(pitch=180), hush(3))[: len(music)]
    ulaw = coded(said + echo(music, -12, 0.1))
    sent, ear, told, at, turn = sent_of(music), Utterances(), [], 0, 0
    while at < len(ulaw):
        length = lengths[turn % len(lengths)]
        told += ear.hear(ulaw[at : at + length], sent)
        at, turn = at + length, turn + 1

    assert told == [one for _, one in heard(ulaw, sent)]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.binary(max_size=4000), max_size=30), st.binary(min_size=1, max_size=500))
def test_whatever_comes_is_borne_and_what_is_kept_stays_small(pieces, sent):
    ear = Utterances()
    for piece in pieces:
        ear.hear(piece, lambda start, stop: (sent * (stop - start))[: stop - start])

        assert ear.kept <= (LONGEST + 12) * 160 * 4


def test_nothing_is_kept_of_a_line_that_is_quiet():
    ear = Utterances()
    ear.hear(coded(row(noise(1, -60), word(), noise(2, -60))), nothing_sent)

    assert ear.kept < 8000


# --- what we send ourselves ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delay", [0.02, 0.15, 0.4])
@pytest.mark.parametrize("loss", [-30, -12, -6])
def test_our_own_sound_is_no_utterance(loss, delay):
    music = tune(30)
    told = heard(coded(echo(music, loss, delay) + noise(30, -62)), sent_of(music))

    assert not [one for _, one in told if isinstance(one, Ended)]


@pytest.mark.parametrize("delay", [0.02, 0.3])
def test_a_word_is_heard_over_our_own_sound_and_is_clean_of_it(delay):
    music = tune(24)
    said = row(hush(8), *(part for _ in range(6) for part in (word(-20), hush(2))), hush(1))[: 24 * RATE]
    said = np.pad(said, (0, 24 * RATE - len(said)))
    told = heard(coded(said + echo(music, -12, delay) + noise(24, -62)), sent_of(music))

    ended = [one for _, one in told if isinstance(one, Ended)]
    assert len(ended) == 6
    for one in ended:
        pcm = np.frombuffer(one.pcm, "<i2") / 32768
        assert 10 * np.log10(np.mean(pcm[-2000:] ** 2) + 1e-9) < -40, "the echo behind the word is taken out"


def test_what_was_heard_of_an_idle_line_costs_next_to_nothing():
    quiet, ear = coded(noise(60, -55)), Utterances()
    ear.hear(quiet[:8000], nothing_sent)
    began = time.process_time()
    for at in range(8000, len(quiet), 320):
        ear.hear(quiet[at : at + 320], nothing_sent)

    assert (time.process_time() - began) / 59 < 0.003, "hundreds of lines a core"


def test_a_noisy_line_is_looked_at_seldom_once_its_noise_is_all_there_is_to_know_and_often_after_a_word():
    music, looks = sent_of(coded(level(g711.samples(tune(80)), -18))), []

    def sent(start: int, stop: int) -> bytes:
        looks.append(stop / RATE)
        return music(start, stop)

    line = coded(row(hush(60), word(), hush(15)) + noise(75.6, -55))
    told = heard(line, sent)
    ended = next(at for at, one in told if isinstance(one, Ended))

    assert sum(at < 5 for at in looks) >= 6, "it is learnt soon"
    assert 2 <= sum(40 <= at < 60 for at in looks) <= 15, "and not forgotten"
    assert sum(ended < at <= ended + 5 for at in looks) >= 6, "for the word may have told wrong"


def test_the_shipped_sound_that_comes_back_is_no_utterance():
    """Minutes of music, talk and prompts, one after the other."""
    line = b"".join(path.read_bytes()[: 8 * RATE] for path in sorted(SHIPPED.glob("*.ulaw"))[::12])
    line = line[: 120 * RATE]
    told = heard(coded(echo(line, -12, 0.2) + noise(len(line) / RATE, -66)), sent_of(line), piece=320)

    assert len(line) > 60 * RATE
    assert not [one for _, one in told if isinstance(one, Ended)]


@pytest.mark.parametrize("pitch", [110, 190])
def test_a_line_that_gives_nothing_back_is_heard_as_if_we_sent_nothing(pitch):
    """Our sound is loud, the words begin and end softly, and the filter has nothing but them to learn of."""
    music = coded(level(g711.samples(tune(40)), -13))
    soft = np.concatenate((vowel(0.12, -42, pitch), vowel(0.3, -26, pitch), vowel(0.16, -44, pitch)))
    said = row(hush(5), *(part for _ in range(10) for part in (soft, hush(2.5))))
    whole = coded(said + noise(len(said) / RATE, -68))
    alone, over_music = heard(whole), heard(whole, sent_of(music))

    assert kinds(alone) == [Began, Ended] * 10
    assert kinds(over_music) == kinds(alone)
    for (at, one), (at_alone, one_alone) in zip(over_music[1::2], alone[1::2], strict=True):
        assert at == pytest.approx(at_alone, abs=0.05), "it ends where it ended"
        assert len(one.pcm) == pytest.approx(len(one_alone.pcm), abs=2 * RATE * 0.08), "and began where it began"


@pytest.mark.parametrize("seed", range(3))
def test_a_weak_echo_that_begins_late_is_no_utterance(seed):
    music = tune(30, seed)
    back = echo(music, -24, 0.15)
    back[: 12 * RATE] = 0

    assert not heard(coded(back + noise(30, -66)), sent_of(music))
