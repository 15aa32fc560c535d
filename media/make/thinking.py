"""The soft sound under the time that a quiz leaves for an answer: `python media/make/thinking.py`.

A clock that ticks once a second, an octave apart, over one quiet chord: it says that time passes, and hurries nobody.
"""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import render
from ambient import _add, _roomy, _swell
from render import RATE, Sound
from score import pitch

FILE = Path(__file__).resolve().parent.parent / "quiz" / "thinking.opus"
SECONDS = 20.0
CHORD = ("D4", "A4", "E5")
TICKS = ("A5", "D5", "A5", "E5")  # a second each


def played() -> Sound:
    chance = random.Random("thinking")
    sound = np.zeros(round(SECONDS * RATE), np.float32)
    for place in range(int(SECONDS // 5) + 1):
        for name in CHORD:
            _add(sound, place * 5.0 - 1.5, _swell(pitch(name), 7.5, chance), 0.1)
    for second in range(int(SECONDS)):
        _add(sound, second + 0.1, _tick(pitch(TICKS[second % len(TICKS)])), 0.34)
    return _roomy(sound)


def _tick(midi: int) -> Sound:
    """A muted string: it begins softly, and is gone within a quarter of a second."""
    time = np.arange(round(0.5 * RATE)) / RATE
    frequency = 440 * 2 ** ((midi - 69) / 12)
    tone = np.sin(2 * np.pi * frequency * time) * np.exp(-time / 0.09)
    tone += 0.25 * np.sin(2 * np.pi * 3 * frequency * time) * np.exp(-time / 0.03)
    return (tone * np.clip(time / 0.008, 0, 1)).astype(np.float32)


if __name__ == "__main__":
    seconds = render.save(render.shaped(played(), fade_in=0.3, fade_out=1.5), FILE)
    print(f"{FILE.name} {seconds:.1f} s {FILE.stat().st_size / 1000:.0f} kB")
