"""When a caller speaks, and what exactly: 8 kHz mu-law in, in any pieces, and out come the beginning and the end of each utterance.

A step is 40 ms, judged in frames of 20. What is no louder than the line's own noise costs a look at its energy and nothing more.
What we send ourselves is taken out first (`echo`), and what may be left of it is never loud enough to count. A click, a cough and
a long talk are no utterances. Sound is kept while somebody speaks, and a moment before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import StrEnum

import numpy as np
from msgspec import Struct

from holdsvc.audio.echo import PARTS, REACH, SMALL, STEP, Echo
from holdsvc.audio.formats import FRAME, RATE, SILENCE
from holdsvc.audio.g711 import Samples, linear, samples

Sent = Callable[[int, int], bytes]  # what we sent between two samples of the caller's time, mu-law, nothing left out

QUIETEST = 10 ** (-50 / 10)  # mean square of a frame that may be speech: -50 dBFS
ABOVE_NOISE = 10 ** (7 / 10)  # times the noise of the line
ABOVE_ECHO = 10 ** (3 / 10)  # times the mean echo that a band may have
UP = 10 ** (0.1 / 10)  # a step: noise is believed to rise by 2.5 dB a second
FALL = 0.3  # share of the way down, a frame
SURER = 10 ** (-0.15 / 10)  # a step: the most echo that there may be is believed to fall by 4 dB a second
LOUDER = 10 ** (1.5 / 10)  # and to rise by 37
CAREFUL = 10 ** (-24 / 10)  # nobody begins to speak below such an echo, though none was heard so far
GLANCE, AT_ONCE = PARTS, 0.25  # steps between two looks at a quiet line; what one look may tell
IN_VAIN, SELDOM = 6, 10 * GLANCE  # looks that told nothing, and steps between two of those that follow
LEAST_SHARE = 10 ** (-60 / 10)
LOUD = 10 ** (-40 / 10)  # mean square of what we send that would be heard coming back
BEFORE = 8  # frames that are kept from before speech was noticed, and belong to it
SOFTLY = 16  # and more of them, where it was likely before it was sure
SURE = 2  # what counts for a frame with a voice that no echo can be
WINDOW, ENOUGH = 8, 5  # so many frames with a voice among so many are speech
HANGOVER = 18  # frames without a voice that end it: 360 ms
LEAST = 5  # frames with a voice: less is a click
LONGEST = 200  # frames: four seconds are no command
TUNED = 0.4  # how alike neighbouring periods of a voice are
TUNED_FRAMES = 2  # of those that a vowel has: without, it was a cough or a rustle
_LAGS = slice(RATE // 400, RATE // 70)  # a voice's period


class Drop(StrEnum):
    SHORT = "short"
    VOICELESS = "voiceless"
    LONG = "long"


class Began(Struct, frozen=True):
    """Somebody speaks."""


class Ended(Struct, frozen=True):
    """An utterance: 8 kHz, 16 bits, little endian, without our own sound."""

    pcm: bytes

    def __repr__(self) -> str:
        return f"Ended({len(self.pcm) / 2 / RATE:.1f} s)"


class Dropped(Struct, frozen=True):
    """What had begun was no utterance; a long one is dropped before it is over."""

    why: Drop


Heard = Began | Ended | Dropped


class Utterances:
    __slots__ = (
        "_before",
        "_bound",
        "_echo",
        "_floor",
        "_kept",
        "_kept_of_it",
        "_lately",
        "_left",
        "_lowest",
        "_pauses",
        "_quiet",
        "_recent",
        "_rest",
        "_sent",
        "_soft",
        "_speaks",
        "_vain",
        "_voiced",
        "at",
        "suppressed",
    )

    def __init__(self) -> None:
        self.at = 0  # samples of the caller's that were heard
        self.suppressed = 0  # frames that would have counted as speech, were they not our own
        self._rest = b""  # less than a step
        self._floor = 0.0  # mean square of the line's noise, 0 before anything was heard
        self._lowest = 0.0  # mean square of a frame since somebody began to speak
        self._bound = 1.0  # share of what we send that may come back at the most
        self._kept_of_it = 1.0  # share of that which the filter leaves
        self._echo: Echo | None = None
        self._sent: deque[float] = deque(maxlen=PARTS + 1)  # mean squares of what we sent, a step each
        self._before: deque[Samples] = deque()
        self._recent: deque[int] = deque(maxlen=WINDOW)  # of each frame: a voice is not likely, likely, or sure
        self._soft = 0  # frames by which what is likely came before what is sure
        self._speaks = False
        self._kept: list[Samples] = []
        self._voiced = self._pauses = self._left = self._quiet = 0
        self._lately = 0.0  # the loudest frame since the last look
        self._vain = 0  # looks in a row that told nothing

    @property
    def speaks(self) -> bool:
        return self._speaks

    @property
    def kept(self) -> int:
        """Bytes of sound that are held."""
        return sum(one.nbytes for one in (*self._before, *self._kept)) + len(self._rest)

    def hear(self, came: bytes, sent: Sent) -> list[Heard]:
        whole = self._rest + came if self._rest else came
        heard: list[Heard] = []
        at = 0
        while len(whole) - at >= STEP:
            self._step(samples(whole[at : at + STEP]), sent, heard)
            at += STEP
        self._rest = whole[at:]
        return heard

    def _step(self, came: Samples, sent: Sent, heard: list[Heard]) -> None:
        self.at += STEP
        energies = loudness(came)
        loudest = max(energies)
        least = max(QUIETEST, (self._floor or loudest) * ABOVE_NOISE)
        if loudest < least:
            own, likely, sure = came, 0.0, 0.0
            self._mind_quiet(loudest, sent)
            if self._echo is not None:
                self._echo.pause()
        else:
            self._lately, self._vain = max(self._lately, loudest), 0
            own, likely, sure = self._without_echo(came, sent, loudest)
        clean = energies if own is came else loudness(own)
        self._mind_noise(clean)
        for number, energy in enumerate(clean):
            voice = energy * likely > least
            self.suppressed += energies[number] > least and not voice and likely < 1
            self._frame(own[number * FRAME : (number + 1) * FRAME], voice, energy * sure > least, heard)

    def _mind_noise(self, energies: list[float]) -> None:
        quietest = max(min(energies), SMALL)
        self._lowest = min(self._lowest, quietest)
        if not self._floor:
            self._floor = quietest
        elif quietest < self._floor:
            self._floor += FALL * (quietest - self._floor)
        else:
            self._floor = min(self._floor * UP, quietest)

    def _mind_quiet(self, loudest: float, sent: Sent) -> None:
        """A line that is quiet while we are not gives little back: that is looked at until it is known, or looks tell nothing new.

        There the line's noise hides what may be less. It is looked at now and then only, until something is louder again.
        """
        self._quiet, self._lately = self._quiet + 1, max(self._lately, loudest)
        if self._bound <= LEAST_SHARE or self._quiet < (GLANCE if self._vain < IN_VAIN else SELDOM):
            return
        loudest, self._quiet, self._lately = self._lately, 0, 0.0
        own = samples(sent(self.at - REACH, self.at))
        mean = float(own @ own) / REACH
        if mean > LOUD:
            told = loudest < self._bound * mean
            self._vain = 0 if told else self._vain + 1
            self._bound = max(self._bound * AT_ONCE, min(self._bound, loudest / mean))

    def _without_echo(self, came: Samples, sent: Sent, loudest: float) -> tuple[Samples, float, float]:
        """The step without our own sound, and the share of it that is likely, and surely, not what is left of that."""
        echo = self._echo
        stale = echo is None or echo.stale
        own = samples(sent(self.at - (REACH if stale else 2 * STEP), self.at))
        if stale:
            self._sent.clear()
            squares = np.square(own).reshape(-1, STEP).mean(axis=1)
            self._sent.extend(float(one) for one in squares)
        else:
            self._sent.append(float(own[-STEP:] @ own[-STEP:]) / STEP)
        most = max(self._sent)
        if most < LOUD / 100:
            if echo is not None:
                echo.pause()
            return came, 1.0, 1.0
        if echo is None:
            echo = self._echo = Echo()
        rest = echo.cancel(came, own)
        if most > LOUD and not self._speaks:
            self._bound = followed(self._bound, loudest / most)
            self._kept_of_it = followed(self._kept_of_it, echo.kept) if echo.known else 1.0
        left = ABOVE_ECHO * self._kept_of_it
        if self._speaks or self._bound >= CAREFUL:
            (foreign,) = echo.foreign(left * self._bound)
            return rest, foreign, foreign
        likely, sure = echo.foreign(left * self._bound, left * CAREFUL)
        return rest, likely, sure

    def _frame(self, own: Samples, voice: bool, sure: bool, heard: list[Heard]) -> None:
        if self._left:  # a long talk: nothing of it is kept until it pauses
            self._left = HANGOVER if voice else self._left - 1
        elif self._speaks:
            self._go_on(own, voice, heard)
        else:
            self._before.append(own)
            self._recent.append(voice + sure)
            if voice or self._soft:
                self._mind_beginning()
            while len(self._before) > BEFORE + self._soft:
                self._before.popleft()
            if sure and self._recent.count(SURE) >= ENOUGH:
                self._begin(heard)

    def _mind_beginning(self) -> None:
        """What is likely to be somebody's first sounds is kept until it is sure."""
        voices = len(self._recent) - self._recent.count(0)
        self._soft = min(self._soft + 1, SOFTLY) if self._soft and voices else int(voices >= ENOUGH)

    def _begin(self, heard: list[Heard]) -> None:
        self._speaks, self._lowest, self._soft = True, 1.0, 0
        self._kept, self._pauses = list(self._before), 0
        self._voiced = len(self._recent) - self._recent.count(0)
        self._before.clear()
        heard.append(Began())

    def _go_on(self, own: Samples, voice: bool, heard: list[Heard]) -> None:
        self._kept.append(own)
        self._voiced += voice
        self._pauses = 0 if voice else self._pauses + 1
        if len(self._kept) > LONGEST:
            self._left, self._floor = HANGOVER, max(self._floor, self._lowest)  # what never pauses may be noise
            self._end(Dropped(Drop.LONG), heard)
        elif self._pauses >= HANGOVER:
            self._end(self._judged(), heard)

    def _judged(self) -> Ended | Dropped:
        if self._voiced < LEAST:
            return Dropped(Drop.SHORT)
        sound = np.concatenate(self._kept)
        if tuned_frames(sound) < TUNED_FRAMES:
            return Dropped(Drop.VOICELESS)
        return Ended(linear(sound).astype("<i2").tobytes())

    def _end(self, how: Ended | Dropped, heard: list[Heard]) -> None:
        self._speaks, self._kept = False, []
        self._recent.clear()
        heard.append(how)


def followed(share: float, seen: float) -> float:
    """The largest share seen lately; one loud moment alone does not make it."""
    return max(share * SURER, min(seen, share * LOUDER, 1.0), LEAST_SHARE)


def loudness(sound: Samples) -> list[float]:
    """Mean squares of the frames of a step."""
    first, second = sound[:FRAME], sound[FRAME:]
    return [float(first @ first) / FRAME, float(second @ second) / FRAME]


def tuned_frames(sound: Samples) -> int:
    """Frames in which a voice sounds: 40 ms that repeat themselves after a period that a voice has."""
    frames = np.lib.stride_tricks.sliding_window_view(sound, 2 * FRAME)[::FRAME]
    frames = frames - frames.mean(axis=1, keepdims=True)
    spectra = np.fft.rfft(frames, 4 * FRAME)
    alike = np.fft.irfft(spectra.real**2 + spectra.imag**2)
    power = alike[:, 0]
    best = alike[:, _LAGS].max(axis=1) / np.maximum(power, SMALL)
    loud = power > 0.1 * power.max()
    return int(((best > TUNED) & loud).sum())


def nothing_sent(start: int, stop: int) -> bytes:
    """For a line on which we say nothing."""
    return bytes((SILENCE,)) * (stop - start)
