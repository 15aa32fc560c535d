"""The wait log as columns: what figures over very many waits are made of.

A million waits are a few tens of megabytes here; as records they would be more than a gigabyte.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from holdsvc.calls.model import Outcome
from holdsvc.ports import WaitColumns

Flags: TypeAlias = NDArray[np.bool_]
Numbers: TypeAlias = NDArray[np.float64]
Codes: TypeAlias = NDArray[np.int32]

OUTCOMES = tuple(Outcome)
WAITING = -1  # the code of no outcome yet
NOBODY = -1  # the code of a caller who is not known
NOTHING = "nothing"  # heard less than a moment of anything


class WaitTable(Struct, frozen=True):
    """One row a wait. Codes point into the tuple of names beside them."""

    began: Numbers  # seconds since 1970, UTC
    seconds: Numbers  # of the whole wait; of what has passed by now for who waits still
    outcome: Codes  # into OUTCOMES, or WAITING
    queue: Codes
    queues: tuple[str, ...]
    caller: Codes  # the same caller has the same code; NOBODY where the number was withheld or forgotten
    content: Codes  # the kind that was heard longest
    contents: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.began)

    @property
    def waiting(self) -> Flags:
        flags: Flags = self.outcome == WAITING
        return flags

    def ended_as(self, *outcomes: Outcome) -> Flags:
        return np.isin(self.outcome, [OUTCOMES.index(one) for one in outcomes])

    def only(self, rows: Flags) -> WaitTable:
        return WaitTable(
            self.began[rows],
            self.seconds[rows],
            self.outcome[rows],
            self.queue[rows],
            self.queues,
            self.caller[rows],
            self.content[rows],
            self.contents,
        )

    def of_queue(self, queue: str) -> WaitTable:
        return self.only(self.queue == self.queues.index(queue)) if queue in self.queues else self.only(self.queue < 0)


class _Names:
    def __init__(self) -> None:
        self.codes: dict[str, int] = {}

    def code(self, name: str) -> int:
        return self.codes.setdefault(name, len(self.codes))


def table(rows: Iterable[WaitColumns], now: datetime) -> WaitTable:
    """`now` is where the waits of those who wait still are cut off."""
    queues, contents, callers = _Names(), _Names(), _Names()
    codes = {outcome.value: number for number, outcome in enumerate(OUTCOMES)}
    numbers: list[tuple[float, float]] = []
    marks: list[tuple[int, int, int, int]] = []
    stop = now.timestamp()
    for queue, caller, began, seconds, outcome, content in rows:
        passed = seconds if seconds is not None else max(0.0, stop - began)
        numbers.append((began, passed))
        marks.append(
            (
                codes[outcome] if outcome else WAITING,
                queues.code(queue),
                callers.code(caller) if caller else NOBODY,
                contents.code(content or NOTHING),
            )
        )
    times = np.array(numbers, np.float64).reshape(-1, 2)
    said = np.array(marks, np.int32).reshape(-1, 4)
    return WaitTable(
        began=times[:, 0].copy(),
        seconds=times[:, 1].copy(),
        outcome=said[:, 0].copy(),
        queue=said[:, 1].copy(),
        queues=tuple(queues.codes),
        caller=said[:, 2].copy(),
        content=said[:, 3].copy(),
        contents=tuple(contents.codes),
    )
