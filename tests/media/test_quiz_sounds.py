"""The quiz as it is spoken: both sounds of every shipped question, from the words that stand in its bank now."""

import re
from pathlib import Path

import av
import pytest

from holdsvc.content.quiz import read_banks, recordings
from tests.media.test_prompts import catalogue, marks

MEDIA = Path(__file__).resolve().parents[2] / "media"
WANTED = {
    bank.file.parent / f"{stem}.opus": text
    for bank in read_banks(MEDIA).banks
    for question in bank.questions
    for _, text, stem in recordings(bank, question)
}
SECONDS_A_SIGN = {"zh": (0.1, 0.6)}
SECONDS_A_LETTER = (0.03, 0.2)


def test_every_question_has_its_two_recordings_and_there_are_no_others():
    """If this fails: python media/make/speech.py --kind quiz."""
    assert set((MEDIA / "quiz").glob("*/*.opus")) == set(WANTED)


@pytest.mark.parametrize("file", WANTED, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_a_question_is_spoken_as_it_is_written_now(file):
    carried = marks(file)
    with av.open(str(file)) as sound:
        seconds = sum(frame.samples / frame.sample_rate for frame in sound.decode(audio=0))
    letters = len(re.sub(r"\W", "", WANTED[file]))
    fastest, slowest = SECONDS_A_SIGN.get(file.parent.name, SECONDS_A_LETTER)

    assert carried.get("text_sha256") == catalogue.text_hash(WANTED[file])
    assert fastest < seconds / letters < slowest, seconds
