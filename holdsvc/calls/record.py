"""The row that the wait log keeps of one call: derived from the session, so that it is right however the news came."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from holdsvc.calls.history import Hold
from holdsvc.calls.model import CallerId, CallId, Outcome, QueueName
from holdsvc.calls.promise import MINUTE, Came, Promise
from holdsvc.calls.session import Chosen, HoldSession, Listened


class WaitRecord(Struct, frozen=True):
    platform: str
    call: CallId
    queue: QueueName
    caller: CallerId | None  # pseudonym
    began: datetime
    ended: datetime | None  # None: waiting still
    seconds: float | None
    outcome: Outcome | None
    amended: bool = False
    position_told: int | None = None
    estimate_told: float | None = None  # seconds from then on, at the most
    waits_told: tuple[Promise, ...] = ()  # the first and the last
    came: Came | None = None  # when the agent came, against the first
    listened: tuple[Listened, ...] = ()
    choices: tuple[Chosen, ...] = ()
    holds: tuple[Hold, ...] = ()
    wait: int = 1  # which of the call's waits
    row: int = 0  # its place in the log, for paging; 0 until it is kept


def record(session: HoldSession) -> WaitRecord | None:
    """None as long as the call was never held."""
    wait = session.history.wait
    if wait is None:
        return None
    last = session.waits_told[-1] if session.waits_told else None
    return WaitRecord(
        platform=session.ref.platform,
        call=session.ref.call,
        queue=session.queue,
        caller=session.caller,
        began=wait.began,
        ended=wait.ended,
        seconds=wait.seconds,
        outcome=wait.outcome,
        amended=session.amended,
        position_told=session.promised,
        estimate_told=last.span.high * MINUTE if last and last.span.high else None,
        waits_told=session.waits_told,
        came=session.came,
        listened=session.listened,
        choices=session.choices,
        holds=session.history.holds,
        wait=session.ref.wait,
    )
