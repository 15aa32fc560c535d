"""How much of a document reached the caller's ear, told by the time until the next request.

A platform that fetches finite sounds says nothing of what it played. So each document's links carry what it named and when it
was sent, and the request that follows is read against that. Pure arithmetic; rounding down to the grid is the core's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from holdsvc.calls.events import HeardUntil
from holdsvc.calls.model import ContentId

BETWEEN = "_"  # between parts: a letter that nobody on the way percent-encodes, or decodes after it was signed
MOST_PARTS = 64
LONGEST_ID = 200
SLACK = 2.0  # seconds that a document may seem too short by and still count as played to its end
PART = re.compile(r"(?:(p)|(\d{1,6}(?:\.\d{1,3})?)-)(\d{1,6}(?:\.\d{1,3})?)", re.ASCII)
MILLISECONDS = re.compile(r"\d{1,14}", re.ASCII)  # up to the year 5138


class Part(Struct, frozen=True):
    """A stretch of the content, or (`from_second` None) so many seconds of something else: a prompt."""

    until_second: float
    from_second: float | None = None

    @property
    def seconds(self) -> float:
        return max(0.0, self.until_second - (self.from_second or 0.0))


class Sent(Struct, frozen=True):
    """What a document let the caller hear, in its order."""

    at: datetime
    content: ContentId
    parts: tuple[Part, ...]

    @property
    def seconds(self) -> float:
        return sum(part.seconds for part in self.parts)


def heard(sent: Sent, at: datetime, *, spent: float = 0.0, to_its_end: bool = False) -> HeardUntil | None:
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


def write(sent: Sent) -> dict[str, str]:
    """Fields for the links of a document; none if no content was in it."""
    if not sent.content or all(part.from_second is None for part in sent.parts):
        return {}
    parts = BETWEEN.join(written(part) for part in sent.parts[:MOST_PARTS])
    return {"content": sent.content, "parts": parts, **written_at(sent.at)}


def written_at(at: datetime) -> dict[str, str]:
    """When a document was sent, for links that name no content."""
    return {"sent": str(round(at.timestamp() * 1000))}


def written(part: Part) -> str:
    if part.from_second is None:
        return f"p{number(part.until_second)}"
    return f"{number(part.from_second)}-{number(part.until_second)}"


def number(seconds: float) -> str:
    return f"{seconds:.3f}".rstrip("0").rstrip(".")


def read(query: Mapping[str, str]) -> Sent | None:
    """What `write` wrote; None for anything else."""
    content, parts, at = query.get("content", ""), query.get("parts", ""), read_at(query)
    if not content or len(content) > LONGEST_ID or at is None:
        return None
    pieces = parts.split(BETWEEN, MOST_PARTS)
    matches = [match for match in map(PART.fullmatch, pieces) if match]
    if len(matches) != len(pieces):
        return None
    read_parts = tuple(Part(float(match[3]), None if match[1] else float(match[2])) for match in matches)
    return Sent(at, ContentId(content), read_parts)


def read_at(query: Mapping[str, str]) -> datetime | None:
    sent = query.get("sent", "")
    return datetime.fromtimestamp(int(sent) / 1000, UTC) if MILLISECONDS.fullmatch(sent) else None
