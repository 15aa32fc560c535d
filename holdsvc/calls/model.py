"""The nouns of a held call: values that every part of the house shares."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from sys import intern
from typing import NewType

from msgspec import Struct

CallId = NewType("CallId", str)  # the platform's word for the call, unique together with the platform's name
EventId = NewType("EventId", str)
QueueName = NewType("QueueName", str)
ContentId = NewType("ContentId", str)
CallerId = NewType("CallerId", str)  # keyed pseudonym of a number; the number itself stands apart, erasable
PromptId = NewType("PromptId", str)


MOST_WAITS = 99  # of one call; whoever is sent round in circles goes on in the last
BETWEEN = "/"  # between a call's id and the number of its wait, in keys: no platform's ids have it


class CallRef(Struct, frozen=True, gc=False, order=True, omit_defaults=True):
    """One wait of a call. A call that was in one queue after another has waited several times; the first is number 1."""

    platform: str
    call: CallId
    wait: int = 1

    @property
    def key(self) -> str:
        """What names it beside the platform, in stores: of the first wait it is the call's id itself."""
        return self.call if self.wait == 1 else f"{self.call}{BETWEEN}{self.wait}"

    @property
    def whole(self) -> CallRef:
        """What all waits of the call have in common."""
        return self if self.wait == 1 else CallRef(self.platform, self.call)

    def nth(self, wait: int) -> CallRef:
        return self if self.wait == wait else CallRef(self.platform, self.call, wait)


def parted(key: str) -> tuple[CallId, int]:
    """A call's id and the number of its wait, out of `CallRef.key`."""
    call, _, wait = key.rpartition(BETWEEN)
    return (CallId(call), int(wait)) if call and wait.isdecimal() else (CallId(key), 1)


class PhoneNumber:
    """A telephone number that prints itself masked; its digits are asked for by name."""

    __slots__ = ("e164",)

    def __init__(self, e164: str) -> None:
        self.e164 = e164

    @property
    def masked(self) -> str:
        return intern(f"{self.e164[:3]}…{self.e164[-2:]}") if len(self.e164) > 6 else "…"  # a hundred texts a region

    def __repr__(self) -> str:
        return f"PhoneNumber({self.masked})"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PhoneNumber) and self.e164 == other.e164

    def __hash__(self) -> int:
        return hash(self.e164)


class Kind(StrEnum):
    """What sort of content an item is; one kind per entry of the menu that plays something."""

    MUSIC = "music"
    PODCAST = "podcast"
    DAILY = "daily"
    QUIZ = "quiz"
    QUIET = "quiet"


ORDERED = frozenset({Kind.PODCAST, Kind.DAILY})  # shelves that are heard in their order, not shuffled


class Licence(Struct, frozen=True):
    name: str  # an SPDX identifier where one exists
    source: str  # where the item came from, for whoever checks
    attribution: str = ""
    rights: str = ""  # what was granted and by whom, in the operator's words
    until: date | None = None  # the last day on which it may be played; None: for ever
    territories: tuple[str, ...] = ()  # ISO 3166 codes of the countries where it may be played; () = everywhere


class Airing(Struct, frozen=True):
    """When an item may be played, and how often. An item with `every_...` is put between the others whenever it is due."""

    weight: float = 1.0  # of two items that are both new to a caller, the one of twice the weight tends to come first
    days: tuple[str, ...] = ()  # mon tue wed thu fri sat sun; () = every day
    hours: tuple[str, ...] = ()  # "08:00-18:00", over midnight too; () = at any hour
    every_items: int | None = None  # after so many others
    every_minutes: float | None = None  # so long after it was heard last


ALWAYS = Airing()


class Identity(StrEnum):
    """How sure we are of who is calling."""

    NONE = "none"  # nothing is known
    NUMBER = "number"  # a directory knows the number that the platform told; it proves nobody's identity
    VERIFIED = "verified"  # the contact centre has asked the caller, and says that this is whom the number belongs to

    def reaches(self, wanted: Identity) -> bool:
        return LEVELS.index(self) >= LEVELS.index(wanted)


LEVELS = tuple(Identity)  # each includes those before


ONE_CALLS_OWN = "personal:"  # how the names begin of what is made for one call; no id of an item has a colon


class Chapter(Struct, frozen=True):
    """A stretch of an item that has a name of its own; it ends where the next begins."""

    begins: float  # seconds from the item's start
    title: str


