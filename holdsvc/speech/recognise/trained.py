"""A third opinion: small networks that were taught what the shipped English menu sounds like, and what it does not.

One looks at what Whisper's small network has made of the two seconds around the speech, one at what its larger network has, where
that is there. Each says for every phrase that it knows, and for none of them, how likely it is; their logarithms are averaged.
`tests/benchmarks/voice/train.py` makes their weights; only synthetic voices have taught them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from holdsvc.speech.recognise import mel

# In the order of the networks that they look through.
WEIGHTS = (Path(__file__).with_name("trained_small.npz"), Path(__file__).with_name("trained_large.npz"))
WINDOW = 2.0  # seconds
PIECE = mel.LINE_RATE // 100
SMOOTH = 5  # pieces
TOGETHER = 4  # places of the encoded sound, 20 ms each, that are taken as one

Values = NDArray[np.float32]


class Trained:
    """`weights` as `packed` makes them. The last of its answers stands for none of the phrases."""

    def __init__(self, weights: Mapping[str, NDArray[np.generic]]) -> None:
        self.phrases: Mapping[str, int] = {str(name): place for place, name in enumerate(weights["phrases"])}
        self._mean, self._onto = whole(weights, "mean"), whole(weights, "onto")
        self._layers = [
            (whole(weights, f"layer{place}"), whole(weights, f"bias{place}"))
            for place in range(sum(name.startswith("bias") for name in weights))
        ]

    def fits(self, encoded: Values) -> bool:
        """Whether that comes from a network of the kind through which it was taught."""
        return bool(encoded.shape[-1] == len(self._mean))

    def log_likely(self, encoded: Values) -> Values:
        """Logarithm of how likely each phrase is, and behind them none, of `encoded` as the network gave it."""
        values = (pooled(encoded) - self._mean) @ self._onto
        row = values.ravel()
        for place, (layer, bias) in enumerate(self._layers):
            row = row @ layer + bias
            if place + 1 < len(self._layers):
                row = np.maximum(row, 0.0)
        row = row - row.max()
        return np.asarray(row - np.log(np.exp(row).sum()), np.float32)


def shipped() -> tuple[Trained, ...]:
    made = []
    for file in WEIGHTS:
        with np.load(file) as weights:
            made.append(Trained(dict(weights)))
    return tuple(made)


def together(rows: Sequence[Values]) -> Values:
    """One opinion of several `log_likely`."""
    mean = np.mean(rows, axis=0)
    mean = mean - mean.max()
    return np.asarray(mean - np.log(np.exp(mean).sum()), np.float32)


def around(sound: mel.Samples, later: int = 0) -> mel.Samples:
    """Two seconds of `sound` at 8 kHz, the middle of the speech in their middle, or so many samples beside it."""
    first, last = speech(sound)
    length = round(WINDOW * mel.LINE_RATE)
    begin = (first + last) // 2 + later - length // 2
    made = np.zeros(length, np.float32)
    piece = sound[max(0, begin) : max(0, begin + length)]
    at = max(0, -begin)
    made[at : at + len(piece)] = piece
    return made


def speech(sound: mel.Samples) -> tuple[int, int]:
    """Where it is louder than halfway between its rests and its peaks, from the first such place to the last."""
    count = len(sound) // PIECE
    if not count:
        return 0, len(sound)
    energy = np.mean(sound[: count * PIECE].reshape(count, PIECE) ** 2, axis=1)
    energy = np.convolve(energy, np.ones(SMOOTH) / SMOOTH)[SMOOTH // 2 : SMOOTH // 2 + count]
    faint, loud = np.quantile(energy, (0.1, 0.95))
    places = np.flatnonzero(energy > np.sqrt(faint * loud))
    return (int(places[0]) * PIECE, int(places[-1] + 1) * PIECE) if len(places) else (0, len(sound))


def pooled(encoded: Values) -> Values:
    places = encoded.reshape(encoded.shape[-2], encoded.shape[-1])
    count = len(places) // TOGETHER
    return np.asarray(places[: count * TOGETHER].reshape(count, TOGETHER, -1).mean(axis=1), np.float32)


def packed(name: str, values: Values) -> dict[str, NDArray[np.generic]]:
    """A byte for each number, and a scale for each column."""
    scale = np.maximum(np.abs(values).max(axis=0), 1e-8) / 127
    return {name: np.round(values / scale).astype(np.int8), f"scale of {name}": scale.astype(np.float32)}


def whole(weights: Mapping[str, NDArray[np.generic]], name: str) -> Values:
    scale = weights.get(f"scale of {name}")
    values = np.asarray(weights[name], np.float32)
    return values if scale is None else values * np.asarray(scale, np.float32)


def known(phrases: Sequence[str], trained: Trained) -> list[int]:
    """The place of each among the trained; -1 for what was not taught."""
    return [trained.phrases.get(phrase.casefold(), -1) for phrase in phrases]
