"""Joplin, The Entertainer: the introduction and the first strain, and between its returns a strain of our own in F."""

from harmony import Chord, chords
from score import Note, Part, Piece, line, moved

BAR = 2.0
INTRODUCTION = """
D6/.25 E6 C6 A5/.5 B5/.25 G5/.5 | D5/.25 E5 C5 A4/.5 B4/.25 G4/.5 | D4/.25 E4 C4 A3/.5 B3/.25 A3 G#3 |
G3/.5 r/.5 G4+B4+D5+G5/.5 D4/.25 D#4
"""
STRAIN = """
E4/.25 C5/.5 E4/.25 C5/.5 E4/.25 C5 | ~/1 r/.25 C5+C6 D5+D6 D#5+D#6 |
E5+E6 C5+C6 D5+D6 E5+E6/.5 B4+B5/.25 D5+D6/.5 | C5+C6/1.25 r/.25 D4 D#4 |
E4/.25 C5/.5 E4/.25 C5/.5 E4/.25 C5 | ~/1.25 r/.25 A4+A5 G4+G5 |
F#4+F#5 A4+A5 C5+C6 E5+E6/.5 D5+D6/.25 C5+C6 A4+A5 | D5+D6/1.25 r/.25 D4 D#4 |
E4/.25 C5/.5 E4/.25 C5/.5 E4/.25 C5 | ~/1 r/.25 C5+C6 D5+D6 D#5+D#6 |
E5+E6 C5+C6 D5+D6 E5+E6/.5 B4+B5/.25 D5+D6/.5 | C5+C6/1.25 r/.25 C5+C6 D5+D6 |
E5+E6 C5+C6 D5+D6 E5+E6/.5 C5+C6/.25 D5+D6 C5+C6 | E5+E6 C5+C6 D5+D6 E5+E6/.5 C5+C6/.25 D5+D6 C5+C6 |
E5+E6 C5+C6 D5+D6 E5+E6/.5 B4+B5/.25 D5+D6/.5
"""
STRAIN_CHANGES = "C C7 | F C | C G7 | C | C C7 | F C | D7 | G7 | C C7 | F C | C G7 | C | C C7 | F Fm | C G7 | C"
RETURN = " | C5+C6/1.25 r/.25 D4 D#4"
INTO_OURS = " | C5+C6/1 r/.5 C6/.5"
LAST = " | C5+C6/.75 G4+G5/.25 C5+E5+C6/1"
OURS = """
A5/.25 C6/.5 A5/.25 F5 G5 A5/.5 | G5/.25 Bb5/.5 G5/.25 E5/.5 C5 | E5/.25 G5/.5 Bb5/.25 A5 G5 E5/.5 | F5/.25 A5/.5 C6/.25 ~/1 |
A5/.25 C6/.5 A5/.25 F5 G5 A5/.5 | A5/.25 C6/.5 A5/.25 F#5/.5 D5 | B4/.25 D5/.5 F5/.25 A5 G5 F5/.5 | E5/.25 G5/.5 Bb5/.25 ~/1 |
A5/.25 C6/.5 A5/.25 F5 G5 A5/.5 | G5/.25 Bb5/.5 G5/.25 E5/.5 C5 | D5/.25 F5/.5 Bb5/.25 A5 G5 F5/.5 | A5/.25 F5/.5 C5/.25 ~/1 |
D6/.25 Bb5/.5 F5/.25 D6 C6 Bb5/.5 | A5/.25 C6/.5 A5/.25 F5/.5 A5 | G5/.25 F5 D5 F5 E5 G5 Bb5 G5
"""
OURS_CHANGES = "F | C7 | C7 | F | F | D7 | G7 | C7 | F | C7 | Bb | F | Bb | F | G7 C7 | F"
OURS_AGAIN = " | F5/1 r/.5 C6/.5"
OURS_END = " | F5/.5 A5 F5 D4/.25 D#4"

