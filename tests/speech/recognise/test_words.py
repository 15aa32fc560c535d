"""A wish is understood, and what was no wish is left alone."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from holdsvc.calls.menu import SHIPPED, Action, Choice, Menu
from holdsvc.calls.model import Kind
from holdsvc.ports import Understood
from holdsvc.speech.recognise.lexicon import ENGLISH
from holdsvc.speech.recognise.words import FuzzyWords, tokens_of

SPEECH = tomllib.loads(Path(__file__).with_name("utterances.toml").read_text("utf-8"))
WISHES = tuple((text, wish) for wish, texts in SPEECH["wishes"].items() for text in texts)
NOT_WISHES = tuple(SPEECH["other"]["speech"])
MENU = Menu(SHIPPED)
WORDS = FuzzyWords()
NOTHING = Understood("", 0.0)


def heard(text: str, language: str = "en", menu: Menu = MENU) -> str:
    """What is done at once."""
    understood = WORDS.match(text, menu, language)
    return "" if understood.near else understood.choice


def test_nearly_every_wish_is_understood_and_none_as_another() -> None:
    answers = [(text, wish, heard(text)) for text, wish in WISHES]

    assert [answer for answer in answers if answer[2] not in (answer[1], "")] == []
    missed = [answer for answer in answers if not answer[2]]
    assert len(missed) <= 5, missed
    assert len(WISHES) >= 150


def test_what_is_no_wish_is_understood_as_nothing() -> None:
    mistaken = {text for text in NOT_WISHES if heard(text)}

    assert mistaken == {"can you hear the music", "news to me"}  # polite words around a wish, to all appearance
    assert len(NOT_WISHES) >= 190


def test_what_sounds_nearly_like_a_wish_is_asked_about_and_little_else_is() -> None:
    asked = {text for text in NOT_WISHES if WORDS.match(text, MENU, "en").near}

    assert {text: WORDS.match(text, MENU, "en").choice for text in ("musik", "nest")} == {
        "musik": "music",
        "nest": "next",
    }
    assert WORDS.match("nest", MENU, "en").near
    assert not WORDS.match("chess", MENU, "en").choice
    assert all(len(text.split()) == 1 for text in asked)
    assert len(asked) <= 12


ANSWERS = Menu(
    (*SHIPPED, Choice("yes", Action.YES, "", ("yes", "yes please")), Choice("no", Action.NO, "", ("no", "not that")))
)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("yes", "yes"),
        ("yes please", "yes"),
        ("yes, music", "music"),
        ("no", "no"),
        ("no music", "no"),
        ("stop", "quiet"),
    ],
)
def test_yes_and_no_answer_where_the_menu_has_them(text: str, answer: str) -> None:
    assert heard(text, menu=ANSWERS) == answer


@pytest.mark.parametrize("choice", SHIPPED, ids=lambda choice: choice.id)
def test_every_word_of_the_menu_is_understood_for_certain(choice: Choice) -> None:
    for word in choice.words:
        assert WORDS.match(word, MENU, "en") == Understood(choice.id, 1.0)
        assert WORDS.match(f"  {word.upper()}!!", MENU, "en-GB") == Understood(choice.id, 1.0)


@pytest.mark.parametrize(
    ("language", "text", "wish"),
    [
        ("es", "por favor, algo de música", "music"),
        ("es-MX", "Quiero escuchar las noticias", "daily"),
        ("es", "más alto", "louder"),
        ("es", "no, gracias", "quiet"),
        ("es", "¡Para!", "quiet"),
        ("es", "otra canción", "next"),
        ("es", "la factura", ""),
        ("es", "opción dos", "podcast"),
        ("zh", "我想听音乐", "music"),
        ("zh-TW", "請播放音樂", "music"),
        ("zh", "下一首，谢谢", "next"),
        ("zh", "不要", "quiet"),
        ("zh", "停！", "quiet"),
        ("zh", "大声一点", "louder"),
        ("zh", "我的账单", ""),
        ("ru", "Включите музыку, пожалуйста", "music"),
        ("ru", "ещё раз", "repeat"),
        ("ru", "Нет", "quiet"),
        ("ru", "мой счёт", ""),
        ("ru", "music please", "music"),
        ("de", "music", "music"),
        ("", "music", "music"),
    ],
)
def test_callers_are_understood_in_their_language(language: str, text: str, wish: str) -> None:
    assert heard(text, language) == wish


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Leave the queue, please."),
        ("en", "voicemail"),
        ("es", "Quiero salir de la cola"),
        ("es", "dejar un mensaje"),
        ("zh", "我要离开排队"),
        ("zh", "不等了"),
        ("ru", "Я хочу выйти из очереди"),
        ("ru", "не буду ждать"),
    ],
)
def test_who_wants_to_leave_the_queue_can_say_so_where_that_is_offered(language: str, text: str) -> None:
    words = ("leave", "leave a message", "voicemail")
    leave = Choice("leave", Action.LEAVE, "6", words)

    assert WORDS.match(text, Menu((*MENU.choices, leave)), language).choice == "leave"
    assert heard(text, language) != "leave"


@pytest.mark.parametrize(
    "text", ["no", "No.", "NO!", "stop", "Stop!", "please stop", "um, no", "no thanks", "stop the music"]
)
@pytest.mark.parametrize("language", ["en", "es", "zh", "ru", ""])
def test_no_and_stop_always_mean_quiet(text: str, language: str) -> None:
    assert heard(text, language) == "quiet"


def test_no_means_quiet_even_where_a_queue_gave_the_word_to_something_else() -> None:
    menu = Menu(
        (Choice("jazz", Action.PLAY, "1", ("no", "stop"), Kind.MUSIC), Choice("hush", Action.PLAY, "2", (), Kind.QUIET))
    )

    assert heard("no", menu=menu) == "hush"
    assert heard("stop", menu=menu) == "hush"


def test_without_quiet_on_the_menu_no_means_nothing() -> None:
    assert WORDS.match("no", Menu(tuple(choice for choice in SHIPPED if choice.id != "quiet")), "en") == NOTHING


def test_a_shelf_is_asked_for_by_its_name_and_is_more_than_its_kind() -> None:
    jazz = Choice("music-jazz", Action.PLAY, "1", (), Kind.MUSIC, "jazz")
    classical = Choice("music-classical", Action.PLAY, "2", ("piano",), Kind.MUSIC, "classical")
    menu = Menu((*SHIPPED, jazz, classical))

    assert heard("jazz", menu=menu) == "music-jazz"
    assert heard("some jazz music please", menu=menu) == "music-jazz"
    assert heard("clasical", menu=menu) == "music-classical"
    assert heard("music", menu=menu) == "music"
    assert heard("jazz or classical", menu=menu) == ""
    assert heard("jazz podcast", menu=menu) == ""


def test_two_entries_that_sound_alike_are_not_guessed_between() -> None:
    menu = Menu((Choice("a", Action.PLAY, "1", ("classical",)), Choice("b", Action.PLAY, "2", ("classicals",))))

    assert heard("classicall", menu=menu) == ""
    assert WORDS.match("classicals", menu, "en") == Understood("b", 1.0)


def test_a_word_with_another_first_letter_is_another_word() -> None:
    menu = Menu((Choice("a", Action.PLAY, "1", ("divisions",)),))

    assert heard("divisionz", menu=menu) == "a"
    assert heard("revisions", menu=menu) == heard("tivisions", menu=menu) == ""


def test_a_word_that_two_entries_share_belongs_to_the_first() -> None:
    menu = Menu((Choice("a", Action.PLAY, "1", ("thing",)), Choice("b", Action.PLAY, "2", ("thing",))))

    assert heard("thing", menu=menu) == "a"


def test_certain_scores_more_than_surrounded_and_that_more_than_misheard() -> None:
    scores = [WORDS.match(text, MENU, "en").score for text in ("podcast", "um, podcast please", "podcost", "postcard")]

    assert scores == sorted(scores, reverse=True)
    assert (scores[0], scores[-1]) == (1.0, 0.0)
    assert len(set(scores)) == 4


def test_exact_words_only_where_nothing_may_be_misheard() -> None:
    assert FuzzyWords(misheard=1.0).match("podcost", MENU, "en") == NOTHING


def test_an_empty_menu_understands_nothing() -> None:
    assert WORDS.match("music", Menu(()), "en") == NOTHING


@pytest.mark.parametrize(
    "text", ["music " * 5000, "x" * 1_000_000, "ﷺ" * 100_000, "请" * 1_000_000, "a " * 100_000, "\u0301" * 9999]
)
def test_an_endless_utterance_is_looked_at_only_in_part(text: str) -> None:
    assert len("".join(tokens_of(text))) <= 400
    WORDS.match(text, MENU, "zh")


@given(st.text(max_size=300), st.sampled_from(["", "en", "es", "zh", "ru", "xx-YY", "EN_us"]))
@settings(max_examples=400, deadline=None)
def test_matching_never_raises_and_scores_between_nothing_and_certain(text: str, language: str) -> None:
    understood = WORDS.match(text, MENU, language)

    assert 0.0 <= understood.score <= 1.0
    assert (understood.choice == "") == (understood.score == 0.0)
    assert understood.choice == "" or MENU.by_id(understood.choice)


said = st.lists(
    st.sampled_from([w for text, _ in WISHES for w in text.split()] + [w for t in NOT_WISHES for w in t.split()])
)


@given(said.map(" ".join))
@settings(max_examples=300, deadline=None)
def test_the_same_words_are_understood_the_same_in_any_case(text: str) -> None:
    assert WORDS.match(text.upper(), MENU, "en") == WORDS.match(text, MENU, "en")


REFUSED = {tokens_of(phrase) for phrase in ENGLISH.refusals}
words = st.text(alphabet=st.characters(categories=("Lu", "Ll", "Lo", "Nd", "Zs")), min_size=1, max_size=20)
menus = st.lists(st.lists(words, max_size=4), min_size=1, max_size=6).map(
    lambda entries: Menu(tuple(Choice(f"entry-{n}", Action.PLAY, "", tuple(said)) for n, said in enumerate(entries)))
)


@given(menus, st.data())
@settings(max_examples=200, deadline=None)
def test_an_exact_word_always_wins(menu: Menu, data: st.DataObject) -> None:
    assume(menu.words)
    word = data.draw(st.sampled_from(menu.words))
    assume(tokens_of(word) and tokens_of(word) not in REFUSED)
    owner = next(choice for choice in menu.choices if any(tokens_of(word) == tokens_of(mine) for mine in choice.words))

    assert WORDS.match(word, menu, "en") == Understood(owner.id, 1.0)
