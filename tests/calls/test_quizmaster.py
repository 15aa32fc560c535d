"""The quiz in a held call, by documents and on a stream: keys, words, other wishes in between, and what is kept."""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from holdsvc.calls import quiz, quizmaster
from holdsvc.calls.estimate import Departed, Movement
from holdsvc.calls.events import (
    CallArrived,
    CallerKnown,
    ContentEnded,
    DigitPressed,
    HeardUntil,
    StreamClosed,
    StreamOpened,
    UtteranceHeard,
)
from holdsvc.calls.facts import ContentChosen, QuizAnswered
from holdsvc.calls.instructions import Listen, Play, Say
from holdsvc.calls.memory import remember
from holdsvc.calls.menu import SHIPPED
from holdsvc.calls.model import CallerId, Kind, Outcome, Profile, QuizScore
from holdsvc.calls.plan import HoldPlan, Media, offered
from holdsvc.calls.quiz import Result, Shelf
from tests.calls.test_decide import Call, held, key
from tests.calls.test_quiz import a_question
from tests.plans import ITEMS, LEAVE, NOON, PROMPTS, a_plan, after, item

SOUND = item("thinking", Kind.QUIZ, "quiz", 20.0)
QUIZ_PROMPTS = ("quiz_intro", "quiz_on", "quiz_right", "quiz_right_again", "quiz_wrong", "quiz_time_up", "quiz_keys")


def a_quiz_plan(count: int = 12, **changes) -> HoldPlan:
    themes = ("nature", "world", "science")
    questions = tuple(a_question(f"q{n}", themes[n % 3], right=n % 3 + 1) for n in range(count))
    sounds = {sound: 9.0 if sound.endswith("ask") else 4.0 for one in questions for sound in (one.ask, one.tell)}
    more = dict.fromkeys((*QUIZ_PROMPTS, "quiz_again", "choice_quiz", *(f"score_{n}" for n in range(21))), 1.0)
    items = (*ITEMS, SOUND)
    return a_plan(
        items=items,
        menu=offered((*SHIPPED, LEAVE), items),
        prompts={"en": {**PROMPTS, **more, **sounds}},
        quiz={"en": Shelf("en", questions)},
        **changes,
    )


PLAN = a_quiz_plan()
LIVE = a_quiz_plan(media=Media.STREAM)


def in_the_quiz(plan: HoldPlan = PLAN, at: float = 5.0) -> Call:
    call = Call(plan)
    call(StreamOpened(at=after(0), id="opened") if plan.media is Media.STREAM else held())
    return call(key("4", at))


def question_of(call: Call) -> quiz.Question:
    return call.plan.quiz["en"].by_id[call.session.quiz.question]


def passes(call: Call, at: float) -> Call:
    """What was to be heard has been heard, as a platform of documents or a stream tells it."""
    heard = HeardUntil("thinking", 0.0, 1.0)
    if call.plan.media is Media.STREAM:
        return call(ContentEnded(at=after(at), id=f"ended{at}", heard=heard))
    return call(held(at, heard))


def menu_of(call: Call):
    return next(one.menu for one in call.todo if isinstance(one, Listen))


def said(word: str, at: float, call: Call) -> UtteranceHeard:
    choice = next(one.id for one in quizmaster.menu(call.session, call.plan).choices if word in one.words)
    return UtteranceHeard(at=after(at), id=f"said{at}", choice=choice)


def test_four_begins_the_quiz_and_the_question_is_heard_with_time_to_think():
    call = in_the_quiz()

    assert call.said() == ["quiz_intro", "or_say", question_of(call).ask]
    assert call.played() == [("thinking", 0.0, quiz.THINKING)]
    assert menu_of(call).by_digit("1").words[0] == question_of(call).words[0][0]


def test_the_sound_under_the_time_to_think_is_soft_and_as_loud_as_the_caller_set_it():
    call = in_the_quiz()
    before = [one.gain for one in call.todo if isinstance(one, Play)]

    call(key("7", 9.0))

    assert before == [quizmaster.SOFTLY]
    assert [one.gain for one in call.todo if isinstance(one, Play)] == [quizmaster.SOFTLY + call.session.gain]
    assert call.session.gain < 0


def test_two_callers_are_not_asked_in_the_same_order():
    firsts = set()
    for name in "abcdefgh":
        call = Call(PLAN)
        call(CallerKnown(at=after(0), id="known", caller=CallerId(name)))(held())(key("4", 5.0))
        firsts.add(call.session.quiz.question)

    assert len(firsts) > 1


