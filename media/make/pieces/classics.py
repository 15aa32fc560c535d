"""More of the old masters, each in an own arrangement: what is not theirs says so beside it."""

from dataclasses import replace

from harmony import bass, broken, chords, comp, counter, ended, held
from score import Note, Part, Piece, line, moved

GUITAR, PIANO, CELESTA, HARP, FLUTE, OBOE, ENGLISH_HORN, CLARINET = 24, 0, 8, 46, 73, 68, 69, 71
STRINGS, CELLO, HORN, BASSOON, PIZZICATO, MUSIC_BOX = 49, 42, 60, 70, 45, 10

MINUET_A = """
D5/1 G4/.5 A4 B4 C5 | D5/1 G4 G4 | E5/1 C5/.5 D5 E5 F#5 | G5/1 G4 G4 | C5/1 D5/.5 C5 B4 A4 | B4/1 C5/.5 B4 A4 G4 |
F#4/1 G4/.5 A4 B4 G4 | A4/3 | D5/1 G4/.5 A4 B4 C5 | D5/1 G4 G4 | E5/1 C5/.5 D5 E5 F#5 | G5/1 G4 G4 |
C5/1 D5/.5 C5 B4 A4 | B4/1 C5/.5 B4 A4 G4 | A4/1 B4/.5 A4 G4 F#4 | G4/3
"""
MINUET_A_LOW = """
G3+B3+D4/2 A3/1 | B3/3 | C4/3 | B3/3 | A3/3 | G3/3 | D4/1 B3 G3 | D4/1 D3/.5 C4 B3 A3 | B3/2 A3/1 | G3/1 B3 G3 | C4/3 |
B3/1 C4/.5 B3 A3 G3 | A3/2 F#3/1 | G3/2 B3/1 | C4/1 D4 D3 | G3/2 D3/1
"""
MINUET_B = """
B5/1 G5/.5 A5 B5 G5 | A5/1 D5/.5 E5 F#5 D5 | G5/1 E5/.5 F#5 G5 D5 | C#5/1 B4/.5 C#5 A4/1 | A4/.5 B4 C#5 D5 E5 F#5 |
G5/1 F#5 E5 | F#5/1 A4 C#5 | D5/3 | D5/1 G4/.5 F#4 G4/1 | E5/1 G4/.5 F#4 G4/1 | D5/1 C5 B4 | A4/.5 G4 F#4 G4 A4/1 |
D4/.5 E4 F#4 G4 A4 B4 | C5/1 B4 A4 | B4/.5 D5 G4/1 F#4 | G4/3
"""
MINUET_B_LOW = """
G3/3 | F#3/3 | E3/1 G3 E3 | A3/2 A2/1 | A3/3 | B3/1 D4 C#4 | D4/1 F#3 A3 | D4/1 D3 C4 | B3/1 D4 B3 | C4/1 E4 C4 |
B3/1 A3 G3 | D4/2 r/1 | D3/3 | E3/1 G3 F#3 | G3/1 B2 D3 | G3/2 r/1
"""

JOY_A = """
F#4/1 F#4 G4 A4 | A4 G4 F#4 E4 | D4 D4 E4 F#4 | F#4/1.5 E4/.5 E4/2 |
F#4/1 F#4 G4 A4 | A4 G4 F#4 E4 | D4 D4 E4 F#4 | E4/1.5 D4/.5 D4/2
"""
JOY_B = """
E4/1 E4 F#4 D4 | E4 F#4/.5 G4 F#4/1 D4 | E4 F#4/.5 G4 F#4/1 E4 | D4 E4 A3/2 |
F#4/1 F#4 G4 A4 | A4 G4 F#4 E4 | D4 D4 E4 F#4 | E4/1.5 D4/.5 D4/2
"""
JOY_A_CHANGES = "D D A7 A7 | A7 A7 D A7 | Bm D | D A | D D A7 A7 | A7 A7 D A7 | Bm D | A7 D"
JOY_B_CHANGES = "A7 D | A7 D | A7 D | Bm E7 A A | D D A7 A7 | A7 A7 D A7 | Bm D | A7 D"

