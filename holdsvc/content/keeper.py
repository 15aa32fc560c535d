"""Looks after what comes from outside: each source at its time, in the background, and never in a caller's way.

A source that fails is asked again later and later, its fault is told once, and what it gave before stays on its shelf.
Fetching goes on beside the calls; sound is prepared by the confined ingest, one at a time.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Protocol

from msgspec.structs import replace

from holdsvc.content.fetched import FetchedShelf, Refused, State, without
from holdsvc.content.ingest import ingest_behind
from holdsvc.content.library import Library
from holdsvc.errors import BadContent, OutboundFailed
from holdsvc.ports import Clock, SourceReport

AT_ONCE = 2  # sources that are looked at beside each other
TICK = 5.0  # seconds between looks at what is due
SOON = 5.0  # seconds after the first failure of a kind that passes by itself
MOST_SOON = 12  # times after which a source that cannot be reached is asked no longer so soon
SWIFT = 30.0  # seconds within which a look must have failed to be repeated so soon: else much was sent in vain
UNREACHED = ("connection", "name", "slow", "broken")  # why nothing was answered
FIRST_RETRY, LAST_RETRY = 60.0, 86_400.0  # seconds
JITTER = 0.25  # share of a pause by which it is longer or shorter

log = logging.getLogger(__name__)
Progress = Callable[[str], None]


class Desk(Protocol):
    """What a source may ask for while it is looked at."""

    @property
    def files(self) -> Path:
        """Where files of items lie; a name of theirs is in an entry as `files/NAME`."""

    def now(self) -> datetime: ...

    def tell(self, words: str) -> None:
        """How far it is, in a few words; "" when there is nothing to tell."""

    def seconds(self, id: str) -> float:
        """How long an item's sound is; 0.0 while there is none."""

    async def show(self, state: State) -> State:
        """Put on the shelf what is kept, have its sound prepared, and move what cannot be heard to the refused."""


class Source(Protocol):
    name: str
    kind: str
    address: str  # another one means another source: what is known of it is forgotten
    every: float  # seconds

    async def look(self, state: State, desk: Desk) -> State:
        """What is there now. Raise `OutboundFailed` or `BadContent`; what was shown before that stays."""


