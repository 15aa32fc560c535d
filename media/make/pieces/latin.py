"""Three of our own from warmer places: a bolero, a slow tango and a son for marimba."""

from harmony import bass, chords, comp, counter, ended, held
from score import Note, Part, Piece, line, moved

from pieces.solo import chorus

GUITAR, FLUTE, CLARINET, ACCORDION, CELLO, MARIMBA, VIBES, BASS, STRINGS, PIANO = 24, 73, 71, 21, 42, 12, 11, 32, 49, 0
SHAKER, STICK, WOOD, LOW_WOOD = 70, 37, 76, 77

PATIO_A = "Am | Am | Dm7 | Dm7 | E7 | E7 | Am | E7 | Am | A7 | Dm7 | Dm7 | Bm7b5 | E7 | Am | Am"
PATIO_A_TUNE = """
A4/1 C5/.5 E5 ~/2 | D5/.5 C5 B4 C5 A4/2 | F5/1 E5/.5 D5 ~/2 | E5/.5 D5 C5 D5 A4/2 | G#4/1 B4/.5 D5 ~/2 | C5/.5 B4 A4 B4 G#4/2 |
A4/1 C5/.5 E5 ~/2 | D5/.5 C5 B4 C5 B4/2 | A4/1 C5/.5 E5 ~/2 | G5/.5 E5 C#5 E5 A4/2 | F5/1 A5/.5 F5 ~/2 | E5/.5 D5 C5 D5 F5/2 |
A5/1 F5/.5 D5 B4/2 | G#4/.5 B4 D5 E5 F5/1 D5 | C5/1.5 B4/.5 A4/2 | ~/3 r/1
"""
PATIO_B = "A6 | A6 | Bm7 | E7 | Bm7 | E7 | A6 | A7 | D6 | Dm6 | C#m7 | F#7 | Bm7 | E7 | A6 | A6 E7"
PATIO_B_TUNE = """
E5/1 C#5/.5 A4 ~/2 | B4/.5 C#5 D5 C#5 E5/2 | D5/1 F#5/.5 D5 ~/2 | B4/.5 D5 G#4 B4 E4/2 | D5/1 B4/.5 F#5 ~/2 |
E5/.5 D5 B4 D5 G#4/2 | A4/1 C#5/.5 E5 ~/2 | G5/.5 E5 C#5 E5 A4/2 | F#5/1 A5/.5 F#5 ~/2 | F5/.5 D5 B4 D5 A4/2 |
E5/1 G#5/.5 E5 ~/2 | C#5/.5 E5 A#4 C#5 F#4/2 | D5/1 F#5/.5 B4 ~/2 | G#4/.5 B4 D5 F#5 E5/1 D5 | C#5/1.5 B4/.5 A4/2 | ~/2 r
"""

CROSSING_A = "Dm | Dm | A7 | A7 | A7 | A7 | Dm | Dm | D7 | D7 | Gm | Gm | Dm | A7 | Dm | Dm"
CROSSING_A_TUNE = """
A4/1.5 G#4/.5 A4/1 D5 | F5/2 E5/1 D5 | C#5/1.5 D5/.5 E5/1 G5 | E5/3 r/1 | G5/1.5 F5/.5 E5/1 C#5 | Bb4/2 A4/1 G4 |
F4/1.5 A4/.5 D5/1 F5 | A4/3 r/1 | F#4/1.5 A4/.5 D5/1 C5 | Eb5/2 D5/1 C5 | Bb4/1.5 D5/.5 G5/1 F5 | D5/3 r/1 |
A4/1.5 D5/.5 F5/1 E5 | E5/1.5 D5/.5 C#5/1 E5 | D5/4 | ~/3 r/1
"""
CROSSING_B = "F | C7 | C7 | F | F | D7 | Gm | Gm | Bb | F | C7 | F | Gm | Dm | E7 | A7"
CROSSING_B_TUNE = """
C5/1.5 A4/.5 C5/1 F5 | E5/2 D5/1 Bb4 | G4/1.5 Bb4/.5 E5/1 D5 | C5/3 r/1 | A4/1.5 C5/.5 F5/1 A5 | F#5/2 D5/1 C5 |
Bb4/1.5 D5/.5 G5/1 F5 | D5/3 r/1 | D5/1.5 F5/.5 Bb5/1 A5 | C5/2 F5/1 A5 | G5/1.5 F5/.5 E5/1 Bb4 | A4/3 r/1 |
G4/1.5 Bb4/.5 D5/1 G5 | F5/1.5 D5/.5 A4/1 F4 | G#4/1.5 B4/.5 D5/1 E5 | C#5/2 E5/1 G5
"""

