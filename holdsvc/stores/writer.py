"""The thread that owns the only connection that writes and checkpoints, and makes each batch durable in one transaction.

SQLite up to 3.51.2 can corrupt a file when two connections write and checkpoint it at the same moment; with one there is no race.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from msgspec import Struct, field

from holdsvc.errors import ConfigError, HoldsvcError, StoreUnavailable, Unkeepable
from holdsvc.stores import rows, schema
from holdsvc.stores.rows import Row

log = logging.getLogger(__name__)

CHECKPOINT_AT = 4000  # pages in the WAL: 16 MB, so that a page that many saves touch is copied once for all of them
CACHE = 600  # KiB of pages, what a usual batch touches; with 500, a hundred saves at once were a twelfth slower

T = TypeVar("T")


class Refused(Unkeepable):
    """Something in this batch cannot be kept, whatever the disk; `exists`: because it is there already."""

    def __init__(self, message: str, *, exists: bool) -> None:
        super().__init__(message)
        self.exists = exists


class Batch(Struct):
    """Rows for one transaction."""

    sessions: list[Row] = field(default_factory=list)
    facts: list[Row] = field(default_factory=list)
    waits: list[Row] = field(default_factory=list)
    profiles: list[Row] = field(default_factory=list)
    numbers: list[Row] = field(default_factory=list)
    callbacks: list[Row] = field(default_factory=list)
    letters: list[Row] = field(default_factory=list)
    totals: list[Row] = field(default_factory=list)


Work = Callable[[sqlite3.Connection], object]
Told = Callable[[object, HoldsvcError | None], None]


class Writer:
    """`told` is called on the writer's thread, once for each piece of work, with its result or what went wrong."""

    def __init__(self, path: Path, synchronous: str = "FULL") -> None:
        self._path = path
        self._synchronous = synchronous
        self._todo: queue.SimpleQueue[tuple[Work, Told] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="holdsvc-store", daemon=True)
        self._db: sqlite3.Connection

    def start(self) -> None:
        """Raise `ConfigError` when the file cannot be used."""
        try:
            self._db = connect(self._path, self._synchronous)
        except (sqlite3.Error, OSError) as error:
            raise ConfigError("store.url", f"cannot use {self._path} as a store: {error}") from error
        self._thread.start()

    def do(self, work: Work, told: Told) -> None:
        self._todo.put((work, told))

    def stop(self) -> None:
        """What was given before is done first."""
        self._todo.put(None)
        self._thread.join()
        self._db.close()

    def _run(self) -> None:
        while (item := self._todo.get()) is not None:
            work, told = item
            try:
                result = run(self._db, work)
            except HoldsvcError as error:
                told(None, error)
            else:
                told(result, None)


def connect(path: Path, synchronous: str) -> sqlite3.Connection:
    path.touch(mode=0o600)  # it holds numbers
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256, timeout=5)
    try:
        prepare(db, path, synchronous)
    except BaseException:
        db.close()
        raise
    return db


def prepare(db: sqlite3.Connection, path: Path, synchronous: str) -> None:
    (mode,) = db.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise ConfigError("store.url", f"{path} lies on a file system that cannot keep a write-ahead log")
    for pragma in (
        f"synchronous = {synchronous}",
        "secure_delete = ON",
        f"wal_autocheckpoint = {CHECKPOINT_AT}",
        f"cache_size = -{CACHE}",
        "mmap_size = 0",
        "temp_store = MEMORY",
    ):
        db.execute(f"PRAGMA {pragma}").close()
    if schema.needed(db) > schema.LATEST:
        raise ConfigError("store.url", f"{path} was written by a newer holdsvc: use that one, or another data_dir")
    schema.migrate(db)


def transaction(work: Callable[[sqlite3.Connection], T]) -> Callable[[sqlite3.Connection], T]:
    """The work, all of it or nothing."""

    def whole(db: sqlite3.Connection) -> T:
        db.execute("BEGIN IMMEDIATE")
        try:
            result = work(db)
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
        return result

    return whole


def run(db: sqlite3.Connection, work: Work) -> object:
    """In our own words what the file refuses (`Refused`) and what the disk does not do (`StoreUnavailable`)."""
    try:
        return work(db)
    except HoldsvcError:
        raise
    except sqlite3.OperationalError as error:
        raise StoreUnavailable(str(error)) from error
    except (sqlite3.Error, ValueError, OverflowError) as error:
        raise Refused(str(error), exists=isinstance(error, sqlite3.IntegrityError)) from error
    except Exception as error:  # the edge of the thread: it must live on, or every save would wait for ever
        log.exception("store_work_failed")
        raise StoreUnavailable(f"{type(error).__name__}: {error}") from error


def keep(batch: Batch, db: sqlite3.Connection) -> None:
    if rows.write(db, rows.SESSIONS, batch.sessions) != len(batch.sessions):
        raise Refused("the file holds another version", exists=True)
    for table, some in (
        (rows.FACTS, batch.facts),
        (rows.WAITS, batch.waits),
        (rows.PROFILES, batch.profiles),
        (rows.NUMBERS, batch.numbers),
        (rows.CALLBACKS, batch.callbacks),
        (rows.OUTBOX, batch.letters),
        (rows.TOTALS, batch.totals),
    ):
        if some:
            rows.write(db, table, some)
