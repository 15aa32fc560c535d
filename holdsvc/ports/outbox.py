"""What is to happen outside, kept until it has. Nothing here does anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from msgspec import Struct

from holdsvc.calls.facts import AnyFact
from holdsvc.calls.session import HoldSession
from holdsvc.calls.telling import Effect


class Letter(Struct, frozen=True, omit_defaults=True):
    """An effect on its way."""

    effect: Effect
    tries: int = 0  # that failed
    fault: str = ""  # of the last one, a word
    died: float | None = None  # seconds since 1970, UTC: it failed too often, and waits for a person


class Due(NamedTuple):
    letter: Letter
    at: float  # seconds since 1970, UTC: not handed out before; until then it is the business of whoever has it


class Verdict(Struct, frozen=True):
    """What became of a try. `after` None: there is nothing left to do, whatever else became of it. `at`: when it is due again."""

    before: Letter
    after: Letter | None = None
    at: float = 0.0


class Standing(NamedTuple):
    waiting: int
    dead: int


# What a save is to keep besides, in the same step. Called with the session as it is saved; the same answer for the same facts.
Causes = Callable[[HoldSession, Sequence[AnyFact]], Sequence[Due]]


def nothing(session: HoldSession, facts: Sequence[AnyFact]) -> Sequence[Due]:
    return ()


class Outbox(Protocol):
    """A store's part: letters come in with saves (`causes`), and stay until a verdict takes them away.

    All raise `StoreUnavailable`.
    """

    causes: Causes

    async def hand_out(self, to: str, now: float, until: float, most: int) -> Sequence[Letter]:
        """The first that are due, for us alone until then. Of one line nothing comes before what goes before it is done or dead."""

    async def settle(self, verdicts: Sequence[Verdict]) -> int:
        """How many found the letter as it was `before`; of the others nothing changes, for somebody else was faster."""

    async def letters(self, most: int) -> Sequence[Letter]:
        """The dead first, then those that wait."""

    async def standing(self) -> Standing: ...
