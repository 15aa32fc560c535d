"""`holdsvc report`: figures and plots out of the wait log, beside a live service or without one."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from holdsvc import app
from holdsvc.commands.log import asked, opened, written
from holdsvc.commands.queues import check_logged
from holdsvc.config import Settings, load
from holdsvc.engine.plans import heard_where, zone_of
from holdsvc.reports import book
from holdsvc.reports.html import as_html
from holdsvc.reports.page import Report
from holdsvc.reports.plays import Shelved
from holdsvc.reports.show import as_csv, as_json, as_text
from holdsvc.stores.airings import FILE as AIRINGS
from holdsvc.stores.airings import AiringLog


def report(given: argparse.Namespace) -> int:
    settings = load(given.config)
    query = asked(given)
    folder = app.data_folder(settings)
    aired = AiringLog(folder / AIRINGS).sums(query.since, query.until)
    with opened(settings, given.ledger) as ledger:
        check_logged(given.queue, settings, ledger)
        shelved = shelves(settings, folder, query.until)
        made = book.report(given.report, ledger, query, shelved, app.target(settings), datetime.now(UTC), aired)
    body = drawn(made, given.format)
    if given.out is None:
        sys.stdout.buffer.write(body)
        return 0
    with written("--out", given.out) as out:
        out.write(body)
    print(f"the report is {given.out}", file=sys.stderr)
    return 0


def shelves(settings: Settings, folder: Path, until: datetime | None) -> Shelved:
    """Items as they were at the end of the period, and where callers of our queues are."""
    library = app.open_library(settings, folder)
    there = {item.id: item for item in (*library.waiting, *library.items)}  # also what has no sound here yet
    queues = {"default": settings.queue("default"), **settings.queues}
    heard_in = {name: heard_where(rules, queues, settings.callers.region) for name, rules in queues.items()}
    return Shelved(
        {**there, **app.shelf_history(folder).as_of(until)},
        frozenset(there),
        heard_in,
        heard_in["default"],
        tuple({zone_of(rules) for rules in queues.values()}),
    )


def drawn(made: Report, form: str) -> bytes:
    match form:
        case "html":
            return as_html(made)
        case "csv":
            return as_csv(made)
        case "json":
            return as_json(made)
        case _:
            return as_text(made).encode() + b"\n"
