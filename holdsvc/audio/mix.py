"""Sound as one caller hears it: an excerpt as it is, or a mixture, its own sound at levels of its own with other sounds over it.

A mixture is made in blocks of a fixed grid, each from the same samples in the same way: what was cut and comes again is the same
to the byte, in whatever pieces it is asked for. A limiter watches over what is added; a sound that is alone passes as it is.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from holdsvc.audio.filters import lowest_around
from holdsvc.audio.formats import BLOCK
from holdsvc.audio.g711 import DECODE, FULL_SCALE, Samples, encode, linear, samples

Dying = NDArray[np.float16]  # finer than mu-law, in half the room

CEILING = 10 ** (-1 / 20)  # the highest magnitude of a sum; prepared sound stays below it by itself
KNEE = 0.6  # from here on to the ceiling, what a caller made louder is rounded
REACH = 32  # samples: 4 ms before and after a peak in which it is turned down


class Over(Struct, frozen=True, gc=False):
    """What is heard over a part: its first sample lies on this sample of the part."""

    part: Part
    at: int

    @property
    def until(self) -> int:
        return self.at + self.part.stop - self.part.start


class Mix(Struct, eq=False, gc=False):
    """`levels`: factors of the part's own sound at some of its samples, straight lines between, the last one for ever."""

    levels: tuple[tuple[int, float], ...] = ()
    over: tuple[Over, ...] = ()
    tail: Dying | None = None  # what dies away over the part's beginning
    made_at: int = -1  # the block that was made last, for whoever reads in smaller pieces
    made: bytes = b""


class Part(Struct, frozen=True, gc=False):
    """An excerpt of a sound, in samples. `content` is "" for prompts: nobody's place in them is remembered."""

    sound: bytes | memoryview
    start: int
    stop: int
    content: str = ""
    gain: float = 0.0  # decibels
    base: int = 0  # the content's sample that sound[0] is
    name: str = ""  # of the whole sound, by what it is: the same name is the same bytes. "" = made for this caller
    ducks: bool = False  # it goes on under prompts, turned down; else it waits for their end
    mix: Mix | None = None

    @property
    def spoken_until(self) -> int:
        """The sample up to which somebody speaks: the end of a prompt, and of prompts over content."""
        if not self.content:
            return self.stop
        return self.mix.over[-1].until if self.mix and self.mix.over else self.start


def sound_of(part: Part, start: int, stop: int) -> bytes | memoryview:
    """As it is heard: a view of the shared sound, made louder, or mixed."""
    if part.mix is not None:
        return b"".join(
            _mixed(part, part.mix, number, start, stop) for number in range(start // BLOCK, -(-stop // BLOCK))
        )
    piece = part.sound[start:stop]
    return bytes(piece).translate(loudness(part.gain)) if part.gain else piece


def layers(part: Part, start: int, stop: int) -> tuple[Samples, Samples]:
    """The part's own sound, as far as there is any, and all that is heard over it. Both go on beyond its end, if asked."""
    own = sounded(part, start, stop)
    over = np.zeros(stop - start, np.float32)
    if part.mix is None:
        return own, over
    if part.mix.levels:
        own *= _levels(part.mix, start, start + len(own))
    for one in part.mix.over:
        shift = one.part.start - one.at
        first, last = max(start, one.at), min(stop, one.until)
        if first < last:
            over[first - start : last - start] += sounded(one.part, first + shift, last + shift)
    if part.mix.tail is not None:
        dying = part.mix.tail[start - part.start :][: stop - start]
        over[: len(dying)] += dying
    return own, over


def level_at(part: Part, at: int) -> float:
    """The factor at which a part's own sound is heard at one of its samples."""
    level = float(_levels(part.mix, at, at + 1)[0]) if part.mix and part.mix.levels else 1.0
    return level * factor(part.gain)


def sounded(part: Part, start: int, stop: int) -> Samples:
    piece = part.sound[start:stop]
    return samples(bytes(piece).translate(loudness(part.gain)) if part.gain else piece)


def factor(gain: float) -> float:
    return float(10 ** (gain / 20))


@lru_cache(maxsize=64)
def loudness(gain: float) -> bytes:
    """What each code of mu-law becomes when it is so many decibels louder. What comes near full scale is rounded, not cut off."""
    louder = DECODE.astype(np.float32) / np.float32(FULL_SCALE) * np.float32(factor(gain))
    if gain > 0:
        beyond = np.maximum(np.abs(louder) - KNEE, 0) / (CEILING - KNEE)
        louder = np.sign(louder) * np.minimum(np.abs(louder), KNEE + (CEILING - KNEE) * np.tanh(beyond))
    return encode(linear(louder.astype(np.float32)))


def _levels(mix: Mix, start: int, stop: int) -> Samples:
    places, factors = zip(*mix.levels, strict=True)
    values: Samples = np.interp(np.arange(start, stop), places, factors).astype(np.float32)
    return values


def _mixed(part: Part, mix: Mix, number: int, start: int, stop: int) -> bytes:
    """What lies between these samples of one block of the grid."""
    begin = max(number * BLOCK, part.start)
    if mix.made_at != number:
        mix.made = _block(part, begin, min((number + 1) * BLOCK, part.stop))
        mix.made_at = number
    made = mix.made
    if stop - begin >= len(made):  # it has been read to its end
        mix.made, mix.made_at = b"", -1
    return made[max(start - begin, 0) : stop - begin]


def _block(part: Part, start: int, stop: int) -> bytes:
    first, last = max(part.start, start - 2 * REACH), min(part.stop, stop + 2 * REACH)
    own, over = layers(part, first, last)
    whole = own + over
    allowed = np.maximum(np.abs(own), np.float32(CEILING))
    if (np.abs(whole) > allowed).any():
        whole *= _restraint(whole, allowed, first - part.start, part.stop - last)
    return encode(linear(whole[start - first : stop - first]))


def _restraint(whole: Samples, allowed: Samples, before: int, behind: int) -> Samples:
    """Factors that bring all below what is allowed, moving slowly, and 1 at the part's own ends: there no other sound is near."""
    needed = allowed / np.maximum(allowed, np.abs(whole))
    lowest = lowest_around(np.pad(needed, REACH, constant_values=1.0), REACH)
    window = np.hanning(2 * REACH + 3)[1:-1]
    calm = np.convolve(lowest, window / window.sum(), "valid")
    place = np.arange(len(whole))
    near = np.minimum(np.minimum(place + before, behind + len(whole) - 1 - place) / REACH, 1.0)
    factors: Samples = (1 - (1 - calm) * near).astype(np.float32)
    return factors
