"""Which sections a report has, made from the wait log alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial

from holdsvc.calls.airing import AiredSum
from holdsvc.calls.callback import Callback
from holdsvc.calls.service_level import Target
from holdsvc.ports import CallbackQuery, Ledger, WaitQuery
from holdsvc.reports import patience, waits
from holdsvc.reports.callbacks import callbacks
from holdsvc.reports.estimates import estimates
from holdsvc.reports.page import Report, Section
from holdsvc.reports.plays import Played, Shelved, plays
from holdsvc.reports.plays import section as plays_section
from holdsvc.reports.table import table

TITLES = {
    "all": "Report on waiting",
    "service-level": "Service level",
    "waits": "Waits and how they ended",
    "estimates": "Waits as they were told",
    "callbacks": "Call-backs",
    "abandonment": "Abandonment, and who came back",
    "patience": "Patience by content",
    "choices": "What callers chose",
    "plays": "What was played",
    "law": "Answered within three minutes",
}


def report(
    name: str,
    ledger: Ledger,
    query: WaitQuery,
    shelved: Shelved,
    target: Target,
    now: datetime,
    aired: Iterable[AiredSum] = (),
) -> Report:
    """`shelved`: for titles and licences; `aired`: what live shelves sent. Waits are read once, whatever is asked for."""
    of = table(ledger.columns(query), now)
    sections: dict[str, Callable[[], tuple[Section, ...]]] = {
        "service-level": lambda: (waits.service_level(of, target),),
        "waits": lambda: (waits.waited(of, target), waits.outcomes(of)),
        "estimates": lambda: estimates(ledger.told(query)),
        "callbacks": lambda: (callbacks(promised(ledger, query)),),
        "abandonment": lambda: (patience.abandonment_curve(of), patience.never_came_back(of, now.timestamp())),
        "patience": lambda: (patience.patience(of),),
        "choices": lambda: (waits.choices(ledger.choices(query), len(of)),),
        "plays": lambda: (plays_section(played(ledger, query, shelved, aired)),),
        "law": lambda: (waits.three_minutes(of),),
    }
    wanted = sections if name == "all" else {name: sections[name]}
    made = tuple(section for make in wanted.values() for section in make())
    return Report(TITLES[name], now, query.since, query.until, query.queue, len(of), made, ledger.complete_after())


def promised(ledger: Ledger, query: WaitQuery) -> list[Callback]:
    """Those that were asked for in the period."""
    some = ledger.callbacks(CallbackQuery(queue=query.queue, most=query.most))
    since, until = query.since, query.until
    return [one for one in some if (since is None or one.asked >= since) and (until is None or one.asked < until)]


def played(ledger: Ledger, query: WaitQuery, shelved: Shelved, aired: Iterable[AiredSum]) -> tuple[Played, ...]:
    """Live shelves are in no queue: where one queue is asked for, they are left out."""
    heard = ledger.heard(query, shelved.territories, shelved.territory)
    late = partial(ledger.heard_late, query)
    return plays(heard, shelved, late, () if query.queue else aired)
