"""What a report is before anybody looks at it: sections of tables and plots, without a word on how they are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum

from msgspec import Struct

Cell = str | int | float | None


class Unit(StrEnum):
    """How a column's numbers are to be read."""

    WORD = ""
    COUNT = "count"
    SHARE = "share"  # 0 to 1
    SECONDS = "seconds"
    NUMBER = "number"


class Column(Struct, frozen=True):
    name: str  # in CSV and JSON
    head: str  # for people
    unit: Unit = Unit.WORD
    below: bool = False  # on a terminal it stands beneath its row: there is no room for it in it


class Series(Struct, frozen=True):
    """Steps: from x[i] on the value is y[i]. `low` and `high` are a band, or empty."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


class Plot(Struct, frozen=True):
    title: str
    across: str  # what x is
    up: str  # what y is: a share, 0 to 1
    series: tuple[Series, ...]


class Section(Struct, frozen=True):
    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()  # what must be known to read it: populations, formulas, gaps
    plot: Plot | None = None


class Report(Struct, frozen=True):
    title: str
    made: datetime
    since: datetime | None
    until: datetime | None
    queue: str
    waits: int
    sections: tuple[Section, ...]
    complete_after: datetime | None = None  # of older waits some, or all, were let go because of their age

    @property
    def period(self) -> str:
        if self.since is None and self.until is None:
            return f"the whole log{self._lacks}"
        since = "its beginning" if self.since is None else stamp(self.since)
        until = "now" if self.until is None else stamp(self.until)
        return f"waits that began from {since} to {until}{self._lacks}"

    @property
    def _lacks(self) -> str:
        gone = self.complete_after
        if gone is None or (self.since is not None and self.since > gone):
            return ""
        return f" (complete after {stamp(gone)}: what is older was let go)"


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def spoken(value: Cell, unit: Unit) -> str:
    """For people; a figure that there is not is a dash, never a zero."""
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    match unit:
        case Unit.SHARE:
            return f"{100 * value:.1f} %"
        case Unit.SECONDS:
            return f"{value:,.1f} s"
        case Unit.NUMBER:
            return f"{value:.3g}"
        case _:
            return f"{value:,}" if isinstance(value, int) else f"{value:g}"
