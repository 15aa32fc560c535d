"""What may be said, in each language."""

from __future__ import annotations

import pytest

from holdsvc.calls.menu import SHIPPED, Action, Choice, Menu
from holdsvc.calls.model import Kind
from holdsvc.speech.recognise.candidates import MOST, candidates

JAZZ = Choice("music:jazz", Action.PLAY, "", ("jazz", "play jazz"), Kind.MUSIC, "jazz")
MENU = Menu((*SHIPPED, JAZZ))


def said(language):
    return {one.choice: one.spoken for one in candidates(MENU, language)}


@pytest.mark.parametrize("language", ["en", "es", "zh", "ru", "de", ""])
def test_each_entry_can_be_said_in_the_order_of_the_menu(language):
    found = candidates(MENU, language)

    assert [one.choice for one in found] == [one.id for one in MENU.choices]
    assert all(0 < len(one.spoken) <= MOST and len(set(one.spoken)) == len(one.spoken) for one in found)


def test_no_and_stop_always_mean_quiet():
    assert {"no", "stop"} <= set(said("en")["quiet"])
    assert "нет" in said("ru")["quiet"]


def test_other_languages_have_words_of_their_own_before_those_of_the_menu():
    assert said("es-MX")["next"][0] == "siguiente"
    assert "jazz" in said("es")["music:jazz"]
    assert said("en")["next"] == ("next", "skip", "another one", "something else")[: len(said("en")["next"])]


def test_an_entry_without_words_has_its_name():
    assert candidates(Menu((Choice("call_back", Action.LEAVE),)), "en")[0].spoken == ("call back",)
