"""Four more old tunes: from Ireland, America, China and Japan."""

from harmony import bass, broken, chords, counter, ended, held
from score import Note, Part, Piece, line, moved

GUITAR, STEEL, FLUTE, OBOE, CLARINET, STRINGS, HARP, CELLO, KOTO, FIDDLE = 24, 25, 73, 68, 71, 49, 46, 42, 107, 40

LONDONDERRY = """
E4/1.5 D4/.5 E4 A4 G4 E4 | D4/.5 C4 A3/1.5 C4/.5 E4 F4 | G4/1.5 A4/.5 G4 E4 C4 E4 | D4/2.5 B3/.5 C4 D4 |
E4/1.5 D4/.5 E4 A4 G4 E4 | D4/.5 C4 A3/1.5 B3/.5 C4 D4 | E4/1.5 F4/.5 E4 D4 C4 D4 | C4/2.5 G4/.5 A4 B4 |
C5/1.5 B4/.5 B4 A4 G4 A4 | G4/.5 E4 C4/1.5 G4/.5 A4 B4 | C5/1.5 B4/.5 B4 A4 G4 E4 | D4/2.5 G4/.5 G4 G4 |
E5/1.5 D5/.5 D5 C5 A4 C5 | G4/.5 E4 C4/1.5 B3/.5 C4 D4 | E4/.5 A4 G4 E4 D4 C4 A3 B3 | C4/4
"""
# Written a tone above the tune, where it is played.
LONDONDERRY_CHANGES = """
D | G | D Bm | A7 | D D7 | G Gm | D A7 | D | Bm G | D | Bm G | A7 | D G | D Bm | D A7 | D
"""

AURA = """
D4/1 G4 F#4 G4 | A4 E4 A4/2 | G4/1 F#4 E4 F#4 | G4/4 | D4/1 G4 F#4 G4 | A4 E4 A4/2 | G4/1 F#4 E4 F#4 | G4/4 |
B4/1 B4 B4/2 | B4/1 B4 B4/2 | B4/1 A4 G4 A4 | B4/4 | B4/1 B4 C5 B4 | A4 E4 A4/2 | G4/1 F#4 E4 F#4 | G4/4
"""
AURA_CHANGES = "G | A7 | Am7 D7 | G | G | A7 | Am7 D7 | G | G | Bm | Em C | G | G E7 | A7 | Am7 D7 | G"

JASMINE = """
E4/1 E4/.5 G4 A4 C5 C5 A4 | G4/1 G4/.5 A4 G4/2 | E4/1 E4/.5 G4 A4 C5 C5 A4 | G4/1 G4/.5 A4 G4/2 |
G4/1 G4 G4 E4/.5 G4 | A4/1 A4 G4/2 | E4/1 D4/.5 E4 G4/1 E4/.5 D4 | C4/1 C4/.5 D4 C4/2 |
E4/.5 D4 C4 E4 D4/1.5 E4/.5 | G4/1 A4/.5 C5 G4/2 | D4/1 E4/.5 G4 D4 E4 C4 A3 | G3/2 A3/1 C4 |
D4/1.5 E4/.5 C4 D4 C4 A3 | G3/4
"""
JASMINE_CHANGES = "C | C | C | C | C | F C | Am G | C | C G | C | G Am | C Am | G Am | C"

SAKURA = """
A4/1 A4 B4/2 | A4/1 A4 B4/2 | A4/1 B4 C5 B4 | A4 B4/.5 A4 F4/2 | E4/1 C4 E4 F4 | E4 E4/.5 C4 B3/2 |
A4/1 B4 C5 B4 | A4 B4/.5 A4 F4/2 | E4/1 C4 E4 F4 | E4 E4/.5 C4 B3/2 | A4/1 A4 B4/2 | A4/1 A4 B4/2 | E4/1 F4 B4/.5 A4 F4/1 | E4/4
"""
SAKURA_CHANGES = "A5 | A5 | A5 | D5 | A5 | E5 | A5 | D5 | A5 | E5 | A5 | A5 | D5 | A5"  # as open as its scale
OUR_BLOSSOM = """
E5/2 F5/1 E5 | C5/1 B4 A4/2 | C5/2 E5/1 C5 | B4/1 A4 F4/2 | A4/1 B4 C5 E5 | F5/1 E5 C5/2 | B4/1 C5 B4 A4 | F4/1 E4 E4/2
"""
OUR_BLOSSOM_CHANGES = "A5 | A5 | F5 | D5 | A5 | D5 | A5 | E5"


def londonderry() -> Piece:
    verse, intro = 64.0, 16.0
    tune = moved(line(LONDONDERRY, 4), half_steps=2)
    up_beat = line("C#4/.5 D4 E4", 1.5)
    turns = [chords(LONDONDERRY_CHANGES, 4, intro + n * verse) for n in range(2)]
    again = chords(LONDONDERRY_CHANGES, 4, intro + 2 * verse - 32)[12:]  # the second half once more
    last = intro + 2 * verse + 32
    whole = chords("D | G | D | A7", 4) + turns[0] + turns[1] + again + chords("D", 4, last)
    end_of_all = moved([note for note in tune if note.start >= 30.5], 2 * verse + intro - 32)

    def voice(turn: int, half_steps: int = 0) -> tuple[Note, ...]:
        at = intro + turn * verse
        return (*moved(up_beat, at - 1.5, half_steps), *moved(tune, at, half_steps))

    return Piece(
        slug="londonderry-air",
        title="Londonderry Air",
        artist="Traditional, Ireland",
        shelf="folk",
        source="own arrangement of the traditional tune (printed 1855), notes in media/make/pieces/songs.py",
        parts=(
            Part(FLUTE, voice(0), velocity=66, looseness=0.014),
            Part(CELLO, voice(1), velocity=72, looseness=0.014),
            Part(
                OBOE,
                (*(note for note in end_of_all if note.start >= intro + 2 * verse - 1.5), Note(last, 4, 66)),
                velocity=58,
            ),
            Part(GUITAR, tuple(ended(broken(whole, (0, 2, 3, 4, 3, 2), 0.5, 45), last, 4)), velocity=56),
            Part(STRINGS, tuple(held(whole[24:], 57)), velocity=34),
            Part(CLARINET, tuple(counter(turns[1] + again, 69, 64, 76)), velocity=36, looseness=0.014),
        ),
        beats_per_minute=68,
        bar=4,
        slow_down=6,
        end=last + 4,
    )


