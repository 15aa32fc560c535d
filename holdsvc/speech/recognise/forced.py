"""Forced choice: how well each phrase of the menu explains the sound, by Whisper, and the best one wins, if it explains it well.

Every phrase is read to a network along with the sound (`whisper`). Where there are two networks, the small one reads those
phrases whose first token fits, the larger one the best of these, and their scores are averaged: they seldom err together.
What the shipped English menu says has been taught to a third (`trained`): it raises and lowers the scores of what it knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from holdsvc.ports import Certainty, Recognised, Utterance
from holdsvc.speech.recognise import mel, trained
from holdsvc.speech.recognise.noise import quieter
from holdsvc.speech.recognise.whisper import Network, Scores, Tokens, networks

MOST = 16  # phrases that the first network reads in full, for that costs
BEST = 8  # of these, so many are read by the second: on the tuning set as good as all
SHARE = 1.0  # of the logarithm of the odds, by the third opinion, of a choice against none
LEAST = 1e-2  # likelihood that it is taken at, where it gives less: it may err
APART = 3.0  # a choice that is further ahead of the next is no surer for it
NOTHING = Recognised("", 0.0, Certainty.NONE)


class Bounds(Struct, frozen=True):
    """Of a score to which `margin` times the lead over the next choice is added.

    Found on the tuning voices and texts of tests/benchmarks/voice, never on those that are reported.
    """

    sure: float
    near: float  # between the two, a caller is asked once
    ahead: float = 0.0  # added to what the third opinion was taught, so that the bounds fit that, too
    margin: float = 0.6


OF_ONE = Bounds(sure=1.0, near=0.2, ahead=0.14)  # network
OF_TWO = Bounds(sure=1.0, near=0.0, ahead=0.75)


class Phrase(Struct, frozen=True):
    choice: str
    spoken: str
    favour: float = 0.0  # what the third opinion adds to its score; 0 for what it was not taught


class ForcedChoice:
    name = "forced"

    def __init__(self, model: str = "", bounds: Bounds | None = None, most: int = MOST) -> None:
        self._networks = networks(model)
        self._trained = () if model else trained.shipped()  # over what our own networks make of a sound
        self._bounds = bounds
        self._most = most
        self.languages: tuple[str, ...] = tuple(sorted({name for one in self._networks for name in one.languages}))

    def recognise(self, utterance: Utterance) -> Recognised:
        sound = mel.samples_of(utterance.pcm)
        able = [one for one in self._networks if one.start(utterance.language)]
        phrases = phrases_of(utterance)
        if not phrases or not able or not mel.spoken(sound):
            return NOTHING
        quiet = quieter(sound)
        bounds = self._bounds or (OF_ONE if len(able) == 1 else OF_TWO)
        phrases = self._favoured(able, phrases, quiet, bounds.ahead)
        phrases, scores = self._read(able, phrases, mel.doubled(quiet), utterance.language)
        return judged(phrases, scores, bounds)

    def _favoured(
        self, able: Sequence[Network], phrases: list[Phrase], quiet: mel.Samples, ahead: float
    ) -> list[Phrase]:
        """With the third opinion, where the networks that it looks through know the language."""
        if able[0] is not self._networks[0]:
            return phrases
        piece = mel.doubled(trained.around(quiet))
        rows = []
        for network, taught in zip(able, self._trained, strict=False):
            encoded = network.encoded(piece, trained.WINDOW)
            if taught.fits(encoded):
                rows.append(taught.log_likely(encoded))
        return favoured(phrases, self._trained[0], trained.together(rows), ahead) if rows else phrases

    def _read(
        self, able: Sequence[Network], phrases: list[Phrase], sound: mel.Samples, language: str
    ) -> tuple[list[Phrase], Scores]:
        mean = np.zeros(0)
        for place, network in enumerate(able):
            start, encoded = network.start(language), network.encoded(sound)
            if place:
                phrases, scores = best_of(phrases, mean + favours(phrases), BEST)
                mean = scores - favours(phrases)
            else:
                phrases = self._likely(network, phrases, encoded, start)
                mean = np.zeros(len(phrases))
            mean = mean + (network.fit(encoded, tokens_of(network, phrases), start) - mean) / (place + 1)
        return phrases, mean + favours(phrases)

    def _likely(self, network: Network, phrases: list[Phrase], encoded: Any, start: Tokens) -> list[Phrase]:
        """Where there are too many, those whose first token fits best."""
        if len(phrases) <= self._most:
            return phrases
        fit = network.first_fit(encoded, tokens_of(network, phrases), start)
        return best_of(phrases, fit + favours(phrases), self._most)[0]


def phrases_of(utterance: Utterance) -> list[Phrase]:
    """Without those that hold no word; the first to name a phrase has it."""
    made: dict[str, Phrase] = {}
    for candidate in utterance.candidates:
        for spoken in candidate.spoken:
            if words := " ".join(spoken.split()):
                made.setdefault(words.casefold(), Phrase(candidate.choice, words))
    return list(made.values())


def favoured(
    phrases: Sequence[Phrase], taught: trained.Trained, row: trained.Values, ahead: float = 0.0
) -> list[Phrase]:
    """By its `row` of log-likelihoods. All the ways to say a choice count as one: which it was is for the others to tell."""
    likely = np.exp(row)
    none = max(float(likely[-1]), LEAST)
    places = trained.known([phrase.spoken for phrase in phrases], taught)
    together: dict[str, float] = {}
    for phrase, place in zip(phrases, places, strict=True):
        if place >= 0:
            together[phrase.choice] = together.get(phrase.choice, 0.0) + float(likely[place])
    return [
        replace(phrase, favour=SHARE * float(np.log(max(together[phrase.choice], LEAST) / none)) + ahead)
        if place >= 0
        else phrase
        for phrase, place in zip(phrases, places, strict=True)
    ]


def favours(phrases: Sequence[Phrase]) -> Scores:
    return np.array([phrase.favour for phrase in phrases])


def tokens_of(network: Network, phrases: Sequence[Phrase]) -> list[Tokens]:
    return [network.tokens(phrase.spoken) for phrase in phrases]


def best_of(phrases: Sequence[Phrase], scores: Scores, most: int) -> tuple[list[Phrase], Scores]:
    """In the order in which they came, so that of equals the active menu's stay."""
    places = sorted(np.argsort(-scores, kind="stable")[:most].tolist())
    return [phrases[place] for place in places], scores[places]


def judged(phrases: Sequence[Phrase], scores: Scores, bounds: Bounds) -> Recognised:
    """What was not taught is judged as if there were no third opinion: it gains nothing by what others lose."""
    best: dict[str, tuple[float, float]] = {}
    plain: dict[str, float] = {}
    for phrase, score in zip(phrases, scores.tolist(), strict=True):
        best[phrase.choice] = max((score, phrase.favour), best.get(phrase.choice, (-np.inf, 0.0)))
        plain[phrase.choice] = max(score - min(phrase.favour, 0.0), plain.get(phrase.choice, -np.inf))
    choice, (score, favour) = max(best.items(), key=lambda item: item[1][0])
    rivals = {one: best[one][0] if favour else plain[one] for one in best if one != choice}
    runner_up, second = max(rivals.items(), key=lambda item: item[1], default=("", score - APART))
    sure = score + bounds.margin * min(score - second, APART)
    if sure < bounds.near:
        return Recognised("", score, Certainty.NONE, choice, score)
    certainty = Certainty.SURE if sure >= bounds.sure else Certainty.NEAR
    return Recognised(choice, score, certainty, runner_up, second if runner_up else 0.0)
