"""Sound for tests of listening: vowels that stand for words, noise, and a room that gives back what it hears."""

from __future__ import annotations

import numpy as np

from holdsvc.audio.formats import RATE
from holdsvc.audio.g711 import encode, linear, samples


def level(sound: np.ndarray, decibels: float) -> np.ndarray:
    """So loud on the mean, against full scale."""
    return (sound * 10 ** (decibels / 20) / np.sqrt(np.mean(sound**2) + 1e-12)).astype(np.float32)


def vowel(seconds: float, decibels: float = -22.0, pitch: float = 120.0) -> np.ndarray:
    """A voice on one vowel, its pitch falling a little, that begins and ends softly."""
    at = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * pitch * (at - 0.1 * at**2 / max(seconds, 0.1))
    sound = sum(np.sin(number * phase) / number for number in range(1, 20))
    soft = np.minimum(1.0, np.minimum(at, at[::-1]) / 0.03)
    return level(sound * soft, decibels)


def word(decibels: float = -22.0, pitch: float = 120.0) -> np.ndarray:
    """Two syllables."""
    pause = np.zeros(RATE // 20, np.float32)
    return np.concatenate((vowel(0.25, decibels, pitch), pause, vowel(0.3, decibels, pitch * 0.9)))


def noise(seconds: float, decibels: float, seed: int = 1) -> np.ndarray:
    return level(np.random.default_rng(seed).normal(size=round(seconds * RATE)), decibels)


def hush(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE), np.float32)


def row(*sounds: np.ndarray) -> np.ndarray:
    return np.concatenate(sounds)


def coded(sound: np.ndarray) -> bytes:
    return encode(linear(np.clip(sound, -1, 1).astype(np.float32)))


def echo(ulaw: bytes, decibels: float, delay: float, seed: int = 2) -> np.ndarray:
    """What a room gives back of it after so many seconds, softer by so much on the whole."""
    came = np.random.default_rng(seed)
    path = np.zeros(round(delay * RATE) + 400, np.float32)
    path[-400] = 1.0
    path[-399:] = came.normal(size=399) * np.exp(-np.arange(399) / 60) * 0.2
    sound = samples(ulaw)
    size = 1 << (len(sound) + len(path)).bit_length()
    back = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(path, size), size)[: len(sound)]
    return (back * 10 ** (decibels / 20) * np.sqrt(np.mean(sound**2) / (np.mean(back**2) + 1e-12))).astype(np.float32)


def sent_of(ulaw: bytes):
    """What was sent between two samples, silence before the first and after the last."""

    def sent(start: int, stop: int) -> bytes:
        inside = ulaw[max(0, start) : max(0, stop)]
        return (b"\xff" * max(0, min(0, stop) - start) + inside).ljust(stop - start, b"\xff")

    return sent
