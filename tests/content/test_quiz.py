"""Question banks: what is wrong with one is said in a sentence, and what is shipped has nothing wrong with it."""

from collections import Counter
from pathlib import Path

import pytest

from holdsvc.content import quiz
from holdsvc.content.library import Library
from holdsvc.content.quiz import ask_text, playable, read_banks, recordings, tell_text
from holdsvc.content.ready import ReadySounds
from holdsvc.content.sounds import hash_of_file

MEDIA = Path(__file__).resolve().parents[2] / "media"
SHIPPED = read_banks(MEDIA)
WANTED = {"en": 100, "es": 20, "zh": 20, "ru": 20}
GOOD = """
[[question]]
id = "legs"
ask = "How many legs does a spider have?"
options = [{ text = "Six" }, { text = "Eight", words = ["8"], right = true }, { text = "Ten" }]
tell = "A spider has eight legs."
"""


def a_folder(tmp_path: Path, **banks: str) -> Path:
    """Banks by "language_theme"."""
    for name, text in banks.items():
        language, _, theme = name.partition("_")
        file = tmp_path / "quiz" / language / f"{theme}.toml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return tmp_path


def question(**changes: str) -> str:
    """The good one with other lines."""
    lines = dict(line.split(" = ", 1) for line in GOOD.strip().splitlines()[1:])
    lines |= changes
    return "\n".join(["[[question]]", *(f"{key} = {value}" for key, value in lines.items() if value)]) + "\n"


def test_a_good_question_is_read_whole(tmp_path):
    banks = read_banks(a_folder(tmp_path, en_animals=GOOD))

    [(bank, one)] = banks.of("en")
    assert banks.faults == ()
    assert (bank.theme, bank.language) == ("animals", "en")
    assert (one.id, one.right) == ("legs", 2)
    assert ask_text(one, "en") == "How many legs does a spider have? One: Six. Two: Eight. Three: Ten."
    assert tell_text(one) == "A spider has eight legs."