def test_an_answer_by_key_is_told_and_the_next_question_follows_by_documents_and_on_a_stream():
    for plan in (PLAN, LIVE):
        call = in_the_quiz(plan)
        question = question_of(call)

        call(key(str(question.right), 12.0))
        told = call.said()
        passes(call, 20.0)

        assert told == ["quiz_right", question.tell]
        assert call.said() == [question_of(call).ask]
        assert question_of(call) != question
        assert [fact.result for fact in call.of(QuizAnswered)] == [Result.RIGHT]


def test_an_answer_by_word_counts_like_a_key():
    call = in_the_quiz()
    question = question_of(call)

    call(said(question.words[question.right - 1][0], 12.0, call))

    assert [(fact.result, fact.key) for fact in call.of(QuizAnswered)] == [(Result.RIGHT, question.right)]


def test_the_ordinals_are_understood_in_the_language_of_the_question():
    call = in_the_quiz()

    call(said("the third", 12.0, call))

    assert [fact.key for fact in call.of(QuizAnswered)] == [3]


def test_no_answer_is_told_kindly_and_the_quiz_goes_on():
    for plan in (PLAN, LIVE):
        call = in_the_quiz(plan)
        question = question_of(call)

        passes(call, 5.0 + 1.0 + 9.0 + 8.0)

        assert call.said() == ["quiz_time_up", question.tell]
        assert [fact.result for fact in call.of(QuizAnswered)] == [Result.SILENT]


def test_a_key_at_any_moment_of_the_question_is_an_answer():
    for tenth in range(31, 200):
        call = in_the_quiz(at=0.5)
        question = question_of(call)

        call(key(str(question.right), tenth / 10))

        results = [fact.result for fact in call.of(QuizAnswered)]
        assert results == [Result.RIGHT], tenth


def test_the_other_keys_keep_their_meaning_and_the_question_comes_again():
    call = in_the_quiz()
    question = question_of(call)

    call(key("8", 8.0))
    assert call.said() == ["louder", question.ask]
    assert call.session.gain > 0

    call(key("*", 10.0))
    assert call.said() == [question.ask]

    call(key("9", 12.0))
    assert call.said() == ["next", question_of(call).ask]
    assert question_of(call) != question


def test_after_zero_the_digits_mean_the_menu_until_the_quiz_goes_on():
    call = in_the_quiz()
    question = question_of(call)

    call(key("0", 8.0))
    assert "choice_music" in call.said()
    assert menu_of(call) == PLAN.menu

    music = Call(PLAN)
    music.session, music.plan = call.session, PLAN
    music(key("1", 12.0))
    assert music.played()[0][0] in {"waltz", "fugue", "swing"}

    passes(call, 40.0)
    assert call.said() == ["quiz_on", question.ask]
    assert menu_of(call).by_digit("1").id == "answer:1"


def test_something_else_and_back_asks_the_same_question():
    call = in_the_quiz()
    question = question_of(call)

    call(said("music", 9.0, call))
    assert call.played()[0][0] in {"waltz", "fugue", "swing"}
    assert menu_of(call) == PLAN.menu

    call(key("4", 60.0))
    assert call.said() == ["quiz_on", question.ask]


def test_not_understood_is_said_and_the_question_comes_again():
    call = in_the_quiz()

    call(UtteranceHeard(at=after(9.0), id="mumble", choice=""))

    assert call.said() == ["not_understood", "control_menu", question_of(call).ask]


def test_a_broken_stream_comes_back_with_the_same_question():
    call = in_the_quiz(LIVE)
    question = question_of(call)

    call(StreamClosed(at=after(9.0), id="gone"))
    call(StreamOpened(at=after(11.0), id="again"))

    assert call.said() == [question.ask]
    assert call.of(QuizAnswered) == []


def test_a_question_of_minutes_ago_is_asked_anew():
    """An agent talked to the caller meanwhile, and put the call on hold."""
    call = in_the_quiz()
    question = question_of(call)

    call(held(400.0))

    assert call.said() == [question.ask]
    assert call.of(QuizAnswered) == []


def test_the_score_is_kept_across_calls_and_no_question_comes_twice():
    first = in_the_quiz()
    at, asked = 12.0, []
    for _ in range(4):
        question = question_of(first)
        asked.append(question.item.id)
        first(key(str(question.right), at + 2.0))
        passes(first, at + 8.0)
        at += 20.0
    profile = remember(Profile(), first.facts)

    later = Call(PLAN)
    known = CallerKnown(at=after(9000), id="known", caller=CallerId("c"), profile=profile)
    later(known)(held(9000))

    assert (profile.quiz.asked, profile.quiz.right) == (4, 4)
    assert profile.choice == "quiz"
    assert later.said() == ["quiz_on", "score_4", question_of(later).ask]
    assert question_of(later).item.id not in asked


