"""A report for a terminal, for a spreadsheet, for a program. For a browser there is `html`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from textwrap import wrap

import msgspec

from holdsvc.reports.export import harmless
from holdsvc.reports.page import Report, Section, Series, Unit, spoken, stamp

WIDE = 118  # characters of a line
_BLOCKS = " ▁▂▃▄▅▆▇█"
_CURVE = 48  # characters of a curve


def as_text(report: Report) -> str:
    head = [report.title, f"{report.period}{f', queue {report.queue}' if report.queue else ''}; {report.waits:,} waits"]
    return "\n".join([*head, *(line for section in report.sections for line in ("", *section_text(section)))])


def section_text(section: Section) -> Iterable[str]:
    yield section.title
    yield "─" * len(section.title)
    units = [column.unit for column in section.columns]
    rows = [tuple(map(spoken, row, units)) for row in section.rows]
    if not rows:
        yield "nothing in this period"
    else:
        yield from grid(section, rows)
    curves = [one for one in section.plot.series if one.x] if section.plot else []
    if curves:
        end = max(one.x[-1] for one in curves)
        width = max(len(one.name) for one in curves)
        for one in curves:
            yield f"{one.name:>{width}}  {curve(one, end)}  0 to {end:.0f} s"
    for note in section.notes:
        yield from wrap(note, WIDE, initial_indent="· ", subsequent_indent="  ")


def grid(section: Section, rows: list[tuple[str, ...]]) -> Iterable[str]:
    """A line each, and beneath it the words that there is no room for in it."""
    beside = [place for place, column in enumerate(section.columns) if not column.below]
    below = [place for place, column in enumerate(section.columns) if column.below]
    head = tuple(column.head for column in section.columns)
    widths = {place: max(len(row[place]) for row in (head, *rows)) for place in beside}
    for row in (head, *rows):
        cells = (
            row[place].ljust(widths[place])
            if section.columns[place].unit is Unit.WORD
            else row[place].rjust(widths[place])
            for place in beside
        )
        yield "  ".join(cells).rstrip()
        if row is not head:
            words = " · ".join(row[place] for place in below if row[place])
            yield from wrap(words, WIDE, initial_indent="    ", subsequent_indent="    ")


def curve(series: Series, end: float) -> str:
    """The steps as blocks; full height is 1."""
    marks = []
    for place in range(_CURVE):
        until = (place + 1) * end / _CURVE
        before = [y for x, y in zip(series.x, series.y, strict=True) if x <= until]
        value = before[-1] if before else (1.0 if series.y and series.y[0] > series.y[-1] else 0.0)
        marks.append(_BLOCKS[round(value * (len(_BLOCKS) - 1))])
    return "".join(marks)


def as_csv(report: Report) -> bytes:
    """One table after the other, each under a line with its name, so that one file holds all."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    for place, section in enumerate(report.sections):
        if len(report.sections) > 1:
            writer.writerows([[]] if place else [])
            writer.writerow([section.name])
        writer.writerow([column.name for column in section.columns])
        for row in section.rows:
            writer.writerow(["" if cell is None else harmless(cell) if isinstance(cell, str) else cell for cell in row])
    return out.getvalue().encode()


def as_json(report: Report) -> bytes:
    sections = {
        section.name: {
            "title": section.title,
            "notes": section.notes,
            "rows": [dict(zip((column.name for column in section.columns), row, strict=True)) for row in section.rows],
        }
        for section in report.sections
    }
    told = {
        "made": stamp(report.made),
        "since": report.since,
        "until": report.until,
        "queue": report.queue,
        "waits": report.waits,
    }
    return msgspec.json.format(msgspec.json.encode({**told, "sections": sections})) + b"\n"
