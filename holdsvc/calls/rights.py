"""What may be played where and until when, by its licence; and what is fit for a queue whose callers are in distress. Pure."""

from __future__ import annotations

from datetime import date

from msgspec import Struct

from holdsvc.calls.model import ContentItem, Kind, Licence


class Manner(Struct, frozen=True):
    """What a sensitive queue never plays, whatever else its file says. Music must say that it is fit."""

    moods: frozenset[str]  # of music that may be played; a piece that tells no mood is not among them
    kinds: frozenset[Kind]  # never
    tags: frozenset[str]  # never


SELLS_OR_JOKES = frozenset({"advert", "promotion", "jolly", "comedy", "jingle"})
GENTLE = frozenset({"calm", "sober", "warm"})
MANNERS = {
    "bereavement": Manner(GENTLE, frozenset({Kind.QUIZ}), SELLS_OR_JOKES),
    "fraud": Manner(GENTLE, frozenset({Kind.QUIZ}), SELLS_OR_JOKES),
    "emergency": Manner(GENTLE, frozenset({Kind.QUIZ}), SELLS_OR_JOKES),
}


def licensed(licence: Licence, today: date, territory: str) -> bool:
    """An unknown territory ("") is in no list."""
    if licence.until is not None and today > licence.until:
        return False
    return not licence.territories or territory.upper() in licence.territories


def fit(item: ContentItem, manner: Manner | None) -> bool:
    if manner is None:
        return True
    if item.kind in manner.kinds or not manner.tags.isdisjoint(item.tags):
        return False
    return item.kind is not Kind.MUSIC or item.mood in manner.moods


def playable(item: ContentItem, today: date, territory: str, manner: Manner | None) -> bool:
    return licensed(item.licence, today, territory) and fit(item, manner)