LIME_A = "G6 | G6 | Am7 | D7 | Am7 | D7 | G6 | G6"
LIME_A_TUNE = """
D5/.5 B4 G4/1 A4/.5 B4 D5/1 | E5/.5 D5 B4/1 r/2 | E5/.5 C5 A4/1 B4/.5 C5 E5/1 | F#5/.5 E5 C5/1 r/2 |
E5/.5 C5 A4/1 C5/.5 E5 G5/1 | F#5/.5 D5 C5 A4 F#4/1 A4 | B4/.5 D5 G5/1 E5/.5 D5 B4/1 | G4/2 r
"""
LIME_B = "Cmaj7 | Cm6 | Bm7 | E7 | Am7 | D7 | G6 | D7"
LIME_B_TUNE = """
E5/1 G5/.5 E5 ~/1 C5 | Eb5/1 G5/.5 Eb5 ~/1 C5 | D5/1 F#5/.5 D5 ~/1 B4 | G#4/.5 B4 D5 E5 D5/2 |
C5/1 E5/.5 C5 ~/1 A4 | F#4/.5 A4 C5 D5 C5/2 | B4/.5 D5 G5 D5 B4/1 G4 | A4/.5 C5 D5 F#5 A5/1 r
"""


def patio_at_four() -> Piece:
    half, intro = 64.0, 16.0
    plan = (PATIO_A, PATIO_B, PATIO_A, PATIO_B)
    turns = [chords(text, 4, intro + n * half) for n, text in enumerate(plan)]
    last = intro + 4 * half
    whole = chords("Am | E7 | Am | E7", 4) + [chord for turn in turns for chord in turn] + chords("A6", 4, last)
    first, second = line(PATIO_A_TUNE, 4), line(PATIO_B_TUNE, 4)
    return Piece(
        slug="patio-at-four",
        title="Patio at Four",
        artist="The holdsvc house trio",
        shelf="latin",
        source="own composition, notes in media/make/pieces/latin.py",
        parts=(
            Part(
                GUITAR,
                (*moved(first, intro), *moved(second, intro + 3 * half), *line("A4+C#5+E5/4", 4, last)),
                velocity=82,
            ),
            Part(FLUTE, moved(second, intro + half), velocity=62, looseness=0.016),
            Part(CLARINET, moved(first, intro + 2 * half), velocity=62, looseness=0.016),
            Part(STRINGS, tuple(held(turns[1] + turns[3], 57)), velocity=32),
            Part(CELLO, tuple(counter(turns[2] + turns[3], 60, 53, 67)), velocity=44, looseness=0.014),
            Part(
                GUITAR,
                tuple(ended(comp(whole, ((0, 0.9), (1, 0.4), (1.5, 0.4), (2, 0.9), (3, 0.9)), low=55), last, 4)),
                velocity=46,
            ),
            Part(BASS, tuple(ended(bass(whole, ((0, 1.8, 0), (2, 0.9, 2), (3, 0.9, 2))), last, 4)), velocity=60),
            Part(0, shaken(0, int(last)), velocity=34, drums=True),
        ),
        beats_per_minute=100,
        bar=4,
        slow_down=6,
        room=0.5,
        end=last + 4,
    )


