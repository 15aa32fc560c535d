"""What was on the air of a live shelf and for how many, as whoever is owed for it counts: airings, and the time of all listeners.

A chunk counts for each listener whom the network took all of it for; it is counted when it leaves the row: nobody gets it any more.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime

from msgspec import Struct

from holdsvc.calls.airing import Aired, Part
from holdsvc.calls.model import ContentId
from holdsvc.errors import HoldsvcError

EVERY = (
    60  # chunks after which an airing that goes on is told as far as it is: half a minute, the most that a crash costs
)
log = logging.getLogger(__name__)
Keep = Callable[[Aired], Awaitable[None]]


class Sum(Struct):
    content: ContentId
    began: datetime
    seconds: float = 0.0
    listened: float = 0.0


class Tally:
    """One shelf from its first listener to its last."""

    def __init__(self, shelf: str, began: datetime) -> None:
        self._name, self._shelf = f"{shelf}/{began.isoformat()}", shelf
        self._sums: dict[int, Sum] = {}  # by turn
        self._told = 0  # chunks since the last telling

    def count(self, parts: tuple[Part, ...], takers: int, at: datetime) -> Iterator[Aired]:
        """A chunk that went out at this moment; what is to be kept of the airings so far."""
        self._told += 1
        if takers:
            for turn, content, seconds in parts:
                one = self._sums.setdefault(turn, Sum(content, at))
                one.seconds += seconds
                one.listened += seconds * takers
        over = [turn for turn in self._sums if parts and turn < parts[0].turn]
        for turn in over:
            yield self._aired(turn, self._sums.pop(turn))
        if self._told >= EVERY:
            yield from self.so_far()

    def so_far(self) -> Iterator[Aired]:
        self._told = 0
        for turn, one in self._sums.items():
            yield self._aired(turn, one)

    def _aired(self, turn: int, one: Sum) -> Aired:
        id = f"{self._name}/{turn}"
        return Aired(id, self._shelf, one.content, one.began, round(one.seconds, 3), round(one.listened, 3))


class Book:
    """Has airings kept, one after the other; what cannot be kept now is tried again with the next."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._unkept: dict[str, Aired] = {}
        self._failing = False

    def put(self, aired: Aired) -> None:
        """The latest word on an airing."""
        self._unkept[aired.id] = aired

    async def keep(self) -> None:
        while self._unkept:
            aired = self._unkept.pop(next(iter(self._unkept)))
            try:
                await self._keep(aired)
            except HoldsvcError as error:
                self._unkept.setdefault(aired.id, aired)
                if not self._failing:
                    log.warning("airings_not_kept", extra={"reason": str(error), "heard": "all the same"})
                self._failing = True
                return
            except BaseException:  # we are being ended: whoever ends us keeps what is left
                self._unkept.setdefault(aired.id, aired)
                raise
            self._failing = False
