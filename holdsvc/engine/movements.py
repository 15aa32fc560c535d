"""How each queue moves, gathered from the facts that go by: who waits since when, and how the latest waits ended.

Nothing here asks anybody or waits. What an event is decided with is one value for all who wait in a queue.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from holdsvc.calls import estimate
from holdsvc.calls.estimate import LATELY, MOST_DEPARTED, Departed, Expected, Movement, Outlook, Pace
from holdsvc.calls.facts import AnyFact, WaitAmended, WaitEnded
from holdsvc.calls.history import Stage
from holdsvc.calls.model import CallRef, Outcome, QueueName
from holdsvc.calls.record import WaitRecord
from holdsvc.calls.session import HoldSession
from holdsvc.ports import WaitQuery

MOST_QUEUES = 1000  # of which ends of waits are remembered: a name may come with any call
MOST_READ = 2000  # rows of the log that are read at a start, of all queues together


def latest(offered: int, now: datetime) -> WaitQuery:
    """What of a log of so many rows tells how the queues move. Rows are numbered; whoever waited for long began long ago."""
    return WaitQuery(since=now - timedelta(seconds=2 * LATELY), after=max(0, offered - MOST_READ), most=MOST_READ)


class Movements:
    def __init__(self) -> None:
        self._departed: OrderedDict[QueueName, OrderedDict[CallRef, Departed]] = OrderedDict()
        self._waiting: dict[QueueName, list[float]] = {}
        self._places: dict[CallRef, tuple[QueueName, float]] = {}
        self._known: dict[QueueName, Movement] = {}  # as it was handed out last, until something changes

    def start_from(self, sessions: Iterable[HoldSession], waits: Iterable[WaitRecord]) -> None:
        """`waits`: the latest of the log, oldest first."""
        for wait in waits:
            if wait.ended is not None and wait.outcome is not None:
                self._depart(
                    CallRef(wait.platform, wait.call, wait.wait), wait.queue, wait.began, wait.ended, wait.outcome
                )
        for session in sessions:
            self._place(session)

    def facts(self, session: HoldSession, facts: Sequence[AnyFact]) -> None:
        """A listener."""
        self._place(session)
        for fact in facts:
            match fact:
                case WaitEnded():
                    self._depart(session.ref, fact.queue, fact.began, fact.ended, fact.outcome)
                case WaitAmended():
                    self._amend(session.ref, fact)

    def of(self, queue: QueueName) -> Movement:
        known = self._known.get(queue)
        if known is None:
            departed = tuple(self._departed.get(queue, OrderedDict()).values())
            known = Movement(departed, tuple(self._waiting.get(queue, ())))
            if known != Movement():
                self._known[queue] = known
        return known

    def expected(self, queue: QueueName, now: datetime) -> Expected | None:
        """For a caller who would come now and had to wait, to be shown."""
        told = estimate.expected(self.of(queue), now.timestamp())
        return rounded(told) if told is not None else None

    def expected_by(self, sessions: Iterable[HoldSession], now: datetime) -> dict[CallRef, Expected]:
        """For each of those who wait, where there is ground for it, to be shown."""
        foresight = self.foresight(now)
        told = ((session.ref, foresight(session, now)) for session in sessions)
        return {ref: rounded(outlook.expected) for ref, outlook in told if outlook is not None}

    def foresight(self, now: datetime) -> Callable[[HoldSession, datetime], Outlook | None]:
        """How long callers will still wait, for as long as it is still `now`: the pace of a queue is counted once."""
        paces: dict[QueueName, Pace | None] = {}

        def still(session: HoldSession, at: datetime) -> Outlook | None:
            wait, queue, second = session.history.wait, session.queue, at.timestamp()
            movement = self.of(queue)
            if queue not in paces:
                paces[queue] = estimate.pace(movement, now.timestamp())
            moving = paces[queue]
            if moving is None or wait is None or wait.ended is not None:
                return None
            began = wait.began.timestamp()
            in_front = estimate.ahead(movement, began, session.position)
            return estimate.still(moving, in_front, max(0.0, second - began))

        return still

    # -- inside ---------------------------------------------------------------------------------------------------

    def _place(self, session: HoldSession) -> None:
        """Put the call in line, or take it out, as its history has it now."""
        wait, before = session.history.wait, self._places.get(session.ref)
        here = session.history.stage is Stage.WAITING and wait is not None
        now = (session.queue, wait.began.timestamp()) if here and wait else None
        if now == before:
            return
        if before is not None:
            self._leave(session.ref, *before)
        if now is not None:
            self._places[session.ref] = now
            insort(self._waiting.setdefault(now[0], []), now[1])
            self._known.pop(now[0], None)

    def _leave(self, ref: CallRef, queue: QueueName, began: float) -> None:
        line = self._waiting[queue]
        del line[bisect_left(line, began)]
        if not line:
            del self._waiting[queue]
        del self._places[ref]
        self._known.pop(queue, None)

    def _depart(self, ref: CallRef, queue: QueueName, began: datetime, ended: datetime, outcome: Outcome) -> None:
        here = self._departed.setdefault(queue, OrderedDict())
        here[ref] = Departed(began.timestamp(), ended.timestamp(), outcome)
        here.move_to_end(ref)
        if len(here) > MOST_DEPARTED:
            here.popitem(last=False)
        self._departed.move_to_end(queue)
        self._known.pop(queue, None)
        if len(self._departed) > MOST_QUEUES:
            gone, _ = self._departed.popitem(last=False)
            self._known.pop(gone, None)

    def _amend(self, ref: CallRef, fact: WaitAmended) -> None:
        """What is told of a wait later, where it is one of those that still count."""
        here = self._departed.get(fact.queue, OrderedDict())
        if ref not in here:
            return
        if fact.ended is None or fact.became is None:
            del here[ref]
        else:
            here[ref] = Departed(fact.began.timestamp(), fact.ended.timestamp(), fact.became)
        self._known.pop(fact.queue, None)


def rounded(told: Expected) -> Expected:
    """To whole seconds: nothing that we know of a wait is finer."""
    return Expected(round(told.low), round(told.likely), round(told.high), told.ground)
