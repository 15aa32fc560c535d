"""Content that goes on under prompts, and sounds that give way to each other: to the sample, and without a click."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from holdsvc.audio.fade import CROSS, DOWN, DUCK, FADE, UP
from holdsvc.audio.formats import BLOCK, FRAME, RATE
from holdsvc.audio.g711 import encode, linear, samples
from holdsvc.audio.player import Part, Player, loudness, sound_of

LONG = 12 * RATE


def coded(seed: int) -> memoryview:
    """Any five bytes in a row are found at one place only."""
    return memoryview(np.random.default_rng(seed).integers(0, 256, LONG, np.uint8).tobytes())


SOUNDS = {"waltz": coded(1), "swing": coded(2), "news": coded(3), "story": coded(4)}
DUCKS = {"waltz", "swing"}
WORDS = coded(5)


def tune(start: int, stop: int = LONG, name: str = "waltz", gain: float = 0.0) -> Part:
    return Part(SOUNDS[name], start, stop, name, gain, name=name, ducks=name in DUCKS)


def prompt(length: int = 4000) -> Part:
    return Part(WORDS[:length], 0, length, name=f"words {length}")


def everything(player: Player) -> bytes:
    left = player.left
    return b"".join(bytes(player.read(1)) for _ in range(-(-left // FRAME)))[:left]


# --- under a prompt ------------------------------------------------------------------------------------------------------


def test_music_goes_on_under_a_prompt_and_is_itself_again_at_the_very_next_sample():
    player = Player()
    player.play([tune(0, 8000), prompt(), tune(8000)])

    heard = everything(player)

    assert len(heard) == LONG
    assert heard[:8000] == SOUNDS["waltz"][:8000]
    assert heard[8000 + 4000 + UP :] == SOUNDS["waltz"][8000 + 4000 + UP :]
    mixed = samples(heard[8000 + DOWN : 12000])
    expected = DUCK * samples(SOUNDS["waltz"][8000 + DOWN : 12000]) + samples(WORDS[DOWN:4000])
    assert np.abs(mixed - np.clip(expected, -0.89, 0.89)).mean() < 0.02
    assert [(one.from_second, one.until_second) for one in player.heard(player.sent)] == [(0.0, LONG / RATE)]


def test_under_a_prompt_music_is_turned_down_and_up_again_slowly():
    quiet = Part(memoryview(bytes([0xFF]) * 4000), 0, 4000)
    player = Player()
    player.play([tune(0, 8000), quiet, tune(8000)])

    heard, source = samples(everything(player)), samples(SOUNDS["waltz"])

    level = [np.abs(heard[at : at + 200]).sum() / np.abs(source[at : at + 200]).sum() for at in range(7800, 15000, 200)]
    assert max(abs(one - other) for one, other in pairwise(level)) < 0.15
    assert min(level) == np.float32(level[8]).item() or abs(min(level) - DUCK) < 0.01
    assert (level[0], level[-1]) == (1.0, 1.0)


def test_what_is_spoken_waits_for_the_end_of_a_prompt_and_goes_on_at_the_very_sample():
    player = Player()
    player.play([tune(0, 8000, "news"), prompt(), tune(8000, name="news")])

    heard = everything(player)

    assert len(heard) == LONG + 4000
    assert heard[8000 + FADE : 12000] == WORDS[FADE:4000]
    assert heard[12000 + FADE :] == SOUNDS["news"][8000 + FADE :]


def test_prompts_that_outlast_their_music_are_heard_to_their_end():
    player = Player()
    player.play([prompt(3000), prompt(6000), tune(LONG - 5000), tune(0, 9000, "news")])

    heard = everything(player)

    assert len(heard) == 9000 + 9000
    assert heard[5000:9000] == WORDS[2000:6000], "the second prompt, of which 2000 samples were heard over the music"
    assert heard[9000:] == SOUNDS["news"][:9000]


def test_music_turned_louder_or_softer_gets_there_without_a_step():
    level = memoryview(encode(linear(np.full(LONG, 0.1, np.float32))))
    player = Player()
    player.play([Part(level, 0, 8000, "hum", ducks=True), Part(level, 8000, LONG, "hum", 6.0, ducks=True)])

    heard = samples(everything(player))

    assert np.abs(np.diff(heard)).max() < 0.01
    assert heard[-1] / heard[0] > 1.9


def test_music_gives_way_to_music_in_equal_power():
    player = Player()
    player.play([tune(0)])
    player.read(50)
    player.play([tune(20000, name="swing")])

    heard = samples(everything(player))[:CROSS]

    old, new = samples(SOUNDS["waltz"][8000 : 8000 + CROSS]), samples(SOUNDS["swing"][20000 : 20000 + CROSS])
    turn = np.pi / 2 * np.arange(CROSS) / CROSS
    assert np.abs(heard - np.clip(old * np.cos(turn) + new * np.sin(turn), -0.9, 0.9)).mean() < 0.03


def test_a_prompt_is_heard_at_once_and_music_is_gone_after_a_fifth_of_a_second():
    player = Player()
    player.play([tune(0)])
    player.read(50)
    player.play([prompt(), tune(0, name="news")])

    heard = everything(player)

    assert heard[CROSS:4000] == WORDS[CROSS:4000]
    likeness = np.corrcoef(samples(heard[:400]), samples(WORDS[:400]))[0, 1]
    assert likeness > 0.5


def test_nobody_talks_over_anybody():
    player = Player()
    player.play([tune(0, name="news")])
    player.read(50)
    player.play([prompt(), tune(8000, name="news")])

    assert everything(player)[FADE:4000] == WORDS[FADE:4000]


# --- whatever is asked for -------------------------------------------------------------------------------------------------

Entry = tuple[str, int, bool, float]  # content, "" for prompts; its sample; under a prompt; gain


class Plain:
    """The same rules as lists with an entry for every sample, without any care for cost."""

    def __init__(self) -> None:
        self.line: list[Entry | None] = []
        self.todo: list[Entry] = []
        self.floor = self.reported = 0

    def play(self, parts: list[Part]) -> None:
        self.todo = list(entries(parts))
        self.floor = len(self.line)

    def append(self, parts: list[Part]) -> None:
        self.todo += entries(parts)

    def read(self, count: int) -> None:
        taken, self.todo = self.todo[:count], self.todo[count:]
        self.line += taken + [None] * (count - len(taken))

    def rewind(self, played: int) -> None:
        played = max(played, self.floor)
        self.todo = [entry for entry in self.line[played:] if entry] + self.todo
        self.line = self.line[:played]
        self.reported = min(self.reported, len(self.line))

    def report(self, played: int) -> list[tuple[str, int]]:
        new = [entry[:2] for entry in self.line[self.reported : played] if entry and entry[0]]
        self.reported = max(self.reported, min(played, len(self.line)))
        return new

    def alone(self) -> np.ndarray:
        """Where nothing but one sound is heard: far from joints and prompts, one entry a sample."""
        count = len(self.line)
        alone = np.ones(count, bool)
        for at in range(count):
            before, here = self.line[at - 1] if at else None, self.line[at]
            if here and (here[2] or before is None or (*before[:2], before[3]) != (here[0], here[1] - 1, here[3])):
                alone[at : at + CROSS + UP] = False
        return alone


def entries(parts: list[Part]):
    said: list[Part] = []
    for part in parts:
        if not part.content:
            said.append(part)
            continue
        spoken = [("", at, False, 0.0) for one in said for at in range(one.stop)]
        over = len(spoken) if part.ducks else 0
        if not part.ducks:
            yield from spoken
        yield from ((part.content, at, at - part.start < over, part.gain) for at in range(part.start, part.stop))
        yield from spoken[part.stop - part.start :] if part.ducks else ()
        said = []
    yield from (("", at, False, 0.0) for one in said for at in range(one.stop))


tunes = st.builds(
    lambda at, size, name, gain: tune(at, min(at + size, LONG), name, gain),
    st.one_of(st.integers(0, LONG - 1), st.integers(0, LONG // BLOCK - 1).map(lambda number: number * BLOCK)),
    st.integers(1, 40000),
    st.sampled_from(sorted(SOUNDS)),
    st.sampled_from([0.0, 0.0, -6.0]),
)
playlists = st.lists(st.one_of(tunes, st.builds(prompt, st.integers(1, 9000))), max_size=4)
moves = st.lists(
    st.one_of(
        st.tuples(st.just("play"), playlists),
        st.tuples(st.just("again"), playlists.map(lambda parts: [one for one in parts if not one.content])),
        st.tuples(st.just("append"), playlists),
        st.tuples(st.just("read"), st.integers(1, 80)),
        st.tuples(st.just("own"), st.integers(1, 20)),
        st.tuples(st.just("rewind"), st.integers(0, 40)),
        st.tuples(st.just("heard"), st.integers(0, 40)),
    ),
    max_size=25,
)


@settings(max_examples=100, deadline=None)
@given(moves)
def test_any_turns_and_reads_give_each_sample_where_it_is_alone_and_the_places_of_the_plain_player(history):
    player, plain, heard = Player(), Plain(), bytearray()
    player.play([tune(0)])
    plain.play([tune(0)])

    for what, value in history:
        match what:
            case "play":
                player.play(value)
                plain.play(value)
            case "again":  # the caller pressed a key, and what was heard goes on from there
                place = next((one for one in reversed(plain.line) if one and one[0]), ("waltz", 0, False, 0.0))
                parts = [*value, *([tune(place[1] + 1, name=place[0])] if place[1] + 1 < LONG else [])]
                player.play(parts)
                plain.play(parts)
            case "append":
                player.append(value)
                plain.append(value)
            case "read":
                heard += player.read(value)
                plain.read(value * FRAME)
            case "own":
                for _ in range(value):
                    block = player.shared(BLOCK)
                    sound = bytes(sound_of(*block, block[1] + BLOCK)) if block else player.own(BLOCK)
                    heard += sound
                    plain.read(len(sound))
            case "rewind":
                back = max(0, player.sent - value * FRAME)
                player.rewind(back)
                plain.rewind(back)
                del heard[len(plain.line) :]
            case "heard":
                until = max(0, player.sent - value * FRAME)
                assert spelled(player.heard(until)) == plain.report(until)
        assert player.sent == len(plain.line) == len(heard)
        assert player.left == len(plain.todo)

    for at in np.flatnonzero(plain.alone()):
        entry = plain.line[at]
        if entry is None:
            assert heard[at] in (0xFF, 0x7F, 0xFE, 0x7E), "silence only where the source has run out"
        else:
            source = SOUNDS.get(entry[0], WORDS)[entry[1]]
            assert heard[at] == (loudness(entry[3])[source] if entry[3] else source)


def spelled(stretches):
    return [
        (one.content, at)
        for one in stretches
        for at in range(round(one.from_second * RATE), round(one.until_second * RATE))
    ]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 40), st.integers(0, 9000)), min_size=1, max_size=12))
def test_under_prompts_that_say_nothing_every_sample_of_the_music_is_found_in_its_place(turns):
    """Each turn: read a while, a key takes back what was not heard, a prompt, and on: turned down at most, never moved."""
    player, heard, place = Player(), bytearray(), 0
    player.play([tune(0)])
    for frames, unplayed, said in turns:
        heard += player.read(frames)
        player.rewind(max(0, player.sent - unplayed * FRAME))
        del heard[player.sent :]
        place = len(heard)
        silence = Part(memoryview(bytes([0xFF]) * said), 0, said)
        player.play([*([silence] if said else []), tune(place)] if place < LONG else [])
    heard += player.read(20)

    told = player.heard(player.sent)
    count = min(len(heard), LONG)
    assert [(one.from_second, one.until_second) for one in told] == [(0.0, count / RATE)]
    source, sound = samples(SOUNDS["waltz"][:count]), samples(heard[:count])
    clear = np.abs(source) > 0.02
    level = sound[clear] / source[clear]
    assert (level > DUCK * 0.93).all()
    assert (level < 1.04).all()


@settings(max_examples=100, deadline=None)
@given(playlists, playlists, st.lists(st.tuples(st.integers(1, 9), st.integers(0, 12)), min_size=1, max_size=9))
def test_what_was_taken_back_and_comes_again_sounds_the_same(before, parts, steps):
    player, once = Player(), Player()
    for one in (player, once):
        one.play([tune(0), *before])
        one.read(7)
        one.play(parts)
    whole = bytes(once.read(130))
    heard, began = bytearray(), player.sent

    for frames, back in steps:
        heard += player.read(frames)
        player.rewind(player.sent - back * FRAME)
        del heard[player.sent - began :]

    spoken = min(len(heard), sum(part.stop - part.start for part in parts))
    assert heard[:spoken] == whole[:spoken]


# --- clicks ----------------------------------------------------------------------------------------------------------------

STEP = 0.16  # of full scale between two samples; three of the tones below together stay under it, a cut at a crest does not


def tone(hertz: int, loud: float = 0.3) -> memoryview:
    """In whole periods a second, from zero to zero."""
    return memoryview(encode(linear((loud * np.sin(2 * np.pi * hertz * np.arange(LONG) / RATE)).astype(np.float32))))


TONES = {"waltz": tone(100), "swing": tone(80), "news": tone(125), "story": tone(160)}
VOICE = tone(100)


def sounding(part: Part) -> Part:
    if part.content:
        return replace(part, sound=TONES[part.content])
    whole = -(-part.stop // 80) * 80
    return replace(part, sound=VOICE[:whole], stop=whole, name="")


endings = st.tuples(st.integers(0, LONG - 30000), st.sampled_from(sorted(SOUNDS)))
switches = st.lists(
    st.tuples(playlists, endings, st.integers(1, 60), st.integers(0, 30)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=150, deadline=None)
@given(switches)
def test_no_joint_clicks(history):
    player, heard = Player(), bytearray()
    for parts, (at, name), frames, back in history:
        player.play([sounding(part) for part in [*parts, tune(at, name=name)]])
        heard += player.read(frames)
        player.rewind(max(0, player.sent - back * FRAME))
        del heard[player.sent :]

    assert np.abs(np.diff(samples(heard))).max(initial=0) < STEP


def test_a_joint_that_is_cut_is_found():
    rough = TONES["waltz"][:8020].tobytes() + TONES["swing"][75:4000].tobytes()

    assert np.abs(np.diff(samples(rough))).max() > STEP
