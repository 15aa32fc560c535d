"""Pachelbel, Canon in D: eight bass notes for ever, and a tune that three players take up one after the other.

The seventh and eighth variations here are our own, plain ones; the others are Pachelbel's.
"""

from harmony import broken, chords, held
from score import Note, Part, Piece, line, moved

GROUND = "D3/1 A2 B2 F#2 | G2 D2 G2 A2"
CHANGES = "D A | Bm F#m | G D | G A"  # two to a bar of two beats
VARIATIONS = (
    "F#5/1 E5 D5 C#5 | B4 A4 B4 C#5",
    "D5/1 C#5 B4 A4 | G4 F#4 G4 E4",
    "D4/.5 F#4 A4 G4 F#4 D4 F#4 E4 | D4 B3 D4 A4 G4 B4 A4 G4",
    "F#4/.5 D4 E4 C#5 D5 F#5 A5 A4 | B4 G4 A4 F#4 D4 D5 D5/.75 C#5/.25",
    "D5/.25 C#5 D5 D4 C#4 A4 E4 F#4 D4 D5 C#5 B4 C#5 F#5 A5 B5 | G5 F#5 E5 G5 F#5 E5 D5 C#5 B4 A4 G4 F#4 E4 G4 F#4 E4",
    "D4/.25 E4 F#4 G4 A4 E4 A4 G4 F#4 B4 A4 G4 A4 G4 F#4 E4 | D4 B3 B4 C#5 D5 C#5 B4 A4 G4 F#4 E4 B4 A4 B4 A4 G4",
    "r/.5 A4 r E5 r D5 r C#5 | r B4 r A4 r B4 r C#5",
    "D5/1 E5 F#5 A5 | B5 A5 D5 E5",
    "A5/.25 F#5/.125 G5 A5/.25 F#5/.125 G5 A5 A4 B4 C#5 D5 E5 F#5 G5"
    " F#5/.25 D5/.125 E5 F#5/.25 F#4/.125 G4 A4 B4 A4 G4 A4 F#4 G4 A4"
    " | G4/.25 B4/.125 A4 G4/.25 F#4/.125 E4 F#4 E4 D4 E4 F#4 G4 A4 B4"
    " G4/.25 B4/.125 A4 B4/.25 C#5/.125 D5 A4 B4 C#5 D5 E5 F#5 G5 A5",
    "F#5/1 E5 D5 C#5 | B4 A4 B4 C#5",
    "D5/1 C#5 B4 A4 | G4 F#4 G4 E4",
)
ROUND = 8.0  # beats of one turn of the ground
VOICES = 3


def piece() -> Piece:
    tune = [note for n, text in enumerate(VARIATIONS) for note in line(text, 4, start=n * ROUND)]
    turns = len(VARIATIONS) + VOICES  # one of the ground alone, and the last voice enters two later
    end = turns * ROUND
    guitar = Part(24, _voice(tune, 1, end, "D5/4"), velocity=74)
    harp = Part(46, _voice(tune, 2, end, "A4/4"), velocity=70)
    second = Part(24, _voice(tune, 3, end, "F#4/4"), velocity=66)
    low = [note for n in range(turns) for note in line(GROUND, 4, start=n * ROUND)] + list(line("D3/4", 4, start=end))
    changes = [chord for n in range(turns) for chord in chords(CHANGES, 2, start=n * ROUND)]
    strings = held(changes, 57) + list(line("D4+F#4+A4/4", 4, start=end))
    return Piece(
        slug="pachelbel-canon",
        title="Canon in D",
        artist="Johann Pachelbel",
        shelf="classical",
        source="own arrangement of the public-domain work (about 1690), own notes in media/make/pieces/canon.py",
        parts=(
            guitar,
            harp,
            second,
            Part(46, moved(low, half_steps=12), velocity=70),
            Part(49, tuple(strings), velocity=34),
            Part(24, tuple(broken(changes[:4], (0, 1, 2, 1), 0.25, 57, 0.6)), velocity=60),
        ),
        beats_per_minute=56,
        bar=4,
        slow_down=6,
    )


def _voice(tune: list[Note], turn: int, end: float, last: str) -> tuple[Note, ...]:
    """The tune from its own turn on, cut where all three arrive, on a note of the last chord."""
    moved_tune = moved(tune, beats=turn * ROUND)
    return (*(note for note in moved_tune if note.start < end), *line(last, 4, start=end, strength=0.9))