JESU = """
r/1 G4 A4 B4 D5 C5 C5 E5 D5 | D5 G5 F#5 G5 D5 B4 G4 A4 B4 | C5 D5 E5 D5 C5 B4 A4 B4 G4 | F#4 G4 A4 D4 F#4 A4 C5 B4 A4 |
B4 G4 A4 B4 D5 C5 C5 E5 D5 | D5 G5 F#5 G5 D5 B4 G4 A4 B4 | E4 D5 C5 B4 A4 G4 D4 G4 F#4 | G4 B4 D5 G5 D5 B4 G4/3
"""
JESU_CHANGES = "G G C | G G Em | C G Em | D D D7 | G G C | G G Em | C G D7 | G G G"
OUR_EPISODE = """
r/1 E4 F#4 G4 B4 A4 A4 C5 B4 | B4 E5 D#5 E5 B4 G4 E4 F#4 G4 | A4 B4 C5 B4 A4 G4 F#4 G4 E4 | D#4 E4 F#4 B3 D#4 F#4 A4 G4 F#4 |
G4 E4 F#4 G4 B4 A4 A4 C5 B4 | C5 E5 D5 E5 C5 A4 F#4 G4 A4 | D5 C5 B4 C5 B4 A4 B4 A4 G4 | F#4 A4 D5 C5 A4 F#4 D4 F#4 A4
"""
OUR_EPISODE_CHANGES = "Em Em Am | Em Em Em | Am Em Em | B7 B7 B7 | Em Em Am | Am Am D7 | G Am G | D7 D7 D7"

LULLABY = """
G4/2 E4/.5 E4 | G4/2 E4/.5 G4 | C5/1 B4/1.5 A4/.5 | A4/1 G4 D4/.5 E4 | F4/2 D4/.5 E4 | F4/2 D4/.5 F4 | B4/.5 A4 G4/1 B4 |
C5/2 C4/.5 C4 | C5/2 A4/.5 F4 | G4/2 E4/.5 C4 | F4/1 G4 A4 | G4/2 C4/.5 C4 | C5/2 A4/.5 F4 | G4/2 E4/.5 C4 | F4/1 E4 D4 | C4/3
"""
LULLABY_CHANGES = "C | C | C | G7 | G7 | G7 | G7 | C | F | C | F | C | F | C | G7 | C"

MORNING = """
B4/1 G#4 F#4 E4 F#4 G#4 | B4 G#4 F#4 E4 F#4/.5 G#4 F#4 G#4 | B4/1 G#4 B4 C#5 G#4 C#5 | B4 G#4 F#4 E4/3
"""
MORNING_CHANGES = "E | E | C#m | E"
OUR_NOON = """
C#4/3 E4/2 G#4/1 | F#4/3 A4/3 | G#4/3 B4/2 D#5/1 | C#5/3 E4/3 | A4/3 C#5/2 E5/1 | D#5/3 B4/3 | G#4/3 B4/3 | F#4/3 D#4/3
"""
OUR_NOON_CHANGES = "C#m | F#m | G#m | C#m | A | B7 | E | B7"

HOME = """
F#4/.75 A4/.25 A4/1 F#4/.75 E4/.25 D4/1 | E4/.75 F#4/.25 A4/.75 F#4/.25 E4/2 |
F#4/.75 A4/.25 A4/1 F#4/.75 E4/.25 D4/1 | E4/.75 F#4/.25 E4/.75 D4/.25 D4/2
"""
HOME_CHANGES = "D | Bm A7 | D G | A7 D"
HOME_MIDDLE = """
B4/.75 D5/.25 D5/1 C#5/.5 A4 B4/1 | B4/.5 D5 C#5 A4 B4/2 | B4/.75 D5/.25 D5/1 C#5/.5 A4 B4/1 | B4/.5 D5 C#5 A4 B4/2
"""
HOME_MIDDLE_CHANGES = "G F#m | Bm | G F#m | Em A7"
OUR_EVENING = """
D5/1.5 E5/.5 F5/1 A4/1 | Bb4/1.5 C5/.5 D5/2 | G4/1.5 A4/.5 Bb4/1 D5/1 | C#5/1.5 B4/.5 A4/2 |
D5/1.5 E5/.5 F5/1 A5/1 | G5/1.5 F5/.5 D5/2 | Bb4/1.5 A4/.5 G4/1 E4/1 | A4/4
"""
OUR_EVENING_CHANGES = "Dm | Bb | Gm | A7 | Dm | Bb | Gm | A7"


