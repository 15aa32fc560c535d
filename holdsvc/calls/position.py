"""The caller's place in the queue: told when it is known and has improved, never a worse one than was told before.

Who was sent back is told nothing. The places behind the twentieth share one sentence, told once. In documents it is told between
two of them, on a stream at once where nothing else is being said, else at the next joint; in the quiz before the next question.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from holdsvc.calls import asking, quizmaster
from holdsvc.calls.controls import Changed, may_speak, spoken
from holdsvc.calls.events import CallEvent, CallHeld, ContentEnded, QueueMoved
from holdsvc.calls.facts import Promised
from holdsvc.calls.history import Stage
from holdsvc.calls.model import PromptId, Talk
from holdsvc.calls.plan import HoldPlan
from holdsvc.calls.session import HoldSession

SETTLED = timedelta(seconds=20)  # of waiting before a place is told for the first time: many are answered sooner
APART = timedelta(seconds=45)  # between two tellings; to be next is told without delay
EXACT = 20  # places that have a sentence of their own
BEYOND = EXACT + 1  # stands for all behind them


def heed(session: HoldSession, event: CallEvent, plan: HoldPlan) -> Changed:
    """Begin the present turn with the place in the queue, if it is to be told now."""
    if not (gives_room(session, event, plan) and tells(session, plan, event.at) and session.position):
        return session, ()
    place = min(session.position, BEYOND)
    if isinstance(event, QueueMoved):  # into content: what was to be told before it has been told
        session = replace(session, saying=(), menu_due=False)
    session = replace(session, saying=(prompt(place), *session.saying), promised=place, promised_at=event.at)
    return spoken(session, event.at, plan), (Promised(at=event.at, queue=session.queue, position=place),)


def moved(session: HoldSession, event: QueueMoved) -> HoldSession:
    return replace(session, position=event.position, size=event.size or session.size)


def wants(session: HoldSession, place: int, plan: HoldPlan, at: datetime) -> bool:
    """This place would be told, were it the caller's."""
    return tells(replace(session, position=place), plan, at)


def tells(session: HoldSession, plan: HoldPlan, at: datetime) -> bool:
    """The place is known, better than what was told, and the caller wants to hear it."""
    wait, place = session.history.wait, session.position
    if not plan.tell_position or not place or place < 1 or wait is None or session.talk is Talk.NONE:
        return False
    if session.history.stage is not Stage.WAITING or session.leaving or session.released:
        return False
    return (
        is_due(session, min(place, BEYOND), wait.began, at)
        and may_speak(session, at, plan)
        and bool(plan.available((prompt(place),), plan.spoken(session.language)))
    )


def is_due(session: HoldSession, place: int, began: datetime, at: datetime) -> bool:
    if session.promised_at is None:
        return at >= began + SETTLED
    return better(session, place) and (place == 1 or at >= session.promised_at + APART)


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
    """The place, if another word cuts it short."""
    if session.promised is None or session.talks_until is None or at >= session.talks_until:
        return ()
    return tuple(one for one in session.saying if one == prompt(session.promised))


def prompt(place: int) -> PromptId:
    return PromptId(f"position_{place}" if place <= EXACT else "position_more")
