"""The quiz by itself: whatever is keyed, said or left open, the score is what was answered rightly, and it never stands still."""

import itertools
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from holdsvc.calls import quiz
from holdsvc.calls.menu import SHIPPED, Action, Menu
from holdsvc.calls.model import ContentId, ContentItem, Kind, PromptId
from holdsvc.calls.quiz import Answered, Question, Quiz, Result, Score, Shelf, Stage, Table
from holdsvc.calls.rotation import Freshness
from tests.plans import NOON, after

FEW = 7
SPOKEN = 1.0  # seconds of each prompt in front of a question or an answer
PROMPTS = {
    PromptId(name): SPOKEN for name in ("quiz_intro", "quiz_on", "quiz_right", "quiz_time_up", "next", "score_1")
}


def a_question(name: str, theme: str = "nature", right: int = 2, seconds: float = 9.0) -> Question:
    item = ContentItem(ContentId(f"quiz/{name}"), Kind.QUIZ, theme, name, seconds, artist=theme)
    words = ((f"{name} first",), (f"{name} middle",), (f"{name} last",))
    return Question(item, right, words, PromptId(f"{name}.ask"), PromptId(f"{name}.tell"), seconds, 4.0)


def a_shelf(count: int = FEW) -> Shelf:
    themes = ("nature", "world", "science")
    return Shelf("en", tuple(a_question(f"q{n}", themes[n % 3], right=n % 3 + 1) for n in range(count)))


def a_table(seconds: float = 0.0, **changes) -> Table:
    return replace(Table(a_shelf(), after(seconds), seed=5, prompts=PROMPTS), **changes)


def asked(seconds: float = 0.0, state: Quiz | None = None) -> Quiz:
    return quiz.begin(state or Quiz(), a_table(seconds))


def open_question(state: Quiz) -> Question:
    return a_shelf().by_id[state.question]


def wrong_key(question: Question) -> int:
    return question.right % 3 + 1


def test_a_quiz_begins_with_how_it_goes_and_the_first_question():
    state = asked()

    assert state.open
    assert quiz.prompts(state, a_shelf()) == ("quiz_intro", "or_say", "quiz_skip", open_question(state).ask)
    assert quiz.pause(state) == quiz.THINKING


def test_a_right_answer_is_praised_and_told_and_the_next_question_follows():
    state = asked()
    question = open_question(state)

    told, came = quiz.answer(state, a_table(5.0), question.right)
    onward, nothing = quiz.go_on(told, a_table(12.0))

    assert came == Answered(question.item.id, Result.RIGHT, question.right)
    assert quiz.prompts(told, a_shelf()) == ("quiz_right", question.tell)
    assert (told.score.asked, told.score.right) == (1, 1)
    assert nothing is None
    assert onward.open
    assert onward.question != question.item.id


def test_a_wrong_answer_is_told_without_a_point():
    state = asked()
    question = open_question(state)

    told, came = quiz.answer(state, a_table(5.0), wrong_key(question))

    assert came.result is Result.WRONG
    assert quiz.prompts(told, a_shelf()) == ("quiz_wrong", question.tell)
    assert (told.score.asked, told.score.right) == (1, 0)


def test_who_says_not_to_know_is_told_at_once_and_is_not_silent():
    state = asked()
    question = open_question(state)

    told, came = quiz.answer(state, a_table(5.0), 0)

    assert came == Answered(question.item.id, Result.PASSED)
    assert quiz.prompts(told, a_shelf()) == ("quiz_time_up", question.tell)
    assert (told.score.asked, told.score.right, told.silences) == (1, 0, 0)


def test_a_silence_is_told_kindly_and_after_two_there_is_less_hurry():
    state, at = asked(), 0.0
    for _ in range(2):
        at += 1.0 + 9.0 + quiz.THINKING
        state, came = quiz.go_on(state, a_table(at))
        assert came.result is Result.SILENT
        assert state.says == ("quiz_time_up",)
        at += 6.0
        last, (state, _) = state, quiz.go_on(state, a_table(at))

    assert last.then == ("quiz_keys", "control_menu")
    assert quiz.pause(state) == quiz.UNHURRIED
    assert state.score.asked == 2


