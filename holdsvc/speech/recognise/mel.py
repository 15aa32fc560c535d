"""What Whisper's encoder looks at: 8 kHz sound, brought to 16 kHz, as the logarithm of its energy in mel bands. Numpy alone."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from holdsvc.audio.utterance import TUNED_FRAMES, tuned_frames

Samples = NDArray[np.float32]

LINE_RATE = 8000
RATE = 16_000
FFT = 400
HOP = 160
FRAMES_A_SECOND = RATE // HOP
FAINTEST = 1e-10
RANGE = 8.0  # powers of ten below the loudest that are told apart
SHORTEST = 0.1  # seconds below which there was no speech
_REACH = 24  # samples of the line on either side that make one in between


def samples_of(pcm: bytes) -> Samples:
    """16 bits, little endian; an odd byte at the end is left out."""
    return np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2").astype(np.float32) / np.float32(32768)


def spoken(sound: Samples) -> bool:
    """Whether there may be words in it: a voice sounds somewhere. A cough and a knock have none."""
    return len(sound) >= SHORTEST * LINE_RATE and tuned_frames(sound) >= TUNED_FRAMES


def doubled(sound: Samples) -> Samples:
    """8 kHz to 16 kHz: each sample, and behind it one that lies on the same smooth line."""
    result = np.empty(2 * len(sound), np.float32)
    result[0::2] = sound
    padded = np.concatenate([np.zeros(_REACH - 1, np.float32), sound, np.zeros(_REACH, np.float32)])
    result[1::2] = np.convolve(padded, _between(), "valid")[: len(sound)]
    return result


@cache
def _between() -> Samples:
    place = np.arange(-_REACH, _REACH) + 0.5
    taps = np.sinc(place) * np.kaiser(2 * _REACH, 8.0)
    return np.asarray(taps / taps.sum(), np.float32)


def log_mel(sound: Samples, frames: int, bands: int = 80) -> Samples:
    """`sound` at 16 kHz, cut or filled with zeros to so many frames: an array of (bands, frames)."""
    length = frames * HOP
    filled = np.zeros(length, np.float32)
    filled[: min(len(sound), length)] = sound[:length]
    around = np.pad(filled, FFT // 2, mode="reflect")
    pieces = np.lib.stride_tricks.sliding_window_view(around, FFT)[::HOP][:frames]
    energy = np.abs(np.fft.rfft(pieces * _window(), axis=1)) ** 2
    logs = np.log10(np.maximum(energy @ mel_bands(bands).T, FAINTEST))
    levels = (np.maximum(logs, logs.max() - RANGE) + 4.0) / 4.0
    return np.ascontiguousarray(levels.T, np.float32)


@cache
def _window() -> NDArray[np.float64]:
    return np.asarray(np.hanning(FFT + 1)[:-1], np.float64)


@cache
def mel_bands(bands: int) -> NDArray[np.float64]:
    """Triangles of equal area over Slaney's mel scale, from 0 Hz to 8 kHz: (bands, frequencies)."""
    edges = _hertz(np.linspace(0.0, _mel(RATE / 2), bands + 2))
    frequencies = np.linspace(0.0, RATE / 2, FFT // 2 + 1)
    rising = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
    area = 2.0 / (edges[2:] - edges[:-2])
    return np.asarray(np.maximum(0.0, np.minimum(rising, falling)) * area[:, None], np.float64)


_LINEAR = 200.0 / 3  # hertz in a mel, up to 1 kHz; above, the scale is logarithmic
_BEND, _BEND_MEL = 1000.0, 15.0
_STEP = np.log(6.4) / 27.0


def _mel(hertz: float) -> float:
    return float(_BEND_MEL + np.log(hertz / _BEND) / _STEP) if hertz >= _BEND else hertz / _LINEAR


def _hertz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mels < _BEND_MEL, mels * _LINEAR, _BEND * np.exp(_STEP * (mels - _BEND_MEL)))
