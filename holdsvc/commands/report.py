"""`holdsvc report`: figures and plots out of the wait log, beside a live service or without one."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime

from holdsvc import app
from holdsvc.commands.log import EVERYTHING, file_of, moment
from holdsvc.config import load
from holdsvc.ports import WaitQuery
from holdsvc.reports import book
from holdsvc.reports.html import as_html
from holdsvc.reports.page import Report
from holdsvc.reports.show import as_csv, as_json, as_text
from holdsvc.stores.ledger import SqliteLedger


def report(given: argparse.Namespace) -> int:
    settings = load(given.config)
    query = WaitQuery(moment("--since", given.since), moment("--until", given.until), given.queue, most=EVERYTHING)
    items = {item.id: item for item in app.open_library(settings, app.data_folder(settings)).items}
    with SqliteLedger(file_of(settings)) as ledger:
        made = book.report(given.report, ledger, query, items, app.target(settings), datetime.now(UTC))
    body = drawn(made, given.format)
    if given.out is None:
        sys.stdout.buffer.write(body)
        return 0
    given.out.write_bytes(body)
    print(f"the report is {given.out}", file=sys.stderr)
    return 0


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
