"""`python -m tests.benchmarks.voice.speak FOLDER [STYLES]`: say everything that is to be said, once, into the folder.

STYLES: folder of the voices of the neural network; then with a Python that has what media/make/README.md names.
What other engines need is said in `engines.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tests.benchmarks.voice import engines, lessons, voices
from tests.benchmarks.voice.texts import COMMANDS, COMMANDS_TUNING, OTHER_SPEECH, OTHER_SPEECH_TUNING, WORDS_TUNING
from tests.benchmarks.voice.voices import Say


def main(words: list[str]) -> int:
    folder, styles = Path(words[0]), Path(words[1]) if len(words) > 1 else None
    todo = list(everything(styles))
    for place, (name, say, text) in enumerate(todo):
        found = voices.spoken(folder, name, say, text)
        print(f"{place + 1}/{len(todo)} {name}: {text}{'' if found is not None else ' cannot be had'}", flush=True)
    return 0


def everything(styles: Path | None) -> Iterator[tuple[str, Say, str]]:
    tuning = {**voices.TUNING, **(voices.neural(voices.NEURAL_TUNING, styles) if styles else {})}
    reporting = {**voices.REPORTING, **(voices.neural(voices.NEURAL_REPORTING, styles) if styles else {})}
    yield from each(tuning, (*COMMANDS_TUNING, *OTHER_SPEECH_TUNING, *COMMANDS))
    for place, word in enumerate(WORDS_TUNING):
        yield from each(dict(voices.in_turn(tuning, place)), (word,))
    yield from each(reporting, (*COMMANDS, *OTHER_SPEECH))
    teaching = {**tuning, **voices.TEACHING, **(voices.neural(voices.NEURAL_TEACHING, styles) if styles else {})}
    teaching = {**teaching, **engines.VOICES, **voices.MANNERS}
    yield from each(teaching, lessons.phrases())
    rivals = (*lessons.said_by(lessons.RIVALS), *lessons.said_by_few())
    yield from ((name, teaching[name], text) for text, name in rivals if name in teaching)


def each(speakers: Mapping[str, Say], texts: Iterable[str]) -> Iterator[tuple[str, Say, str]]:
    return ((name, say, text) for text in texts for name, say in speakers.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
