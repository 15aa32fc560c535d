"""Who is owed what: how often and how long each item was heard in a period, with the licence under which it was.

Made of the wait log alone, so that it says what callers heard and never what was sent. A play is one item heard in one call,
however often the caller came back to it there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import BinaryIO

import msgspec
from msgspec import Struct

from holdsvc.calls.model import ContentId, ContentItem, Kind, Licence
from holdsvc.calls.record import WaitRecord
from holdsvc.reports.export import Row, write_csv

COLUMNS = {
    "content": "id of the item",
    "kind": "music, podcast, daily, quiz or quiet",
    "title": "title; empty where the item is on no shelf any more",
    "artist": "artist",
    "shelf": "genre of music, series of podcasts",
    "licence": "SPDX identifier, or the contract's name",
    "attribution": "what must be said of it",
    "source": "where it came from",
    "plays": "calls in which it was heard",
    "callers": "known callers who heard it; withheld numbers and forgotten callers are not counted",
    "seconds": "heard in all",
}


class Played(Struct, frozen=True):
    content: ContentId
    kind: Kind
    plays: int
    callers: int
    seconds: float
    item: ContentItem | None  # None: on no shelf any more


def plays(waits: Iterable[WaitRecord], items: Mapping[ContentId, ContentItem]) -> tuple[Played, ...]:
    """The most played first. The period is that of the waits that are given."""
    count: dict[ContentId, int] = defaultdict(int)
    seconds: dict[ContentId, float] = defaultdict(float)
    callers: dict[ContentId, set[str]] = defaultdict(set)
    kinds: dict[ContentId, Kind] = {}
    for wait in waits:
        for heard in wait.listened:
            count[heard.content] += 1
            seconds[heard.content] += heard.seconds
            kinds[heard.content] = heard.kind
            if wait.caller:
                callers[heard.content].add(wait.caller)
    found = (
        Played(content, kinds[content], number, len(callers[content]), seconds[content], items.get(content))
        for content, number in count.items()
    )
    return tuple(sorted(found, key=lambda one: (-one.plays, -one.seconds, one.content)))


def row(played: Played) -> Row:
    item, nothing = played.item, Licence("", "")
    licence = item.licence if item else nothing
    return {
        "content": played.content,
        "kind": played.kind.value,
        "title": item.title if item else "",
        "artist": item.artist if item else "",
        "shelf": item.shelf if item else "",
        "licence": licence.name,
        "attribution": licence.attribution,
        "source": licence.source,
        "plays": played.plays,
        "callers": played.callers,
        "seconds": round(played.seconds, 2),
    }


def as_csv(found: Sequence[Played], out: BinaryIO) -> None:
    write_csv(map(row, found), tuple(COLUMNS), out)


def as_json(found: Sequence[Played], out: BinaryIO) -> None:
    out.write(msgspec.json.format(msgspec.json.encode([row(one) for one in found])) + b"\n")


def as_table(found: Sequence[Played]) -> str:
    """For a terminal: what a person looks for first."""
    head = ("content", "title", "licence", "plays", "callers", "heard")
    cells = [table_row(one) for one in found]
    sums = ("", "in all", "", f"{sum(one.plays for one in found)}", "", length(sum(one.seconds for one in found)))
    lines = [tuple(map(str, line)) for line in (head, *cells, sums)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def table_row(one: Played) -> tuple[object, ...]:
    told = row(one)
    title = told["title"] or "(on no shelf any more)"
    return one.content, title, told["licence"], one.plays, one.callers, length(one.seconds)


def length(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
