"""Who is calling? Asks the directories, and never keeps the caller waiting for them.

All are asked at once and have a budget together; the first of them, in their order, that knows the caller in time counts. What
comes later is handed over as news. A directory that fails is left alone for a while; one that hangs cannot pile up questions.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import partial

from msgspec import Struct

from holdsvc.calls.model import CallRef, Contact, PhoneNumber
from holdsvc.errors import OutboundFailed
from holdsvc.ports import Clock, Directory

log = logging.getLogger(__name__)


class Found(StrEnum):
    """How a question ended; a label of the metric."""

    HIT = "hit"
    MISS = "miss"
    LATE = "late"  # answered, either way, after the budget of a call that waited for it
    ERROR = "error"
    REFUSED = "refused"  # not asked: too many questions are open, or the directory keeps failing
    CACHED = "cached"


Reply = asyncio.Future[Contact | None]  # a failure is None as well: the caller is served either way
Late = Callable[[CallRef, Contact], None]
Observe = Callable[[str, Found, float], None]  # (directory, how it ended, seconds)


def unobserved(source: str, result: Found, seconds: float) -> None:
    """For whoever keeps no metrics."""


class Limits(Struct, frozen=True):
    budget: float = 0.3  # seconds that a call waits for all directories together
    patience: float = 5.0  # seconds after which a question is given up and counts as a failure
    outstanding: int = 32  # questions open at one directory
    remembered: int = 10_000  # answers kept, of all directories together
    known_for: float = 300.0  # seconds that a contact is believed
    unknown_for: float = 60.0  # seconds that "not known there" is believed
    failures: int = 5  # in a row, then the directory is left alone
    rest: float = 10.0  # seconds until one question tries it again


class Lookup:
    """`late` is called on the event loop, for each better answer that comes after `ask` returned; it must not block."""

    def __init__(
        self,
        directories: Sequence[Directory],
        clock: Clock,
        late: Late,
        observe: Observe = unobserved,
        limits: Limits | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self._late = late
        self._answers = Answers(clock, self._limits)
        self._desks = tuple(Desk(one, self._answers, clock, observe, self._limits) for one in directories)

    async def ask(self, ref: CallRef, number: PhoneNumber) -> Contact | None:
        """Who has this number, as far as it is known within the budget. Never raises for a directory's sake."""
        replies = [desk.ask(number) for desk in self._desks]
        await self._in_time(replies)
        return self._settle(ref, number, replies)

    def forget(self, number: PhoneNumber) -> None:
        """Drop what is remembered of a number."""
        self._answers.forget(number)

    async def close(self) -> None:
        for desk in self._desks:
            await desk.close()

    async def _in_time(self, replies: Sequence[Reply]) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._limits.budget
        while not _decided(replies) and (left := end - loop.time()) > 0:
            pending = [reply for reply in replies if not reply.done()]
            await asyncio.wait(pending, timeout=left, return_when=asyncio.FIRST_COMPLETED)

    def _settle(self, ref: CallRef, number: PhoneNumber, replies: Sequence[Reply]) -> Contact | None:
        best = next((place for place, reply in enumerate(replies) if _contact(reply)), len(replies))
        news = News(ref, best, self._late)
        for place in range(best):
            if not replies[place].done():
                self._desks[place].overdue(number)
                replies[place].add_done_callback(partial(news.came, place))
        return _contact(replies[best]) if best < len(replies) else None


class News:
    """What one call still waits for. Told only what is better than what the call has: a directory earlier in the order."""

    def __init__(self, ref: CallRef, best: int, late: Late) -> None:
        self._ref = ref
        self._best = best
        self._late = late

    def came(self, place: int, reply: Reply) -> None:
        contact = _contact(reply)
        if contact is not None and place < self._best:
            self._best = place
            self._late(self._ref, contact)