TWO_RIGHT = '[{ text = "Six", right = true }, { text = "Eight", right = true }, { text = "Ten" }]'
BAD = {
    "two right answers": (question(options=TWO_RIGHT), "has 2 right answers ('Six' and 'Eight'), and exactly one is"),
    "no right answer": (question(options='[{text="Six"},{text="Eight"},{text="Ten"}]'), "has no right answer"),
    "two options": (question(options='[{text="Six",right=true},{text="Ten"}]'), "has 2 options, and 3 are wanted"),
    "no options": (question(options=""), "has no 'options'"),
    "no tell": (question(tell=""), "has no 'tell'"),
    "an empty tell": (question(tell='" "'), "its tell is empty"),
    "no id": (question(id=""), "question number 1 has no 'id'"),
    "a strange id": (question(id='"Legs!"'), "has an id that is not made of"),
    "an unknown key": (question(tel='"so"'), "has an unknown key 'tel'; did you mean 'tell'?"),
    "an unknown key of an option": (
        question(options='[{text="Six",rigth=true},{text="Eight"},{text="Ten"}]'),
        "has an unknown key 'rigth'; did you mean 'right'?",
    ),
    "a long question": (question(ask=f'"{"word " * 16}"'), "its question has 16 words, and 15 are the most"),
    "a long option": (
        question(options='[{text="a b c d e",right=true},{text="Eight"},{text="Ten"}]'),
        "its option 'a b c d e' has 5 words, and 4 are the most",
    ),
    "a long tell": (question(tell=f'"{"word " * 26}"'), "its tell has 26 words, and 25 are the most"),
    "an option that is a key": (
        question(options='[{text="Two",right=true},{text="Eight"},{text="Ten"}]'),
        "'Two' that sounds like a key",
    ),
    "an option that is a place": (
        question(options='[{text="The first",right=true},{text="Eight"},{text="Ten"}]'),
        "'The first' that sounds like a key",
    ),
    "the same option twice": (
        question(options='[{text="Six",right=true},{text="six"},{text="Ten"}]'),
        "has the same option twice",
    ),
    "a word for two options": (
        question(options='[{text="Six",right=true,words=["few"]},{text="Eight",words=["few"]},{text="Ten"}]'),
        "'few' may mean 'Six' or 'Eight'",
    ),
    "an id twice": (GOOD + GOOD, "question 'legs' stands there twice"),
    "no TOML": ("[[question", "it is not TOML"),
    "no questions": ('title = "Empty"\nquestion = []', "there is no question in it"),
    "another language": ('language = "es"\n' + GOOD, "its language is 'es', and stands in the folder 'en'"),
    "an unknown key above": ('licens = "CC0"\n' + GOOD, "has an unknown key 'licens'; did you mean 'licence'?"),
    "a number for a text": (question(ask="5"), "cannot be read"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_with_a_bank_is_said_in_one_sentence(tmp_path, name):
    text, reason = BAD[name]

    banks = read_banks(a_folder(tmp_path, en_animals=text))

    [fault] = banks.faults if name != "the same option twice" else banks.faults[-1:]
    assert fault.startswith("quiz/en/animals.toml: ")
    assert reason in fault
    assert "\n" not in fault


def test_a_bad_question_takes_no_other_with_it(tmp_path):
    banks = read_banks(a_folder(tmp_path, en_animals=question(id='"bad"', tell="") + GOOD, en_world="[["))

    assert [one.id for _, one in banks.of("en")] == ["legs"]
    assert len(banks.faults) == 2


def test_one_id_stands_for_one_question_in_a_language(tmp_path):
    banks = read_banks(a_folder(tmp_path, en_animals=GOOD, en_world=GOOD, es_animals=GOOD))

    assert [bank.theme for bank, _ in banks.of("en")] == ["animals"]
    assert len(banks.of("es")) == 1
    assert banks.faults == ("quiz/en/world.toml: the id 'legs' is taken by quiz/en/animals.toml already",)


def test_bytes_that_are_no_text_are_a_fault_and_no_crash(tmp_path):
    a_folder(tmp_path, en_animals=GOOD)
    (tmp_path / "quiz" / "en" / "noise.toml").write_bytes(b"\xff\xfe\x00")

    assert "it is not UTF-8 text" in read_banks(tmp_path).faults[0]


def test_every_shipped_bank_is_good_and_there_is_enough_in_every_language():
    assert SHIPPED.faults == ()
    for language, wanted in WANTED.items():
        found = SHIPPED.of(language)
        assert len(found) >= wanted, language
        assert len({bank.theme for bank, _ in found}) >= 4
        assert all(bank.licence == "CC0-1.0" for bank, _ in found)


def test_no_key_is_right_much_more_often_than_the_others():
    """A caller who presses nothing but two should not win."""
    for language in WANTED:
        right = Counter(one.right for _, one in SHIPPED.of(language))
        assert max(right.values()) <= 0.5 * sum(right.values()), language


def test_every_right_answer_has_more_than_one_way_to_be_said():
    for bank, one in ((bank, one) for language in WANTED for bank, one in SHIPPED.of(language)):
        assert one.options[one.right - 1].words, f"{bank.language}/{one.id}"


def test_a_question_does_not_give_its_answer_away():
    for language in ("en", "es", "ru"):
        for _, one in SHIPPED.of(language):
            asked, right = set(words_of(one.ask)), set(words_of(one.options[one.right - 1].text))
            wrong = {word for option in one.options if not option.right for word in words_of(option.text)}
            assert not right & asked - wrong, f"{language}/{one.id}"


def words_of(text: str) -> list[str]:
    return [word for word in quiz.plain(text).split() if len(word) > 3]


def test_a_chinese_question_is_measured_by_its_signs():
    assert quiz.length("蜘蛛有几条腿？") == 3
    assert quiz.length("How many legs?") == 3


def test_a_question_is_asked_only_when_both_its_sounds_can_be_heard():
    banks = SHIPPED.of("en")
    [one, other] = banks[0][1], banks[1][1]
    ready = {"en": {quiz.ask_id(one.id): 8.0, quiz.tell_id(one.id): 4.0, quiz.ask_id(other.id): 8.0}}

    shelves = playable(banks, ready)

    assert [question.item.id for question in shelves["en"].questions] == [f"quiz/{one.id}"]
    assert shelves["en"].questions[0].seconds == 8.0 + 4.0 + 8.0


def test_questions_that_were_recorded_and_prepared_are_offered_by_the_library(tmp_path):
    media, prepared = a_folder(tmp_path / "media", en_animals=GOOD), tmp_path / "prepared"
    (media / "index.toml").write_text("", encoding="utf-8")
    (media / "prompts" / "en").mkdir(parents=True)
    (media / "prompts" / "en" / "prompts.toml").write_text('[next]\ntext = "Next."\n', encoding="utf-8")
    prepared.mkdir()
    [bank] = read_banks(media).banks
    for _, _, stem in recordings(bank, bank.questions[0]):
        (bank.file.parent / f"{stem}.opus").write_bytes(stem.encode())
    library = Library.open(media, [prepared])
    sounds = ReadySounds(library)
    before = sounds.quiz()
    for _, _, stem in recordings(bank, bank.questions[0]):
        (prepared / f"{hash_of_file(bank.file.parent / f'{stem}.opus')}.ulaw").write_bytes(b"\xff" * 16000)
    library.refresh()

    [question] = sounds.quiz()["en"].questions

    assert before == {}
    assert (question.ask_seconds, question.tell_seconds) == (2.0, 2.0)
    assert bytes(sounds.prompt("en", question.ask)[:2]) == b"\xff\xff"
    assert sounds.prompt_words("en", question.tell) == "A spider has eight legs."
