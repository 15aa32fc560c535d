"""Callers known from a table: a CSV or TOML file with number, name, account, language, segment and note.

The file is read again when it changes. A row that cannot be used is left out and told of, once, by its place and never by its
number; a file that cannot be used leaves the table as it was.
"""

from __future__ import annotations

import asyncio
import csv
import io
import logging
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from holdsvc.calls.model import Contact, PhoneNumber, with_more
from holdsvc.errors import ConfigError
from holdsvc.ports import Numbers

log = logging.getLogger(__name__)

KEY = "callers.table"
COLUMNS = ("number", "name", "account", "language", "segment", "note")
LARGEST = 64 << 20  # bytes of a file
LONGEST = 1000  # characters of a field
MOST_LINES = 30  # lines of one row: a quote that is never closed costs no more
TOLD = 5  # rows that a warning names
PATIENCE = 0.1  # seconds that a call waits for a changed file; a large one answers from before until it is read
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")

Row = tuple[str, Mapping[str, object] | str]  # where it stands, and what stands there or why it cannot be used
Stamp = tuple[int, int, int]  # a file with another one is another file


class Reading(Struct, frozen=True):
    contacts: Mapping[PhoneNumber, Contact]
    warning: str = ""  # one sentence, "" for none


class TableDirectory:
    """Reads the file at once: raise `ConfigError` where it cannot be used at all. `warn` gets each sentence, without numbers."""

    def __init__(
        self,
        path: Path,
        numbers: Numbers,
        name: str = "table",
        warn: Callable[[str], None] | None = None,
        more: Sequence[str] = (),
    ) -> None:
        """`more`: further columns that are read, for updates that are the caller's own."""
        self.name = name
        self._path = path
        self._numbers = numbers
        self._warn = warn or _log
        self._stamp = _stamp(path)
        self._reading: asyncio.Task[None] | None = None
        self._contacts: Mapping[PhoneNumber, Contact] = {}
        self._more = tuple(more)
        self._take(read_table(path, numbers, name, self._more))

    def __len__(self) -> int:
        return len(self._contacts)

    async def find(self, number: PhoneNumber) -> Contact | None:
        await self._follow()
        return self._contacts.get(number)

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _follow(self) -> None:
        """See whether the file is another one. It is read beside the calls, by one reader however many come."""
        stamp = _stamp(self._path)
        if stamp != self._stamp and (self._reading is None or self._reading.done()):
            self._reading = asyncio.create_task(self._reread(stamp), name=f"read {self._path.name}")
        if self._reading is not None and not self._reading.done():
            await asyncio.wait([self._reading], timeout=PATIENCE)

    async def _reread(self, stamp: Stamp | None) -> None:
        try:
            reading = await asyncio.to_thread(read_table, self._path, self._numbers, self.name, self._more)
        except ConfigError as error:
            self._warn(f"{error}; the table stays as it was")
        else:
            self._take(reading)
        finally:
            self._stamp = stamp  # what cannot be read is tried again when it changes

    def _take(self, reading: Reading) -> None:
        self._contacts = reading.contacts
        if reading.warning:
            self._warn(reading.warning)


def read_table(path: Path, numbers: Numbers, source: str = "table", more: Sequence[str] = ()) -> Reading:
    """Every row that can be used, and one sentence on those that cannot."""
    text = _text(path)
    rows = _toml(path, text) if path.suffix.lower() == ".toml" else _csv(path, text)
    found: dict[PhoneNumber, list[Contact]] = {}
    bad: list[tuple[str, str]] = []
    total = 0
    for where, row in rows:
        total += 1
        if isinstance(row, str):
            bad.append((where, row))
            continue
        number = numbers.read(_field(row, "number")).number
        if number is None:
            bad.append((where, "the number cannot be read" if _field(row, "number") else "there is no number"))
            continue
        same = found.setdefault(number, [])
        if (contact := _contact(row, source, more)) not in same:
            same.append(contact)
    contacts = {number: same[0] if len(same) == 1 else _together(same) for number, same in found.items()}
    return Reading(contacts, _sentence(path, bad, total))