class Desk:
    """Where one directory is asked: each number once at a time, only so many at once, and not while it keeps failing."""

    def __init__(self, directory: Directory, answers: Answers, clock: Clock, observe: Observe, limits: Limits) -> None:
        self._directory = directory
        self._answers = answers
        self._clock = clock
        self._observe = observe
        self._limits = limits
        self._breaker = Breaker(directory.name, clock, limits)
        self._open: dict[PhoneNumber, asyncio.Task[Contact | None]] = {}
        self._overdue: set[PhoneNumber] = set()

    def ask(self, number: PhoneNumber) -> Reply:
        """Two calls with one number share a question."""
        name = self._directory.name
        if kept := self._answers.get(name, number):
            self._observe(name, Found.CACHED, 0.0)
            return _ready(kept.contact)
        if number in self._open:
            return self._open[number]
        if len(self._open) >= self._limits.outstanding or not self._breaker.may_ask():
            self._observe(name, Found.REFUSED, 0.0)
            return _ready(None)
        self._open[number] = asyncio.create_task(self._question(number), name=f"lookup {name}")
        return self._open[number]

    def overdue(self, number: PhoneNumber) -> None:
        """A call went on without the answer."""
        self._overdue.add(number)

    async def close(self) -> None:
        tasks = list(self._open.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._directory.close()

    async def _question(self, number: PhoneNumber) -> Contact | None:
        began = self._clock.monotonic()
        contact, result = None, Found.ERROR
        try:
            async with asyncio.timeout(self._limits.patience):
                contact = await self._directory.find(number)
            result = self._answered(number, contact)
        except (OutboundFailed, TimeoutError) as error:
            self._failed(number, error)
        except Exception as error:  # the edge of the task: an adapter's mistake must not cost a call its sound
            self._failed(number, error)
        finally:
            self._open.pop(number, None)
            self._overdue.discard(number)
        self._observe(self._directory.name, result, self._clock.monotonic() - began)
        return contact

    def _answered(self, number: PhoneNumber, contact: Contact | None) -> Found:
        self._breaker.succeeded()
        self._answers.put(self._directory.name, number, contact)
        if number in self._overdue:
            return Found.LATE
        return Found.MISS if contact is None else Found.HIT

    def _failed(self, number: PhoneNumber, error: Exception) -> None:
        """Words are logged only of errors that we made: others may quote the number."""
        said = str(error) if isinstance(error, OutboundFailed) else ""
        said = said.replace(number.e164.lstrip("+"), "…")
        log.debug("lookup_failed source=%s error=%s said=%s", self._directory.name, type(error).__name__, said)
        self._breaker.failed(said or type(error).__name__)


class Breaker:
    """Leaves a directory alone that failed several times in a row; after a rest, one question tries it again."""

    def __init__(self, name: str, clock: Clock, limits: Limits) -> None:
        self._name = name
        self._clock = clock
        self._limits = limits
        self._in_a_row = 0
        self._until: float | None = None  # the rest ends; None = closed

    def may_ask(self) -> bool:
        """Asking this takes the one try after a rest, so ask only when the question will be put."""
        if self._until is None:
            return True
        now = self._clock.monotonic()
        if now < self._until:
            return False
        self._until = now + self._limits.rest  # others wait for what this one brings
        return True

    def succeeded(self) -> None:
        if self._until is not None:
            log.warning("directory_back source=%s", self._name)
        self._in_a_row, self._until = 0, None

    def failed(self, why: str) -> None:
        self._in_a_row += 1
        if self._in_a_row < self._limits.failures:
            return
        if self._until is None:
            log.warning("directory_left_alone source=%s failures=%d said=%s", self._name, self._in_a_row, why)
        self._until = self._clock.monotonic() + self._limits.rest


class Kept(Struct, frozen=True):
    contact: Contact | None
    until: float


class Answers:
    """Bounded: what was not asked for longest goes first."""

    def __init__(self, clock: Clock, limits: Limits) -> None:
        self._clock = clock
        self._limits = limits
        self._kept: OrderedDict[tuple[str, PhoneNumber], Kept] = OrderedDict()
        self._sources: set[str] = set()

    def get(self, source: str, number: PhoneNumber) -> Kept | None:
        kept = self._kept.get((source, number))
        if kept is None:
            return None
        if self._clock.monotonic() >= kept.until:
            del self._kept[source, number]
            return None
        self._kept.move_to_end((source, number))
        return kept

    def put(self, source: str, number: PhoneNumber, contact: Contact | None) -> None:
        believed = self._limits.unknown_for if contact is None else self._limits.known_for
        self._sources.add(source)
        self._kept[source, number] = Kept(contact, self._clock.monotonic() + believed)
        self._kept.move_to_end((source, number))
        while len(self._kept) > self._limits.remembered:
            self._kept.popitem(last=False)

    def forget(self, number: PhoneNumber) -> None:
        for source in self._sources:
            self._kept.pop((source, number), None)


def _decided(replies: Sequence[Reply]) -> bool:
    """Nothing that is still open could be better than what is there."""
    for reply in replies:
        if not reply.done():
            return False
        if _contact(reply) is not None:
            return True
    return True


def _contact(reply: Reply) -> Contact | None:
    return reply.result() if reply.done() and not reply.cancelled() else None


def _ready(contact: Contact | None) -> Reply:
    reply: Reply = asyncio.get_running_loop().create_future()
    reply.set_result(contact)
    return reply
