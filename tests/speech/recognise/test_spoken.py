from hypothesis import given
from hypothesis import strategies as st

from holdsvc.calls.menu import SHIPPED, Action, Choice, Menu
from holdsvc.calls.model import Kind
from holdsvc.speech.recognise.spoken import candidates
from holdsvc.speech.recognise.words import FuzzyWords, tokens_of

MENU = Menu(SHIPPED)


def by_choice(menu, language):
    return {candidate.choice: candidate.spoken for candidate in candidates(menu, language)}


def test_every_entry_can_be_said():
    assert set(by_choice(MENU, "en")) == {choice.id for choice in SHIPPED}


def test_no_and_stop_are_quiet_in_the_callers_language():
    assert {"no", "stop"} <= set(by_choice(MENU, "en")["quiet"])
    assert {"no", "para"} <= set(by_choice(MENU, "es-MX")["quiet"])


def test_a_refusal_stays_a_refusal_whatever_a_queue_calls_its_entries():
    odd = Menu((Choice("news", Action.PLAY, "3", ("no", "news"), Kind.DAILY), *SHIPPED))

    assert by_choice(odd, "en")["news"] == ("news",)


def test_where_there_is_no_quiet_nothing_is_refused():
    assert "no" not in by_choice(Menu(SHIPPED[:1]), "en")["music"]


def test_a_language_brings_its_own_words():
    assert "siguiente" in by_choice(MENU, "es")["next"]
    assert "siguiente" not in by_choice(MENU, "en")["next"]


def test_a_shelf_is_called_by_its_name():
    menu = Menu((Choice("music:jazz", Action.PLAY, "", (), Kind.MUSIC, "smooth_jazz"),))

    assert by_choice(menu, "en")["music:jazz"] == ("smooth jazz",)


def test_no_phrase_means_two_things_and_the_matcher_of_text_agrees():
    phrases = [(phrase, name) for name, spoken in by_choice(MENU, "en").items() for phrase in spoken]

    assert len({tokens_of(phrase) for phrase, _ in phrases}) == len(phrases)
    assert all(FuzzyWords().match(phrase, MENU, "en").choice == name for phrase, name in phrases)


@given(st.lists(st.tuples(st.text(max_size=8), st.lists(st.text(max_size=8), max_size=3)), max_size=5))
def test_any_menu_has_its_candidates_each_with_a_phrase(entries):
    menu = Menu(tuple(Choice(name, Action.NEXT, "", tuple(words)) for name, words in entries))

    assert all(candidate.spoken for candidate in candidates(menu, "en"))
