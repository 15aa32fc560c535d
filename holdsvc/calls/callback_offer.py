"""Being called back instead of waiting: told once where it can be had, asked about once, and promised.

Whoever takes it keeps the place of the wait. Who hides the number hears that it cannot be done, and goes on waiting.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from holdsvc.calls import estimate, position, quizmaster
from holdsvc.calls.controls import Changed, may_speak, say, spoken
from holdsvc.calls.events import CallEvent, TimeCame
from holdsvc.calls.facts import AnyFact, CallbackAsked, CallbackOffered, CallbackSettled, HandedOver
from holdsvc.calls.history import Stage
from holdsvc.calls.menu import CALLBACK, CONFIRM_CALLBACK
from holdsvc.calls.model import Owed, PromptId, Talk
from holdsvc.calls.plan import HoldPlan
from holdsvc.calls.session import Asked, HoldSession

SOONEST = timedelta(seconds=20)  # of waiting, before it is told of: many are answered sooner
ANSWER_WITHIN = timedelta(seconds=10)  # behind the question; a platform's own recogniser takes some of it
IN_THE_QUIZ = timedelta(seconds=1)  # there the next question follows, whose first answer has the same key


def waits(session: HoldSession) -> bool:
    """In the queue, and on the way out of it neither to an agent nor elsewhere."""
    return session.history.stage is Stage.WAITING and not session.leaving and not session.released


def can_be_had(session: HoldSession, plan: HoldPlan, at: datetime) -> bool:
    """At this moment, by whoever shows a number. A wait that nobody can estimate counts as long."""
    wait, rules = session.history.wait, plan.callback
    if rules is None or wait is None or not waits(session) or at < wait.began + timedelta(seconds=rules.after):
        return False
    if not rules.least_wait or session.movement is None:
        return True
    told = estimate.expected(session.movement, at.timestamp(), wait.began.timestamp(), session.position)
    return told is None or told.likely >= rules.least_wait


def promise(session: HoldSession) -> Owed | None:
    """What is owed to this caller in this queue."""
    return next((one for one in session.owed if one.queue == session.queue), None)


# --- telling of it -----------------------------------------------------------------------------------------------------------


def prompt(plan: HoldPlan) -> PromptId:
    """The key to ask for it is the queue's own, so that it stands in the name."""
    entry = plan.menu.by_id(CALLBACK)
    return PromptId(f"choice_callback_{entry.digit}") if entry is not None else PromptId("")


def due(session: HoldSession, plan: HoldPlan) -> datetime | None:
    """When it is to be told of; None: never, or it has been."""
    wait, rules = session.history.wait, plan.callback
    if rules is None or wait is None or session.told_callback is not None or session.caller is None:
        return None
    if not waits(session) or promise(session) is not None:
        return None
    return wait.began + max(SOONEST, timedelta(seconds=rules.after))


def wakes(session: HoldSession, plan: HoldPlan) -> datetime | None:
    """On a stream nothing else may come for long: an alarm, once, when nothing is being said."""
    moment = due(session, plan)
    if moment is None or session.callback_rang or not session.streaming:
        return None
    return max(moment, said_by(session) or moment)


def said_by(session: HoldSession) -> datetime | None:
    """When the present turn has said what it says, and nobody answers it any more."""
    ends = [one for one in (session.talks_until, session.offer[1] if session.offer else None) if one is not None]
    return max(ends, default=None)


def heed(session: HoldSession, event: CallEvent, plan: HoldPlan) -> Changed:
    """Begin the present turn with it, if it is to be told now."""
    moment = due(session, plan)
    if moment is None or event.at < moment:
        return session, ()
    rings = isinstance(event, TimeCame) and session.streaming
    speaks = said_by(session)
    if rings and (speaks is None or event.at >= speaks):
        session = replace(session, callback_rang=True)
    room = position.gives_way(session, plan, event.at) if rings else position.gives_room(session, event, plan)
    tells = room and session.talk is Talk.FULL and may_speak(session, event.at, plan)
    says = plan.available((prompt(plan),), plan.spoken(session.language))
    if not tells or not says or not can_be_had(session, plan, event.at):
        return session, ()
    before = () if rings else session.saying  # into content: what was to be told before it has been told
    session = replace(session, saying=(*says, *before), menu_due=session.menu_due and not rings)
    told = CallbackOffered(at=event.at, queue=session.queue)
    return spoken(replace(session, told_callback=event.at), event.at, plan), (told,)


def interrupts(session: HoldSession, event: TimeCame) -> bool:
    """It was told at this alarm."""
    return session.streaming and session.told_callback == event.at


def with_menu(session: HoldSession, plan: HoldPlan, at: datetime) -> HoldSession:
    """Where the choices are told, this is one of them."""
    if session.caller is None or not can_be_had(session, plan, at):
        return session
    says = plan.available((prompt(plan),), plan.spoken(session.language))
    return replace(session, saying=(*says, *session.saying), told_callback=session.told_callback or at)


# --- asking for it -----------------------------------------------------------------------------------------------------------


def ask(session: HoldSession, event: CallEvent, plan: HoldPlan) -> Changed:
    """Is it meant? Yes and key one are, everything else is not."""
    if session.caller is None:
        return say(session, "callback_no_number"), ()
    if not can_be_had(session, plan, event.at):
        return say(session, "callback_not_now"), ()
    says = ("callback_ask",) if promise(session) is None else ("callback_already", "callback_ask")
    language = plan.spoken(session.language)
    seconds = plan.seconds_of(plan.available(says, language), language)
    rest = IN_THE_QUIZ if quizmaster.playing(session, plan) else ANSWER_WITHIN
    until = event.at + timedelta(seconds=seconds) + rest
    return say(replace(session, asked=Asked(CONFIRM_CALLBACK.id, event.id, until, until)), *says), ()


def taken(session: HoldSession, event: CallEvent) -> Changed:
    """Promised, with the place of this wait, or of the earlier one. No facts: it came too late, the wait is over."""
    wait = session.history.wait
    if wait is None or session.caller is None or not waits(session):
        return say(session, "callback_not_now"), ()
    known = promise(session)
    owed = known or Owed(session.queue, wait.began, event.at)
    session = session if known else replace(session, owed=(*session.owed, owed))
    asked = CallbackAsked(at=event.at, queue=session.queue, began=owed.began, again=known is not None)
    return say(session, "callback_promised"), (asked,)


def settle(session: HoldSession, facts: Sequence[AnyFact], at: datetime) -> Changed:
    """Who has been answered need not be called."""
    if promise(session) is None or not any(isinstance(fact, HandedOver) for fact in facts):
        return session, ()
    rest = tuple(one for one in session.owed if one.queue != session.queue)
    return replace(session, owed=rest), (CallbackSettled(at=at, queue=session.queue),)
