"""Three more for the small jazz group: a blues, a waltz and a ballad. The choruses between the tunes are made up by `solo`."""

from harmony import bass, chords, comp, ended, held, walking
from score import Note, Part, Piece, line, moved

from pieces.solo import chorus

PIANO, RHODES, VIBES, GUITAR, BASS, CLARINET, FLUTE, MUTED = 0, 4, 11, 26, 32, 71, 73, 59
RIDE, TAP, STICK = 51, 38, 37

BLUES = "Bb7 | Eb7 | Bb7 | Bb7 | Eb7 | Eb7 | Bb7 | G7 | Cm7 | F7 | Bb7 G7 | Cm7 F7"
BLUES_TUNE = """
r/.5 F4 Bb4 Db5 D5/1 r | r/.5 F4 Bb4 Db5 C5/1 Bb4 | r/.5 F4 Bb4 Db5 D5/1 F5 | D5/1.5 Bb4/.5 r/2 |
r/.5 G4 Bb4 Db5 Eb5/1 r | r/.5 G4 Bb4 Db5 C5/1 Bb4 | r/.5 F4 Bb4 Db5 D5/1 F5 | D5/1.5 B4/.5 r/2 |
r/.5 Eb5 D5 C5 Eb5/1 C5 | A4/.5 C5 Eb5 C5 F5/1 Eb5 | D5/1 Bb4 G4/.5 B4 D5/1 | C5/1 A4 r/2
"""

WALTZ_A = "Dm7 | G7 | Cmaj7 | Am7 | Fmaj7 | Bm7b5 | E7 | Am7 | Dm7 | G7 | Em7 | A7 | Dm7 | G7 | Cmaj7 | C6"
WALTZ_B = "Fm6 | Fm6 | Cmaj7 | Cmaj7 | Em7 | A7 | Dm7 | G7"
WALTZ_A_TUNE = """
A4/1.5 F5/.5 E5/1 | D5/2 B4/1 | E5/1.5 D5/.5 B4/1 | C5/3 | A4/1.5 C5/.5 E5/1 | D5/2 A4/1 | G#4/1.5 B4/.5 D5/1 | C5/3 |
F5/1.5 E5/.5 D5/1 | B4/2 D5/1 | G5/1.5 E5/.5 D5/1 | C#5/3 | F5/1.5 E5/.5 A4/1 | B4/1.5 C5/.5 D5/1 | E5/3 | ~/2 r/1
"""
WALTZ_B_TUNE = """
Ab4/1 C5 D5 | F5/2 D5/1 | E5/1 G5 E5 | B4/3 | G5/1 F#5 E5 | C#5/2 E5/1 | F5/1 D5 A4 | B4/2 G4/1
"""

BALLAD_A = "Ebmaj7 | Cm7 | Fm7 | Bb7 | Gm7 | Cm7 | Fm7 Bb7 | Eb6"
BALLAD_B = "Abmaj7 | Abm6 | Gm7 | C7 | Fm7 | Am7b5 D7 | Gm7 C7 | Fm7 Bb7"
BALLAD_A_TUNE = """
G4/1.5 Bb4/.5 D5/2 | Eb5/1.5 D5/.5 C5/1 G4 | Ab4/1.5 C5/.5 Eb5/1 G5 | F5/3 D5/1 |
D5/1.5 F5/.5 Bb4/2 | C5/1.5 Eb5/.5 G4/2 | Ab4/1 C5 D5/.5 C5 Bb4 Ab4 | G4/3 r/1
"""
BALLAD_B_TUNE = """
C5/1.5 Eb5/.5 G5/2 | F5/1.5 Eb5/.5 B4/2 | D5/1.5 F5/.5 Bb4/2 | E5/2 C5 | Ab4/1 C5 Eb5/1.5 C5/.5 |
C5/1 Eb5 D5 F#4 | G4/1 Bb4 C5 E5 | Eb5/2 D5
"""


def third_coffee() -> Piece:
    form, intro = 48.0, 16.0
    turns = [chords(BLUES, 4, intro + n * form) for n in range(6)]
    last = intro + 6 * form
    whole = chords("Cm7 | F7 | Bb7 G7 | Cm7 F7", 4) + [chord for turn in turns for chord in turn]
    whole += chords("Bb6 | Bb6", 4, last)
    tune = line(BLUES_TUNE, 4)
    return Piece(
        slug="third-coffee",
        title="Third Coffee",
        artist="The holdsvc house trio",
        shelf="jazz",
        source="own composition, notes in media/make/pieces/combo.py",
        parts=(
            Part(
                VIBES,
                (
                    *moved(tune, intro),
                    *moved(tune, intro + form),
                    *moved(tune, intro + 5 * form),
                    *line("D5/.5 F5 Bb5/3", 4, last),
                ),
                velocity=74,
                looseness=0.014,
            ),
            Part(CLARINET, moved(tune, intro + form, 0, 0.9), velocity=46, looseness=0.016),
            Part(
                PIANO,
                (*chorus(turns[2], "third coffee"), *chorus(turns[3], "fourth coffee", 67, 84)),
                velocity=70,
                looseness=0.014,
            ),
            Part(GUITAR, tuple(chorus(turns[4], "no sugar", 60, 77)), velocity=78, looseness=0.014),
            Part(PIANO, tuple(ended(comp(whole, ((0, 0.7), (1.5, 0.5), (3.5, 0.4))), last, 4)), velocity=40),
            Part(BASS, tuple(ended(walking(whole), last, 4)), velocity=46, looseness=0.01),
            Part(0, brushes(0, int(last)), velocity=38, drums=True),
        ),
        beats_per_minute=118,
        bar=4,
        swing=0.63,
        slow_down=5,
        room=0.4,
        end=last + 5,
    )


