"""The wait log, read beside a live service: a connection that can only read, and one snapshot for all that belongs together."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias
from urllib.parse import quote

from holdsvc.calls.callback import Callback
from holdsvc.calls.model import CallerId, ContentId, Kind, Outcome, PhoneNumber
from holdsvc.calls.record import WaitRecord
from holdsvc.errors import ConfigError, StoreUnavailable
from holdsvc.ports import CallbackQuery, Ended, Evidence, HeardSum, ToldWait, Totals, WaitColumns, WaitQuery
from holdsvc.stores import ageing, rows, tally
from holdsvc.stores.callbacks import OPEN_STATES, chosen
from holdsvc.stores.dialect import SQLITE, Dialect, exact
from holdsvc.stores.evidence import gather

AT_ONCE = 1000  # rows that are read in one go
LONGEST_WAIT = 2 * 24 * 3600  # seconds

Columns: TypeAlias = tuple[Any, ...]  # Any: each question has its own


def connect(path: Path, patience: float = 5.0) -> sqlite3.Connection:
    """To read it only. `patience`: seconds that are waited for one who writes."""
    return sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None, check_same_thread=False, timeout=patience
    )


def find(path: Path, query: WaitQuery) -> list[WaitRecord]:
    with SqliteLedger(path) as ledger:
        return list(ledger.waits(query))


def ended_since(path: Path, moment: datetime, edges: Sequence[float]) -> dict[Ended, int]:
    with SqliteLedger(path) as ledger:
        return ledger.ended_since(moment, edges)


def find_callbacks(path: Path, query: CallbackQuery) -> Sequence[Callback]:
    with SqliteLedger(path) as ledger:
        return ledger.callbacks(query)


class SqlLedger(ABC):
    """What is asked of the log, in either database. A database's own class says how, and what belongs to one moment."""

    put: Dialect

    @abstractmethod
    def _ask(self, sql: str, values: Sequence[rows.Value] = ()) -> Iterator[Columns]:
        """Not more than some rows at a time in memory."""

    def waits(self, query: WaitQuery) -> Iterator[WaitRecord]:
        """In the order of the log."""
        sql, values = condition(query)
        found = self._ask(f"{rows.READ_WAITS} {sql} ORDER BY row LIMIT ?", (*values, query.most))
        yield from map(rows.wait_record, found)

    def columns(self, query: WaitQuery) -> Iterator[WaitColumns]:
        """As `waits`, much faster, with only what figures over very many of them need."""
        sql, values = condition(query)
        columns = "queue, caller, began, seconds, outcome, heard"
        # S608: here and below, every word that is put together is a constant of ours
        found = self._ask(f"SELECT {columns} FROM waits {sql} ORDER BY row LIMIT ?", (*values, query.most))  # noqa: S608
        for queue, caller, began, seconds, outcome, heard in found:
            yield WaitColumns(queue, caller, began, seconds, outcome, longest(heard))

    def told(self, query: WaitQuery) -> Iterator[ToldWait]:
        """Those in which a wait was told, in the order of the log."""
        sql, values = condition(query)
        found = self._ask(
            f"SELECT queue, ended, outcome, waits_told FROM waits {sql} AND waits_told IS NOT NULL ORDER BY row LIMIT ?",  # noqa: S608
            (*values, query.most),
        )
        for queue, ended, outcome, told in found:
            moment = rows.moment(ended) if ended is not None else None
            yield ToldWait(queue, moment, Outcome(outcome) if outcome else None, rows.read_promises(told))

    def heard(
        self, query: WaitQuery, territories: Mapping[str, str] | None = None, otherwise: str = ""
    ) -> Iterator[HeardSum]:
        condition_, values = condition(query)
        lands = rows.write_json(dict(territories or {})).decode()
        content, kind, seconds = self._one("content"), self._one("kind"), self.put.real("one.value", "seconds")
        sql = f"""
SELECT {content}, {kind}, coalesce({self.put.named("?", "waits.queue")}, ?),
  count(*), count(DISTINCT caller), {exact(seconds)}
FROM waits, {self.put.each("heard")} {condition_} GROUP BY 1, 2, 3 ORDER BY 4 DESC, 6 DESC, 1, 3"""  # noqa: S608
        for item, of, territory, plays, callers, length in self._ask(sql, (lands, otherwise, *values)):
            yield HeardSum(ContentId(item), Kind(of), plays, callers, length, territory)

    def heard_late(self, query: WaitQuery, content: ContentId, moment: datetime) -> int:
        condition_, values = condition(query)
        stamp = moment.timestamp()
        said, until, since = (
            self.put.text("fact", "content"),
            self.put.real("fact", "until_second"),
            self.put.real("fact", "from_second"),
        )
        sql = f"""
SELECT count(*) FROM waits {condition_} AND coalesce(ended, 1e12) > ?
 AND EXISTS (SELECT 1 FROM {self.put.each("heard")} WHERE {self._one("content")} = ?)
 AND EXISTS (SELECT 1 FROM facts WHERE facts.session = waits.session AND kind = 'ContentHeard'
   AND {said} = ? AND at - ({until} - {since}) > ?)"""  # noqa: S608
        ((count,),) = self._ask(sql, (*values, stamp, content, content, stamp))
        return int(count)

    def choices(self, query: WaitQuery) -> dict[tuple[str, str], int]:
        condition_, values = condition(query)
        what, via = self._one("what"), self._one("via")
        sql = f"SELECT {what}, {via}, count(*) FROM waits, {self.put.each('choices')} {condition_} GROUP BY 1, 2"  # noqa: S608
        return {(what, via): count for what, via, count in self._ask(f"{sql} ORDER BY 1, 2", values)}

    def ended_since(self, moment: datetime, edges: Sequence[float]) -> dict[Ended, int]:
        """No wait is longer than two days."""
        length = " + ".join(["CASE WHEN seconds > ? THEN 1 ELSE 0 END"] * len(edges)) or "0"
        sql = (
            f"SELECT queue, outcome, {self.put.hour('ended')}, {length}, coalesce(came, ''), count(*) FROM waits "  # noqa: S608
            "WHERE began >= ? AND ended >= ? GROUP BY 1, 2, 3, 4, 5"
        )
        stamp = moment.timestamp()
        found = self._ask(sql, (*edges, stamp - LONGEST_WAIT, stamp))
        return {Ended(*kind): count for *kind, count in found}

    def callbacks(self, query: CallbackQuery) -> Sequence[Callback]:
        terms = [("queue", query.queue), ("id", query.id), ("state", "" if query.state in OPEN_STATES else query.state)]
        given = [(column, value) for column, value in terms if value]
        sql = "".join(f" AND {column} = ?" for column, _ in given)
        sql += " AND ended IS NULL" if query.state in OPEN_STATES else ""
        found = self._ask(
            f"SELECT callback FROM callbacks WHERE TRUE {sql} ORDER BY asked DESC, id LIMIT ?",  # noqa: S608
            (*(value for _, value in given), query.most),
        )
        return chosen((rows.unpack_callback(blob) for (blob,) in found), query)

    def number(self, caller: CallerId) -> PhoneNumber | None:
        for (number,) in self._ask("SELECT number FROM numbers WHERE caller = ?", (caller,)):
            return PhoneNumber(number)
        return None

    def totals(self) -> Totals:
        found = self._ask("SELECT name, a, b, c, value FROM totals")
        return tally.totals({(name, a, b, c): value for name, a, b, c, value in found})

    def evidence(self) -> Evidence:
        return ageing.whole(gather(self._ask, self.put, self.totals()), self._ask)

    def complete_after(self) -> datetime | None:
        return next((rows.moment(began) for (began,) in self._ask(ageing.LAST)), None)

    def _one(self, name: str) -> str:
        return self.put.text("one.value", name)