def minuet() -> Piece:
    high, low = (*line(MINUET_A, 3), *line(MINUET_B, 3, 48)), (*line(MINUET_A_LOW, 3), *line(MINUET_B_LOW, 3, 48))
    first, again = [note for note in high if note.start < 48], [note for note in high if note.start >= 48]
    low_first, low_again = [note for note in low if note.start < 48], [note for note in low if note.start >= 48]
    guitar = (*first, *moved(again, 48), *moved(high, 192))
    flute = (*moved(first, 48), *moved(again, 96))
    under = (*low_first, *moved(low_first, 48), *moved(low_again, 48), *moved(low_again, 96), *moved(low, 192))
    return Piece(
        slug="minuet-in-g",
        title="Minuet in G",
        artist="Christian Petzold",
        shelf="classical",
        source="own arrangement of the public-domain work (about 1720), notes in media/make/pieces/classics.py",
        parts=(
            Part(GUITAR, guitar, velocity=78),
            Part(FLUTE, flute, velocity=62, looseness=0.012),
            Part(HARP, moved(high, 192, 0, 0.8), velocity=52),
            Part(GUITAR, under, velocity=60),
            Part(
                BASSOON, tuple(note for note in under if 48 <= note.start < 96 or 144 <= note.start < 192), velocity=44
            ),
        ),
        beats_per_minute=116,
        bar=3,
        slow_down=5,
        end=288,
    )


def ode_to_joy() -> Piece:
    verse = 64.0
    tune = (*line(JOY_A, 4), *line(JOY_B, 4, start=32))
    turns = [chords(f"{JOY_A_CHANGES} | {JOY_B_CHANGES}", 4, start=16 + n * verse) for n in range(4)]
    opening = chords("D | Bm | G | A7", 4)
    close = chords("D | D", 4, start=16 + 4 * verse)
    moving = [chord for turn in turns[1:] for chord in turn] + close
    whole = opening + [chord for turn in turns for chord in turn] + close
    last = 16 + 4 * verse
    return Piece(
        slug="ode-to-joy",
        title="Ode to Joy",
        artist="Ludwig van Beethoven",
        shelf="classical",
        source="own arrangement of the tune from the Ninth Symphony (1824), notes in media/make/pieces/classics.py",
        parts=(
            Part(CELLO, moved(tune, 16), velocity=70, looseness=0.012),
            Part(CLARINET, moved(tune, 16 + verse), velocity=62, looseness=0.012),
            Part(HORN, (*moved(tune, 16 + 2 * verse), *line("F#4/8", 4, last)), velocity=62, looseness=0.012),
            Part(FLUTE, (*moved(tune, 16 + 3 * verse, 12), *line("D5/8", 4, last)), velocity=60, looseness=0.012),
            Part(BASSOON, tuple(counter(turns[1] + turns[2], 57, 50, 64)), velocity=44),
            Part(OBOE, tuple(counter(turns[3], 69, 64, 78)), velocity=40),
            Part(STRINGS, tuple(held(moving, 57)), velocity=36),
            Part(GUITAR, tuple(ended(broken(whole, (0, 2, 3, 4, 3, 2), 1.0, 45), last, 8)), velocity=48),
            Part(PIZZICATO, tuple(ended(bass(moving, ((0, 1, 0), (2, 1, 2)), 40), last, 8)), velocity=56),
        ),
        beats_per_minute=118,
        bar=4,
        slow_down=6,
        end=last + 8,
    )


