"""`python -m tests.benchmarks.voice [--said FOLDER] [--recogniser forced] [--quick]`: how well spoken choices are understood.

Says what is missing in FOLDER with the synthesisers that are installed (`speak.py` adds the neural voices), puts it on telephone
lines and asks the recogniser. Nothing was tuned on what is reported here, and nothing at all on the human voice (Debian:
asterisk-core-sounds-en-wav).
"""

from __future__ import annotations

import argparse
import contextlib
import platform
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import msgspec
import numpy as np

from holdsvc.ports import Candidate, Certainty, Recogniser, Utterance
from holdsvc.speech.recognise import kinds
from tests.benchmarks.voice import human, lines, voices
from tests.benchmarks.voice.lines import CONDITIONS, Sound, carried
from tests.benchmarks.voice.texts import (
    COMMANDS,
    COMMANDS_TUNING,
    MENU,
    MENU_TUNING,
    OTHER_SPEECH,
    OTHER_SPEECH_TUNING,
    WORDS_TUNING,
)

CANDIDATES = (*(Candidate(choice.id, choice.words) for choice in MENU.choices), Candidate("quiet", ("no",)))
CANDIDATES_TUNING = tuple(Candidate(choice.id, choice.words) for choice in MENU_TUNING.choices)
MUSIC = Path(__file__).parents[3] / "media" / "music"
HUMAN = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
QUICK = 5  # of so many voices and texts, one


class Line(msgspec.Struct, frozen=True):
    """One utterance and what became of it. `meant` is "" for what is no command."""

    group: str
    condition: str
    text: str
    meant: str
    heard: str
    certainty: Certainty
    score: float
    runner_up: str
    cpu: float


class Job(msgspec.Struct, frozen=True):
    """One utterance that is still to be asked."""

    group: str
    condition: str
    text: str
    meant: str
    pcm: bytes
    candidates: tuple[Candidate, ...] = CANDIDATES


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--said", type=Path, default=Path(tempfile.gettempdir()) / "holdsvc-said")
    parser.add_argument("--recogniser", default="forced")
    parser.add_argument("--model", default="")
    parser.add_argument("--quick", action="store_true", help=f"one of {QUICK} commands and other texts")
    parser.add_argument("--most", type=int, default=0, help="only so many utterances, picked at random")
    parser.add_argument("--tuning", action="store_true", help="the tuning voices, menu and texts, not those reported")
    parser.add_argument("--part", default="1/1", help="as 2/3: the second third of all, for processes side by side")
    parser.add_argument(
        "--lines", type=Path, help="a file for every utterance as it is answered; what it holds is told"
    )
    parser.add_argument("--only-tell", type=Path, nargs="*", help="ask nothing, tell what stands in these files")
    given = parser.parse_args()
    if given.only_tell:
        kept = [line for file in given.only_tell for line in file.read_bytes().splitlines()]
        found = [msgspec.json.decode(line, type=Line) for line in kept]
    else:
        found = list(shown(asked_all(given), given.lines))
    own = [line for line in found if line.group != "human"]
    print(f"{given.recogniser} on {platform.machine()}, {len(spoken(CANDIDATES))} phrases\n\n{table(own)}")
    if people := [line for line in found if line.group == "human"]:
        print(f"\nA human voice, {len(human.CHOICES)} choices of its own\n\n{table(people)}")
    if not given.only_tell:
        print(f"\n{by_candidates(kinds.make(given.recogniser, given.model), given)}")
    return 0


def asked_all(given: argparse.Namespace) -> Iterator[tuple[int, int, Line]]:
    """In a random order, so that a run that is cut short is a fair sample."""
    ear = kinds.make(given.recogniser, given.model)
    todo = [*commands(given), *others(given), *(words(given) if given.tuning else human_voice(given.quick))]
    random.Random(1).shuffle(todo)
    part, parts = map(int, given.part.split("/"))
    todo = todo[: given.most or len(todo)][part - 1 :: parts]
    for place, job in enumerate(todo):
        yield place + 1, len(todo), asked(ear, job)


def shown(answers: Iterator[tuple[int, int, Line]], file: Path | None) -> Iterator[Line]:
    with file.open("wb", buffering=0) if file else contextlib.nullcontext() as kept:
        for place, count, line in answers:
            if kept is not None:
                kept.write(msgspec.json.encode(line) + b"\n")
            if sys.stderr.isatty() or place % 100 == 0:
                print(f"\r{place}/{count} {line.text:40.40}", end="", file=sys.stderr, flush=True)
            yield line
    print(file=sys.stderr)


def spoken(candidates: Sequence[Candidate]) -> list[str]:
    return [phrase for candidate in candidates for phrase in candidate.spoken]


def speakers(given: argparse.Namespace) -> dict[str, voices.Say]:
    own = voices.TUNING if given.tuning else voices.REPORTING
    neural = voices.NEURAL_TUNING if given.tuning else voices.NEURAL_REPORTING
    return {**own, **{f"kokoro {name}": voices.unsaid for name in neural}}


def commands(given: argparse.Namespace) -> Iterator[Job]:
    rng, music = np.random.default_rng(11), our_music()
    texts, offered = (COMMANDS_TUNING, CANDIDATES_TUNING) if given.tuning else (COMMANDS, CANDIDATES)
    for text, meant in list(texts.items())[:: QUICK if given.quick else 1]:
        for voice, say in speakers(given).items():
            speech = voices.spoken(given.said, voice, say, text)
            if speech is not None:
                for condition in CONDITIONS:
                    yield Job(voice, condition, text, meant, carried(speech, condition, rng, music), offered)


