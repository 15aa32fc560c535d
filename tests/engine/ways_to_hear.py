"""How callers come to hear each prompt that ships: calls, step by step, of which every turn is worth a key.

A `Line` is a call between the core and a caller. What a platform makes of it stand in `paper_line` and `live_line`; here stands
what the caller does, and nothing of what ought to follow (`right_answer`).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from itertools import product
from typing import NamedTuple, Protocol

from msgspec.structs import replace

from holdsvc.calls.decide import decide
from holdsvc.calls.estimate import Departed, Movement
from holdsvc.calls.events import CallHeld
from holdsvc.calls.menu import SHIPPED, Action, Choice
from holdsvc.calls.model import EventId, Outcome, Owed, Profile, PromptId, QuizScore
from holdsvc.calls.plan import HoldPlan, Notice
from holdsvc.calls.session import HoldSession
from holdsvc.engine.plans import CallbackRules, MenuRules, QueueRules
from tests.engine.full_shelf import full_shelf, plan_book
from tests.plans import CALL, NOON, QUEUE

KEYS = "1234567890*#"
LEAVE = BACK = "6"  # the key that no shipped entry has
A_WHILE = 30.0  # seconds of listening, after which a piece is taken up again where it stopped
BEYOND_THE_MENU = 60.0  # seconds, in which it is told by itself
QUEUES = (
    (6, 2),
    (6, 15),
    (12, 15),
    (12, 40),
    (40, 40),
)  # answers and places: the fewer answers, the wider what is told
UNBOUNDED = 10**6  # prompts a minute: who presses ten keys a second wants to be answered


class Line(Protocol):
    """A call that goes on. The turn that the last deed brought begins to be heard at `now`."""

    session: HoldSession
    plan: HoldPlan
    movement: Movement | None  # how the queue moves

    @property
    def joint(self) -> datetime:
        """When a move would be told, if it came now."""

    def wait(self, seconds: float) -> None:
        """Time passes within the turn."""

    def press(self, digit: str) -> None: ...
    def nearly(self, choice: str) -> None:
        """Something is said that may have been this entry of the menu."""

    def ends(self) -> None:
        """All of the turn is heard to its end."""

    def moves(self, place: int) -> None: ...
    def rings(self) -> None:
        """The session's alarm, at this moment; in documents the next one does as well."""

    def posts(self, notice: Notice) -> None:
        """Somebody on the floor has a word for all who wait."""

    def breaks(self) -> None:
        """The stream that the caller heard broke off, and it goes on by another one, or in documents."""


class Begin(Protocol):
    """A call, with what is `known` of the caller beside the profile."""

    def __call__(self, plan: HoldPlan, profile: Profile, **known: object) -> Line: ...


def a_plan(language: str, *, live: bool, leave: str = LEAVE, back: str = "", off: tuple[str, ...] = ()) -> HoldPlan:
    """The shipped one of a queue that speaks this language and may be left by a key, or where one is called back by another."""
    taken = tuple(choice.id for choice in SHIPPED if choice.digit in (leave, back) and choice.digit)
    rules = QueueRules(
        language=language,
        menu=MenuRules(off=(*taken, *off), leave="" if back else leave),
        callback=CallbackRules(bool(back), back),
        prompts_per_minute=UNBOUNDED,
        segment_seconds=60,
    )
    return plan_book(support=rules).plan(QUEUE, stream=live)


def ways(begin: Begin, language: str, *, live: bool) -> Iterator[Line]:
    """Line after line, whenever something new is being said on it."""
    plan = a_plan(language, live=live)
    yield from choices(begin, plan)
    yield from controls(begin, plan)
    yield from languages(begin, plan)
    yield from places(begin, plan)
    yield from waits(begin, plan)
    for key in KEYS:
        line = begin(a_plan(language, live=live, leave=key, off=("daily", "quiz", "quiet")), Profile())
        if key != "0":  # else the menu comes by itself
            line.press("0")
        yield line
    for key in KEYS[:10]:
        yield from called_back(begin, a_plan(language, live=live, back=key), key)
    yield from no_call_back(begin, a_plan(language, live=live, back=BACK))
    yield from notices(begin, plan)
    yield from broken_streams(begin, plan)
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
    for place in (25, *range(20, 0, -1)):
        line.wait(BEYOND_THE_MENU)
        line.moves(place)
        yield line


