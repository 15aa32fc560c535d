"""Where a caller was whose stream broke with the process that served it: nobody is left to tell, but the time that passed. And
that we own up to it.

A live stream tells every ten seconds what was heard, and at each key. What followed was heard, too, for as long as the platform
took the stream for alive; it is not counted as heard, only gone on from, and rather a little too early.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from holdsvc.calls.controls import spoken
from holdsvc.calls.events import CallEvent, StreamClosed
from holdsvc.calls.history import Stage
from holdsvc.calls.model import Kind, PromptId
from holdsvc.calls.plan import HoldPlan
from holdsvc.calls.session import HoldSession, put

ITEMS = frozenset({Kind.MUSIC, Kind.PODCAST, Kind.DAILY})
TWICE = timedelta(seconds=2)  # that are heard twice, so that what was on its way is not lost
TOLD_WITHIN = timedelta(
    seconds=12
)  # after longer the stream had been dead before the platform noticed, who knows how long


def gone_on(session: HoldSession, before: HoldSession, event: CallEvent, plan: HoldPlan) -> HoldSession:
    """The session with its place moved on, where `event` says that the stream of `before` broke."""
    if not isinstance(event, StreamClosed) or event.moved or event.by_caller or event.heard or not before.streaming:
        return session
    item = plan.item(before.now) if before.now is not None else None
    if item is None or item.kind not in ITEMS or before.latest is None:
        return session
    passed = event.at - max(before.latest, before.talks_until or before.latest)
    if not TWICE < passed <= TOLD_WITHIN:
        return session
    place = before.offset(item.id) + (passed - TWICE).total_seconds()
    return replace(session, offsets=put(session.offsets, item.id, min(place, item.seconds)))


def owned_up(session: HoldSession, at: datetime, plan: HoldPlan) -> HoldSession:
    """The turn begins with the word that something broke: on the stream, or in the document, that goes on. There keys are heard.
    It tells of a place that is kept, so that nobody hears it who does not wait for one any more."""
    if not session.sorry or session.history.stage is not Stage.WAITING:
        return session
    return spoken(replace(session, sorry=False, saying=(PromptId("sorry_trouble"), *session.saying)), at, plan)
