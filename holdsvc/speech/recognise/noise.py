"""Steady noise taken down before anybody listens: hiss and hum of the line, measured where nobody speaks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

PIECE = 256  # samples, 32 ms at 8 kHz
STEP = PIECE // 4
REST = 0.2  # share of the pieces, the faintest, that are taken for noise alone
FLOOR = 0.3  # nothing is taken down further: what is gone altogether sounds like something else
STRENGTH = 1.0


def quieter(sound: Samples) -> Samples:
    """As long as it was; what is too short to tell noise from speech comes back as it is."""
    if len(sound) < 8 * PIECE:
        return sound
    window = np.hanning(PIECE + 1)[:-1]
    padded = np.pad(sound, (PIECE, PIECE + STEP))
    pieces = np.lib.stride_tricks.sliding_window_view(padded, PIECE)[::STEP] * window
    spectrum = np.fft.rfft(pieces, axis=1)
    energy = np.abs(spectrum) ** 2
    gain = np.maximum(1 - STRENGTH * _noise(energy) / np.maximum(energy, 1e-12), FLOOR)
    made = np.fft.irfft(spectrum * gain, PIECE, axis=1) * window
    return np.asarray(_added(made)[PIECE : PIECE + len(sound)] / 1.5, np.float32)  # the squared windows add up to 1.5


def _noise(energy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean energy by frequency of the faintest pieces; those at the ends hold padding."""
    inner = energy[4:-5]
    loudness = inner.sum(axis=1)
    return np.asarray(inner[loudness <= np.quantile(loudness, REST)].mean(axis=0), np.float64)


def _added(pieces: NDArray[np.float64]) -> NDArray[np.float64]:
    """Overlapping pieces as one row of samples."""
    row = np.zeros((len(pieces) + 3, STEP))
    for place in range(4):
        row[place : place + len(pieces)] += pieces[:, place * STEP : (place + 1) * STEP]
    return row.ravel()