def waits(begin: Begin, plan: HoldPlan) -> Iterator[Line]:
    """One line for each range that can be told, and one to whom a longer one is told in the end."""
    for pace in paces():
        yield told(begin(plan, Profile()), pace)
    line = told(begin(plan, Profile()), Pace(40, 5.0, 4))
    line.wait(BEYOND_THE_MENU)
    tell(line, Pace(40, 400.0, 4))
    yield line


class Pace(NamedTuple):
    """So many were answered lately, one every so many seconds; and the caller's place."""

    answers: int
    every: float
    place: int


def told(line: Line, pace: Pace) -> Line:
    line.wait(BEYOND_THE_MENU)
    tell(line, pace)
    return line


def tell(line: Line, pace: Pace) -> None:
    now = line.joint.timestamp()
    each = 3 * pace.every  # seconds that each of them waited
    ends = [now - pace.every * number for number in reversed(range(pace.answers))]
    waiting = (
        *(NOON.timestamp() - 2.0 * number - 10.0 for number in reversed(range(pace.place - 1))),
        NOON.timestamp(),
    )
    line.movement = Movement(tuple(Departed(end - each, end, Outcome.ANSWERED) for end in ends), waiting)
    line.moves(pace.place)


@cache
def paces() -> tuple[Pace, ...]:
    """Of many that a queue may have, the first for each sentence."""
    plan, found = a_plan("en", live=False), {}
    for (answers, place), step in product(QUEUES, range(28)):
        pace = Pace(answers, 2.0 * 1.25**step, place)
        line = Sketch(plan)
        tell(line, pace)
        found.setdefault(line.said, pace)
    return tuple(pace for name, pace in found.items() if name)


class Sketch:
    """A line of which only the sentence about the wait is wanted."""

    def __init__(self, plan: HoldPlan) -> None:
        held = CallHeld(at=NOON, id=EventId("held"), began=NOON)
        self.plan, self.session = plan, decide(HoldSession(CALL, QUEUE), held, plan).session
        self.joint, self.movement, self.said = NOON + timedelta(seconds=A_WHILE), None, ""

    def moves(self, place: int) -> None:
        held = CallHeld(at=self.joint, id=EventId("moved"), began=NOON, position=place)
        session = decide(replace(self.session, movement=self.movement), held, self.plan).session
        self.said = next((one for one in session.saying if one.startswith("wait_")), "")


def called_back(begin: Begin, plan: HoldPlan, key: str) -> Iterator[Line]:
    """Told of in the menu, and before the next document or by itself where the key for the menu is another's; then asked about."""
    line = begin(plan, Profile())
    line.wait(BEYOND_THE_MENU)
    if key == "0":
        line.rings()
    else:
        line.press("0")
    yield line
    line.press(key)
    yield line


def no_call_back(begin: Begin, plan: HoldPlan) -> Iterator[Line]:
    """Who has been promised one, who hides the number, who asks too early; and who said something like it."""
    owed = Owed(QUEUE, NOON - timedelta(hours=1), NOON - timedelta(hours=1))
    for known in ({"owed": (owed,)}, {"caller": None}):
        line = begin(plan, Profile(), **known)
        line.wait(BEYOND_THE_MENU)
        line.press(BACK)
        yield line
    line = begin(plan, Profile())
    line.wait(1.0)
    line.press(BACK)
    yield line
    line = begin(plan, Profile())
    line.wait(BEYOND_THE_MENU)
    line.nearly("callback")
    yield line


def notices(begin: Begin, plan: HoldPlan) -> Iterator[Line]:
    for name in plan.prompts[plan.language]:
        if name.startswith("notice_"):
            line = begin(plan, Profile())
            line.wait(A_WHILE)
            line.posts(Notice(name, PromptId(name)))
            yield line


def broken_streams(begin: Begin, plan: HoldPlan) -> Iterator[Line]:
    line = begin(plan, Profile())
    line.wait(A_WHILE)
    line.breaks()
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
