"""What was said of each item and when, so that a report on a period tells its licences as they were: also of what has gone since.

One file, a line for each change, only ever appended to. Whoever opens the shelves writes down what is new on them.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from holdsvc.calls.model import ALWAYS, ContentId, ContentItem

FILE = "shelf-history.jsonl"  # in the data folder
log = logging.getLogger(__name__)


class Said(Struct, frozen=True, omit_defaults=True):
    at: datetime
    item: ContentItem


_line = msgspec.json.Decoder(Said).decode


class ShelfHistory:
    def __init__(self, file: Path, now: Callable[[], datetime]) -> None:
        self._file, self._now = file, now
        self._known: dict[ContentId, ContentItem] | None = None

    def note(self, items: Iterable[ContentItem]) -> None:
        """Write down what differs from what was said last. Nothing depends on it but reports: a full disk is logged, no more."""
        if self._known is None:
            self._known = self.as_of(None)
        news = {item.id: item for item in map(essential, items) if self._known.get(item.id) != item}
        if not news:
            return
        at = self._now()
        lines = b"".join(
            b"\n" + msgspec.json.encode(Said(at, item)) for item in news.values()
        )  # a torn line ends there
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("ab") as file:
                file.write(lines)  # in one piece: another process may append as well
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            log.warning("shelf_history_not_kept", extra={"reason": str(error), "heard": "all the same"})
            return
        self._known |= news

    def as_of(self, moment: datetime | None) -> dict[ContentId, ContentItem]:
        """Each item as it was last said to be before the moment; what was first told of later, as it was told then."""
        found: dict[ContentId, ContentItem] = {}
        for said in self._read():
            if said.item.id not in found or moment is None or said.at < moment:
                found[said.item.id] = said.item
        return found

    def _read(self) -> Iterator[Said]:
        """Without lines that a crash cut off."""
        try:
            lines = self._file.read_bytes().splitlines()
        except OSError:
            return
        for line in lines:
            try:
                yield _line(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue


def essential(item: ContentItem) -> ContentItem:
    """What a report tells; when and to whom it is played is no part of it, nor what changes from day to day."""
    return replace(item, airing=ALWAYS, expires=None, chapters=(), queues=(), segment="", order=0)
