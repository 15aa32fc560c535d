"""`holdsvc report`: figures out of the wait log, beside a live service or without one."""

from __future__ import annotations

import argparse
import sys
from typing import BinaryIO

from holdsvc import app
from holdsvc.commands.log import EVERYTHING, file_of, moment
from holdsvc.config import load
from holdsvc.ports import WaitQuery
from holdsvc.reports import plays
from holdsvc.stores.ledger import SqliteLedger


def report(given: argparse.Namespace) -> int:
    """What callers heard, item by item, with its licence."""
    settings = load(given.config)
    query = WaitQuery(moment("--since", given.since), moment("--until", given.until), given.queue, most=EVERYTHING)
    items = {item.id: item for item in app.open_library(settings, app.data_folder(settings)).items}
    with SqliteLedger(file_of(settings)) as ledger:
        found = plays.plays(ledger.waits(query), items)
    if given.out is None:
        show(found, given.format, sys.stdout.buffer)
        return 0
    with given.out.open("wb") as out:
        show(found, given.format, out)
    print(f"{len(found)} items are in {given.out}", file=sys.stderr)
    return 0


def show(found: tuple[plays.Played, ...], form: str, out: BinaryIO) -> None:
    match form:
        case "csv":
            plays.as_csv(found, out)
        case "json":
            plays.as_json(found, out)
        case _:
            out.write(f"{plays.as_table(found)}\n".encode())
