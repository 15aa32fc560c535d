"""The embedded store: one SQLite file for the live state and the wait log, one transaction for both.

This is the event loop's side. It knows what is kept of the calls in hand, so that a load is a look-up; it gathers what is to be
saved, hands it to the writer's thread as one batch, and wakes everybody when the batch is on the disk. What is known here changes
only after the disk has it.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct

from holdsvc.calls import callback
from holdsvc.calls.callback import Callback
from holdsvc.calls.facts import AnyFact
from holdsvc.calls.model import CallerId, CallRef, PhoneNumber, Profile
from holdsvc.calls.record import WaitRecord
from holdsvc.calls.session import HoldSession
from holdsvc.errors import ConfigError, HoldsvcError, StaleSession, StoreUnavailable, Unkeepable
from holdsvc.ports import CallbackQuery, Clock, Ended, Totals, WaitQuery
from holdsvc.stores import erasure, ledger, sqlite_log, tally
from holdsvc.stores.batch import Draft, Move, Number, Wish, prepare
from holdsvc.stores.callbacks import OPEN_STATES, chosen
from holdsvc.stores.known import Known
from holdsvc.stores.lock import FileLock
from holdsvc.stores.sqlite_outbox import SqliteOutbox
from holdsvc.stores.writer import Refused, Writer, keep, transaction

GATHER = 0.005  # seconds that a save waits for company at the most, and only as long as company keeps coming
APART = 0.003  # seconds from one batch to the next while saves have company: fewer commits, each at the same cost
MOST_IN_BATCH = 100
MOST_WAITING = 10_000  # saves; more mean that the disk does not keep up, and the sender had better retry

OVERWRITE_AGAIN = 1.0  # seconds

T = TypeVar("T")
log = logging.getLogger(__name__)


class Errand(Struct, eq=False):
    """Work that wants the writing connection for itself, in its turn."""

    work: Callable[[sqlite3.Connection], Any]  # Any: `_errand` knows what comes back
    then: Callable[[], None]  # once it is done, before anything else is
    done: asyncio.Future[Any]


class SqliteStore:
    """`on_commit` hears how many seconds, by the clock, each batch took. `synchronous` is FULL; only a test says otherwise."""

    name = "sqlite"

    def __init__(
        self,
        path: Path,
        on_commit: Callable[[float], None] = lambda seconds: None,
        clock: Clock | None = None,
        synchronous: str = "FULL",
    ) -> None:
        self.path = path
        self.on_commit = on_commit
        self._clock = clock
        self._lock = FileLock(path.with_suffix(".lock"))
        self._writer = Writer(path, synchronous)
        self._todo: deque[Wish | Errand] = deque()
        self._busy = False  # gathering, or at the disk
        self._singly = 0  # so many of the next saves go one by one, because together they were refused
        self._open = False
        self._since = 0.0  # when the present batch went to the disk
        self._handed = 0.0  # the same by the loop's clock
        self._next_at = 0.0  # by the loop's clock; the next batch waits until then for company
        self._loop: asyncio.AbstractEventLoop
        self._known: Known
        self.outbox = SqliteOutbox(self._asked)

    async def open(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lock.take()
        try:
            await asyncio.to_thread(self._start)
        except BaseException:
            self._lock.release()
            raise
        self._open = True

    def _start(self) -> None:
        self._writer.start()
        try:
            self._known = Known(self.path)
        except BaseException as error:
            self._writer.stop()
            if isinstance(error, StoreUnavailable):
                raise ConfigError("store.url", f"cannot read {self.path}: {error}") from error
            raise

    async def close(self) -> None:
        """What was given before is kept first."""
        if not self._open:
            return
        self._open = False
        await self._errand(lambda db: None)
        self._known.close()
        await asyncio.to_thread(self._writer.stop)
        self._lock.release()

    # --- one call ------------------------------------------------------------------------------------------------------

    async def load(self, ref: CallRef) -> HoldSession | None:
        kept = self._known.call(ref)
        return kept.session if kept else None

    async def save(self, session: HoldSession, facts: Sequence[AnyFact]) -> None:
        self._check_open()
        try:
            letters = self.outbox.causes(session, facts)
            save = prepare(session, facts, self._known, self._loop.create_future(), letters)
        except UnicodeError as error:
            raise Unkeepable(f"cannot be written: {error}") from error
        self._ask(save)
        await save.done

    async def confirm(self, session: HoldSession) -> None:
        pass  # what can be loaded has been flushed

    async def due(self, now: datetime, most: int) -> Sequence[CallRef]:
        return self._known.alarms.due(now, most)

    async def live(self) -> Sequence[HoldSession]:
        return [kept.session for kept in self._known.waiting.values()]

    # --- callers -------------------------------------------------------------------------------------------------------

    async def profile(self, caller: CallerId) -> Profile | None:
        return self._known.profile(caller)

    async def remember_number(self, caller: CallerId, number: PhoneNumber) -> None:
        """Goes into one transaction with saves that are asked for at the same time."""
        self._check_open()
        if not self._known.has_number(caller):
            done = self._loop.create_future()
            self._ask(Number(done, caller, number))
            await done

    async def numbers(self, callers: Sequence[CallerId]) -> Mapping[CallerId, PhoneNumber]:
        found = {caller: self._known.number(caller) for caller in callers}
        return {caller: number for caller, number in found.items() if number is not None}

    async def forget(self, number: PhoneNumber, caller: CallerId, at: datetime | None = None) -> int:
        self._check_open()
        erase = transaction(partial(erasure.erase, caller=caller, at=at))
        erased = await self._errand(erase, lambda: self._known.forget(caller, at))
        await self._overwrite()
        return erased.waits

    async def _overwrite(self) -> None:
        """A report that is being read keeps the old pages in the write-ahead log; they go as soon as it is done."""
        if not await self._errand(erasure.overwrite) and self._open:
            self._loop.call_later(OVERWRITE_AGAIN, self._overwrite_again)

    def _overwrite_again(self) -> None:
        if self._open:
            self._again = self._loop.create_task(self._overwrite())

    # --- call-backs ----------------------------------------------------------------------------------------------------

    async def owed(self, caller: CallerId) -> Sequence[Callback]:
        return self._known.open.of(caller)

    async def callbacks(self, query: CallbackQuery) -> Sequence[Callback]:
        if query.state in OPEN_STATES and not query.id:
            return chosen(self._known.open.all(), query)
        return await asyncio.to_thread(ledger.find_callbacks, self.path, query)

    async def move_callback(self, id: str, wish: callback.Wish) -> Callback | None:
        self._check_open()
        move = Move(self._loop.create_future(), id, wish)
        self._ask(move)
        await move.done
        return move.after

    # --- the log -------------------------------------------------------------------------------------------------------

    async def waits(self, query: WaitQuery) -> Sequence[WaitRecord]:
        return await asyncio.to_thread(ledger.find, self.path, query)

    async def let_go(self, before: datetime, most: int) -> int:
        self._check_open()
        gone = await self._errand(transaction(partial(sqlite_log.let_go, before.timestamp(), most)))
        self._known.let_go(gone)
        return len(gone)

    async def ended_since(self, moment: datetime, edges: Sequence[float]) -> Mapping[Ended, int]:
        return await asyncio.to_thread(ledger.ended_since, self.path, moment, edges)

    async def totals(self) -> Totals:
        return tally.totals(self._known.sums)

    # --- gathering -----------------------------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if not self._open:
            raise StoreUnavailable("the store is closed")

    async def _asked(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self._check_open()
        return await self._errand(work)

    async def _errand(self, work: Callable[[sqlite3.Connection], T], then: Callable[[], None] = lambda: None) -> T:
        errand = Errand(work, then, self._loop.create_future())
        self._todo.append(errand)
        self._gather()
        result: T = await errand.done
        return result

    def _ask(self, wish: Wish) -> None:
        if len(self._todo) >= MOST_WAITING:
            raise StoreUnavailable("the disk does not keep up")
        self._todo.append(wish)
        self._gather()

    def _gather(self) -> None:
        """At once when saves come one by one; a little apart from the last batch when they have company."""
        if not self._busy:
            self._busy = True
            wait = self._next_at - self._loop.time()
            if wait > 0:
                self._loop.call_later(wait, self._hand_over, 1, self._next_at + GATHER)
            else:
                self._loop.call_soon(self._hand_over, 1, self._loop.time() + GATHER)

    def _hand_over(self, seen: int, until: float) -> None:
        """One more turn of the loop for whoever comes along, as long as somebody does; then to the disk."""
        waiting = len(self._todo)
        if seen < waiting < MOST_IN_BATCH and self._loop.time() < until:
            self._loop.call_soon(self._hand_over, waiting, until)
        elif self._todo and isinstance(self._todo[0], Errand):
            errand = self._todo.popleft()
            assert isinstance(errand, Errand)
            self._writer.do(errand.work, partial(self._tell, partial(self._ran, errand)))
        else:
            self._submit()

    def _submit(self) -> None:
        draft = Draft(self._known)
        most = 1 if self._singly else MOST_IN_BATCH
        while self._todo and len(draft.wishes) < most and not isinstance(self._todo[0], Errand):
            wish = self._todo.popleft()
            assert not isinstance(wish, Errand)
            try:
                draft.take(wish)
            except Exception as error:  # whatever it is, it must not stop the saves behind it
                log.exception("save_failed")
                wish.done.set_exception(StoreUnavailable(f"{type(error).__name__}: {error}"))
        self._singly = max(0, self._singly - 1)
        self._since, self._handed = self._now(), self._loop.time()
        self._writer.do(transaction(partial(keep, draft.finish())), partial(self._tell, partial(self._drafted, draft)))

    def _now(self) -> float:
        """The loop's own time is good to a millisecond only."""
        return self._clock.monotonic() if self._clock else self._loop.time()

    def _tell(
        self, hear: Callable[[Any, HoldsvcError | None], None], result: object, error: HoldsvcError | None
    ) -> None:
        """On the writer's thread."""
        with suppress(RuntimeError):  # the loop was closed before the store: nobody is left to hear
            self._loop.call_soon_threadsafe(hear, result, error)

    def _drafted(self, draft: Draft, result: None, error: HoldsvcError | None) -> None:
        took = self._now() - self._since
        in_company = draft.calls > 1 or bool(self._todo)
        self._next_at = self._handed + APART if in_company else 0.0
        if error is None:
            draft.grant()
        elif isinstance(error, Refused) and len(draft.wishes) > 1:
            self._todo.extendleft(reversed(draft.wishes))
            self._singly = len(draft.wishes)
            draft.refuse_late()
        else:
            draft.refuse(StaleSession(str(error)) if isinstance(error, Refused) and error.exists else error)
        self._next()
        self.on_commit(took)

    def _ran(self, errand: Errand, result: object, error: HoldsvcError | None) -> None:
        if error is None:
            errand.then()
        if not errand.done.done():
            if error is None:
                errand.done.set_result(result)
            else:
                errand.done.set_exception(error)
        self._next()

    def _next(self) -> None:
        self._busy = False
        if self._todo:
            self._gather()
