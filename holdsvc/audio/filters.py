"""Long filters by way of the spectrum, in numpy alone: nothing here runs sample by sample in Python."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from holdsvc.audio.g711 import Samples

Response = Callable[[NDArray[np.float64]], NDArray[np.float64]]  # hertz -> gain

BETWEEN_TAPS = 64

_SIZE = 1 << 15  # samples a transform; long against every filter here, short against a second of memory


def taps_of(response: Response, rate: int, count: int) -> Samples:
    """A filter of an odd `count` of taps, centred: use it with `delay=count // 2`."""
    size = 1 << (8 * count).bit_length()
    gain = response(np.fft.rfftfreq(size, 1 / rate).astype(np.float64))
    impulse = np.roll(np.fft.irfft(gain, size), count // 2)[:count]
    return (impulse * np.hanning(count + 2)[1:-1]).astype(np.float32)


def filtered(signal: Samples, taps: Samples, delay: int, every: int = 1) -> Samples:
    """The signal through the taps, in its own time (`delay` samples of lateness taken away), as long as it was.

    With `every` > 1 only each so manieth sample is kept; the taps must have removed what would fold.
    """
    step = (_SIZE - len(taps) + 1) // every * every
    spectrum = np.fft.rfft(taps, _SIZE)
    result = np.empty(-(-len(signal) // every), np.float32)
    for start in range(0, len(signal), step):
        piece = _cut(signal, start + delay - len(taps) + 1, _SIZE)
        through = np.fft.irfft(np.fft.rfft(piece) * spectrum, _SIZE)[len(taps) - 1 :][:step:every]
        room = result[start // every :][: len(through)]
        room[:] = through[: len(room)]
    return result


def _cut(signal: Samples, start: int, length: int) -> Samples:
    """A stretch of the signal; where it has none (before, behind), zeros."""
    piece = np.zeros(length, np.float32)
    first, last = max(start, 0), min(start + length, len(signal))
    if last > first:
        piece[first - start : last - start] = signal[first:last]
    return piece


def lowest_around(values: Samples, reach: int) -> Samples:
    """For each place the lowest value within `reach` places on either side."""
    lowest = np.pad(values, reach, mode="edge")
    width, wanted = 1, 2 * reach + 1
    while width < wanted:
        shift = min(width, wanted - width)
        lowest = np.minimum(lowest[:-shift], lowest[shift:])
        width += shift
    return lowest


@lru_cache
def between(phase: float) -> Samples:
    """What lies between each sample and its next, 0 < phase < 1 of the way: use with `delay=BETWEEN_TAPS // 2`."""
    n = np.arange(BETWEEN_TAPS) - BETWEEN_TAPS // 2 + phase
    window = np.kaiser(1001, 6.0)
    shape = np.interp(n, np.linspace(-BETWEEN_TAPS / 2, BETWEEN_TAPS / 2, 1001), window)
    taps: Samples = (np.sinc(n) * shape).astype(np.float32)
    return taps
