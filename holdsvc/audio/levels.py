"""How loud prepared sound is: one meter, so that all items agree.

Loudness is BS.1770-4 (K-weighted, gated at -70 LUFS and 10 LU below). What is shorter than three seconds is too
short for gates of 400 ms and is measured as active speech level (ITU-T P.56, method B). Peaks are true peaks, seen
on a grid four times as fine. All for one channel, at the telephone's rate or a multiple of it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from holdsvc.audio.filters import BETWEEN_TAPS, between, filtered, taps_of
from holdsvc.audio.formats import RATE
from holdsvc.audio.g711 import Samples

SHORT = 3.0  # seconds; below, active speech level
NOTHING = float("-inf")

_HOPS = 10  # a second: blocks of 400 ms begin every 100 ms
_ABSOLUTE_GATE, _RELATIVE_GATE = -70.0, 10.0
_K_SECONDS = 0.256  # the high-pass at 38 Hz has died away
_MARGIN = 15.9  # dB between the active level and its threshold, P.56
_HANGOVER = 0.2  # seconds
_STRETCH = 1 << 22  # samples looked at in one go: an hour at once takes four times the memory
_ENVELOPE = 0.03  # seconds, each of the envelope's two smoothings


def level(samples: Samples, rate: int = RATE) -> float:
    """The one meter: LUFS, or for short items the active speech level in dB of full scale; NOTHING for silence."""
    return active_level(samples, rate) if len(samples) < SHORT * rate else loudness(samples, rate)


def loudness(samples: Samples, rate: int = RATE) -> float:
    weighted = filtered(samples, _k_weighting(rate), delay=_k_taps(rate) // 2)
    hop = rate // _HOPS
    whole = len(weighted) // hop
    hops = _powers(weighted[: whole * hop].reshape(whole, hop)) / hop
    if whole < 4:
        return NOTHING
    blocks = (hops[:-3] + hops[1:-2] + hops[2:-1] + hops[3:]) / 4
    heard = blocks[blocks > 10 ** ((_ABSOLUTE_GATE + 0.691) / 10)]
    if not len(heard):
        return NOTHING
    kept = heard[heard > heard.mean() / 10 ** (_RELATIVE_GATE / 10)]
    return float(-0.691 + 10 * np.log10(kept.mean()))


def _powers(rows: Samples) -> NDArray[np.float64]:
    """The sum of squares of each row, in double precision without a copy of that size."""
    sums: NDArray[np.float64] = np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
    return sums


def _k_taps(rate: int) -> int:
    return int(rate * _K_SECONDS) - 1


@lru_cache
def _k_weighting(rate: int) -> Samples:
    """The recommendation gives its two filters for 48 kHz; what they do below ours is taken from there as it is."""

    def response(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
        z = np.exp(-2j * np.pi * hertz / 48000)
        shelf = (1.53512485958697 - 2.69169618940638 * z + 1.19839281085285 * z**2) / (
            1 - 1.69065929318241 * z + 0.73248077421585 * z**2
        )
        high_pass = (1 - 2 * z + z**2) / (1 - 1.99004745483398 * z + 0.99007225036621 * z**2)
        gain: NDArray[np.float64] = np.abs(shelf * high_pass)  # phase does not matter to a power
        return gain

    return taps_of(response, rate, _k_taps(rate))


def active_level(samples: Samples, rate: int = RATE) -> float:
    """Power of the speech while there is speech, in dB of full scale."""
    power = float(_powers(samples[None])[0])
    if power == 0:
        return NOTHING
    envelope = _held(filtered(np.abs(samples), _smoothing(rate), delay=0), round(_HANGOVER * rate))
    thresholds = 2.0 ** np.arange(-15, 1)
    active = np.array([np.count_nonzero(envelope >= threshold) for threshold in thresholds])
    reached = active > 0
    if not reached.any():
        return NOTHING
    levels = 10 * np.log10(power / active[reached])
    above = levels - 20 * np.log10(thresholds[reached])
    first = int(np.argmax(above <= _MARGIN))  # among the few samples of the highest thresholds it may rise again
    if above[first] > _MARGIN or first == 0:
        return float(levels[first])
    return float(np.interp(_MARGIN, above[[first, first - 1]], levels[[first, first - 1]]))


@lru_cache
def _smoothing(rate: int) -> Samples:
    """Two one-pole smoothings in a row: their common impulse response is n * g**n."""
    decay = np.exp(-1 / (rate * _ENVELOPE))
    n = np.arange(rate // 2)
    taps: Samples = ((1 - decay) ** 2 * (n + 1) * decay**n).astype(np.float32)
    return taps


def _held(envelope: Samples, hangover: int) -> Samples:
    """Each value stays for so many samples unless a higher one comes."""
    held, width = envelope, 1
    while width < hangover:
        shift = min(width, hangover - width)
        held = np.maximum(held, np.concatenate((np.zeros(shift, np.float32), held))[: len(held)])
        width += shift
    return held


def true_peak(samples: Samples) -> float:
    """In dB of full scale (dBTP); NOTHING for silence."""
    highest = 0.0
    for start in range(0, len(samples), _STRETCH):
        before = min(start, BETWEEN_TAPS)
        seen = peak_envelope(samples[start - before : start + _STRETCH + BETWEEN_TAPS])
        highest = max(highest, float(seen[before : before + _STRETCH].max()))
    return float(20 * np.log10(highest)) if highest > 0 else NOTHING


def peak_envelope(samples: Samples) -> Samples:
    """For each sample the highest magnitude from it to just before the next, on the finer grid."""
    highest = np.abs(samples)
    for phase in (0.25, 0.5, 0.75):
        later = filtered(samples, between(phase), delay=BETWEEN_TAPS // 2)
        np.maximum(highest, np.abs(later, out=later), out=highest)
    return highest
