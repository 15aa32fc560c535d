"""A store that lasts as long as its process: for tests, and as the measure of what durability costs."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec.structs import replace

from holdsvc.calls import callback
from holdsvc.calls.callback import Callback, Wish, moved
from holdsvc.calls.facts import AnyFact
from holdsvc.calls.memory import remember
from holdsvc.calls.model import CallerId, CallRef, PhoneNumber, Profile
from holdsvc.calls.record import WaitRecord, record
from holdsvc.calls.session import HoldSession
from holdsvc.errors import StaleSession
from holdsvc.ports import CallbackQuery, Ended, Totals, WaitQuery
from holdsvc.stores import callbacks, tally
from holdsvc.stores.alarms import Alarms
from holdsvc.stores.callbacks import Open
from holdsvc.stores.erasure import anonymous, erased
from holdsvc.stores.outbox import MemoryOutbox


class MemoryStore:
    name = "memory"

    def __init__(self) -> None:
        self._sessions: dict[CallRef, HoldSession] = {}
        self._waiting: dict[CallRef, HoldSession] = {}
        self._rows: dict[CallRef, int] = {}  # every call that was ever held, in the order of the log
        self._profiles: dict[CallerId, Profile] = {}
        self._numbers: dict[CallerId, PhoneNumber] = {}
        self._forgotten: set[CallRef] = set()
        self._callbacks: dict[str, Callback] = {}
        self._open = Open()
        self._sums: dict[tally.Key, float] = {}
        self._alarms = Alarms(self._wake_at)
        self.outbox = MemoryOutbox()

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def load(self, ref: CallRef) -> HoldSession | None:
        return self._sessions.get(ref)

    async def save(self, session: HoldSession, facts: Sequence[AnyFact]) -> None:
        ref = session.ref
        before = self._sessions.get(ref)
        if session.version != (before.version if before else 0) + 1:
            raise StaleSession(f"version {session.version} does not follow what is kept")
        if ref in self._forgotten:
            session = anonymous(session)
        self._keep(session)
        tally.add(self._sums, tally.changes(ref.platform, facts))
        self._put(callbacks.changed(session, facts, self._open.find))
        self.outbox.add(self.outbox.causes(session, facts))
        if session.caller is not None:
            known = self._profiles.get(session.caller, Profile())
            profile = remember(known, facts)
            if profile is not known:
                self._profiles[session.caller] = profile

    async def confirm(self, session: HoldSession) -> None:
        pass

    async def profile(self, caller: CallerId) -> Profile | None:
        return self._profiles.get(caller)

    async def remember_number(self, caller: CallerId, number: PhoneNumber) -> None:
        self._numbers[caller] = number

    async def due(self, now: datetime, most: int) -> Sequence[CallRef]:
        return self._alarms.due(now, most)

    async def live(self) -> Sequence[HoldSession]:
        return list(self._waiting.values())

    async def waits(self, query: WaitQuery) -> Sequence[WaitRecord]:
        found: list[WaitRecord] = []
        for ref, row in self._rows.items():
            wait = record(self._sessions[ref]) if row > query.after else None
            if wait is not None and matches(wait, query):
                found.append(replace(wait, row=row))
            if len(found) == query.most:
                break
        return found

    async def let_go(self, before: datetime, most: int) -> int:
        return 0  # it all goes with the process

    async def ended_since(self, moment: datetime, edges: Sequence[float]) -> Mapping[Ended, int]:
        waits = [record(session) for session in self._sessions.values()]
        return Counter(
            Ended(
                wait.queue,
                wait.outcome.value,
                int(wait.ended.timestamp() // 3600),
                bisect_left(edges, wait.seconds),
                wait.came.value if wait.came else "",
            )
            for wait in waits
            if wait and wait.outcome and wait.ended and wait.seconds is not None and wait.ended >= moment
        )

    async def totals(self) -> Totals:
        return tally.totals(self._sums)

    async def owed(self, caller: CallerId) -> Sequence[Callback]:
        return self._open.of(caller)

    async def callbacks(self, query: CallbackQuery) -> Sequence[Callback]:
        return callbacks.chosen(self._callbacks.values(), query)

    async def move_callback(self, id: str, wish: Wish) -> Callback | None:
        before = self._callbacks.get(id)
        if before is None:
            return None
        after = moved(before, wish)
        if after != before:
            self._put([after])
        return after

    async def numbers(self, callers: Sequence[CallerId]) -> Mapping[CallerId, PhoneNumber]:
        return {caller: self._numbers[caller] for caller in callers if caller in self._numbers}

    async def forget(self, number: PhoneNumber, caller: CallerId, at: datetime | None = None) -> int:
        self._numbers.pop(caller, None)
        self._profiles.pop(caller, None)
        for one in [one for one in self._callbacks.values() if one.caller == caller]:
            gone = callback.erased(one, at or one.asked)
            self._callbacks[one.id] = gone  # what was over is no news
            if one.open:
                self._put([gone])
        known = [session for session in self._sessions.values() if session.caller == caller]
        for session in known:
            self._forgotten.add(session.ref)
            self._keep(erased(session))
        return sum(session.ref in self._rows for session in known)

    def _put(self, some: Sequence[Callback]) -> None:
        tally.add(self._sums, callbacks.counted(some))
        for one in some:
            self._callbacks[one.id] = one
            self._open.put(one)

    def _keep(self, session: HoldSession) -> None:
        ref = session.ref
        wait = session.history.wait
        self._sessions[ref] = session
        if wait is not None and wait.ended is None:
            self._waiting[ref] = session
        else:
            self._waiting.pop(ref, None)
        if wait is not None and ref not in self._rows:
            self._rows[ref] = len(self._rows) + 1
        self._alarms.set(ref, session.wake_at)

    def _wake_at(self, ref: CallRef) -> datetime | None:
        session = self._sessions.get(ref)
        return session.wake_at if session else None


def matches(wait: WaitRecord, query: WaitQuery) -> bool:
    return (
        (query.since is None or wait.began >= query.since)
        and (query.until is None or wait.began < query.until)
        and query.queue in ("", wait.queue)
        and query.outcome in ("", tally.word(wait.outcome))
    )
