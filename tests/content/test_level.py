"""Everything that ships is as loud as everything else, and so is an hour of it with switches, skips and prompts."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import tomllib
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest

from holdsvc.audio import levels
from holdsvc.audio.filters import filtered
from holdsvc.audio.formats import RATE
from holdsvc.audio.g711 import Samples, samples
from holdsvc.content.decoder import DECODED_RATE
from holdsvc.content.library import Library
from holdsvc.content.prepare import TARGET, prepare
from tests.engine.hour import AGAIN, CROSSED, MUSIC, NEXT, PODCAST, UNKNOWN, Tape, record, shelf_of

MEDIA = Path(__file__).parents[2] / "media"
HOUR, PRESSES = 3600.0, 200
SHORT_TERM = 3 * RATE
STEP = 3.0  # dB that short-term loudness may change by where one sound follows another
SOFT = (
    TARGET - 1.0
)  # LUFS in three seconds of the source itself: below, an intro, an ending or a passage that is meant so

Meter = Callable[[int, int], float]


class Item(NamedTuple):
    kind: str
    sound: bytes  # as a handset hears it
    level: float
    peak: float


@pytest.fixture(scope="module")
def items() -> dict[str, Item]:
    """Every item of the index, each made and measured anew: on all cores, for it is an hour and a half of sound."""
    index = tomllib.loads((MEDIA / "index.toml").read_text(encoding="utf-8"))["item"]
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        return dict(zip((item["id"] for item in index), pool.map(made, index), strict=True))


def made(item: Mapping[str, str]) -> Item:
    """The recipe measures what it made, as a handset hears it."""
    ready = prepare(decoded(MEDIA / item["file"]), DECODED_RATE, wide=False)
    return Item(item["kind"], ready.ulaw, ready.measured.loudness, ready.measured.peak)


def decoded(file: Path) -> Samples:
    """In this process: what ships needs no confinement."""
    with av.open(str(file)) as opened:
        mono = av.AudioResampler(format="flt", layout="mono", rate=DECODED_RATE)
        frames = [part for frame in (*opened.decode(audio=0), None) for part in mono.resample(frame)]
    return np.concatenate([frame.to_ndarray().ravel() for frame in frames])


def test_every_item_of_the_index_is_within_one_decibel_of_every_other_after_mu_law(items):
    loud = {name: item.level for name, item in items.items()}
    peaks = {name: item.peak for name, item in items.items()}

    print(
        f"\n{len(loud)} items, {min(loud.values()):.2f} to {max(loud.values()):.2f} LUFS, {max(peaks.values()):.2f} dBTP"
    )
    some = samples(next(iter(items.values())).sound)
    assert abs(levels.level(some) - next(iter(loud.values()))) < 0.01, "what was measured was measured on this"
    assert len(loud) >= 40
    assert max(loud.values()) - min(loud.values()) < 1.0
    assert max(peaks.values()) < -1.0


@pytest.fixture(scope="module")
def tape(items) -> Tape:
    """An hour of what ships, at one loudness."""
    music = {name: memoryview(item.sound) for name, item in items.items() if item.kind == "music"}
    talk = {name: memoryview(item.sound) for name, item in items.items() if item.kind == "podcast"}
    shelf = shelf_of(music, talk, Library.open(MEDIA, [MEDIA / "prepared"]))
    return asyncio.run(record(shelf, HOUR, PRESSES, keys=MUSIC + CROSSED + PODCAST + NEXT + AGAIN + UNKNOWN))


def test_no_boundary_in_a_mixed_hour_is_a_step_in_loudness(tape):
    heard, source = short_term(samples(tape.heard)), short_term(samples(foreground(tape)))
    places = boundaries(tape)
    steps = np.array([heard(at, at + SHORT_TERM) - heard(at - SHORT_TERM, at) for at in places])
    sources = [(source(at - SHORT_TERM, at), source(at, at + SHORT_TERM)) for at in places]
    even = np.array([min(before, after) > SOFT for before, after in sources])
    of_ours = np.abs(steps - np.array([after - before for before, after in sources]))

    print(f"\n{len(places)} boundaries; {even.sum()} between even sounds, of these the greatest step", end=" ")
    print(f"{np.abs(steps[even]).max():.2f} dB; of ours nowhere more than {of_ours.max():.2f} dB")
    assert len(places) > 250
    assert even.sum() > 100
    assert np.abs(steps[even]).max() < STEP
    assert of_ours.max() < STEP, "also where the source itself is soft"


def test_a_step_that_is_ours_is_found(tape):
    """Music that comes back twice as loud after one prompt."""
    end = next(end for begin, end, _ in tape.truth.over if begin > SHORT_TERM)
    sound = samples(tape.heard).copy()
    sound[end : end + SHORT_TERM] *= 2

    louder, source = short_term(sound), short_term(samples(foreground(tape)))

    step = louder(end, end + SHORT_TERM) - louder(end - SHORT_TERM, end)
    assert step - (source(end, end + SHORT_TERM) - source(end - SHORT_TERM, end)) > STEP


def short_term(sound: Samples) -> Meter:
    """K-weighted loudness of any stretch, ungated as the recommendation has it for three seconds."""
    weighted = filtered(sound, levels._k_weighting(RATE), delay=levels._k_taps(RATE) // 2)
    sums = np.concatenate([[0.0], np.cumsum(np.square(weighted, dtype=np.float64))])
    return lambda start, stop: float(-0.691 + 10 * np.log10(max((sums[stop] - sums[start]) / (stop - start), 1e-12)))


def foreground(tape: Tape) -> bytes:
    """The sources one after the other, cut hard: content where it is alone, else the prompt."""
    count = len(tape.heard)
    whole = bytearray(b"\xff" * count)
    for one, following in pairwise([*tape.truth.pieces, None]):
        stop = min(one.until, following.at if following else count, count)
        whole[one.at : stop] = one.sound[one.start : one.start + stop - one.at]
    for begin, end, sound in tape.truth.over:
        whole[begin : min(end, count)] = sound[: min(end, count) - begin]
    return bytes(whole)


def boundaries(tape: Tape) -> list[int]:
    """Where something else begins to be heard."""
    places = {one.at for one in tape.truth.pieces} | {at for begin, end, _ in tape.truth.over for at in (begin, end)}
    return sorted(at for at in places if SHORT_TERM <= at <= len(tape.heard) - SHORT_TERM)
