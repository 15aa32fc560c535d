"""From wishes to save to one transaction, and back to whoever waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from msgspec import Struct

from holdsvc.calls import callback
from holdsvc.calls.callback import Callback
from holdsvc.calls.facts import AnyFact
from holdsvc.calls.memory import remember
from holdsvc.calls.model import CallerId, CallRef, PhoneNumber, Profile, QueueName
from holdsvc.calls.session import HoldSession
from holdsvc.errors import CallbackRefused, HoldsvcError, StaleSession, StoreUnavailable
from holdsvc.ports import Due
from holdsvc.stores import callbacks, rows, tally
from holdsvc.stores.erasure import anonymous
from holdsvc.stores.known import Kept, Known
from holdsvc.stores.writer import Batch


class Wish(Struct, eq=False):
    """Something to be kept, and who waits for it."""

    done: asyncio.Future[None]

    def refuse(self, error: HoldsvcError) -> None:
        if not self.done.done():
            self.done.set_exception(error)

    def grant(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


class Number(Wish, eq=False):
    caller: CallerId
    number: PhoneNumber


class Move(Wish, eq=False):
    """Somebody says what became of a call-back."""

    id: str
    asked: callback.Wish
    after: Callback | None = None  # None: there is none of that name


class Save(Wish, eq=False):
    """A session and its facts, as the rows that they come to."""

    kept: Kept  # what the file will hold
    facts: Sequence[AnyFact]
    session_row: rows.Row
    fact_rows: Sequence[rows.Row]
    wait_row: rows.Row | None  # None: the log's row stands as it is
    changes: Sequence[tally.Change]
    letter_rows: Sequence[rows.Row] = ()


def prepare(
    session: HoldSession,
    facts: Sequence[AnyFact],
    known: Known,
    done: asyncio.Future[None],
    letters: Sequence[Due] = (),
) -> Save:
    """Raise `StaleSession` at once where that is certain already; and whatever cannot be written, before it is in company."""
    before = known.call(session.ref)
    if not follows(session, before):
        raise StaleSession(f"version {session.version} does not follow what is kept")
    if before is not None and before.forgotten:
        session = anonymous(session)
    number = before.number if before else known.next_number()
    forgotten = before is not None and before.forgotten
    kept = Kept(number, session, (before.facts if before else 0) + len(facts), forgotten)
    stands = before is not None and rows.same_wait(before.session, session)
    return Save(
        done,
        kept,
        facts,
        rows.session_row(number, session, kept.facts, forgotten),
        rows.fact_rows(number, session.version, facts),
        None if stands else rows.wait_row(number, session),
        tally.changes(session.ref.platform, facts),
        [rows.letter_row(one) for one in letters],
    )


def follows(session: HoldSession, before: Kept | None) -> bool:
    return session.version == (before.session.version if before else 0) + 1


class Draft:
    """A batch in the making. Of two saves of one call the first wins; the other hears so when the first is kept."""

    def __init__(self, known: Known) -> None:
        self.wishes: list[Wish] = []
        self._known = known
        self._batch = Batch()
        self._late: list[Save] = []
        self._kept: dict[CallRef, Kept] = {}
        self._profiles: dict[CallerId, Profile] = {}
        self._packed: dict[CallerId, bytes] = {}
        self._numbers: dict[CallerId, PhoneNumber] = {}
        self._callbacks: dict[str, Callback] = {}
        self._sums: dict[tally.Key, float] = {}

    @property
    def calls(self) -> int:
        return len(self._kept)

    def take(self, wish: Wish) -> None:
        if isinstance(wish, Number):
            self.wishes.append(wish)
            self._numbers[wish.caller] = wish.number
        elif isinstance(wish, Save | Move):
            try:
                self._take(wish) if isinstance(wish, Save) else self._move(wish)
            except (StoreUnavailable, CallbackRefused) as error:  # what is not at hand could not be read
                wish.refuse(error)

    def _take(self, save: Save) -> None:
        session = save.kept.session
        if session.ref in self._kept or not follows(session, self._known.call(session.ref)):
            self._late.append(save)
            return
        if session.caller is not None and save.facts:
            self._remember(session.caller, save.facts)
        self.wishes.append(save)
        self._kept[session.ref] = save.kept
        self._batch.sessions.append(save.session_row)
        self._batch.facts.extend(save.fact_rows)
        if save.wait_row is not None:
            self._batch.waits.append(save.wait_row)
        self._batch.letters.extend(save.letter_rows)
        tally.add(self._sums, save.changes)
        self._put(callbacks.changed(session, save.facts, self._find))

    def _move(self, move: Move) -> None:
        before = self._callbacks.get(move.id) or self._known.callback(move.id)
        move.after = callback.moved(before, move.asked) if before is not None else None
        self.wishes.append(move)
        if move.after is not None and move.after != before:
            self._put([move.after])

    def _find(self, caller: CallerId, queue: QueueName) -> Callback | None:
        known = {one.id: one for one in self._known.open.of(caller)} | self._callbacks
        return next((one for one in known.values() if (one.caller, one.queue, one.open) == (caller, queue, True)), None)

    def _put(self, some: Sequence[Callback]) -> None:
        if not some:
            return
        self._callbacks |= {one.id: one for one in some}
        tally.add(self._sums, callbacks.counted(some))

    def _remember(self, caller: CallerId, facts: Sequence[AnyFact]) -> None:
        known = self._profiles.get(caller) or self._known.profile(caller) or Profile()
        profile = remember(known, facts)
        if profile is not known:
            self._profiles[caller] = profile

    def finish(self) -> Batch:
        self._packed = {caller: rows.pack(profile) for caller, profile in self._profiles.items()}
        self._batch.profiles = list(self._packed.items())
        self._batch.numbers = [(caller, number.e164) for caller, number in self._numbers.items()]
        self._batch.callbacks = [rows.callback_row(one) for one in self._callbacks.values()]
        self._batch.totals = [(*key, value) for key, value in self._sums.items()]
        return self._batch

    def grant(self) -> None:
        """It is on the disk: from now on it is known, and whoever waited may go on."""
        for kept in self._kept.values():
            self._known.keep(kept)
        for caller, packed in self._packed.items():
            self._known.keep_profile(caller, packed)
        for caller in self._numbers:
            self._known.keep_number(caller)
        for one in self._callbacks.values():
            self._known.open.put(one)
        tally.add(self._known.sums, self._sums.items())
        for wish in self.wishes:
            wish.grant()
        self.refuse_late()

    def refuse(self, error: HoldsvcError) -> None:
        for wish in self.wishes:
            wish.refuse(error)
        self.refuse_late()

    def refuse_late(self) -> None:
        for save in self._late:
            save.refuse(StaleSession("another save of this call came first"))
