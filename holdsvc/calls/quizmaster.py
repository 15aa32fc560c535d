"""The quiz within a held call: whose turn it is, which shelf is asked from, and what of it is kept and told."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from holdsvc.calls import quiz, tuning
from holdsvc.calls.controls import Changed, menu_prompts, offers, say
from holdsvc.calls.events import CallEvent
from holdsvc.calls.facts import QuizAnswered
from holdsvc.calls.instructions import Listen, Play, Say
from holdsvc.calls.menu import Action, Choice, Menu
from holdsvc.calls.model import ContentItem, Kind
from holdsvc.calls.plan import HoldPlan
from holdsvc.calls.quiz import Answered, Shelf, Stage, Step, Table
from holdsvc.calls.rotation import seed_of
from holdsvc.calls.session import HoldSession

SOFTLY = -9.0  # decibels, the sound under the time to think against everything else
EMPTY = Shelf("", ())


def playing(session: HoldSession, plan: HoldPlan) -> bool:
    """The quiz is what this caller hears, be its menu told at the moment."""
    item = plan.item(session.now) if session.now else None
    return item is not None and item.kind is Kind.QUIZ and bool(plan.quiz)


def shelf_of(session: HoldSession, plan: HoldPlan) -> Shelf:
    """In the caller's language, else the queue's, else any."""
    for language in (plan.spoken(session.language), plan.spoken(plan.language)):
        if language in plan.quiz:
            return plan.quiz[language]
    return next(iter(plan.quiz.values()), EMPTY)


def remaining(session: HoldSession, plan: HoldPlan, at: datetime) -> float | None:
    """Seconds that the wait is likely to last, as far as that is known: until an agent comes, or the queue moves the caller on."""
    wait = session.history.wait
    if wait is None:
        return None
    most = None if plan.max_wait is None else plan.max_wait - (at - wait.began).total_seconds()
    told = session.outlook(at)
    return min((one for one in (most, told.expected.likely if told else None) if one is not None), default=None)


def table(session: HoldSession, plan: HoldPlan, at: datetime) -> Table:
    shelf = shelf_of(session, plan)
    caller = session.caller or f"{session.ref.platform}/{session.ref.call}"
    seconds = plan.prompts.get(shelf.language, {})
    return Table(shelf, at, seed_of(caller, "quiz"), plan.fresh, remaining(session, plan, at), seconds)


def menu(session: HoldSession, plan: HoldPlan) -> Menu:
    """What may be keyed and said at this moment."""
    return quiz.answers(session.quiz, shelf_of(session, plan), plan.menu) if playing(session, plan) else plan.menu


# --- what happens ----------------------------------------------------------------------------------------------------------


def tune_in(session: HoldSession, choice: Choice, plan: HoldPlan, at: datetime) -> HoldSession:
    """The caller comes to the quiz, or comes back to it."""
    sound = next(iter(plan.shelf(choice)), None)
    session = replace(session, choice=choice.id, now=sound.id if sound else plan.house, before=(), ahead=(), rewind=0.0)
    return dealt(session, (quiz.begin(session.quiz, table(session, plan, at)), None), plan, at)[0]


def put_aside(session: HoldSession) -> HoldSession:
    return session if session.quiz.stage is Stage.IDLE else replace(session, quiz=quiz.put_aside(session.quiz))


def go_on(session: HoldSession, event: CallEvent, plan: HoldPlan) -> Changed:
    session = replace(session, saying=(), menu_due=False)
    return dealt(session, quiz.go_on(session.quiz, table(session, plan, event.at)), plan, event.at)


def answer(session: HoldSession, choice: Choice, event: CallEvent, plan: HoldPlan) -> Changed:
    came = quiz.answer(session.quiz, table(session, plan, event.at), quiz.key_of(choice))
    return dealt(session, came, plan, event.at)


def skip(session: HoldSession, event: CallEvent, plan: HoldPlan) -> Changed:
    return dealt(session, quiz.skip(session.quiz, table(session, plan, event.at)), plan, event.at)


def after(session: HoldSession, choice: Choice | None, at: datetime, plan: HoldPlan) -> HoldSession:
    """Something else was asked for in the middle of the quiz: the menu lays it aside; behind anything else it goes on."""
    if choice is not None and choice.action is Action.MENU:
        return put_aside(session)
    if session.quiz.open:
        asked = quiz.again(session.quiz, table(session, plan, at))
        return dealt(session, (asked, None), plan, at)[0]
    return session


def dealt(session: HoldSession, step: Step, plan: HoldPlan, at: datetime) -> Changed:
    """The session after a step of the quiz. Where no question fits any more, other content takes its place."""
    state, came = step
    session = replace(session, quiz=state)
    facts = () if came is None else (told(session, came, at),)
    if state.stage is Stage.IDLE and state.says:
        return at_rest(session, plan, at), facts
    sound = plan.item(session.now) if session.now else None
    return (tuning.anew(session, sound) if sound else session), facts


def told(session: HoldSession, came: Answered, at: datetime) -> QuizAnswered:
    return QuizAnswered(
        at=at, queue=session.queue, question=came.question, result=came.result, key=came.key, late=came.late
    )


def at_rest(session: HoldSession, plan: HoldPlan, at: datetime) -> HoldSession:
    """Back to what the caller heard before the quiz, where it stopped; to the queue's default where that was nothing.

    At the beginning of a call nothing is said of it: it was our thought, not the caller's, to take the quiz up again.
    """
    said = session.quiz.says if session.choices else ()
    session = put_aside(replace(session, quiz=replace(session.quiz, says=())))
    heard = (*(one.what for one in reversed(session.choices)), plan.default_choice)
    other = next((choice for one in heard if (choice := plays(one, plan))), None)
    if other is None:
        return say(replace(session, choice="", now=plan.house), *said)
    return say(tuning.tune_in(session, other, plan, at), *said)


def plays(entry: str, plan: HoldPlan) -> Choice | None:
    """The menu entry, if it is content other than a quiz, and there is some."""
    choice = plan.menu.by_id(entry)
    content = choice is not None and choice.action is Action.PLAY and choice.kind is not Kind.QUIZ
    return choice if choice is not None and content and plan.shelf(choice) else None


# --- what is to be heard -----------------------------------------------------------------------------------------------------


def turn(
    session: HoldSession, sound: ContentItem, said: tuple[Say, ...], plan: HoldPlan
) -> tuple[Say | Play | Listen, ...]:
    """Behind what is said anyway the question or its answer, then time to think. All of it may be interrupted."""
    language, shelf = plan.spoken(session.language), shelf_of(session, plan)
    if session.menu_due and (choices := plan.available(menu_prompts(plan), language)):
        said = (*said, Say(choices, language), *offers(plan, language))
    if then := plan.available(quiz.prompts(session.quiz, shelf), shelf.language):
        said = (*said, Say(then, shelf.language))
    until = min(quiz.pause(session.quiz), sound.seconds)
    return (
        *said,
        Play(sound.id, 0.0, until, session.gain + SOFTLY),
        Listen(menu(session, plan), plan.recognised(language)),
    )
