"""`holdsvc export`, `audit`, `callers forget`: the wait log, beside a live service or without one."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from holdsvc import app, catalogue
from holdsvc.callers.numbers import PhoneNumbers
from holdsvc.callers.pseudonym import Pseudonyms, key_for
from holdsvc.calls.model import PhoneNumber
from holdsvc.clock import SystemClock
from holdsvc.commands.live import ask
from holdsvc.commands.queues import check_logged
from holdsvc.config import Settings, is_postgres, load
from holdsvc.errors import ConfigError, InUse, OutboundFailed
from holdsvc.ports import Ledger, WaitQuery
from holdsvc.reports.audit import audit as prove
from holdsvc.reports.export import Form
from holdsvc.reports.export import export as write

EVERYTHING = 2**62  # rows: more than there can be


def file_of(settings: Settings) -> Path:
    """The file of the log, where it is in one."""
    check_kept(settings)
    if is_postgres(catalogue.ledger_url(settings)):
        raise ConfigError("ledger.url", "the wait log is in PostgreSQL, not in a file: pg_dump makes a copy of it")
    return there(catalogue.database(settings))


def opened(settings: Settings, url: str | None = None) -> AbstractContextManager[Ledger]:
    """The wait log of the settings, or the one that is named, to be read in a `with`."""
    if not url:
        check_kept(settings)
    url = url or catalogue.ledger_url(settings)
    if not is_postgres(url):
        there(catalogue.file_at(url, settings))
    return catalogue.ledger(settings, url)


def check_kept(settings: Settings) -> None:
    if settings.store.url.startswith("memory:"):
        raise ConfigError("store.url", f"{settings.store.url!r} keeps no wait log that could be read here")


def there(path: Path) -> Path:
    if not path.exists():
        raise ConfigError("service.data_dir", f"there is no wait log at {path} yet; the first `holdsvc serve` makes it")
    return path


def export(given: argparse.Namespace) -> int:
    settings = load(given.config)
    form = Form(given.format)
    if form is Form.PARQUET and given.out is None:
        raise ConfigError("--out", "Parquet is written into a file: name one")
    query = asked(given)
    with opened(settings, given.ledger) as ledger:
        check_logged(given.queue, settings, ledger)
        number_of = ledger.number if given.numbers else None
        if given.out is None:
            write(ledger.waits(query), form, sys.stdout.buffer, number_of)
            return 0
        with written("--out", given.out) as out:
            rows = write(ledger.waits(query), form, out, number_of)
    print(f"{rows} waits are in {given.out}", file=sys.stderr)
    return 0


@contextmanager
def written(key: str, path: Path) -> Iterator[BinaryIO]:
    """The file that an option names."""
    try:
        with path.open("wb") as out:
            yield out
    except OSError as error:
        raise ConfigError(key, f"{path} cannot be written: {error.strerror}") from error


def asked(given: argparse.Namespace) -> WaitQuery:
    since, until = moment("--since", given.since), moment("--until", given.until)
    if since and until and since >= until:
        raise ConfigError("--until", f"{given.until!r} is not after --since {given.since!r}")
    return WaitQuery(since, until, given.queue, most=EVERYTHING)


def moment(key: str, text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(key, f"{text!r} is no moment; write it as 2026-03-02 or 2026-03-02T12:00:00+01:00") from error
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def audit(config: Path | None, url: str | None = None) -> int:
    with opened(load(config), url) as ledger:
        verdict = prove(ledger)
    print(verdict)
    return verdict.exit_code


def forget(config: Path | None, text: str) -> int:
    """Beside a live service through its API, else in store and log themselves."""
    settings = load(config)
    number = PhoneNumbers(settings.callers.region).read(text).number
    if number is None:
        raise ConfigError("NUMBER", "that is no telephone number; write it with its country code, as +15005550123")
    waits = asyncio.run(forgotten(settings, number))
    print(f"erased; {waits} waits are anonymous now")
    return 0


async def forgotten(settings: Settings, number: PhoneNumber) -> int:
    if is_postgres(
        catalogue.ledger_url(settings)
    ):  # no lock tells whether services run; one that does tells the others
        try:
            return await by_the_service(settings, number)
        except OutboundFailed as error:
            said = "what services remember until the caller's next call is over, they were not told to forget"
            print(f"holdsvc: erased in store and log alone; {said}: {error}", file=sys.stderr)
    else:
        file_of(settings)
    store = catalogue.store(settings)
    try:
        await store.open()
    except InUse:
        return await by_the_service(settings, number)
    try:
        pseudonyms = Pseudonyms(key_for(app.data_folder(settings) / "callers.key", settings.service.secret))
        return await store.forget(number, pseudonyms.of(number), SystemClock().now())
    finally:
        await store.close()


async def by_the_service(settings: Settings, number: PhoneNumber) -> int:
    return int((await ask(settings, "POST", "/api/v1/callers/forget", {"number": number.e164}))["waits"])
