"""The recipe: any decoded sound to telephone-ready mu-law, as loud as everything else.

Band limited, trimmed, faded, brought to one loudness and kept below one peak; both are measured on what comes out of
the mu-law decoder, as a caller's handset would. Heavy (numpy, pydub): runs in worker processes, not in the service.
"""

from __future__ import annotations

import os
import sys
import warnings
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from holdsvc.audio import g711
from holdsvc.audio.filters import filtered, lowest_around, taps_of
from holdsvc.audio.formats import BLOCK, RATE, padded, seconds_of, whole_frames
from holdsvc.audio.g711 import Samples
from holdsvc.audio.levels import NOTHING, level, loudness, peak_envelope, true_peak
from holdsvc.content.apart import REFUSED
from holdsvc.content.decoder import DECODED_RATE, decode
from holdsvc.content.sounds import Measured, Prepared, hash_of_file, keep, refuse
from holdsvc.errors import BadContent

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it looks for an ffmpeg program, which it would not be asked to run
    from pydub import AudioSegment
    from pydub.silence import detect_leading_silence

TARGET = -19.0  # LUFS
PEAK = -1.0  # dBTP, at most
TOLERANCE = 0.5  # dB that a prepared item may be off the target

_CLOSE = 0.1  # dB at which levelling stops
_ROUNDS = 12
_FAINTEST = -60.0  # LUFS of a source; what is below is hiss, and would become loud hiss
_LOWEST_PEAK = 1e-5
_SHORTEST = 0.1  # seconds
_LOW_CUT = 120.0  # Hz, 3 dB down, 12 dB an octave: no hum, and voices keep their chest
_BAND, _STOP = 3450.0, 3900.0  # Hz: what the telephone carries, and where nothing is left to fold
_BAND_SECONDS = 0.064  # length of the band filter
_CEILING = -1.5  # dBTP given to the limiter: mu-law's coarse upper steps may add a little
_LIMITER_REACH = RATE // 50  # the gain is down 20 ms before a peak and back 20 ms after
_TRIM = 40.0  # dB below an item's loudness, where its silence begins
_HEAD, _TAIL = 20, 150  # ms of silence that stay
_FADE_IN, _FADE_OUT = 10, 40  # ms
_POLITE = 10  # added to a worker's niceness: calls come first
_WORD = 2**31 - 1  # full scale of pydub's 32 bits


