"""Where live state and the wait log are kept, and how the log is read. Nothing here does anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar

from msgspec import Struct, field

from holdsvc.calls.callback import Callback, Wish
from holdsvc.calls.facts import AnyFact
from holdsvc.calls.model import CallerId, CallRef, ContentId, Kind, Outcome, PhoneNumber, Profile
from holdsvc.calls.promise import Promise
from holdsvc.calls.record import WaitRecord
from holdsvc.calls.session import HoldSession
from holdsvc.ports.outbox import Outbox


class Store(Protocol):
    """Where live state and the wait log are kept. `save` is the one durable step of a webhook's path."""

    name: str

    @property
    def outbox(self) -> Outbox:
        """What each save causes outside is kept with it."""

    async def open(self) -> None:
        """Ready for use; raise `ConfigError` with one clear sentence when it cannot be (locked by another process, ...)."""

    async def close(self) -> None: ...

    async def load(self, ref: CallRef) -> HoldSession | None: ...

    async def save(self, session: HoldSession, facts: Sequence[AnyFact]) -> None:
        """Keep session, facts, wait record and the caller's profile in one durable transaction.

        `session.version` must be the kept version + 1, else `StaleSession` is raised and nothing is kept.
        Raise `StoreUnavailable` when nothing could be made durable.
        """

    async def confirm(self, session: HoldSession) -> None:
        """Before an answer rests on what was loaded: it is as durable as if it had been saved just now.

        Raise `StoreUnavailable` when that cannot be said, `StaleSession` when it is not there any more.
        """

    async def profile(self, caller: CallerId) -> Profile | None: ...

    async def remember_number(self, caller: CallerId, number: PhoneNumber) -> None:
        """Keep the number apart from everything else, erasable."""

    async def due(self, now: datetime, most: int) -> Sequence[CallRef]:
        """Calls whose `wake_at` has come, earliest first."""

    async def live(self) -> Sequence[HoldSession]:
        """Sessions whose wait has not ended, for the wall and after a restart."""

    async def waits(self, query: WaitQuery) -> Sequence[WaitRecord]: ...

    async def totals(self) -> Totals: ...

    async def let_go(self, before: datetime, most: int) -> int:
        """Waits that began and ended before the moment leave the log for good, the oldest first and at most so many at once.

        How many did; 0 also where another process sees to it. What they add to the sums stays. Raise `StoreUnavailable`.
        """

    async def ended_since(self, moment: datetime, edges: Sequence[float]) -> Mapping[Ended, int]:
        """Waits that ended at or after the moment, as they stand now. `edges`: seconds that part short waits from long ones."""

    async def owed(self, caller: CallerId) -> Sequence[Callback]:
        """The call-backs that this caller still waits for."""

    async def callbacks(self, query: CallbackQuery) -> Sequence[Callback]:
        """In the order in which their waits began."""

    async def move_callback(self, id: str, wish: Wish) -> Callback | None:
        """What it is after the wish, durably; None: there is none of that name. Raise `CallbackRefused`."""

    async def numbers(self, callers: Sequence[CallerId]) -> Mapping[CallerId, PhoneNumber]:
        """Those that are kept."""

    async def forget(self, number: PhoneNumber, caller: CallerId, at: datetime | None = None) -> int:
        """Erase a caller: number, profile, and the pseudonym in the log; what is owed to them is withdrawn (`at`: when, as far as
        that is known). Return the number of waits that were made anonymous."""


T = TypeVar("T")


class Spool(Protocol):
    """A local file for what the store cannot take at this moment. It raises nothing: it is the last resort of a webhook's path."""

    def append(self, value: Struct) -> None:
        """Put behind the others. If even the file fails, the value lives in memory alone."""

    async def flushed(self) -> None:
        """When all that was put there has reached the disk; or soon, if it does not."""

    def read(self, kind: type[T]) -> Sequence[T]:
        """All, in their order; a last one that was cut off by a crash is left out."""

    def clear(self) -> None: ...


class WaitQuery(Struct, frozen=True):
    """Which rows of the wait log; newest last. `after` pages on: the `row` of the last one that was seen."""

    since: datetime | None = None
    until: datetime | None = None
    queue: str = ""
    outcome: str = ""
    after: int = 0
    most: int = 500


class CallbackQuery(Struct, frozen=True):
    """Which call-backs. `at`: as they stand then, for what was handed out and not heard of is owed again."""

    state: str = ""  # "open": owed, or being called
    queue: str = ""
    id: str = ""
    at: datetime | None = None
    most: int = 1000


