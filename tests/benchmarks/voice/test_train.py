"""How the third opinion is taught, over a few made-up examples: no network, no recordings."""

import numpy as np

from holdsvc.speech.recognise.trained import Trained
from tests.benchmarks.voice import lessons, train, voices
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
