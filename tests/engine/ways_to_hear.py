"""How callers come to hear each prompt that ships: calls, step by step, of which every turn is worth a key.

A `Line` is a call between the core and a caller. What a platform makes of it stand in `paper_line` and `live_line`; here stands
what the caller does, and nothing of what ought to follow (`right_answer`).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Protocol

from msgspec.structs import replace

from holdsvc.calls.menu import SHIPPED, Action, Choice
from holdsvc.calls.model import Profile, PromptId, QuizScore
from holdsvc.calls.plan import HoldPlan, Notice
from holdsvc.calls.session import HoldSession
from holdsvc.engine.plans import MenuRules, QueueRules
from tests.engine.full_shelf import full_shelf, plan_book
from tests.plans import NOON, QUEUE

KEYS = "1234567890*#"
LEAVE = "6"  # the key that no shipped entry has
A_WHILE = 30.0  # seconds of listening, after which a piece is taken up again where it stopped
UNBOUNDED = 10**6  # prompts a minute: who presses ten keys a second wants to be answered


class Line(Protocol):
    """A call that goes on. The turn that the last deed brought begins to be heard at `now`."""

    session: HoldSession
    plan: HoldPlan

    def wait(self, seconds: float) -> None:
        """Time passes within the turn."""

    def press(self, digit: str) -> None: ...
    def nearly(self, choice: str) -> None:
        """Something is said that may have been this entry of the menu."""

    def ends(self) -> None:
        """All of the turn is heard to its end."""

    def moves(self, place: int) -> None: ...
    def posts(self, notice: Notice) -> None:
        """Somebody on the floor has a word for all who wait."""


Begin = Callable[[HoldPlan, Profile], Line]


def a_plan(language: str, *, live: bool, leave: str = LEAVE, **changes: object) -> HoldPlan:
    """The shipped one of a queue that speaks this language and may be left by a key."""
    off = tuple(choice.id for choice in SHIPPED if choice.digit == leave)
    rules = QueueRules(
        language=language, menu=MenuRules(off=off, leave=leave), prompts_per_minute=UNBOUNDED, segment_seconds=60
    )
    plan = plan_book(support=rules).plan(QUEUE, stream=live)
    return replace(plan, **changes)


def ways(begin: Begin, language: str, *, live: bool) -> Iterator[Line]:
    """Line after line, whenever something new is being said on it."""
    plan = a_plan(language, live=live)
    yield from choices(begin, plan)
    yield from controls(begin, plan)
    yield from languages(begin, plan)
    yield from places(begin, plan)
    for key in KEYS:
        line = begin(a_plan(language, live=live, leave=key), Profile())
        if key != "0":  # else the menu comes by itself
            line.press("0")
        yield line
    yield from notices(begin, plan)
    yield from questions_of_ours(begin, plan)
    yield from scores(begin, plan)
    yield from the_quiz(begin, plan)
    yield from the_quiz_ends(begin, plan)


def choices(begin: Begin, plan: HoldPlan) -> Iterator[Line]:
    line = begin(plan, Profile())
    yield line
    for keys in ("0", "2", "9", "*", "*", "3", "1", "9", "5"):
        line.wait(2.0 if keys == "*" else A_WHILE)
        line.press(keys)
        yield line
    line.press("2")
    for _ in range(8):
        line.press("9")
        yield line


def controls(begin: Begin, plan: HoldPlan) -> Iterator[Line]:
    line = begin(replace(plan, menu=without(plan, LEAVE)), Profile())
    for digit in (*"8887777", LEAVE, *"###"):
        line.wait(A_WHILE)
        line.press(digit)
        yield line


def without(plan: HoldPlan, digit: str):
    return replace(plan.menu, choices=tuple(one for one in plan.menu.choices if one.digit != digit))


def languages(begin: Begin, plan: HoldPlan) -> Iterator[Line]:
    """A caller who is spoken to in another language, is offered this one, and takes it."""
    line = begin(plan, Profile(language=plan.languages[-1]))
    line.wait(A_WHILE)
    line.press("0")
    yield line
    line.wait(1.0)
    line.press("0")
    yield line


def places(begin: Begin, plan: HoldPlan) -> Iterator[Line]:
    line = begin(plan, Profile())
    line.wait(A_WHILE)
    for place in (25, *range(20, 0, -1)):
        line.wait(50.0)
        line.moves(place)
        yield line


def notices(begin: Begin, plan: HoldPlan) -> Iterator[Line]:
    for name in plan.prompts[plan.language]:
        if name.startswith("notice_"):
            line = begin(plan, Profile())
            line.wait(A_WHILE)
            line.posts(Notice(name, PromptId(name)))
            yield line


def questions_of_ours(begin: Begin, plan: HoldPlan) -> Iterator[Line]:
    for choice in plan.menu.choices:
        if choice.action not in (Action.ANSWER, Action.YES, Action.NO) and not named_language(choice):
            line = begin(plan, Profile())
            line.wait(A_WHILE)
            line.nearly(choice.id)
            yield line


def named_language(choice: Choice) -> bool:
    return choice.action is Action.LANGUAGE and ":" in choice.id


def scores(begin: Begin, plan: HoldPlan) -> Iterator[Line]:
    for right in range(22):
        line = begin(plan, Profile(quiz=QuizScore(asked=30, right=right)))
        line.wait(A_WHILE)
        line.press("4")
        yield line


def the_quiz(begin: Begin, plan: HoldPlan) -> Iterator[Line]:
    """Every question and its answer: keyed right, right again, wrong, and twice not at all."""
    line = begin(plan, Profile())
    line.wait(A_WHILE)
    line.press("4")
    yield line
    shelf = plan.quiz[plan.language]
    for number in range(len(shelf.questions)):
        question = shelf.by_id[line.session.quiz.question]
        line.wait(plan.seconds_of((*line.session.quiz.says, question.ask), plan.language))
        match number % 5:
            case 0 | 1:
                line.press(str(question.right))
            case 2:
                line.press(str(question.right % 3 + 1))
            case _:
                line.ends()
        yield line
        line.ends()
        yield line


def the_quiz_ends(begin: Begin, plan: HoldPlan) -> Iterator[Line]:
    """All questions were had; the wait is too short for another one; and the quiz is taken up again."""
    had = tuple((one.item.id, int(NOON.timestamp()) - 60) for one in plan.quiz[plan.language].questions)
    line = begin(plan, Profile(quiz=QuizScore(asked=len(had), right=1, plays=had)))
    line.wait(A_WHILE)
    for digit in "454":
        line.press(digit)
        yield line
    line = begin(replace(plan, max_wait=60.0), Profile())
    line.wait(A_WHILE + 20)
    line.press("4")
    yield line


def fork(line: Line) -> Line:
    """The same call, once more: its values are frozen."""
    return copy.copy(line)


def all_prompts(language: str) -> set[str]:
    return set(full_shelf().prompts()[language])


def moment(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)