class Totals(Struct, frozen=True):
    """Sums over the whole log, so that metrics are right across restarts and `audit` can prove that nothing is missing.

    `ended` counts WaitEnded facts as they were first told, `amendments` WaitAmended facts; together they give `outcomes`.
    """

    offered: int = 0
    waiting: int = 0
    outcomes: Mapping[tuple[str, str, str], int] = field(default_factory=dict)  # (platform, queue, outcome) now
    ended: Mapping[tuple[str, str, str], int] = field(default_factory=dict)  # the same as first told, before amendments
    amendments: Mapping[tuple[str, str, str], int] = field(default_factory=dict)  # (queue, from, to)
    choices: Mapping[tuple[str, str, str], int] = field(default_factory=dict)  # (queue, choice, via)
    content_seconds: Mapping[tuple[str, str], float] = field(default_factory=dict)  # (queue, kind)
    came: Mapping[tuple[str, str], int] = field(default_factory=dict)  # (queue, Came) as first told
    came_now: Mapping[tuple[str, str], int] = field(default_factory=dict)  # the same, as amended
    callbacks: Mapping[tuple[str, str], int] = field(default_factory=dict)  # (queue, state), and "offered" for a state


class Evidence(Struct, frozen=True):
    """The wait log counted anew, row by row and fact by fact, for `audit` to hold against the totals. One moment's snapshot."""

    totals: Totals
    rows: Mapping[tuple[str, ...], int]  # (platform, queue, outcome or "waiting") -> rows of the log
    began: int  # WaitBegan facts
    ended: Mapping[tuple[str, ...], int]  # (platform, queue, outcome) -> WaitEnded facts
    amended: Mapping[tuple[str, ...], int]  # (platform, queue, from, to) -> WaitAmended facts
    facts: int
    facts_counted: int  # as the totals have it
    came: Mapping[tuple[str, str], int] = field(default_factory=dict)  # (queue, Came) -> rows of the log
    faults: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # what must never be -> calls where it is so
    rows_gone: int = 0  # of the rows, and below of the facts, that were let go because of their age
    facts_gone: int = 0
    facts_late: int = 0  # of the latter: told when the wait was gone already


class WaitColumns(NamedTuple):
    """What figures over very many waits need of one."""

    queue: str
    caller: str | None
    began: float  # seconds since 1970, UTC
    seconds: float | None  # None: waiting still
    outcome: str | None
    content: str | None  # the kind of content that was heard longest


class ToldWait(NamedTuple):
    """A wait of which the caller was told how long it would be."""

    queue: str
    ended: datetime | None
    outcome: Outcome | None
    promises: tuple[Promise, ...]  # the first and the last

    @property
    def answered(self) -> bool:
        return self.outcome is Outcome.ANSWERED


class Ended(NamedTuple):
    """Waits of one kind that ended in one hour."""

    queue: str
    outcome: str
    hour: int  # since 1970, UTC
    length: int  # place among the edges: 0 is up to the first, itself included
    came: str = ""  # `Came`, where that is known


class HeardSum(NamedTuple):
    """An item over all waits that were asked for."""

    content: ContentId
    kind: Kind
    plays: int  # waits in which it was heard
    callers: int  # that are known
    seconds: float
    territory: str = ""  # where it was heard, as far as that was asked for


class Ledger(Protocol):
    """The wait log, open for reading beside a live service."""

    def waits(self, query: WaitQuery) -> Iterable[WaitRecord]: ...
    def columns(self, query: WaitQuery) -> Iterable[WaitColumns]: ...
    def told(self, query: WaitQuery) -> Iterable[ToldWait]: ...
    def heard(
        self, query: WaitQuery, territories: Mapping[str, str] | None = None, otherwise: str = ""
    ) -> Iterable[HeardSum]:
        """By item and, given the territories of queues, by where it was heard; `otherwise` is that of queues without one."""

    def heard_late(self, query: WaitQuery, content: ContentId, moment: datetime) -> int:
        """Waits in which a stretch of this item began after the moment."""

    def choices(self, query: WaitQuery) -> Mapping[tuple[str, str], int]:
        """(choice, via) -> how often."""

    def callbacks(self, query: CallbackQuery) -> Sequence[Callback]: ...

    def number(self, caller: CallerId) -> PhoneNumber | None:
        """Who a pseudonym is. For whoever may know."""

    def complete_after(self) -> datetime | None:
        """When the youngest of those waits began that were let go because of their age; None: all are there."""

    def totals(self) -> Totals: ...
    def evidence(self) -> Evidence: ...
