"""What ought to follow a key, in one page of rules: written beside the core, not out of it.

`Heard` is what was in the caller's ear at the key; the answer says which entry is to be noted as chosen, and with which prompt the
next turn is to begin.
"""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from holdsvc.calls.menu import Action, Choice
from holdsvc.calls.model import Kind, Talk
from holdsvc.calls.plan import HoldPlan
from holdsvc.calls.quiz import Question, Result, Stage
from holdsvc.calls.session import HoldSession

PLAYS = {"1": Kind.MUSIC, "2": Kind.PODCAST, "3": Kind.DAILY, "5": Kind.QUIET}
ENTRIES = {"4": "quiz", "7": "softer", "8": "louder", "9": "next", "0": "menu", "*": "repeat", "#": "less_talk"}
WORDLESS = frozenset("123579*8")  # whose answer is the sound itself: who wants no talk hears nothing else
LOUDEST, SOFTEST, STEP = 6.0, -12.0, 6.0
SAID_LESS = {Talk.FULL: "less_talk", Talk.WHEN_MOVED: "no_talk", Talk.NONE: "more_talk"}
ON, GONE = frozenset({"next", "next_episode", "no_more"}), frozenset({"again", "previous"})
CONFIRM = "callback_confirm"
NOT_BACK = frozenset({"callback_already", "callback_no_number", "callback_not_now"})
VERDICTS = frozenset({"quiz_right", "quiz_right_again", "quiz_wrong", "quiz_time_up"})
LATE = 2.0  # seconds into "here is the answer" in which an answer still counts
FIRST, SECOND = "choice_music", "choice_podcast"
MENU = ("choice_", "control_", "or_say", "language_set")  # what a turn is made of that tells the menu


class Heard(Struct, frozen=True):
    prompt: str
    language: str
    since: float  # seconds from the turn's beginning


class Right(Struct, frozen=True):
    """`first`: one of these prompts is said first; empty where nothing is said."""

    first: Set[str]
    entry: str = ""  # noted as chosen; "" for an answer to a question of the quiz
    kind: Kind | None = None  # of what is played
    gain: float | None = None
    language: str = ""  # of what is said, where it changes
    result: Result | None = None  # of the quiz's question
    then: str = ""  # the prompt right behind the first, where that is certain


def right_answer(before: HoldSession, plan: HoldPlan, heard: Heard, digit: str, at: datetime) -> Right:
    quizzing = plan.by_id[before.now].kind is Kind.QUIZ if before.now else False
    asked = before.asked.choice if before.asked is not None and at <= before.asked.until else ""
    if asked == CONFIRM:
        return Right({"callback_promised"}) if digit == "1" else Right(frozenset())
    if digit == "1" and asked:
        return agreed(plan.menu.by_id(asked), before, plan)
    if quizzing and before.quiz.stage is not Stage.IDLE and digit in "123":
        return to_the_quiz(before, plan, heard, digit)
    right = plain(before, plan, heard, digit, at)
    if quizzing and before.quiz.stage is not Stage.IDLE:
        return in_the_quiz(before, plan, right, digit)
    wordless = digit in WORDLESS and before.talk is Talk.NONE
    return Right(frozenset(), right.entry, right.kind, right.gain) if wordless else right


def plain(before: HoldSession, plan: HoldPlan, heard: Heard, digit: str, at: datetime) -> Right:
    choice = plan.menu.by_digit(digit)
    assert choice is not None, digit
    if choice.action is Action.LEAVE:
        return Right({"leaving"}, "leave")
    if choice.action is Action.CALLBACK:
        return Right({"callback_ask", *NOT_BACK}, "callback")
    if digit in PLAYS:
        kind = PLAYS[digit]
        return Right({f"now_{kind}"}, kind.value, kind)
    entry = ENTRIES[digit]
    match digit:
        case "4":
            return Right({"quiz_intro", "quiz_on", "quiz_rest"}, entry)
        case "7":
            return turned(before, -STEP, "softer", "softest")
        case "8":
            return turned(before, STEP, "louder", "loudest")
        case "9":
            return Right(onward(before, plan), entry)
        case "*":
            return Right(GONE, entry)
        case "#":
            return Right({SAID_LESS[before.talk]}, entry)
        case _:
            return the_menu(before, plan, heard, at)


