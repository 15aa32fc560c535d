"""The making of speech: what is spoken again, and by whom. No voice is needed for it."""

import sys
from pathlib import Path

import numpy as np
import pytest

MAKE = Path(__file__).resolve().parents[2] / "media" / "make"
# Writes the text's length in tenths of a second of tone, and what it was asked for beside it.
TALKER = """
import math, pathlib, struct, sys, wave
text, wav, language = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
with wave.open(str(wav), "wb") as file:
    file.setparams((1, 2, 8000, 0, "NONE", ""))
    for n in range(800 * len(text.read_text("utf-8").strip())):
        file.writeframes(struct.pack("<h", int(9000 * math.sin(n / 2))))
"""


@pytest.fixture
def speech(monkeypatch):
    monkeypatch.syspath_prepend(str(MAKE))
    import speech

    return speech


@pytest.fixture
def talker(tmp_path):
    (tmp_path / "talker.py").write_text(TALKER, encoding="utf-8")
    return f"{sys.executable} {tmp_path / 'talker.py'} {{text}} {{wav}} {{language}}"


def a_job(speech, tmp_path, text="Hello."):
    return speech.Job("prompts", "en", "hello", text, tmp_path / "hello.opus")


def test_any_program_that_writes_a_sound_file_can_speak(speech, talker):
    speaker = speech.Program(talker, "es")

    sound = speaker.say("Diez. Dos", pause=0.5)

    assert sound.dtype == np.float32
    assert abs(len(sound) / speech.RATE - (0.5 + 0.5 + 0.3)) < 0.05


def test_a_recording_is_spoken_again_when_its_text_or_its_speaker_is_another(speech, talker, tmp_path):
    speaker, job = speech.Program(talker, "en"), a_job(speech, tmp_path)
    assert speech.stale(job, speaker.name)

    speech.record(job, speaker)

    assert not speech.stale(job, speaker.name)
    assert speech.stale(a_job(speech, tmp_path, "Hello!"), speaker.name)
    assert speech.stale(job, "somebody else")


def test_a_recording_that_does_not_come_from_here_is_left_alone(speech, tmp_path):
    job = a_job(speech, tmp_path)
    speech.render.save(np.full(24000, 0.1, np.float32), job.file, rate=speech.RATE)

    assert not speech.stale(job, "anybody")


def test_the_same_words_by_the_same_speaker_are_the_same_file(speech, talker, tmp_path):
    speaker, job = speech.Program(talker, "en"), a_job(speech, tmp_path)
    speech.record(job, speaker)
    first = job.file.read_bytes()

    speech.record(job, speaker)

    assert job.file.read_bytes() == first
    assert [file.name for file in tmp_path.glob("*.part")] == []


def test_every_text_has_a_speaker_and_a_place(speech):
    jobs = list(speech.jobs())

    assert {job.kind for job in jobs} == {"prompts", "quiz", "podcasts", "daily"}
    assert len({job.file for job in jobs}) == len(jobs)
    assert all(speech.speaker_name(job) and job.text for job in jobs)
