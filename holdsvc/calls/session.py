"""Our view of one held call: a value, rebuilt from its events, kept by a store, never changed in place.

Frozen values can make no circle, so everything that a session is made of is kept out of the garbage collector's rounds (gc=False):
thousands of kept calls would otherwise stop the service for a tenth of a second at each.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from holdsvc.calls.estimate import Movement, Outlook, outlook
from holdsvc.calls.events import CallHeld, Departure, LifeEvent
from holdsvc.calls.heard import Sent
from holdsvc.calls.history import History, Rules, fold
from holdsvc.calls.model import (
    CallerId,
    CallRef,
    Contact,
    ContentId,
    EventId,
    Identity,
    Kind,
    Outcome,
    Owed,
    PastWait,
    PromptId,
    QueueName,
    Talk,
    Via,
)
from holdsvc.calls.promise import Came, Promise, kept
from holdsvc.calls.quiz import Quiz
from holdsvc.calls.rotation import Plays

MOST_LIFE_EVENTS = 64
MOST_BACK = 20  # items that a caller can go back
MOST_SEEN = 128  # ids of presses and progress that are remembered against repetition
OWN = ":own#"  # between the maker and the number of an id that is counted
MOST_FIGURES = 10  # of that number
MOST_CHOICES = 64
MOST_NOTICED = 8


class Chosen(Struct, frozen=True, gc=False):
    what: str
    via: Via
    at: datetime


class Asked(Struct, frozen=True, gc=False):
    """Whether something was said that was only nearly understood. `choice` is "" once that is settled."""

    choice: str
    event: EventId  # the utterance that it is about, or that settled it
    until: datetime  # an answer counts until then
    rests: datetime  # nothing is asked again before


class Before(Struct, frozen=True, gc=False):
    """What was heard, and how, before a word was obeyed: a "no" until then takes that back."""

    until: datetime
    choice: str
    now: ContentId | None
    offset: float
    gain: float
    talk: Talk
    language: str
    guessed: bool


class Listened(Struct, frozen=True, gc=False):
    content: ContentId
    kind: Kind
    seconds: float


class HoldSession(Struct, frozen=True, gc=False, omit_defaults=True):
    ref: CallRef
    queue: QueueName
    version: int = 0
    rules: Rules = Rules()
    life: tuple[LifeEvent, ...] = ()
    history: History = History()
    reported: bool = False  # the end of the wait has been told once; whatever differs from now on is an amendment
    amended: bool = False
    seen: tuple[EventId, ...] = ()
    latest: datetime | None = None  # the moment that the newest news is about
    entered: datetime | None = None  # of a call's later waits: when the caller came to this queue
    elsewhere: datetime | None = None  # when the caller came to the next one
    wake_at: datetime | None = None

    caller_read: bool = False  # the number has been looked at, whatever came of it
    caller: CallerId | None = None
    masked: str = ""
    contact: Contact | None = None
    told_level: Identity = Identity.NUMBER  # what the contact centre says of the caller's identity; NUMBER: nothing
    told_account: str = ""  # which account it has asked the caller about; "" = the number's
    language: str = ""
    guessed: bool = False  # the language is what most people speak where the number is from
    past: tuple[PastWait, ...] = ()  # earlier waits of this caller, latest last
    remembered: str = ""  # menu entry that was heard last in an earlier call
    owed: tuple[Owed, ...] = ()  # call-backs that this caller has been promised
    told_callback: datetime | None = None  # when the caller was told that a call-back can be had
    callback_rang: bool = False  # the alarm for that has rung

    choice: str = ""  # menu entry being heard
    now: ContentId | None = None
    gain: float = 0.0
    talk: Talk = Talk.FULL
    offsets: tuple[tuple[ContentId, float], ...] = ()
    places: tuple[tuple[str, ContentId], ...] = ()  # per menu entry, the item heard last
    plays: Plays = ()  # what this caller heard of what the queue plays, in earlier calls too
    before: tuple[ContentId, ...] = ()  # what was heard on this shelf in this call, latest last: the way back
    ahead: tuple[ContentId, ...] = ()  # what the caller went back from, nearest last
    rewind: float = 0.0  # seconds by which the present turn begins earlier than the place where the item stopped
    saying: tuple[PromptId, ...] = ()  # prompts of the present turn
    sent: Sent | None = None  # what the last document lets the caller hear, until we are told how much of it was heard
    told_menu: bool = False
    menu_due: bool = False  # the present turn tells the menu after a first stretch of content
    offer: tuple[datetime, datetime] | None = (
        None  # between these, zero does not tell the menu but changes the language
    )
    noticed: str = ""  # id of the last word from the floor that was told
    noticed_before: tuple[str, ...] = ()  # and of those before it, latest last
    spoke: tuple[datetime, ...] = ()  # when we spoke last of what was not asked for
    asked: Asked | None = None
    before_word: Before | None = None
    talks_until: datetime | None = None  # the end of the last prompt of the present turn
    promised: int | None = None  # place in the queue that was told last, as in `Promised`
    promised_at: datetime | None = None  # when a place or a wait was told last
    waits_told: tuple[Promise, ...] = ()  # the first and the last
    stream: bool | None = None  # how sound is to come to this call; None: as the queue's file says
    streaming: bool = False  # the caller's media comes to us
    moved: bool = False  # we ended the stream for the call to go on elsewhere, and the platform has not said so yet
    broken: int = 0  # streams that broke, or could not be opened, since the last one that did
    sorry: bool = False  # one broke, and the caller has not been told so yet
    released: bool = False
    handed: EventId = EventId("")  # the event that was answered with the hand-over
    leaving: Departure | None = None

    quiz: Quiz = Quiz()
    position: int | None = None
    size: int | None = None
    movement: Movement | None = None  # how the queue moves: known while an event is decided, never kept
    choices: tuple[Chosen, ...] = ()
    listened: tuple[Listened, ...] = ()

    def offset(self, content: ContentId) -> float:
        return dict(self.offsets).get(content, 0.0)

    def place(self, choice: str) -> ContentId | None:
        return dict(self.places).get(choice)

    @property
    def identity(self) -> Identity:
        """How sure we are of whom the contact is about. What was verified is one account: another one's is not meant."""
        contact = self.contact
        if self.told_level is Identity.NONE or contact is None or contact.ambiguous:
            return Identity.NONE
        other = self.told_account and self.told_account != contact.account
        return Identity.NUMBER if other else self.told_level

    def outlook(self, at: datetime) -> Outlook | None:
        """How long this caller will still wait, as far as that is known."""
        wait = self.history.wait
        if wait is None or self.movement is None:
            return None
        return outlook(self.movement, at.timestamp(), wait.began.timestamp(), self.position)

    @property
    def came(self) -> Came | None:
        """When the agent came, against the wait that was told first."""
        wait = self.history.wait
        if not self.waits_told or wait is None or wait.ended is None or wait.outcome is None:
            return None
        return kept(self.waits_told[0], wait.ended, wait.outcome)

    @property
    def outcome(self) -> Outcome | None:
        return self.history.wait.outcome if self.history.wait else None

    def has(self, event_id: EventId) -> bool:
        return told(self.seen, event_id) or any(event.id == event_id for event in self.life)