def onward(before: HoldSession, plan: HoldPlan) -> Set[str]:
    """In the quiet there is nothing else to come."""
    quiet = before.now is not None and plan.by_id[before.now].kind is Kind.QUIET
    return frozenset({"now_quiet"}) if quiet else ON


def turned(before: HoldSession, step: float, done: str, at_its_end: str) -> Right:
    gain = min(LOUDEST, max(SOFTEST, before.gain + step))
    return Right({at_its_end if gain == before.gain else done}, done, gain=gain)


def the_menu(before: HoldSession, plan: HoldPlan, heard: Heard, at: datetime) -> Right:
    """Zero tells it; while it is told because of a zero, or others are offered, zero is "not in this language"."""
    asked_for = before.choices[-1].what == "menu" and heard.prompt.startswith(MENU)
    told = call_back(before, plan, at)
    if asked_for or heard.prompt == "language_offer":
        wish = heard.language if heard.prompt == "language_offer" and heard.since else ""
        return Right({"language_set", *told}, "menu", language=wish or "another")
    return Right(told or {FIRST if plan.menu.by_id("music") else SECOND}, "menu")


def call_back(before: HoldSession, plan: HoldPlan, at: datetime) -> Set[str]:
    """Told in front of the choices, to whoever shows a number and has waited for as long as the queue's file says."""
    entry, wait = plan.menu.by_id("callback"), before.history.wait
    if entry is None or plan.callback is None or wait is None or before.caller is None:
        return frozenset()
    waited = (at - wait.began).total_seconds()
    return {f"choice_callback_{entry.digit}"} if waited >= plan.callback.after else frozenset()


def agreed(about: Choice | None, before: HoldSession, plan: HoldPlan) -> Right:
    """One is "yes" to what we asked."""
    assert about is not None
    match about.action:
        case Action.PLAY if about.kind is Kind.QUIZ:
            return Right({"quiz_intro", "quiz_on"}, about.id)
        case Action.PLAY:
            return Right({f"now_{about.kind}"}, about.id, about.kind)
        case Action.NEXT | Action.EPISODE:
            return Right(onward(before, plan), about.id)
        case Action.REPEAT | Action.BACK:
            return Right(GONE, about.id)
        case Action.LANGUAGE:
            return Right({"language_set"}, about.id, language="another")
        case Action.MENU:
            return Right({FIRST}, about.id)
        case Action.LEAVE:
            return Right({"leaving"}, about.id)
        case Action.CALLBACK:
            return Right({"callback_ask", *NOT_BACK}, about.id)
        case _:
            return Right({about.id if about.id != "less_talk" else SAID_LESS[before.talk]}, about.id)


# --- the quiz ----------------------------------------------------------------------------------------------------------


def to_the_quiz(before: HoldSession, plan: HoldPlan, heard: Heard, digit: str) -> Right:
    """One, two and three are its own."""
    quiz, shelf = before.quiz, plan.quiz[plan.language]
    if quiz.stage is Stage.ASKED:
        question = shelf.by_id[quiz.question]
        if heard.prompt != question.ask:  # it was not to be heard yet: what is in front of it is cut short
            return Right({question.ask})
        return judged(question, digit, quiz.result)
    told = shelf.by_id[quiz.before]
    if quiz.result is Result.SILENT and heard.since <= LATE:
        return judged(told, digit, quiz.result)
    return Right({"quiz_again", *(one.ask for one in shelf.questions if one is not told)})  # on, in a hurry


def judged(question: Question, digit: str, before: Result | None) -> Right:
    """Whether that was it, and then the answer with a bit more."""
    if question.right != int(digit):
        return Right({"quiz_wrong"}, result=Result.WRONG, then=question.tell)
    again = before is Result.RIGHT
    return Right({"quiz_right_again" if again else "quiz_right"}, result=Result.RIGHT, then=question.tell)


def in_the_quiz(before: HoldSession, plan: HoldPlan, right: Right, digit: str) -> Right:
    """All other keys are what they ever are, and behind them the question comes once more."""
    question = plan.quiz[plan.language].by_id.get(before.quiz.question or "")
    match digit:
        case "9":
            return Right({"next"}, right.entry)
        case "*":  # what is being told, from its start
            return Right({question.ask} if question else VERDICTS, right.entry)
        case "4":
            return Right({question.ask} if question else {"quiz_on"}, right.entry)
        case "7" | "8" | "#" if question:
            return replace(right, then=question.ask)
        case _:
            return right