def others(given: argparse.Namespace) -> Iterator[Job]:
    rng, music = np.random.default_rng(12), our_music()
    texts, offered = (OTHER_SPEECH_TUNING, CANDIDATES_TUNING) if given.tuning else (OTHER_SPEECH, CANDIDATES)
    for place, text in enumerate(texts[:: QUICK if given.quick else 1]):
        for turn, (voice, say) in enumerate(speakers(given).items()):
            speech = voices.spoken(given.said, voice, say, text)
            if speech is not None:
                condition = CONDITIONS[(place + turn) % len(CONDITIONS)]
                yield Job(voice, "other speech", text, "", carried(speech, condition, rng, music), offered)
    count = 10 if given.quick else 60
    for sound in lines.coughs(count, rng):
        yield Job("noise", "coughs, knocks, breath, hiss", "", "", carried(sound, "clean", rng), offered)
    for _ in range(count):
        begin = int(rng.integers(0, len(music) - 24_000))
        length = int(rng.integers(6_000, 24_000))
        yield Job("music", "music alone", "", "", carried(music[begin : begin + length], "clean", rng), offered)


def words(given: argparse.Namespace) -> Iterator[Job]:
    rng, music = np.random.default_rng(15), our_music()
    for place, text in enumerate(WORDS_TUNING[:: QUICK if given.quick else 1]):
        for turn, (voice, say) in enumerate(voices.in_turn(speakers(given), place)):
            speech = voices.spoken(given.said, voice, say, text)
            if speech is not None:
                condition = CONDITIONS[(place + turn) % len(CONDITIONS)]
                pcm = carried(speech, condition, rng, music)
                yield Job(voice, "other words", text, "", pcm, CANDIDATES_TUNING)


def human_voice(quick: bool) -> Iterator[Job]:
    rng, music = np.random.default_rng(13), our_music()
    for text, file in human.COMMANDS.items():
        if (HUMAN / file).is_file():
            for condition in CONDITIONS:
                pcm = carried(voices.decoded(HUMAN / file), condition, rng, music)
                yield Job("human", condition, text, text, pcm, human.CHOICES)
    for file in human.others(HUMAN)[:: QUICK if quick else 2]:
        yield Job("human", "other speech", file.stem, "", carried(voices.decoded(file), "clean", rng))


def asked(ear: Recogniser, job: Job) -> Line:
    return asked_as(ear, Utterance(job.pcm, job.candidates), job.group, job.condition, job.text, job.meant)


def asked_as(ear: Recogniser, said: Utterance, group: str, condition: str, text: str, meant: str) -> Line:
    began = time.process_time()
    heard = ear.recognise(said)
    cpu = time.process_time() - began
    return Line(group, condition, text, meant, heard.choice, heard.certainty, heard.score, heard.runner_up, cpu)


@cache
def our_music() -> Sound:
    return np.concatenate([voices.decoded(file) for file in sorted(MUSIC.rglob("*.opus"))[::12]])


def table(found: Sequence[Line]) -> str:
    rows = [
        "| what | utterances | done, right | asked, right | done, wrong | asked, wrong | nothing | CPU s |",
        "|---" * 8 + "|",
    ]
    for condition in sorted({line.condition for line in found}, key=lambda name: (*CONDITIONS, name).index(name)):
        some = [line for line in found if line.condition == condition]
        right = [bool(line.meant) and line.heard == line.meant for line in some]
        kinds_of = [(line.certainty, good) for line, good in zip(some, right, strict=True)]
        shares = [
            kinds_of.count((Certainty.SURE, True)),
            kinds_of.count((Certainty.NEAR, True)),
            kinds_of.count((Certainty.SURE, False)),
            kinds_of.count((Certainty.NEAR, False)),
            sum(line.certainty is Certainty.NONE for line in some),
        ]
        cells = [f"{share / len(some):.1%}" for share in shares]
        rows.append(f"| {condition} | {len(some)} | {' | '.join(cells)} | {np.mean([line.cpu for line in some]):.3f} |")
    return "\n".join(rows)


def by_candidates(ear: Recogniser, given: argparse.Namespace) -> str:
    """CPU against how many phrases may be meant."""
    speech = voices.spoken(given.said, "flite slt", voices.REPORTING["flite slt"], "podcast")
    if speech is None:
        return "no synthesiser for a look at CPU against candidates"
    pcm = carried(speech, "clean", np.random.default_rng(14))
    phrases = [*spoken(CANDIDATES), *OTHER_SPEECH, *OTHER_SPEECH_TUNING, *COMMANDS]
    rows = ["| phrases | CPU s an utterance |", "|---|---|"]
    for count in (12, 24, 30, 120):
        some = tuple(Candidate(str(place), (phrase,)) for place, phrase in enumerate(phrases[:count]))
        job = Job("", "", "", "", pcm, some)
        asked(ear, job)  # what is remembered of each phrase is remembered now
        spent = [asked(ear, job).cpu for _ in range(5)]
        rows.append(f"| {len(some)} | {np.median(spent):.3f} |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
