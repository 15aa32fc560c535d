"""Three quiet pieces of our own for piano, two of them with a little company."""

from harmony import Chord, broken, chords, comp, counter, ended, held
from score import Note, Part, Piece, line, moved

PIANO, CELLO, STRINGS, FLUTE, CLARINET = 0, 42, 49, 73, 71

BOATS_A = "F | C | Dm7 | Am7 | Bb | F | Gm7 | C7"
BOATS_A_TUNE = """
A4/2 C5/1 F5 | E5/3 r/1 | D5/2 F5/1 A5 | G5/2 E5 | D5/2 F5/1 D5 | C5/3 r/1 | Bb4/2 D5/1 F5 | E5/2 G4
"""
BOATS_B = "Dm7 | Bb | F | C | Dm7 | Bb | Gm7 | C7"
BOATS_B_TUNE = """
F5/1 E5 D5 A4 | D5/3 r/1 | C5/1 D5 F5 A5 | G5/3 r/1 | A5/1 G5 F5 D5 | F5/2 D5 | Bb4/1 D5 G5 F5 | E5/2 C5
"""

SEAT_A = "D | A | Bm7 | F#m | G | D | Em7 | A7 | D | A | Bm7 | F#m | G | A7 | D | D"
SEAT_A_TUNE = """
F#5/2 E5/1 | C#5/2 E5/1 | D5/2 B4/1 | A4/3 | B4/2 D5/1 | F#5/2 A5/1 | G5/1 F#5 E5 | E5/3 |
F#5/2 E5/1 | C#5/2 E5/1 | D5/2 F#5/1 | A5/3 | B5/2 A5/1 | G5/1 E5 C#5 | D5/3 | ~/3
"""
SEAT_B = "Bm | Bm | F#m | F#m | G | D | E7 | A7 | Bm | Bm | F#m | F#m | G | A7 | D | D"
SEAT_B_TUNE = """
D5/1 F#5 B5 | A5/2 F#5/1 | C#5/1 F#5 A5 | F#5/3 | G5/1 D5 B4 | A4/2 D5/1 | E5/1 G#5 B5 | A5/2 G5/1 |
D5/1 F#5 B5 | A5/2 F#5/1 | C#5/1 F#5 A5 | F#5/3 | B4/1 D5 G5 | E5/1 C#5 A4 | D5/3 | ~/3
"""

SNOW_A = "Am | F | C | G | Am | F | Dm7 | E7"
SNOW_A_TUNE = """
E5/3 D5/1 | C5/3 A4/1 | G4/2 C5/1 E5 | D5/4 | E5/3 G5/1 | F5/2 E5/1 C5 | D5/2 F5/1 A4 | G#4/2 B4
"""
SNOW_B = "F | G | Em7 | Am | F | G | Am | Am"
SNOW_B_TUNE = """
A5/2 G5/1 F5 | G5/2 D5 | E5/1 G5 B4 D5 | C5/4 | A4/1 C5 F5 A5 | G5/2 B4/1 D5 | E5/4 | ~/4
"""


def paper_boats() -> Piece:
    half, intro = 32.0, 16.0
    plan = ((BOATS_A, BOATS_A_TUNE), (BOATS_A, BOATS_A_TUNE), (BOATS_B, BOATS_B_TUNE), (BOATS_A, BOATS_A_TUNE))
    plan += ((BOATS_B, BOATS_B_TUNE), (BOATS_A, BOATS_A_TUNE))
    turns, tune = laid(plan, 4, intro, half)
    last = intro + len(plan) * half
    whole = chords("F | Bb | Gm7 | C7", 4) + [chord for turn in turns for chord in turn] + chords("F", 4, last)
    left = ended(broken(whole, (0, 2, 3, 4, 5, 4, 3, 2), 0.5, 46, 0.75), last, 4)
    return Piece(
        slug="paper-boats",
        title="Paper Boats",
        artist="The holdsvc house trio",
        shelf="piano",
        source="own composition, notes in media/make/pieces/keys.py",
        parts=(
            Part(PIANO, (*tune, *line("A4/1 C5 F5/2", 4, last)), velocity=74, pedal=2.0),
            Part(PIANO, tuple(left), velocity=54, pedal=2.0),
        ),
        beats_per_minute=84,
        bar=4,
        slow_down=8,
        room=0.6,
        end=last + 4,
    )


