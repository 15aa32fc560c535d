import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdsvc.content.banned import BANNED, UNSPACED, banned

EVERY = [(language, phrase) for language, phrases in BANNED.items() for phrase in phrases]


def test_there_is_a_list_for_each_language_that_is_shipped():
    assert set(BANNED) == {"en", "es", "zh", "ru"}
    assert min(map(len, BANNED.values())) >= 30


@pytest.mark.parametrize(("language", "phrase"), EVERY, ids=lambda word: word)
def test_every_phrase_is_found_in_whatever_dress_it_comes(language, phrase):
    said = phrase.replace("* ", "").replace("*", "")

    for dressed in (said, said.upper(), f"«{said}»!", f"Hm, {said}.", unicodedata.normalize("NFD", said)):
        assert banned(dressed, language), dressed


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Your call is very, very important to us."),
        ("en", "YOUR CALL—is important!"),
        ("en", "Don\u2019t hang up, please."),
        ("en-GB", "We apologise for the long wait."),
        ("en", "y\u200bour call is import\u00adant"),
        ("en", "Thank you so much for holding."),
        ("en", "Thank you for your continued patience."),
        ("en", "All lines are currently busy."),
        ("es", "Su llamada es muy importante para nosotros."),
        ("es", "Su llamada es muy valiosa."),
        ("es", "MANTENGASE EN LINEA"),
        ("es-MX", "Gracias por su paciencia"),
        ("es", "En breve un agente le atenderá."),
        ("zh", "您的来电，对我们非常重要！"),
        ("zh-CN", "所有坐席正忙，请耐心等待。"),
        ("zh", "您的來電對我們很重要"),
        ("zh", "您的电话非常重要"),
        ("ru", "Ваш звонок очень важен для нас."),
        ("ru", "Все наши операторы сейчас заняты"),
        ("ru", "Спасибо, что остаётесь с нами!"),
        ("ru", "ОСТАВАЙТЕСЬ НА ЛИНИИ"),
        ("ru", "Ожидайте на линии"),
    ],
)
def test_variants_are_found(language, text):
    assert banned(text, language)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "For music, press one."),
        ("en", "The caller is on line three; the important thing is the call."),
        ("en", "Be patientless: the word goes on."),
        ("en", "Waits are longer than usual today."),
        ("es", "Lo importante es la música."),
        ("zh", "重要的是音乐。"),
        ("ru", "Операторы знают, чем заняты звонки."),
        ("en", ""),
    ],
)
def test_plain_words_pass(language, text):
    assert banned(text, language) is None


def test_a_language_without_a_list_is_held_to_all_lists():
    assert banned("Your call is important to us", "fr")
    assert banned("Votre place est gardée", "fr") is None


def test_another_list_does_not_judge_a_language_that_has_its_own():
    assert banned("your call is important to us", "ru") is None


@given(st.sampled_from(EVERY), st.text(alphabet=" .,;!?¡¿…—«»\"'\n\t", min_size=1, max_size=5), st.randoms())
def test_punctuation_between_words_hides_nothing(which, between, chance):
    language, phrase = which
    said = re.sub(r"\s*\*\s*", " " if language not in UNSPACED else "", phrase)
    glue = between if language in UNSPACED else f" {between}"
    dressed = "".join(sign.upper() if chance.random() < 0.5 else sign for sign in said.replace(" ", glue))

    assert banned(dressed, language)


@given(st.text(max_size=400), st.sampled_from([*BANNED, "fr", "", "x-y"]))
def test_any_text_is_judged(text, language):
    assert banned(text, language) is None or isinstance(banned(text, language), str)
