"""The wait log, read beside a live service: a connection that can only read, and one snapshot for all that belongs together."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from holdsvc.calls.model import CallerId, PhoneNumber
from holdsvc.calls.record import WaitRecord
from holdsvc.errors import ConfigError, StoreUnavailable
from holdsvc.ports import Evidence, Totals, WaitQuery
from holdsvc.stores import rows, tally

AT_ONCE = 1000  # rows that are read in one go
LONGEST_WAIT = 2 * 24 * 3600  # seconds
MOST_NAMED = 5  # calls that are named when something is wrong with more


def connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None, check_same_thread=False, timeout=5
    )


def find(path: Path, query: WaitQuery) -> list[WaitRecord]:
    with SqliteLedger(path) as ledger:
        return list(ledger.waits(query))


def ended_since(path: Path, moment: datetime) -> dict[tuple[str, str], int]:
    with SqliteLedger(path) as ledger:
        return ledger.ended_since(moment)


class SqliteLedger:
    """Everything that is read between `with` and its end belongs to one moment."""

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

    def waits(self, query: WaitQuery) -> Iterator[WaitRecord]:
        """In the order of the log, not more than some at a time in memory."""
        sql, values = condition(query)
        cursor = self._db.execute(f"{rows.READ_WAITS} {sql} ORDER BY row LIMIT ?", (*values, query.most))
        while some := cursor.fetchmany(AT_ONCE):
            yield from map(rows.wait_record, some)

    def ended_since(self, moment: datetime) -> dict[tuple[str, str], int]:
        """(queue, outcome) -> waits that ended at or after the moment. No wait is longer than two days."""
        sql = "SELECT queue, outcome, count(*) FROM waits WHERE began >= ? AND ended >= ? GROUP BY queue, outcome"
        stamp = moment.timestamp()
        found = self._db.execute(sql, (stamp - LONGEST_WAIT, stamp)).fetchall()
        return {(queue, outcome): count for queue, outcome, count in found}

    def number(self, caller: CallerId) -> PhoneNumber | None:
        found = self._db.execute("SELECT number FROM numbers WHERE caller = ?", (caller,)).fetchone()
        return PhoneNumber(found[0]) if found else None

    def totals(self) -> Totals:
        sums = {(name, a, b, c): value for name, a, b, c, value in self._db.execute("SELECT * FROM totals")}
        return tally.totals(sums)

    def evidence(self) -> Evidence:
        return Evidence(
            totals=self.totals(),
            rows=self._counts(
                "SELECT platform, queue, coalesce(outcome, 'waiting'), count(*) FROM waits GROUP BY 1, 2, 3"
            ),
            began=self._one("SELECT count(*) FROM facts WHERE kind = 'WaitBegan'"),
            ended=self._counts(ENDED),
            amended=self._counts(AMENDED),
            facts=self._one("SELECT count(*) FROM facts"),
            facts_counted=self._one("SELECT coalesce(sum(value), 0) FROM totals WHERE name = 'facts'"),
            faults={what: named for what, sql in FAULTS.items() if (named := self._calls(sql))},
        )

    def _one(self, sql: str) -> int:
        (value,) = self._db.execute(sql).fetchone()
        return int(value)

    def _counts(self, sql: str) -> Mapping[tuple[str, ...], int]:
        return {tuple(row[:-1]): row[-1] for row in self._db.execute(sql)}

    def _calls(self, sql: str) -> tuple[str, ...]:
        named = [f"{platform}/{call}" for platform, call in self._db.execute(sql).fetchmany(MOST_NAMED + 1)]
        return tuple(named[:MOST_NAMED] + ["..."] * (len(named) > MOST_NAMED))


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


ENDED = """
SELECT s.platform, json_extract(f.fact, '$.queue'), json_extract(f.fact, '$.outcome'), count(*)
FROM facts f JOIN sessions s ON s.id = f.session WHERE f.kind = 'WaitEnded' GROUP BY 1, 2, 3
"""
AMENDED = """
SELECT s.platform, json_extract(f.fact, '$.queue'), coalesce(json_extract(f.fact, '$.was'), 'waiting'),
  coalesce(json_extract(f.fact, '$.became'), 'waiting'), count(*)
FROM facts f JOIN sessions s ON s.id = f.session WHERE f.kind = 'WaitAmended' GROUP BY 1, 2, 3, 4
"""
PER_CALL = """
SELECT platform, call FROM (
  SELECT s.platform, s.call, s.facts, s.version, s.waiting, count(f.n) AS kept,
    count(f.n) FILTER (WHERE f.kind = 'WaitBegan') AS began,
    count(f.n) FILTER (WHERE f.kind = 'WaitEnded') AS ended,
    max(f.version) AS latest
  FROM sessions s LEFT JOIN facts f ON f.session = s.id GROUP BY s.id
) AS c LEFT JOIN waits w USING (platform, call) WHERE
"""
# What must never be, and how it is found. Each sentence goes on with the calls where it is so.
FAULTS = {
    "facts are missing or too many": f"{PER_CALL} c.kept <> c.facts OR c.latest > c.version",
    "facts of one version have a gap": """
        SELECT s.platform, s.call FROM facts f JOIN sessions s ON s.id = f.session
        GROUP BY f.session, f.version HAVING max(f.n) <> count(*) - 1""",
    "facts belong to no call": """
        SELECT 'session', f.session FROM facts f LEFT JOIN sessions s ON s.id = f.session WHERE s.id IS NULL""",
    "a wait began or ended more than once": f"{PER_CALL} c.began > 1 OR c.ended > 1",
    "a wait was told and has no row": f"{PER_CALL} c.began > 0 AND w.row IS NULL",
    "a row has no wait that was told": """
        SELECT w.platform, w.call FROM waits w LEFT JOIN sessions s USING (platform, call)
        WHERE NOT EXISTS (SELECT 1 FROM facts f WHERE f.session = s.id AND f.kind = 'WaitBegan')""",
    "a row has an outcome, and no end was told": f"{PER_CALL} w.outcome IS NOT NULL AND c.ended = 0",
    "an end was told, and the row waits without an amendment":
        f"{PER_CALL} w.row IS NOT NULL AND w.outcome IS NULL AND c.ended > 0 AND NOT w.amended",
    "row and session differ on whether the caller waits": f"{PER_CALL} w.row IS NOT NULL AND (w.outcome IS NULL) <> c.waiting",
    "a row contradicts itself": """
        SELECT platform, call FROM waits WHERE (outcome IS NULL) <> (ended IS NULL) OR ended < began
        OR abs(seconds - (ended - began)) > 0.001""",
}  # fmt: skip
