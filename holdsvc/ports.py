"""What an adapter must offer, on one page. Nothing here does anything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar, runtime_checkable

from msgspec import Struct, field

from holdsvc.calls.callback import Callback, Wish
from holdsvc.calls.events import CallEvent
from holdsvc.calls.facts import AnyFact
from holdsvc.calls.instructions import Instruction
from holdsvc.calls.menu import Menu
from holdsvc.calls.model import (
    CallerId,
    CallRef,
    Contact,
    ContentId,
    Kind,
    Outcome,
    PhoneNumber,
    Profile,
    PromptId,
    QueueName,
)
from holdsvc.calls.promise import Promise
from holdsvc.calls.record import WaitRecord
from holdsvc.calls.session import HoldSession

# --- platforms -------------------------------------------------------------------------------------------------------


class Capabilities(Struct, frozen=True):
    """What a platform can do; `render` does the nearest thing that it can."""

    documents: bool = False  # fetches finite segments that a document names
    stream: bool = False  # brings the caller's media to our socket
    keypad: bool = False
    speech: bool = False  # recognises speech itself and sends us text
    clear: bool = False  # sound that was sent ahead can be taken back


class WebhookRequest(Struct, frozen=True):
    """A request as it came in, unchecked. `url` is what the sender must have signed: built from the configured public URL."""

    step: str
    method: str
    url: str
    query: str  # raw, still percent-encoded
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    at: datetime  # our receipt


class Verified(Struct, frozen=True):
    """A request whose sender proved who it is. Only a platform's `verify` makes one."""

    request: WebhookRequest
    fields: tuple[tuple[str, str], ...] = ()  # the decoded form, in order, blanks kept
    signed: bool = True  # False: nobody looked, as the operator wished


class Report(Struct, frozen=True):
    """What one webhook says: news of one call, in our words."""

    ref: CallRef
    queue: QueueName
    events: tuple[CallEvent, ...]
    caller: str = ""  # the number as the platform wrote it, "" where this webhook does not tell
    spoken: str = ""  # what the platform's own recogniser understood; belongs to the `UtteranceHeard` among the events
    turn: int | None = None  # the version of the session that the request answers to
    wait: int | None = None  # which of the call's waits the request's address names; None: whichever was on at the time
    stream: bool | None = None  # how sound is to come, where the request's address says so; else the queue's file
    doubts: tuple[str, ...] = ()  # what in the request was not believed: counted, and of no other effect


class Destination(Struct, frozen=True):
    """Where a caller goes who leaves us; the first that is set counts, none means a friendly end."""

    dial: str = ""  # a number or SIP address
    enqueue: str = ""  # a queue of the platform
    redirect: str = ""  # a document of the contact centre's own


class Links(Protocol):
    """URLs that a platform may fetch; absolute behind a public URL, else relative."""

    def hook(self, platform: str, step: str, query: Mapping[str, str]) -> str: ...
    def content(self, content: ContentId, from_second: float, until_second: float, gain: float) -> str: ...
    def prompt(self, language: str, prompt: PromptId) -> str: ...
    def media(self, platform: str, token: str) -> str: ...


class Scene(Struct, frozen=True):
    """What a platform needs to put instructions into its own words, beside the instructions."""

    step: str
    queue: QueueName
    turn: int  # version of the session, for the event ids of what this answer leads to
    at: datetime
    links: Links
    seconds_of: Callable[[str, PromptId], float]  # (language, prompt) -> seconds of sound
    length_of: Callable[[ContentId], float]  # content -> seconds of sound
    token: str = ""  # one-time token of the stream to open
    streams: bool = False  # a stream may be opened: there is a public wss URL
    segment: float = 60.0  # seconds of one sound where nobody said how long
    hand_over: Destination = Destination()
    departures: Mapping[str, Destination] = field(default_factory=dict)  # why -> where
    wait: int = 1  # which of the call's waits this is, for the addresses in this answer


class Reply(Struct, frozen=True):
    body: bytes
    content_type: str
    status: int = 200


