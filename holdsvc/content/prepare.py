"""The recipe: any decoded sound to telephone-ready mu-law, as loud as everything else.

Band limited, trimmed, faded, brought to one loudness and kept below one peak; both are measured on what comes out of
the mu-law decoder, as a caller's handset would. The same cut at 16 kHz is levelled by
what it sounds like there. Heavy (numpy, pydub): runs in worker processes, not in the service.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from holdsvc.audio import g711
from holdsvc.audio.filters import filtered, lowest_around, taps_of
from holdsvc.audio.formats import BLOCK, RATE, padded, seconds_of, whole_frames
from holdsvc.audio.g711 import Linear, Samples
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
_BAND_SECONDS = 0.064  # length of the band filter
_CEILING = -1.5  # dBTP given to the limiter: mu-law's coarse upper steps may add a little
_LIMITER_REACH = 0.02  # seconds: the gain is down 20 ms before a peak and back 20 ms after
_STRETCH = 300  # seconds that are limited at a time: an hour at once would take gigabytes
_TRIM = 40.0  # dB below an item's loudness, where its silence begins
_HEAD, _TAIL = 20, 150  # ms of silence that stay
_FADE_IN, _FADE_OUT = 10, 40  # ms
_POLITE = 10  # added to a worker's niceness: calls come first
_EDGE = 1000  # ms that take part in a fade, and more
_WORD = 2**31 - 1  # full scale of pydub's 32 bits


class Form(Struct, frozen=True):
    """A rate at which sound is kept, and how it is heard there."""

    rate: int
    band: float  # Hz, passed as it is
    stop: float  # Hz, from where nothing is left to fold
    heard: Callable[[Linear], Samples]


TELEPHONE = Form(RATE, 3450.0, 3900.0, lambda linear: g711.samples(g711.encode(linear)))
WIDE = Form(2 * RATE, 7000.0, 7900.0, g711.floats)


def prepare(pcm: Samples, rate: int, target: float = TARGET, *, wide: bool = True) -> Prepared:
    """One channel at a multiple of 16 kHz. BadContent if nothing can be heard in it, or it cannot be made loud enough.

    Without `wide` there is no sound at 16 kHz, for half the work; the telephone's is the same to the bit.
    """
    if max(pcm.max(initial=0.0), -pcm.min(initial=0.0)) < _LOWEST_PEAK:
        raise BadContent("the file is silent")
    narrow = banded(pcm, rate, TELEPHONE)
    if len(narrow) < RATE * _SHORTEST:
        raise BadContent(f"the file is shorter than {_SHORTEST} seconds")
    found = max(loudness(narrow), level(narrow))
    if found < _FAINTEST:
        raise BadContent(f"the file is all but silent ({found:.0f} LUFS)" if found > NOTHING else "the file is silent")
    begin, end = sounding(narrow, found)
    wider = banded(pcm, rate, WIDE) if wide else None
    del pcm  # an hour of it is 230 MB, and so is each step that follows
    told = levelled(shaped(narrow, TELEPHONE, begin, end), target)
    del narrow
    made = replace(finished(g711.encode(told)), pcm8=_words(told))
    if wider is None:
        return made
    wider = shaped(wider, WIDE, begin, end, 2 * len(told))
    return replace(made, pcm16=_wide(wider, target))


def _wide(samples: Samples, target: float) -> bytes:
    """None where only the narrow band can be brought to its loudness: that is then what is heard."""
    with contextlib.suppress(BadContent):
        return _words(levelled(samples, target, WIDE))
    return b""


def _words(linear: Linear) -> bytes:
    return linear.astype("<i2", copy=False).tobytes()


def finished(ulaw: bytes) -> Prepared:
    whole = padded(ulaw)
    heard = g711.samples(whole)
    measured = Measured(seconds_of(len(whole)), round(level(heard), 2), round(true_peak(heard), 2))
    return Prepared(whole, waveform(heard), measured)


def waveform(samples: Samples) -> bytes:
    blocks = np.pad(np.abs(samples), (0, -len(samples) % BLOCK)).reshape(-1, BLOCK)
    highest: NDArray[np.uint8] = np.minimum(blocks.max(axis=1) * 255, 255).astype(np.uint8)
    return highest.tobytes()


def banded(pcm: Samples, rate: int, form: Form) -> Samples:
    return filtered(pcm, _band(rate, form), delay=_band_taps(rate) // 2, every=rate // form.rate)


def _band_taps(rate: int) -> int:
    return int(rate * _BAND_SECONDS) | 1


@lru_cache
def _band(rate: int, form: Form) -> Samples:
    def response(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
        low = 1 / np.sqrt(1 + (_LOW_CUT / np.maximum(hertz, 1e-3)) ** 4)
        low[0] = 0.0
        across = np.clip((hertz - form.band) / (form.stop - form.band), 0.0, 1.0)
        return low * (0.5 + 0.5 * np.cos(np.pi * across))

    taps = taps_of(response, rate, _band_taps(rate))
    window = np.hanning(len(taps) + 2)[1:-1].astype(np.float32)
    return taps - window * np.float32(taps.sum() / window.sum())  # a constant offset is removed altogether


def sounding(samples: Samples, found: float) -> tuple[int, int]:
    """Where the silence at the ends of telephone sound is over and begins again, in ms; `found` is how loud it is."""
    scale = _scale(samples)
    sound = _segment(samples, RATE, scale)
    threshold = found - _TRIM + 20 * float(np.log10(scale / _WORD))
    begin = max(0, detect_leading_silence(sound, threshold) - _HEAD)
    end = len(sound) - max(0, detect_leading_silence(sound.reverse(), threshold) - _TAIL)
    return begin, end


def shaped(samples: Samples, form: Form, begin: int, end: int, length: int = 0) -> Samples:
    """Between two moments (ms), with short fades; as long as asked for, or whole frames."""
    a_ms, scale = form.rate // 1000, _scale(samples)
    cut = samples[begin * a_ms : end * a_ms]
    heard = np.zeros(
        length or whole_frames((end - begin) * a_ms), np.float32
    )  # now: nothing is measured otherwise later
    heard[: len(cut)] = cut[: len(heard)]
    edge = min(_EDGE, end - begin)  # only the edges go by way of words: an hour of those is large
    head = _segment(heard[: edge * a_ms], form.rate, scale).fade_in(_FADE_IN)
    heard[: edge * a_ms] = _floats(head, scale)
    tail = slice((end - begin - edge) * a_ms, (end - begin) * a_ms)
    heard[tail] = _floats(_segment(heard[tail], form.rate, scale).fade_out(_FADE_OUT), scale)[: len(heard[tail])]
    return heard


def _scale(samples: Samples) -> float:
    return _WORD / 2 / max(float(samples.max()), -float(samples.min()))


def _segment(samples: Samples, rate: int, scale: float) -> AudioSegment:
    words = (samples * np.float32(scale)).astype(np.int32).tobytes()
    return AudioSegment(words, sample_width=4, frame_rate=rate, channels=1)


def _floats(sound: AudioSegment, scale: float) -> Samples:
    samples = np.frombuffer(sound.raw_data, np.int32).astype(np.float32)
    samples *= np.float32(1 / scale)
    return samples


def levelled(samples: Samples, target: float, form: Form = TELEPHONE) -> Linear:
    """Whose sound, as the form has it heard, has the target's loudness and no peak above PEAK."""
    peaks = peak_envelope(samples)
    gain, ceiling = target - level(samples, form.rate), _CEILING
    nearest, best = TOLERANCE, None
    for _ in range(_ROUNDS):
        linear = g711.linear(limited(samples, peaks, gain, ceiling, form.rate))
        heard = form.heard(linear)
        off = target - level(heard, form.rate)
        gain += off
        if abs(off) > nearest:
            continue
        if (over := true_peak(heard) - PEAK) > 0:
            ceiling -= over + 0.05
            continue
        nearest, best = abs(off), linear
        if nearest <= _CLOSE:
            break
    if best is None:
        raise BadContent(f"the file cannot be brought to {target:g} LUFS below {PEAK:g} dBTP: single loud peaks")
    return best


