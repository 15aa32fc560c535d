"""The caller's place in the queue and the wait: told when they are known and have improved, together where both have.

Never a worse place than was told before: who was sent back is told nothing. The places behind the twentieth share one sentence,
told once. A longer wait is told only with the word that it takes longer (`promise`). In documents they are told between two of
them, on a stream at once where nothing else is being said, else at the next joint; in the quiz before the next question.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeAlias

from msgspec.structs import replace

from holdsvc.calls import asking, promise, quizmaster
from holdsvc.calls.controls import Changed, may_speak, spoken
from holdsvc.calls.estimate import Outlook
from holdsvc.calls.events import CallEvent, CallHeld, ContentEnded, QueueMoved
from holdsvc.calls.facts import Promised
from holdsvc.calls.history import Stage
from holdsvc.calls.model import PromptId, Talk
from holdsvc.calls.plan import HoldPlan
from holdsvc.calls.promise import Promise
from holdsvc.calls.session import HoldSession

SETTLED = timedelta(seconds=20)  # of waiting before a place is told for the first time: many are answered sooner
APART = timedelta(seconds=45)  # between two tellings; to be next is told without delay
WAIT_APART = timedelta(minutes=2)  # to the next wait, unless a place is told with it or it takes longer
EXACT = 20  # places that have a sentence of their own
BEYOND = EXACT + 1  # stands for all behind them

Foresight: TypeAlias = Callable[[HoldSession, datetime], Outlook | None]


def heed(session: HoldSession, event: CallEvent, plan: HoldPlan) -> Changed:
    """Begin the present turn with the place in the queue and the wait, as far as they are to be told now."""
    if not gives_room(session, event, plan):
        return session, ()
    place, wait = told(session, plan, event.at)
    if place is None and wait is None:
        return session, ()
    if isinstance(event, QueueMoved):  # into content: what was to be told before it has been told
        session = replace(session, saying=(), menu_due=False)
    fact = Promised(at=event.at, queue=session.queue, position=place, wait=wait)
    session = promised(session, place, wait)
    session = replace(session, saying=(*prompts(place, wait), *session.saying), promised_at=event.at)
    return spoken(session, event.at, plan), (fact,)


def promised(session: HoldSession, place: int | None, wait: Promise | None) -> HoldSession:
    waits = session.waits_told if wait is None else (*session.waits_told[:1], wait)
    return replace(session, promised=place or session.promised, waits_told=waits)


def moved(session: HoldSession, event: QueueMoved) -> HoldSession:
    return replace(session, position=event.position, size=event.size or session.size)


def wants(session: HoldSession, place: int, plan: HoldPlan, at: datetime, foresight: Foresight) -> bool:
    """Something would be told, were this the caller's place."""
    return told(replace(session, position=place), plan, at, foresight) != (None, None)


def may_want(session: HoldSession, place: int, at: datetime, *, wait: bool) -> bool:
    """Quickly: False only if nothing would be told, or nothing but a wait, where that is not looked at now."""
    return better(session, place) or (wait and passed(session, APART, at))


def told(
    session: HoldSession, plan: HoldPlan, at: datetime, foresight: Foresight = HoldSession.outlook
) -> tuple[int | None, Promise | None]:
    """Place and wait, each where it is known, better than what was told, and the caller wants to hear it; else None."""
    history = session.history
    if history.stage is not Stage.WAITING or history.wait is None or session.leaving or session.released:
        return None, None
    if session.talk is Talk.NONE or at < history.wait.began + SETTLED or not may_speak(session, at, plan):
        return None, None
    place = place_told(session, plan, at)
    return place, wait_told(session, plan, at, foresight, moves=place is not None)


def place_told(session: HoldSession, plan: HoldPlan, at: datetime) -> int | None:
    if not plan.tell_position or not session.position or session.position < 1:
        return None
    place = min(session.position, BEYOND)
    due = better(session, place) and (place == 1 or passed(session, APART, at))
    return place if due and plan.available((prompt(place),), plan.spoken(session.language)) else None


def wait_told(
    session: HoldSession, plan: HoldPlan, at: datetime, foresight: Foresight, *, moves: bool
) -> Promise | None:
    """`moves`: a place is told with it. Who wants to hear of moves alone is told a wait with these."""
    if not plan.tell_wait or not (moves or (session.talk is Talk.FULL and passed(session, APART, at))):
        return None
    last = session.waits_told[-1] if session.waits_told else None
    outlook = foresight(session, at)
    wait = promise.made(outlook, last, at) if outlook else None
    if wait is None or not (moves or last is None or wait.longer or passed(session, WAIT_APART, at)):
        return None
    says = promise.prompts(wait)
    return wait if plan.available(says, plan.spoken(session.language)) == says else None


def passed(session: HoldSession, rest: timedelta, at: datetime) -> bool:
    """Since something was told."""
    return session.promised_at is None or at >= session.promised_at + rest


def better(session: HoldSession, place: int) -> bool:
    """Than what was told; any place is, if none was."""
    return session.promised is None or min(place, BEYOND) < session.promised


def gives_way(session: HoldSession, plan: HoldPlan, at: datetime) -> bool:
    """Nothing is being said, and nothing that was said is to be answered: the sound may stop for a word."""
    if quizmaster.playing(session, plan) or asking.open_question(session, at):
        return False
    if session.offer is not None and at < session.offer[1]:
        return False
    return session.talks_until is None or at >= session.talks_until


def gives_room(session: HoldSession, event: CallEvent, plan: HoldPlan) -> bool:
    """The event begins a turn in which the place may be told: in the quiz before a question, not between it and its answer."""
    match event:
        case QueueMoved(at_once=at_once):
            return at_once and gives_way(session, plan, event.at)
        case CallHeld(mid_call=False, inferred=False) | ContentEnded():
            return session.quiz.open or not quizmaster.playing(session, plan)
        case _:
            return False


def interrupts(session: HoldSession, event: QueueMoved) -> bool:
    """This news was told at once."""
    return event.at_once and session.promised_at == event.at


def untold(session: HoldSession, at: datetime) -> tuple[PromptId, ...]:
    """Place and wait, if another word cuts them short."""
    if session.promised_at is None or session.talks_until is None or at >= session.talks_until:
        return ()
    last = prompts(session.promised, session.waits_told[-1] if session.waits_told else None)
    return tuple(one for one in session.saying if one in last)


def prompts(place: int | None, wait: Promise | None) -> tuple[PromptId, ...]:
    return (*((prompt(place),) if place else ()), *(promise.prompts(wait) if wait else ()))


def prompt(place: int) -> PromptId:
    return PromptId(f"position_{place}" if place <= EXACT else "position_more")
