"""`python -m tests.benchmarks.voice.train --said FOLDER [--held-out voices|engines]`: teach the third opinion.

What the neural voices say is made by `speak.py`, into FOLDER; what is not there of theirs is left out, what others say is said now.
With --held-out, voices of the tuning set (or whole engines of voices) teach nothing, and what is made of them is told; weights are
kept only without. The same recordings give the same examples in the same order; weights differ by how numpy rounds, which grows as
it learns.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdsvc.speech.recognise import mel, trained, whisper
from holdsvc.speech.recognise.noise import quieter
from tests.benchmarks.voice import engines, lessons, voices
from tests.benchmarks.voice.__main__ import our_music
from tests.benchmarks.voice.lessons import Lesson, Lines

NETWORKS = ("small", "large")  # Whisper's, in the order of `whisper.networks`
WIDE = 128  # directions in which the encoded sound differs most
HIDDEN = 160
ROUNDS, BATCH = 12, 256
PACE = 2e-3
DROPPED = 0.5  # of what comes in and of what is hidden, at each step
DECAY = 2e-5
SOFT = 0.05  # share of each truth that is spread over all answers: nobody is to be surer than that
MURMURED = lessons.RIVALS[-48:]  # the longest texts
BESIDE = 600  # samples by which the middle of the speech may be missed

Values = NDArray[np.float32]
Weights = dict[str, NDArray[np.generic]]


class Taught(msgspec.Struct):
    """Examples: who said them, which phrase it is (the number of phrases: none), and their values."""

    voices: list[str]
    answers: NDArray[np.int64]
    values: Values


class Studio:
    """From a recording to what one of Whisper's networks makes of it on some line."""

    def __init__(self, said: Path, network: whisper.Network) -> None:
        self._said = said
        self._network = network
        said_by_three = ((voice, text) for text in MURMURED for voice in lessons.speakers()[:3])
        talk = [sound for voice, text in said_by_three if (sound := self._spoken(voice, text)) is not None]
        self._lines = Lines(our_music(), talk)

    def _spoken(self, voice: str, text: str) -> voices.Sound | None:
        return voices.spoken(self._said, voice, lessons.say(voice), text)

    def example(self, lesson: Lesson) -> Values | None:
        if not lesson.voice:
            return self.looked_at(self._lines.alone(lesson.turn), lesson.turn)
        speech = self._spoken(lesson.voice, lesson.text)
        if speech is None or len(speech) < mel.SHORTEST * mel.LINE_RATE:
            return None
        return self.looked_at(self._lines.carried(speech, lesson), lesson.turn)

    def looked_at(self, sound: mel.Samples, turn: int) -> Values:
        if len(sound) < trained.PIECE:
            sound = np.zeros(mel.LINE_RATE, np.float32)
        beside = int(np.random.default_rng((turn, len(sound))).integers(-BESIDE, BESIDE))
        encoded = self._network.encoded(mel.doubled(trained.around(quieter(sound), beside)), trained.WINDOW)
        return trained.pooled(encoded)


def directions(studio: Studio, todo: Sequence[Lesson]) -> Weights:
    """Found on some of the examples: where they differ, each direction brought to the same breadth."""
    some = [todo[place] for place in np.random.default_rng(1).choice(len(todo), min(1500, len(todo)), replace=False)]
    seen = np.concatenate([values for one in shown(some) if (values := studio.example(one)) is not None])
    mean = seen.mean(axis=0)
    breadths, every = np.linalg.eigh(np.cov((seen - mean).T))
    widest = np.argsort(-breadths)[:WIDE]
    onto = every[:, widest] / np.sqrt(breadths[widest])
    return {"mean": mean.astype(np.float32), "onto": onto.astype(np.float32)}


def taught(studio: Studio, todo: Iterable[Lesson], base: Weights, places: Mapping[str, int]) -> Taught:
    found = Taught([], np.zeros(0, np.int64), np.zeros((0, 0), np.float32))
    answers, values = [], []
    for lesson in shown(list(todo)):
        if (seen := studio.example(lesson)) is not None:
            found.voices.append(lesson.voice)
            answers.append(places.get(lesson.phrase, len(places)))
            values.append(((seen - base["mean"]) @ base["onto"]).astype(np.float16).ravel())
    return Taught(found.voices, np.array(answers, np.int64), np.array(values))


def shown(todo: Sequence[Lesson]) -> Iterator[Lesson]:
    for place, lesson in enumerate(todo):
        if place % 100 == 0 and (sys.stderr.isatty() or place % 2000 == 0):
            print(f"\r{place}/{len(todo)} {lesson.voice} {lesson.text:30.30}", end="", file=sys.stderr, flush=True)
        yield lesson
    print(file=sys.stderr)


# --- the network ----------------------------------------------------------------------------------------------------------------


