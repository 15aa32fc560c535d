"""A word from the floor to everybody who waits: told once to each, at once where we can, else with the next turn."""

from __future__ import annotations

from msgspec.structs import replace

from holdsvc.calls.controls import Changed
from holdsvc.calls.events import (
    CallEvent,
    CallHeld,
    ContentEnded,
    DigitPressed,
    NoticePosted,
    StreamOpened,
    UtteranceHeard,
)
from holdsvc.calls.facts import NoticeTold
from holdsvc.calls.history import Stage
from holdsvc.calls.model import Talk
from holdsvc.calls.plan import HoldPlan
from holdsvc.calls.session import MOST_NOTICED, HoldSession

TURNS = (CallHeld, DigitPressed, UtteranceHeard, ContentEnded, StreamOpened, NoticePosted)  # after these we may speak


def heed(session: HoldSession, event: CallEvent, plan: HoldPlan) -> Changed:
    """Begin the present turn with the notice, unless this caller has heard it, or wants to hear nothing of us."""
    notice = plan.notice
    if notice is None or heard(session, notice.id) or not isinstance(event, TURNS):
        return session, ()
    if isinstance(event, CallHeld) and (event.inferred or event.mid_call):
        return session, ()
    if isinstance(event, UtteranceHeard) and event.near and session.streaming:
        return session, ()  # it may be answered with nothing, and then nothing would be told
    if not reaches(session, plan):
        return session, ()
    told = NoticeTold(at=event.at, queue=session.queue, notice=notice.id)
    before = (*session.noticed_before, session.noticed)[-MOST_NOTICED:] if session.noticed else ()
    saying = (notice.prompt, *session.saying)
    return replace(session, noticed=notice.id, noticed_before=before, saying=saying), (told,)


def heard(session: HoldSession, notice: str) -> bool:
    """Each is told once, whatever was told in between."""
    return notice == session.noticed or notice in session.noticed_before


def listens(session: HoldSession) -> bool:
    """This caller waits, and lets us speak: who asked for less is told of moves alone, or of nothing."""
    waits = session.history.stage is Stage.WAITING and not session.leaving and not session.released
    return waits and session.talk is Talk.FULL


def reaches(session: HoldSession, plan: HoldPlan) -> bool:
    """This caller waits, lets us speak, and the notice is there in the language that we speak with the caller."""
    if not listens(session):
        return False
    return plan.notice is not None and bool(plan.available((plan.notice.prompt,), plan.spoken(session.language)))


def interrupts(session: HoldSession, plan: HoldPlan) -> bool:
    """The notice is what the present turn begins with."""
    return plan.notice is not None and session.noticed == plan.notice.id and session.saying[:1] == (plan.notice.prompt,)
