"""Speak what has no recording, or one of other words: `python media/make/speech.py --voices FOLDER [options] [id ...]`.

Each recording carries the hash of its text and the name of its speaker, so that a second run does nothing. A recording
without those marks is somebody's own and is left alone. What a speaker says can be given to any other program:
`--command 'espeak-ng -v {language} -f {text} -w {wav}'`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import catalogue
import numpy as np
import render
from voice import RATE, Program, Sound, Speaker, festival, kokoro, trimmed

MEDIA = Path(__file__).resolve().parent.parent
TEXTS = Path(__file__).resolve().parent / "texts"
HOSTS = {
    "en": "am_michael",
    "es": "em_alex",
    "zh": "zm_yunxi",
}  # tell the stories, so that a prompt over a story is plainly not part of it
VOICES = {
    "en": "af_heart",
    "es": "ef_dora",
    "zh": "zf_xiaobei",
}  # Kokoro's; they say the prompts, the updates and the quiz
FESTIVAL = {"ru": "msu_ru_nsh_clunits"}  # where Kokoro was taught nothing
SPEEDS = {"prompts": 0.97, "quiz": 0.97, "podcasts": 0.94, "daily": 0.96}
LOUDNESS = 10 ** (-20 / 20)
CEILING = 10 ** (-2.5 / 20)
BITS = 20_000
TEXT, VOICE = "text_sha256", "voice"  # marks in a recording

Voices = Callable[[str, str], Speaker]


@dataclass(frozen=True, slots=True)
class Job:
    kind: str
    language: str
    id: str
    text: str
    file: Path


def jobs() -> Iterator[Job]:
    """Everything that is spoken."""
    for language, prompts in catalogue.read().items():
        for prompt, text in prompts.items():
            yield Job("prompts", language, prompt, text, MEDIA / "prompts" / language / f"{prompt}.opus")
    yield from quiz()
    for kind in ("podcasts", "daily"):
        yield from stories(kind)


def stories(kind: str) -> Iterator[Job]:
    """In English as they stand in the folder, in other languages in a folder of the language's name."""
    for text_file in sorted((TEXTS / kind).rglob("*.md")):
        place = text_file.relative_to(TEXTS / kind)
        language = place.parts[0] if len(place.parts) > 1 else "en"
        story = text_file.read_text(encoding="utf-8").partition("\n\n")[2]  # the first line is the title, not read
        yield Job(kind, language, text_file.stem, story, MEDIA / kind / place.with_suffix(".opus"))


def quiz() -> Iterator[Job]:
    """Needs the service itself, which knows what the sounds of a question say."""
    from holdsvc.content.quiz import read_banks, recordings

    for bank in read_banks(MEDIA).banks:
        for question in bank.questions:
            for _, text, stem in recordings(bank, question):
                yield Job("quiz", bank.language, stem, text, bank.file.parent / f"{stem}.opus")


def house_voices(folder: Path) -> Voices:
    @cache
    def voice(language: str, kind: str) -> Speaker:
        of_kokoro = voices_for(kind)
        return kokoro(of_kokoro[language], folder) if language in of_kokoro else festival(FESTIVAL[language], language)

    return voice


def speaker_name(job: Job) -> str:
    of_kokoro = voices_for(job.kind)
    return f"kokoro {of_kokoro[job.language]}" if job.language in of_kokoro else f"festival {FESTIVAL[job.language]}"


def voices_for(kind: str) -> Mapping[str, str]:
    return HOSTS if kind == "podcasts" else VOICES


def stale(job: Job, name: str) -> bool:
    """Whether its recording is missing, or ours and of another text or speaker."""
    if not job.file.is_file():
        return True
    marks = render.marks(job.file)
    return TEXT in marks and (marks[TEXT], marks.get(VOICE)) != (catalogue.text_hash(job.text), name)


def record(job: Job, speaker: Speaker) -> None:
    marks = {TEXT: catalogue.text_hash(job.text), VOICE: speaker.name}
    render.save(levelled(told_aloud(speaker, job)), job.file, rate=RATE, bits=BITS, speech=True, marks=marks)


def told_aloud(speaker: Speaker, job: Job) -> Sound:
    rest = np.zeros(round(0.75 * RATE), np.float32)
    pause = 0.35 if job.kind == "quiz" else 0.25 if job.kind == "prompts" else 0.32
    parts = [
        sound
        for paragraph in job.text.split("\n\n")
        for sound in (trimmed(speaker.say(" ".join(paragraph.split()), SPEEDS[job.kind], pause)), rest)
    ]
    return np.concatenate(parts[:-1])


def levelled(sound: Sound) -> Sound:
    level = float(np.sqrt(np.mean(sound[np.abs(sound) > 0.01] ** 2)))
    sound = sound * min(LOUDNESS / level, CEILING / float(np.abs(sound).max()))
    edge = round(0.01 * RATE)
    sound[:edge] *= np.linspace(0, 1, edge)
    sound[-edge:] *= np.linspace(1, 0, edge)
    return sound


def shown(todo: list[Job]) -> Iterable[Job]:
    """With a bar that grows, where somebody watches."""
    for place, job in enumerate(todo):
        bar = "#" * round(30 * place / len(todo))
        name = f"{job.kind}/{job.language}/{job.id}"
        end = "" if sys.stderr.isatty() else "\n"
        print(f"\r[{bar:30}] {place}/{len(todo)} {name:50.50}", end=end, file=sys.stderr, flush=True)
        yield job
    print(f"\r[{'#' * 30}] {len(todo)}/{len(todo)} {'':50}", file=sys.stderr)


def main(arguments: list[str]) -> int:
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--voices", type=Path, help="folder of Kokoro's voices (package/voices of npm's kokoro-js)")
    options.add_argument("--command", help="another synthesiser, in place of ours: its command line")
    options.add_argument("--kind", choices=SPEEDS, help="only these")
    options.add_argument("--language", help="only this")
    options.add_argument("--anew", action="store_true", help="also what has its recording, and what is somebody's own")
    options.add_argument("ids", nargs="*", help="only these")
    wish = options.parse_args(arguments)
    if not wish.voices and not wish.command:
        options.error("say --voices FOLDER or --command COMMAND")
    voice = (lambda language, kind: Program(wish.command, language)) if wish.command else house_voices(wish.voices)
    chosen = [job for job in jobs() if _wished(job, wish)]
    names = {job: voice(job.language, job.kind).name if wish.command else speaker_name(job) for job in chosen}
    todo = [job for job in chosen if wish.anew or stale(job, names[job])]
    for job in shown(todo):
        record(job, voice(job.language, job.kind))
    print(f"{len(todo)} spoken, {len(chosen) - len(todo)} left as they are")
    return 0


def _wished(job: Job, wish: argparse.Namespace) -> bool:
    ours = wish.language in (None, job.language) and wish.kind in (None, job.kind)
    return ours and (not wish.ids or job.id in wish.ids)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
