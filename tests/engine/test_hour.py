"""An hour with two hundred switches, prompts and skips, decoded back from the wire; and faults put into it that must be found."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import numpy as np
import pytest

from holdsvc.audio.fade import CROSS, DUCK
from holdsvc.audio.g711 import decode, encode, linear
from tests.engine.hour import Tape, Truth, made_shelf, record
from tests.engine.judge import WINDOW, judge

HOUR, PRESSES = 3600.0, 200


@pytest.fixture(scope="module")
def tape() -> Tape:
    return asyncio.run(record(made_shelf(), HOUR, PRESSES))


def test_an_hour_of_switches_prompts_and_skips_has_no_gap_no_click_and_no_lost_sample(tape):
    verdict = judge(tape.heard, tape.truth)

    assert len(tape.keys) == PRESSES
    assert len(tape.truth.over) > 80
    assert verdict.alone > 0.85 * verdict.samples
    assert (verdict.wrong, verdict.misplaced, verdict.silent, verdict.clicks) == ([], [], [], [])
    assert tape.underruns == 0


def test_what_the_engine_says_was_heard_is_each_sample_that_was_heard_once(tape):
    told = merged(tape.house.heard)
    count = len(tape.heard)
    true = merged(
        [
            (one.content, one.start, one.start + min(one.until, following.at if following else count, count) - one.at)
            for one, following in zip(tape.truth.pieces, [*tape.truth.pieces[1:], None], strict=True)
            if one.content
        ]
    )

    assert told == true
    assert sum(end - begin for _, begin, end in told) > 0.8 * count


def merged(stretches):
    whole: list[tuple[str, int, int]] = []
    for content, begin, end in stretches:
        if whole and whole[-1][0] == content and whole[-1][2] == begin:
            begin = whole.pop()[1]
        whole.append((content, begin, end))
    return [one for one in whole if one[1] < one[2]]


# --- the judge is not blind --------------------------------------------------------------------------------------------


def in_music(truth: Truth) -> int:
    """The loudest place in a second of a long piece of music."""
    long = (one for one in truth.pieces if one.content in truth.shelf.ducks and one.stop - one.start > 160000)
    piece = next(long)
    second = decode(piece.sound[piece.start + 80000 : piece.start + 88000])
    return piece.at + 80000 + int(np.abs(second).argmax())


def test_a_sample_that_is_lost_is_found(tape):
    at = in_music(tape.truth)

    verdict = judge(tape.heard[:at] + tape.heard[at + 1 :], tape.truth)

    assert verdict.wrong
    assert verdict.wrong[0] >= at


def test_a_hundredth_of_a_second_of_silence_is_found(tape):
    at = in_music(tape.truth) // WINDOW * WINDOW

    verdict = judge(tape.heard[:at] + bytes([0xFF]) * WINDOW + tape.heard[at + WINDOW :], tape.truth)

    assert verdict.silent == [at]


def test_silence_in_the_midst_of_a_prompt_over_music_is_found(tape):
    begin = next(begin for begin, end, _ in tape.truth.over if end - begin > 8000)
    at = (begin + 4000) // WINDOW * WINDOW

    verdict = judge(tape.heard[:at] + bytes([0xFF]) * WINDOW + tape.heard[at + WINDOW :], tape.truth)

    assert at in verdict.silent


def test_music_that_is_one_sample_late_under_a_prompt_is_found(tape):
    begin, end, sound = next(one for one in tape.truth.over if one[1] - one[0] > 8000)
    piece = next(one for one in tape.truth.pieces if one.content and one.at <= begin and end <= one.until)
    first = piece.start + begin - piece.at
    beside = decode(piece.sound[first - 1 : first - 1 + end - begin]) / 32768 * DUCK
    late = encode(linear((beside + decode(sound)[: end - begin] / 32768).astype(np.float32)))

    verdict = judge(tape.heard[:begin] + late + tape.heard[end:], tape.truth)

    assert verdict.misplaced == [begin]


def test_joints_that_are_cut_are_found(tape):
    """Of cuts without a fade more than a third jump further than anything else does; the others happen to meet near each other."""
    rough, cuts = bytearray(tape.heard), []
    for one, following in pairwise(tape.truth.pieces):
        if one.content and following.joint and following.at - one.at > 2 * CROSS:
            cuts.append(following.at)
            rough[following.at - CROSS : following.at] = one.sound[one.stop - CROSS : one.stop]
            rough[following.at : following.at + CROSS] = following.sound[following.start : following.start + CROSS]

    clicks = judge(bytes(rough), tape.truth).clicks

    assert len(cuts) > 50
    assert len(set(clicks) & {cut - 1 for cut in cuts}) > len(cuts) / 3
