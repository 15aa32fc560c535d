"""The quiz on a live stream, by the sample: what the ear gets after a key at any moment of a question."""

import pytest
from msgspec.structs import replace

from holdsvc.audio.formats import RATE
from holdsvc.calls.facts import QuizAnswered
from holdsvc.calls.plan import Media
from holdsvc.calls.quiz import Result, Shelf
from tests.calls.test_quizmaster import a_quiz_plan
from tests.engine.test_streams import Core, House, coded

INTRO, ASK, TELL = 0.3, 1.2, 0.6  # seconds


def a_brief_plan():
    """A quiz whose sounds are short, where nobody understands words."""
    plan = a_quiz_plan(4, media=Media.STREAM)
    questions = tuple(replace(one, ask_seconds=ASK, tell_seconds=TELL) for one in plan.quiz["en"].questions)
    seconds = {name: TELL if name.endswith("tell") else INTRO for name in plan.prompts["en"] if name != "or_say"}
    seconds |= {one.ask: ASK for one in questions}
    return replace(plan, prompts={"en": seconds}, quiz={"en": Shelf("en", questions)})


async def a_quiz(house: House) -> tuple[Core, object]:
    """Just when four was pressed."""
    core = Core(house)
    core.plan = a_brief_plan()
    for number, (name, seconds) in enumerate(core.plan.prompts["en"].items()):
        house.shelf.prompts[name] = coded(3 + 2 * number, round(seconds * RATE))
    house.shelf.sounds["thinking"] = coded(211, 20 * RATE)
    far = await house.begin()
    await house.advance(0.2)
    await house.press(far, "4")
    return core, far


def question_of(core: Core):
    return core.plan.quiz["en"].by_id[core.session.quiz.question]


@pytest.mark.parametrize("tenth", range(1, 95))
async def test_a_key_at_any_moment_of_a_question_is_answered_at_once(tenth):
    house = House()
    core, far = await a_quiz(house)
    question = question_of(core)
    await house.advance(tenth / 10)

    await house.press(far, str(question.right))
    before = len(far.heard)
    await house.advance(0.5)

    hearable = tenth / 10 >= INTRO
    expected = house.shelf.prompts["quiz_right" if hearable else question.ask]
    score = core.session.quiz.score
    assert (score.asked, score.right) == ((1, 1) if hearable else (0, 0)), "up to the last moment, and counted once"
    assert bytes(expected[400:1600]) in bytes(far.heard[before:])
    assert house.counts.underruns == 0


async def test_without_a_key_question_follows_question_with_no_gap():
    house = House()
    core, far = await a_quiz(house)

    await house.advance(40)

    told = [fact for fact in core.facts if isinstance(fact, QuizAnswered)]
    assert len(told) >= 3
    assert {fact.result for fact in told} == {Result.SILENT}
    assert len({fact.question for fact in told}) == len(told)
    assert (far.dry, house.counts.underruns) == (0, 0)
    for fact in told:
        question = core.plan.quiz["en"].by_id[fact.question]
        for prompt in (question.ask, question.tell):
            assert bytes(house.shelf.prompts[prompt][800:-800]) in bytes(far.heard), "heard whole"