class Platform(Protocol):
    """One telephony platform: it translates, and touches no network."""

    @property
    def name(self) -> str: ...
    @property
    def can(self) -> Capabilities: ...
    @property
    def steps(self) -> frozenset[str]: ...

    def verify(self, request: WebhookRequest) -> Verified:
        """Raise `Unverified` unless the sender proved who it is."""

    def parse(self, request: Verified) -> Report | None:
        """News, or None where the request says nothing that concerns us; raise `BadWebhook` for what cannot be understood."""

    def render(self, ref: CallRef, todo: Sequence[Instruction], scene: Scene) -> Reply: ...

    def fallback(self, scene: Scene, house: ContentId) -> Reply:
        """A valid answer that plays, for a genuine request that could not be understood or decided."""

    def wire(self) -> Wire | None:
        """How live sound is written and read; None where the platform has no stream."""


# --- live streams ----------------------------------------------------------------------------------------------------


class WireStart(Struct, frozen=True):
    """The stream has begun: which call it is, and the token that came with it, "" if none."""

    ref: CallRef
    stream: str
    token: str
    id: str


class WireDigit(Struct, frozen=True):
    digit: str
    id: str


class WireMark(Struct, frozen=True):
    """All sound before this mark has been played, or was taken back."""

    name: str


class WireAudio(Struct, frozen=True):
    """Caller's sound, 8 kHz mu-law."""

    payload: bytes


class WireStop(Struct, frozen=True):
    """The platform ends the stream: the call is over."""

    id: str


WireEvent = WireStart | WireDigit | WireMark | WireAudio | WireStop


Written = str | bytes | tuple[bytes, ...]  # one message, or several that go out in one write


class Wire(Protocol):
    """A media format: bytes and text frames in both directions, without a socket. One for each stream: it may remember."""

    name: str
    lead: float  # seconds that may be sent ahead of real time
    block: int  # bytes of mu-law that are written at once
    can_clear: bool  # else the far end keeps nothing: it plays what comes as it comes, gives no marks, and needs sound at all times
    high_mark: int  # bytes that the network may have left behind; beyond it, sound is dropped

    def read(self, frame: str | bytes) -> WireEvent | None:
        """What a frame says; None for what does not concern us. Raise `BadWebhook` for what breaks the format."""

    def write_audio(self, stream: str, payload: bytes) -> Written: ...
    def write_mark(self, stream: str, name: str) -> Written: ...
    def write_clear(self, stream: str) -> Written: ...


class Sharing(Struct, frozen=True):
    """A message of sound in two pieces: what is the stream's own, and behind it what is the same for all who hear the block."""

    kind: str  # what `tail` makes is the same wherever this is
    head: str
    tail: Callable[[bytes], bytes]


@runtime_checkable
class SharingWire(Wire, Protocol):
    """A wire of whole messages, text, each with as much sound in it as there is: `block` is the most."""

    sound_begins: bytes  # sixteen bytes: what begins so is the caller's sound, and may be passed over unread

    def sharing(self, stream: str) -> Sharing:
        """`head` and what `tail` makes of some sound are together what `write_audio` writes of it."""


class LineWire(Wire, Protocol):
    """A wire over a plain byte stream, which knows no messages."""

    farewell: bytes  # ends the stream, whoever says it
    sound_begins: bytes  # what begins so is the caller's sound, and may be passed over unread
    sound_head: bytes  # how nearly all of it begins
    sound_length: int  # and how many bytes such a frame then has
    rest: bytes  # what came and was no whole frame yet

    def cut(self, received: bytes) -> Iterator[bytes]:
        """Whole frames for `read`, however the bytes came. Raises `BadWebhook` where nothing can be understood any more."""

    def frames(self, payload: bytes) -> tuple[bytes, ...]:
        """Sound as it goes out: a frame a write. What is left over is filled up with silence."""


class LinePlatform(Platform, Protocol):
    """A platform whose calls are announced and then connect over a plain byte stream."""

    def wire(self) -> LineWire: ...


# --- callers ---------------------------------------------------------------------------------------------------------


class CallerNumber(Struct, frozen=True):
    """What a raw caller id turned out to be. Withheld or unreadable numbers have neither number nor country."""

    number: PhoneNumber | None = None
    country: str = ""
    withheld: bool = False


class Numbers(Protocol):
    def read(self, raw: str) -> CallerNumber:
        """Never raises: whatever stands there, the caller is served."""