class SqliteLedger(SqlLedger):
    """Everything that is read between `with` and its end belongs to one moment, and what cannot be read is `StoreUnavailable`."""

    put = SQLITE

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise ConfigError("ledger.url", f"there is no wait log at {path}")
        self._path = path

    def __enter__(self) -> SqliteLedger:
        try:
            self._db = connect(self._path)
            self._db.execute("BEGIN")
            self._db.execute("SELECT count(*) FROM sqlite_schema").fetchall()  # the snapshot is taken by the first read
        except sqlite3.Error as error:
            raise StoreUnavailable(f"cannot read {self._path}: {error}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()
        if isinstance(error, sqlite3.Error):
            raise StoreUnavailable(f"cannot read {self._path}: {error}") from error

    def callbacks(self, query: CallbackQuery) -> Sequence[Callback]:
        """A log that an older release wrote has none."""
        (there,) = self._db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'callbacks'").fetchone()
        return super().callbacks(query) if there else ()

    def _ask(self, sql: str, values: Sequence[rows.Value] = ()) -> Iterator[Columns]:
        cursor = self._db.execute(sql, values)
        while some := cursor.fetchmany(AT_ONCE):
            yield from some


def longest(heard: str) -> str | None:
    """The kind that was heard longest, out of the row's JSON."""
    if heard == "[]":
        return None
    seconds: dict[str, float] = {}
    for one in rows.read_heard(heard):
        seconds[one.kind.value] = seconds.get(one.kind.value, 0.0) + one.seconds
    return max(seconds, key=seconds.__getitem__)


def condition(query: WaitQuery) -> tuple[str, list[rows.Value]]:
    terms: list[tuple[str, rows.Value]] = [("row > ?", query.after)]
    if query.since:
        since = query.since.timestamp()
        terms += [("row >= (SELECT min(row) FROM waits WHERE began >= ?)", since), ("began >= ?", since)]
    if query.until:
        terms.append(("began < ?", query.until.timestamp()))
    if query.queue:
        terms.append(("queue = ?", query.queue))
    if query.outcome:
        terms.append(("coalesce(outcome, 'waiting') = ?", query.outcome))
    return "WHERE " + " AND ".join(term for term, _ in terms), [value for _, value in terms]
