"""Two pieces of our own for a small jazz group: a slow swing and a bossa nova."""

from harmony import Chord, chords, comp, walking
from score import Note, Part, Piece, line, moved

A_CHANGES = "Fmaj7 | D7 | Gm7 | C7 | Am7 | D7 | Gm7 C7 | F6"
B_CHANGES = "Cm7 | F7 | Bbmaj7 | Bb6 | Dm7 | G7 | Gm7 | C7"
A_TUNE = """
C5/1.5 A4/.5 C5/1 E5/1 | D5/1.5 C5/.5 A4/1 F#4/1 | G4/1.5 Bb4/.5 D5/1 F5/1 | E5/3 r/1 |
C5/1.5 E5/.5 G5/1 E5/1 | F#5/1.5 E5/.5 C5/1 A4/1 | Bb4/1 D5/1 E5/.5 D5 C5 Bb4 | A4/3 r/1
"""
B_TUNE = """
Eb5/1.5 D5/.5 C5/1 Bb4/1 | A4/1.5 C5/.5 Eb5/1 C5/1 | D5/1.5 F5/.5 D5/1 Bb4/1 | A4/2 Bb4/1 C5/1 |
D5/1.5 F5/.5 A5/1 F5/1 | G5/1.5 F5/.5 D5/1 B4/1 | Bb4/1.5 D5/.5 F5/1 D5/1 | E5/2 C5/2
"""
SOLO_ONE = """
r/.5 A4 C5 E5 G5/1 E5/.5 C5 | F#5 E5 D5 C5 A4/1 r | r/.5 G4 Bb4 D5 F5/1 D5/.5 Bb4 | C5 E5 G5 E5 Bb4/1 G4 |
r/.5 C5 E5 G5 A5/1 G5/.5 E5 | D5 F#5 A5 F#5 D5/1 C5 | Bb4/.5 D5 F5 D5 E5 C5 Bb4 G4 | A4/2 r
"""
SOLO_TWO = """
A4/.5 C5 F5 E5 C5/1 A4 | r/.5 A4 C5 D5 F#5/1 D5 | G5/.5 F5 D5 Bb4 G4/1 r | r/.5 E4 G4 Bb4 C5/1 E5 |
G5/1.5 E5/.5 C5/1 A4 | F#4/.5 A4 C5 D5 E5/1 C5 | D5/.5 Bb4 G4 Bb4 C5 E5 G5 E5 | F5/2 r
"""

FERRY_A = "Am7 | Am7 | Dm7 | G7 | C6 | Fmaj7 | Bm7b5 | E7 | Am7 | Am7 | Dm7 | G7 | Cmaj7 | Bm7b5 E7 | Am6 | Am6"
FERRY_B = "Fmaj7 | Fmaj7 | Em7 | A7 | Dm7 | G7 | Cmaj7 | Bm7b5 E7"
FERRY_A_TUNE = """
E5/1.5 D5/.5 C5/1.5 B4/.5 | A4/3 r/1 | F5/1.5 E5/.5 D5/1.5 C5/.5 | B4/3 r/1 |
E5/1.5 D5/.5 C5/1.5 G4/.5 | A4/1.5 C5/.5 E5/2 | D5/1.5 C5/.5 B4/1.5 A4/.5 | G#4/3 r/1 |
E5/1.5 D5/.5 C5/1 E5/1 | A5/3 r/1 | F5/1.5 E5/.5 D5/1 F5/1 | G5/1.5 F5/.5 D5/2 |
E5/1.5 G5/.5 E5/1.5 C5/.5 | D5/1.5 B4/.5 G#4/1 B4/1 | A4/3 r/1 | r/4
"""
FERRY_B_TUNE = """
A5/1.5 G5/.5 E5/1 C5/1 | A4/2 r/1 C5/1 | G5/1.5 E5/.5 D5/1 B4/1 | C#5/3 r/1 |
F5/1.5 E5/.5 D5/1 A4/1 | B4/1.5 D5/.5 F5/1 D5/1 | E5/3 r/1 | D5/1 B4/1 G#4/1 B4/1
"""
STICK, SHAKER, TAP, RIDE = 37, 70, 38, 51


