import pytest

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
FAMILIES = (
    "score_",
    "position_",
    "wait_",
    "choice_leave_",
    "choice_callback_",
    "did_you_say_",
)  # of which one stands for all
# The quiz says quiz_intro; the other two are for whoever was spoken to in another language.
UNSAID = {"now_quiz", "language_set", "language_offer"}


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
def test_all_that_we_say_is_written_out_and_of_a_family_at_least_one(language):
    told = [*list(walk(language, KNOWN))[:-2], *other_days(language, KNOWN)]
    named = {text: name for name, text in KNOWN[language].items()}
    met = {named[line] for _, heard in told for line in heard if line in named}

    assert all(any(name.startswith(family) for name in met) for family in FAMILIES)
    assert {name for name in set(KNOWN[language]) - met if not name.startswith(FAMILIES)} <= UNSAID


@pytest.mark.parametrize("language", NAMES)
def test_other_days_keep_to_their_language(language):
    lines = {line for _, heard in other_days(language, KNOWN) for line in heard if not line.startswith("*")}
    offers = {KNOWN[other]["language_offer"] for other in NAMES}

    assert lines <= {*KNOWN[language].values(), *offers}


@pytest.mark.parametrize("language", NAMES)
def test_zero_while_the_choices_are_told_changes_the_language_and_says_so_in_the_new_one(language):
    *_, (_, changed), (_, answered) = walk(language, KNOWN)
    others = {other: KNOWN[other]["language_set"] for other in NAMES if other != language}

    (new,) = (other for other, text in others.items() if text == changed[0])
    assert answered == [KNOWN[new]["connecting"]]
