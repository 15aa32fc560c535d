"""Who waits now: the sessions, as the last event left them. For the wall, the scrape and the agents."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo

from msgspec.structs import replace

from holdsvc.calls.estimate import Expected
from holdsvc.calls.facts import AnyFact, WaitAmended, WaitEnded
from holdsvc.calls.history import Stage
from holdsvc.calls.model import CallerId, CallRef, Outcome, QueueName
from holdsvc.calls.promise import Came
from holdsvc.calls.service_level import Target
from holdsvc.calls.session import HoldSession
from holdsvc.clock import Clock
from holdsvc.engine.callbacks import Owing
from holdsvc.engine.day import LENGTHS, Today, Wall
from holdsvc.ports import Ended


class Roster:
    """`zone` says when a day begins; news counts to the day in which it happened, by the clock. `expected` is asked how long a
    caller would wait who came to a queue now."""

    def __init__(
        self,
        clock: Clock,
        target: Target | None = None,
        zone: tzinfo = UTC,
        expected: Callable[[QueueName, datetime], Expected | None] = lambda queue, now: None,
    ) -> None:
        self.target, self.zone = target or Target(), zone
        self.edges = tuple(sorted({*LENGTHS, self.target.seconds}))
        self._clock, self._expected = clock, expected
        self.owing: Callable[[], Mapping[str, Owing]] = dict
        self.away: Callable[[], Sequence[str]] = tuple  # the parts that are served without now
        self._sessions: dict[CallRef, HoldSession] = {}
        self._today: Counter[Ended] = Counter()
        self._day = self._date()

    @property
    def midnight(self) -> datetime:
        """When today began."""
        return datetime.combine(self._date(), datetime.min.time(), self.zone)

    def start_from(self, sessions: Iterable[HoldSession], today: Mapping[Ended, int]) -> None:
        """`today`: what ended since midnight, by our edges."""
        self._sessions = {session.ref: session for session in sessions}
        self._today = Counter(today)

    def facts(self, session: HoldSession, facts: Sequence[AnyFact]) -> None:
        """A listener."""
        if session.history.stage is Stage.WAITING:
            self._sessions[session.ref] = session
        else:
            self._sessions.pop(session.ref, None)
        for fact in facts:
            if isinstance(fact, WaitEnded):
                self._count(fact.queue, fact.outcome, fact.came, fact.began, fact.ended, 1)
            elif isinstance(fact, WaitAmended):
                ended = fact.ended or fact.began
                self._count(fact.queue, fact.was, fact.came_was, fact.began, ended, -1)
                self._count(fact.queue, fact.became, fact.came, fact.began, ended, 1)

    def forget(self, caller: CallerId) -> None:
        for session in self._sessions.values():
            if session.caller == caller:
                anonymous = replace(session, caller=None, masked="", contact=None, told_account="", past=())
                self._sessions[session.ref] = anonymous

    def _count(
        self, queue: str, outcome: Outcome | None, came: Came | None, began: datetime, ended: datetime, by: int
    ) -> None:
        self._turn_over()
        if outcome is None or ended.astimezone(self.zone).date() != self._day:
            return
        length = bisect_left(self.edges, (ended - began).total_seconds())
        kind = Ended(queue, outcome.value, int(ended.timestamp() // 3600), length, came.value if came else "")
        if (
            by < 0 and not self._today[kind]
        ):  # it was told with another length, or in another hour: the nearest that there is
            kind = min(
                self._alike(kind), key=lambda one: (abs(one.hour - kind.hour), abs(one.length - length)), default=kind
            )
        self._today[kind] = max(0, self._today[kind] + by)

    def _alike(self, kind: Ended) -> list[Ended]:
        alike = kind.queue, kind.outcome, kind.came
        return [one for one, count in self._today.items() if (one.queue, one.outcome, one.came) == alike and count]

    def _turn_over(self) -> None:
        if (day := self._date()) != self._day:
            self._day = day
            self._today.clear()

    def _date(self) -> date:
        return self._clock.now().astimezone(self.zone).date()

    def known(self, ref: CallRef) -> HoldSession | None:
        """As it waits, if it does."""
        return self._sessions.get(ref)

    def get(self, call: str) -> HoldSession | None:
        """A live call by the platform's id, in its latest wait; with several platforms the first that has it."""
        found = [session for ref, session in self._sessions.items() if ref.call == call]
        return max(found, key=lambda session: session.ref.wait, default=None)

    def live(self) -> list[HoldSession]:
        return list(self._sessions.values())

    def waiting(self, queue: str = "") -> list[HoldSession]:
        """Those who wait, the longest first. Who is in another queue by now has no seat here, whoever has not told us yet."""
        here = [one for one in self._sessions.values() if one.elsewhere is None]
        waiting = [one for one in here if not queue or one.queue == queue]
        return sorted(waiting, key=lambda one: one.history.wait.began if one.history.wait else datetime.max)

    def wall(self, queues: Sequence[str]) -> Wall:
        self._turn_over()
        today = Today(self._today, self.edges, self.target, self.midnight)
        now = self._clock.now()
        return today.wall(
            queues,
            self.waiting(),
            now,
            lambda queue: self._expected(QueueName(queue), now),
            self.owing(),
            self.away(),
        )
