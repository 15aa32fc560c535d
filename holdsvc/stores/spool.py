"""A local file of JSON lines for what the store could not take, written and flushed behind the caller's back."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

T = TypeVar("T")
log = logging.getLogger(__name__)


class FileSpool:
    """One thread writes, in the order of the asking. A file that cannot be written is told of once, until it can be again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._thread = ThreadPoolExecutor(1, "spool")
        self._failing = False

    def append(self, value: Struct) -> None:
        self._thread.submit(self._write, msgspec.json.encode(value) + b"\n")

    def read(self, kind: type[T]) -> Sequence[T]:
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        return [value for line in lines if (value := decoded(line, kind)) is not None]

    def clear(self) -> None:
        self._thread.submit(self._remove)

    def close(self) -> None:
        self._thread.shutdown()

    def _write(self, line: bytes) -> None:
        try:
            with os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            self._failing = False
        except OSError as error:
            if not self._failing:
                log.error("spool_failed", extra={"reason": error.strerror, "heard": "all the same"})
            self._failing = True

    def _remove(self) -> None:
        self.path.unlink(missing_ok=True)


def spool_of(folder: Path, worker: int) -> Path:
    return folder / (f"spool-{worker}.jsonl" if worker else "spool.jsonl")


def gather(folder: Path, workers: int) -> None:
    """Before the processes of a data folder start: what is left of those that there are no more of goes to the first."""
    for left in sorted(folder.glob("spool-*.jsonl")):
        if left.name in {spool_of(folder, worker).name for worker in range(1, workers)}:
            continue
        with spool_of(folder, 0).open("ab") as first:
            first.write(left.read_bytes())
            first.flush()
            os.fsync(first.fileno())
        left.unlink()


def decoded(line: bytes, kind: type[T]) -> T | None:
    """None for an empty line, and for the one that a crash cut off."""
    if not line:
        return None
    try:
        return msgspec.json.decode(line, type=kind)
    except msgspec.MsgspecError as error:
        log.error("spool_line_lost", extra={"reason": str(error)})
        return None
