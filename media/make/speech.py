"""Speak every prompt, podcast and update again: `python media/make/speech.py VOICES_FOLDER [id ...]`."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import numpy as np
import render
from voice import RATE, Sound, Voice, trimmed

MEDIA = Path(__file__).resolve().parent.parent
TEXTS = Path(__file__).resolve().parent / "texts"
PROMPTS = MEDIA / "prompts" / "en"
HOUSE_VOICE = "af_heart"  # says the prompts and the updates
HOST_VOICE = "am_michael"  # tells the stories, so that a prompt over a story is plainly not part of it
LOUDNESS = 10 ** (-20 / 20)
CEILING = 10 ** (-2.5 / 20)
BITS = 20_000
TONES = {"still_here"}  # recorded as a sound; its text is for a platform that has to speak for itself


def main(folder: Path, wanted: list[str]) -> None:
    house, host = Voice(HOUSE_VOICE, folder), Voice(HOST_VOICE, folder)
    texts = tomllib.loads((PROMPTS / "prompts.toml").read_text(encoding="utf-8"))
    for prompt, entry in texts.items():
        if not wanted or prompt in wanted:
            spoken = two_notes() if prompt in TONES else trimmed(house.say(entry["text"], 0.97, pause=0.25))
            _told(PROMPTS / f"{prompt}.opus", spoken)
    for shelf, voice, speed in (("podcasts", host, 0.94), ("daily", house, 0.96)):
        for text in sorted((TEXTS / shelf).glob("*.md")):
            if not wanted or text.stem in wanted:
                _told(MEDIA / shelf / f"{text.stem}.opus", told_aloud(voice, text, speed))


def told_aloud(voice: Voice, text: Path, speed: float) -> Sound:
    """A text of paragraphs; its first line is the title and is not read."""
    paragraphs = text.read_text(encoding="utf-8").split("\n\n")[1:]
    rest = np.zeros(round(0.75 * RATE), np.float32)
    parts = [sound for paragraph in paragraphs for sound in (voice.say(" ".join(paragraph.split()), speed), rest)]
    return np.concatenate(parts[:-1])


def two_notes() -> Sound:
    """A sign of life for a caller who chose quiet: two soft bell tones, a third apart."""
    time = np.arange(round(1.1 * RATE)) / RATE
    sound = np.zeros(time.size)
    for begin, frequency in ((0.0, 659.26), (0.28, 523.25)):
        since = np.clip(time - begin, 0, None)
        strike = np.clip(since / 0.015, 0, 1) * np.exp(-since / 0.22)
        sound += strike * (np.sin(2 * np.pi * frequency * since) + 0.2 * np.sin(4 * np.pi * frequency * since))
    return (0.1 * sound * np.clip((1.1 - time) / 0.1, 0, 1)).astype(np.float32)


def _told(path: Path, sound: Sound) -> None:
    level = float(np.sqrt(np.mean(sound[np.abs(sound) > 0.01] ** 2)))
    sound = sound * min(LOUDNESS / level, CEILING / float(np.abs(sound).max()))
    edge = round(0.01 * RATE)
    sound[:edge] *= np.linspace(0, 1, edge)
    sound[-edge:] *= np.linspace(1, 0, edge)
    seconds = render.save(sound, path, rate=RATE, bits=BITS, speech=True)
    print(f"{path.relative_to(MEDIA)!s:40} {seconds:6.1f} s {path.stat().st_size / 1000:7.0f} kB", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
