"""Notes as text, and what a player does to them before they sound.

A line of music is a string such as "D5/1 C#5 B4 | A4/2 r/1": pitch, then a slash and a length in
beats, which holds until the next one is named. `+` joins notes into a chord, `r` is a rest, `~` lengthens what went before, and
every `|` must fall on a bar line, so that a slip of the pen is an error and not a wrong rhythm.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
PITCH = re.compile(r"^([A-G])([#b]{0,2})(-?\d)$")


class ScoreError(ValueError):
    """The text of a score does not add up; the message names the bar."""


@dataclass(frozen=True, slots=True)
class Note:
    start: float  # beats from the beginning of the piece
    beats: float
    pitch: int  # MIDI number, 60 is middle C
    strength: float = 1.0  # times the part's velocity


@dataclass(frozen=True, slots=True)
class Part:
    """One instrument. `drums` puts it on the percussion channel, where pitch means which drum."""

    program: int  # General MIDI number, counted from 0
    notes: tuple[Note, ...]
    velocity: int = 70
    pedal: float = 0.0  # beats after which the sustain pedal is changed; 0 for none
    drums: bool = False
    looseness: float = 0.008  # seconds, the spread of a human hand


@dataclass(frozen=True, slots=True)
class Piece:
    slug: str
    title: str
    artist: str
    shelf: str
    source: str
    parts: tuple[Part, ...]
    beats_per_minute: float
    bar: float  # beats in a bar
    swing: float = 0.5  # where the second half of a beat falls; 0.5 is straight, 0.66 is a triplet
    slow_down: float = 4.0  # the last so many beats broaden
    room: float = 0.55  # size of the reverb's room
    end: float = field(default=0.0)  # beats; 0 means where the last note ends

    @property
    def length(self) -> float:
        return self.end or max(note.start + note.beats for part in self.parts for note in part.notes)


def pitch(name: str) -> int:
    found = PITCH.match(name)
    if not found:
        raise ScoreError(f"not a pitch: {name!r}")
    letter, accidental, octave = found.groups()
    return 12 * (int(octave) + 1) + STEPS[letter] + accidental.count("#") - accidental.count("b")


def line(text: str, bar: float, start: float = 0.0, strength: float = 1.0) -> tuple[Note, ...]:
    """Read one voice; the first beat of the text falls on `start`."""
    notes: list[Note] = []
    last: list[int] = []  # where in `notes` the latest chord stands, for ties
    at, beats = 0.0, 1.0
    for word in text.split():
        if word == "|":
            if abs(at / bar - round(at / bar)) > 1e-6:
                raise ScoreError(f"bar {int(at // bar) + 1} is {at % bar:g} of {bar:g} beats long: {text[:60]!r}")
            continue
        name, _, length = word.partition("/")
        beats = float(length) if length else beats
        if name == "~":
            for index in last:
                notes[index] = replace(notes[index], beats=notes[index].beats + beats)
        elif name == "r":
            last = []
        else:
            last = list(range(len(notes), len(notes) + name.count("+") + 1))
            notes += [Note(start + at, beats, pitch(one), strength) for one in name.split("+")]
        at += beats
    return tuple(notes)


def moved(notes: Sequence[Note], beats: float = 0.0, half_steps: int = 0, strength: float = 1.0) -> tuple[Note, ...]:
    return tuple(
        replace(note, start=note.start + beats, pitch=note.pitch + half_steps, strength=note.strength * strength)
        for note in notes
    )


def timing(piece: Piece) -> Callable[[float], float]:
    """From beats to seconds: swing inside the beat, and a broadening at the end."""
    beat_seconds = 60 / piece.beats_per_minute
    slow_from = piece.length - piece.slow_down

    def seconds(beat: float) -> float:
        whole = math.floor(beat)
        part = beat - whole
        swung = part * piece.swing * 2 if part < 0.5 else piece.swing + (part - 0.5) * (1 - piece.swing) * 2
        straight = whole + swung
        late = max(0.0, straight - slow_from)
        # grows with the square, so that the beat slows steadily and never jumps
        return beat_seconds * (straight + 0.28 * late * late / max(piece.slow_down, 1.0))

    return seconds


@dataclass(frozen=True, slots=True)
class Sounding:
    """A note as it is played: seconds and a velocity of 1 to 127."""

    start: float
    seconds: float
    pitch: int
    velocity: int


def performed(piece: Piece, part: Part, chance: random.Random) -> list[Sounding]:
    """Play a part as a hand would: a little early or late, phrases of four bars that swell and settle."""
    seconds = timing(piece)
    phrase = 4 * piece.bar
    played = []
    for note in part.notes:
        place = (note.start % phrase) / phrase
        swell = 0.93 + 0.12 * math.sin(math.pi * place)
        accent = 1.05 if note.start % piece.bar < 1e-6 else 1.0
        velocity = part.velocity * note.strength * swell * accent * chance.gauss(1.0, 0.035)
        begin = seconds(note.start) + chance.gauss(0.0, part.looseness)
        finish = seconds(note.start + note.beats) - 0.01
        played.append(
            Sounding(max(0.0, begin), max(0.06, finish - begin), note.pitch, round(min(118, max(12, velocity))))
        )
    return played
