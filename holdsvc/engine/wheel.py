"""A wheel of slots of a few milliseconds: who wants to be served when. Only what is due is looked at.

All slots that are due are served before the wheel rests, however late it is: what sleeps once a slot falls behind for good.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import floor
from typing import Protocol

SLOT = 0.004  # seconds: how exactly a moment is met; a sleep below a millisecond would only spin
SLOTS = 1024  # four seconds of them; who wants to be served later is looked at in between
NEAR = 1e-6  # seconds by which a moment may be missed through rounding
NEVER = 1 << 62


class Served(Protocol):
    slot: int  # the wheel's: NEVER to begin with

    def serve(self, now: float) -> float | None:
        """Do what is due; return when to come again, None for never. To be served too early must do no harm."""


class Wheel:
    def __init__(self) -> None:
        self._slots: list[list[Served]] = [[] for _ in range(SLOTS)]
        self._next = 0  # number of the slot that is served next

    @property
    def next_at(self) -> float:
        """When the next slot is due; whether somebody is in it is not asked."""
        return self._next * SLOT

    def put(self, one: Served, when: float) -> None:
        """Serve it then, and not at the moment that it was to be served at before."""
        number, first = slot_of(when), self._next
        if number < first:
            number = first
        elif number >= first + SLOTS:
            number = first + SLOTS - 1
        if number != one.slot:
            one.slot = number
            self._slots[number % SLOTS].append(one)

    def sooner(self, one: Served, when: float) -> None:
        """Serve it then, unless it is to be served before."""
        if slot_of(when) < one.slot:
            self.put(one, when)

    def due(self, now: float) -> Iterator[Served]:
        """Whoever is to be served by now; each has left the wheel, and may be put back at once."""
        last = floor((now + NEAR) / SLOT)
        if last - self._next >= SLOTS:  # the wheel stood still for longer than a round
            yield from self._all(last + 1)
        while self._next <= last:
            number, place = self._next, self._next % SLOTS
            self._next += 1
            if self._slots[place]:
                slot, self._slots[place] = self._slots[place], []
                for one in slot:
                    if one.slot == number:  # others were put elsewhere since
                        one.slot = NEVER
                        yield one

    def _all(self, following: int) -> Iterator[Served]:
        slots, self._slots = self._slots, [[] for _ in range(SLOTS)]
        self._next = following
        for slot in slots:
            for one in slot:
                if one.slot < following:
                    one.slot = NEVER
                    yield one


def slot_of(when: float) -> int:
    """The first slot that is not served before this moment."""
    return int((when - NEAR) / SLOT) + 1
