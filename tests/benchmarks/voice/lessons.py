"""What the trained opinion is taught: the shipped menu's phrases, and what is none of them, by many voices on many lines.

No voice and no text that is reported is among it. Every example has a random generator of its own, so that the same voices
make the same examples, whichever are there.
"""

from __future__ import annotations

import tomllib
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from holdsvc.audio import g711
from holdsvc.calls.asking import NO, YES
from holdsvc.calls.languages import NAMES
from holdsvc.calls.menu import CALLBACK_WORDS, SHIPPED
from holdsvc.speech.recognise.lexicon import ENGLISH
from holdsvc.speech.recognise.spoken import REFUSALS
from tests.benchmarks.voice import engines, lines, voices
from tests.benchmarks.voice.lines import RATE, Sound, band, levelled, noise

MEDIA = Path(__file__).parents[3] / "media"
LEAVE = ("leave", "leave a message", "voicemail")  # where a queue's file gives a key for it
LANGUAGES = ("en", "es", "zh", "ru")
RIVALS = tuple(Path(__file__).with_name("rivals.txt").read_text(encoding="utf-8").splitlines())
MORE_RIVALS, OTHER_RIVALS = (
    tuple(Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines())
    for name in ("more_rivals.txt", "other_rivals.txt")
)
NONE = ""
# Lines on which a phrase of the menu is taught, a rival, and one of the many more, whom fewer say.
TIMES, RIVAL_TIMES, MORE_TIMES = 5, 3, 2
# So many say what is no command: of those who are quick to say anything, of the neural ones, of the voices of other engines.
RIVAL_SPEAKERS, RIVAL_NEURAL, RIVAL_ENGINES = 8, 2, 3
MORE_SPEAKERS, OTHER_SPEAKERS = 4, 3
# The same person as a reported voice: they keep their places in `said_by`, so that recordings stay good, and teach nothing.
SAME_PERSON = ("flite kal", "flite kal16")
NOISES = 1200  # examples of coughs, knocks, hiss and music without speech
BEHIND = 0.2  # seconds


class Lesson(msgspec.Struct, frozen=True):
    """`phrase` is "" for what is none of the menu's."""

    voice: str
    text: str
    phrase: str
    turn: int


def phrases() -> tuple[str, ...]:
    """All that the shipped menu offers in English, with each shelf of music that we ship, but no titles."""
    items = tomllib.loads((MEDIA / "index.toml").read_text(encoding="utf-8"))["item"]
    genres = dict.fromkeys(item["shelf"] for item in items if item["kind"] == "music")
    every = (
        *(word for choice in SHIPPED for word in choice.words),
        *(phrase for genre in genres for phrase in (genre, f"{genre} music", f"play {genre}")),
        *(*LEAVE, *CALLBACK_WORDS, *YES["en"], *NO["en"], *ENGLISH.refusals[:REFUSALS]),
        *(name for language in LANGUAGES for name in NAMES[language] if name.isascii() and english(name)),
    )
    return tuple(dict.fromkeys(phrase.casefold() for phrase in every))


def english(name: str) -> bool:
    return name.startswith("in ") or name.endswith(("ish", "ese", "ian", "arin"))


def speakers() -> tuple[str, ...]:
    return (*quick_speakers(), *neural_speakers(), *engines.VOICES, *voices.MANNERS)


def quick_speakers() -> tuple[str, ...]:
    return (*voices.TUNING, *voices.TEACHING)


def neural_speakers() -> tuple[str, ...]:
    return tuple(f"kokoro {name}" for name in (*voices.NEURAL_TUNING, *voices.NEURAL_TEACHING))


def lessons() -> Iterator[Lesson]:
    every = (
        *((voice, text, text, TIMES) for voice in speakers() for text in phrases()),
        *((voice, text, NONE, RIVAL_TIMES) for text, voice in said_by(RIVALS)),
        *((voice, text, NONE, MORE_TIMES) for text, voice in said_by_few()),
    )
    for voice, text, phrase, times in every:
        if voice not in SAME_PERSON:
            yield from (Lesson(voice, text, phrase, turn) for turn in range(times))


