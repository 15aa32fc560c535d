"""Live sound as messages or bytes, without a socket. Nothing here does anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, runtime_checkable

from msgspec import Struct

from holdsvc.calls.model import CallRef


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
