"""The queue that an option names: one that there is, else a sentence that lists those that there are, the nearest first."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher

from holdsvc.config import Settings
from holdsvc.errors import ConfigError
from holdsvc.ports import Ledger, WaitQuery

MOST_NAMED = 12


def configured(settings: Settings) -> list[str]:
    return ["default", *sorted(name for name in settings.queues if name != "default")]


def check_logged(name: str, settings: Settings, ledger: Ledger) -> None:
    """A queue that is configured, or was: of which there are waits in the log, or were before they left it by their age."""
    there = configured(settings)
    if not name or name in there or list(ledger.waits(WaitQuery(queue=name, most=1))):
        return
    check("--queue", [name], [*there, *sorted({queue for _, queue, _ in ledger.totals().outcomes})])


def check(option: str, names: Iterable[str], there: Iterable[str]) -> None:
    known = list(dict.fromkeys(there))
    for name in names:
        if name not in known:
            raise ConfigError(option, none_such(name, known))


def none_such(name: str, there: Iterable[str]) -> str:
    known = sorted(there, key=lambda one: -likeness(name, one))
    more = f" and {len(known) - MOST_NAMED} more" if len(known) > MOST_NAMED else ""
    return f"there is no queue {name!r:.60}; there are {', '.join(known[:MOST_NAMED])}{more}"


def likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one.casefold(), other.casefold()).ratio()
