"""Endless sound over HTTP: one encoder a shelf, one chunk for all who listen to it, and nothing at all while nobody does.

A listener is a place in the row of chunks, not a queue of its own: whoever reads slowly stands further back in the row, and who
falls off its end is cut. So the row is all the memory that there is, and a slow listener costs the others nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from holdsvc.calls.airing import Aired, Chunk, Part
from holdsvc.clock import Clock
from holdsvc.engine.airings import Book, Keep, Tally

BURST = 4  # chunks of half a second that a newcomer gets at once: what a player wants before it begins
ROW = 20  # chunks that are kept: ten seconds, by which a listener may fall behind
AHEAD = 10  # chunks that are made at a time, in one visit to a worker thread
LINGER = 15.0  # seconds that a shelf goes on with nobody there
SLICE = 64  # listeners that are written to before other work of the loop has its turn
LATE = (
    5.0  # seconds of standing still after which the schedule starts anew; less is made up for from the players' buffers
)
log = logging.getLogger(__name__)


class Ear(Protocol):
    """The way to one listener."""

    def take(self, piece: bytes | memoryview) -> int:
        """How many bytes of it the network took, now. OSError: nobody is there any more."""

    def close(self) -> None: ...


class Reel(Protocol):
    def more(self, chunks: int) -> list[Chunk]:
        """The next chunks of sound, each to be begun with by anybody. It may take a while: not for the loop."""


class Tuner(Protocol):
    @property
    def chunk(self) -> float:
        """Seconds."""

    @property
    def bitrate(self) -> int:
        """kbit/s."""

    def shelves(self) -> tuple[str, ...]: ...
    def tune(self, shelf: str) -> Reel: ...


class Slot(Struct):
    """A chunk in the row."""

    sound: bytes
    parts: tuple[Part, ...]
    at: datetime  # when it came to the row
    takers: int = 0  # to whom all of it was sent


class Row:
    """The last chunks, by number."""

    def __init__(self) -> None:
        self._slots: deque[Slot] = deque()
        self.end = 0  # the number of the chunk that comes next

    @property
    def begin(self) -> int:
        return self.end - len(self._slots)

    def __getitem__(self, number: int) -> bytes:
        return self._slots[number - self.begin].sound

    def taken(self, number: int) -> None:
        if number >= self.begin:
            self._slots[number - self.begin].takers += 1

    def add(self, slot: Slot) -> Slot | None:
        """The one that falls off its end."""
        self._slots.append(slot)
        self.end += 1
        return self._slots.popleft() if len(self._slots) > ROW else None

    def rest(self) -> Iterator[Slot]:
        """Empty it, from the oldest on."""
        while self._slots:
            yield self._slots.popleft()


class Listener:
    __slots__ = ("_ear", "_left", "_next")

    def __init__(self, ear: Ear, at: int) -> None:
        self._ear, self._next = ear, at
        self._left: memoryview | None = None  # of the chunk before `_next`

    def serve(self, row: Row) -> str:
        """Give it what it has not had. A word why it is to be let go, "" as long as it is well."""
        if self._next < row.begin:
            return "too_slow"
        try:
            if self._left is not None:
                if not self._finished(self._left):
                    return ""
                row.taken(self._next - 1)
            while self._next < row.end:
                chunk = row[self._next]
                self._next += 1
                sent = self._ear.take(chunk)
                if sent < len(chunk):
                    self._left = memoryview(chunk)[sent:]
                    return ""
                row.taken(self._next - 1)
        except OSError:
            return "gone"
        return ""

    def close(self) -> None:
        self._ear.close()

    def _finished(self, left: memoryview) -> bool:
        sent = self._ear.take(left)
        self._left = left[sent:] if sent < len(left) else None
        return self._left is None


class Station:
    """One shelf while somebody listens to it."""

    def __init__(
        self, shelf: str, reel: Reel, chunk: float, clock: Clock, aired: Callable[[Aired], None] = lambda aired: None
    ) -> None:
        """`aired` hears of what was on the air and for how many, now and then, and at the end."""
        self.shelf, self.listeners = shelf, set[Listener]()
        self._reel, self._chunk, self._clock, self._aired = reel, chunk, clock, aired
        self._row = Row()
        self._tally = Tally(shelf, clock.now())
        self._made: deque[Chunk] = deque()

    def join(self, ear: Ear) -> None:
        listener = Listener(ear, max(self._row.begin, self._row.end - BURST))
        self.listeners.add(listener)
        self._serve(listener)

    def close(self) -> None:
        for listener in self.listeners:
            listener.close()
        self.listeners.clear()
        for slot in self._row.rest():
            self._count(slot)
        for aired in self._tally.so_far():
            self._aired(aired)

    async def run(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Until nobody has listened for a while."""
        for _ in range(BURST):
            self._add(await self._following())
        now = due = heard = self._clock.monotonic()
        while now < heard + LINGER:
            await self._serve_all()
            due += self._chunk
            await sleep(max(0.0, due - self._clock.monotonic()))
            now = self._clock.monotonic()
            heard = now if self.listeners else heard
            if now > due + LATE:
                due = now
            self._add(await self._following())

    def _add(self, chunk: Chunk) -> None:
        gone = self._row.add(Slot(*chunk, at=self._clock.now()))
        if gone is not None:
            self._count(gone)

    def _count(self, slot: Slot) -> None:
        for aired in self._tally.count(slot.parts, slot.takers, slot.at):
            self._aired(aired)

    async def _following(self) -> Chunk:
        if not self._made:
            self._made.extend(await asyncio.to_thread(self._reel.more, AHEAD))
        return self._made.popleft()

    async def _serve_all(self) -> None:
        for some in sliced(list(self.listeners)):
            for listener in some:
                self._serve(listener)
            await asyncio.sleep(0)

    def _serve(self, listener: Listener) -> None:
        reason = listener.serve(self._row)
        if reason:
            self.listeners.discard(listener)
            listener.close()
            log.log(
                logging.WARNING if reason == "too_slow" else logging.DEBUG,
                "listener_left",
                extra={"shelf": self.shelf, "reason": reason},
            )