def test_a_profile_that_comes_late_does_not_undo_what_was_answered():
    call = in_the_quiz()
    call(key("1", 12.0))
    score = call.session.quiz.score

    call(CallerKnown(at=after(13), id="late", caller=CallerId("c"), profile=Profile(quiz=QuizScore(9, 9))))

    assert call.session.quiz.score == score


def test_an_answer_is_no_choice_from_the_menu():
    call = in_the_quiz()

    call(key("2", 12.0))

    assert [fact.choice for fact in call.of(ContentChosen)] == ["music", "quiz"]


def test_without_questions_in_the_callers_language_those_of_the_queue_are_asked_in_its_voice():
    prompts = {**PLAN.prompts, "es": dict.fromkeys(("next", "louder", "quiz_intro"), 1.0)}
    plan = replace(PLAN, prompts=prompts)
    call = Call(plan)
    call.session = replace(call.session, language="es")

    call(held())(key("4", 5.0))

    assert [one.language for one in call.todo if isinstance(one, Say)] == ["en"]


def test_a_change_of_language_in_the_middle_goes_on_with_a_question_in_the_other():
    spanish = Shelf("es", tuple(a_question(f"s{n}") for n in range(5)))
    sounds = {sound: 5.0 for one in spanish.questions for sound in (one.ask, one.tell)}
    prompts = {**PLAN.prompts, "es": {**dict.fromkeys(QUIZ_PROMPTS, 1.0), "language_set": 1.0, **sounds}}
    items = (*ITEMS, SOUND)
    plan = replace(
        PLAN, prompts=prompts, quiz={**PLAN.quiz, "es": spanish}, menu=offered((*SHIPPED, LEAVE), items, ("en", "es"))
    )
    call = Call(plan)
    call(held())(key("4", 5.0))

    call(UtteranceHeard(at=after(9.0), id="spanish", choice="language:es"))

    assert call.said()[-1].startswith("s")
    assert {one.language for one in call.todo if isinstance(one, Say)} == {"es"}


def test_no_question_is_begun_that_the_wait_is_too_short_for_music_comes_instead():
    plan = replace(PLAN, max_wait=60.0)
    call = in_the_quiz(plan, at=5.0)
    first = question_of(call)

    call(key(str(first.right), 30.0))
    passes(call, 40.0)

    assert call.session.choice == "music"
    assert call.played()[0][0] in {"waltz", "fugue", "swing"}
    assert "quiz_rest" in call.session.saying
    assert menu_of(call) == plan.menu
    assert not call.session.quiz.open


def test_a_wait_that_is_long_enough_has_time_for_another_question():
    call = in_the_quiz(replace(PLAN, max_wait=62.0), at=5.0)

    call(key("1", 30.0))
    passes(call, 40.0)

    assert call.session.quiz.open


def moves(call: Call, at: float, every: float, in_front: int = 0) -> Call:
    """As the engine does: the queue answers one caller every so many seconds, and so many are in front of this one."""
    now, began = after(at).timestamp(), NOON.timestamp()
    ends = [now - every * n for n in range(30)]
    departed = tuple(Departed(end - 3 * every, end, Outcome.ANSWERED) for end in ends)
    waiting = (*(began - 5.0 + n * 0.1 for n in range(in_front)), began)
    call.session = replace(call.session, movement=Movement(departed, waiting))
    return call


def hears_a_podcast(plan: HoldPlan) -> Call:
    call = Call(plan)
    if plan.media is Media.STREAM:
        call(CallArrived(at=after(0), id="arrived"))(StreamOpened(at=after(0), id="opened"))
    else:
        call(held())
    return call(key("2", 5.0))


def test_with_forty_seconds_left_there_is_a_short_round_and_behind_it_what_was_heard_before():
    for plan in (PLAN, LIVE):
        call = hears_a_podcast(plan)
        podcast = call.session.now

        moves(call, 30.0, 20.0, in_front=1)(key("4", 30.0, heard=HeardUntil(podcast, 0.0, 20.0)))
        first = question_of(call)
        moves(call, 45.0, 20.0, in_front=0)(key(str(first.right), 45.0))
        told = call.said()
        passes(moves(call, 51.0, 20.0, in_front=0), 51.0)

        assert told == ["quiz_right", first.tell]
        assert not call.session.quiz.open
        assert (call.session.choice, call.session.now) == ("podcast", podcast)
        assert [fact.question for fact in call.of(QuizAnswered)] == [first.item.id]


