"""What was on the air of the live shelves, on disk: a file of its own, a row an airing, for those who are owed for it.

Written now and then by the one service that has the data folder, by a connection that lives as long as the write; read beside it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from holdsvc.calls.airing import Aired, AiredSum
from holdsvc.calls.model import ContentId
from holdsvc.errors import StoreUnavailable

FILE = "airings.sqlite3"  # in the data folder
TABLE = """
CREATE TABLE IF NOT EXISTS airings (
  id       TEXT PRIMARY KEY,
  shelf    TEXT NOT NULL,
  content  TEXT NOT NULL,
  began    REAL NOT NULL,   -- seconds since 1970, UTC
  seconds  REAL NOT NULL,   -- with at least one listener there
  listened REAL NOT NULL    -- of all listeners together
) WITHOUT ROWID"""
KEEP = """
INSERT INTO airings VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET seconds = excluded.seconds, listened = excluded.listened"""
SUMS = """
SELECT content, count(*), sum(seconds), sum(listened), max(began) FROM airings
WHERE began >= ? AND began < ? GROUP BY 1 ORDER BY 2 DESC, 4 DESC, 1"""
PATIENCE = 5.0  # seconds that are waited for another who writes
NEVER, EVER = 0.0, 1e12  # before and after every airing


class AiringLog:
    def __init__(self, path: Path) -> None:
        self._path = path

    async def keep(self, aired: Aired) -> None:
        """On the disk when it returns. Raise `StoreUnavailable`."""
        await asyncio.to_thread(self._keep, aired)

    def _keep(self, aired: Aired) -> None:
        row = (aired.id, aired.shelf, aired.content, aired.began.timestamp(), aired.seconds, aired.listened)
        try:
            with closing(sqlite3.connect(self._path, timeout=PATIENCE)) as db, db:
                db.execute("PRAGMA synchronous = FULL")
                db.execute(TABLE)
                db.execute(KEEP, row)
        except sqlite3.Error as error:
            raise StoreUnavailable(f"{self._path.name}: {error}") from error

    def sums(self, since: datetime | None = None, until: datetime | None = None) -> Iterator[AiredSum]:
        """By item, of airings that began then. Nothing where there never was an airing."""
        if not self._path.exists():
            return
        period = (since.timestamp() if since else NEVER, until.timestamp() if until else EVER)
        try:
            with closing(sqlite3.connect(f"file:{quote(str(self._path))}?mode=ro", uri=True, timeout=PATIENCE)) as db:
                found = db.execute(SUMS, period).fetchall()
        except sqlite3.Error as error:
            raise StoreUnavailable(f"cannot read {self._path}: {error}") from error
        for content, airings, seconds, listened, latest in found:
            yield AiredSum(ContentId(content), airings, seconds, listened, datetime.fromtimestamp(latest, UTC))
