"""What is wrong with what is said about an item: a sentence each, whether a command, an index or the settings say it.

Each would otherwise be found out by silence: a misspelt country is one where nobody calls from, a misspelt tag keeps an
advert in a queue for the bereaved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from holdsvc.calls.airing import faults as airing_faults
from holdsvc.calls.rights import SELLS_OR_JOKES
from holdsvc.content.index import SLUG, Entry

MOODS = ("calm", "sober", "warm", "bright", "jolly")
_NEAR = 0.8  # from which on a word is taken for a slip of the pen: adverts, not classical
_OTHERWISE = {"UK": "GB", "EL": "GR"}  # what people write, and what the standard says


def faults(entry: Entry) -> Iterator[str]:
    """The ends of sentences that begin with the item."""
    if entry.mood and entry.mood not in MOODS:
        yield f"its mood {entry.mood!r:.40} is none of {', '.join(MOODS)}"
    yield from tag_faults(entry.tags)
    yield from territory_faults(entry.licence.territories)
    for fault in airing_faults(entry.airing):
        yield f"its schedule never plays: {fault}"
    if entry.segment != entry.segment.strip():
        yield f"its segment {entry.segment!r:.40} has spaces around it, and no caller's has"


def tag_faults(tags: Iterable[str]) -> Iterator[str]:
    for tag in tags:
        near = get_close_matches(tag.lower(), sorted(SELLS_OR_JOKES), 1, _NEAR)
        if not SLUG.fullmatch(tag):
            yield f"its tag {tag!r:.40} is not made of a-z, 0-9, dot, dash and underscore"
        elif near and near[0] != tag:
            yield f"its tag {tag!r:.40} keeps it out of no queue; {near[0]!r} would"


def territory_faults(territories: Iterable[str]) -> Iterator[str]:
    known = _countries() if territories else frozenset()
    for territory in territories:
        if territory.upper() in known:
            continue
        meant = _OTHERWISE.get(territory.upper())
        yield f"its territory {territory!r:.40} is no country; write {meant or 'two letters, as DE'}"


def _countries() -> frozenset[str]:
    from phonenumbers import SUPPORTED_REGIONS  # late: most items are for everywhere

    return frozenset(SUPPORTED_REGIONS)
