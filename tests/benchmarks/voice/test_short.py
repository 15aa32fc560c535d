"""The benchmark in short, over the few recordings that lie beside the recognisers' tests. Left out without the extra `voice`."""

from pathlib import Path

import numpy as np
import pytest

from holdsvc.audio import g711
from holdsvc.ports import Certainty
from tests.benchmarks.voice import texts, voices
from tests.benchmarks.voice.__main__ import Job, Line, asked, our_music, table
from tests.benchmarks.voice.lines import CONDITIONS, carried, coughs
from tests.speech.recognise.test_every_recogniser import COMMANDS, MENU, OTHERS, SAID


def speech(name):
    return g711.samples((Path(SAID) / f"{name}.ulaw").read_bytes())


@pytest.fixture(scope="module")
def found():
    pytest.importorskip("ctranslate2")
    from holdsvc.speech.recognise.forced import ForcedChoice

    ear, rng, music = ForcedChoice(), np.random.default_rng(1), our_music()
    jobs = [
        Job("", condition, name, meant, carried(speech(name), condition, rng, music), MENU)
        for name, meant in {**COMMANDS, **dict.fromkeys(OTHERS, "")}.items()
        for condition in CONDITIONS
    ]
    jobs += [Job("", "noise", "", "", carried(sound, "clean", rng), MENU) for sound in coughs(6, rng)]
    return [asked(ear, job) for job in jobs]


def test_commands_are_understood_on_every_line(found):
    commands = [line for line in found if line.meant]

    assert sum(line.heard == line.meant for line in commands) >= 0.9 * len(commands)
    assert not [line for line in commands if line.certainty is Certainty.SURE and line.heard != line.meant]


def test_what_is_no_command_chooses_nothing(found):
    assert not [line for line in found if not line.meant and line.certainty is Certainty.SURE]


def test_the_table_tells_what_was_done_and_what_was_asked():
    def line(heard, certainty):
        return Line("", "clean", "jazz", "jazz", heard, certainty, 1.0, "", 0.1)

    told = table([line("jazz", Certainty.SURE), line("jazz", Certainty.NEAR), line("music", Certainty.SURE)])

    assert told.splitlines()[-1] == "| clean | 3 | 33.3% | 33.3% | 33.3% | 0.0% | 0.0% | 0.100 |"


def test_what_bounds_are_found_on_is_not_what_is_reported():
    reported = (*texts.COMMANDS, *texts.OTHER_SPEECH)
    tuning = (*texts.COMMANDS_TUNING, *texts.OTHER_SPEECH_TUNING, *texts.WORDS_TUNING)

    assert not {plain(text) for text in reported} & {plain(text) for text in tuning}
    assert not {*voices.REPORTING, *voices.NEURAL_REPORTING} & {*voices.TUNING, *voices.NEURAL_TUNING}


def test_words_that_are_no_command_are_on_no_menu_and_every_speaker_says_some():
    speakers = {**voices.TUNING, **dict.fromkeys(voices.NEURAL_TUNING, voices.unsaid)}

    heard = [name for place, _ in enumerate(texts.WORDS_TUNING) for name, _ in voices.in_turn(speakers, place)]

    offered = [phrase for choice in texts.MENU_TUNING.choices for phrase in choice.words]
    assert not {plain(word) for word in texts.WORDS_TUNING} & {plain(phrase) for phrase in offered}
    assert set(heard) == set(speakers)
    assert len(heard) == 3 * len(texts.WORDS_TUNING)


def plain(text):
    return "".join(sign for sign in text.casefold() if sign.isalnum() or sign == " ")
