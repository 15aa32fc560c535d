"""Who waits now: the sessions, as the last event left them. For the wall, the scrape and the agents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from holdsvc.calls.facts import AnyFact, WaitAmended, WaitEnded
from holdsvc.calls.history import Stage
from holdsvc.calls.model import CallerId, CallRef, Outcome
from holdsvc.calls.session import HoldSession
from holdsvc.clock import Clock


class QueueNow(Struct, frozen=True):
    queue: str
    waiting: int
    longest_wait_seconds: float | None
    answered: int
    abandoned: int


class Wall(Struct, frozen=True):
    """What the wallboard shows: today's sums and this moment. No caller in it."""

    at: datetime
    waiting: int
    longest_wait_seconds: float | None
    answered: int
    abandoned: int
    short_abandoned: int
    offered: int
    queues: tuple[QueueNow, ...]


class Roster:
    """`today` begins at midnight UTC, by the clock, whatever the news is about."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sessions: dict[CallRef, HoldSession] = {}
        self._today: dict[tuple[str, str], int] = {}  # (queue, outcome) -> waits that ended today
        self._day = clock.now().date()

    def start_from(self, sessions: Iterable[HoldSession], today: Mapping[tuple[str, str], int]) -> None:
        self._sessions = {session.ref: session for session in sessions}
        self._today = dict(today)

    def facts(self, session: HoldSession, facts: Sequence[AnyFact]) -> None:
        """A listener."""
        if session.history.stage is Stage.WAITING:
            self._sessions[session.ref] = session
        else:
            self._sessions.pop(session.ref, None)
        for fact in facts:
            if isinstance(fact, WaitEnded):
                self._count(fact.ended, fact.queue, fact.outcome, 1)
            elif isinstance(fact, WaitAmended):
                self._count(fact.ended or fact.began, fact.queue, fact.was, -1)
                self._count(fact.ended or fact.began, fact.queue, fact.became, 1)

    def forget(self, caller: CallerId) -> None:
        for session in self._sessions.values():
            if session.caller == caller:
                anonymous = replace(session, caller=None, masked="", contact=None, past=())
                self._sessions[session.ref] = anonymous

    def _count(self, ended: datetime, queue: str, outcome: Outcome | None, by: int) -> None:
        self._turn_over()
        if outcome is not None and ended.date() == self._day:
            known = self._today.get((queue, outcome.value), 0)
            self._today[queue, outcome.value] = max(0, known + by)

    def _turn_over(self) -> None:
        day = self._clock.now().date()
        if day != self._day:
            self._day = day
            self._today.clear()

    def get(self, call: str) -> HoldSession | None:
        """A live call by the platform's id; with several platforms the first that has it."""
        return next((session for ref, session in self._sessions.items() if ref.call == call), None)

    def live(self) -> list[HoldSession]:
        return list(self._sessions.values())

    def waiting(self, queue: str = "") -> list[HoldSession]:
        """Those who wait, the longest first."""
        waiting = [one for one in self._sessions.values() if not queue or one.queue == queue]
        return sorted(waiting, key=lambda one: one.history.wait.began if one.history.wait else datetime.max)

    def wall(self, queues: Sequence[str]) -> Wall:
        self._turn_over()
        waiting, now = self.waiting(), self._clock.now()
        named = [queue for queue in queues if queue != "default"]  # which stands for names that nobody configured
        names = dict.fromkeys([*named, *(one.queue for one in waiting), *(queue for queue, _ in self._today)])
        rows = tuple(self._row(queue, waiting, now) for queue in names)
        ended = {outcome: self._ended(outcome) for outcome in Outcome}
        return Wall(
            at=now,
            waiting=len(waiting),
            longest_wait_seconds=longest(waiting, now),
            answered=ended[Outcome.ANSWERED],
            abandoned=ended[Outcome.ABANDONED],
            short_abandoned=ended[Outcome.SHORT_ABANDONED],
            offered=len(waiting) + sum(ended.values()),
            queues=rows,
        )

    def _row(self, queue: str, waiting: Sequence[HoldSession], now: datetime) -> QueueNow:
        here = [one for one in waiting if one.queue == queue]
        answered, abandoned = (self._today.get((queue, one.value), 0) for one in (Outcome.ANSWERED, Outcome.ABANDONED))
        return QueueNow(queue, len(here), longest(here, now), answered, abandoned)

    def _ended(self, outcome: Outcome) -> int:
        return sum(number for (_, name), number in self._today.items() if name == outcome.value)


def longest(waiting: Sequence[HoldSession], now: datetime) -> float | None:
    waits = [(now - one.history.wait.began).total_seconds() for one in waiting if one.history.wait]
    return round(max(waits), 1) if waits else None
