"""The player against a second one that is as plain as can be: a list of (content, sample), one entry a byte."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdsvc.audio.formats import FRAME, RATE
from holdsvc.audio.g711 import encode, samples
from holdsvc.audio.player import COMFORT, FADE, Part, Player, Stretch, excerpt, loudness, sound_of

LONG = 6 * RATE
NAMES = ("waltz", "news")


def coded(step: int, length: int) -> memoryview:
    """Sound in which every sample tells its place, near enough."""
    return memoryview(((np.arange(length) * step + step) % 251).astype(np.uint8).tobytes())


SOUNDS = {"waltz": coded(7, LONG), "news": coded(11, LONG)}
PROMPT = coded(13, 700)


def tune(start: int, stop: int, name: str = "waltz") -> Part:
    return Part(SOUNDS[name], start, stop, name)


def prompt(length: int = 700) -> Part:
    return Part(PROMPT, 0, length)


def everything(player: Player) -> bytes:
    return b"".join(bytes(player.read(1)) for _ in range(-(-player.left // FRAME)))


def test_content_is_handed_out_as_a_view_of_the_shared_sound():
    player = Player()
    player.play([tune(0, 4000)])

    block = player.read(10)

    assert isinstance(block, memoryview)
    assert block.obj is SOUNDS["waltz"].obj
    assert block == SOUNDS["waltz"][:1600]


def test_the_next_part_begins_in_the_same_frame():
    player = Player()
    player.play([prompt(), tune(0, 4000)])

    heard = everything(player)

    assert heard[:620] == PROMPT[:620]
    assert heard[700 : 700 + 4000] == SOUNDS["waltz"][:4000]


def test_content_goes_on_at_the_very_sample_after_a_prompt():
    player = Player()
    player.play([tune(0, 1000), prompt(), tune(1000, 3000)])

    heard = everything(player)

    assert heard[:1000] == SOUNDS["waltz"][:1000]
    assert heard[1700 + FADE : 3700] == SOUNDS["waltz"][1000 + FADE : 3000]
    assert player.heard(player.sent) == [Stretch("waltz", 0.0, 3000 / RATE)]


def test_a_cut_does_not_click():
    wave = (8000 * np.cos(2 * np.pi * 200 * np.arange(4000) / RATE)).astype(np.int16)  # at its crest where it is cut
    loud = memoryview(encode(wave))
    player = Player()
    player.play(
        [Part(loud, 0, 800, "waltz"), Part(memoryview(bytes([0xFF]) * 640), 0, 640), Part(loud, 800, 1600, "waltz")]
    )

    heard = samples(everything(player))

    assert np.abs(np.diff(heard)).max() < 1.2 * np.abs(np.diff(samples(bytes(loud)))).max()


def test_what_was_taken_back_comes_again():
    player = Player()
    player.play([tune(0, 4000)])
    player.read(20)

    player.rewind(800)

    assert player.sent == 800
    assert player.read(1) == SOUNDS["waltz"][800:960]


def test_what_was_taken_back_was_not_heard():
    player = Player()
    player.play([tune(0, 8000)])
    player.read(20)
    player.rewind(800)

    player.play([prompt()])
    player.read(4)

    assert player.heard(player.sent) == [Stretch("waltz", 0.0, 0.1)]


def test_the_same_second_is_reported_once():
    player = Player()
    player.play([tune(0, 8000)])
    player.read(20)

    assert player.heard(1600) == [Stretch("waltz", 0.0, 0.2)]
    assert player.heard(1600) == []
    assert player.heard(99999) == [Stretch("waltz", 0.2, 0.4)]


def test_what_was_reported_too_early_and_taken_back_is_reported_when_it_is_heard():
    player = Player()
    player.play([tune(0, 8000)])
    player.read(20)
    player.heard(3200)

    player.rewind(1600)
    player.read(10)

    assert player.heard(3200) == [Stretch("waltz", 0.2, 0.4)]


def test_an_empty_playlist_gives_comfort_and_says_that_it_is_dry():
    player = Player()
    player.play([tune(0, 100)])

    block = player.read(2)

    assert player.dry
    assert bytes(block[100:]) == bytes(COMFORT[100:320])
    assert 0 < np.abs(samples(bytes(COMFORT))).max() < 0.001


def test_it_says_in_time_that_it_is_running_out():
    player = Player()
    player.play([tune(0, RATE)])

    player.read(29)
    early = player.running_out(0.4)
    player.read(1)

    assert (early, player.running_out(0.4)) == (False, True)


def test_what_follows_begins_without_a_gap():
    player = Player()
    player.play([tune(LONG - 1000, LONG)])
    player.read(2)
    player.append([tune(0, 2000, "news")])

    heard = bytes(player.read(10))

    assert heard[680:] == SOUNDS["news"][:920]
    assert not player.dry


def test_louder_is_louder_and_never_wraps():
    player = Player()
    player.play([Part(SOUNDS["waltz"], 0, 1600, "waltz", gain=6.0)])

    heard = samples(bytes(player.read(10)))

    plain = samples(SOUNDS["waltz"][:1600])
    quiet = np.abs(plain) < 0.4
    assert heard[quiet] == pytest.approx(plain[quiet] * 10**0.3, rel=0.07, abs=0.001)
    assert (np.sign(heard) * np.sign(plain) >= 0).all()
    assert len(loudness(6.0)) == 256


def test_an_excerpt_stays_within_its_sound():
    sound = memoryview(bytes(8000))

    assert excerpt(sound, 0.5, 9.0) == Part(sound, 4000, 8000)
    assert excerpt(sound, -1.0) == Part(sound, 0, 8000)
    assert excerpt(sound, 1.0) is None
    assert excerpt(sound, 0.5, 0.25) is None


class Plain:
    """The same rules without any care for cost."""

    def __init__(self) -> None:
        self.line: list[tuple[str, int] | None] = []
        self.todo: list[tuple[str, int]] = []
        self.floor = self.reported = 0
        self.heard: list[tuple[str, int]] = []

    def entries(self, part: Part) -> list[tuple[str, int]]:
        return [(part.content, at) for at in range(part.start, part.stop)]

    def play(self, parts: list[Part]) -> None:
        self.todo = [entry for part in parts for entry in self.entries(part)]
        self.floor = len(self.line)

    def append(self, parts: list[Part]) -> None:
        self.todo += [entry for part in parts for entry in self.entries(part)]

    def read(self, frames: int) -> None:
        taken, self.todo = self.todo[: frames * FRAME], self.todo[frames * FRAME :]
        self.line += taken + [None] * (frames * FRAME - len(taken))

    def rewind(self, played: int) -> None:
        played = max(played, self.floor)
        self.todo = [entry for entry in self.line[played:] if entry] + self.todo
        self.line = self.line[:played]
        self.reported = min(self.reported, len(self.line))

    def report(self, played: int) -> list[tuple[str, int]]:
        new = [entry for entry in self.line[self.reported : played] if entry and entry[0]]
        self.reported = max(self.reported, min(played, len(self.line)))
        return new

    def joint(self, at: int) -> bool:
        """Sound within a fade of a place where two sounds meet is made anew."""
        for place in range(max(0, at - FADE + 1), at + 1):
            before, here = self.line[place - 1] if place else None, self.line[place]
            if here and (before is None or before[0] != here[0] or before[1] + 1 != here[1]):
                return True
        return False


places = st.integers(0, LONG - 1)
lengths = st.integers(1, 2500)
tunes = st.builds(lambda at, size, name: tune(at, min(at + size, LONG), name), places, lengths, st.sampled_from(NAMES))
playlists = st.lists(st.one_of(tunes, st.builds(prompt, st.integers(1, 700))), max_size=4)
moves = st.lists(
    st.one_of(
        st.tuples(st.just("play"), playlists),
        st.tuples(st.just("append"), playlists),
        st.tuples(st.just("read"), st.integers(1, 12)),
        st.tuples(st.just("rewind"), st.integers(0, 20)),
        st.tuples(st.just("heard"), st.integers(0, 20)),
    ),
    max_size=25,
)


@settings(max_examples=300, deadline=None)
@given(moves)
def test_any_turns_and_reads_give_the_sound_and_the_places_of_the_plain_player(history):
    player, plain, heard = Player(), Plain(), bytearray()

    for what, value in history:
        match what:
            case "play":
                player.play(value)
                plain.play(value)
            case "append":
                player.append(value)
                plain.append(value)
            case "read":
                block = player.read(value)
                plain.read(value)
                assert len(block) == value * FRAME
                heard += block
            case "rewind":
                back = max(0, player.sent - value * FRAME)
                player.rewind(back)
                plain.rewind(back)
                del heard[len(plain.line) :]
            case "heard":
                until = max(0, player.sent - value * FRAME)
                told = player.heard(until)
                assert spelled(told) == plain.report(until)
        assert player.sent == len(plain.line)
        assert player.left == len(plain.todo)

    for at, entry in enumerate(plain.line):
        if entry is None:
            assert heard[at] in (0xFF, 0x7F, 0xFE, 0x7E), "silence only where the source has run out"
        elif not plain.joint(at):
            sound = SOUNDS[entry[0]] if entry[0] else PROMPT
            assert heard[at] == sound[entry[1]]


def spelled(stretches: list[Stretch]) -> list[tuple[str, int]]:
    return [
        (one.content, at)
        for one in stretches
        for at in range(round(one.from_second * RATE), round(one.until_second * RATE))
    ]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 12), st.integers(0, 10)), min_size=1, max_size=12))
def test_content_is_contiguous_to_the_sample_across_prompts(turns):
    """Each turn: read a while, a key is pressed with some of it unplayed, a prompt, and on from what was heard."""
    player, place, whole = Player(), 0, []
    player.play([tune(0, LONG)])
    for frames, unplayed in turns:
        player.read(frames)
        player.rewind(max(0, player.sent - unplayed * FRAME))
        told = player.heard(player.sent)
        whole += told
        place = round(told[-1].until_second * RATE) if told else place
        player.play([prompt(), tune(place, LONG)])
    player.read(20)
    whole += player.heard(player.sent)

    assert whole[0].from_second == 0.0
    assert all(one.until_second == other.from_second for one, other in pairwise(whole))


BLOCK = 1600


def named(start: int, stop: int, name: str = "waltz", gain: float = 0.0) -> Part:
    return Part(SOUNDS[name], start, stop, name, gain, name=name)


def messages(player: Player) -> list[tuple[str, bytes]]:
    """All of the playlist as a wire would be given it."""
    out: list[tuple[str, bytes]] = []
    while player.left:
        if block := player.shared(BLOCK):
            part, at = block
            assert not at % BLOCK
            out.append(("shared", bytes(part.sound[at : at + BLOCK])))
        else:
            out.append(("own", player.own(BLOCK)))
    return out


def test_sound_on_the_grid_is_shared_from_its_first_block():
    player = Player()
    player.play([named(0, 4000)])

    assert [kind for kind, _ in messages(player)] == ["shared", "shared", "own"]
    assert player.sent == 4000


def test_who_resumes_off_the_grid_has_one_short_block_of_his_own_and_then_shares():
    player = Player()
    player.play([named(2720, 9600)])

    told = messages(player)

    assert [(kind, len(sound)) for kind, sound in told] == [("own", 480), *[("shared", 1600)] * 4]
    assert b"".join(sound for _, sound in told)[FADE:] == SOUNDS["waltz"][2720 + FADE : 9600]


def test_after_a_joint_the_grid_is_found_again():
    player = Player()
    player.play([prompt(), named(320, 8000)])

    told = messages(player)

    assert [(kind, len(sound)) for kind, sound in told] == [("own", 1600), ("own", 380), *[("shared", 1600)] * 4]


def test_comfort_is_made_only_when_there_is_nothing_else():
    player = Player()
    player.play([named(0, 1700)])

    assert player.shared(BLOCK)
    assert (len(player.own(BLOCK)), player.dry) == (100, False)
    assert player.shared(BLOCK) is None
    assert (len(player.own(BLOCK)), player.dry) == (1600, True)


pieces = st.lists(
    st.tuples(
        st.sampled_from(["waltz", "news", ""]), st.integers(0, 9000), st.integers(1, 9000), st.sampled_from([0.0, -6.0])
    ),
    min_size=1,
    max_size=4,
)


@settings(deadline=None)
@given(pieces)
def test_blocks_and_what_lies_between_are_the_same_sound_as_frames(pieces):
    parts = [
        named(start, start + length, name, gain) if name else prompt(min(700, length))
        for name, start, length, gain in pieces
    ]
    one, other = Player(), Player()
    one.play(parts)
    other.play(parts)
    whole = sum(part.stop - part.start for part in parts)

    told = b""
    while one.left:
        block = one.shared(BLOCK)
        told += bytes(sound_of(*block, block[1] + BLOCK)) if block else one.own(BLOCK)

    frames = b"".join(bytes(other.read(1)) for _ in range(-(-whole // FRAME)))
    assert told == frames[:whole]
    assert one.heard(one.sent) == other.heard(whole)
