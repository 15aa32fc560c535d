"""Content for who wants none: near-silence that still says, every fifteen seconds, that the line is alive."""

from __future__ import annotations

import numpy as np

from holdsvc.audio import g711
from holdsvc.audio.formats import RATE
from holdsvc.audio.g711 import Samples
from holdsvc.content.sounds import QUIET_SECONDS

_EVERY = 15  # seconds between signs of life
_NOISE = 10 ** (-66 / 20)  # an empty digital line sounds dead
_SIGN = 10 ** (-34 / 20)
_NOTES = ((0.0, 523.25), (0.35, 659.26))  # seconds into the sign, Hz


def quiet() -> bytes:
    """The same bytes each time, in mu-law."""
    samples = np.random.default_rng(15).standard_normal(int(QUIET_SECONDS * RATE)).astype(np.float32) * np.float32(
        _NOISE
    )
    sign = _sign()
    for start in range(_EVERY * RATE // 2, len(samples), _EVERY * RATE):
        samples[start : start + len(sign)] += sign
    return g711.encode(g711.linear(samples))


def _sign() -> Samples:
    t = np.arange(2 * RATE) / RATE
    sign = np.zeros(len(t))
    for begin, hertz in _NOTES:
        since = np.maximum(t - begin, 0)
        sign += np.sin(2 * np.pi * hertz * since) * np.minimum(since / 0.04, 1) * np.exp(-since / 0.28)
    soft: Samples = (sign * _SIGN / np.abs(sign).max()).astype(np.float32)
    return soft
