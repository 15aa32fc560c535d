"""A mixture is the same in whatever pieces it is asked for, nothing in it clips, and a prompt in it is as loud as alone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdsvc.audio.fade import DUCK, UP
from holdsvc.audio.formats import BLOCK, FRAME, RATE
from holdsvc.audio.g711 import encode, linear, samples
from holdsvc.audio.levels import level
from holdsvc.audio.mix import CEILING, Mix, Over, Part, loudness, sound_of
from holdsvc.audio.player import Player
from holdsvc.calls.model import PromptId
from holdsvc.content.library import Library
from holdsvc.errors import BadContent

MEDIA = Path(__file__).parents[2] / "media"


def wave(hertz: float, seconds: float, loud: float) -> memoryview:
    return memoryview(
        encode(linear((loud * np.sin(2 * np.pi * hertz * np.arange(seconds * RATE) / RATE)).astype("f4")))
    )


def noise(seed: int, length: int) -> memoryview:
    return memoryview(np.random.default_rng(seed).integers(0, 256, length, np.uint8).tobytes())


MUSIC, WORDS, OTHER = noise(1, 4 * RATE), noise(2, RATE), noise(3, RATE)


def mixture() -> Part:
    over = (Over(Part(WORDS, 0, 6000), 700), Over(Part(OTHER, 0, 3000), 6700))
    levels = ((700, 1.0), (1900, DUCK), (9700, DUCK), (12100, 1.0))
    tail = np.linspace(0.5, 0, 1600).astype(np.float32)
    return Part(MUSIC, 700, 12100, "waltz", mix=Mix(levels, over, tail))


@settings(deadline=None)
@given(st.lists(st.integers(0, 11400), max_size=30))
def test_a_mixture_is_the_same_in_whatever_pieces_and_order_it_is_asked_for(places):
    whole = sound_of(mixture(), 700, 12100)
    part = mixture()

    for first, second in pairwise(places):
        start, stop = 700 + min(first, second), 700 + max(first, second)
        assert sound_of(part, start, stop) == whole[start - 700 : stop - 700]


def test_where_nothing_is_added_a_mixture_is_the_sound_itself():
    heard = samples(sound_of(Part(MUSIC, 700, 9000, "waltz", mix=Mix()), 700, 9000))

    assert (heard == samples(MUSIC[700:9000])).all()


@settings(deadline=None, max_examples=30)
@given(st.floats(60, 1500), st.floats(60, 1500), st.floats(0.1, 0.89), st.floats(0.1, 0.89))
def test_a_sum_is_held_below_the_ceiling_and_is_not_cut_flat(first, second, loud, other):
    over = (Over(Part(wave(second, 1, other), 0, RATE), 800),)
    part = Part(wave(first, 2, loud), 0, 2 * RATE, mix=Mix((), over))

    heard = samples(sound_of(part, 0, 2 * RATE))

    assert np.abs(heard).max() <= CEILING * 1.04  # half a step of mu-law
    alone = samples(part.sound)
    assert (heard[RATE + 900 :] == alone[RATE + 900 :]).all()
    loudest = np.abs(heard) >= np.abs(heard).max() - 1e-6
    runs = np.diff(np.flatnonzero(np.diff(np.concatenate([[0], loudest, [0]]))))[::2]
    assert runs.max() <= 1.1 * RATE / min(first, second) / 4, "no longer than the crest of such a wave"


def test_a_sound_that_is_alone_is_left_as_loud_as_it_is():
    peak = wave(300, 1, 0.97)

    assert (samples(sound_of(Part(peak, 0, RATE, mix=Mix()), 0, RATE)) == samples(peak)).all()


@pytest.fixture(scope="module")
def library() -> Library:
    return Library.open(MEDIA, [MEDIA / "prepared"])


def recorded(library: Library) -> Iterator[tuple[PromptId, memoryview]]:
    """Those that ship; that none is missing is for the tests of shipping to say."""
    for prompt in library.prompts["en"]:
        with contextlib.suppress(BadContent):
            yield prompt, library.prompt_sound("en", prompt)


@pytest.mark.parametrize("gain", [0.0, 6.0, -12.0])
def test_every_prompt_is_as_loud_over_music_as_alone(library, gain):
    """Music is 15 dB lower under it, however loud the caller has it."""
    music = library.sound(library.house.id)
    louder = {}
    for prompt, words in recorded(library):
        player = Player()
        player.play([Part(words, 0, len(words)), Part(music, 60 * RATE, len(music), "house", gain, ducks=True)])
        heard = samples(bytes(player.read(-(-len(words) // FRAME)))[: len(words)])
        louder[prompt] = level(heard) - level(samples(words))

    print(
        f"\n{gain:+.0f} dB: {min(louder.values()):+.2f} to {max(louder.values()):+.2f} dB, {len(louder)} prompts",
        end="",
    )
    assert all(abs(difference) < 0.5 for difference in louder.values()), louder


def test_what_a_caller_made_louder_is_rounded_and_never_cut_off():
    table, plain = samples(loudness(6.0)), samples(bytes(range(256)))

    order = np.argsort(plain, kind="stable")
    assert (np.diff(table[order]) >= 0).all()
    assert np.abs(table).max() <= CEILING * 1.02
    assert len(np.unique(table[plain > 0.25])) > 12, "loud samples stay different from each other"


def test_music_that_a_caller_made_louder_is_nearly_so_much_louder(library):
    music = bytes(library.sound(library.house.id)[: 60 * RATE])

    assert level(samples(music.translate(loudness(6.0)))) - level(samples(music)) == pytest.approx(6.0, abs=0.5)


def test_after_a_mixture_blocks_are_shared_again_at_once():
    player = Player()
    player.play([Part(WORDS, 0, 5000), Part(MUSIC, 480, len(MUSIC), "waltz", name="waltz", ducks=True)])

    own = 0
    while player.shared(BLOCK) is None:
        own += len(player.own(BLOCK))

    assert own <= 5000 + UP + BLOCK
    assert (player.sent + 480) % BLOCK == 0


def test_the_same_mixture_is_shared_by_all_who_hear_it():
    def menu() -> Player:
        player = Player()
        music = Part(MUSIC, 0, 3 * BLOCK, "waltz", name="waltz", ducks=True)
        words = Part(WORDS, 0, 5000, name="menu")
        player.play([music, words, Part(MUSIC, 3 * BLOCK, len(MUSIC), "waltz", name="waltz", ducks=True)])
        return player

    one, other = menu(), menu()
    own = 0
    while one.left:
        first, second = one.shared(BLOCK), other.shared(BLOCK)
        if first and second:
            assert (first[0].name, first[1]) == (second[0].name, second[1])
            assert sound_of(first[0], first[1], first[1] + BLOCK) == sound_of(second[0], second[1], second[1] + BLOCK)
        else:
            own += 1
            assert one.own(BLOCK) == other.own(BLOCK)
    assert own == 1, "the way from the mixture's end to the grid"
