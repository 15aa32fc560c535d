"""A local file of JSON lines for what the store could not take, written and flushed behind the caller's back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

T = TypeVar("T")
PATIENCE = 0.5  # seconds that an answer waits for the disk; a caller hears something, whatever fails
log = logging.getLogger(__name__)


class FileSpool:
    """One thread writes, in the order of the asking, with one flush for all that has come meanwhile. A file that cannot be written
    is told of once, until it can be again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._thread = ThreadPoolExecutor(1, "spool")
        self._todo: deque[bytes | None] = deque()  # lines; None: all that was there before is done with
        self._last: Future[None] | None = None
        self._failing = False

    def append(self, value: Struct) -> None:
        self._todo.append(msgspec.json.encode(value) + b"\n")
        self._last = self._thread.submit(self._work)

    async def flushed(self) -> None:
        if self._last is not None and not self._last.done():
            await asyncio.wait({asyncio.wrap_future(self._last)}, timeout=PATIENCE)

    def read(self, kind: type[T]) -> Sequence[T]:
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        return [value for line in lines if (value := decoded(line, kind)) is not None]

    def clear(self) -> None:
        self._todo.append(None)
        self._thread.submit(self._work)

    def close(self) -> None:
        self._thread.shutdown()

    def _work(self) -> None:
        lines: list[bytes] = []
        try:
            while self._todo:
                line = self._todo.popleft()
                if line is None:
                    lines.clear()
                    self.path.unlink(missing_ok=True)
                else:
                    lines.append(line)
            if lines:
                self._write(lines)
            self._failing = False
        except OSError as error:
            if not self._failing:
                log.error("spool_failed", extra={"reason": error.strerror, "heard": "all the same"})
            self._failing = True

    def _write(self, lines: Sequence[bytes]) -> None:
        is_new = not self.path.exists()
        with os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            flush_name(self.path)


def flush_name(path: Path) -> None:
    """So that a power cut leaves the file where it is. Not every system can."""
    with contextlib.suppress(OSError):
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


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