def learnt(found: Taught, kept: NDArray[np.bool_], answers: int, seed: int = 1) -> list[Values]:
    """Two layers, by gradients (Adam)."""
    rng = np.random.default_rng(seed)
    values, truth = found.values[kept].astype(np.float32), found.answers[kept]
    sizes = (values.shape[1], HIDDEN, answers)
    state = []
    for wide, high in pairwise(sizes):
        state += [
            rng.normal(size=(wide, high)).astype(np.float32) * np.float32(np.sqrt(2 / wide)),
            np.zeros(high, np.float32),
        ]
    first, second = [np.zeros_like(one) for one in state], [np.zeros_like(one) for one in state]
    steps = ROUNDS * (len(values) // BATCH)
    step = 0
    for turn in range(ROUNDS):
        order, lost = rng.permutation(len(values)), 0.0
        for begin in range(0, len(order) - BATCH + 1, BATCH):
            step += 1
            some = order[begin : begin + BATCH]
            loss, slopes = slopes_of(state, values[some], truth[some], rng)
            lost += loss
            pace = PACE * min(1.0, step / 300) * 0.5 * (1 + np.cos(np.pi * step / steps))
            for place, slope in enumerate(slopes):
                first[place] += 0.1 * (slope - first[place])
                second[place] += 0.01 * (slope**2 - second[place])
                much = (first[place] / (1 - 0.9**step)) / (np.sqrt(second[place] / (1 - 0.99**step)) + 1e-8)
                state[place] -= np.float32(pace) * (much + (DECAY / PACE) * state[place] * (state[place].ndim == 2))
        print(
            f"\rround {turn + 1}/{ROUNDS}: {lost / max(1, len(order) // BATCH):.3f} ",
            end="",
            file=sys.stderr,
            flush=True,
        )
    print(file=sys.stderr)
    return state


def slopes_of(
    state: list[Values], values: Values, truth: NDArray[np.int64], rng: np.random.Generator
) -> tuple[float, list[Values]]:
    layer, bias, last, last_bias = state
    coming = values * dropped(values.shape, rng)
    drop = dropped((len(values), HIDDEN), rng)
    inner = coming @ layer + bias
    hidden = np.maximum(inner, 0) * drop
    row = hidden @ last + last_bias
    row -= row.max(axis=1, keepdims=True)
    likely = np.exp(row)
    likely /= likely.sum(axis=1, keepdims=True)
    wanted = np.full_like(likely, SOFT / likely.shape[1])
    wanted[np.arange(len(truth)), truth] += 1 - SOFT
    off = (likely - wanted) / len(truth)
    back = (off @ last.T) * drop * (inner > 0)
    loss = -float(np.mean(np.log(likely[np.arange(len(truth)), truth] + 1e-9)))
    return loss, [coming.T @ back, back.sum(axis=0), hidden.T @ off, off.sum(axis=0)]


def dropped(shape: tuple[int, ...], rng: np.random.Generator) -> Values:
    return (rng.random(shape, np.float32) >= DROPPED).astype(np.float32) / np.float32(1 - DROPPED)


def packed(base: Weights, state: Sequence[Values], names: Sequence[str]) -> Weights:
    weights: Weights = {"phrases": np.array(names), "mean": base["mean"], **trained.packed("onto", base["onto"])}
    for place in range(len(state) // 2):
        weights |= trained.packed(f"layer{place}", state[2 * place])
        weights[f"bias{place}"] = state[2 * place + 1]
    return weights


# --- the command ----------------------------------------------------------------------------------------------------------------


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--said", type=Path, default=Path(tempfile.gettempdir()) / "holdsvc-said")
    parser.add_argument("--held-out", choices=("voices", "engines"))
    parser.add_argument("--network", choices=NETWORKS, help="only that through this one; else both")
    parser.add_argument("--weights", type=Path, default=trained.WEIGHTS[0].parent, help="folder for them")
    given = parser.parse_args()
    found = whisper.networks()
    if len(found) < len(NETWORKS):
        print("the larger network is not installed: nothing is taught through it", file=sys.stderr)
    for name, network, file in zip(NETWORKS, found, trained.WEIGHTS, strict=False):
        if given.network in (None, name):
            print(f"through the {name} network")
            school(Studio(given.said, network), given.held_out, given.weights / file.name)
    return 0


def school(studio: Studio, without: str | None, file: Path) -> None:
    names = lessons.phrases()
    places = {name: place for place, name in enumerate(names)}
    todo = [*lessons.lessons(), *(Lesson("", "", lessons.NONE, turn) for turn in range(lessons.NOISES))]
    base = directions(studio, todo)
    found = taught(studio, todo, base, places)
    print(f"{len(found.answers)} examples by {len(set(found.voices)) - 1} voices, {len(names)} phrases")
    if without:
        for group, out in held_out(without, found.voices).items():
            state = learnt(found, ~out, len(names) + 1)
            print(f"without {group}: {told(state, found, out & (found.answers < len(names)))} of phrases first")
        return
    np.savez_compressed(file, **packed(base, learnt(found, found.answers >= 0, len(names) + 1), names))
    print(f"{file}: {file.stat().st_size / 1024:.0f} kB")


def held_out(kind: str, said_by: Sequence[str]) -> dict[str, NDArray[np.bool_]]:
    if kind == "engines":
        every = ("espeak", "flite", "kokoro", *engines.ENGINES)
        groups = {name: np.array([voice.startswith(f"{name} ") for voice in said_by]) for name in every}
        return {name: group for name, group in groups.items() if group.any()}
    tuning = (*voices.TUNING, *(f"kokoro {name}" for name in voices.NEURAL_TUNING))
    return {f"voices {part + 1} of 3": np.isin(said_by, tuning[part::3]) for part in range(3)}


def told(state: Sequence[Values], found: Taught, which: NDArray[np.bool_]) -> str:
    layer, bias, last, last_bias = state
    row = np.maximum(found.values[which].astype(np.float32) @ layer + bias, 0) @ last + last_bias
    return f"{np.mean(row.argmax(axis=1) == found.answers[which]):.1%} of {which.sum()}"


if __name__ == "__main__":
    sys.exit(main())
