"""The day so far, as a wall shows it: sums, the service level as the contract counts, waits by hour and length.

No caller is in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from holdsvc.calls.estimate import Expected
from holdsvc.calls.model import Outcome
from holdsvc.calls.promise import Came
from holdsvc.calls.service_level import Counts, Level, Target, levels
from holdsvc.calls.session import HoldSession
from holdsvc.engine.callbacks import Owing, together
from holdsvc.ports import Ended

LENGTHS = (10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)  # seconds that part waits on the map of the day
ABANDONED = (Outcome.ABANDONED.value, Outcome.SHORT_ABANDONED.value)


class ServiceLevel(Struct, frozen=True):
    """`share` is None where there is nothing to take a share of; `counted` says of how many it is."""

    share: float | None
    counted: int
    target: float
    seconds: float
    variant: str


class Told(Struct, frozen=True):
    """Waits that ended, as far as it is known when the agent came, against the range that the caller was told first."""

    earlier: int
    within: int
    later: int


class QueueNow(Struct, frozen=True):
    queue: str
    waiting: int
    longest_wait_seconds: float | None
    answered: int
    abandoned: int
    short_abandoned: int
    offered: int
    level: ServiceLevel
    hearing: Mapping[str, int]  # what those who wait listen to -> how many of them
    expected_seconds: Expected | None  # for a caller who came now and had to wait; None: there is no ground for any
    told: Told
    callbacks: Owing | None  # None: none is offered, and none is owed


class Hour(Struct, frozen=True):
    begins: datetime
    waits: tuple[int, ...]  # that ended in it, by length; the last are longer than the last edge
    abandoned: int  # of them


class Wall(Struct, frozen=True):
    at: datetime
    waiting: int
    longest_wait_seconds: float | None
    answered: int
    abandoned: int
    short_abandoned: int
    offered: int
    level: ServiceLevel
    told: Told
    callbacks: Owing | None
    hearing: Mapping[str, int]
    queues: tuple[QueueNow, ...]
    edges: tuple[float, ...]
    hours: tuple[Hour, ...]
    degraded: tuple[str, ...]  # parts that are away and served without, as the process sees it that answers


class Today:
    """What ended since `midnight`, counted by `edges`."""

    def __init__(
        self, ended: Mapping[Ended, int], edges: tuple[float, ...], target: Target, midnight: datetime
    ) -> None:
        self._ended, self._edges, self._target, self._midnight = ended, edges, target, midnight
        self._in_time = edges.index(target.seconds)

    def wall(
        self,
        queues: Sequence[str],
        waiting: Sequence[HoldSession],
        now: datetime,
        expected: Callable[[str], Expected | None] = lambda queue: None,
        owing: Mapping[str, Owing] | None = None,
        degraded: Sequence[str] = (),
    ) -> Wall:
        named = [queue for queue in queues if queue != "default"]  # which stands for names that nobody configured
        owing = owing or {}
        names = dict.fromkeys([*named, *(one.queue for one in waiting), *(one.queue for one in self._ended), *owing])
        sums = self._outcomes()
        return Wall(
            at=now,
            waiting=len(waiting),
            longest_wait_seconds=longest(waiting, now),
            answered=sums[Outcome.ANSWERED],
            abandoned=sums[Outcome.ABANDONED],
            short_abandoned=sums[Outcome.SHORT_ABANDONED],
            offered=len(waiting) + sum(sums.values()),
            level=self._level(),
            told=self._told(),
            callbacks=together(owing.values()),
            hearing=hearing(waiting),
            queues=tuple(self._row(queue, waiting, now, expected(queue), owing.get(queue)) for queue in names),
            edges=self._edges,
            hours=self._hours(now),
            degraded=tuple(degraded),
        )

    def _row(
        self,
        queue: str,
        waiting: Sequence[HoldSession],
        now: datetime,
        expected: Expected | None,
        callbacks: Owing | None,
    ) -> QueueNow:
        here = [one for one in waiting if one.queue == queue]
        sums = self._outcomes(queue)
        return QueueNow(
            queue,
            len(here),
            longest(here, now),
            sums[Outcome.ANSWERED],
            sums[Outcome.ABANDONED],
            sums[Outcome.SHORT_ABANDONED],
            len(here) + sum(sums.values()),
            self._level(queue),
            hearing(here),
            expected,
            self._told(queue),
            callbacks,
        )

    def _outcomes(self, queue: str = "") -> Counter[str]:
        sums: Counter[str] = Counter()
        for one, count in self._ended.items():
            if not queue or one.queue == queue:
                sums[one.outcome] += count
        return sums

    def _told(self, queue: str = "") -> Told:
        sums: Counter[str] = Counter()
        for one, count in self._ended.items():
            if not queue or one.queue == queue:
                sums[one.came] += count
        return Told(sums[Came.EARLIER], sums[Came.WITHIN], sums[Came.LATER])

    def _level(self, queue: str = "") -> ServiceLevel:
        level = self._counted(queue)
        target = self._target
        return ServiceLevel(level.share, level.whole, target.share, target.seconds, target.variant)

    def _counted(self, queue: str) -> Level:
        sums: Counter[tuple[str, bool]] = Counter()
        for one, count in self._ended.items():
            if not queue or one.queue == queue:
                sums[one.outcome, one.length <= self._in_time] += count
        both = {outcome: sums[outcome, True] + sums[outcome, False] for outcome in Outcome}
        counts = Counts(
            answered=both[Outcome.ANSWERED],
            answered_within=sums[Outcome.ANSWERED, True],
            abandoned=sum(both[Outcome(one)] for one in ABANDONED),
            abandoned_within=sum(sums[one, True] for one in ABANDONED),
            abandoned_short=both[Outcome.SHORT_ABANDONED],
            flowed_out=both[Outcome.OVERFLOWED],
            offered=sum(both.values()),
        )
        return next(one for one in levels(counts) if one.name == self._target.variant)

    def _hours(self, now: datetime) -> tuple[Hour, ...]:
        """All of the day that have begun, empty ones too."""
        first, last = (int(moment.timestamp() // 3600) for moment in (self._midnight, now))
        waits = {hour: [0] * (len(self._edges) + 1) for hour in range(first, last + 1)}
        gone: Counter[int] = Counter()
        for one, count in self._ended.items():
            if one.hour in waits:
                waits[one.hour][one.length] += count
                gone[one.hour] += count if one.outcome in ABANDONED else 0
        zone = self._midnight.tzinfo
        return tuple(
            Hour(datetime.fromtimestamp(hour * 3600, zone), tuple(row), gone[hour]) for hour, row in waits.items()
        )


def hearing(waiting: Sequence[HoldSession]) -> dict[str, int]:
    """By menu entry, genres together: what they listen to, the most first."""
    return dict(Counter(one.choice.partition(":")[0] or "house" for one in waiting).most_common())


def longest(waiting: Sequence[HoldSession], now: datetime) -> float | None:
    waits = [(now - one.history.wait.began).total_seconds() for one in waiting if one.history.wait]
    return round(max(waits), 1) if waits else None