def window_seat() -> Piece:
    half, intro = 48.0, 12.0
    plan = tuple((SEAT_A, SEAT_A_TUNE) if n % 2 == 0 else (SEAT_B, SEAT_B_TUNE) for n in range(5))
    turns, tune = laid(plan, 3, intro, half)
    last = intro + len(plan) * half
    whole = chords("D | A | Bm7 | A7", 3) + [chord for turn in turns for chord in turn] + chords("D | D", 3, last)
    left = ended(waltz(whole, 43), last, 6) + held(chords("D", 6, last), 57)
    clarinet = counter(turns[2] + turns[3] + turns[4], 66, 62, 74)
    return Piece(
        slug="window-seat",
        title="Window Seat",
        artist="The holdsvc house trio",
        shelf="piano",
        source="own composition, notes in media/make/pieces/keys.py",
        parts=(
            Part(PIANO, (*tune, Note(last, 6, 78)), velocity=70, pedal=3.0),
            Part(PIANO, tuple(left), velocity=50, pedal=3.0),
            Part(CLARINET, tuple(clarinet), velocity=40, looseness=0.018),
            Part(STRINGS, tuple(held(turns[3] + turns[4], 57)), velocity=26),
        ),
        beats_per_minute=112,
        bar=3,
        slow_down=7,
        room=0.6,
        end=last + 6,
    )


def snow_on_the_line() -> Piece:
    half, intro = 32.0, 16.0
    one, two = (SNOW_A, SNOW_A_TUNE), (SNOW_B, SNOW_B_TUNE)
    plan = (one, one, two, one, two)
    turns, tune = laid(plan, 4, intro, half)
    last = intro + len(plan) * half
    whole = chords("Am | F | Am | E7", 4) + [chord for turn in turns for chord in turn] + chords("Am | Am", 4, last)
    high = [note for note in tune if not intro + 3 * half <= note.start < intro + 4 * half]
    cello = [note for note in tune if intro + 3 * half <= note.start < intro + 4 * half]
    right = comp(turns[3], ((1, 0.9), (2, 0.9), (3, 0.9)), low=69)
    left = ended(broken(whole, (0, 2, 3, 4, 3, 2, 3, 2), 0.5, 45, 0.75), last + 4, 4)
    return Piece(
        slug="snow-on-the-line",
        title="Snow on the Line",
        artist="The holdsvc house trio",
        shelf="piano",
        source="own composition, notes in media/make/pieces/keys.py",
        parts=(
            Part(PIANO, (*high, *line("C5/4 | A4/4", 4, last)), velocity=72, pedal=2.0),
            Part(PIANO, tuple(left), velocity=52, pedal=2.0),
            Part(PIANO, tuple(right), velocity=38),
            Part(CELLO, moved(cello, 0, -12), velocity=78, looseness=0.016),
            Part(STRINGS, tuple(held(turns[2] + turns[3] + turns[4], 57)), velocity=30),
            Part(FLUTE, tuple(counter(turns[4], 72, 69, 81)), velocity=34, looseness=0.018),
        ),
        beats_per_minute=76,
        bar=4,
        slow_down=8,
        room=0.62,
        end=last + 8,
    )


def laid(
    plan: tuple[tuple[str, str], ...], bar: float, start: float, beats: float
) -> tuple[list[list[Chord]], list[Note]]:
    """Harmony and tune of each part, one after the other."""
    turns = [chords(text, bar, start + n * beats) for n, (text, _) in enumerate(plan)]
    return turns, [note for n, (_, tune) in enumerate(plan) for note in line(tune, bar, start + n * beats)]


def waltz(changes: list[Chord], lowest: int) -> list[Note]:
    """A low note and two soft chords."""
    notes = [Note(chord.start, chord.beats, chord.above(lowest)[0]) for chord in changes]
    return notes + comp(changes, ((1, 0.9), (2, 0.9)), low=57)
