"""The other processes that serve the same calls on the same store. Nothing here does anything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Protocol

from holdsvc.calls.facts import AnyFact
from holdsvc.calls.session import HoldSession


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
        asked: Callable[[bytes], bytes | None],
    ) -> None:
        """`kept` is told what others kept, `said` what they said; `missed` is called when we may not have heard all of it. `asked`
        gives what another one asks for, or None where we do not have it."""

    async def close(self) -> None: ...

    def say(self, about: str, word: bytes) -> None:
        """To all others, in the order of our saying where it is about the same. Nothing waits for it."""

    async def ask(self, what: bytes) -> bytes | None:
        """Of all others, who may have it; written down nowhere on the way. None: nobody could give it within a second."""

    def ready(self, yes: bool) -> None:
        """Whether we take new streams."""

    async def deposit(self, token: bytes, ticket: bytes, seconds: float) -> bool:
        """For whoever redeems it first, wherever. False: it has been used. Raise `StoreUnavailable`."""

    async def redeem(self, token: bytes, attempt: bytes) -> bytes | Ticketed:
        """For one attempt, which may ask again where it heard nothing. Raise `StoreUnavailable`."""

    async def pin(self, name: str, value: bytes) -> None:
        """For those that start later as well. Raise `StoreUnavailable`."""

    async def pinned(self, name: str) -> bytes | None: ...