TICKET_A = """
D5/.25 G5/.5 D5/.25 B4/.5 D5/.5 | E5/.25 G5/.5 E5/.25 D5/1 | E5/.25 G5/.5 E5/.25 C5/.5 E5/.5 | F#5/.25 G5/.5 E5/.25 C5/1 |
C#5/.25 E5/.5 G5/.25 E5/.5 C#5/.5 | D5/.25 F#5/.5 A5/.25 F#5/.5 C5/.5 | B4/.25 D5/.5 G5/.25 D5/.5 B4/.5 |
A4/.25 C5/.5 D5/.25 F#5/.5 A5/.5 |
D5/.25 G5/.5 D5/.25 B4/.5 D5/.5 | F5/.25 G5/.5 F5/.25 D5/1 | E5/.25 G5/.5 C6/.25 G5/.5 E5/.5 | Eb5/.25 G5/.5 C6/.25 G5/.5 Eb5/.5 |
D5/.25 G5/.5 B5/.25 G5/.5 D5/.5 | G#5/.25 B5/.5 G#5/.25 E5/.5 D5/.5 | C#5/.25 E5/.5 G5/.25 F#5/.5 A5/.5 | G5/1 r/1
"""
TICKET_A_CHANGES = "G | G | C | C | A7 | D7 | G | D7 | G | G7 | C | Cm | G | E7 | A7 D7 | G"
TICKET_B = """
G4/.25 C5 E5/.5 G5/.25 E5/.5 C5/.25 | E5/.5 C5/.25 G4 ~/1 | G4/.25 B4 D5/.5 F5/.25 D5/.5 B4/.25 | E5/.5 C5/.25 G4 ~/1 |
A4/.25 C5 F5/.5 A5/.25 F5/.5 C5/.25 | G5/.5 E5/.25 C5 ~/1 | F#4/.25 A4 C5/.5 D5/.25 F#5/.5 A5/.25 | G5/.5 F5/.25 D5 B4/1 |
G4/.25 C5 E5/.5 G5/.25 E5/.5 C5/.25 | E5/.5 C5/.25 G4 ~/1 | G4/.25 B4 D5/.5 F5/.25 D5/.5 B4/.25 | C5/.5 B4/.25 A4 ~/1 |
A4/.25 C5 F5/.5 A5/.25 F5/.5 C5/.25 | Ab4/.25 C5 F5/.5 Ab5/.25 F5/.5 C5/.25 | E5/.25 G5/.5 E5/.25 D5/.25 F5/.5 B4/.25 | C5/1 r/1
"""
TICKET_B_CHANGES = "C | C | G7 | C | F | C | D7 | G7 | C | C | G7 | Am | F | Fm | C G7 | C"


def piece() -> Piece:
    strains = (
        (STRAIN + RETURN, STRAIN_CHANGES),
        (STRAIN + INTO_OURS, STRAIN_CHANGES),
        (OURS + OURS_AGAIN, OURS_CHANGES),
        (OURS + OURS_END, OURS_CHANGES),
        (STRAIN + LAST, STRAIN_CHANGES),
    )
    runs = [note for note in line(INTRODUCTION, BAR) if note.start < 7]  # both hands, an octave apart
    right = [*line(INTRODUCTION, BAR), *moved(runs, half_steps=-12, strength=0.85)]
    left: list[Note] = []
    for number, (tune, changes) in enumerate(strains):
        start = 8 + number * 32
        right += line(tune, BAR, start=start)
        left += stride(chords(changes, BAR, start=start))
    end = 8 + len(strains) * 32
    left = [note for note in left if note.start < end - 1] + list(line("C3+G3+C4/1", BAR, start=end - 1))
    return Piece(
        slug="the-entertainer",
        title="The Entertainer",
        artist="Scott Joplin",
        shelf="ragtime",
        source="own arrangement of the public-domain work (1902), own notes in media/make/pieces/ragtime.py",
        parts=(
            Part(0, tuple(right), velocity=66, looseness=0.006),
            Part(0, tuple(left), velocity=50, looseness=0.006),
        ),
        beats_per_minute=72,  # the composer asked for it not fast
        bar=BAR,
        slow_down=3,
        room=0.4,
        end=end,
    )


def ticket_window() -> Piece:
    """Ours, in Joplin's manner: the second strain a fourth higher, and a marimba that joins in."""
    first, second = (TICKET_A, TICKET_A_CHANGES), (TICKET_B, TICKET_B_CHANGES)
    plan = (first, first, second, second, first, second, first)
    right, left, marimba = list(line("D5/.25 E5 D5 B4 G4 A4 B4 C5", BAR)), [], []
    for number, (tune, changes) in enumerate(plan):
        start = BAR + number * 32
        notes = line(tune, BAR, start=start)
        right += notes
        left += stride(chords(changes, BAR, start=start))
        if number in (3, 5, 6):
            marimba += moved(notes, half_steps=-12 if number == 6 else 0)
    end = BAR + len(plan) * 32
    left = [note for note in left if note.start < end - 1] + list(line("G3+D4/1", BAR, start=end - 1))
    return Piece(
        slug="ticket-window-rag",
        title="Ticket Window Rag",
        artist="The holdsvc house trio",
        shelf="ragtime",
        source="own composition, notes in media/make/pieces/ragtime.py",
        parts=(
            Part(0, tuple(right), velocity=66, looseness=0.006),
            Part(0, tuple(left), velocity=50, looseness=0.006),
            Part(12, tuple(marimba), velocity=66, looseness=0.008),
        ),
        beats_per_minute=84,
        bar=BAR,
        slow_down=3,
        room=0.4,
        end=end,
    )


def stride(changes: list[Chord]) -> list[Note]:
    """Low note, chord, low note, chord, in eighths; the second low note is the fifth if the harmony stays."""
    notes = []
    for chord in changes:
        root = chord.above(43)[0]
        fifth = root + 7 if root + 7 < 55 else root - 5
        for place in range(round(chord.beats)):
            at = chord.start + place
            notes.append(Note(at, 0.42, fifth if place % 2 else root))
            notes += [Note(at + 0.5, 0.35, height, 0.8) for height in chord.near(57, chord.intervals)]
    return notes
