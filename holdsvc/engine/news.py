"""What a caller heard of a stream, as news for the core: each second of content once, in the order of the time line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from holdsvc.audio.player import Player
from holdsvc.calls.events import CallEvent, Heard, HeardUntil, StreamClosed
from holdsvc.calls.model import ContentId, EventId


def told(player: Player, until: int, at: datetime, new_id: Callable[[], EventId]) -> tuple[Heard, ...]:
    """What was heard up to this byte of the time line, and was not told yet."""
    return tuple(
        Heard(at=at, id=new_id(), heard=HeardUntil(ContentId(one.content), one.from_second, one.until_second))
        for one in player.heard(until)
    )


def last(news: tuple[Heard, ...]) -> HeardUntil | None:
    """The newest stretch goes with the event itself, those before it ahead of it."""
    return news[-1].heard if news else None


def parting(news: tuple[Heard, ...], at: datetime, id: EventId, *, by_caller: bool = False) -> tuple[CallEvent, ...]:
    """With the stream's end behind it: the caller's doing, or ours, for the call to go on elsewhere."""
    closed = StreamClosed(at=at, id=id, by_caller=by_caller, moved=not by_caller, heard=last(news))
    return (*news[:-1], closed)
