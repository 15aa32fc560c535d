"""Single fields of a Twilio request: read so that whatever stands there makes sense or counts as not told."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from holdsvc.calls.model import MOST_WAITS, EventId, QueueName

RETRIED = frozenset({"I-Twilio-Idempotency-Token", "sent"})  # differ between two deliveries of one request
WHOLE = re.compile(r"\d{1,9}", re.ASCII)


def wait_of(query: Mapping[str, str], turn: int | None) -> int | None:
    """Our own addresses name it, but for a call's first; those that the contact centre wrote know nothing of it."""
    if not turn:
        return None
    named = whole(query.get("wait", "1"), MOST_WAITS)
    return named or None


def first(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    return dict(reversed(pairs))


def identity(call: str, step: str, turn: int | None, fields: Sequence[tuple[str, str]]) -> EventId:
    """Twilio gives its requests no id. The same key in two turns is two events, a retry is one."""
    told = sorted(field for field in fields if field[0] not in RETRIED)
    return EventId(hashlib.blake2b(ascii((call, step, turn, told)).encode(), digest_size=12).hexdigest())


def queue_name(text: str) -> QueueName:
    name = "".join(letter for letter in text[:64] if letter.isprintable()).strip()
    return QueueName(name or "default")


def whole(text: str, most: int) -> int | None:
    """A whole number from 0 to the most that makes sense; None for anything else."""
    number = int(text) if WHOLE.fullmatch(text) else None
    return number if number is not None and number <= most else None


def moment(text: str) -> datetime | None:
    try:
        stamp = parsedate_to_datetime(text[:64])
        return (stamp if stamp.tzinfo else stamp.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def part(event: EventId, index: int) -> EventId:
    return EventId(f"{event}.{index}") if index else event


def share(text: str) -> float:
    """A number from 0 to 1; 0 where none was told (Confidence is not guaranteed to be there)."""
    try:
        number = float(text)
    except ValueError:
        return 0.0
    return number if 0.0 <= number <= 1.0 else 0.0