async def forgotten(aired: Aired) -> None:
    """Where nobody is to know."""


class Broadcast:
    def __init__(
        self,
        tuner: Tuner,
        clock: Clock,
        most: int,
        sleep: Callable[[float], Awaitable[None]],
        keep: Keep = forgotten,
    ) -> None:
        """`keep` makes durable what was on the air while somebody listened."""
        self._tuner, self._clock, self._most, self._sleep = tuner, clock, most, sleep
        self._book = Book(keep)
        self._keeping: asyncio.Task[None] | None = None
        self._stations: dict[str, Station] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def __len__(self) -> int:
        return sum(len(station.listeners) for station in self._stations.values())

    @property
    def full(self) -> bool:
        return self._closed or len(self) >= self._most

    @property
    def on_air(self) -> tuple[str, ...]:
        """The shelves that are encoded now."""
        return tuple(self._stations)

    @property
    def bitrate(self) -> int:
        return self._tuner.bitrate

    def shelves(self) -> tuple[str, ...]:
        return self._tuner.shelves()

    def join(self, shelf: str, ear: Ear) -> None:
        """Ask `full` before. The shelf must be one of `shelves`."""
        station = self._stations.get(shelf)
        if station is None:
            station = Station(shelf, self._tuner.tune(shelf), self._tuner.chunk, self._clock, self._on_record)
            self._stations[shelf] = station
            task = asyncio.create_task(self._on_air(station))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        station.join(ear)

    async def close(self) -> None:
        self._closed = True
        for task in list(self._tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        for station in self._stations.values():  # that were not on the air yet
            station.close()
        if self._keeping is not None:
            await self._keeping
        await self._book.keep()

    def _on_record(self, aired: Aired) -> None:
        self._book.put(aired)
        if self._keeping is None or self._keeping.done():
            self._keeping = asyncio.create_task(self._book.keep())

    async def _on_air(self, station: Station) -> None:
        log.info("live_began", extra={"shelf": station.shelf})
        try:
            await station.run(self._sleep)
        except Exception:
            log.exception("live_failed", extra={"shelf": station.shelf})
        finally:
            del self._stations[station.shelf]
            station.close()
            log.info("live_ended", extra={"shelf": station.shelf})


def sliced(listeners: list[Listener]) -> Iterator[list[Listener]]:
    return (listeners[begin : begin + SLICE] for begin in range(0, len(listeners), SLICE))
