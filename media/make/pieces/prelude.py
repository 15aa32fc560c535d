"""Bach, Prelude in C, BWV 846, written out bar by bar: the two held notes of the left hand and the three of the right."""

from score import Note, Part, Piece, pitch

# Each bar is five notes; the right hand's three return, and the whole is said twice.
BARS = """
C4 E4 G4 C5 E5 | C4 D4 A4 D5 F5 | B3 D4 G4 D5 F5 | C4 E4 G4 C5 E5
C4 E4 A4 E5 A5 | C4 D4 F#4 A4 D5 | B3 D4 G4 D5 G5 | B3 C4 E4 G4 C5
A3 C4 E4 G4 C5 | D3 A3 D4 F#4 C5 | G3 B3 D4 G4 B4 | G3 Bb3 E4 G4 C#5
F3 A3 D4 A4 D5 | F3 Ab3 D4 F4 B4 | E3 G3 C4 G4 C5 | E3 F3 A3 C4 F4
D3 F3 A3 C4 F4 | G2 D3 G3 B3 F4 | C3 E3 G3 C4 E4 | C3 G3 Bb3 C4 E4
F2 F3 A3 C4 E4 | F#2 C3 A3 C4 Eb4 | Ab2 F3 B3 C4 D4 | G2 F3 G3 B3 D4
G2 E3 G3 C4 E4 | G2 D3 G3 C4 F4 | G2 D3 G3 B3 F4 | G2 Eb3 A3 C4 F#4
G2 E3 G3 C4 G4 | G2 D3 G3 C4 F4 | G2 D3 G3 B3 F4 | C2 C3 G3 Bb3 E4
"""
# The last three bars break the pattern: sixteen notes each, then the chord.
RUN_DOWN = (
    "C2 C3 F3 A3 C4 F4 C4 A3 C4 A3 F3 A3 F3 D3 F3 D3",
    "C2 B2 G4 B4 D5 F5 D5 B4 D5 B4 G4 B4 D4 F4 E4 D4",
)
CLOSE = "C2 C3 E4 G4 C5"


def piece() -> Piece:
    notes: list[Note] = []
    at = 0.0
    for bar in BARS.replace("\n", " | ").split("|"):
        if bar.split():
            notes += _broken(bar.split(), at) + _broken(bar.split(), at + 2)
            at += 4
    for run in RUN_DOWN:
        names = run.split()
        notes += [Note(at, 4, pitch(names[0]), 0.9), Note(at + 0.25, 3.75, pitch(names[1]), 0.85)]
        notes += [Note(at + 0.25 * n, 0.5, pitch(name), 0.9) for n, name in enumerate(names) if n > 1]
        at += 4
    notes += [Note(at + 0.06 * n, 4, pitch(name), 0.85) for n, name in enumerate(CLOSE.split())]
    return Piece(
        slug="bach-prelude-in-c",
        title="Prelude in C major, BWV 846",
        artist="Johann Sebastian Bach",
        shelf="classical",
        source="own setting of the public-domain score of 1722, own notes in media/make/pieces/prelude.py",
        parts=(Part(0, tuple(notes), velocity=62, pedal=2.0, looseness=0.006),),
        beats_per_minute=68,
        bar=4,
        slow_down=8,
    )


def _broken(names: list[str], at: float) -> list[Note]:
    """Half a bar: the low two are held, the upper three go round twice."""
    low, middle, *upper = (pitch(name) for name in names)
    notes = [Note(at, 2, low, 0.95), Note(at + 0.25, 1.75, middle, 0.88)]
    for place, height in enumerate(upper * 2):
        notes.append(Note(at + 0.5 + 0.25 * place, 0.3, height, 0.92 + 0.04 * (place % 3)))
    return notes