class Directory(Protocol):
    """Somebody who knows callers by number: a table, a CRM."""

    name: str

    async def find(self, number: PhoneNumber) -> Contact | None:
        """None: not known there. Raise `OutboundFailed` when it could not be asked."""

    async def close(self) -> None: ...


# --- what goes out ----------------------------------------------------------------------------------------------------


class Coming(Struct, frozen=True):
    """An answer whose body is still to come."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    pieces: AsyncIterator[bytes]  # as they were on the wire; raises `OutboundFailed` where they stop coming


class Opener(Protocol):
    """The guarded way out: only to addresses that may be reached, judged as the socket is made."""

    def opened(
        self, url: str, headers: Mapping[str, str], *, seconds: float, idle: float
    ) -> AbstractAsyncContextManager[Coming]:
        """GET, no redirect followed, in at most `seconds` and with at most `idle` between pieces. Raises `OutboundFailed`."""


class SourceReport(Struct, frozen=True):
    """How it stands with content that comes from outside."""

    name: str
    kind: str
    items: int  # on the shelf
    looked: datetime | None = None  # when it last answered well
    next_at: datetime | None = None
    fault: str = ""  # why the last look failed
    refused: tuple[tuple[str, str], ...] = ()  # title and reason of what no caller will hear
    doing: str = ""  # what is going on at this moment


# --- speech ----------------------------------------------------------------------------------------------------------


class Understood(Struct, frozen=True):
    choice: str  # id of the menu entry, "" for none
    score: float  # 0 to 1
    near: bool = False  # it may have been that: ask once


class WordMatcher(Protocol):
    def match(self, text: str, menu: Menu, language: str) -> Understood: ...


class Candidate(Struct, frozen=True):
    """What may be chosen, and the ways in which it is said."""

    choice: str  # id of the menu entry
    spoken: tuple[str, ...]


class Utterance(Struct, frozen=True):
    """A stretch of a caller's speech and what it may mean. It lives in memory alone: never kept, never shown."""

    pcm: bytes  # 8 kHz, mono, 16 bits, little endian
    candidates: tuple[Candidate, ...]  # of too many, a recogniser sorts out the unlikely ones first
    language: str = "en"  # BCP 47

    @property
    def seconds(self) -> float:
        return len(self.pcm) / 16_000

    def __repr__(self) -> str:
        return f"Utterance({self.seconds:.1f} s, {self.language})"


class Certainty(StrEnum):
    SURE = "sure"
    NEAR = "near"  # ask once: "did you say jazz?"
    NONE = "none"  # none of these was said


class Recognised(Struct, frozen=True):
    choice: str  # id of the menu entry, "" for none
    score: float  # the recogniser's own scale, for /phone and for tuning; what follows from it is in `certainty`
    certainty: Certainty
    runner_up: str = ""  # the other choice that came closest, "" for none
    runner_up_score: float = 0.0


class Recogniser(Protocol):
    """Sound to a choice. Takes its time and one core, so that it only ever runs in a worker process."""

    name: str
    languages: tuple[str, ...]  # as "en", without a country; "*" for any

    def recognise(self, utterance: Utterance) -> Recognised:
        """Never raises for what a caller may say, silence and noise included."""


class Ears(Protocol):
    """Recognisers at work, somewhere where they keep nobody waiting."""

    def understands(self, language: str) -> bool:
        """False as well while there is no recogniser: keys work."""

    async def recognise(self, utterance: Utterance) -> Recognised:
        """Raise `Unheard` at once where there is no room, and in the end where no answer came in time."""

    async def close(self) -> None: ...


class Synthesiser(Protocol):
    """Text to speech, for what is spoken before anybody calls; never while a caller waits."""

    name: str

    async def speak(self, text: str, language: str, into: Path) -> None:
        """A sound file of any kind that we decode. BadContent: this text cannot be spoken; OutboundFailed: not now."""


class PersonalVoice(Protocol):
    """Speaks what is for one caller alone."""

    async def speak(self, text: str, language: str) -> bytes:
        """Prepared mu-law; nothing of it is left anywhere else. BadContent: this cannot be spoken; OutboundFailed: not now."""


