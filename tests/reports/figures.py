"""Waits as columns, written down by hand or drawn by chance."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from holdsvc.calls.model import Outcome
from holdsvc.ports import WaitColumns
from holdsvc.reports.table import WaitTable, table
from tests.stores.calls import START

Told = tuple[float, Outcome | None]


def waits(*told: Told, queue: str = "support", now: datetime = START) -> WaitTable:
    began = now.timestamp()
    rows = [
        WaitColumns(queue, f"c{number}", began, seconds if outcome else None, outcome, "music")
        for number, (seconds, outcome) in enumerate(told)
    ]
    return table(rows, now)


def times(outcome: Outcome | None, seconds: float, count: int) -> Iterable[Told]:
    return [(seconds, outcome)] * count
