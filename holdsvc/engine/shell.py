"""What a stream needs of the house around it, and what it says to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from msgspec import Struct

from holdsvc.audio.blocks import Blocks
from holdsvc.calls.events import CallEvent
from holdsvc.calls.model import ContentId, QueueName
from holdsvc.clock import Clock
from holdsvc.engine.captions import Captions
from holdsvc.engine.ears import Hearing
from holdsvc.engine.voice import Socket, SoundMeter
from holdsvc.ports import Sharing, Sounds

if TYPE_CHECKING:
    from holdsvc.engine.stream import Stream


@runtime_checkable
class Swept(Socket, Protocol):
    """A socket that is read when we come by; others call `hear` themselves."""

    def sweep(self, hear: Callable[[str | bytes], None]) -> int:
        """Hear what has come. How many bytes that was, GONE when no more will come."""


@runtime_checkable
class Watched(Swept, Protocol):
    """One of which is known what the caller's sound looks like, so that a glance tells whether there is anything else."""

    fd: int
    frame: (
        int  # bytes of one message of the caller's sound, as the last ones were; more than can wait, if we do not know
    )


class Meter(SoundMeter, Protocol):
    def stream_opened(self, wire: str) -> None: ...
    def stream_closed(self, wire: str) -> None: ...
    def stream_cut(self, wire: str) -> None: ...
    def stream_refused(self, platform: str, reason: str) -> None: ...
    def stream_switched(self, wire: str, seconds: float) -> None: ...


class Question(Struct, frozen=True):
    """News, and how its answer is to be heard: after what is still to come, or instead of it."""

    events: tuple[CallEvent, ...]
    follows: bool = False


class Shell(Protocol):
    """What all streams of a process share."""

    clock: Clock
    sounds: Sounds
    meter: Meter
    house: Callable[[QueueName], ContentId]
    captions: Captions | None
    hearing: Hearing | None  # None: nobody is listened to

    def blocks(self, sharing: Sharing, length: int) -> Blocks[bytes]: ...
    def ask(self, stream: Stream, question: Question) -> None: ...
    def wake(self, stream: Stream, when: float) -> None: ...
    def started(self, stream: Stream) -> None: ...
    def over(self, stream: Stream) -> None: ...