def prepare(pcm: Samples, rate: int, target: float = TARGET) -> Prepared:
    """One channel at a multiple of 8 kHz. BadContent if nothing can be heard in it, or it cannot be made loud enough."""
    if max(pcm.max(initial=0.0), -pcm.min(initial=0.0)) < _LOWEST_PEAK:
        raise BadContent("the file is silent")
    narrow = filtered(pcm, _telephone_band(rate), delay=_band_taps(rate) // 2, every=rate // RATE)
    del pcm  # an hour of it is 230 MB
    if len(narrow) < RATE * _SHORTEST:
        raise BadContent(f"the file is shorter than {_SHORTEST} seconds")
    found = max(loudness(narrow), level(narrow))
    if found < _FAINTEST:
        raise BadContent(f"the file is all but silent ({found:.0f} LUFS)" if found > NOTHING else "the file is silent")
    return finished(levelled(shaped(narrow, found), target))


def finished(ulaw: bytes) -> Prepared:
    whole = padded(ulaw)
    heard = g711.samples(whole)
    measured = Measured(seconds_of(len(whole)), round(level(heard), 2), round(true_peak(heard), 2))
    return Prepared(whole, waveform(heard), measured)


def waveform(samples: Samples) -> bytes:
    blocks = np.pad(np.abs(samples), (0, -len(samples) % BLOCK)).reshape(-1, BLOCK)
    highest: NDArray[np.uint8] = np.minimum(blocks.max(axis=1) * 255, 255).astype(np.uint8)
    return highest.tobytes()


def _band_taps(rate: int) -> int:
    return int(rate * _BAND_SECONDS) | 1


@lru_cache
def _telephone_band(rate: int) -> Samples:
    def response(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
        low = 1 / np.sqrt(1 + (_LOW_CUT / np.maximum(hertz, 1e-3)) ** 4)
        low[0] = 0.0
        across = np.clip((hertz - _BAND) / (_STOP - _BAND), 0.0, 1.0)
        return low * (0.5 + 0.5 * np.cos(np.pi * across))

    taps = taps_of(response, rate, _band_taps(rate))
    window = np.hanning(len(taps) + 2)[1:-1].astype(np.float32)
    return taps - window * np.float32(taps.sum() / window.sum())  # a constant offset is removed altogether


def shaped(samples: Samples, found: float) -> Samples:
    """Without the silence at its ends, with short fades; `found` is how loud it is."""
    scale = _WORD / 2 / float(np.abs(samples).max())
    threshold = found - _TRIM + 20 * float(np.log10(scale / _WORD))
    words = (samples * np.float32(scale)).astype(np.int32).tobytes()
    sound = AudioSegment(words, sample_width=4, frame_rate=RATE, channels=1)
    begin = max(0, detect_leading_silence(sound, threshold) - _HEAD)
    end = len(sound) - max(0, detect_leading_silence(sound.reverse(), threshold) - _TAIL)
    sound = sound[begin:end].fade_in(_FADE_IN).fade_out(_FADE_OUT)
    heard = np.frombuffer(sound.raw_data, np.int32).astype(np.float32)
    heard *= np.float32(1 / scale)
    return np.pad(heard, (0, whole_frames(len(heard)) - len(heard)))  # now, so that nothing is measured otherwise later


def levelled(samples: Samples, target: float) -> bytes:
    """Mu-law whose decoded sound has the target's loudness and no peak above PEAK."""
    peaks = peak_envelope(samples)
    gain, ceiling = target - level(samples), _CEILING
    nearest, best = TOLERANCE, b""
    for _ in range(_ROUNDS):
        ulaw = g711.encode(g711.linear(limited(samples, peaks, gain, ceiling)))
        heard = g711.samples(ulaw)
        off = target - level(heard)
        gain += off
        if abs(off) > nearest:
            continue
        if (over := true_peak(heard) - PEAK) > 0:
            ceiling -= over + 0.05
            continue
        nearest, best = abs(off), ulaw
        if nearest <= _CLOSE:
            break
    if not best:
        raise BadContent(f"the file cannot be brought to {target:g} LUFS below {PEAK:g} dBTP: single loud peaks")
    return best


def limited(samples: Samples, peaks: Samples, gain: float, ceiling: float) -> Samples:
    """With `gain` dB, turned down gently around what would pass the ceiling (dB); `peaks` are of the samples as given."""
    factor, highest = 10 ** (gain / 20), 10 ** (ceiling / 20)
    if float(peaks.max(initial=0.0)) * factor <= highest:
        return samples * np.float32(factor)
    needed: Samples = np.divide(highest / factor, np.maximum(peaks, np.float32(1e-9)), dtype=np.float32)
    np.minimum(needed, np.float32(1.0), out=needed)
    window = np.hanning(2 * _LIMITER_REACH + 3)[1:-1]
    smooth = (window / window.sum()).astype(np.float32)
    padded_gain = np.pad(lowest_around(needed, _LIMITER_REACH), _LIMITER_REACH, mode="edge")
    turned = filtered(padded_gain, smooth, delay=_LIMITER_REACH)[_LIMITER_REACH:-_LIMITER_REACH]
    turned *= samples
    turned *= np.float32(factor)
    return turned


def main(arguments: list[str]) -> int:
    """One file, in a process of its own: what a bad one breaks is this process. Arguments: source, folder, hash."""
    if hasattr(os, "nice"):
        os.nice(_POLITE)
    source, folder, sound = Path(arguments[0]), Path(arguments[1]), arguments[2]
    if hash_of_file(source) != sound:
        sys.stderr.write("the file was changed meanwhile\n")
        return 1
    try:
        keep(prepare(decode(source), DECODED_RATE), folder, sound)
    except BadContent as error:
        refuse(folder, sound, str(error))
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