def corner_table() -> Piece:
    intro = chords("Gm7 | C7 | F6 | C7", 4)
    form = " | ".join((A_CHANGES, A_CHANGES, B_CHANGES, A_CHANGES))
    changes = intro + chords(form, 4, start=16) + chords(form, 4, start=144)
    close = chords("Gm7 | C7 | F6 | F6", 4, start=272)
    vibes = [line(A_TUNE, 4, 16), line(A_TUNE, 4, 48), line(B_TUNE, 4, 80), line(A_TUNE, 4, 112)]
    vibes += [line(B_TUNE, 4, 208), line(A_TUNE, 4, 240), line("Bb4/1.5 D5/.5 F5/2 | E5/2 C5/2 | A4/4 | ~/4", 4, 272)]
    piano = [line(SOLO_ONE, 4, 144), line(SOLO_TWO, 4, 176)]
    whole = changes + close
    return Piece(
        slug="corner-table",
        title="Corner Table",
        artist="The holdsvc house trio",
        shelf="jazz",
        source="own composition, notes in media/make/pieces/jazz.py",
        parts=(
            Part(11, tuple(note for part in vibes for note in part), velocity=76, looseness=0.014),
            Part(0, tuple(note for part in piano for note in part), velocity=72, looseness=0.014),
            Part(26, tuple(_ended(comp(whole, ((0, 0.8), (1, 0.5), (2, 0.8), (3, 0.5))))), velocity=44),
            Part(32, tuple(_ended(walking(whole))), velocity=62, looseness=0.01),
            Part(40, _brushes(0, 280), velocity=40, drums=True),
        ),
        beats_per_minute=112,
        bar=4,
        swing=0.63,
        slow_down=6,
        room=0.4,
        end=288,
    )


def late_ferry() -> Piece:
    form = " | ".join((FERRY_A, FERRY_B, FERRY_A))
    changes = chords("Am7 | Am7 | Dm7 | E7", 4) + chords(form, 4, start=16) + chords(form, 4, start=176)
    tune = (*line(FERRY_A_TUNE, 4), *line(FERRY_B_TUNE, 4, start=64), *line(FERRY_A_TUNE, 4, start=96))
    flute = moved([note for note in tune if note.start < 96], 16)
    vibes = moved([note for note in tune if note.start >= 96], 16)
    piano = moved([note for note in tune if note.start < 64], 176)
    back = moved([note for note in tune if note.start >= 64], 176)
    rhythm = ((0, 1.4), (1.5, 1.4), (3, 0.9))
    last = chords("Am6", 4, start=336)
    return Piece(
        slug="late-ferry",
        title="Late Ferry",
        artist="The holdsvc house trio",
        shelf="jazz",
        source="own composition, notes in media/make/pieces/jazz.py",
        parts=(
            Part(73, (*flute, *back, *line("E5/4", 4, 336)), velocity=66, looseness=0.014),
            Part(11, vibes, velocity=76, looseness=0.014),
            Part(4, piano, velocity=76, looseness=0.014),
            Part(24, tuple(comp(changes, rhythm, low=52) + comp(last, ((0, 4),), low=52)), velocity=54),
            Part(32, (*_root_and_fifth(changes), Note(336, 4, 45)), velocity=64),
            Part(0, _bossa_sticks(0, 332), velocity=34, drums=True),
        ),
        beats_per_minute=136,
        bar=4,
        slow_down=6,
        room=0.45,
        end=340,
    )


def _ended(notes: list[Note]) -> list[Note]:
    """The last bars are one held chord: no beat in them but the first."""
    return [
        note if note.start < 280 else Note(280, 8, note.pitch, note.strength) for note in notes if note.start < 280.5
    ]


def _root_and_fifth(changes: list[Chord]) -> list[Note]:
    notes = []
    for chord in changes:
        root = chord.above(40)[0]
        fifth = root + chord.intervals[2]
        notes += [Note(chord.start, 1.4, root), Note(chord.start + 1.5, 0.4, fifth, 0.85)]
        if chord.beats == 4:
            notes += [Note(chord.start + 2, 1.4, fifth), Note(chord.start + 3.5, 0.4, root, 0.85)]
    return notes


def _brushes(start: int, end: int) -> tuple[Note, ...]:
    notes = []
    for beat in range(start, end):
        notes.append(Note(beat, 0.4, RIDE, 0.9 if beat % 2 else 0.7))
        if beat % 2:
            notes += [Note(beat, 0.4, TAP, 0.8), Note(beat + 0.5, 0.3, RIDE, 0.55)]
    return tuple(notes)


def _bossa_sticks(start: int, end: int) -> tuple[Note, ...]:
    sticks = (0, 1.5, 3, 5, 6.5)  # two bars of the bossa pattern
    notes = [Note(at + beat, 0.3, STICK, 1.0) for at in range(start, end - 7, 8) for beat in sticks]
    notes += [Note(start + 0.5 * n, 0.2, SHAKER, 0.9 if n % 2 == 0 else 0.6) for n in range(2 * (end - start))]
    return tuple(notes)
