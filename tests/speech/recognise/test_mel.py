"""The front end against the formula that it stands for, written plainly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdsvc.speech.recognise import mel


def plain_bands(bands):
    """Slaney's mel filters, one frequency at a time."""

    def to_mel(hertz):
        return 15 + 27 * np.log(hertz / 1000) / np.log(6.4) if hertz >= 1000 else 3 * hertz / 200

    def to_hertz(value):
        return 1000 * 6.4 ** ((value - 15) / 27) if value >= 15 else 200 * value / 3

    edges = [to_hertz(to_mel(8000) * place / (bands + 1)) for place in range(bands + 2)]
    made = np.zeros((bands, 201))
    for band in range(bands):
        low, middle, high = edges[band : band + 3]
        for place in range(201):
            hertz = 40 * place
            height = (hertz - low) / (middle - low) if hertz <= middle else (high - hertz) / (high - middle)
            made[band, place] = max(0, height) * 2 / (high - low)
    return made


def plain_log_mel(sound, frames):
    around = np.pad(sound, 200, mode="reflect")
    time = np.arange(400)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * time / 400)
    waves = np.exp(-2j * np.pi * np.outer(np.arange(201), time) / 400)
    energy = np.array([np.abs(waves @ (around[160 * n : 160 * n + 400] * window)) ** 2 for n in range(frames)])
    logs = np.log10(np.maximum(plain_bands(80) @ energy.T, 1e-10))
    return (np.maximum(logs, logs.max() - 8) + 4) / 4


def test_the_front_end_is_the_formula():
    sound = np.random.default_rng(1).normal(size=16000).astype(np.float32) * np.linspace(0.01, 0.3, 16000, dtype="f4")

    assert mel.log_mel(sound, 100) == pytest.approx(plain_log_mel(sound, 100), abs=1e-4)


@pytest.mark.parametrize("bands", [80, 128])
def test_the_bands_are_the_formula(bands):
    assert mel.mel_bands(bands) == pytest.approx(plain_bands(bands), abs=1e-9)


@pytest.mark.parametrize("hertz", [300, 1000, 2500, 3400])
def test_doubling_the_rate_keeps_a_tone(hertz):
    def tone(rate):
        return np.sin(2 * np.pi * hertz * np.arange(rate) / rate).astype(np.float32)

    assert mel.doubled(tone(8000))[200:-200] == pytest.approx(tone(16000)[200:-200], abs=1e-3)


@given(st.binary(max_size=999), st.integers(3, 40))
def test_any_bytes_have_a_picture_of_the_size_that_was_asked_for(pcm, frames):
    picture = mel.log_mel(mel.doubled(mel.samples_of(pcm)), frames)

    assert picture.shape == (80, frames)
    assert np.isfinite(picture).all()


def test_a_hum_may_be_speech_and_a_hiss_a_knock_and_silence_are_none():
    at = np.arange(4000) / 8000
    hum = sum(np.sin(2 * np.pi * 120 * number * at) / number for number in range(1, 20)).astype(np.float32) * 0.1
    hiss = np.random.default_rng(3).normal(size=4000).astype(np.float32) * 0.1
    knock = hiss * np.exp(-at / 0.02).astype(np.float32)

    assert mel.spoken(hum)
    assert not any(mel.spoken(sound) for sound in (hiss, knock, np.zeros(4000, np.float32), hum[:700], hum[:0]))
