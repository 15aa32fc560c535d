"""Who is on the line now: the live sessions, as the last event left them. For the wall, the scrape and the agents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct

from holdsvc.calls.facts import AnyFact, WaitAmended, WaitEnded
from holdsvc.calls.history import Stage
from holdsvc.calls.model import CallRef, Outcome
from holdsvc.calls.session import HoldSession

LIVE = (Stage.WAITING, Stage.TALKING, Stage.ON_HOLD)


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
    def __init__(self) -> None:
        self._sessions: dict[CallRef, HoldSession] = {}
        self._today: dict[tuple[str, str], int] = {}  # (queue, outcome) -> waits that ended today
        self._day = ""

    def start_from(self, sessions: Iterable[HoldSession], today: dict[tuple[str, str], int], now: datetime) -> None:
        self._sessions = {session.ref: session for session in sessions}
        self._today, self._day = dict(today), now.date().isoformat()

    def facts(self, session: HoldSession, facts: Sequence[AnyFact]) -> None:
        """A listener."""
        if session.history.stage in LIVE:
            self._sessions[session.ref] = session
        else:
            self._sessions.pop(session.ref, None)
        for fact in facts:
            if isinstance(fact, WaitEnded):
                self._count(fact.at, fact.queue, fact.outcome, 1)
            elif isinstance(fact, WaitAmended):
                self._count(fact.at, fact.queue, fact.was, -1)
                self._count(fact.at, fact.queue, fact.became, 1)

    def _count(self, at: datetime, queue: str, outcome: Outcome | None, by: int) -> None:
        if at.date().isoformat() != self._day:
            self._day = at.date().isoformat()
            self._today.clear()
        if outcome is not None:
            self._today[queue, outcome.value] = self._today.get((queue, outcome.value), 0) + by

    def get(self, call: str) -> HoldSession | None:
        """A live call by the platform's id; with several platforms the first that has it."""
        return next((session for ref, session in self._sessions.items() if ref.call == call), None)

    def live(self) -> list[HoldSession]:
        return list(self._sessions.values())

    def waiting(self, queue: str = "") -> list[HoldSession]:
        """Those who wait, the longest first."""
        waiting = [one for one in self._sessions.values() if one.history.stage is Stage.WAITING]
        waiting = [one for one in waiting if not queue or one.queue == queue]
        return sorted(waiting, key=lambda one: one.history.wait.began if one.history.wait else datetime.max)

    def wall(self, now: datetime, queues: Sequence[str]) -> Wall:
        waiting = self.waiting()
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
