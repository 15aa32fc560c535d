"""What a platform, or the live stream, should do next. Imperative, and free of any platform's words.

A turn is a tuple of these, in the order in which they are to be performed.
"""

from __future__ import annotations

from msgspec import Struct

from holdsvc.calls.events import Departure
from holdsvc.calls.menu import Menu
from holdsvc.calls.model import ContentId, PromptId, QueueName


class Say(Struct, frozen=True, tag=True):
    """Prompts, one after the other, without a pause that is not in them."""

    prompts: tuple[PromptId, ...]
    language: str


class Play(Struct, frozen=True, tag=True):
    """Content from a second of it; until_second None means to its end. `gain` in decibels, for wires that can.

    `ducks`: where sound is mixed, it goes on beneath the prompts before it, turned down; else it waits for their end.
    """

    content: ContentId
    from_second: float
    until_second: float | None = None
    gain: float = 0.0
    ducks: bool = False


class Listen(Struct, frozen=True, tag=True):
    """Take keys and words during everything that this turn plays. `language` "": keys alone."""

    menu: Menu
    language: str


class Stop(Struct, frozen=True, tag=True):
    """Silence now: somebody is there."""


class EnterQueue(Struct, frozen=True, tag=True):
    """Put the caller into the platform's own queue."""

    queue: QueueName


class OpenStream(Struct, frozen=True, tag=True):
    """Let the caller's media come to us."""

    queue: QueueName


class Release(Struct, frozen=True, tag=True):
    """End the stream; the hand-over follows."""


class HandOver(Struct, frozen=True, tag=True):
    """Connect the released caller as the queue's file says."""

    queue: QueueName


class LeaveQueue(Struct, frozen=True, tag=True):
    """Take the caller out of the platform's queue; the platform will report it."""


class Depart(Struct, frozen=True, tag=True):
    """The caller is out of the queue without an agent: do what the queue's file has for this reason."""

    queue: QueueName
    why: Departure


class Brief(Struct, frozen=True, tag=True):
    """Tell the agent, and nobody else, who is coming. `facts` are short plain sentences, most useful first."""

    facts: tuple[str, ...]


class HangUp(Struct, frozen=True, tag=True):
    pass


Instruction = (
    Say | Play | Listen | Stop | EnterQueue | OpenStream | Release | HandOver | LeaveQueue | Depart | Brief | HangUp
)
