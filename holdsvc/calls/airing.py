"""When an item may be played: days and hours, and what was on the air for whoever listened. Pure; the local time is an argument."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from msgspec import Struct

from holdsvc.calls.model import ALWAYS, Airing, ContentId, ContentItem

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MIDNIGHT = 24 * 60  # minutes


class Part(NamedTuple):
    """A stretch of an item in a chunk of endless sound."""

    turn: int  # how many items came before it
    content: ContentId
    seconds: float


Chunk = tuple[bytes, tuple[Part, ...]]  # of endless sound, as it is sent, and what it is made of


class Aired(Struct, frozen=True):
    """An item on the air of a live shelf while somebody listened; told again and again under one id until it is over."""

    id: str
    shelf: str
    content: ContentId
    began: datetime
    seconds: float  # for which at least one listener was there
    listened: float  # seconds of all listeners together


class AiredSum(NamedTuple):
    """An item over all airings of a period."""

    content: ContentId
    airings: int
    seconds: float
    listened: float
    latest: datetime  # when the last of them began


def airs(item: ContentItem, local: datetime) -> bool:
    """Whether its schedule has the item now. What begins in the night belongs to the day on which it began.

    A schedule with a fault in it never plays; `holdsvc check` names the fault.
    """
    airing = item.airing
    if airing is ALWAYS or airing == ALWAYS:
        return True
    if not is_sound(airing):
        return False
    minute, day = local.hour * 60 + local.minute, local.weekday()
    for begins, ends in spans(airing.hours):
        if begins <= minute < ends and on(airing, day):
            return True
        if minute < ends - MIDNIGHT and on(airing, day - 1):
            return True
    return False


def on(airing: Airing, day: int) -> bool:
    return not airing.days or DAYS[day % len(DAYS)] in airing.days


@lru_cache(maxsize=256)
def is_sound(airing: Airing) -> bool:
    return not any(faults(airing))


@lru_cache(maxsize=256)
def spans(hours: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """From and until in minutes of the day; over midnight the end is beyond it."""
    return tuple(map(span, hours)) or ((0, MIDNIGHT),)


def span(text: str) -> tuple[int, int]:
    """ValueError for what is none."""
    first, dash, last = text.partition("-")
    if not dash:
        raise ValueError(f"{text!r} is no span of hours; write it as 08:00-18:00")
    begins, ends = minutes(first.strip()), minutes(last.strip())
    if begins == ends or begins >= MIDNIGHT:
        raise ValueError(f"{text!r} never comes: it ends where it begins")
    return begins, ends if ends > begins else ends + MIDNIGHT


def minutes(clock: str) -> int:
    hour, _, minute = clock.partition(":")
    if not (hour.isdecimal() and (minute or "0").isdecimal()) or int(hour) > 24 or int(minute or 0) > 59:
        raise ValueError(f"{clock!r} is no time of the day; write it as 08:00")
    return min(MIDNIGHT, int(hour) * 60 + int(minute or 0))


def faults(airing: Airing) -> Iterator[str]:
    """What is wrong with a schedule, as the end of a sentence."""
    for day in airing.days:
        if day not in DAYS:
            yield f"{day!r} is no day; write mon, tue, wed, thu, fri, sat or sun"
    for hours in airing.hours:
        try:
            span(hours)
        except ValueError as error:
            yield str(error)
    if airing.weight <= 0:
        yield f"a weight of {airing.weight:g} never plays; take one above 0"
    if airing.every_items is not None and airing.every_items < 1:
        yield f"every_items = {airing.every_items} leaves no room for others; take 1 or more"
    if airing.every_minutes is not None and airing.every_minutes <= 0:
        yield f"every_minutes = {airing.every_minutes:g} leaves no room for others; take more than 0"
