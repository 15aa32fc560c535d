"""The tables, told once for both databases: steps in SQL, each done once, in their order.

A step is a file in `schema/`, written as SQLite takes it; `for_postgres` puts it into the other's words. What stands there once
is not changed any more: a change is a new file with the next number. Its first line says the oldest version that can still work
on the tables after it. A step that only adds (a table, a column that is NULL or has a default) leaves that number as it was, so
that programs of both versions work side by side; one that takes something away raises it, and comes a release later.
"""

from __future__ import annotations

import re
import sqlite3
from importlib import resources

from msgspec import Struct

FOLDER = "schema"
HEAD = re.compile(r"-- oldest: (\d+)\n")
# Which steps a database has behind it. In SQLite `PRAGMA user_version` says the oldest version that can work on the file.
STEPS_TABLE = "CREATE TABLE IF NOT EXISTS steps (version INTEGER PRIMARY KEY, oldest INTEGER NOT NULL);"

# TEXT is ordered as bytes, as SQLite does it, so that both put rows into the same order.
IN_POSTGRES = {"INTEGER": "BIGINT", "REAL": "DOUBLE PRECISION", "BLOB": "BYTEA", "TEXT": 'TEXT COLLATE "C"'}
TYPES = re.compile(rf"\b({'|'.join(IN_POSTGRES)})\b")
COMMENT = re.compile(r"--.*")


class Step(Struct, frozen=True):
    version: int
    oldest: int
    sql: str


def read_steps() -> tuple[Step, ...]:
    files = sorted(
        (one for one in resources.files("holdsvc.stores").joinpath(FOLDER).iterdir() if one.name.endswith(".sql")),
        key=lambda one: one.name,
    )
    return tuple(read_step(number, one.read_text("utf-8")) for number, one in enumerate(files, 1))


def read_step(version: int, sql: str) -> Step:
    head = HEAD.match(sql)
    if head is None:
        raise ValueError(f"step {version} of the schema does not begin with the oldest version that works on it")
    return Step(version, int(head[1]), sql)


STEPS = read_steps()
LATEST = len(STEPS)


def for_postgres(sql: str) -> str:
    plain = COMMENT.sub("", sql).replace("WITHOUT ROWID", "")
    return TYPES.sub(lambda found: IN_POSTGRES[found[1]], plain)


def migrate(db: sqlite3.Connection) -> None:
    """All steps that the file has not behind it, each whole or not at all. Who owns the file calls this."""
    for step in STEPS[applied(db) :]:
        done = f"INSERT INTO steps VALUES ({step.version}, {step.oldest}); PRAGMA user_version = {step.oldest};"  # noqa: S608
        db.executescript(f"BEGIN; {STEPS_TABLE} {step.sql} {done} COMMIT;")


def applied(db: sqlite3.Connection) -> int:
    """Files of the first release have no table of steps."""
    (there,) = db.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'steps'").fetchone()
    if there:
        (version,) = db.execute("SELECT max(version) FROM steps").fetchone()
        return int(version)
    return min(1, needed(db))


def needed(db: sqlite3.Connection) -> int:
    """The version that a program must know to work on the file; 0: there is nothing in it yet."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    return int(version)
