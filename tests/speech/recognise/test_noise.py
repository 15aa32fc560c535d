import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdsvc.speech.recognise.noise import quieter

RATE = 8000


def bursts(seconds=2.0):
    """A tone that comes and goes, as speech does."""
    time = np.arange(round(seconds * RATE)) / RATE
    return (0.2 * np.sin(2 * np.pi * 700 * time) * (np.sin(2 * np.pi * time) > 0.3)).astype(np.float32)


def ratio(sound, noisy):
    return float(np.sum(sound**2) / np.sum((noisy - sound) ** 2))


def test_what_is_clean_stays_as_it_is():
    assert quieter(bursts()) == pytest.approx(bursts(), abs=2e-3)


def test_noise_is_taken_down_and_speech_is_not():
    noisy = bursts() + np.random.default_rng(1).normal(size=2 * RATE).astype(np.float32) * 0.04

    assert ratio(bursts(), quieter(noisy)) > 3 * ratio(bursts(), noisy)


@settings(deadline=None)
@given(st.integers(0, 5000), st.sampled_from([0.0, 1.0, -1.0]), st.sampled_from([0.0, 0.3]))
def test_it_is_as_long_as_it_was_and_finite(length, level, noise):
    sound = level + noise * np.random.default_rng(2).normal(size=length)

    made = quieter(sound.astype(np.float32))

    assert len(made) == length
    assert np.isfinite(made).all()
