import pytest

from tests.media.other_days import NOTICES
from tests.media.walk import NAMES, PAGE, other_days, page, texts, walk

KNOWN = texts()
# Said only where a number, a person or the platform gives cause.
ELSEWHERE = (
    "score_",
    "notice_",
    "quiz_",
    "position_",
    "wait_",
    "choice_leave_",
    "choice_callback_",
    "callback_",
    "did_you_say_",
    "say_yes",
    "no_more",
)
OUTSIDE = ("hold_again", "leaving", "goodbye", "sorry_trouble", "now_quiz")
CALLED_BACK = {"choice_callback_6", "callback_ask", "callback_promised", "callback_already", "callback_no_number"}
ON_OTHER_DAYS = {*CALLED_BACK, "score_3", "quiz_on", "quiz_wrong", "quiz_again", *NOTICES, *OUTSIDE} - {"now_quiz"}


def test_the_walk_that_is_written_out_is_the_one_that_callers_hear():
    """If this fails, read what has changed: python -m tests.media.walk, git diff docs/menu-walk.md."""
    assert PAGE.read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("language", NAMES)
def test_a_walk_meets_every_prompt_of_the_menu_and_keeps_to_its_language(language):
    told = list(walk(language, KNOWN))
    lines = [line for _, heard in told for line in heard if not line.startswith("*")]
    before = [line for _, heard in told[:-2] for line in heard if not line.startswith("*")]
    ours, offers = set(KNOWN[language].values()), {KNOWN[other]["language_offer"] for other in NAMES}

    assert set(before) <= ours | offers
    assert offers - ours <= set(before), "the others are told how to have it in their own language"
    due = {
        name for name in KNOWN[language] if not name.startswith(ELSEWHERE) and name not in (*OUTSIDE, "language_set")
    }
    due -= {"language_offer", "connecting"}
    assert due <= {name for name, text in KNOWN[language].items() if text in lines}


@pytest.mark.parametrize("language", NAMES)
def test_on_other_days_the_score_the_notices_and_the_last_words_are_heard(language):
    lines = [line for _, heard in other_days(language, KNOWN) for line in heard if not line.startswith("*")]
    named = {text: name for name, text in KNOWN[language].items()}

    assert set(lines) <= set(named), "in this language alone"
    assert {named[line] for line in lines} >= ON_OTHER_DAYS
    assert any(named[line].startswith("wait_") for line in lines)
    assert {name for name in KNOWN[language] if name.startswith("notice_")} == set(NOTICES)


@pytest.mark.parametrize("language", NAMES)
def test_zero_while_the_choices_are_told_changes_the_language_and_says_so_in_the_new_one(language):
    *_, (_, changed), (_, answered) = walk(language, KNOWN)
    others = {other: KNOWN[other]["language_set"] for other in NAMES if other != language}

    (new,) = (other for other, text in others.items() if text == changed[0])
    assert answered == [KNOWN[new]["connecting"]]