class ContentItem(Struct, frozen=True):
    """Something that a caller may hear. `seconds` is the length of the prepared sound."""

    id: ContentId
    kind: Kind
    shelf: str  # a genre for music, a series for podcasts
    title: str
    seconds: float
    artist: str = ""
    language: str = "zxx"  # BCP 47; zxx = no words in it
    order: int = 0  # place within the shelf, for what has an order
    licence: Licence = Licence("", "")
    mood: str = ""  # of music: calm, sober, warm, bright, jolly
    tags: tuple[str, ...] = ()  # "advert" for what sells
    airing: Airing = ALWAYS
    expires: datetime | None = None  # from then on it is never planned; None: never
    segment: str = ""  # of the caller's contact, for whom alone this is; "" = for everybody
    identity: Identity = Identity.NUMBER  # with a segment: how sure we must be of who is calling
    queues: tuple[str, ...] = ()  # where alone it is heard; () = wherever its shelf is offered
    chapters: tuple[Chapter, ...] = ()
    told_as: ContentId = ContentId("")  # how it is called in facts and in the log, where the id is one call's alone

    @property
    def known_as(self) -> ContentId:
        return self.told_as or self.id


class Outcome(StrEnum):
    """How a wait ended; each wait ends in exactly one."""

    ANSWERED = "answered"
    ABANDONED = "abandoned"
    SHORT_ABANDONED = "short_abandoned"
    CALLBACK_TAKEN = "callback_taken"
    LEFT_BY_CHOICE = "left_by_choice"
    OVERFLOWED = "overflowed"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Talk(StrEnum):
    """How much we say of our own accord."""

    FULL = "full"
    WHEN_MOVED = "when_asked"  # only when the caller has moved up in the queue; keys are still answered
    NONE = "none"  # nothing, but what is asked for in words or by zero


TALKS = tuple(Talk)  # one press after the other


class Via(StrEnum):
    """How a choice was made."""

    KEY = "key"
    VOICE = "voice"
    REMEMBERED = "remembered"
    DEFAULT = "default"


class PastWait(Struct, frozen=True, gc=False):
    began: datetime
    seconds: float
    queue: QueueName
    outcome: Outcome


class Owed(Struct, frozen=True, gc=False):
    """A call-back that this caller has been promised in an earlier call, and has not had."""

    queue: QueueName
    began: datetime  # of the wait whose place it keeps
    asked: datetime


class QuizScore(Struct, frozen=True, gc=False, omit_defaults=True):
    """What is kept of a caller's quizzes from call to call."""

    asked: int = 0  # questions that were told, answered or not
    right: int = 0
    plays: tuple[tuple[ContentId, int], ...] = ()  # what was asked and when (whole seconds of Unix time); latest last


class Profile(Struct, frozen=True, gc=False):
    """What we remember of a caller from earlier calls: ours, never the platform's."""

    language: str = ""
    choice: str = ""  # id of the menu entry that was heard last
    gain: float = 0.0  # decibels, as the caller set it
    offsets: tuple[tuple[ContentId, float], ...] = ()  # where each item stopped, in seconds; latest last
    waits: tuple[PastWait, ...] = ()  # latest last, at most 20
    latest: tuple[tuple[str, ContentId], ...] = ()  # per shelf, the item that was heard last
    plays: tuple[tuple[ContentId, int], ...] = ()  # what was heard, and when (whole seconds of Unix time); latest last
    talk: Talk = Talk.FULL
    quiz: QuizScore = QuizScore()


class Contact(Struct, frozen=True, gc=False):
    """What a directory says of a caller. For the agent; nothing of it is spoken on the strength of a number alone."""

    name: str = ""
    account: str = ""
    language: str = ""
    segment: str = ""
    note: str = ""
    source: str = ""  # which directory said so
    ambiguous: bool = False  # several records share the number


class Record(Contact, frozen=True, gc=False):
    """A contact with what a directory tells besides, for updates that are the caller's own. It is never kept."""

    more: tuple[tuple[str, str], ...] = ()  # name and value


def bare(contact: Contact) -> Contact:
    """What may be kept of it."""
    if not isinstance(contact, Record):
        return contact
    return Contact(**{name: getattr(contact, name) for name in Contact.__struct_fields__})


def with_more(contact: Contact, more: Mapping[str, str]) -> Contact:
    """A record, where there is more of it."""
    told = tuple((name, value) for name, value in more.items() if value)
    return (
        Record(**{name: getattr(contact, name) for name in Contact.__struct_fields__}, more=told) if told else contact
    )
