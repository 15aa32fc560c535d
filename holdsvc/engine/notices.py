"""The words from the floor that hold now: who put them up, for which queue, until when. A small file keeps them across restarts."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from holdsvc.calls.facts import AnyFact, NoticeTold
from holdsvc.calls.model import PromptId
from holdsvc.calls.plan import Notice
from holdsvc.calls.session import HoldSession

MOST = 50  # that hold at once
EVERYWHERE = ""
log = logging.getLogger(__name__)


class Posted(Struct, frozen=True):
    """`queue` "" is every queue. `until` is when it stops to be told to those who were not told yet."""

    id: str
    queue: str
    prompt: str
    since: datetime
    until: datetime
    told: int = field(
        default=0, name="heard"
    )  # callers, as far as was counted when this was kept; so named in older files


class TooMany(Exception):
    """Nobody reads fifty notices."""


class Notices:
    def __init__(self, file: Path, new_id: Callable[[], str]) -> None:
        """A file that cannot be read is no reason not to start: it is said, and there are no notices."""
        self.generation = 0
        # Told of what has just been put up, "" for any other change.
        self.changed: Callable[[str], None] = lambda new: None
        self._file, self._new_id = file, new_id
        self._posted: tuple[Posted, ...] = ()
        self._told: Counter[str] = Counter()
        self._hurried: dict[str, datetime] = {}  # queue -> until when what is said is to be heard soon
        try:
            self._posted = msgspec.json.decode(file.read_bytes(), type=tuple[Posted, ...])
        except FileNotFoundError:
            pass
        except (OSError, msgspec.DecodeError) as error:
            log.warning("notices_unreadable", extra={"file": file.name, "reason": str(error)})
        self._told.update({one.id: one.told for one in self._posted})

    def facts(self, session: HoldSession, facts: Sequence[AnyFact]) -> None:
        """A listener: counts who was told what, which is before they have heard it to its end."""
        self._told.update(fact.notice for fact in facts if isinstance(fact, NoticeTold))

    def told(self, name: str) -> int:
        """How many callers, those who have gone since included."""
        return self._told[name]

    def hurry(self, queue: str, until: datetime) -> None:
        """Keep documents short in a queue, or in all, so that a word that is put up until then is heard soon."""
        self._hurried[queue] = until
        self.changed("")

    def hurried(self, queue: str, now: datetime) -> bool:
        return any(until > now and one in (queue, EVERYWHERE) for one, until in self._hurried.items())

    def hurries(self, now: datetime) -> Mapping[str, datetime]:
        self._hurried = {queue: until for queue, until in self._hurried.items() if until > now}
        return self._hurried

    def save(self) -> None:
        """How many were told each is kept when something changes, and when the service stops."""
        if self._posted:
            self._keep(self._posted)

    def all(self, now: datetime) -> tuple[Posted, ...]:
        return tuple(one for one in self._posted if one.until > now)

    def of(self, queue: str, now: datetime) -> Posted | None:
        """What callers of this queue are to be told: its own notice before one for all, the newest of either."""
        fitting = [one for one in self.all(now) if one.queue in (queue, EVERYWHERE)]
        return max(fitting, key=lambda one: (one.queue == queue, one.since), default=None)

    def post(self, queue: str, prompt: str, now: datetime, until: datetime) -> Posted:
        """In place of what the same queue was told until now. Raise `TooMany`."""
        made = Posted(self._new_id(), queue, prompt, now, until)
        others = tuple(one for one in self.all(now) if one.queue != queue)
        if len(others) >= MOST:
            raise TooMany
        self._keep((*others, made))
        self.changed(made.id)
        return made

    def withdraw(self, name: str) -> bool:
        """False if there is none of that id."""
        others = tuple(one for one in self._posted if one.id != name)
        if len(others) == len(self._posted):
            return False
        self._keep(others)
        self.changed("")
        return True

    def board(self) -> tuple[tuple[Posted, ...], dict[str, datetime]]:
        """What is put up, and which queues are in a hurry until when: for other processes."""
        return tuple(replace(one, told=self._told[one.id]) for one in self._posted), dict(self._hurried)

    def adopt(self, posted: tuple[Posted, ...], hurried: Mapping[str, datetime]) -> None:
        """What another process put up, in place of what was known here."""
        self._posted, self._hurried = posted, dict(hurried)
        self._told = Counter({one.id: max(one.told, self._told[one.id]) for one in posted})
        self.generation += 1

    def _keep(self, posted: tuple[Posted, ...]) -> None:
        self._posted = posted = tuple(replace(one, told=self._told[one.id]) for one in posted)
        self._told = Counter({one.id: one.told for one in posted})
        self.generation += 1
        new = self._file.with_suffix(".new")
        try:
            new.write_bytes(msgspec.json.encode(posted))
            new.replace(self._file)
        except OSError as error:  # it is told all the same; only a restart would forget it
            log.warning("notices_unkept", extra={"file": self._file.name, "reason": str(error)})


def notice(posted: Posted | None) -> Notice | None:
    return Notice(posted.id, PromptId(posted.prompt)) if posted else None
