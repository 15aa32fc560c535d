"""Which sections a report has, made from the wait log alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from holdsvc.calls.model import ContentId, ContentItem
from holdsvc.calls.service_level import Target
from holdsvc.ports import Ledger, WaitQuery
from holdsvc.reports import patience, waits
from holdsvc.reports.page import Report, Section
from holdsvc.reports.plays import plays
from holdsvc.reports.plays import section as plays_section
from holdsvc.reports.table import table

TITLES = {
    "all": "Report on waiting",
    "service-level": "Service level",
    "waits": "Waits and how they ended",
    "abandonment": "Abandonment, and who came back",
    "patience": "Patience by content",
    "choices": "What callers chose",
    "plays": "What was played",
    "law": "Answered within three minutes",
}
Items = Mapping[ContentId, ContentItem]


def report(name: str, ledger: Ledger, query: WaitQuery, items: Items, target: Target, now: datetime) -> Report:
    """`items`: what is on the shelves now, for titles and licences. Waits are read once, whatever is asked for."""
    of = table(ledger.columns(query), now)
    sections: dict[str, Callable[[], tuple[Section, ...]]] = {
        "service-level": lambda: (waits.service_level(of, target),),
        "waits": lambda: (waits.waited(of, target), waits.outcomes(of)),
        "abandonment": lambda: (patience.abandonment_curve(of), patience.never_came_back(of, now.timestamp())),
        "patience": lambda: (patience.patience(of),),
        "choices": lambda: (waits.choices(ledger.choices(query), len(of)),),
        "plays": lambda: (plays_section(plays(ledger.heard(query), items)),),
        "law": lambda: (waits.three_minutes(of),),
    }
    wanted = sections if name == "all" else {name: sections[name]}
    made = tuple(section for make in wanted.values() for section in make())
    return Report(TITLES[name], now, query.since, query.until, query.queue, len(of), made)