def test_the_keys_are_explained_once():
    state, at, explained = asked(), 0.0, 0
    for _ in range(5):
        at += 25.0
        state, _ = quiz.go_on(state, a_table(at))
        explained += "quiz_keys" in state.then
        at += 6.0
        state, _ = quiz.go_on(state, a_table(at))

    assert explained == 1


def test_an_answer_a_moment_after_the_time_is_up_still_counts_and_once():
    state = asked()
    question = open_question(state)
    told, _ = quiz.go_on(state, a_table(19.0))

    late, came = quiz.answer(told, a_table(20.0), question.right)
    after_it, nothing = quiz.answer(late, a_table(21.0), question.right)

    assert came == Answered(question.item.id, Result.RIGHT, question.right, late=True)
    assert (late.score.asked, late.score.right) == (1, 1)
    assert nothing is None
    assert after_it.score == late.score
    assert after_it.open  # whoever presses on wants the next one


def test_a_key_before_the_question_is_to_be_heard_only_cuts_the_words_in_front_short():
    state = asked()
    question = open_question(state)

    same, nothing = quiz.answer(state, a_table(0.5), question.right)

    assert nothing is None
    assert same.open
    assert quiz.prompts(same, a_shelf()) == (question.ask,)


def test_a_question_that_was_broken_off_comes_again_and_is_no_silence():
    state = asked()

    same, nothing = quiz.go_on(state, a_table(4.0))

    assert nothing is None
    assert (same.question, same.open) == (state.question, True)
    assert same.score == Score()


def test_a_question_whose_sound_fails_again_and_again_is_left_behind():
    state, at = asked(), 0.0
    for _ in range(quiz.MOST_TRIES):
        at += 1.0
        state, _ = quiz.go_on(state, a_table(at))
    told, came = quiz.go_on(state, a_table(at + 1.0))

    assert came.result is Result.SILENT
    assert not told.open


def test_after_something_else_the_same_question_is_asked():
    state = asked()

    aside = quiz.put_aside(state)
    back = quiz.begin(aside, a_table(60.0, seed=99))

    assert not aside.open
    assert quiz.begin(Quiz(), a_table(60.0, seed=99)).question != state.question, "the bag would have had another"
    assert back.question == state.question
    assert back.says == ("quiz_on",)


def test_who_comes_back_another_day_is_told_the_score_and_nothing_twice():
    first = asked()
    question = open_question(first)
    told, _ = quiz.answer(first, a_table(5.0), question.right)

    back = quiz.begin(Quiz(score=told.score), a_table(86_400.0))

    assert back.says == ("quiz_on", "score_1")
    assert back.question != question.item.id


def test_who_skips_a_question_has_heard_it():
    state = asked()

    onward, came = quiz.skip(state, a_table(3.0))

    assert came == Answered(state.question, Result.SKIPPED)
    assert onward.question != state.question
    assert onward.says == ("next",)
    assert onward.score.asked == 0


def test_no_question_is_opened_that_the_wait_is_too_short_for():
    short = quiz.begin(Quiz(), a_table(remaining=15.0))
    enough = quiz.begin(Quiz(), a_table(remaining=22.0))

    assert not short.open
    assert short.says == ("quiz_rest",)
    assert enough.open


def test_a_shorter_question_is_taken_where_a_long_one_does_not_fit():
    shelf = Shelf("en", (*a_shelf().questions, a_question("brief", seconds=3.0)))

    state = quiz.begin(Quiz(), a_table(shelf=shelf, remaining=16.0))

    assert state.question == "quiz/brief"


def test_a_question_that_was_put_aside_gives_way_where_it_does_not_fit_any_more():
    shelf = Shelf("en", (*a_shelf().questions, a_question("brief", seconds=3.0)))
    aside = quiz.put_aside(asked())

    state = quiz.begin(aside, a_table(60.0, shelf=shelf, remaining=16.0))

    assert state.question == "quiz/brief"


