"""What was heard of an hour beside what ought to have been heard: samples, gaps, clicks, and content under prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from holdsvc.audio.fade import CROSS, DUCK, UP
from holdsvc.audio.g711 import decode
from holdsvc.audio.player import loudness

if TYPE_CHECKING:
    from tests.engine.hour import Truth


class Verdict(Struct):
    samples: int
    alone: int  # samples at which one sound is heard by itself: compared to the byte
    wrong: list[int]  # of these, those that are not what they ought to be
    misplaced: list[int]  # beginnings of prompts over content under which the content is not in its place
    silent: list[int]  # beginnings of stretches of 10 ms that are silent, and ought not to be
    clicks: list[int]  # samples that are too far from the one before
    step: float  # the greatest

    @property
    def faults(self) -> int:
        return len(self.wrong) + len(self.misplaced) + len(self.silent) + len(self.clicks)


CLICK = 0.06  # of full scale between two samples; `noise` has 0.05 at most, also with another under it
WINDOW = 80  # samples: 10 ms


def judge(heard: bytes, truth: Truth) -> Verdict:
    count = len(heard)
    ought, alone = np.zeros(count, np.uint8), np.ones(count, bool)
    for one, following in zip(truth.pieces, [*truth.pieces[1:], None], strict=True):
        stop = min(one.until, following.at if following else count, count)
        sound = bytes(one.sound[one.start : one.start + stop - one.at])
        ought[one.at : stop] = np.frombuffer(sound.translate(loudness(one.gain)) if one.gain else sound, np.uint8)
        if one.joint:
            alone[one.at : one.at + CROSS] = False
    spoken = np.zeros(count, np.float32)
    for begin, end, sound in truth.over:
        alone[begin : max(end, begin + CROSS) + UP] = False
        said = decode(sound)[: max(0, min(end, count) - begin)] / 32768
        spoken[begin : begin + len(said)] += said
    sound, source = decode(heard) / np.float32(32768), decode(ought.tobytes()) / np.float32(32768)
    rising = source.copy()  # what comes in the place of something else may come in slowly
    for one in truth.pieces:
        if one.joint and one.at < count:
            rising[one.at : one.at + CROSS] *= np.sin(np.linspace(0, np.pi / 2, CROSS))[: count - one.at]
    wrong = np.flatnonzero(alone & (np.frombuffer(heard, np.uint8) != ought))
    steps = np.abs(np.diff(sound))
    return Verdict(
        samples=count,
        alone=int(alone.sum()),
        wrong=wrong.tolist(),
        misplaced=[
            begin for begin, end, _ in truth.over if not in_place(sound, source, spoken, begin, min(end, count))
        ],
        silent=holes(sound, rising, spoken),
        clicks=np.flatnonzero(steps > CLICK).tolist(),
        step=float(steps.max()),
    )


def in_place(sound: np.ndarray, source: np.ndarray, spoken: np.ndarray, begin: int, end: int) -> bool:
    """What is left of a stretch without its prompt is most like the content at that very sample, not at one beside it."""
    begin, end = begin + CROSS, min(end, len(source) - 2)  # until then something else dies away
    if end - begin < 4 * WINDOW:
        return True
    rest = sound[begin:end] - spoken[begin:end]
    errors = {}
    for shift in (-2, -1, 0, 1, 2):
        meant = source[begin + shift : end + shift]
        level = float(np.dot(rest, meant) / max(np.dot(meant, meant), 1e-9))
        errors[shift] = float(np.square(rest - level * meant).sum())
        if not shift and not DUCK * 0.9 < level < DUCK * 2.2:  # a caller who has it softer has it ducked from there
            return False
    return min(errors, key=errors.__getitem__) == 0


def holes(sound: np.ndarray, source: np.ndarray, spoken: np.ndarray) -> list[int]:
    """Where 10 ms are silent although there is sound in the content, turned down, or in the prompt over it."""
    whole = len(sound) // WINDOW * WINDOW
    loud, expected = (np.abs(one[:whole]).reshape(-1, WINDOW).max(axis=1) for one in (sound, source * DUCK + spoken))
    return (np.flatnonzero((loud < 0.3 * expected) & (expected > 0.004)) * WINDOW).tolist()
