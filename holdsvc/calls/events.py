"""What can happen to a held call. Past tense: an event is news, never an order.

`at` is when the thing happened, not when we heard of it. `id` is the platform's event id or a hash that stands for one; an id
already seen changes nothing. Which call an event belongs to is said beside it (`CallRef`), once.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from holdsvc.calls.model import CallerId, Contact, ContentId, EventId, Identity, Owed, Profile


class HeardUntil(Struct, frozen=True, gc=False):
    """A stretch of content that really reached the caller's ear, in seconds of that content."""

    content: ContentId
    from_second: float
    until_second: float


class CallEvent(Struct, frozen=True, gc=False, tag=True, kw_only=True, omit_defaults=True):
    at: datetime
    id: EventId
    heard: HeardUntil | None = None


class CallArrived(CallEvent, frozen=True, tag=True, kw_only=True):
    """A call stands at the front door and waits to be told where to go."""


class CallHeld(CallEvent, frozen=True, tag=True, kw_only=True):
    """The caller is waiting, and has been since `began`."""

    began: datetime
    mid_call: bool = False  # put aside by an agent, not waiting for one
    inferred: bool = False  # concluded from news of the wait's end; counts only where nothing told of its beginning
    position: int | None = None  # 1-based
    size: int | None = None  # callers in the queue
    average_seconds: float | None = None


class CallerKnown(CallEvent, frozen=True, tag=True, kw_only=True):
    """Who is calling, as far as we can tell. Either part may come alone and late."""

    caller: CallerId | None = None
    masked: str = ""
    country: str = ""  # ISO 3166, for a default language only
    profile: Profile | None = None
    contact: Contact | None = None
    owed: tuple[Owed, ...] = ()


class CallerIdentified(CallEvent, frozen=True, tag=True, kw_only=True):
    """How sure the contact centre is of who is calling, and perhaps which account it has asked about. For this call alone."""

    level: Identity
    account: str = ""


class DigitPressed(CallEvent, frozen=True, tag=True, kw_only=True):
    digit: str


class UtteranceHeard(CallEvent, frozen=True, tag=True, kw_only=True):
    """The caller said something. `choice` is the entry it was understood as, "" for none; the words are not kept.

    `near`: it may have been that. Such a word is asked about before it is obeyed.
    """

    choice: str
    score: float = 0.0
    near: bool = False


class ContentEnded(CallEvent, frozen=True, tag=True, kw_only=True):
    """What we gave to play has been played to its end."""


class Heard(CallEvent, frozen=True, tag=True, kw_only=True):
    """A checkpoint while content goes on."""


class StreamOpened(CallEvent, frozen=True, tag=True, kw_only=True):
    pass


class StreamClosed(CallEvent, frozen=True, tag=True, kw_only=True):
    """The media socket is gone. `by_caller`: the platform said that the call itself ended.

    `moved`: we part from it and the call goes on elsewhere; the platform will say, too, that it ended.
    """

    by_caller: bool = False
    moved: bool = False


class ReleaseAsked(CallEvent, frozen=True, tag=True, kw_only=True):
    """The contact centre's side is ready for this caller: the stream may end."""


class QueueMoved(CallEvent, frozen=True, tag=True, kw_only=True):
    """The place in the queue, counted from 1. `at_once`: the sound gives way, so that it can be told now, not at the next joint."""

    position: int
    size: int | None = None
    at_once: bool = False


class NoticePosted(CallEvent, frozen=True, tag=True, kw_only=True):
    """Something is to be said to all who wait in the queue; what it is stands in the plan."""


class TimeCame(CallEvent, frozen=True, tag=True, kw_only=True):
    """The moment has come that the session asked to be woken at."""


class AgentAnswered(CallEvent, frozen=True, tag=True, kw_only=True):
    """An agent has the caller.

    `waited` (whole seconds since the caller was held) stands in where the news came long after the fact. `leg` says that the
    agent's own leg asks, and wants to be briefed.
    """

    waited: int | None = None
    exact: bool = True
    leg: bool = False


class HoldResumed(CallEvent, frozen=True, tag=True, kw_only=True):
    """The agent, who had put the caller on hold in mid-call, is back."""


class CallerHungUp(CallEvent, frozen=True, tag=True, kw_only=True):
    waited: int | None = None
    exact: bool = True


class Departure(StrEnum):
    """Why a caller left the queue without an agent and without hanging up."""

    CHOICE = "choice"
    CALLBACK = "callback"
    OVERFLOW = "overflow"
    FAILURE = "failure"


class LeftQueue(CallEvent, frozen=True, tag=True, kw_only=True):
    why: Departure
    waited: int | None = None
    exact: bool = True


class WentElsewhere(CallEvent, frozen=True, tag=True, kw_only=True):
    """The caller came to another queue of ours, or to the same one anew: this wait is over, however it ended.

    Why the caller was to leave is known to the session. `settled`: nobody has told how it ended, and it is not waited for.
    """

    why: Departure = Departure.OVERFLOW
    settled: bool = False


class WentSilent(CallEvent, frozen=True, tag=True, kw_only=True):
    """Nothing was heard of the call for too long. The weakest evidence: anything else corrects it."""


LifeEvent = (
    CallHeld | AgentAnswered | HoldResumed | CallerHungUp | LeftQueue | ReleaseAsked | WentElsewhere | WentSilent
)  # what the history of a call is folded from
LIFE = (CallHeld, AgentAnswered, HoldResumed, CallerHungUp, LeftQueue, ReleaseAsked, WentElsewhere, WentSilent)

AnyEvent = (
    CallArrived
    | CallerKnown
    | CallerIdentified
    | DigitPressed
    | UtteranceHeard
    | ContentEnded
    | Heard
    | StreamOpened
    | StreamClosed
    | TimeCame
    | NoticePosted
    | QueueMoved
    | LifeEvent
)
