"""`python -m tests.benchmarks.voice [--said FOLDER] [--recogniser forced] [--quick]`: how well spoken choices are understood.

Says what is missing in FOLDER with the synthesisers that are installed (`speak.py` adds the neural voices), puts it on telephone
lines and asks the recogniser. Nothing was tuned on what is reported here, and nothing at all on the human voice (Debian:
asterisk-core-sounds-en-wav).
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

from holdsvc.ports import Candidate, Certainty, Recogniser, Utterance
from holdsvc.speech.recognise import kinds
from tests.benchmarks.voice import human, lines, voices
from tests.benchmarks.voice.lines import CONDITIONS, Sound, carried
from tests.benchmarks.voice.texts import COMMANDS, MENU, OTHER_SPEECH, OTHER_SPEECH_TUNING

MENU_SPOKEN = tuple(Candidate(choice.id, choice.words) for choice in MENU.choices)
CANDIDATES = (*MENU_SPOKEN, Candidate("quiet", ("no",)))
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
    cpu: float

    @property
    def done(self) -> bool:
        return self.certainty is Certainty.SURE


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--said", type=Path, default=Path(tempfile.gettempdir()) / "holdsvc-said")
    parser.add_argument("--recogniser", default="forced")
    parser.add_argument("--model", default="")
    parser.add_argument("--thin", type=int, default=0, help="leave out one of so many pairs of voice and command")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--tuning", action="store_true", help="the tuning voices and texts, in place of those reported")
    parser.add_argument("--json", type=Path, help="a file for every line")
    given = parser.parse_args()
    ear = kinds.make(given.recogniser, given.model)
    found = [*commands(ear, given), *others(ear, given)]
    people = [] if given.tuning else list(human_voice(ear, given.quick, given.thin))
    if given.json:
        given.json.write_bytes(msgspec.json.encode([*found, *people]))
    print(f"{given.recogniser} on {platform.machine()}, {len(spoken(CANDIDATES))} phrases, {len(CANDIDATES)} choices\n")
    print(table(found))
    if people:
        print(f"\nA human voice, {len(human.CHOICES)} choices of its own\n\n{table(people)}")
    print(f"\n{by_candidates(ear, given)}")
    return 0


def spoken(candidates: Sequence[Candidate]) -> list[str]:
    return [phrase for candidate in candidates for phrase in candidate.spoken]


def speakers(given: argparse.Namespace) -> dict[str, voices.Say]:
    own = voices.TUNING if given.tuning else voices.REPORTING
    neural = voices.NEURAL_TUNING if given.tuning else voices.NEURAL_REPORTING
    return {**own, **{f"kokoro {name}": voices.unsaid for name in neural}}


def commands(ear: Recogniser, given: argparse.Namespace) -> Iterator[Line]:
    rng, music = np.random.default_rng(11), our_music()
    for place, (text, meant) in enumerate(list(COMMANDS.items())[:: QUICK if given.quick else 1]):
        for turn, (voice, say) in enumerate(speakers(given).items()):
            left_out = given.thin and (place + turn) % given.thin == 0
            speech = None if left_out else voices.spoken(given.said, voice, say, text)
            if speech is None:
                continue
            for condition in CONDITIONS:
                yield asked(ear, carried(speech, condition, rng, music), voice, condition, text, meant)


def others(ear: Recogniser, given: argparse.Namespace) -> Iterator[Line]:
    rng, music = np.random.default_rng(12), our_music()
    texts = OTHER_SPEECH_TUNING if given.tuning else OTHER_SPEECH
    for place, text in enumerate(texts[:: QUICK if given.quick else 1]):
        for turn, (voice, say) in enumerate(speakers(given).items()):
            speech = voices.spoken(given.said, voice, say, text)
            if speech is not None:
                condition = CONDITIONS[(place + turn) % len(CONDITIONS)]
                yield asked(ear, carried(speech, condition, rng, music), voice, "other speech", text, "")
    count = 10 if given.quick else 60
    for sound in lines.coughs(count, rng):
        yield asked(ear, carried(sound, "clean", rng), "noise", "coughs, knocks, breath, hiss", "", "")
    for _ in range(count):
        begin = int(rng.integers(0, len(music) - 24_000))
        length = int(rng.integers(6_000, 24_000))
        yield asked(ear, carried(music[begin : begin + length], "clean", rng), "music", "music alone", "", "")


def human_voice(ear: Recogniser, quick: bool, thin: int) -> Iterator[Line]:
    rng, music = np.random.default_rng(13), our_music()
    for text, file in human.COMMANDS.items():
        if (HUMAN / file).is_file():
            for condition in CONDITIONS:
                pcm = carried(voices.decoded(HUMAN / file), condition, rng, music)
                yield asked(ear, pcm, "human", condition, text, text, human.CHOICES)
    for file in human.others(HUMAN)[:: QUICK if quick else 2 if thin else 1]:
        pcm = carried(voices.decoded(file), "clean", rng)
        yield asked(ear, pcm, "human", "other speech", file.stem, "")


def asked(
    ear: Recogniser,
    pcm: bytes,
    group: str,
    condition: str,
    text: str,
    meant: str,
    candidates: tuple[Candidate, ...] = CANDIDATES,
) -> Line:
    began = time.process_time()
    heard = ear.recognise(Utterance(pcm, candidates))
    cpu = time.process_time() - began
    return Line(group, condition, text, meant, heard.choice, heard.certainty, heard.score, cpu)


def our_music() -> Sound:
    return np.concatenate([voices.decoded(file) for file in sorted(MUSIC.rglob("*.opus"))[::6]])


def table(found: Sequence[Line]) -> str:
    rows = [
        "| what | utterances | done, right | asked, right | done, wrong | asked, wrong | nothing | CPU s |",
        "|---" * 8 + "|",
    ]
    for condition in dict.fromkeys(line.condition for line in found):
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
        asked(ear, pcm, "", "", "", "", some)  # what is remembered of each phrase is remembered now
        spent = [asked(ear, pcm, "", "", "", "", some).cpu for _ in range(5)]
        rows.append(f"| {len(some)} | {np.median(spent):.3f} |")
    return "\n".join(rows)


if __name__ == "__main__":
    sys.exit(main())