def jesu() -> Piece:
    verse = 72.0
    tune, ours = line(JESU, 9), line(OUR_EPISODE, 9)
    plan = ((tune, JESU_CHANGES), (tune, JESU_CHANGES), (ours, OUR_EPISODE_CHANGES), (tune, JESU_CHANGES))
    plan += ((ours, OUR_EPISODE_CHANGES), (tune, JESU_CHANGES))
    turns = [chords(text, 9, start=n * verse) for n, (_, text) in enumerate(plan)]
    end = len(plan) * verse
    whole = [chord for turn in turns for chord in turn]

    def voice(*which: int) -> tuple[Note, ...]:
        return tuple(note for n in which for note in moved(plan[n][0], n * verse))

    return Piece(
        slug="jesu-joy",
        title="Jesu, Joy of Man's Desiring",
        artist="Johann Sebastian Bach",
        shelf="classical",
        source="own arrangement of the ritornello of BWV 147 (1723), the episodes and lower voices our own,"
        " notes in media/make/pieces/classics.py",
        parts=(
            Part(GUITAR, (*voice(0, 1, 2, 5), Note(end, 9, 67)), velocity=76),
            Part(FLUTE, moved(voice(3, 5), half_steps=0), velocity=54, looseness=0.012),
            Part(HARP, voice(3, 4), velocity=64),
            Part(OBOE, tuple(counter(turns[1] + turns[2], 71, 66, 79)), velocity=46, looseness=0.014),
            Part(CLARINET, tuple(counter(turns[4] + turns[5], 67, 62, 76)), velocity=44, looseness=0.014),
            Part(STRINGS, tuple(held(whole[24:] + chords("G", 9, end), 55)), velocity=32),
            Part(PIZZICATO, (*bass(whole, ((0, 2.5, 0),), 43), Note(end, 9, 43)), velocity=62),
        ),
        beats_per_minute=204,
        bar=9,
        slow_down=18,
        end=end + 9,
    )


def lullaby() -> Piece:
    verse, intro = 48.0, 12.0
    tune = moved(line(LULLABY, 3), half_steps=5)
    up_beat = line("A4/.5 A4", 1)
    changes = chords("F | C7 | F | F", 3)
    turns = [
        chords(LULLABY_CHANGES.replace("F", "Bb").replace("C", "F").replace("G7", "C7"), 3, intro + n * verse)
        for n in range(4)
    ]
    last = intro + 4 * verse
    whole = changes + [chord for turn in turns for chord in turn] + chords("F | F", 3, last)

    def voice(turn: int, half_steps: int = 0) -> tuple[Note, ...]:
        at = intro + turn * verse
        return (*moved(up_beat, at - 1, half_steps), *moved(tune, at, half_steps))

    return Piece(
        slug="brahms-lullaby",
        title="Lullaby, op. 49 no. 4",
        artist="Johannes Brahms",
        shelf="classical",
        source="own arrangement of the public-domain song (1868), notes in media/make/pieces/classics.py",
        parts=(
            Part(CELESTA, (*voice(0), *voice(3), Note(last, 6, 77)), velocity=76),
            Part(CLARINET, voice(1), velocity=58, looseness=0.014),
            Part(CELLO, voice(2, -12), velocity=74, looseness=0.014),
            Part(FLUTE, tuple(counter(turns[2] + turns[3], 72, 69, 81)), velocity=42, looseness=0.014),
            Part(STRINGS, tuple(held(whole[20:], 57)), velocity=32),
            Part(GUITAR, tuple(ended(broken(whole, (0, 2, 3), 1.0, 48), last, 6)), velocity=56),
        ),
        beats_per_minute=84,
        bar=3,
        slow_down=6,
        end=last + 6,
    )


