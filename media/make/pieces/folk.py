"""Two old tunes: Greensleeves and Scarborough Fair, for guitar and a wind instrument."""

from harmony import broken, chords, held
from score import Part, Piece, line, moved

GREEN_VERSE = """
C5/2 D5/1 | E5/1.5 F5/.5 E5/1 | D5/2 B4/1 | G4/1.5 A4/.5 B4/1 | C5/2 A4/1 | A4/1.5 G#4/.5 A4/1 | B4/2 G#4/1 | E4/2 A4/1 |
C5/2 D5/1 | E5/1.5 F5/.5 E5/1 | D5/2 B4/1 | G4/1.5 A4/.5 B4/1 | C5/1.5 B4/.5 A4/1 | G#4/1.5 F#4/.5 G#4/1 | A4/3 | ~/3
"""
GREEN_CHORUS = """
G5/3 | ~/1.5 F#5/.5 E5/1 | D5/2 B4/1 | G4/1.5 A4/.5 B4/1 | C5/2 A4/1 | A4/1.5 G#4/.5 A4/1 | B4/2 G#4/1 | E4/3 |
G5/3 | ~/1.5 F#5/.5 E5/1 | D5/2 B4/1 | G4/1.5 A4/.5 B4/1 | C5/1.5 B4/.5 A4/1 | G#4/1.5 F#4/.5 G#4/1 | A4/3 | ~/3
"""
GREEN_VERSE_CHANGES = "Am | Am | G | G | Am | Am | E | E E Am | Am | Am | G | G | Am | E | Am | Am"
GREEN_CHORUS_CHANGES = "C | C | G | G | Am | Am | E | E | C | C | G | G | Am | E | Am | Am"

FAIR = """
D4/2 D4/1 | A4/2 A4/1 | E4/1.5 F4/.5 E4/1 | D4/3 | r/1 A4/1 C5/1 | D5/2 C5/1 | A4/1 B4/1 G4/1 | A4/3 | ~/2 D5/1 |
D5/2 D5/1 | C5/2 A4/1 | A4/1 G4/1 F4/1 | E4/1 C4/2 | ~/3 | D4/2 A4/1 | G4/2 F4/1 | E4/1 D4/1 C4/1 | D4/3 | ~/3 | r/3
"""
FAIR_CHANGES = "Dm | Dm | C | Dm | Dm | Dm | F G G | Dm | Dm | Dm | F | F | C | C | Dm | G | C | Dm | Dm | Dm"
PICKING = (0, 3, 4, 5, 4, 3)  # thumb on the root, then fingers up and down an octave above, six eighths to the bar


def greensleeves() -> Piece:
    tune = (*line(GREEN_VERSE, 3), *line(GREEN_CHORUS, 3, start=48))
    both = f"{GREEN_VERSE_CHANGES} | {GREEN_CHORUS_CHANGES}"
    intro = chords("Am | Am | G | Am", 3)
    first, again = chords(both, 3, start=12), chords(both, 3, start=108)
    last = chords("Am | Am", 3, start=204)
    guitar = broken(intro + first + again + last, PICKING, 0.5, 45)
    return Piece(
        slug="greensleeves",
        title="Greensleeves",
        artist="Traditional, England",
        shelf="folk",
        source="own arrangement of the traditional tune (1580), own notes in media/make/pieces/folk.py",
        parts=(
            Part(24, tuple(guitar), velocity=56),
            Part(24, (*line("A4/1", 3, start=11), *moved(tune, 12)), velocity=80),
            Part(73, (*line("A4/1", 3, start=107), *moved(tune, 108)), velocity=62, looseness=0.012),
            Part(49, tuple(held(again + last, 57)), velocity=36),
        ),
        beats_per_minute=108,
        bar=3,
        slow_down=6,
        end=210,
    )


def scarborough_fair() -> Piece:
    verse, intro = 60.0, 12.0
    tune = line(FAIR, 3)
    changes = chords("Dm | Dm | C | Dm", 3)
    for turn in range(3):
        changes += chords(FAIR_CHANGES, 3, start=intro + turn * verse)
    harp = broken(changes[-22:], (0, 2, 3, 4, 3, 2), 0.5, 62, 0.7)
    return Piece(
        slug="scarborough-fair",
        title="Scarborough Fair",
        artist="Traditional, England",
        shelf="folk",
        source="own arrangement of the traditional tune, own notes in media/make/pieces/folk.py",
        parts=(
            Part(24, tuple(broken(changes, PICKING, 0.5, 43)), velocity=60),
            Part(73, moved(tune, intro), velocity=68, looseness=0.012),
            Part(24, moved(tune, intro + verse, 12), velocity=82),
            Part(71, moved(tune, intro + 2 * verse), velocity=62, looseness=0.012),
            Part(46, tuple(harp), velocity=50),
        ),
        beats_per_minute=100,
        bar=3,
        slow_down=6,
    )
