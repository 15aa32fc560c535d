"""What a document let the caller hear, written into its links, so that the request that follows is read against it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from holdsvc.calls.heard import Part, Sent
from holdsvc.calls.model import ContentId

BETWEEN = "_"  # between parts: a letter that nobody on the way percent-encodes, or decodes after it was signed
MOST_PARTS = 64
LONGEST_ID = 200
PART = re.compile(r"(?:(p)|(\d{1,6}(?:\.\d{1,3})?)-)(\d{1,6}(?:\.\d{1,3})?)", re.ASCII)
MILLISECONDS = re.compile(r"\d{1,14}", re.ASCII)  # up to the year 5138


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
