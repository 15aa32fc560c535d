"""A report as one page that needs nothing from anywhere: tables, and plots as SVG. Built as a tree, never as a string."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from xml.etree.ElementTree import Element, SubElement, tostring

from holdsvc.reports.page import Plot, Report, Section, Series, Unit, spoken, stamp

WIDTH, HEIGHT = 760, 300
LEFT, RIGHT, TOP, BOTTOM = 56, 150, 16, 44
APART = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)  # seconds from one mark to the next
MOST_MARKS = 6
# Told apart by their dashes as well as by their colours.
LINES = (
    ("#0b5f5a", ""),
    ("#a84300", "7 3"),
    ("#5b3fa8", "2 3"),
    ("#8a1c4a", "10 3 2 3"),
    ("#3c5a14", "4 4"),
    ("#1d4f91", "1 4"),
)
STYLE = """
:root { color-scheme: light dark; --ink: #182524; --quiet: #55625f; --edge: #dedad1; --ground: #fff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8efed; --quiet: #a3b3af; --edge: #2a3635; --ground: #131b1a; } }
@media (prefers-color-scheme: dark) { svg .line { filter: brightness(1.9) saturate(.7); } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground); margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .8rem .3rem 0; text-align: left; border-bottom: 1px solid var(--edge); white-space: nowrap; }
th { font-weight: 600; } .n { text-align: right; } p, li { color: var(--quiet); max-width: 70ch; } ul { padding-left: 1.2rem; }
svg { max-width: 100%; height: auto; } svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
svg .grid { stroke: var(--edge); } svg .line { fill: none; stroke-width: 2; } svg .band { opacity: .13; }
"""  # noqa: E501


def as_html(report: Report) -> bytes:
    page = Element("html", lang="en")
    head = SubElement(page, "head")
    SubElement(head, "meta", charset="utf-8")
    SubElement(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
    SubElement(head, "title").text = report.title
    SubElement(head, "style").text = STYLE
    body = SubElement(page, "body")
    SubElement(body, "h1").text = report.title
    queue = f", queue {report.queue}" if report.queue else ""
    told = f"{report.period}{queue}; {report.waits:,} waits. Made {stamp(report.made)} from the wait log."
    SubElement(body, "p").text = told[0].upper() + told[1:]
    for section in report.sections:
        draw(body, section)
    whole: bytes = tostring(page, "utf-8", method="html")
    return b"<!doctype html>\n" + whole


def draw(body: Element, section: Section) -> None:
    place = SubElement(body, "section", id=section.name)
    SubElement(place, "h2").text = section.title
    if section.plot is not None:
        plot(place, section.plot)
    if section.rows:
        table(SubElement(place, "div", {"class": "scroll", "tabindex": "0"}), section)
    else:
        SubElement(place, "p").text = "Nothing in this period."
    notes = SubElement(place, "ul")
    for note in section.notes:
        SubElement(notes, "li").text = note


def table(place: Element, section: Section) -> None:
    grid = SubElement(place, "table")
    head = SubElement(SubElement(grid, "thead"), "tr")
    for column in section.columns:
        SubElement(head, "th", {"scope": "col", **classed(column.unit)}).text = column.head
    rows = SubElement(grid, "tbody")
    for row in section.rows:
        line = SubElement(rows, "tr")
        for cell, column in zip(row, section.columns, strict=True):
            SubElement(line, "td", classed(column.unit)).text = spoken(cell, column.unit)


def classed(unit: Unit) -> dict[str, str]:
    return {} if unit is Unit.WORD else {"class": "n"}


def plot(place: Element, of: Plot) -> None:
    picture = SubElement(place, "svg", viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img")
    SubElement(picture, "title").text = f"{of.title}: {of.up} against {of.across}"
    end = max((one.x[-1] for one in of.series if one.x), default=1.0) or 1.0
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = up(share)
        SubElement(picture, "line", {"class": "grid"}, x1=f"{LEFT}", x2=f"{WIDTH - RIGHT}", y1=y, y2=y)
        SubElement(
            picture, "text", {"text-anchor": "end"}, x=f"{LEFT - 8}", y=f"{float(y) + 4:.1f}"
        ).text = f"{100 * share:.0f} %"
    for at in marks(end):
        SubElement(
            picture, "text", {"text-anchor": "middle"}, x=across(at, end), y=f"{HEIGHT - BOTTOM + 18}"
        ).text = f"{at}"
    SubElement(
        picture, "text", {"text-anchor": "middle"}, x=f"{(LEFT + WIDTH - RIGHT) / 2}", y=f"{HEIGHT - 6}"
    ).text = of.across
    for number, series in enumerate(of.series):
        line(picture, series, number, end)


def marks(end: float) -> range:
    """Round seconds to read the plot by, at most MOST_MARKS after 0."""
    apart = next((one for one in APART if end / one <= MOST_MARKS), ceil(end / MOST_MARKS / APART[-1]) * APART[-1])
    return range(0, int(end) + 1, apart)


def line(picture: Element, series: Series, number: int, end: float) -> None:
    colour, dash = LINES[number % len(LINES)]
    first = 1.0 if series.y and series.y[0] >= series.y[-1] and series.y[0] > 0.5 else 0.0
    if series.low:
        there = steps(series.x, series.high, end, first)
        back = steps(series.x, series.low, end, first)
        points = " ".join([*there, *reversed(back)])
        SubElement(picture, "polygon", {"class": "band"}, points=points, fill=colour)
    look = {"class": "line", "stroke": colour} | ({"stroke-dasharray": dash} if dash else {})
    SubElement(picture, "polyline", look, points=" ".join(steps(series.x, series.y, end, first)))
    x, y = WIDTH - RIGHT + 14, TOP + 14 + 20 * number
    SubElement(picture, "line", look, x1=f"{x}", x2=f"{x + 30}", y1=f"{y}", y2=f"{y}")
    SubElement(picture, "text", x=f"{x + 36}", y=f"{y + 4}").text = series.name


def steps(x: Sequence[float], y: Sequence[float], end: float, first: float) -> list[str]:
    points, level = [f"{across(0, end)},{up(first)}"], first
    for at, value in zip(x, y, strict=True):
        points += [f"{across(at, end)},{up(level)}", f"{across(at, end)},{up(value)}"]
        level = value
    return points


def across(value: float, end: float) -> str:
    return f"{LEFT + value / end * (WIDTH - LEFT - RIGHT):.1f}"


def up(share: float) -> str:
    return f"{HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM):.1f}"
