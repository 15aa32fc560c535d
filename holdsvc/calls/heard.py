"""How much of a turn reached the caller's ear, where the platform does not say: told by the time that passed.

A platform that fetches finite sounds says nothing of what it played. Pure arithmetic; rounding down to the grid is the programme's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from holdsvc.calls.events import HeardUntil
from holdsvc.calls.model import ContentId

SLACK = 2.0  # seconds that a document may seem too short by and still count as played to its end


class Part(Struct, frozen=True, gc=False):
    """A stretch of the content, or (`from_second` None) so many seconds of something else: a prompt."""

    until_second: float
    from_second: float | None = None

    @property
    def seconds(self) -> float:
        return max(0.0, self.until_second - (self.from_second or 0.0))


class Sent(Struct, frozen=True, gc=False):
    """What a document let the caller hear, in its order."""

    at: datetime
    content: ContentId
    parts: tuple[Part, ...]

    @property
    def seconds(self) -> float:
        return sum(part.seconds for part in self.parts)


def heard_of(sent: Sent, at: datetime, *, spent: float = 0.0, to_its_end: bool = False) -> HeardUntil | None:
    """What was heard of the content until `at`; None if nothing was.

    `spent`: seconds of that time in which nothing played any more. `to_its_end`: the platform says that it came to the end of
    the document. That is believed only if there was time for it, since a sound that cannot be fetched is skipped.
    """
    played = (at - sent.at).total_seconds() - spent
    if to_its_end and played >= sent.seconds - SLACK:
        played = sent.seconds
    return walk(sent.content, sent.parts, played)


def walk(content: ContentId, parts: Sequence[Part], played: float) -> HeardUntil | None:
    """The one stretch of content that fits into the seconds played. It ends where the content was not continued."""
    began = until = None
    for part in parts:
        if played <= 0:
            break
        if part.from_second is not None:
            if until is not None and part.from_second != until:
                break
            began = part.from_second if began is None else began
            until = min(part.until_second, part.from_second + played)
        played -= part.seconds
    if began is None or until is None or until <= began:
        return None
    return HeardUntil(content, began, until)