class Keeper:
    def __init__(
        self,
        shelf: FetchedShelf,
        library: Library,
        into: Path,
        sources: Callable[[], Mapping[str, Source]],
        clock: Clock,
        chance: random.Random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`sources` is asked again and again: what is added or taken away is noticed. `into` is where prepared sound lies."""
        self._shelf, self._library, self._into = shelf, library, into
        self._sources, self._clock, self._chance, self._sleep = sources, clock, chance, sleep
        self._preparing = asyncio.Lock()
        self._before: asyncio.Task[None] | None = None
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._looking: dict[str, asyncio.Task[None]] = {}
        self._telling: dict[str, str] = {}
        self._known: Mapping[str, Source] = {}

    async def run(self, before: asyncio.Task[None] | None = None) -> None:
        """Until it is cancelled. `before`: preparing that is under way already and comes first; fetching does not wait for it."""
        self._before = before
        try:
            await asyncio.to_thread(self._shelf.tidy)
            while True:
                await self.round()
                await self._sleep(TICK)
        finally:
            for task in self._looking.values():
                task.cancel()
            await asyncio.gather(*self._looking.values(), return_exceptions=True)
            await asyncio.to_thread(self._shelf.save)

    async def round(self) -> None:
        """Begin to look at what is due."""
        now = self._clock.now()
        await self._take_note(now)
        await self._look_around(now)
        await self._part(now)
        for name, source in self._known.items():
            due = self._shelf.states[name].next_at
            if name not in self._looking and (due is None or due <= now):
                task = self._looking[name] = asyncio.create_task(self._look(source))
                task.add_done_callback(partial(self._looked, name))

    def _looked(self, name: str, task: asyncio.Task[None]) -> None:
        if self._looking.get(name) is task:
            del self._looking[name]

    async def settle(self) -> None:
        """Wait for the looks that have begun."""
        await asyncio.gather(*list(self._looking.values()))

    def report(self) -> tuple[SourceReport, ...]:
        states, ready = self._shelf.states, {str(item.id) for item in self._library.items}
        return tuple(
            SourceReport(
                name=name,
                kind=source.kind,
                items=sum(one.entry.id in ready for one in states[name].kept),
                looked=states[name].looked,
                next_at=states[name].next_at,
                fault=states[name].fault,
                refused=tuple((one.title, one.reason) for one in states[name].refused),
                doing=self._telling.get(name, ""),
            )
            for name, source in self._known.items()
            if name in states
        )

    async def _take_note(self, now: datetime) -> None:
        """Of sources that came, went, or moved."""
        known = self._sources()
        if known is self._known:
            return
        for name in set(self._looking) - set(known):
            self._looking[name].cancel()
        async with self._preparing:
            self._shelf.only(known, now)
            for name, source in known.items():
                state = self._shelf.states.get(name)
                if state is None or state.address != source.address:
                    self._shelf.put(name, State(address=source.address), now)
            self._known = known
            await self._save()

    async def _look_around(self, now: datetime) -> None:
        """For what came to the operator's own shelf by command, or left it. A broken index leaves the shelves as they were."""
        if not await asyncio.to_thread(self._library.changed):
            return
        before = {source.sound for source in self._library.sources}
        try:
            await asyncio.to_thread(self._library.refresh)
        except BadContent as error:
            log.warning("shelf_unreadable", extra={"reason": str(error), "heard": "what stood there before"})
            return
        self._shelf.leave(before - {source.sound for source in self._library.sources}, now)

    async def _look(self, source: Source) -> None:
        async with self._slots:
            before, began = self._shelf.states[source.name], self._clock.monotonic()
            try:
                state = await source.look(before, _Desk(self, source.name))
                if self._pending(state):  # a disk was full, or we were ended in the middle
                    state = await self._show(source.name, state)
                self._put(source.name, self._went_well(source, state))
                if before.fault:
                    log.info("source_recovered", extra={"source": source.name})
            except (OutboundFailed, BadContent, OSError) as error:
                self._put(source.name, self._failed(source, error, self._clock.monotonic() - began))
            except Exception as error:
                log.exception("source_broke", extra={"source": source.name})
                sentence = f"we could not make sense of it ({type(error).__name__})"
                self._put(source.name, self._failed(source, BadContent(sentence), 0.0))
            finally:
                self._telling.pop(source.name, None)
            async with self._preparing:
                await self._save()

    def _went_well(self, source: Source, state: State) -> State:
        next_at = self._next(state, self._about(source.every))
        return replace(state, looked=self._clock.now(), next_at=next_at, failures=0, unreached=0, fault="")

    def _failed(self, source: Source, error: Exception, took: float) -> State:
        """Soon, then later and later, and not before we may; told once, until it is another fault or none."""
        state, reason = self._shelf.states[source.name], str(error)
        if reason != state.fault:
            log.warning(
                "source_fault",
                extra={"source": source.name, "reason": reason, "heard": "what it gave before, and the other shelves"},
            )
        passing = error if isinstance(error, OutboundFailed) and error.retryable else None
        unreached = passing is not None and passing.why in UNREACHED and took < SWIFT and state.unreached < MOST_SOON
        pause = min(LAST_RETRY, max(FIRST_RETRY, source.every / 8) * 2.0 ** min(state.failures, 20))
        if unreached or (passing and not (state.failures or state.unreached)):
            pause = SOON
        next_at = self._next(state, max(self._about(pause), min(passing.after if passing else 0.0, LAST_RETRY)))
        failures, tries = state.failures + (not unreached), state.unreached + unreached
        return replace(state, next_at=next_at, failures=failures, unreached=tries, fault=reason)

    def _next(self, state: State, seconds: float) -> datetime:
        """After so long, or earlier if the source wished so."""
        now = self._clock.now()
        usual = now + timedelta(seconds=seconds)
        return state.next_at if state.next_at is not None and now < state.next_at < usual else usual

    def _about(self, seconds: float) -> float:
        return seconds * self._chance.uniform(1 - JITTER, 1 + JITTER)

    def _put(self, name: str, state: State) -> None:
        if name not in self._known:
            return
        before = self._shelf.states[name].refused
        for one in state.refused:
            if one not in before:
                log.warning("item_refused", extra={"source": name, "item": one.title, "reason": one.reason})
        self._shelf.put(name, state, self._clock.now())

    async def _show(self, name: str, state: State) -> State:
        """On the shelf and prepared; what turns out bad is refused, named, and its file dropped."""
        ids = {one.entry.id for one in state.kept}
        async with self._preparing:
            self._put(name, state)
            await self._save()
            if self._pending(state):
                if self._before is not None:
                    await asyncio.wait([self._before])
                await ingest_behind(self._library, self._into, only=lambda source: source.id in ids)
            bad = {id: self._library.quarantined[id] for id in ids & set(self._library.quarantined)}
            refused = [one for one in state.kept if one.entry.id in bad]
            for one in refused:
                (self._shelf.folder / one.entry.file).unlink(missing_ok=True)
            state = without(state, [one.key for one in refused])
            told = [Refused(one.key, one.entry.title, bad[one.entry.id]) for one in refused]
            state = self._looked_at(replace(state, refused=(*state.refused, *told)))
            self._put(name, state)
            await self._save()
        return state

    def _pending(self, state: State) -> bool:
        ids = {one.entry.id for one in state.kept}
        return any(source.id in ids for source in self._library.pending())

    def _looked_at(self, state: State) -> State:
        """With what the library knows of the files, so that the next start need not read them."""
        sounds = {source.id: source for source in self._library.sources}
        kept = []
        for one in state.kept:
            source = sounds.get(one.entry.id)
            if source is not None and one.sound != source.sound:
                told = source.file.stat()
                one = replace(one, sound=source.sound, size=told.st_size, changed=told.st_mtime_ns)
            kept.append(one)
        return replace(state, kept=tuple(kept))

    async def _save(self) -> None:
        await asyncio.to_thread(self._shelf.save)
        await asyncio.to_thread(self._library.refresh)

    async def _part(self, now: datetime) -> None:
        gone = self._shelf.parted(now)
        if not gone:
            return
        wanted = {source.sound for source in self._library.sources}
        await asyncio.to_thread(_delete, self._into, gone - wanted)
        if not self._looking:
            await asyncio.to_thread(self._shelf.tidy)


class _Desk:
    def __init__(self, keeper: Keeper, name: str) -> None:
        self._keeper, self._name = keeper, name

    @property
    def files(self) -> Path:
        return self._keeper._shelf.files

    def now(self) -> datetime:
        return self._keeper._clock.now()

    def tell(self, words: str) -> None:
        self._keeper._telling[self._name] = words

    def seconds(self, id: str) -> float:
        return next((item.seconds for item in self._keeper._library.items if item.id == id), 0.0)

    async def show(self, state: State) -> State:
        return await self._keeper._show(self._name, state)


def _delete(folder: Path, sounds: set[str] | frozenset[str]) -> None:
    for sound in sounds:
        for file in folder.glob(f"{sound}.*"):
            file.unlink(missing_ok=True)