def test_each_question_may_break_off_as_often_as_the_last():
    state, _ = quiz.go_on(asked(), a_table(4.0))
    assert state.tries == 1

    state, _ = quiz.skip(state, a_table(8.0))

    assert state.tries == 0


def test_a_late_answer_makes_no_question_more_of_it():
    state, at = asked(), 0.0
    for _ in range(quiz.EVERY - 1):
        at += 25.0
        state, _ = quiz.go_on(state, a_table(at))
        state, came = quiz.answer(state, a_table(at + 1.0), 1)
        assert came.late
        at += 6.0
        state, _ = quiz.go_on(state, a_table(at))

    assert state.told == quiz.EVERY - 1


def test_an_empty_shelf_is_a_rest_and_no_error():
    state = quiz.begin(Quiz(), a_table(shelf=Shelf("en", ())))

    assert not state.open
    assert quiz.prompts(state, Shelf("en", ())) == ("quiz_rest",)


def test_a_question_that_was_taken_off_the_shelf_gives_way_to_another():
    state = asked()
    without = Shelf("en", tuple(one for one in a_shelf().questions if one.item.id != state.question))

    onward, nothing = quiz.go_on(state, a_table(5.0, shelf=without))

    assert nothing is None
    assert onward.open
    assert onward.question != state.question


def test_a_key_for_a_question_that_there_is_no_more_brings_another():
    state = asked()
    without = Shelf("es", tuple(one for one in a_shelf().questions if one.item.id != state.question))

    onward, nothing = quiz.answer(state, a_table(5.0, shelf=without), 1)

    assert nothing is None
    assert onward.open
    assert quiz.prompts(onward, without)


def test_the_score_is_told_every_few_questions():
    state, at, told_at = asked(), 0.0, []
    for number in range(1, 13):
        at += 5.0
        state, _ = quiz.answer(state, a_table(at, shelf=a_shelf(40)), a_shelf(40).by_id[state.question].right)
        if any(name.startswith("score_") for name in state.then):
            told_at.append((number, state.then[-1]))
        at += 6.0
        state, _ = quiz.go_on(state, a_table(at, shelf=a_shelf(40)))

    assert told_at == [(5, "score_5"), (10, "score_10")]


def test_a_score_beyond_what_was_recorded_is_told_roundly():
    assert quiz.score_prompt(Score(right=20)) == "score_20"
    assert quiz.score_prompt(Score(right=21)) == "score_more"


def test_when_all_were_had_it_is_said_and_the_longest_unheard_comes_first():
    state, order, said = asked(), [], []
    for number in range(FEW + 2):
        order.append(state.question)
        said.append("quiz_again" in state.says)
        state, _ = quiz.skip(state, a_table(10.0 * (number + 1)))

    assert sorted(order[:FEW]) == sorted(one.item.id for one in a_shelf().questions)
    assert order[FEW] in order[:FEW]
    assert said == [False] * FEW + [True, False]


def test_themes_alternate_while_they_can():
    state, themes, shelf = asked(), [], a_shelf(30)
    for number in range(20):
        question = shelf.by_id[state.question]
        themes.append(question.item.artist)
        state, _ = quiz.skip(state, a_table(10.0 * (number + 1), shelf=shelf))

    assert all(one != other for one, other in itertools.pairwise(themes))


def test_while_a_question_is_open_its_options_are_the_first_keys_and_the_rest_keeps_its_meaning():
    state = asked()
    question = open_question(state)

    menu = quiz.answers(state, a_shelf(), Menu(SHIPPED))

    assert [menu.by_digit(key).action for key in "123"] == [Action.ANSWER] * 3
    assert question.words[0][0] in menu.by_digit("1").words
    assert "the second" in menu.by_digit("2").words
    for key in "045789*#":
        assert menu.by_digit(key) == Menu(SHIPPED).by_digit(key)
    assert menu.by_id("music").words == Menu(SHIPPED).by_id("music").words
    assert {quiz.key_of(menu.by_digit(key)) for key in "123"} == {1, 2, 3}


