"""What happened and is kept: the wait log, the metrics and the subscribers are made of these."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from holdsvc.calls.model import CallerId, ContentId, Kind, Outcome, QueueName, Via
from holdsvc.calls.promise import Came, Promise
from holdsvc.calls.quiz import Result


class Fact(Struct, frozen=True, gc=False, tag=True, kw_only=True):
    at: datetime


class WaitBegan(Fact, frozen=True, tag=True, kw_only=True):
    queue: QueueName


class CallerRecognised(Fact, frozen=True, tag=True, kw_only=True):
    """We know this number from before, or a directory does."""

    caller: CallerId | None
    known_before: bool
    in_directory: bool


class ContentChosen(Fact, frozen=True, tag=True, kw_only=True):
    queue: QueueName
    choice: str  # id of the menu entry
    via: Via


class ContentHeard(Fact, frozen=True, tag=True, kw_only=True):
    queue: QueueName
    content: ContentId
    kind: Kind
    shelf: str
    from_second: float
    until_second: float


class ContentSkipped(Fact, frozen=True, tag=True, kw_only=True):
    """The caller wanted the next one instead: as good as heard, however little of it was."""

    queue: QueueName
    content: ContentId
    kind: Kind


class QuizAnswered(Fact, frozen=True, tag=True, kw_only=True):
    """What came of a question. `late`: it had been counted as silent a moment before."""

    queue: QueueName
    question: ContentId
    result: Result
    key: int = 0  # 1 to 3; 0 where nothing was chosen
    late: bool = False


class PreferenceSet(Fact, frozen=True, tag=True, kw_only=True):
    """A remembered wish: "gain" in decibels, "talk" as a step of TALKS, or "language" as a word."""

    what: str
    value: float
    word: str = ""


class NotUnderstood(Fact, frozen=True, tag=True, kw_only=True):
    queue: QueueName
    via: Via


class WaitEnded(Fact, frozen=True, tag=True, kw_only=True):
    queue: QueueName
    began: datetime
    ended: datetime
    outcome: Outcome
    came: Came | None = None  # when the agent came, against what was told first

    @property
    def seconds(self) -> float:
        return (self.ended - self.began).total_seconds()


class WaitAmended(Fact, frozen=True, tag=True, kw_only=True):
    """A wait that was already reported as ended turned out otherwise. `became` None: it is waiting still."""

    queue: QueueName
    began: datetime
    ended: datetime | None
    was: Outcome | None
    became: Outcome | None
    came_was: Came | None = None  # as it had been told
    came: Came | None = None


class HandedOver(Fact, frozen=True, tag=True, kw_only=True):
    """The agent has the caller, and the context that we kept."""

    queue: QueueName


class HoldBegan(Fact, frozen=True, tag=True, kw_only=True):
    """The agent put the caller on hold in mid-call: a hold, kept apart from the wait."""

    queue: QueueName


class HoldEnded(Fact, frozen=True, tag=True, kw_only=True):
    queue: QueueName
    began: datetime


class NoticeTold(Fact, frozen=True, tag=True, kw_only=True):
    """A word from the floor that this caller was told."""

    queue: QueueName
    notice: str  # its id


class Promised(Fact, frozen=True, tag=True, kw_only=True):
    """What the caller was told of the queue: the place, the wait, or both. Place 21 stands for "not among the first twenty"."""

    queue: QueueName
    position: int | None = None
    wait: Promise | None = None


class LeaveChosen(Fact, frozen=True, tag=True, kw_only=True):
    queue: QueueName


class CallbackOffered(Fact, frozen=True, tag=True, kw_only=True):
    queue: QueueName


class CallbackAsked(Fact, frozen=True, tag=True, kw_only=True):
    """The caller is to be called back, in the place of the wait that began at `began`.

    `again`: a call-back was owed already, and it is the same promise.
    """

    queue: QueueName
    began: datetime
    again: bool = False


class CallbackSettled(Fact, frozen=True, tag=True, kw_only=True):
    """A caller who was owed a call-back has been answered by a person before it."""

    queue: QueueName


AnyFact = (
    WaitBegan
    | CallerRecognised
    | ContentChosen
    | ContentHeard
    | ContentSkipped
    | QuizAnswered
    | PreferenceSet
    | NotUnderstood
    | WaitEnded
    | WaitAmended
    | HandedOver
    | HoldBegan
    | HoldEnded
    | LeaveChosen
    | NoticeTold
    | Promised
    | CallbackOffered
    | CallbackAsked
    | CallbackSettled
)
