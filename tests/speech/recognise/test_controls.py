"""The caller's controls by word, in each shipped language."""

import pytest

from holdsvc.calls.menu import SHIPPED
from holdsvc.calls.plan import offered
from holdsvc.speech.recognise.words import FuzzyWords
from tests.plans import ITEMS

MENU = offered(SHIPPED, ITEMS, ("en", "es", "ru", "zh"))
SAID = {
    "en": {
        "back": "go back|previous|the previous song please|can you play the one before",
        "language": "another language|change the language",
        "language:es": "spanish|can we do this in Spanish please|español",
        "language:zh": "mandarin|Chinese please|中文",
        "language:ru": "russian|по-русски",
        "menu": "repeat|help",
        "repeat": "from the start|once more",
        "less_talk": "less talk|stop talking",
    },
    "es": {
        "back": "la anterior, por favor|atrás",
        "language": "otro idioma|cambiar de idioma",
        "language:en": "inglés|en inglés, por favor|English",
        "language:es": "en español",
    },
    "zh": {"back": "上一首|返回", "language": "换语言", "language:en": "英语|English", "language:zh": "普通话"},
    "ru": {
        "back": "назад|предыдущую, пожалуйста",
        "language": "другой язык",
        "language:en": "английский|английский, пожалуйста",
        "language:es": "испанский",
    },
}


@pytest.mark.parametrize(
    ("language", "wish", "text"),
    [
        (language, wish, text)
        for language, wishes in SAID.items()
        for wish, texts in wishes.items()
        for text in texts.split("|")
    ],
)
def test_a_control_can_be_said(language, wish, text):
    assert FuzzyWords().match(text, MENU, language).choice == wish


@pytest.mark.parametrize(
    "text", ["call me back", "I want my money back", "it came back broken", "do you speak klingon"]
)
def test_what_only_sounds_like_one_is_none(text):
    assert FuzzyWords().match(text, MENU, "en").choice == ""
