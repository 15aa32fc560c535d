"""Every option of every shipped question is understood when it is said: in its words, by its place, and by its number."""

from pathlib import Path

import pytest

from holdsvc.calls import quiz
from holdsvc.calls.menu import SHIPPED, Menu
from holdsvc.calls.quiz import Quiz, Shelf, Stage
from holdsvc.content.quiz import ask_id, playable, read_banks, tell_id
from holdsvc.speech.recognise.words import FuzzyWords

BANKS = read_banks(Path(__file__).resolve().parents[2] / "media")
WORDS = FuzzyWords()
PLACES = {
    "en": ("one", "number two", "the third"),
    "es": ("uno", "la segunda", "el número tres"),
    "zh": ("第一个", "选二", "三"),
    "ru": ("первый", "номер два", "третий ответ"),
}


def shelf_in(language: str) -> Shelf:
    banks = BANKS.of(language)
    seconds = {sound: 5.0 for _, one in banks for sound in (ask_id(one.id), tell_id(one.id))}
    return playable(banks, {language: seconds})[language]


@pytest.mark.parametrize("language", PLACES)
def test_every_option_is_understood(language):
    shelf, missed = shelf_in(language), []
    for question in shelf.questions:
        menu = quiz.answers(Quiz(stage=Stage.ASKED, question=question.item.id), shelf, Menu(SHIPPED))
        for number, said in enumerate(question.words, 1):
            for words in said:
                if WORDS.match(words, menu, language).choice != f"answer:{number}":
                    missed.append((question.item.id, words, WORDS.match(words, menu, language).choice))

    assert missed == []


@pytest.mark.parametrize("language", PLACES)
def test_every_place_is_understood(language):
    shelf = shelf_in(language)
    for question in shelf.questions:
        menu = quiz.answers(Quiz(stage=Stage.ASKED, question=question.item.id), shelf, Menu(SHIPPED))
        heard = [WORDS.match(words, menu, language).choice for words in PLACES[language]]
        assert heard == ["answer:1", "answer:2", "answer:3"], question.item.id


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "i don't know"), ("en", "no idea"), ("en", "pass"), ("es", "no sé"), ("zh", "不知道"), ("ru", "не знаю")],
)
def test_who_does_not_know_may_say_so(language, words):
    shelf = shelf_in(language)
    for question in shelf.questions:
        menu = quiz.answers(Quiz(stage=Stage.ASKED, question=question.item.id), shelf, Menu(SHIPPED))
        assert WORDS.match(words, menu, language).choice == "answer:0", question.item.id


@pytest.mark.parametrize("language", PLACES)
def test_the_menu_is_understood_as_ever_while_a_question_is_open(language):
    shelf = shelf_in(language)
    wishes = {"en": "some music please", "es": "quiero música", "zh": "我想听音乐", "ru": "хочу музыку"}
    for question in shelf.questions:
        menu = quiz.answers(Quiz(stage=Stage.ASKED, question=question.item.id), shelf, Menu(SHIPPED))
        assert WORDS.match(wishes[language], menu, language).choice == "music", question.item.id
