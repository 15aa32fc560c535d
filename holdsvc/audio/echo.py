"""What comes back of the sound we send, taken out of what the caller's line gives. The sent sound is known, its way back is not.

An adaptive filter over the last half second, in blocks and in the frequency domain (Soo and Pang, 1990): whatever the delay is, it
lies within. How fast it learns follows from how much of its error still looks like echo (Valin, 2007), so that a caller who speaks
meanwhile does not teach it anything wrong.

Where a machine or a network is held up, the whole echo comes some frames sooner or later from one moment to the next, or our
reckoning of time moves, which looks the same. What was learnt holds then, in another place, and is looked for there at once.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from holdsvc.audio.formats import FRAME
from holdsvc.audio.g711 import Samples

STEP = 320  # samples: 40 ms, one block
PARTS = 13  # blocks of the past that may come back: 520 ms
REACH = (PARTS + 1) * STEP  # samples that are asked for after a pause
SMALL = 1e-9
QUICK = 0.25  # rate at which it learns before it knows anything
ENOUGH = 1.5 * PARTS  # sum of rates after which it knows something
SLOWLY = 0.08  # weight of a new block in averages, where the echo is as loud as the error
NEAR = 2  # bands by which a sound may seem to lie beside where it is: 25 Hz
AGAIN = 4.0  # times what is left by its own reckoning
CLEAR = 10 ** (-8 / 10)  # share of a block that is left where the echo is well known
UNCLEAR = 10 ** (-5 / 10)  # and where it may have moved
FOUND = 10 ** (-5 / 10)  # share of a frame that is left where it has
FAINT = FRAME * 10 ** (-48 / 10)  # energy of a frame that tells nothing
MOVES = tuple(FRAME * by for by in (0, -1, 1, -2, 2, -3, 3, -4, 4, -5, 5))  # samples by which it may come later
UNSURE = 10  # blocks after a move in which more may follow: what may be an echo by all we know is taken for one
LATELY = 8  # blocks of which that is told
WRONG = 8  # blocks in a row in which the error was louder than what came: it begins anew

Spectra = NDArray[np.complexfloating]
_BINS = STEP + 1


class Echo:
    """`known`: it has learnt something. `kept` is the share of the last block's energy that was not taken out."""

    __slots__ = (
        "_error",
        "_lately",
        "_learnt",
        "_left",
        "_next",
        "_own",
        "_past",
        "_power",
        "_proven",
        "_relation",
        "_rest",
        "_unsure",
        "_ways",
        "_weights",
        "_wrong",
        "kept",
        "known",
    )

    def __init__(self) -> None:
        self._begin()
        self._past: Spectra | None = None

    def _begin(self) -> None:
        self._weights: Spectra = np.zeros((PARTS, _BINS), np.complex64)
        self._power = np.zeros(_BINS, np.float32)
        self._error = np.zeros(_BINS, np.float32)  # averages of the spectra of error and estimate
        self._own = np.zeros(_BINS, np.float32)
        self._relation = [1.0, 1.0]  # error to estimate, estimate to itself, as they move together
        self._learnt = 0.0
        self._wrong = self._next = 0
        self.known, self.kept = False, 1.0
        self._rest = self._left = np.zeros(_BINS, np.float32)
        self._proven: Spectra | None = None  # the weights when they left little
        self._ways: Spectra | None = None  # those, moved: kept while blocks follow each other
        self._lately: deque[NDArray[np.float32]] = deque(maxlen=LATELY)  # spectra of estimates
        self._unsure = 0

    @property
    def stale(self) -> bool:
        """The past is not known: the next block needs REACH samples of it."""
        return self._past is None

    def pause(self) -> None:
        """Blocks were left out."""
        self._past = self._ways = None

    def cancel(self, came: Samples, sent: Samples) -> Samples:
        """The block without its echo. `sent`: what we sent until then, two blocks of it, or REACH where we are `stale`."""
        past = self._remember(sent)
        rest = self._found_again(past, came, came - estimated(self._weights, past))
        own = came - rest
        energies = float(rest @ rest), float(own @ own), float(came @ came)
        if energies[0] > energies[2] + SMALL:
            self._wrong += 1
            rest_heard, energies = came, (energies[2], energies[1], energies[2])
        else:
            self._wrong, rest_heard = 0, rest
        self.kept = energies[0] / (energies[2] + SMALL)
        self._learn(past, rest, own, float(sent[-STEP:] @ sent[-STEP:]))
        if self._wrong > WRONG:
            self._begin()
        return rest_heard

    def foreign(self, *shares: float) -> list[float]:
        """The share of the last block, 0 to 1, that cannot be ours though so much of what we sent may come back in each band.

        What is left by its own reckoning counts as ours once it knows something: before, it may have learnt of the caller alone.
        """
        assert self._past is not None
        ours = magnitude(self._past).max(axis=0)
        near = np.pad(ours, NEAR, mode="edge")
        ours = np.lib.stride_tricks.sliding_window_view(near, 2 * NEAR + 1).max(axis=1)
        left = AGAIN * self._left if self.known else np.zeros(_BINS, np.float32)
        if self._unsure:
            left = np.maximum(left, AGAIN * np.max(self._lately, axis=0))
        whole = self._rest.sum() + SMALL
        return [float(np.maximum(self._rest - np.maximum(share * ours, left), 0).sum() / whole) for share in shares]

    def _found_again(self, past: Spectra, came: Samples, rest: Samples) -> Samples:
        """The rest, or where the echo has moved: what is left of it there. Each frame for itself, for it may move between them."""
        self._unsure = max(0, self._unsure - 1)
        left, whole = float(rest @ rest), float(came @ came)
        if self.known and left < CLEAR * whole:
            self._proven, self._ways = self._weights.copy(), None
        if self._proven is None or left < UNCLEAR * whole:
            return rest
        if self._ways is None:
            self._ways = moved(self._proven)
        ways = self._ways
        rests = (came - estimated(ways, past)).reshape(len(ways), -1, FRAME)
        energies = np.square(rests).sum(axis=2)
        found = rest.copy()
        for frame, best in enumerate(energies.argmin(axis=0)):
            here = slice(frame * FRAME, (frame + 1) * FRAME)
            least = min(float(came[here] @ came[here]), float(rest[here] @ rest[here]))
            if least > FAINT and energies[best, frame] < FOUND * least:
                found[here] = rests[best, frame]
                self._weights, self._unsure = ways[best].copy(), UNSURE
        return found

    def _remember(self, sent: Samples) -> Spectra:
        if self._past is None:
            blocks = [sent[len(sent) - (one + 2) * STEP : len(sent) - one * STEP] for one in range(PARTS)]
            self._past = np.fft.rfft(np.stack(blocks)).astype(np.complex64)
        else:
            self._past[1:] = self._past[:-1]
            self._past[0] = np.fft.rfft(sent[-2 * STEP :])
        return self._past

    def _learn(self, past: Spectra, rest: Samples, own: Samples, sent: float) -> None:
        error = np.fft.rfft(np.concatenate((np.zeros(STEP, np.float32), rest)))
        estimate = np.fft.rfft(np.concatenate((np.zeros(STEP, np.float32), own)))
        error_power, own_power = magnitude(error), magnitude(estimate)
        energy, echo = float(rest @ rest) + SMALL, float(own @ own)
        leak = self._leak(error_power, own_power, energy, echo)
        self._rest, self._left = error_power, leak * own_power
        self._lately.append(own_power)
        power = magnitude(past).sum(axis=0)
        self._power = power if not self._power.any() else 0.7 * self._power + 0.3 * power
        if self.known:
            likely = min(0.5, max(leak * echo, (float(rest @ own) ** 2) / (echo + SMALL)) / energy)
            share = np.minimum(leak * own_power / (error_power + SMALL), 0.5)
            rate = 0.7 * share + 0.3 * likely
        else:
            quick = min(QUICK * sent, 0.25 * energy * 4) / energy if sent > 1e-4 else 0.0
            quick = min(quick, QUICK)
            rate = np.full(_BINS, quick, np.float32)
            self._learnt += quick
            self.known = self._learnt > ENOUGH and leak * echo > 0.03 * echo
        step = (rate / (self._power + 1e-3)).astype(np.float32) * error
        self._weights += np.conj(past) * step
        self._tidy()

    def _tidy(self) -> None:
        """Each part is a filter of one block's length: one of them is made so again, in turn."""
        one = self._next = (self._next + 1) % PARTS
        taps = np.fft.irfft(self._weights[one])
        taps[STEP:] = 0
        self._weights[one] = np.fft.rfft(taps)

    def _leak(self, error: Samples, own: Samples, energy: float, echo: float) -> float:
        """How much of the estimate is still in the error: told by how both rise and fall together."""
        moved, of_own = error - self._error, own - self._own
        both, alone = float(moved @ of_own), float(of_own @ of_own)
        self._error += 0.04 * moved
        self._own += 0.04 * of_own
        alone = float(np.sqrt(alone)) + SMALL
        weight = min(SLOWLY * echo, 0.02 * energy * 4) / energy
        self._relation[0] += weight * (both / alone - self._relation[0])
        self._relation[1] += weight * (alone - self._relation[1])
        self._relation[1] = max(self._relation[1], SMALL)
        self._relation[0] = min(max(self._relation[0], 0.005 * self._relation[1]), self._relation[1])
        return self._relation[0] / self._relation[1]


def estimated(weights: Spectra, past: Spectra) -> Samples:
    """What comes back of the past by these weights, or by each of several."""
    own: Samples = np.fft.irfft((weights * past).sum(axis=-2))[..., STEP:].astype(np.float32)
    return own


def moved(weights: Spectra) -> Spectra:
    """The same way back, for each of MOVES: longer by so much, or shorter."""
    most = max(MOVES)
    taps = np.pad(np.fft.irfft(weights)[:, :STEP].ravel(), most)
    ways = np.zeros((len(MOVES), PARTS, 2 * STEP), np.float32)
    for way, by in zip(ways, MOVES, strict=True):
        way[:, :STEP] = taps[most - by : len(taps) - most - by].reshape(PARTS, STEP)
    spectra: Spectra = np.fft.rfft(ways).astype(np.complex64)
    return spectra


def magnitude(spectrum: Spectra) -> NDArray[np.float32]:
    squared: NDArray[np.float32] = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    return squared
