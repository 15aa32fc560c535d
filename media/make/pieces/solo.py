"""A chorus made up on the spot, and the same each time: chord notes on the beat, steps of the scale between, and breaths."""

import random
from collections.abc import Sequence

from harmony import INTERVALS, Chord
from score import Note

SCALES = {
    "": (0, 2, 4, 7, 9),
    "6": (0, 2, 4, 7, 9),
    "maj7": (0, 2, 4, 7, 9, 11),
    "7": (0, 2, 4, 7, 9, 10),
    "m": (0, 2, 3, 5, 7, 10),
    "m6": (0, 2, 3, 5, 7, 9),
    "m7": (0, 2, 3, 5, 7, 10),
    "m7b5": (0, 3, 5, 6, 8, 10),
    "dim": (0, 2, 3, 5, 6, 8, 9),
    "sus": (0, 2, 5, 7, 9),
}
BY_INTERVALS = {INTERVALS[name]: scale for name, scale in SCALES.items()}
CELLS = (((0.5, 0.5), 10), ((1.0,), 5), ((-0.5, 0.5), 3), ((1.0, 0.5, 0.5), 3), ((1.5, 0.5), 4))  # below 0: rests
BREATH = 2.0  # beats at the end of a phrase: a longer note, and air


def chorus(
    changes: Sequence[Chord], name: str, low: int = 65, high: int = 82, bar: float = 4.0, bars: int = 4
) -> list[Note]:
    """`name` seeds the player; `bars` are in a phrase."""
    chance, first, phrase = random.Random(name), changes[0].start, bars * bar
    notes: list[Note] = []
    here, up, at = (low + high) // 2, True, first
    end = changes[-1].start + changes[-1].beats
    while at < end - 1e-6:
        left = phrase - (at - first) % phrase
        if left <= BREATH:
            here = nearest(tones(under(changes, at), low, high), here)
            notes.append(Note(at, left * 0.6, here))
            at += left
            continue
        for length in cell(chance, left - BREATH):
            if length > 0:
                here, up = step(changes, at, here, up, low, high, chance)
                on_beat = abs(at - round(at)) < 1e-6
                notes.append(Note(at, length * (0.92 if length > 0.5 else 0.98), here, 1.0 if on_beat else 0.84))
            at += abs(length)
    return notes


def cell(chance: random.Random, room: float) -> tuple[float, ...]:
    fitting = [(cell, weight) for cell, weight in CELLS if sum(map(abs, cell)) <= room + 1e-6]
    if not fitting:
        return (room,)
    return chance.choices([cell for cell, _ in fitting], [weight for _, weight in fitting])[0]


def step(
    changes: Sequence[Chord], at: float, here: int, up: bool, low: int, high: int, chance: random.Random
) -> tuple[int, bool]:
    """On the beat a note of the chord, between the beats a step of its scale; the line turns at its borders and now and then."""
    chord = under(changes, at)
    if here >= high - 2 or here <= low + 2:
        up = here <= low + 2
    elif chance.random() < 0.17:
        up = not up
    on_beat = abs(at - round(at)) < 1e-6
    choice = tones(chord, low, high) if on_beat else scale(chord, low, high)
    ahead = [p for p in choice if (p > here if up else p < here)]
    if not ahead:
        return nearest([p for p in choice if p != here], here), not up
    ahead.sort(key=lambda p: abs(p - here))
    leap = 1 if on_beat and len(ahead) > 1 and chance.random() < 0.22 else 0
    return ahead[leap], up


def under(changes: Sequence[Chord], at: float) -> Chord:
    return next(chord for chord in reversed(changes) if chord.start <= at + 1e-6)


def tones(chord: Chord, low: int, high: int) -> list[int]:
    return [p for p in range(low, high + 1) if (p - chord.root) % 12 in chord.intervals]


def scale(chord: Chord, low: int, high: int) -> list[int]:
    return [p for p in range(low, high + 1) if (p - chord.root) % 12 in BY_INTERVALS[chord.intervals]]


def nearest(choice: Sequence[int], here: int) -> int:
    return min(choice, key=lambda p: (abs(p - here), p))
