"""The light fallback: pocketsphinx over a flat grammar of the menu's phrases, English only.

Whatever is said, a grammar hears one of its phrases in it. So a second pass asks how well the same sound is explained by any row
of speech sounds at all: a phrase that falls far behind that was not said.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from msgspec import Struct

from holdsvc.errors import ConfigError
from holdsvc.ports import Certainty, Recognised, Utterance
from holdsvc.speech.recognise import mel
from holdsvc.speech.recognise.words import tokens_of

LONGEST = 3.0  # seconds that are looked at; a wish is shorter
SCALE = 1000.0  # so that scores are not all noughts behind the point
FEWEST = 2  # speech sounds in the shortest phrase
NO_SPEECH = ("SIL", "+")  # what a row of sounds says of silence, breath and noise
NOTHING = Recognised("", 0.0, Certainty.NONE)
INSTALL = "install it with: pip install 'holdsvc[voice]'"


class Bounds(Struct, frozen=True):
    """How far behind free speech sounds a phrase may stay, a frame; found on the tuning voices of tests/benchmarks/voice."""

    sure: float = -1.3
    near: float = -2.0


class Grammar:
    name = "grammar"
    languages: tuple[str, ...] = ("en",)

    def __init__(self, bounds: Bounds | None = None) -> None:
        try:
            self._library: Any = importlib.import_module("pocketsphinx")
        except ImportError as error:
            raise ConfigError("speech.recogniser", f"the grammar needs pocketsphinx; {INSTALL}") from error
        self._bounds = bounds or Bounds()
        self._phrases = self._decoder(beam=1e-80, wbeam=1e-60, pbeam=1e-80)
        self._anything = self._decoder(lw=2.0, beam=1e-20, pbeam=1e-20)
        self._anything.add_allphone_file("anything", None)
        self._anything.activate_search("anything")
        self._grammar: frozenset[str] = frozenset()

    def recognise(self, utterance: Utterance) -> Recognised:
        by_phrase = self._known(utterance)
        sound = mel.samples_of(utterance.pcm)[: round(LONGEST * mel.LINE_RATE)]
        if not by_phrase or not self._speaks(utterance.language) or not mel.spoken(sound):
            return NOTHING
        self._take(frozenset(by_phrase))
        linear = np.clip(mel.doubled(sound) * 32767, -32768, 32767).astype("<i2").tobytes()
        heard, score = _decoded(self._phrases, linear)
        choice = by_phrase.get(heard, "")
        if not choice:
            return NOTHING
        sounds, free = _decoded(self._anything, linear)
        if sum(not sound.startswith(NO_SPEECH) for sound in sounds.split()) < FEWEST:
            return NOTHING
        behind = (score - free) / max(1, self._phrases.n_frames())
        if not np.isfinite(behind):
            return NOTHING
        if behind < self._bounds.near:
            return Recognised("", behind, Certainty.NONE, choice, behind)
        return Recognised(choice, behind, Certainty.SURE if behind >= self._bounds.sure else Certainty.NEAR)

    def _known(self, utterance: Utterance) -> Mapping[str, str]:
        """Phrases all of whose words have a pronunciation, with what they choose; the first to name a phrase has it."""
        found: dict[str, str] = {}
        for candidate in utterance.candidates:
            for spoken in candidate.spoken:
                words = tokens_of(spoken)
                if words and all(self._phrases.lookup_word(word) for word in words):
                    found.setdefault(" ".join(words), candidate.choice)
        return found

    def _take(self, phrases: frozenset[str]) -> None:
        if phrases == self._grammar:
            return
        said = " | ".join(sorted(phrases))
        self._phrases.add_jsgf_string("menu", f"#JSGF V1.0;\ngrammar menu;\npublic <said> = {said};\n")
        self._phrases.activate_search("menu")
        self._grammar = phrases

    def _speaks(self, language: str) -> bool:
        return language.replace("_", "-").partition("-")[0].lower() in self.languages

    def _decoder(self, **settings: float) -> Any:
        folder = self._library.get_model_path
        return self._library.Decoder(
            hmm=folder("en-us/en-us"),
            dict=folder("en-us/cmudict-en-us.dict"),
            samprate=mel.RATE,
            loglevel="FATAL",
            bestpath=False,
            cmn="batch",  # each utterance by itself: nothing of one caller's voice stays for the next
            **settings,
        )


def _decoded(decoder: Any, linear: bytes) -> tuple[str, float]:
    decoder.start_utt()
    decoder.process_raw(linear, full_utt=True)
    decoder.end_utt()
    found = decoder.hyp()
    if found is None or not found.score > 0:
        return "", -np.inf
    return found.hypstr, SCALE * float(np.log(found.score))
