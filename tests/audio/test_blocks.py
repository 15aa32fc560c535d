"""Blocks of shared sound are made once, and found again by what they are."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from holdsvc.audio.blocks import Blocks
from holdsvc.audio.formats import BLOCK
from holdsvc.audio.player import Part, loudness

SOUND = memoryview(np.random.default_rng(5).integers(0, 256, 8 * BLOCK, np.uint8).tobytes())


def part(name: str = "waltz", gain: float = 0.0) -> Part:
    return Part(SOUND, 0, len(SOUND), "waltz", gain, name=name)


def test_a_block_is_made_once_for_all_who_hear_it():
    blocks = Blocks(lambda sound: sound.hex().encode(), BLOCK)

    first, second = blocks.get(part(), 1600), blocks.get(part(), 1600)

    assert first is second
    assert first == SOUND[1600:3200].hex().encode()
    assert blocks.made == 1


def test_another_sound_another_place_and_another_loudness_are_other_blocks():
    blocks = Blocks(bytes, BLOCK)

    made = [
        blocks.get(part(), 0),
        blocks.get(part("news"), 0),
        blocks.get(part(), BLOCK),
        blocks.get(part(gain=-6.0), 0),
    ]

    assert blocks.made == 4
    assert made[0] == made[1] == SOUND[:BLOCK]
    assert made[3] == bytes(SOUND[:BLOCK]).translate(loudness(-6.0))


@settings(deadline=None)
@given(st.lists(st.integers(0, 7), max_size=60))
def test_however_few_are_kept_each_is_right_and_what_was_asked_for_last_is_there(places):
    blocks = Blocks(bytes, BLOCK, most=4)

    for place in places:
        assert blocks.get(part(), place * BLOCK) == SOUND[place * BLOCK : (place + 1) * BLOCK]
        made = blocks.made
        blocks.get(part(), place * BLOCK)
        assert blocks.made == made
        assert len(blocks) <= 4
