"""Chord names to notes, and the plain accompaniments that are made of them: broken chords, a walking bass, a soft comp."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from score import Note, pitch

INTERVALS = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "6": (0, 4, 7, 9),
    "m6": (0, 3, 7, 9),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "m7": (0, 3, 7, 10),
    "m7b5": (0, 3, 6, 10),
    "dim": (0, 3, 6, 9),
    "sus": (0, 5, 7),
    "5": (0, 7),  # open: neither major nor minor
}


@dataclass(frozen=True, slots=True)
class Chord:
    start: float
    beats: float
    root: int  # pitch class
    intervals: tuple[int, ...]

    def above(self, lowest: int) -> list[int]:
        """The chord's notes, root first, each the next one up from `lowest`."""
        root = lowest + (self.root - lowest) % 12
        return [root + interval for interval in self.intervals]

    def near(self, low: int, intervals: Sequence[int]) -> list[int]:
        """Some of its notes folded into the octave that begins at `low`."""
        return sorted(low + (self.root + interval - low) % 12 for interval in intervals)


def chords(text: str, bar: float, start: float = 0.0) -> list[Chord]:
    """Read "Am7 | Dm7 G7 | ..." where the chords of one bar share it evenly."""
    found = []
    for number, names in enumerate(part.split() for part in text.split("|")):
        for place, name in enumerate(names):
            length = 2 if name[1:2] in ("#", "b") else 1
            root = pitch(f"{name[:length]}4") % 12
            beats = bar / len(names)
            found.append(Chord(start + number * bar + place * beats, beats, root, INTERVALS[name[length:]]))
    return found


def broken(changes: list[Chord], order: Sequence[int], step: float, lowest: int, strength: float = 0.8) -> list[Note]:
    """A chord's notes one after another; `order` picks them, and counts on into the next octave."""
    notes = []
    for chord in changes:
        heights = chord.above(lowest)
        steps = round(chord.beats / step)
        for place in range(steps):
            octave, index = divmod(order[place % len(order)], len(heights))
            at = chord.start + place * step
            # the strings ring on until the harmony changes
            rings = chord.beats - place * step
            notes.append(Note(at, rings, heights[index] + 12 * octave, strength * (1.1 if place == 0 else 1.0)))
    return notes


def walking(changes: list[Chord], lowest: int = 40) -> list[Note]:
    """Four to the bar: the root, two notes of the chord, and a half step that leads to the next root."""
    notes = []
    for chord, following in zip(changes, [*changes[1:], changes[0]], strict=True):
        root = chord.above(lowest)[0]
        target = following.above(lowest)[0]
        fifth = root + chord.intervals[2] - (12 if root + chord.intervals[2] > lowest + 12 else 0)
        third = root + chord.intervals[1]
        leading = target + (1 if target <= third else -1)
        steps = [root, third, fifth, leading] if chord.beats >= 4 else [root, fifth]
        if following.root == chord.root:
            steps[-1] = fifth
        for place, height in enumerate(steps):
            notes.append(Note(chord.start + place, 0.92, height, 1.0 if place % 2 == 0 else 0.92))
    return notes


def comp(changes: list[Chord], rhythm: Sequence[tuple[float, float]], low: int = 55) -> list[Note]:
    """Third, fifth and seventh, where the rhythm says: pairs of beat in the bar and length."""
    notes = []
    for chord in changes:
        for beat, beats in rhythm:
            if beat < chord.beats:
                lasts = min(beats, chord.beats - beat)
                notes += [Note(chord.start + beat, lasts, height) for height in chord.near(low, chord.intervals[1:])]
    return notes


def held(changes: list[Chord], low: int) -> list[Note]:
    return [Note(chord.start, chord.beats, height) for chord in changes for height in chord.near(low, chord.intervals)]


def bass(changes: list[Chord], hits: Sequence[tuple[float, float, int]], lowest: int = 40) -> list[Note]:
    """A pattern in every chord: beat, length, and which of the chord's notes (0 the root, 2 the fifth, 3 the root above)."""
    notes = []
    for chord in changes:
        heights = chord.above(lowest)[:3]
        heights = [heights[0], heights[1], heights[2] - (12 if heights[2] > lowest + 12 else 0), heights[0] + 12]
        for beat, beats, which in hits:
            if beat < chord.beats - 1e-6:
                strength = 1.0 if beat == 0 else 0.88
                notes.append(Note(chord.start + beat, min(beats, chord.beats - beat), heights[which], strength))
    return notes


def counter(changes: list[Chord], begin: int, low: int, high: int, strength: float = 1.0) -> list[Note]:
    """A slow voice beside the tune: one note of each chord, the nearest that is not the last one again. Equal ones are tied."""
    notes: list[Note] = []
    here, stayed = begin, 0
    for chord in changes:
        tones = [p for p in range(low, high + 1) if (p - chord.root) % 12 in chord.intervals]
        here, before = min(tones, key=lambda p: (abs(p - here) + (3 if p == here and stayed > 1 else 0), p)), here
        stayed = stayed + 1 if here == before else 0
        if notes and here == before and notes[-1].start + notes[-1].beats == chord.start and stayed:
            last = notes[-1]
            notes[-1] = Note(last.start, last.beats + chord.beats, last.pitch, last.strength)
        else:
            notes.append(Note(chord.start, chord.beats, here, strength))
    return notes


def ended(notes: Sequence[Note], at: float, beats: float) -> list[Note]:
    """What accompanies comes to rest in the last bars: from `at` on, nothing but what begins there, held."""
    return [
        note if note.start < at - 1e-6 else Note(at, beats, note.pitch, note.strength)
        for note in notes
        if note.start < at + 1e-6
    ]
