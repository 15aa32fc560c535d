"""Who is owed what: how often and how long each item was heard in a period, and where, with the licence under which it was.

Calls are counted from the wait log alone: what callers heard, never what was sent. A play is one item heard in one call, however
often the caller came back to it there. Hold music from an address (`/audio/live`) is counted by airings, and by the hours of all
its listeners. A play outside its licence is never planned; were there one, its row says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta, tzinfo

from msgspec import Struct

from holdsvc.calls.airing import AiredSum
from holdsvc.calls.model import ContentId, ContentItem, Kind, Licence
from holdsvc.ports import HeardSum
from holdsvc.reports.page import Cell, Column, Section, Unit

COLUMNS = {
    "content": "id of the item",
    "way": "call; or live: hold music from an address",
    "plays": "calls in which it was heard; of live, how often it was on the air with somebody listening",
    "callers": "known callers who heard it; withheld numbers and forgotten callers are not counted, listeners of live not known",
    "seconds": "heard in all, by all callers or listeners",
    "heard_in": "territory in which the callers' queue is, by the settings as they are now",
    "licence": "SPDX identifier, or the contract's name",
    "until": "last day of the licence",
    "territories": "where it may be played; nothing: everywhere",
    "kind": "music, podcast, daily, quiz or quiet",
    "title": "title",
    "artist": "artist",
    "shelf": "genre of music, series of podcasts",
    "attribution": "what must be said of it",
    "source": "where it came from",
    "remark": "outside its licence; or on no shelf any more",
}
BELOW = ("kind", "title", "artist", "shelf", "attribution", "source", "remark")  # on a terminal
UNITS = {"plays": Unit.COUNT, "callers": Unit.COUNT, "seconds": Unit.SECONDS}
CALL, LIVE = "call", "live"
GONE, OWN = "on no shelf any more", "made for one caller alone"
ABROAD, LATE = "OUTSIDE ITS LICENCE: not for this territory", "OUTSIDE ITS LICENCE: {} after its term"

Late = Callable[[ContentId, datetime], int]  # calls in which an item was begun after a moment


class Shelved(Struct, frozen=True):
    """What is known of items and places beside the log."""

    items: Mapping[ContentId, ContentItem]  # as they were at the end of the period
    there: frozenset[ContentId] | None = None  # on a shelf now; None: all of them
    territories: Mapping[str, str] = {}  # of queues
    territory: str = ""  # of the other queues, and of who listens to an address
    zones: tuple[tzinfo, ...] = (UTC,)  # of queues; a term is over when its last day is over in all of them


class Played(Struct, frozen=True):
    content: ContentId
    kind: Kind
    plays: int
    callers: int | None  # None: nobody knows
    seconds: float
    item: ContentItem | None  # None: nothing is known of it any more
    territory: str = ""
    way: str = CALL
    late: int = 0  # plays after the term of its licence
    gone: bool = False

    @property
    def abroad(self) -> bool:
        lands = self.item.licence.territories if self.item else ()
        return bool(lands) and self.territory.upper() not in lands

    @property
    def remark(self) -> str:
        breaches = (ABROAD if self.abroad else "", LATE.format(self.late) if self.late else "")
        own = self.content.startswith("personal:")
        return "; ".join(filter(None, (*breaches, OWN if own else GONE if self.gone or not self.item else "")))


def plays(
    heard: Iterable[HeardSum], shelved: Shelved, late: Late = lambda content, moment: 0, aired: Iterable[AiredSum] = ()
) -> tuple[Played, ...]:
    """In the order of what is given, calls first."""
    return (*(_of_calls(one, shelved, late) for one in heard), *(_of_live(one, shelved) for one in aired))


def _of_calls(one: HeardSum, shelved: Shelved, late: Late) -> Played:
    item, over = shelved.items.get(one.content), end_of_term(shelved, one.content)
    return Played(
        one.content,
        one.kind,
        one.plays,
        one.callers,
        one.seconds,
        item,
        one.territory,
        late=late(one.content, over) if over else 0,
        gone=is_gone(shelved, one.content),
    )


def _of_live(one: AiredSum, shelved: Shelved) -> Played:
    item, over = shelved.items.get(one.content), end_of_term(shelved, one.content)
    kind, gone = item.kind if item else Kind.MUSIC, is_gone(shelved, one.content)
    late = int(over is not None and one.latest > over)
    return Played(one.content, kind, one.airings, None, one.listened, item, shelved.territory, LIVE, late, gone)


def is_gone(shelved: Shelved, content: ContentId) -> bool:
    return shelved.there is not None and content not in shelved.there


def end_of_term(shelved: Shelved, content: ContentId) -> datetime | None:
    """When nothing of it may be begun any more, and what was begun in time is over; None: never."""
    item = shelved.items.get(content)
    if item is None or item.licence.until is None:
        return None
    morrow = item.licence.until + timedelta(days=1)
    return max(datetime.combine(morrow, time(), zone) for zone in shelved.zones) + timedelta(seconds=item.seconds)


def row(played: Played) -> dict[str, Cell]:
    item, nothing = played.item, Licence("", "")
    licence = item.licence if item else nothing
    return {
        "content": played.content,
        "way": played.way,
        "plays": played.plays,
        "callers": played.callers,
        "seconds": round(played.seconds, 2),
        "heard_in": played.territory,
        "licence": licence.name,
        "until": f"{licence.until:%Y-%m-%d}" if licence.until else "",
        "territories": " ".join(licence.territories),
        "kind": played.kind.value,
        "title": item.title if item else "",
        "artist": item.artist if item else "",
        "shelf": item.shelf if item else "",
        "attribution": licence.attribution,
        "source": licence.source,
        "remark": played.remark,
    }


def section(found: Sequence[Played]) -> Section:
    rows = tuple(tuple(row(one).values()) for one in found)
    return Section(
        "plays",
        "What was played",
        tuple(Column(name, name, UNITS.get(name, Unit.WORD), below=name in BELOW) for name in COLUMNS),
        rows,
        tuple(notes(found)),
    )


def notes(found: Sequence[Played]) -> Iterable[str]:
    calls, live = ([one for one in found if one.way == way] for way in (CALL, LIVE))
    plays, hours = sum(one.plays for one in calls), sum(one.seconds for one in calls) / 3600
    yield f"{plays} plays in calls, {hours:.1f} hours in all. A play is one item in one call."
    if live:
        airings, hours = sum(one.plays for one in live), sum(one.seconds for one in live) / 3600
        yield f"{airings} airings on live shelves, {hours:.1f} hours of all listeners together; they are in no queue."
    breaches = sum(bool(one.abroad or one.late) for one in found)
    if breaches:
        yield f"{breaches} of these rows have plays outside their licence: see their remarks, and tell us."
    unknown = sum(one.item is None for one in found)
    if unknown:
        yield f"Of {unknown} rows nothing is known any more here, nor whether their licence was kept."
    if not breaches:
        yield f"No {'other ' if unknown else ''}play was outside the term or the territory of its licence."
