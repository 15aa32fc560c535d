"""What callers are told of their wait in a queue of which the truth is known, and how much of it was kept.

Told as `calls/promise` decides, with a look at each who waits every few seconds: `python -m tests.simulator.told` prints what the
documents say.
"""

from __future__ import annotations

import heapq
import random
from bisect import insort
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from holdsvc.calls import estimate, promise
from holdsvc.calls.estimate import MOST_DEPARTED, Departed, Movement
from holdsvc.calls.model import Outcome
from holdsvc.calls.position import APART, SETTLED, WAIT_APART
from holdsvc.calls.promise import Came, Promise
from holdsvc.simulator.staffing import Staffing
from tests.simulator.foretold import CALLS, ROWS, callers
from tests.simulator.foretold import Came as Caller

EVERY = 10.0  # seconds between two looks at a caller
LONG = (
    Staffing(10, 10 / 3, 180.0, 600.0),
    Staffing(3, 2.0, 120.0, 900.0),
    Staffing(4, 2.0, 240.0, 900.0),
    Staffing(20, 8.0, 180.0, 1200.0),
)


@dataclass
class Told:
    caller: Caller
    promises: list[Promise] = field(default_factory=list)

    @property
    def due(self) -> datetime:
        return moment(self.caller.due)

    def came(self, place: int) -> Came | None:
        """By what was told first (0) or last (-1): when the agent would have come to this caller, had there been the patience."""
        told = self.promises[place]
        return promise.kept(told, self.due, Outcome.ANSWERED)

    @property
    def worse(self) -> Iterator[tuple[Promise, Promise]]:
        """Tellings that ended later than those before them promised, by the clock."""
        for before, after in zip(self.promises, self.promises[1:], strict=False):
            if before.until and (after.until is None or after.until > before.until):
                yield before, after


class Queue:
    def __init__(self) -> None:
        self._waiting: list[float] = []
        self._departed: deque[Departed] = deque(maxlen=MOST_DEPARTED)

    def arrive(self, one: Caller) -> None:
        insort(self._waiting, one.began)

    def leave(self, one: Caller) -> None:
        self._waiting.remove(one.began)
        self._departed.append(Departed(one.began, one.ended, one.outcome))

    def look(self, told: Told, now: float) -> None:
        last, at = (told.promises[-1] if told.promises else None), moment(now)
        if last is not None and at < last.at + APART:
            return
        movement = Movement(tuple(self._departed), tuple(self._waiting))
        outlook = estimate.outlook(movement, now, told.caller.began)
        made = promise.made(outlook, last, at) if outlook else None
        if made is not None and (last is None or made.longer or at >= last.at + WAIT_APART):
            told.promises.append(made)


def run(staff: Staffing, calls: int, seed: int, *, away: int = 0) -> list[Told]:
    """Those who waited for long enough to be told something."""
    queue, everybody, order = Queue(), [], 0
    events: list[tuple[float, int, int, Told]] = []
    for one in callers(staff, calls, random.Random(seed), away=away):
        told = Told(one)
        everybody.append(told)
        for kind, when in ((0, one.ended), (1, one.began), (2, one.began + SETTLED.total_seconds())):
            order += 1
            heapq.heappush(events, (when, kind, order, told))
    gone: set[int] = set()
    while events:
        now, kind, _, told = heapq.heappop(events)
        if kind == 1:
            queue.arrive(told.caller)
            if told.caller.ended <= now:
                queue.leave(told.caller)
                gone.add(id(told))
        elif kind == 0 and id(told) not in gone and now > told.caller.began:
            queue.leave(told.caller)
            gone.add(id(told))
        elif kind == 2 and id(told) not in gone:
            queue.look(told, now)
            order += 1
            heapq.heappush(events, (now + EVERY, 2, order, told))
    return [one for one in everybody if one.caller.ended - one.caller.began >= SETTLED.total_seconds()]


def moment(second: float) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def shares(waits: list[Told], place: int) -> dict[Came, float]:
    came = Counter(one.came(place) for one in waits if one.promises)
    return {one: came[one] / max(1, came.total()) for one in Came}


def main() -> None:
    print(
        "agents  a minute  talk  patience  waits  told %  tellings  longer %"
        "  of the first: earlier  within  later  of the last: earlier  within  later"
    )
    for staff, away in [*((one, 0) for one in (*ROWS, *LONG)), (LONG[0], 4)]:
        waits = run(staff, CALLS, 1, away=away)
        told = [one for one in waits if one.promises]
        tellings = sum(len(one.promises) for one in told) / max(1, len(told))
        longer = sum(any(promise.longer for promise in one.promises) for one in told) / max(1, len(told))
        figures = "  ".join(f"{100 * share:7.1f}" for place in (0, -1) for share in shares(waits, place).values())
        print(
            f"{staff.agents:6}  {staff.arrivals:8.1f}  {staff.handling:4.0f}  {staff.patience:8.0f}  {len(waits):5}"
            f"  {100 * len(told) / max(1, len(waits)):4.1f}  {tellings:8.2f}  {100 * longer:6.1f}  {figures}"
            f"  {Counter(promise.prompt(one.promises[0].span) for one in told).most_common(4)}"
        )


if __name__ == "__main__":
    main()