def rain_on_seven() -> Piece:
    form, intro = 120.0, 12.0
    text = " | ".join((WALTZ_A, WALTZ_B, WALTZ_A))
    turns = [chords(text, 3, intro + n * form) for n in range(2)]
    close = chords(f"{WALTZ_A}", 3, intro + 2 * form)
    last = intro + 2 * form + 48
    whole = chords("Dm7 | G7 | Cmaj7 | A7", 3) + turns[0] + turns[1] + close + chords("C6 | C6", 3, last)
    tune = (*line(WALTZ_A_TUNE, 3), *line(WALTZ_B_TUNE, 3, 48), *line(WALTZ_A_TUNE, 3, 72))
    flute = [note for note in tune if note.start < 48]
    vibes = [note for note in tune if note.start >= 48]
    return Piece(
        slug="rain-on-seven",
        title="Rain on Seven",
        artist="The holdsvc house trio",
        shelf="jazz",
        source="own composition, notes in media/make/pieces/combo.py",
        parts=(
            Part(
                FLUTE,
                (*moved(flute, intro), *moved(flute, intro + 2 * form), Note(last, 6, 76)),
                velocity=62,
                looseness=0.016,
            ),
            Part(VIBES, moved(vibes, intro), velocity=72, looseness=0.014),
            Part(PIANO, tuple(chorus(turns[1][:24], "seven", 65, 82, bar=3)), velocity=68, looseness=0.014),
            Part(GUITAR, tuple(chorus(turns[1][24:], "rain", 60, 77, bar=3)), velocity=76, looseness=0.014),
            Part(
                RHODES,
                (*ended(comp(whole, ((1, 0.8), (2, 0.7)), low=57), last, 6), *held(chords("C6", 6, last), 57)),
                velocity=48,
            ),
            Part(BASS, tuple(ended(bass(whole, ((0, 1.8, 0), (2, 0.8, 2))), last, 6)), velocity=60, looseness=0.01),
            Part(0, waltz_brushes(0, int(last)), velocity=36, drums=True),
        ),
        beats_per_minute=124,
        bar=3,
        swing=0.6,
        slow_down=6,
        room=0.45,
        end=last + 6,
    )


def coat_check() -> Piece:
    half, intro = 32.0, 8.0
    plan = (BALLAD_A, BALLAD_A, BALLAD_B, BALLAD_A, BALLAD_B, BALLAD_A)
    turns = [chords(text, 4, intro + n * half) for n, text in enumerate(plan)]
    last = intro + 6 * half
    whole = chords("Fm7 | Bb7", 4) + [chord for turn in turns for chord in turn] + chords("Ebmaj7 | Eb6", 4, last)
    first, bridge = line(BALLAD_A_TUNE, 4), line(BALLAD_B_TUNE, 4)
    clarinet = (
        *moved(first, intro),
        *moved(first, intro + half),
        *moved(first, intro + 3 * half),
        *moved(first, intro + 5 * half),
    )
    return Piece(
        slug="coat-check",
        title="Coat Check",
        artist="The holdsvc house trio",
        shelf="jazz",
        source="own composition, notes in media/make/pieces/combo.py",
        parts=(
            Part(CLARINET, (*clarinet, *line("Bb4/2 D5 | G5/4", 4, last)), velocity=64, looseness=0.018),
            Part(GUITAR, moved(bridge, intro + 2 * half), velocity=78, looseness=0.014),
            Part(PIANO, tuple(chorus(turns[4], "the last coat", 65, 84)), velocity=66, looseness=0.016),
            Part(RHODES, tuple(ended(comp(whole, ((0, 1.9), (2, 1.9)), low=57), last + 4, 4)), velocity=50),
            Part(BASS, tuple(ended(bass(whole, ((0, 1.8, 0), (2, 1.8, 2))), last + 4, 4)), velocity=58, looseness=0.01),
            Part(0, brushes(0, int(last)), velocity=30, drums=True),
        ),
        beats_per_minute=74,
        bar=4,
        swing=0.6,
        slow_down=6,
        room=0.5,
        end=last + 8,
    )


def brushes(start: int, end: int) -> tuple[Note, ...]:
    notes = []
    for beat in range(start, end):
        notes.append(Note(beat, 0.4, RIDE, 0.9 if beat % 2 else 0.7))
        if beat % 2:
            notes += [Note(beat, 0.4, TAP, 0.75), Note(beat + 0.5, 0.3, RIDE, 0.55)]
    return tuple(notes)


def waltz_brushes(start: int, end: int) -> tuple[Note, ...]:
    notes = []
    for bar in range(start, end, 3):
        notes += [Note(bar, 0.4, RIDE, 0.8), Note(bar + 1, 0.4, TAP, 0.7), Note(bar + 1, 0.4, RIDE, 0.6)]
        notes += [Note(bar + 2, 0.4, RIDE, 0.7), Note(bar + 2.5, 0.3, TAP, 0.5)]
    return tuple(notes)
