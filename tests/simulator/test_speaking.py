"""Callers with a voice: what they do with an answer, a question and with nothing; and a verdict that sees what went wrong."""

from __future__ import annotations

import random
from collections import deque
from datetime import UTC, datetime

import pytest

from holdsvc.simulator import speaking
from holdsvc.simulator.ledger import ChoiceMade, Row
from holdsvc.simulator.speaking import Conversation, Said, Told, Word, converse, differences

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
JAZZ, NEXT = Word("jazz", "music:jazz", b"j"), Word("next", "next", b"n")
YES, NO = Word("yes", "yes", b"y"), Word("no", "no", b"o")


class Service:
    """It hears each word at once, and does or asks what `does` has for it."""

    def __init__(self, does):
        self.does, self.done, self.asked, self.heard = does, [], "", []
        self.microphone = deque()

    def say(self, sound):
        self.heard.append(sound)
        if sound == b"y" and self.asked:
            self.done.append(self.asked)
        self.asked = ""
        came = self.does.get(sound, "")
        if came.startswith("?"):
            self.asked = came[1:]
        elif came:
            self.done.append(came)

    async def tell(self, call):
        return Told(self.asked, (ChoiceMade("music", "default"), *(ChoiceMade(one, "voice") for one in self.done)))


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    monkeypatch.setattr(speaking, "BREATH", (0.0, 0.0))
    monkeypatch.setattr(speaking, "PATIENCE", 0.05)
    monkeypatch.setattr(speaking, "GLANCE", 0.001)


async def talk(does):
    service = Service(does)
    held = await converse("c", service, (JAZZ, NEXT), YES, NO, service.tell, random.Random(1))
    return service, [(said.did, said.asked) for said in held.said]


async def test_a_word_that_is_done_is_seen_to_be_done():
    assert (await talk({b"j": "music:jazz", b"n": "next"}))[1] == [("music:jazz", ""), ("next", "")]


async def test_asked_whether_it_was_that_a_caller_says_yes():
    service, came = await talk({b"j": "?music:jazz", b"n": "next"})

    assert came == [("music:jazz", "music:jazz"), ("next", "")]
    assert service.heard == [b"j", b"y", b"n"]


async def test_asked_whether_it_was_something_else_a_caller_says_no():
    service, came = await talk({b"j": "?quiz", b"n": "next"})

    assert came == [("", "quiz"), ("next", "")]
    assert service.heard == [b"j", b"o", b"n"]


async def test_a_word_that_does_nothing_is_waited_for_no_longer_than_patience():
    assert (await talk({b"n": "next"}))[1] == [("", ""), ("next", "")]


def row(*choices):
    return Row("c", "support", NOON, choices=tuple(ChoiceMade(what, via) for what, via in choices))


def held(*did):
    return [Conversation("c", [Said("jazz", "music:jazz", one) for one in did])]


def test_the_verdict_blames_what_was_done_wrongly_and_a_log_that_differs_and_nothing_else():
    assert not [*differences(held("music:jazz", ""), [row(("music", "default"), ("music:jazz", "voice"))])]
    assert "means music:jazz, but quiz was done" in fault(held("quiz"), row(("quiz", "voice")))
    assert "the log has ['next']" in fault(held(""), row(("next", "voice")))
    assert "the log has None" in fault(held("music:jazz"))


def fault(conversations, *rows):
    (found,) = differences(conversations, rows)
    return found
