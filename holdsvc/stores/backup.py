"""A copy of the whole file as it was at one moment, made beside a live service that goes on saving."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from holdsvc.errors import ConfigError, StoreUnavailable
from holdsvc.stores.ledger import connect

PAGES = 4096  # copied in one step: 16 MB
PATIENCE = 60.0  # seconds: a file without a journal beside it is shut while it is written, and its writers may be many


def backup(source: Path, target: Path, progress: Callable[[int, int], None] = lambda done, pages: None) -> None:
    """Everything that was acknowledged before the call is in the copy. `target` appears only when it is whole and sound."""
    if not source.exists():
        raise ConfigError("store.url", f"there is nothing to copy at {source}")
    if target.exists():
        raise ConfigError("", f"{target} exists already: a backup overwrites nothing")
    part = target.with_name(target.name + ".part")
    try:
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)  # it holds numbers
        copy(source, part, progress)
        with part.open("rb") as copied:
            os.fsync(copied.fileno())
        part.rename(target)
    except (sqlite3.Error, OSError) as error:
        part.unlink(missing_ok=True)
        raise StoreUnavailable(f"cannot copy {source} to {target}: {error}") from error


def copy(source: Path, part: Path, progress: Callable[[int, int], None]) -> None:
    with closing(connect(source, PATIENCE)) as live, closing(sqlite3.connect(part, isolation_level=None)) as file:
        live.execute("BEGIN")
        live.execute(
            "SELECT count(*) FROM sqlite_schema"
        ).fetchall()  # one snapshot, so that no save makes us start anew
        live.backup(file, pages=PAGES, progress=lambda status, left, pages: progress(pages - left, pages))
        file.execute("PRAGMA journal_mode = DELETE").fetchall()  # nothing of the copy stands beside it
        (sound,) = file.execute("PRAGMA quick_check(1)").fetchone()
        if sound != "ok":
            raise sqlite3.DatabaseError(f"the copy is not sound: {sound}")