def said_by(some: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """The engines' voices come behind, so that who came before them says what they always said."""
    quick, neural, engine = quick_speakers(), neural_speakers(), tuple(engines.VOICES)
    for place, text in enumerate(some):
        for step in range(RIVAL_SPEAKERS):
            yield text, quick[(place * 5 + step * 11) % len(quick)]
        for step in range(RIVAL_NEURAL):
            yield text, neural[(place * 7 + step * 11) % len(neural)]
    for place, text in enumerate(some):
        for step in range(RIVAL_ENGINES):
            yield text, engine[(place * 5 + step * 8) % len(engine)]


def said_by_few() -> Iterator[tuple[str, str]]:
    """By those who are quick to say anything."""
    quick = [voice for voice in (*quick_speakers(), *engines.VOICES) if voice not in SAME_PERSON]
    for some, count in ((MORE_RIVALS, MORE_SPEAKERS), (OTHER_RIVALS, OTHER_SPEAKERS)):
        for place, text in enumerate(some):
            for step in range(count):
                yield text, quick[(place * 5 + step * 13) % len(quick)]


def say(voice: str) -> voices.Say:
    return {**voices.TUNING, **voices.TEACHING, **engines.VOICES, **voices.MANNERS}.get(voice, voices.unsaid)


# --- on the line --------------------------------------------------------------------------------------------------------------


class Lines:
    """Telephone lines of many kinds. `talk` are recordings of which a murmur of voices is made."""

    def __init__(self, music: Sound, talk: list[Sound]) -> None:
        self._music, self._talk = music, talk

    def carried(self, speech: Sound, lesson: Lesson) -> Sound:
        rng = np.random.default_rng(zlib.crc32(f"{lesson.voice}|{lesson.text}|{lesson.turn}".encode()))
        speech = turned(speech, rng) if rng.random() < 0.6 else speech
        if rng.random() < 0.08:
            return pcm(lines.cut_out(speech, rng, self._music))
        before, behind = rng.uniform(0.05, 0.5, 2)
        row = np.concatenate([np.zeros(round(before * RATE)), levelled(speech), np.zeros(round(behind * RATE))])
        row = filtered(row.astype(np.float32), rng)
        if rng.random() < 0.85:
            row = row + self.background(len(row), rng) * lines.ACTIVE * 10 ** (-rng.uniform(4, 30) / 20)
        row = row * 10 ** (rng.uniform(-10, 8) / 20)
        return pcm(g711.decode(g711.encode(g711.linear(row.astype(np.float32)))).tobytes())

    def alone(self, turn: int) -> Sound:
        """Without speech."""
        rng = np.random.default_rng((17, turn))
        length = int(rng.integers(3_000, 16_000))
        if turn % 3:
            row = lines.coughs(3, rng)[turn // 3 % 3] * lines.ACTIVE * 10 ** (rng.uniform(-12, 6) / 20)
            row = np.pad(row, 1600)
        else:
            row = self.background(length, rng) * lines.ACTIVE * 10 ** (rng.uniform(-12, 6) / 20)
        return pcm(g711.decode(g711.encode(g711.linear(filtered(row, rng)))).tobytes())

    def background(self, length: int, rng: np.random.Generator) -> Sound:
        """Of level 1: pink, white, low noise, hum, a murmur of voices, our music."""
        kind = rng.choice(6, p=(0.35, 0.2, 0.1, 0.05, 0.15, 0.15))
        if kind == 0:
            return noise(length, rng)
        if kind == 1:
            made = band(rng.normal(size=length).astype(np.float32))
        elif kind == 2:
            made = band(np.cumsum(rng.normal(size=length)).astype(np.float32))
        elif kind == 3:
            at, hertz = np.arange(length) / RATE, rng.choice((50.0, 60.0))
            made = sum(np.sin(2 * np.pi * hertz * k * at + rng.uniform(0, 6)) / k for k in range(3, 16)) + 0.3 * noise(
                length, rng
            )
        elif kind == 4:
            made = sum(piece(self._talk[int(rng.integers(len(self._talk)))], length, rng) for _ in range(5))
        else:
            made = piece(self._music, length, rng)
        return np.asarray(made / np.sqrt(np.mean(made**2) + 1e-9), np.float32)


def piece(sound: Sound, length: int, rng: np.random.Generator) -> Sound:
    begin = int(rng.integers(0, max(1, len(sound) - length)))
    return np.resize(sound[begin : begin + length], length).astype(np.float32)


def turned(sound: Sound, rng: np.random.Generator) -> Sound:
    """Another throat: faster and higher, or slower and deeper."""
    places = np.arange(0, len(sound) - 1, rng.uniform(0.87, 1.15))
    return np.interp(places, np.arange(len(sound)), sound).astype(np.float32)


def filtered(sound: Sound, rng: np.random.Generator) -> Sound:
    """A line's own band and tilt."""
    low, high, tilt = rng.uniform(120, 380), rng.uniform(2900, 3700), rng.uniform(-4, 4)
    hertz = np.fft.rfftfreq(len(sound), 1 / RATE)
    gain = np.clip((hertz - low + 80) / 100, 0, 1) * np.clip((high + 100 - hertz) / 200, 0, 1)
    gain = gain * 10 ** (tilt * np.log2(np.maximum(hertz, 100) / 1000) / 20)
    return np.fft.irfft(np.fft.rfft(sound) * gain, len(sound)).astype(np.float32)


def pcm(linear: bytes) -> Sound:
    return np.frombuffer(linear, "<i2").astype(np.float32) / np.float32(32768)