class NoticeVoice(Protocol):
    """Speaks what ops type for those who wait, before it is put up."""

    def fault(self, text: str, language: str) -> str:
        """Why this cannot be said, as a sentence; "" if it can."""

    async def speak(self, prompt: PromptId, texts: Mapping[str, str]) -> None:
        """Until the prompt is ready in each of these languages. Raise BadContent or OutboundFailed, and nothing of it is kept."""

    def tidy(self, keep: Collection[str]) -> None:
        """Forget what was spoken, but for these prompts."""


# --- stores ----------------------------------------------------------------------------------------------------------


class Store(Protocol):
    """Where live state and the wait log are kept. `save` is the one durable step of a webhook's path."""

    name: str

    async def open(self) -> None:
        """Ready for use; raise `ConfigError` with one clear sentence when it cannot be (locked by another process, ...)."""

    async def close(self) -> None: ...

    async def load(self, ref: CallRef) -> HoldSession | None: ...

    async def save(self, session: HoldSession, facts: Sequence[AnyFact]) -> None:
        """Keep session, facts, wait record and the caller's profile in one durable transaction.

        `session.version` must be the kept version + 1, else `StaleSession` is raised and nothing is kept.
        Raise `StoreUnavailable` when nothing could be made durable.
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
    """A local file for what the store cannot take at this moment. Nothing here waits: it is the last resort of a webhook's path."""

    def append(self, value: Struct) -> None:
        """Put behind the others. If even the file fails, the value lives in memory alone."""

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

    def totals(self) -> Totals: ...
    def evidence(self) -> Evidence: ...


# --- processes that serve the same calls ------------------------------------------------------------------------------


class Ticketed(StrEnum):
    """What is known of a one-time token where there is nothing to be handed out for it."""

    UNKNOWN = "unknown"
    USED = "used"


class Fellows(Protocol):
    """The other processes that serve the same calls on the same store. What is said is heard once, by those that are there now."""

    @property
    def others(self) -> int:
        """That take new streams at this moment."""

    @property
    def leads(self) -> bool:
        """What is done once for all, we do."""

    @property
    def alone(self) -> bool:
        """No other process was there when we looked last, not even one that takes no streams."""

    async def open(
        self,
        kept: Callable[[HoldSession, Sequence[AnyFact]], None],
        said: Callable[[bytes], None],
        missed: Callable[[], Awaitable[None]],
    ) -> None:
        """`kept` is told what others kept, `said` what they said; `missed` is called when we may not have heard all of it."""

    async def close(self) -> None: ...

    def say(self, about: str, word: bytes) -> None:
        """To all others, in the order of our saying where it is about the same. Nothing waits for it."""

    def ready(self, yes: bool) -> None:
        """Whether we take new streams."""

    async def deposit(self, token: bytes, ticket: bytes, seconds: float) -> bool:
        """For whoever redeems it first, wherever. False: it has been used. Raise `StoreUnavailable`."""

    async def redeem(self, token: bytes) -> bytes | Ticketed:
        """Once. Raise `StoreUnavailable`."""

    async def pin(self, name: str, value: bytes) -> None:
        """For those that start later as well. Raise `StoreUnavailable`."""

    async def pinned(self, name: str) -> bytes | None: ...


# --- what the engine offers to whoever watches -------------------------------------------------------------------------

FactListener = Callable[[HoldSession, Sequence[AnyFact]], None]


class Clock(Protocol):
    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...


# --- sound ---------------------------------------------------------------------------------------------------------


class Sounds(Protocol):
    """Prepared sound, 8 kHz mu-law, as the telephone hears it."""

    def content(self, content: ContentId) -> memoryview: ...
    def prompt(self, language: str, prompt: PromptId) -> memoryview: ...
    def content_seconds(self, content: ContentId) -> float: ...
    def prompt_seconds(self, language: str, prompt: PromptId) -> float: ...
    def content_hash(self, content: ContentId) -> str: ...
    def prompt_hash(self, language: str, prompt: PromptId) -> str: ...

    def by_hash(self, name: str) -> memoryview | None:
        """Sound by the hash that names it in an address; None: no such sound here."""

    def caption(self, name: str) -> str:
        """What is to be heard, in words: a prompt's text, an item's title."""
