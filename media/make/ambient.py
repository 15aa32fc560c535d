"""Two calm pieces made of sine waves alone: slow chords, and bell tones that echo.

Everything lies between 150 and 3000 Hz, and there is no hiss: that is what a telephone carries well.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from render import RATE, Sound
from score import pitch


@dataclass(frozen=True, slots=True)
class Ambient:
    slug: str
    title: str
    chords: tuple[str, ...]
    chord_seconds: float
    turns: int
    bells: tuple[str, ...]  # one line of notes for each chord; "r" is a rest
    bell_seconds: float
    artist: str = "The holdsvc house trio"
    shelf: str = "ambient"
    source: str = "own composition and synthesis, media/make/ambient.py"


SLOW_LIGHT = Ambient(
    slug="slow-light",
    title="Slow Light",
    chords=("D3 A3 D4 F#4 E4", "B2 F#3 B3 D4 A4", "G3 B3 D4 F#4 A4", "A2 E3 A3 D4 E4"),
    chord_seconds=9.0,
    turns=4,
    bells=("F#5 r A5 r E5 r", "D5 r F#5 r A4 r", "B4 r D5 r F#5 r", "E5 r D5 r A4 r"),
    bell_seconds=1.5,
)
HARBOUR = Ambient(
    slug="harbour-before-dawn",
    title="Harbour Before Dawn",
    chords=(
        "F3 C4 F4 A4",
        "D3 A3 D4 F4",
        "Bb2 F3 Bb3 D4",
        "C3 G3 C4 E4",
        "F3 C4 F4 A4",
        "A2 E3 A3 C4",
        "Bb2 F3 Bb3 D4",
        "F3 C4 F4 A4",
    ),
    chord_seconds=8.0,
    turns=2,
    bells=(
        "A4 C5 F5 r C5 r r r",
        "F5 E5 D5 r A4 r r r",
        "D5 F5 r D5 C5 r r r",
        "E5 r G5 r C5 r r r",
        "C5 F5 A5 r F5 r r r",
        "E5 r C5 r A4 r r r",
        "D5 C5 Bb4 r F4 r r r",
        "A4 r C5 r F4 r r r",
    ),
    bell_seconds=1.0,
)

TIDE_TABLES = Ambient(
    slug="tide-tables",
    title="Tide Tables",
    chords=(
        "G3 D4 G4 B4",
        "E3 B3 E4 G4 D5",
        "C3 G3 C4 E4 B4",
        "D3 A3 D4 E4 A4",
        "B2 F#3 B3 D4 A4",
        "C3 G3 E4 G4",
        "A2 E3 A3 C4 G4",
        "D3 A3 D4 F#4",
    ),
    chord_seconds=9.5,
    turns=2,
    bells=(
        "D5 r r B4 r G4 r",
        "E5 r r D5 r B4 r",
        "G5 r r E5 r B4 r",
        "A4 r r D5 r E5 r",
        "F#5 r r D5 r A4 r",
        "E5 r r G5 r C5 r",
        "C5 r r E5 r G4 r",
        "D5 r r A4 r F#4 r",
    ),
    bell_seconds=1.3,
)
UPSTAIRS_LAMP = Ambient(
    slug="upstairs-lamp",
    title="The Lamp Upstairs",
    chords=(
        "A2 E3 A3 C4 E4",
        "F3 C4 F4 A4",
        "C3 G3 C4 E4 G4",
        "E3 B3 E4 G4",
        "D3 A3 D4 F4 C5",
        "F3 C4 F4 G4",
    ),
    chord_seconds=8.5,
    turns=3,
    bells=(
        "E5 r C5 r B4 r A4 r",
        "r A4 r C5 r F5 r r",
        "G5 r E5 r D5 r C5 r",
        "r B4 r D5 r G4 r r",
        "F5 r D5 r C5 r A4 r",
        "r G4 r C5 r D5 r r",
    ),
    bell_seconds=1.05,
)


def played(piece: Ambient) -> Sound:
    chance = random.Random(piece.slug)
    total = piece.chord_seconds * len(piece.chords) * piece.turns + 6
    sound = np.zeros(round(total * RATE), np.float32)
    for turn in range(piece.turns):
        for place, (chord, bells) in enumerate(zip(piece.chords, piece.bells, strict=True)):
            at = (turn * len(piece.chords) + place) * piece.chord_seconds
            for name in chord.split():
                _add(sound, at, _swell(pitch(name), piece.chord_seconds + 2.2, chance), 0.16)
            if turn > 0 or place >= len(piece.chords) // 2:
                _ring(sound, at, bells.split(), piece.bell_seconds, chance)
    return _roomy(sound)


def _ring(sound: Sound, at: float, names: Sequence[str], step: float, chance: random.Random) -> None:
    for place, name in enumerate(names):
        if name == "r":
            continue
        bell = _bell(pitch(name))
        begin = at + place * step + chance.gauss(0, 0.02) + 0.05
        for echo, level in enumerate((0.2, 0.09, 0.045, 0.02)):
            _add(sound, begin + echo * 0.66, bell, level * chance.uniform(0.9, 1.05))


def _add(sound: Sound, at: float, what: Sound, level: float) -> None:
    begin = max(0, round(at * RATE))
    end = min(sound.size, begin + what.size)
    if begin < end:
        sound[begin:end] += level * what[: end - begin]


def _swell(midi: int, seconds: float, chance: random.Random) -> Sound:
    """One note of a chord: three voices a hair apart, soft overtones, two and a half seconds to come and as long to go."""
    time = np.arange(round(seconds * RATE)) / RATE
    frequency = 440 * 2 ** ((midi - 69) / 12)
    tone = np.zeros(time.size)
    for cents in (-4, 0, 4):
        base = frequency * 2 ** (cents / 1200)
        for overtone, level in ((1, 1.0), (2, 0.42), (3, 0.2), (4, 0.1), (5, 0.05)):
            if base * overtone < 3000:
                tone += level * np.sin(2 * np.pi * base * overtone * time + chance.uniform(0, 6.28))
    breath = 1 + 0.12 * np.sin(2 * np.pi * chance.uniform(0.08, 0.16) * time + chance.uniform(0, 6.28))
    rise = np.clip(time / 2.5, 0, 1)
    fall = np.clip((seconds - time) / 2.5, 0, 1)
    return (tone / 3 * breath * np.sin(rise * np.pi / 2) ** 2 * np.sin(fall * np.pi / 2) ** 2).astype(np.float32)


def _bell(midi: int) -> Sound:
    """A soft struck tone: the octave dies sooner than the note."""
    time = np.arange(round(2.8 * RATE)) / RATE
    frequency = 440 * 2 ** ((midi - 69) / 12)
    tone = np.sin(2 * np.pi * frequency * time) * np.exp(-time / 0.8)
    tone += 0.3 * np.sin(2 * np.pi * 2 * frequency * time) * np.exp(-time / 0.35)
    tone += 0.08 * np.sin(2 * np.pi * 4 * frequency * time) * np.exp(-time / 0.12)
    return (tone * np.clip(time / 0.012, 0, 1) * np.clip((2.8 - time) / 0.3, 0, 1)).astype(np.float32)


def _roomy(sound: Sound) -> Sound:
    """A small hall: a few early echoes at lengths that share no factor."""
    out = sound.copy()
    for delay, level in ((0.0431, 0.3), (0.0719, 0.25), (0.1093, 0.2), (0.1571, 0.16), (0.2311, 0.12), (0.3373, 0.08)):
        step = round(delay * RATE)
        out[step:] += level * sound[:-step]
    return out