def morning_mood() -> Piece:
    theme, noon = line(MORNING, 6), line(OUR_NOON, 6)
    # The theme walks from E to A flat and on to B, as Grieg's does, and finds back.
    walk = ((FLUTE, 12, 0), (OBOE, 0, 0), (FLUTE, 4, 4), (CLARINET, 4, 4), (HORN, 0, -5), (FLUTE, 7, 7))
    parts: dict[int, list[Note]] = {}
    changes, at = chords("E | E", 6), 12.0
    for program, half_steps, key in walk:
        parts.setdefault(program, []).extend(moved(theme, at, half_steps))
        changes += [replace(chord, root=(chord.root + key) % 12) for chord in chords(MORNING_CHANGES, 6, at)]
        at += 24
    noon_at = at
    noon_changes = chords(f"{OUR_NOON_CHANGES} | {OUR_NOON_CHANGES}", 6, at)
    parts.setdefault(CELLO, []).extend((*moved(noon, at), *moved(noon, at + 48, -12)))
    parts[OBOE] += moved(noon, at + 48, 0, 0.8)
    at += 96
    back = chords(f"{MORNING_CHANGES} | {MORNING_CHANGES} | A | E | B7 | E | E | E", 6, at)
    parts[FLUTE] += [*moved(theme, at, 12), *moved(theme, at + 24, 12)]
    parts[HORN] += [
        *moved(theme, at + 24, 0, 0.9),
        *line("C#5/3 E5/3 | B4/3 G#4/3 | F#4/3 A4/3 | G#4/6 | ~/6 | ~/6", 6, at + 48),
    ]
    whole = changes + noon_changes + back
    last = at + 72
    return Piece(
        slug="morning-mood",
        title="Morning Mood",
        artist="Edvard Grieg",
        shelf="classical",
        source="own arrangement of the theme from Peer Gynt (1875), the middle and the close our own,"
        " notes in media/make/pieces/classics.py",
        parts=(
            *(Part(program, tuple(notes), velocity=60, looseness=0.014) for program, notes in parts.items()),
            Part(STRINGS, tuple(held(whole, 56)), velocity=36),
            Part(HARP, tuple(ended(broken(whole, (0, 1, 2, 3, 2, 1), 1.0, 52), last, 12)), velocity=48),
            Part(PIZZICATO, tuple(bass(whole[26:-2], ((0, 3, 0), (3, 3, 2)), 40)), velocity=52),
            Part(STRINGS, tuple(counter([c for c in whole if c.start >= noon_at], 71, 66, 78)), velocity=30),
        ),
        beats_per_minute=176,
        bar=6,
        slow_down=14,
        end=last + 12,
    )


def going_home() -> Piece:
    tune, middle, ours = line(HOME, 4), line(HOME_MIDDLE, 4), line(OUR_EVENING, 4)
    plan = (
        (tune, HOME_CHANGES, ENGLISH_HORN),
        (tune, HOME_CHANGES, CLARINET),
        (middle, HOME_MIDDLE_CHANGES, ENGLISH_HORN),
        (tune, HOME_CHANGES, ENGLISH_HORN),
        (ours, OUR_EVENING_CHANGES, FLUTE),
        (middle, HOME_MIDDLE_CHANGES, HORN),
        (tune, HOME_CHANGES, ENGLISH_HORN),
    )
    whole, at = chords("D | G | Em | A7", 4), 16.0
    parts: dict[int, list[Note]] = {}
    for notes, text, program in plan:
        parts.setdefault(program, []).extend(moved(notes, at))
        there = chords(text, 4, at)
        whole += there
        at = there[-1].start + there[-1].beats
    whole += chords("G | D", 4, at)
    parts[ENGLISH_HORN] += line("E4/.75 F#4/.25 B4/3 | A4/4", 4, at)
    last = at + 4
    return Piece(
        slug="going-home",
        title="Largo from the New World",
        artist="Antonín Dvořák",
        shelf="classical",
        source="own arrangement of the tune from the Ninth Symphony (1893), harmonies and the part in minor our own,"
        " notes in media/make/pieces/classics.py",
        parts=(
            *(Part(program, tuple(notes), velocity=62, looseness=0.014) for program, notes in parts.items()),
            Part(STRINGS, tuple(held(whole, 55)), velocity=38),
            Part(CELLO, tuple(counter(whole, 57, 50, 64)), velocity=44, looseness=0.014),
            Part(HARP, tuple(ended(broken(whole[6:], (0, 2, 3, 4), 1.0, 45), last, 4)), velocity=46),
            Part(GUITAR, tuple(comp(whole[14:-1], ((0, 2), (2, 2)), low=57)), velocity=34),
        ),
        beats_per_minute=60,
        bar=4,
        slow_down=5,
        end=last + 4,
    )
