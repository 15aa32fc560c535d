"""Which item of a shelf a caller hears next: one that is new to this caller, and after all were heard, the longest unheard.

Pure, and seeded by caller and shelf: the same past gives the same answer. What counts is what was heard (`plays`), on whatever
platform, never what was sent. Costs one pass over the shelf, and is asked for only when an item is over.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from hashlib import blake2b

from msgspec import Struct

from holdsvc.calls.airing import airs
from holdsvc.calls.model import ContentId, ContentItem

Plays = tuple[tuple[ContentId, int], ...]

DAY = 86_400.0
MOST_PLAYS = 500  # that are remembered of a caller; the oldest go
STILL = 3600  # seconds for which hearing the same item is one play
FEW = 8  # items, among which the same title twice is looked for
BITS = 64
MASK = (1 << BITS) - 1
STIR, STIR_MORE = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93  # odd, and without pattern


class Freshness(Struct, frozen=True):
    """What a queue asks of its rotation."""

    window: float = 30 * DAY  # seconds in which nothing is heard twice, as long as something else is left
    artist_gap: int = 2  # items between two of the same artist or title, where the shelf has that many others
    zone: tzinfo = UTC  # in which schedules tell the time


class Past(Struct, frozen=True):
    """What a caller has heard, as it concerns one shelf."""

    plays: Plays  # latest last
    seed: int
    at: datetime
    opening: bool = False  # the first thing to be heard: nothing is put before it


def seed_of(*words: str) -> int:
    return int.from_bytes(
        blake2b("\x00".join(words).encode(errors="surrogatepass"), digest_size=BITS // 8).digest(), "big"
    )


def played(plays: Plays, content: ContentId, at: datetime) -> Plays:
    """With this one heard now. As long as it goes on being heard nothing changes, so that a checkpoint costs nothing."""
    now = int(at.timestamp())
    if plays and plays[-1][0] == content and now - plays[-1][1] < STILL:
        return plays
    return (*(one for one in plays if one[0] != content), (content, now))[-MOST_PLAYS:]


def shuffled(shelf: Sequence[ContentItem], past: Past, rules: Freshness) -> ContentItem | None:
    """The next item out of the caller's bag; None if nothing on the shelf may be played now."""
    heard = dict(past.plays)
    now = past.at.timestamp()
    local = past.at.astimezone(rules.zone)
    on_air = [item for item in shelf if airs(item, local)]
    regular = [item for item in on_air if not inserted(item)]
    if len(regular) < len(on_air) and not past.opening and (insert := due(on_air, past.plays, now)) is not None:
        return insert
    new = [item for item in regular if now - heard.get(item.id, -math.inf) >= rules.window]
    recent = last_heard(shelf, past.plays, rules.artist_gap, now - rules.window)
    if new:
        return out_of_the_bag(new, recent, lambda item: ticket(item, past.seed, heard))
    return longest_unheard(regular or on_air, recent, heard)


def in_order(shelf: Sequence[ContentItem], past: Past, rules: Freshness, place: ContentId | None) -> ContentItem | None:
    """The next item of what has an order: the first new one behind the place, else before it, else the longest unheard."""
    heard = dict(past.plays)
    now = past.at.timestamp()
    local = past.at.astimezone(rules.zone)
    start = next((index + 1 for index, item in enumerate(shelf) if item.id == place), 0)
    onward = [item for item in (*shelf[start:], *shelf[:start]) if airs(item, local)]
    new = (item for item in onward if now - heard.get(item.id, -math.inf) >= rules.window)
    return next(new, None) or min(onward, key=lambda item: heard.get(item.id, 0), default=None)


of_item = lru_cache(maxsize=16_384)(seed_of)


# --- inside --------------------------------------------------------------------------------------------------------------


def ticket(item: ContentItem, seed: int, heard: Mapping[ContentId, int]) -> float:
    """The item's place in this caller's shuffle; a new one each time that it comes back into the bag. The lowest goes first."""
    drawn = ((seed ^ of_item(item.id) ^ heard.get(item.id, 0)) * STIR) & MASK
    drawn = ((drawn ^ drawn >> 32) * STIR_MORE) & MASK
    return -math.log((drawn + 1) / (MASK + 1)) / item.airing.weight