def _sentence(path: Path, bad: list[tuple[str, str]], total: int) -> str:
    if not bad:
        return ""
    named = "; ".join(f"{where}: {reason}" for where, reason in bad[:TOLD])
    more = f"; and {len(bad) - TOLD} more" if len(bad) > TOLD else ""
    return f"{path.name}: {len(bad)} of {total} rows were left out ({named}{more})"


def _contact(row: Mapping[str, object], source: str, more: Sequence[str]) -> Contact:
    language = _field(row, "language").replace("_", "-")
    contact = Contact(
        name=_field(row, "name"),
        account=_field(row, "account"),
        language=language if LANGUAGE.fullmatch(language) else "",
        segment=_field(row, "segment"),
        note=_field(row, "note"),
        source=source,
    )
    return with_more(contact, {name: _field(row, name) for name in more})


def _together(same: list[Contact]) -> Contact:
    """Several records with one number: who it is stays open, and only what they agree on is taken for true."""
    names = list(dict.fromkeys(contact.name for contact in same if contact.name))
    return Contact(
        name=" / ".join(names[:3]) + (" / …" if len(names) > 3 else ""),
        account=_agreed(contact.account for contact in same),
        language=_agreed(contact.language for contact in same),
        segment=_agreed(contact.segment for contact in same),
        note=_agreed(contact.note for contact in same),
        source=same[0].source,
        ambiguous=True,
    )


def _agreed(values: Iterator[str]) -> str:
    different = set(values)
    return different.pop() if len(different) == 1 else ""


def _field(row: Mapping[str, object], name: str) -> str:
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    shown = (letter if letter.isprintable() else " " for letter in str(value)[: LONGEST * 2])
    return " ".join("".join(shown).split())[:LONGEST]


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise ConfigError(KEY, f"{path} is larger than {LARGEST >> 20} MB")
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(KEY, f"{path} is not UTF-8 at byte {error.start}") from None
    except OSError as error:
        raise ConfigError(KEY, f"{path} cannot be read: {error.strerror}") from error


def _toml(path: Path, text: str) -> Iterator[Row]:
    try:
        rows = tomllib.loads(text).get("callers", [])
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        place = re.search(r"at line \d+, column \d+", str(error))
        raise ConfigError(KEY, f"{path} is not TOML {place[0] if place else ''}".rstrip()) from None
    if not isinstance(rows, list):
        raise ConfigError(KEY, f"{path} needs its rows as [[callers]]")
    for entry, row in enumerate(rows, 1):
        yield f"entry {entry}", row if isinstance(row, dict) else "it is no table"


def _csv(path: Path, text: str) -> Iterator[Row]:
    lines = io.StringIO(text, newline="").readlines()
    rows = _records(lines, _delimiter(lines[0] if lines else ""))
    header = [cell.strip().lower() for cell in next(rows, (0, [""]))[1] or []]
    if "number" not in header:
        raise ConfigError(
            KEY, f"{path} needs a first line with its columns, {', '.join(COLUMNS)}; number must be there"
        )
    if twice := [name for name, times in Counter(header).items() if times > 1 and name in COLUMNS]:
        raise ConfigError(KEY, f"{path} has the column {twice[0]} twice")
    for line, cells in rows:
        if cells is None:
            yield f"line {line}", "its quotes are not closed"
        elif len(cells) > len(header) and any(cell.strip() for cell in cells[len(header) :]):
            yield f"line {line}", "it has more fields than the first line"
        elif any(cell.strip() for cell in cells):
            yield f"line {line}", dict(zip(header, cells, strict=False))


def _delimiter(header: str) -> str:
    """Spreadsheets of many countries write semicolons."""
    return max(",;\t", key=header.count)


def _records(lines: list[str], delimiter: str) -> Iterator[tuple[int, list[str] | None]]:
    """Each row with its first line's number; None for a line whose quotes are wrong. The next line then starts afresh."""
    place = 0
    while place < len(lines):
        # Strict, and few lines at a time: else one stray quote swallows all callers up to the next.
        reader = csv.reader(iter(lines[place : place + MOST_LINES]), delimiter=delimiter, strict=True)
        try:
            cells: list[str] | None = next(reader)
        except csv.Error:
            cells = None
        yield place + 1, cells
        place += reader.line_num if cells is not None else 1


def _stamp(path: Path) -> Stamp | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _log(sentence: str) -> None:
    log.warning("caller_table %s", sentence)
