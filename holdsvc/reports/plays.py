"""Who is owed what: how often and how long each item was heard in a period, with the licence under which it was.

Made of the wait log alone, so that it says what callers heard and never what was sent. A play is one item heard in one call,
however often the caller came back to it there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from holdsvc.calls.model import ContentId, ContentItem, Kind, Licence
from holdsvc.ports import HeardSum
from holdsvc.reports.page import Cell, Column, Section, Unit

COLUMNS = {
    "content": "id of the item",
    "kind": "music, podcast, daily, quiz or quiet",
    "title": "title; or that the item is on no shelf any more",
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


def plays(heard: Iterable[HeardSum], items: Mapping[ContentId, ContentItem]) -> tuple[Played, ...]:
    """In the order of what is given."""
    return tuple(Played(*one, items.get(one.content)) for one in heard)


def row(played: Played) -> dict[str, Cell]:
    item, nothing = played.item, Licence("", "")
    licence = item.licence if item else nothing
    return {
        "content": played.content,
        "kind": played.kind.value,
        "title": item.title if item else "(on no shelf any more)",
        "artist": item.artist if item else "",
        "shelf": item.shelf if item else "",
        "licence": licence.name,
        "attribution": licence.attribution,
        "source": licence.source,
        "plays": played.plays,
        "callers": played.callers,
        "seconds": round(played.seconds, 2),
    }


def section(found: Sequence[Played]) -> Section:
    rows = tuple(tuple(row(one).values()) for one in found)
    plays, seconds = sum(one.plays for one in found), sum(one.seconds for one in found)
    units = {"plays": Unit.COUNT, "callers": Unit.COUNT, "seconds": Unit.SECONDS}
    return Section(
        "plays",
        "What was played",
        tuple(Column(name, name, units.get(name, Unit.WORD)) for name in COLUMNS),
        rows,
        (f"{plays} plays, {seconds / 3600:.1f} hours in all. A play is one item in one call.",),
    )