def limited(samples: Samples, peaks: Samples, gain: float, ceiling: float, rate: int = RATE) -> Samples:
    """With `gain` dB, turned down gently around what would pass the ceiling (dB); `peaks` are of the samples as given."""
    factor, highest = 10 ** (gain / 20), 10 ** (ceiling / 20)
    if float(peaks.max(initial=0.0)) * factor <= highest:
        return samples * np.float32(factor)
    reach, stretch = round(_LIMITER_REACH * rate), _STRETCH * rate
    turned = np.empty_like(samples)
    for start in range(0, len(samples), stretch):
        before = min(start, 2 * reach)  # a gain looks around itself, and is smoothed with those around it
        around = slice(start - before, start + stretch + 2 * reach)
        gains = _gains(peaks[around], highest / factor, reach)[before : before + stretch]
        turned[start : start + stretch] = gains * samples[start : start + stretch]
    turned *= np.float32(factor)
    return turned


def _gains(peaks: Samples, highest: float, reach: int) -> Samples:
    needed: Samples = np.divide(highest, np.maximum(peaks, np.float32(1e-9)), dtype=np.float32)
    np.minimum(needed, np.float32(1.0), out=needed)
    window = np.hanning(2 * reach + 3)[1:-1]
    smooth = (window / window.sum()).astype(np.float32)
    lowest = np.pad(lowest_around(needed, reach), reach, mode="edge")
    return filtered(lowest, smooth, delay=reach)[reach:-reach]


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
