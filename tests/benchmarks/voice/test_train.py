"""How the third opinion is taught, over a few made-up examples: no network, no recordings."""

import numpy as np
import pytest

from holdsvc.speech.recognise.trained import Trained
from tests.benchmarks.voice import engines, lessons, train, voices
from tests.benchmarks.voice.lessons import Lesson, Lines

WIDE = 8  # numbers for each 20 ms
PLACES = 100


def lines():
    rng = np.random.default_rng(1)
    return Lines(rng.normal(size=80_000).astype(np.float32), [rng.normal(size=9_000).astype(np.float32)])


def examples(count=4000):
    """Three answers, each with a place of its own where it is loud."""
    rng = np.random.default_rng(2)
    answers = rng.integers(0, 3, count)
    values = rng.normal(size=(count, 25 * WIDE)).astype(np.float32)
    values[np.arange(count), 20 * answers] += 8.0
    return train.Taught(["somebody"] * count, answers, values.astype(np.float16))


def test_the_same_lesson_sounds_the_same_each_time_and_no_other_sounds_so():
    speech = np.sin(np.arange(6_000) * 0.3).astype(np.float32)

    first, again = (lines().carried(speech, Lesson("a voice", "jazz", "jazz", 0)) for _ in range(2))
    other = lines().carried(speech, Lesson("a voice", "jazz", "jazz", 1))

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other[: len(first)])
    assert 0.0 < np.abs(first).max() <= 1.0


def test_lines_without_speech_are_sound_too():
    for turn in range(12):
        assert len(lines().alone(turn)) > 1_000


def test_what_is_taught_is_learnt_and_survives_the_packing():
    found = examples()

    state = train.learnt(found, np.arange(len(found.answers)) < 3800, 3)

    base = {"mean": np.zeros(WIDE, np.float32), "onto": np.eye(WIDE, dtype=np.float32)}
    network = Trained(train.packed(base, state, ["jazz", "news"]))
    unseen = found.values[3800:].astype(np.float32).reshape(-1, 25, WIDE)
    heard = [int(network.log_likely(np.repeat(one, 4, axis=0)[None]).argmax()) for one in unseen]
    assert np.mean(heard == found.answers[3800:]) > 0.85
    assert train.told(state, found, np.arange(len(found.answers)) >= 3800).endswith("of 200")


def test_whoever_is_held_out_is_of_the_tuning_voices_and_each_is_held_out_once():
    said_by = [*lessons.speakers(), ""]

    parts = train.held_out("voices", said_by)

    times = sum(part.astype(int) for part in parts.values())
    tuning = {*voices.TUNING, *(f"kokoro {name}" for name in voices.NEURAL_TUNING)}
    assert {voice for voice, count in zip(said_by, times, strict=True) if count == 1} == tuning
    assert times.max() == 1
    assert sum(part.sum() for part in train.held_out("engines", said_by).values()) == len(lessons.speakers())


def test_no_reported_voice_teaches_and_no_other_engine_brings_its_speaker():
    reported = {*voices.REPORTING, *(f"kokoro {name}" for name in voices.NEURAL_REPORTING)}
    people = {"slt", "rms", "kal", *(name.partition("_")[2] for name in voices.NEURAL_REPORTING)}

    assert not reported & {*lessons.speakers(), *(voice for _, voice in lessons.said_by(lessons.RIVALS))}
    assert not [voice for voice in engines.VOICES if people & {*voice.split()}]


def test_a_new_engine_changes_nothing_for_those_who_taught_before(monkeypatch):
    before = [pair for pair in lessons.said_by(lessons.RIVALS) if pair[1] not in engines.VOICES]

    monkeypatch.setattr(engines, "VOICES", {"somebody new": voices.unsaid})

    assert [pair for pair in lessons.said_by(lessons.RIVALS) if pair[1] != "somebody new"] == before
    assert "somebody new" in lessons.speakers()


def test_other_engines_say_every_rival_and_each_of_their_voices_some():
    pairs = [(text, voice) for text, voice in lessons.said_by(lessons.RIVALS) if voice in engines.VOICES]

    assert {text for text, _ in pairs} == {*lessons.RIVALS}
    assert min(sum(voice == name for _, voice in pairs) for name in engines.VOICES) >= 40


@pytest.mark.parametrize(("spoke_before", "times"), [(False, 1), (True, 3)])
def test_an_engine_that_never_spoke_is_asked_only_once(tmp_path, spoke_before, times):
    asked = []

    def say(text, wav):
        asked.append(text)
        if text != "well":
            raise FileNotFoundError(text)
        engines.keep(wav, b"\x00\x40\x00\xc0" * 2000, 8000)

    engine = engines.voices_of("some", {"voice": say})
    texts = ["well" if spoke_before else "ill", "ill", "ill"]
    found = [voices.spoken(tmp_path, "some voice", engine["some voice"], text) for text in texts]

    assert [sound is not None for sound in found] == [spoke_before, False, False]
    assert len(asked) == times


def test_what_is_not_installed_is_left_out(tmp_path):
    def say(text, wav):
        engines.needed("no_such_engine_anywhere").speak(text)

    assert voices.spoken(tmp_path, "nobody", say, "jazz") is None