def test_with_two_seconds_left_none_is_begun_and_the_caller_goes_on_with_what_was_heard():
    for plan in (PLAN, LIVE):
        call = hears_a_podcast(plan)
        podcast = call.session.now

        moves(call, 65.0, 2.0)(key("4", 65.0, heard=HeardUntil(podcast, 0.0, 55.0)))

        assert quizmaster.remaining(moves(call, 65.0, 2.0).session, plan, after(65.0)) < 2.5
        assert not call.session.quiz.open
        assert (call.session.choice, call.session.now) == ("podcast", podcast)
        assert call.played()[0][:2] == (podcast, 50.0), "a little earlier than it stopped"
        assert call.of(QuizAnswered) == []


def test_who_played_last_time_and_is_nearly_answered_hears_music_at_once_and_no_word_of_the_quiz():
    call = moves(Call(PLAN), 0.0, 2.0)
    profile = Profile(choice="quiz", quiz=QuizScore(5, 3))

    call(CallerKnown(at=after(0), id="known", caller=CallerId("c"), profile=profile))(held())

    assert call.session.choice == "music"
    assert call.said() == []
    assert call.played()[0][0] in {"waltz", "fugue", "swing"}


def test_of_many_questions_one_that_fits_is_asked():
    questions = tuple(
        replace(one, ask_seconds=60.0) if n % 4 else one for n, one in enumerate(PLAN.quiz["en"].questions)
    )
    call = Call(replace(PLAN, quiz={"en": Shelf("en", questions)}))
    call(held())

    moves(call, 5.0, 40.0)(key("4", 5.0))

    assert question_of(call).seconds <= 40.0


def test_where_the_queue_moves_callers_on_sooner_that_counts():
    call = Call(replace(PLAN, max_wait=60.0))
    call(held())
    moves(call, 50.0, 300.0)

    assert quizmaster.remaining(call.session, call.plan, after(50.0)) == 10.0
    assert quizmaster.remaining(call.session, PLAN, after(50.0)) > 200.0


def test_where_nothing_is_known_of_the_wait_questions_of_any_length_are_asked():
    call = Call(PLAN)
    call(held())
    call.session = replace(call.session, movement=Movement())

    assert quizmaster.remaining(call.session, PLAN, after(50.0)) is None
    assert call(key("4", 50.0)).session.quiz.open


WISHES = st.sampled_from([*"0123456789*#", "passes", "mumbles", "breaks"])


@settings(max_examples=150)
@given(st.lists(st.tuples(WISHES, st.floats(0.2, 30.0)), max_size=40), st.booleans())
def test_whatever_is_pressed_there_is_always_something_to_hear_and_the_score_is_the_right_answers(history, live):
    call, at = in_the_quiz(LIVE if live else PLAN), 5.0
    for wish, seconds in history:
        at += seconds
        if call.session.leaving:
            break
        match wish:
            case "passes":
                passes(call, at)
            case "mumbles":
                call(UtteranceHeard(at=after(at), id=f"mumble{at}", choice=""))
            case "breaks":
                call(StreamOpened(at=after(at), id=f"opened{at}") if live else held(at))
            case "6":
                pass  # out of the queue
            case digit:
                call(DigitPressed(at=after(at), id=f"key{at}", digit=digit))
        assert [one for one in call.todo if isinstance(one, Play)], wish
        assert any(isinstance(one, Listen) for one in call.todo)
        if call.session.quiz.open:
            assert question_of(call).ask in call.said()

    told = call.of(QuizAnswered)
    asked = [fact.question for fact in told if not fact.late]
    assert len(asked) == len(set(asked)) or len(asked) > 12
    assert call.session.quiz.score.right == sum(fact.result is Result.RIGHT for fact in told)
    assert remember(Profile(), call.facts).quiz == call.session.quiz.score


@settings(max_examples=60)
@given(st.lists(st.tuples(WISHES, st.floats(0.2, 30.0)), max_size=20))
def test_what_happened_before_is_answered_again_in_the_same_way(history):
    call, at = in_the_quiz(), 5.0
    for wish, seconds in history:
        at += seconds
        if len(wish) == 1 and wish != "6":
            event = DigitPressed(at=after(at), id=f"key{at}", digit=wish)
            call(event)
            once, session = call.todo, call.session
            call(event)
            assert (call.todo, call.session) == (once, session)
        else:
            passes(call, at)


def test_who_played_last_time_hears_music_where_a_queue_has_no_quiz():
    call = Call(a_plan())
    profile = Profile(choice="quiz", quiz=QuizScore(5, 3))

    call(CallerKnown(at=after(0), id="known", caller=CallerId("c"), profile=profile))(held())

    assert call.session.choice == "music"
    assert menu_of(call).by_digit("4") is None
    assert not call.session.quiz.open
