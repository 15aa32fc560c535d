"""A telephony platform: it verifies, reads and words, and touches no network. Nothing here does anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct, field

from holdsvc.calls.events import CallEvent
from holdsvc.calls.instructions import Instruction
from holdsvc.calls.model import CallRef, ContentId, PromptId, QueueName
from holdsvc.ports.wires import LineWire, Wire


class Capabilities(Struct, frozen=True):
    """What a platform can do; `render` does the nearest thing that it can."""

    documents: bool = False  # fetches finite segments that a document names
    stream: bool = False  # brings the caller's media to our socket
    keypad: bool = False
    speech: bool = False  # recognises speech itself and sends us text
    clear: bool = False  # sound that was sent ahead can be taken back
    news: frozenset[str] = frozenset()  # steps whose answer nobody on the line waits for


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


class LinePlatform(Platform, Protocol):
    """A platform whose calls are announced and then connect over a plain byte stream."""

    def wire(self) -> LineWire: ...