def aura_lee() -> Piece:
    verse, intro = 64.0, 16.0
    tune = line(AURA, 4)
    turns = [chords(AURA_CHANGES, 4, intro + n * verse) for n in range(4)]
    last = intro + 4 * verse
    whole = chords("G | C | A7 | D7", 4) + [chord for turn in turns for chord in turn] + chords("G", 4, last)
    return Piece(
        slug="aura-lee",
        title="Aura Lee",
        artist="George R. Poulton",
        shelf="folk",
        source="own arrangement of the public-domain song (1861), notes in media/make/pieces/songs.py",
        parts=(
            Part(STEEL, moved(tune, intro, 12), velocity=76),
            Part(CLARINET, moved(tune, intro + verse), velocity=60, looseness=0.014),
            Part(FIDDLE, moved(tune, intro + 2 * verse, 12), velocity=50, looseness=0.016),
            Part(GUITAR, (*moved(tune, intro + 3 * verse, 12), *line("G4+B4+D5/4", 4, last)), velocity=78),
            Part(OBOE, tuple(counter(turns[2] + turns[3], 67, 62, 74)), velocity=42, looseness=0.014),
            Part(GUITAR, tuple(ended(broken(whole, (0, 2, 3, 4, 5, 4, 3, 2), 0.5, 43), last, 4)), velocity=54),
            Part(STRINGS, tuple(held(turns[1] + turns[3], 55)), velocity=30),
            Part(
                32,
                (*bass(turns[1] + turns[2] + turns[3], ((0, 1.8, 0), (2, 1.8, 2)), 40), Note(last, 4, 43)),
                velocity=52,
            ),
        ),
        beats_per_minute=112,
        bar=4,
        slow_down=6,
        end=last + 4,
    )


def jasmine() -> Piece:
    verse, intro = 56.0, 8.0
    tune = moved(line(JASMINE, 4), half_steps=5)
    text = JASMINE_CHANGES.replace("F", "Bb").replace("C", "F").replace("Am", "Dm").replace("G", "C")
    turns = [chords(text, 4, intro + n * verse) for n in range(3)]
    last = intro + 3 * verse
    whole = chords("F | C", 4) + [chord for turn in turns for chord in turn] + chords("F", 4, last)
    return Piece(
        slug="jasmine-flower",
        title="Jasmine Flower",
        artist="Traditional, China",
        shelf="folk",
        source="own arrangement of the traditional tune (18th century), notes in media/make/pieces/songs.py",
        parts=(
            Part(FLUTE, (*moved(tune, intro), *moved(tune, intro + 2 * verse, 0, 0.85)), velocity=62, looseness=0.014),
            Part(KOTO, moved(tune, intro + verse), velocity=70),
            Part(GUITAR, moved(tune, intro + 2 * verse), velocity=72),
            Part(HARP, tuple(ended(broken(whole, (0, 2, 3, 5, 3, 2), 0.5, 53), last, 4)), velocity=50),
            Part(CELLO, tuple(counter(turns[1] + turns[2], 57, 52, 65)), velocity=42, looseness=0.014),
            Part(STRINGS, tuple(held(turns[2] + chords("F", 4, last), 57)), velocity=30),
        ),
        beats_per_minute=76,
        bar=4,
        slow_down=6,
        end=last + 4,
    )


def sakura() -> Piece:
    tune, ours = line(SAKURA, 4), line(OUR_BLOSSOM, 4)
    verse, bridge, intro = 56.0, 32.0, 8.0
    first = chords(SAKURA_CHANGES, 4, intro)
    between = chords(OUR_BLOSSOM_CHANGES, 4, intro + verse)
    second = chords(SAKURA_CHANGES, 4, intro + verse + bridge)
    last = intro + 2 * verse + bridge
    whole = chords("A5 | A5", 4) + first + between + second + chords("A5", 4, last)
    return Piece(
        slug="sakura",
        title="Sakura",
        artist="Traditional, Japan",
        shelf="folk",
        source="own arrangement of the traditional tune, the middle our own, notes in media/make/pieces/songs.py",
        parts=(
            Part(KOTO, moved(tune, intro), velocity=70),
            Part(
                FLUTE, (*moved(ours, intro + verse), *moved(tune, intro + verse + bridge)), velocity=60, looseness=0.016
            ),
            Part(GUITAR, (*moved(tune, intro + verse + bridge, -12), Note(last, 4, 57)), velocity=64),
            Part(HARP, tuple(ended(broken(whole, (0, 2, 3, 4, 3, 2), 1.0, 57), last, 4)), velocity=58),
            Part(CELLO, tuple(counter(first + between + second, 57, 52, 64)), velocity=44, looseness=0.014),
            Part(STRINGS, tuple(held(second + chords("A5", 4, last), 57)), velocity=28),
        ),
        beats_per_minute=72,
        bar=4,
        slow_down=6,
        end=last + 4,
    )
