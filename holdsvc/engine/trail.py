"""The log: what happened, as events with fields. One JSON object a line, or a line for people on a terminal.

Numbers never come here; a caller is a pseudonym, a field is escaped, and nobody can write a second line into one.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from holdsvc.calls.facts import (
    AnyFact,
    ContentChosen,
    HandedOver,
    HoldBegan,
    LeaveChosen,
    NotUnderstood,
    Promised,
    QuizAnswered,
    WaitAmended,
    WaitBegan,
    WaitEnded,
)
from holdsvc.calls.session import HoldSession

log = logging.getLogger("holdsvc.calls")
BEHIND = " " * 9  # before each further line of a message, so that none can pass for a message of its own
PLAIN = frozenset(logging.LogRecord("", 0, "", 0, "", None, None).__dict__) | {"message", "asctime", "taskName"}


def start(style: str, level: str) -> None:
    """Once, at start. `style`: auto, json or text."""
    human = style == "text" or (style == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler()
    handler.setFormatter(ForPeople() if human else ForMachines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)


class ForMachines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=True)


class ForPeople(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        told = " ".join(f"{key}={printable(value)}" for key, value in fields(record).items())
        first, *more = record.getMessage().splitlines() or [""]
        if record.exc_info:
            more += self.formatException(record.exc_info).splitlines()
        line = f"{at} {record.levelname.lower():7} {printable(first)} {told}".rstrip()
        return "\n".join((line, *(f"{BEHIND}{printable(one)}" for one in more)))


def fields(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in record.__dict__.items() if key not in PLAIN}


def printable(value: object) -> str:
    """No control characters and no terminal escapes reach the screen: they are shown as they are written in Python."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in str(value))


def tell(session: HoldSession, facts: Sequence[AnyFact]) -> None:
    """A listener: facts as lines of the log."""
    for fact in facts:
        told = line(fact)
        if told:
            name, more = told
            log.info(name, extra={"call": session.ref.call, "queue": session.queue, **more})


def told(fact: Promised) -> dict[str, object]:
    more: dict[str, object] = {"position": fact.position} if fact.position else {}
    if fact.wait is not None:
        span = fact.wait.span
        more |= {"minutes": f"{span.low}-{span.high}" if span.high else f"{span.low}-", "longer": fact.wait.longer}
    return more


def line(fact: AnyFact) -> tuple[str, dict[str, object]] | None:
    match fact:
        case WaitBegan():
            return "wait_began", {}
        case WaitEnded():
            return "wait_ended", {"outcome": fact.outcome.value, "seconds": round(fact.seconds, 3)}
        case WaitAmended():
            became = fact.became.value if fact.became else "waiting"
            return "wait_amended", {"was": fact.was.value if fact.was else "waiting", "became": became}
        case ContentChosen():
            return "content_chosen", {"choice": fact.choice, "via": fact.via.value}
        case QuizAnswered():
            return "quiz_answered", {"question": fact.question, "result": fact.result.value}
        case NotUnderstood():
            return "not_understood", {"via": fact.via.value}
        case HandedOver():
            return "handed_over", {}
        case HoldBegan():
            return "hold_began", {}
        case Promised():
            return ("place_told" if fact.position else "wait_told"), told(fact)
        case LeaveChosen():
            return "leave_chosen", {}
        case _:
            return None
