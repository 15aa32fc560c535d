"""Forced choice: how well each phrase of the menu explains the sound, by Whisper, and the best one wins, if it explains it well.

Every phrase is read to a network along with the sound (`whisper`). Where there are two networks, the small one reads those
phrases whose first token fits, the larger one the best of these, and their scores are averaged: they seldom err together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import Struct

from holdsvc.ports import Certainty, Recognised, Utterance
from holdsvc.speech.recognise import mel
from holdsvc.speech.recognise.noise import quieter
from holdsvc.speech.recognise.whisper import Network, Scores, Tokens, networks

MOST = 16  # phrases that the first network reads in full, for that costs
BEST = 8  # of these, so many are read by the second: on the tuning set as good as all
APART = 3.0  # a choice that is further ahead of the next is no surer for it
NOTHING = Recognised("", 0.0, Certainty.NONE)


class Bounds(Struct, frozen=True):
    """Of a score to which `margin` times the lead over the next choice is added.

    Found on the tuning voices and texts of tests/benchmarks/voice, never on those that are reported.
    """

    sure: float
    near: float  # between the two, a caller is asked once
    margin: float = 0.6


OF_ONE = Bounds(sure=1.0, near=0.2)  # network
OF_TWO = Bounds(sure=1.0, near=0.0)


class Phrase(Struct, frozen=True):
    choice: str
    spoken: str


class ForcedChoice:
    name = "forced"

    def __init__(self, model: str = "", bounds: Bounds | None = None, most: int = MOST) -> None:
        self._networks = networks(model)
        self._bounds = bounds
        self._most = most
        self.languages: tuple[str, ...] = tuple(sorted({name for one in self._networks for name in one.languages}))

    def recognise(self, utterance: Utterance) -> Recognised:
        sound = mel.samples_of(utterance.pcm)
        able = [one for one in self._networks if one.start(utterance.language)]
        phrases = phrases_of(utterance)
        if not phrases or not able or not mel.spoken(sound):
            return NOTHING
        phrases, scores = self._read(able, phrases, mel.doubled(quieter(sound)), utterance.language)
        return judged(phrases, scores, self._bounds or (OF_ONE if len(able) == 1 else OF_TWO))

    def _read(
        self, able: Sequence[Network], phrases: list[Phrase], sound: mel.Samples, language: str
    ) -> tuple[list[Phrase], Scores]:
        total = np.zeros(0)
        for place, network in enumerate(able):
            start, encoded = network.start(language), network.encoded(sound)
            if place:
                phrases, total = best_of(phrases, total, BEST)
            else:
                phrases = self._likely(network, phrases, encoded, start)
                total = np.zeros(len(phrases))
            total = total + network.fit(encoded, tokens_of(network, phrases), start)
        return phrases, total / len(able)

    def _likely(self, network: Network, phrases: list[Phrase], encoded: Any, start: Tokens) -> list[Phrase]:
        """Where there are too many, those whose first token fits best."""
        if len(phrases) <= self._most:
            return phrases
        return best_of(phrases, network.first_fit(encoded, tokens_of(network, phrases), start), self._most)[0]


def phrases_of(utterance: Utterance) -> list[Phrase]:
    """Without those that hold no word; the first to name a phrase has it."""
    made: dict[str, Phrase] = {}
    for candidate in utterance.candidates:
        for spoken in candidate.spoken:
            if words := " ".join(spoken.split()):
                made.setdefault(words.casefold(), Phrase(candidate.choice, words))
    return list(made.values())


def tokens_of(network: Network, phrases: Sequence[Phrase]) -> list[Tokens]:
    return [network.tokens(phrase.spoken) for phrase in phrases]


def best_of(phrases: Sequence[Phrase], scores: Scores, most: int) -> tuple[list[Phrase], Scores]:
    """In the order in which they came, so that of equals the active menu's stay."""
    places = sorted(np.argsort(-scores, kind="stable")[:most].tolist())
    return [phrases[place] for place in places], scores[places]


def judged(phrases: Sequence[Phrase], scores: Scores, bounds: Bounds) -> Recognised:
    best: dict[str, float] = {}
    for phrase, score in zip(phrases, scores, strict=True):
        best[phrase.choice] = max(float(score), best.get(phrase.choice, -np.inf))
    (choice, score), *others = sorted(best.items(), key=lambda item: -item[1])
    runner_up, second = others[0] if others else ("", score - APART)
    sure = score + bounds.margin * min(score - second, APART)
    if sure < bounds.near:
        return Recognised("", score, Certainty.NONE, choice, score)
    certainty = Certainty.SURE if sure >= bounds.sure else Certainty.NEAR
    return Recognised(choice, score, certainty, runner_up, second if runner_up else 0.0)