def last_heard(shelf: Sequence[ContentItem], plays: Plays, gap: int, since: float) -> list[ContentItem]:
    """The last items of this shelf that were heard, latest first."""
    if not plays or gap <= 0:
        return []
    known = {item.id: item for item in shelf}
    found: list[ContentItem] = []
    for content, at in reversed(plays):
        if at > since and content in known:
            found.append(known[content])
            if len(found) == gap:
                break
    return found


def out_of_the_bag(
    new: Sequence[ContentItem], recent: Sequence[ContentItem], drawn: Callable[[ContentItem], float]
) -> ContentItem:
    """The first of the shuffle that keeps its distance; an artist who would end up in a row goes ahead of all others."""
    crowded = outnumbering(new)
    if crowded and not (recent and crowded in names(recent[0])):
        new = [item for item in new if crowded in names(item)]
    near = nearness(new, recent)
    closest = min(near)
    return min(
        (item for item, close in zip(new, near, strict=True) if close == closest),
        key=lambda item: (drawn(item), item.id),
    )


def longest_unheard(
    items: Sequence[ContentItem], recent: Sequence[ContentItem], heard: Mapping[ContentId, int]
) -> ContentItem | None:
    """The longest unheard. To keep artists apart, one of the older half may go before it."""
    oldest = sorted(items, key=lambda item: (heard.get(item.id, 0), item.id))[: (len(items) + 1) // 2]
    if not oldest:
        return None
    near = nearness(oldest, recent)
    return oldest[near.index(min(near))]


def outnumbering(items: Sequence[ContentItem]) -> str:
    """The artist or, of the last few, the title of more than half of the items; "" for none."""
    half = len(items) // 2
    artists = [item.artist for item in items if item.artist]
    found = Counter(artists).most_common(1) if len(artists) > half else []
    if found and found[0][1] > half:
        return f"a{found[0][0]}"
    if len(items) <= FEW:
        title, count = Counter(item.title.casefold() for item in items).most_common(1)[0]
        return f"t{title}" if count > half else ""
    return ""


def names(item: ContentItem) -> tuple[str, ...]:
    """By what items are kept apart: the title, the artist. A letter before them keeps one from being taken for the other."""
    title = f"t{item.title.casefold()}"
    return (title, f"a{item.artist}") if item.artist else (title,)


def nearness(items: Sequence[ContentItem], recent: Sequence[ContentItem]) -> list[int]:
    """How lately the artist or the title of each was heard; 0 for long enough ago."""
    artists: dict[str, int] = {}
    titles: dict[str, int] = {}
    for close, item in enumerate(reversed(recent), 1):
        titles[item.title.casefold()] = close
        if item.artist:
            artists[item.artist] = close
    return [max(artists.get(item.artist, 0), titles.get(item.title.casefold(), 0)) for item in items]


def inserted(item: ContentItem) -> bool:
    return item.airing.every_items is not None or item.airing.every_minutes is not None


def due(items: Iterable[ContentItem], plays: Plays, now: float) -> ContentItem | None:
    """What is to be put between the others now; of several, the one that was heard longest ago."""
    found = [
        (since, item.id, item) for item in items if inserted(item) and (since := waiting(item, plays, now)) is not None
    ]
    return min(found, default=(0, ContentId(""), None))[2]


def waiting(item: ContentItem, plays: Plays, now: float) -> float | None:
    """When it was heard last, if it is due again; 0 for never."""
    since, others = 0.0, 0
    for content, at in reversed(plays):
        if content == item.id:
            since = at
            break
        others += 1
    airing = item.airing
    if not plays or plays[-1][0] == item.id:
        return None  # it does not follow itself
    if airing.every_items is not None and others < airing.every_items:
        return None
    if airing.every_minutes is not None and since and now - since < airing.every_minutes * 60:
        return None
    return since
