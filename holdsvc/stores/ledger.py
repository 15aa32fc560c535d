"""The wait log, read beside a live service: a connection that can only read, and one snapshot for all that belongs together."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from holdsvc.calls.model import CallerId, ContentId, Kind, PhoneNumber
from holdsvc.calls.record import WaitRecord
from holdsvc.errors import ConfigError, StoreUnavailable
from holdsvc.ports import Ended, Evidence, HeardSum, Totals, WaitColumns, WaitQuery
from holdsvc.stores import rows, tally
from holdsvc.stores.evidence import gather

AT_ONCE = 1000  # rows that are read in one go
LONGEST_WAIT = 2 * 24 * 3600  # seconds

HEARD = """
SELECT json_extract(one.value, '$.content'), json_extract(one.value, '$.kind'),
  coalesce((SELECT land.value FROM json_each(?) AS land WHERE land.key = waits.queue), ?),
  count(*), count(DISTINCT caller), sum(json_extract(one.value, '$.seconds'))
FROM waits, json_each(heard) AS one"""
LATE = """
 AND coalesce(ended, 1e12) > ? AND EXISTS
  (SELECT 1 FROM json_each(heard) AS one WHERE json_extract(one.value, '$.content') = ?)
 AND EXISTS
  (SELECT 1 FROM facts WHERE facts.session = waits.session AND kind = 'ContentHeard'
   AND json_extract(fact, '$.content') = ?
   AND at - (json_extract(fact, '$.until_second') - json_extract(fact, '$.from_second')) > ?)"""
CHOICES = """
SELECT json_extract(one.value, '$.what'), json_extract(one.value, '$.via'), count(*)
FROM waits, json_each(choices) AS one"""


def connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None, check_same_thread=False, timeout=5
    )


def find(path: Path, query: WaitQuery) -> list[WaitRecord]:
    with SqliteLedger(path) as ledger:
        return list(ledger.waits(query))


def ended_since(path: Path, moment: datetime, edges: Sequence[float]) -> dict[Ended, int]:
    with SqliteLedger(path) as ledger:
        return ledger.ended_since(moment, edges)


class SqliteLedger:
    """Everything that is read between `with` and its end belongs to one moment, and what cannot be read is `StoreUnavailable`."""

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

    def waits(self, query: WaitQuery) -> Iterator[WaitRecord]:
        """In the order of the log, not more than some at a time in memory."""
        sql, values = condition(query)
        cursor = self._db.execute(f"{rows.READ_WAITS} {sql} ORDER BY row LIMIT ?", (*values, query.most))
        while some := cursor.fetchmany(AT_ONCE):
            yield from map(rows.wait_record, some)

    def columns(self, query: WaitQuery) -> Iterator[WaitColumns]:
        """As `waits`, much faster, with only what figures over very many of them need."""
        sql, values = condition(query)
        columns = "queue, caller, began, seconds, outcome, heard"
        cursor = self._db.execute(f"SELECT {columns} FROM waits {sql} ORDER BY row LIMIT ?", (*values, query.most))  # noqa: S608
        while some := cursor.fetchmany(AT_ONCE):
            for queue, caller, began, seconds, outcome, heard in some:
                yield WaitColumns(queue, caller, began, seconds, outcome, longest(heard))

    def heard(
        self, query: WaitQuery, territories: Mapping[str, str] | None = None, otherwise: str = ""
    ) -> Iterator[HeardSum]:
        sql, values = condition(query)
        lands = rows.write_json(dict(territories or {})).decode()
        found = self._db.execute(
            f"{HEARD} {sql} GROUP BY 1, 2, 3 ORDER BY 4 DESC, 6 DESC, 1", (lands, otherwise, *values)
        )
        for content, kind, territory, plays, callers, seconds in found:
            yield HeardSum(ContentId(content), Kind(kind), plays, callers, seconds, territory)

    def heard_late(self, query: WaitQuery, content: ContentId, moment: datetime) -> int:
        sql, values = condition(query)
        stamp = moment.timestamp()
        more = (stamp, content, content, stamp)
        (count,) = self._db.execute(f"SELECT count(*) FROM waits {sql}{LATE}", (*values, *more)).fetchone()  # noqa: S608
        return int(count)

    def choices(self, query: WaitQuery) -> dict[tuple[str, str], int]:
        sql, values = condition(query)
        found = self._db.execute(f"{CHOICES} {sql} GROUP BY 1, 2", values)
        return {(what, via): count for what, via, count in found}

    def ended_since(self, moment: datetime, edges: Sequence[float]) -> dict[Ended, int]:
        """No wait is longer than two days."""
        length = " + ".join(["(seconds > ?)"] * len(edges)) or "0"
        sql = (
            f"SELECT queue, outcome, CAST(ended AS INTEGER) / 3600, {length}, count(*) FROM waits "  # noqa: S608
            "WHERE began >= ? AND ended >= ? GROUP BY 1, 2, 3, 4"
        )
        stamp = moment.timestamp()
        found = self._db.execute(sql, (*edges, stamp - LONGEST_WAIT, stamp))
        return {Ended(*kind): count for *kind, count in found}

    def number(self, caller: CallerId) -> PhoneNumber | None:
        found = self._db.execute("SELECT number FROM numbers WHERE caller = ?", (caller,)).fetchone()
        return PhoneNumber(found[0]) if found else None

    def totals(self) -> Totals:
        sums = {(name, a, b, c): value for name, a, b, c, value in self._db.execute("SELECT * FROM totals")}
        return tally.totals(sums)

    def evidence(self) -> Evidence:
        return gather(self._db, self.totals())


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