def test_put_aside_the_digits_mean_the_menu_again():
    state = quiz.put_aside(asked())

    assert quiz.answers(state, a_shelf(), Menu(SHIPPED)) == Menu(SHIPPED)


DEEDS = st.sampled_from(
    ["key 1", "key 2", "key 3", "skip", "again", "aside", "begin", "passes", "passes", "breaks off"]
)


def do(deed: str, state: Quiz, table: Table) -> quiz.Step:
    match deed.split():
        case ["key", key]:
            return quiz.answer(state, table, int(key))
        case ["skip"]:
            return quiz.skip(state, table)
        case ["again"]:
            return (quiz.again(state, table) if state.open else state), None
        case ["aside"]:
            return quiz.put_aside(state), None
        case ["begin"]:
            return quiz.begin(state, table), None
        case _:
            return quiz.go_on(state, table)


@settings(max_examples=200)
@given(st.lists(st.tuples(DEEDS, st.floats(0.1, 40.0)), max_size=60), st.integers(0, 2**32))
def test_whatever_is_done_the_score_is_the_right_answers_and_no_question_is_told_twice(history, seed):
    state, at, came = Quiz(), 0.0, []
    shelf = a_shelf(30)
    for deed, seconds in history:
        at += 40.0 if deed == "passes" else seconds
        table = a_table(at, seed=seed, shelf=shelf)
        open_before, told_before = state.question if state.open else None, state.before
        state, answered = do(deed, state, table)
        if answered:
            came.append(answered)
            assert answered.question == (told_before if answered.late else open_before)
            if answered.key:
                right = answered.key == shelf.by_id[answered.question].right
                assert answered.result is (Result.RIGHT if right else Result.WRONG)

    told = [one.question for one in came if not one.late]
    assert len(told) == len(set(told)) or len(told) > len(shelf.questions)
    assert state.score.right == sum(one.result is Result.RIGHT for one in came)
    assert state.score.asked == sum(one.result is not Result.SKIPPED and not one.late for one in came)
    assert state.score.right <= state.score.asked


@settings(max_examples=100)
@given(st.lists(st.tuples(DEEDS, st.floats(0.1, 40.0)), max_size=30))
def test_it_is_never_stuck_time_alone_brings_the_next_question(history):
    state, at = Quiz(), 0.0
    for deed, seconds in history:
        at += seconds
        state, _ = do(deed, state, a_table(at))

    seen = set()
    for _ in range(8):
        at += 40.0
        state, _ = quiz.go_on(state, a_table(at))
        assert state.stage in (Stage.ASKED, Stage.TOLD)
        assert quiz.prompts(state, a_shelf())
        assert quiz.pause(state) > 0
        if state.open:
            seen.add(state.question)

    assert len(seen) >= 3


@settings(max_examples=50)
@given(st.lists(st.tuples(DEEDS, st.floats(0.1, 40.0)), max_size=40))
def test_the_score_can_be_folded_from_what_came_of_each_question(history):
    state, at, kept = Quiz(), 0.0, Score()
    for deed, seconds in history:
        at += seconds
        state, came = do(deed, state, a_table(at))
        if came:
            kept = quiz.scored(kept, came, after(at))

    assert kept == state.score


def test_what_was_asked_within_the_window_does_not_come_again_in_a_later_call():
    state, heard = asked(), set()
    for number in range(3):
        heard.add(state.question)
        state, _ = quiz.skip(state, a_table(10.0 * (number + 1)))
    plays = tuple(play for play in state.score.plays)

    later = quiz.begin(Quiz(score=Score(3, 0, plays)), a_table(86_400.0 * 20))
    much_later = Table(a_shelf(), NOON + timedelta(days=40), 5, Freshness())

    assert later.question not in heard
    assert quiz.begin(Quiz(score=Score(3, 0, plays)), much_later).says[-1] != "quiz_again"
