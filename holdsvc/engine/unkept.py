"""What could not be kept: put by in its order until the store is back, and the sessions as callers hear them meanwhile."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import TypeVar, cast

from msgspec import Struct

from holdsvc.calls.events import AnyEvent
from holdsvc.calls.model import CallerId, CallRef, PhoneNumber
from holdsvc.calls.session import HoldSession
from holdsvc.errors import StoreUnavailable
from holdsvc.ports import Report, Spool, Store

T = TypeVar("T")
MOST = 200_000  # pieces of news; beyond it callers are served all the same, but what they did is not kept
MOST_NUMBERS = 10_000
VERSIONS = 10_000  # that a call may have
PROCESSES = 99_000  # so many that hardly ever two of a house have the same number; together nine figures, as an address takes them
AT_ONCE = 100  # pieces of news that are brought to the store together
log = logging.getLogger(__name__)


class News(Struct, frozen=True):
    """Events of one call, and what its session begins as if none is kept."""

    new: HoldSession
    events: tuple[AnyEvent, ...]


class Unkept:
    """`spool` outlives the process; what a process that died had put by is read back from it."""

    def __init__(self, spool: Spool, most: int = MOST) -> None:
        self._spool, self._most = spool, most
        self._apart = VERSIONS * (1 + secrets.randbelow(PROCESSES))
        self._news: deque[News] = deque()
        self._of_call: Counter[CallRef] = Counter()
        self._sessions: dict[CallRef, HoldSession] = {}
        self.numbers: dict[CallerId, PhoneNumber] = {}  # in memory alone; a call-back may need one long after its call

    def __len__(self) -> int:
        return len(self._news) + len(self.numbers)

    async def keep_number(self, store: Store, caller: CallerId, number: PhoneNumber) -> None:
        try:
            await store.remember_number(caller, number)
        except StoreUnavailable:
            if len(self.numbers) < MOST_NUMBERS:  # beyond it, the next call tells it again
                self.numbers[caller] = number

    async def keep_numbers(self, store: Store) -> None:
        """Raise `StoreUnavailable` at the first that still cannot be kept."""
        for caller, number in list(self.numbers.items()):
            await store.remember_number(caller, number)
            self.numbers.pop(caller, None)

    def read_back(self) -> int:
        """At start: take up what an earlier process left."""
        for news in self._spool.read(News):
            self._add(news)
        return len(self._news)

    def turn(self, session: HoldSession) -> int:
        """What tells this turn of the call from all others: its version, but processes that cannot ask each other count alike."""
        return session.version + (self._apart if session.ref in self._sessions else 0)

    def session(self, ref: CallRef) -> HoldSession | None:
        return self._sessions.get(ref)

    def put_by(self, session: HoldSession, news: News) -> bool:
        """False if there is no more room: the caller is served, the record is lost."""
        self._sessions[session.ref] = session
        if len(self._news) >= self._most:
            return False
        self._add(news)
        self._spool.append(news)
        return True

    async def note(self, report: Report) -> None:
        """Put by what is being decided and must be answered before it is kept. Brought again later, it is known already.

        Only where an address of ours says which wait it is about: elsewhere the next request tells the same once more.
        """
        if report.wait:
            new = HoldSession(report.ref.nth(report.wait), report.queue, stream=report.stream)
            await self.later(News(new, cast(tuple[AnyEvent, ...], tuple(report.events))))

    async def later(self, news: News) -> None:
        """It is answered now and brought to the store later. The call's session is what the store says meanwhile."""
        self._add(news)
        self._spool.append(news)
        await self.flushed()

    async def flushed(self) -> None:
        """What was put by outlives the process from now on, as far as the disk can be written."""
        await self._spool.flushed()

    async def bring(self, keep: Callable[[News], Awaitable[None]]) -> None:
        """Until nothing is left; that of one call in its order, that of several at once. Raise what `keep` raises: nothing is
        taken for kept then, for what is kept twice changes nothing the second time.
        """
        while some := list(islice(self._news, AT_ONCE)):
            calls: dict[CallRef, list[News]] = {}
            for news in some:
                calls.setdefault(news.new.ref.whole, []).append(news)
            faults = await asyncio.gather(*(in_turn(keep, one) for one in calls.values()), return_exceptions=True)
            for fault in faults:
                if fault is not None:
                    raise fault
            for _ in some:
                self._done()

    def _done(self) -> None:
        """The first has been kept."""
        ref = self._news.popleft().new.ref
        self._of_call[ref] -= 1
        if not self._of_call[ref]:
            del self._of_call[ref]
            self._sessions.pop(ref, None)
        if not self._news:
            self._sessions.clear()
            self._spool.clear()

    def _add(self, news: News) -> None:
        self._news.append(news)
        self._of_call[news.new.ref] += 1


async def in_turn(keep: Callable[[News], Awaitable[None]], some: Sequence[News]) -> None:
    for news in some:
        await keep(news)


class NoSpool:
    """For a store that keeps nothing anyway."""

    def append(self, value: Struct) -> None:
        pass

    async def flushed(self) -> None:
        pass

    def read(self, kind: type[T]) -> Sequence[T]:
        return ()

    def clear(self) -> None:
        pass


def lost(ref: CallRef, reason: str) -> None:
    log.error("record_lost", extra={"call": ref.call, "reason": reason, "heard": "all the same"})