def long_crossing() -> Piece:
    half, intro = 64.0, 16.0
    plan = (CROSSING_A, CROSSING_B, CROSSING_A, CROSSING_B, CROSSING_A)
    turns = [chords(text, 4, intro + n * half) for n, text in enumerate(plan)]
    last = intro + 5 * half
    whole = chords("Dm | Gm | A7 | A7", 4) + [chord for turn in turns for chord in turn] + chords("Dm", 4, last)
    first, second = line(CROSSING_A_TUNE, 4), line(CROSSING_B_TUNE, 4)
    return Piece(
        slug="the-long-crossing",
        title="The Long Crossing",
        artist="The holdsvc house trio",
        shelf="latin",
        source="own composition, notes in media/make/pieces/latin.py",
        parts=(
            Part(
                ACCORDION,
                (
                    *moved(first, intro),
                    *moved(second, intro + 3 * half),
                    *moved(first, intro + 4 * half),
                    Note(last, 4, 74),
                ),
                velocity=54,
                looseness=0.014,
            ),
            Part(GUITAR, (*moved(second, intro + half), *moved(first, intro + 2 * half)), velocity=82),
            Part(CELLO, moved(first, intro + 2 * half, 0, 0.8), velocity=54, looseness=0.016),
            Part(STRINGS, tuple(held(turns[3], 57)), velocity=32),
            Part(CLARINET, tuple(counter(turns[3] + turns[4], 67, 62, 74)), velocity=38, looseness=0.016),
            Part(
                GUITAR,
                tuple(ended(comp(whole, ((0, 0.8), (1.5, 0.4), (2, 0.8), (3, 0.8)), low=53), last, 4)),
                velocity=46,
            ),
            Part(
                BASS,
                tuple(ended(bass(whole, ((0, 1.4, 0), (1.5, 0.4, 2), (2, 0.9, 2), (3, 0.9, 0))), last, 4)),
                velocity=46,
            ),
        ),
        beats_per_minute=116,
        bar=4,
        slow_down=6,
        room=0.5,
        end=last + 4,
    )


def sugar_and_lime() -> Piece:
    half, intro = 32.0, 16.0
    plan = (LIME_A, LIME_A, LIME_B, LIME_A, LIME_A, LIME_A, LIME_B, LIME_A)
    turns = [chords(text, 4, intro + n * half) for n, text in enumerate(plan)]
    last = intro + len(plan) * half
    whole = chords("G6 | Am7 | D7 | D7", 4) + [chord for turn in turns for chord in turn] + chords("G6", 4, last)
    first, second = line(LIME_A_TUNE, 4), line(LIME_B_TUNE, 4)
    marimba = [moved(first, intro + n * half) for n in (0, 1, 3, 7)]
    return Piece(
        slug="sugar-and-lime",
        title="Sugar and Lime",
        artist="The holdsvc house trio",
        shelf="latin",
        source="own composition, notes in media/make/pieces/latin.py",
        parts=(
            Part(MARIMBA, tuple(note for part in marimba for note in part), velocity=84, looseness=0.01),
            Part(
                FLUTE,
                (
                    *moved(second, intro + 2 * half),
                    *moved(second, intro + 6 * half),
                    *moved(first, intro + 7 * half, 0, 0.8),
                ),
                velocity=58,
                looseness=0.014,
            ),
            Part(VIBES, tuple(chorus(turns[4], "lime", 64, 79)), velocity=74, looseness=0.012),
            Part(
                GUITAR,
                (*chorus(turns[5], "sugar", 64, 79), *line("G4+B4+D5+E5/4", 4, last)),
                velocity=84,
                looseness=0.012,
            ),
            Part(
                PIANO,
                tuple(ended(comp(whole, ((0, 0.4), (1, 0.4), (1.5, 0.9), (3, 0.4), (3.5, 0.4)), low=57), last, 4)),
                velocity=44,
            ),
            Part(BASS, tuple(ended(bass(whole, ((0, 1.4, 0), (1.5, 0.9, 2), (3, 0.9, 3))), last, 4)), velocity=60),
            Part(0, clave(0, int(last)), velocity=34, drums=True),
        ),
        beats_per_minute=116,
        bar=4,
        slow_down=5,
        room=0.42,
        end=last + 4,
    )


def shaken(start: int, end: int) -> tuple[Note, ...]:
    return tuple(Note(start + 0.5 * n, 0.2, SHAKER, 0.9 if n % 4 == 0 else 0.6) for n in range(2 * (end - start)))


def clave(start: int, end: int) -> tuple[Note, ...]:
    """Two bars of the son's five strokes, and a shaker."""
    strokes = (0, 1.5, 3, 5, 6)
    sticks = tuple(Note(at + beat, 0.3, STICK, 0.9) for at in range(start, end - 7, 8) for beat in strokes)
    return (*sticks, *shaken(start, end))