def noted(seen: tuple[EventId, ...], event_id: EventId) -> tuple[EventId, ...]:
    """With one more. Of those that their maker counts only the latest stays: a long call has one every few seconds."""
    maker, number = counted(event_id)
    if event_id in seen or (maker and number <= furthest(seen, maker)):
        return seen
    if maker:
        begins = maker + OWN
        seen = tuple(one for one in seen if not (one.startswith(begins) and counted(one)[0] == maker))
    return (*seen, event_id)[-MOST_SEEN:]


def told(seen: tuple[EventId, ...], event_id: EventId) -> bool:
    """It is among them, or one that stands for it."""
    if event_id in seen:
        return True
    maker, number = counted(event_id)
    return bool(maker) and number <= furthest(seen, maker)


def furthest(seen: tuple[EventId, ...], maker: str) -> int:
    """How far this one counted; -1 if it did not."""
    begins = maker + OWN
    return max((counted(one)[1] for one in seen if one.startswith(begins) and counted(one)[0] == maker), default=-1)


def own_id(maker: str, number: int) -> EventId:
    """For news that a stream of ours makes itself and tells in order: with one number, all before it are known."""
    return EventId(f"{maker}{OWN}{number}")


def counted(event_id: EventId) -> tuple[str, int]:
    """Who counts and how far. ("", 0) where nobody counts: ids of others may look like anything."""
    maker, _, number = event_id.rpartition(OWN)
    return (maker, int(number)) if maker and number.isdecimal() and len(number) < MOST_FIGURES else ("", 0)


def lived(session: HoldSession, event: LifeEvent) -> HoldSession:
    """The session with one more life-cycle event, its history folded anew."""
    life = (*session.life, event)
    if len(life) > MOST_LIFE_EVENTS:
        life = thinned(life)
    return refolded(replace(session, life=life))


def refolded(session: HoldSession) -> HoldSession:
    return replace(session, history=fold(session.life, session.rules, session.latest))


def thinned(life: tuple[LifeEvent, ...]) -> tuple[LifeEvent, ...]:
    """Room for one more. Neither the wait's beginning nor the newest event goes; what only says again goes first."""
    in_order = sorted(life, key=lambda event: (event.at, event.id))
    begins = [event for event in in_order if isinstance(event, CallHeld) and not event.mid_call]
    first = min(begins, key=lambda event: (event.began, event.id), default=None)
    spare = [
        index
        for index in range(1, len(in_order) - 1)
        if isinstance(in_order[index], CallHeld)
        and isinstance(in_order[index - 1], CallHeld)
        and in_order[index] is not first
    ]
    gone = spare[0] if spare else len(in_order) // 2  # else a hold in the middle of many
    return tuple(in_order[:gone] + in_order[gone + 1 :])


K = TypeVar("K")
V = TypeVar("V")


def put(pairs: tuple[tuple[K, V], ...], key: K, value: V) -> tuple[tuple[K, V], ...]:
    """The pairs with this one renewed, and last."""
    if pairs and pairs[-1][0] == key:  # as a rule: content goes on, and nothing needs to be looked for
        return (*pairs[:-1], (key, value))
    return (*(pair for pair in pairs if pair[0] != key), (key, value))
