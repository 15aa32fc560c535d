"""A call-back that is owed: who asked for it, since when they have waited, and what became of it.

owed -> calling -> reached | given_up | withdrawn. It keeps the place of the wait that it took: those who are owed one come in the
order in which they began to wait, among those who stayed on the line. It is handed out to one at a time, for a while, and is owed
again where nothing was heard within it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from msgspec import Struct
from msgspec.structs import replace

from holdsvc.calls.model import CallerId, CallRef, Contact, Owed, QueueName
from holdsvc.errors import CallbackRefused

LEASE = timedelta(minutes=5)  # to ring, to be picked up, to say who is there; then it is owed again
MOST_ATTEMPTS = 50  # that are remembered, the latest
LONGEST_NAME = 80  # of who calls


class State(StrEnum):
    OWED = "owed"
    CALLING = "calling"
    REACHED = "reached"
    GIVEN_UP = "given_up"
    WITHDRAWN = "withdrawn"


OPEN = (State.OWED, State.CALLING)
DESK, ANSWERED, FORGOTTEN = "desk", "answered", "forgotten"  # why one was withdrawn


class Attempt(Struct, frozen=True, omit_defaults=True):
    at: datetime
    by: str = ""  # who called, as they name themselves


class Callback(Struct, frozen=True, omit_defaults=True):
    """The number is not in it: that stands apart, under the caller's pseudonym."""

    id: str
    ref: CallRef  # the call that asked for it
    queue: QueueName
    caller: CallerId | None  # None: forgotten
    began: datetime  # when the wait began whose place it keeps
    asked: datetime
    masked: str = ""
    language: str = ""
    contact: Contact | None = None
    state: State = State.OWED
    attempts: tuple[Attempt, ...] = ()
    until: datetime | None = None  # while it is being called: then it is owed again
    ended: datetime | None = None
    reason: str = ""  # why it was withdrawn

    @property
    def open(self) -> bool:
        return self.state in OPEN


class Wish(Struct, frozen=True):
    """What the dialler or the desk says of one."""

    to: State
    at: datetime
    by: str = ""
    reason: str = DESK


def id_of(ref: CallRef, queue: QueueName) -> str:
    """A wait asks for one at the most. It says nothing of the call, and fits into an address."""
    return sha256(f"{ref.platform}/{ref.key}/{queue}".encode("utf-8", "surrogatepass")).hexdigest()[:20]


def now(one: Callback, at: datetime) -> Callback:
    """As it stands at this moment: what was handed out and not heard of is owed again."""
    if one.state is State.CALLING and one.until is not None and at >= one.until:
        return replace(one, state=State.OWED, until=None)
    return one


def moved(one: Callback, wish: Wish) -> Callback:
    """After the wish; the same where it was so already. Raises `CallbackRefused`, with a sentence for whoever asked."""
    one = now(one, wish.at)
    if one.state is wish.to and not (one.state is State.CALLING and not same_caller(one, wish)):
        return one
    if not one.open:
        raise CallbackRefused(f"it is over: {one.state.value} at {one.ended:%Y-%m-%dT%H:%M:%SZ}")
    match wish.to:
        case State.CALLING if one.state is State.CALLING:
            raise CallbackRefused(f"somebody is calling already; it is owed again at {one.until:%Y-%m-%dT%H:%M:%SZ}")
        case State.CALLING:
            attempts = (*one.attempts, Attempt(wish.at, wish.by))[-MOST_ATTEMPTS:]
            return replace(one, state=State.CALLING, attempts=attempts, until=wish.at + LEASE)
        case State.OWED:
            return replace(one, state=State.OWED, until=None)
        case State.WITHDRAWN:
            return replace(one, state=State.WITHDRAWN, until=None, ended=wish.at, reason=wish.reason)
        case State.REACHED | State.GIVEN_UP:
            return replace(one, state=wish.to, until=None, ended=wish.at)


def same_caller(one: Callback, wish: Wish) -> bool:
    """Who named themselves may say it twice."""
    return bool(wish.by) and one.attempts[-1].by == wish.by


def erased(one: Callback, at: datetime) -> Callback:
    """Without the person; what was still owed cannot be kept."""
    bare = replace(one, caller=None, masked="", contact=None)
    return moved(bare, Wish(State.WITHDRAWN, at, reason=FORGOTTEN)) if one.open else bare


def in_order(some: Iterable[Callback]) -> list[Callback]:
    """As they are to be called: by when their waits began."""
    return sorted(some, key=lambda one: (one.began, one.id))


def owed(some: Iterable[Callback]) -> tuple[Owed, ...]:
    """What is told of them where the caller comes again."""
    return tuple(Owed(one.queue, one.began, one.asked) for one in in_order(some) if one.open)
