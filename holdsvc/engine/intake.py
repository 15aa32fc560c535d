"""Takes each event, asks for a decision, has it kept and tells whoever listens.

A webhook is answered after its session and facts are kept. Events of one call are taken one after the other; a writer elsewhere
that was faster makes us decide again. If nothing can be kept, the caller is served from memory and the events wait for the store.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from sys import intern
from typing import Any, cast
from weakref import WeakValueDictionary

from msgspec import Struct
from msgspec.structs import replace

from holdsvc.calls import asking
from holdsvc.calls.callback import owed
from holdsvc.calls.decide import decide
from holdsvc.calls.estimate import Movement
from holdsvc.calls.events import AnyEvent, CallArrived, CallerKnown, CallEvent, CallHeld, UtteranceHeard
from holdsvc.calls.facts import AnyFact
from holdsvc.calls.instructions import Instruction
from holdsvc.calls.menu import Menu
from holdsvc.calls.model import (
    BETWEEN,
    MOST_WAITS,
    CallerId,
    CallId,
    CallRef,
    Contact,
    ContentItem,
    EventId,
    Identity,
    Owed,
    PhoneNumber,
    Profile,
    QueueName,
)
from holdsvc.calls.plan import HoldPlan
from holdsvc.calls.session import HoldSession
from holdsvc.calls.waits import Incoming, Placed, bare, belongs, joined, placed
from holdsvc.clock import Clock
from holdsvc.engine.ageing import none_refused
from holdsvc.engine.beat import Beat
from holdsvc.engine.plans import PlanBook
from holdsvc.engine.unkept import News, NoSpool, Unkept, lost
from holdsvc.errors import StaleSession, StoreUnavailable, Unkeepable
from holdsvc.ports import FactListener, Numbers, Report, Spool, Store, WordMatcher

BEAT = 0.05  # seconds between two keepings of what live streams told
KNOWN = EventId("+known")  # of the news who calls: it comes once a call
MOST_RACES = 8  # lost races in a row after which the call is served without being kept at once
Keeping = asyncio.Task[None]  # goes on behind the answer
log = logging.getLogger(__name__)


class Taken(Struct, frozen=True):
    """What came of an event: the session as it stands, and what the caller is to hear."""

    session: HoldSession
    instructions: tuple[Instruction, ...]
    facts: tuple[AnyFact, ...]
    repeated: bool  # everything in it was known already


class Recognition(Struct, frozen=True):
    """Who is calling: reads numbers, keeps them apart, and asks directories behind our back."""

    numbers: Numbers
    pseudonym: Callable[[PhoneNumber], CallerId]
    ask: Callable[[CallRef, PhoneNumber], Coroutine[None, None, Contact | None]]
    forget: Callable[[PhoneNumber], None] = lambda number: None
    apart: Callable[[CallRef, Contact], Contact] = lambda ref, contact: contact  # takes off what must not be kept
    own: Callable[[HoldSession], tuple[ContentItem, ...]] = lambda session: ()  # what is for this caller alone


class Intake:
    def __init__(
        self,
        store: Store,
        plans: PlanBook,
        recognition: Recognition,
        words: WordMatcher,
        clock: Clock,
        listeners: Sequence[FactListener] = (),
        spool: Spool | None = None,
        movement: Callable[[QueueName], Movement | None] = lambda queue: None,
    ) -> None:
        self._store, self._plans, self._recognition = store, plans, recognition
        self._words, self._clock, self._listeners, self._movement = words, clock, listeners, movement
        self.corrected: Callable[[Taken], None] = lambda taken: None  # what a live stream must hear instead
        self.refused: Callable[[HoldSession, Sequence[AnyFact]], Awaitable[bool]] = none_refused  # what is not kept
        self._locks: WeakValueDictionary[CallRef, asyncio.Lock] = WeakValueDictionary()
        self.unkept = Unkept(spool or NoSpool())
        self._ahead: dict[CallRef, HoldSession] = {}  # decided for a live stream, its keeping under way
        self._chain: dict[CallRef, Keeping] = {}  # the last keeping of each such call waits for that before
        self._saves: set[asyncio.Future[Any]] = set()
        self._beat = Beat(BEAT)

    @property
    def degraded(self) -> bool:
        return bool(self.unkept)

    async def report(self, report: Report) -> Taken:
        """A webhook's news; returns after it has been kept. The session is that of the wait that it belongs to."""
        async with self._lock(report.ref):
            place = await self._placed(report)
            session = place.known or place.new
            events, number = await self._complete(replace(report, ref=session.ref), session)
            deciding = self._decide(place.new, (*place.before, *events), session)
            others = (self._decide(bare(other), (event,)) for other, event in place.elsewhere)
            taken = (await asyncio.gather(deciding, *others))[0] if place.elsewhere else await deciding
            if number is not None:
                await number
            return taken

    async def take(
        self, ref: CallRef, queue: QueueName, events: Sequence[CallEvent], known: HoldSession | None = None
    ) -> Taken:
        """`known`: as it was last heard of; it may have gone on since."""
        async with self._lock(ref):
            return await self._decide(HoldSession(ref, queue), events, known)

    async def take_now(self, ref: CallRef, queue: QueueName, events: Sequence[CallEvent]) -> Taken:
        """For live streams: decide, let sound begin, keep behind it."""
        async with self._lock(ref):
            taken = self._fold(await self.load(ref) or HoldSession(ref, queue), tuple(events))
            if not taken.repeated:
                self._ahead[ref] = taken.session
                self._chain[ref] = self._beside(self._keep_behind(self._chain.get(ref), taken, tuple(events)))
            return taken

    async def load(self, ref: CallRef) -> HoldSession | None:
        if (served := self._at_hand(ref)) is not None:
            return served
        try:
            return await self._store.load(ref)
        except StoreUnavailable:
            return None

    def _at_hand(self, ref: CallRef) -> HoldSession | None:
        """What was decided and is not in the store yet."""
        return self.unkept.session(ref) or self._ahead.get(ref)

    async def find(self, call: str, platforms: Sequence[str]) -> HoldSession | None:
        """A call by the platform's id alone: its latest wait."""
        if BETWEEN in call:
            return None
        for platform in platforms:
            if known := await self.waits(CallRef(platform, CallId(call))):
                return known[-1]
        return None

    async def waits(self, ref: CallRef) -> tuple[HoldSession, ...]:
        """All waits of the call, in their order. One that is not known in the middle is no end."""
        known = [one for one in await asyncio.gather(self.load(ref.nth(1)), self.load(ref.nth(2))) if one]  # in one go
        for number in range(3, MOST_WAITS + 1):
            if not known or known[-1].ref.wait < number - 2:
                break
            if session := await self.load(ref.nth(number)):
                known.append(session)
        return tuple(known)

    async def forget(self, raw: str) -> int | None:
        """Erase a caller; how many waits became anonymous, None if that is no number."""
        number = self._recognition.numbers.read(raw).number
        if number is None:
            return None
        self._recognition.forget(number)
        caller = self._recognition.pseudonym(number)
        self.unkept.numbers.pop(caller, None)
        return await self._store.forget(number, caller, self._clock.now())

    async def settle(self) -> None:
        """Wait until everything decided so far has been kept."""
        while self._saves:
            await asyncio.gather(*self._saves, return_exceptions=True)

    async def keep_again(self) -> None:
        """Replay what could not be kept. Raise `StoreUnavailable` where it still cannot."""
        await self.unkept.keep_numbers(self._store)
        await self.unkept.bring(self._keep_late)

    async def _keep_late(self, news: News) -> None:
        ref = news.new.ref
        async with self._lock(ref):
            for _ in range(MOST_RACES):
                taken = self._fold(joined(await self._store.load(ref) or news.new, news.new), news.events)
                try:
                    await self._to_store(taken)
                except StaleSession:
                    continue
                except Unkeepable as error:
                    lost(ref, str(error))
                return
        raise StaleSession("others were faster each time")

    def plan(self, session: HoldSession) -> HoldPlan:
        stream = True if session.streaming else session.stream
        level, contact = session.identity, session.contact
        segment = contact.segment if contact is not None and level.reaches(Identity.NUMBER) else ""
        platform = session.ref.platform
        plan = self._plans.plan(session.queue, stream=stream, platform=platform, segment=segment, identity=level)
        own = self._recognition.own(session)
        return self._plans.enlarged(plan, own) if own else plan

    async def menu(self, ref: CallRef, queue: QueueName) -> tuple[Menu, str]:
        """What this caller may key and say at this moment, and in which language."""
        session = await self.load(ref) or HoldSession(ref, queue)
        plan = self.plan(session)
        return asking.menu(session, plan, self._clock.now()), plan.spoken(session.language)

    # -- inside ---------------------------------------------------------------------------------------------------

    def _lock(self, ref: CallRef) -> asyncio.Lock:
        """One for all waits of a call: news of one may concern another."""
        lock = self._locks.get(ref.whole)
        if lock is None:
            lock = self._locks[ref.whole] = asyncio.Lock()
        return lock

    async def _placed(self, report: Report) -> Placed:
        queue = QueueName(intern(report.queue))  # one text for all its callers
        news = Incoming(report.ref, queue, report.events, report.wait, report.stream)
        named = await self.load(report.ref.nth(report.wait)) if report.wait else None
        if named is not None and belongs(named, news):
            return Placed(bare(named), named)
        known = await self.waits(report.ref)
        if named is not None and named not in known:
            known = tuple(sorted((*known, named), key=lambda one: one.ref.wait))
        return placed(news, known)

    async def _complete(self, report: Report, session: HoldSession) -> tuple[tuple[CallEvent, ...], Keeping | None]:
        """The report's events, with who is calling before them and what was said understood; and the number on its way."""
        events = tuple(self._understood(event, report, session) for event in report.events)
        begins = any(isinstance(event, CallArrived | CallHeld) for event in events)
        if not begins or not report.caller or session.caller_read:
            return events, None
        known, number = await self._recognise(report)
        return (known, *events), number

    def _understood(self, event: CallEvent, report: Report, session: HoldSession) -> CallEvent:
        if not isinstance(event, UtteranceHeard) or not report.spoken:
            return event
        plan = self.plan(session)
        menu = asking.menu(session, plan, event.at)
        understood = self._words.match(report.spoken, menu, plan.spoken(session.language))
        return replace(event, choice=understood.choice, score=understood.score, near=understood.near)

    async def _recognise(self, report: Report) -> tuple[CallerKnown, Keeping | None]:
        read = self._recognition.numbers.read(report.caller)
        known = CallerKnown(at=report.events[0].at, id=KNOWN, country=read.country)
        if read.number is None:
            return known, None
        caller = self._recognition.pseudonym(read.number)
        number = asyncio.create_task(self.unkept.keep_number(self._store, caller, read.number))  # in the same flush
        profile, due = await asyncio.gather(self._profile(caller), self._owed(caller))
        contact = await self._ask(report.ref, read.number)
        known = replace(known, caller=caller, masked=read.number.masked, profile=profile, contact=contact, owed=due)
        return known, number

    async def _ask(self, ref: CallRef, number: PhoneNumber) -> Contact | None:
        """What a directory has ready comes at once; a webhook waits for no other answer, it comes as an event."""
        question = asyncio.create_task(self._recognition.ask(ref, number))
        await asyncio.sleep(0)
        if question.done():
            contact = question.result()
            return self._recognition.apart(ref, contact) if contact is not None else None
        self._beside(self._answered(ref, question))
        return None

    async def _answered(self, ref: CallRef, question: asyncio.Task[Contact | None]) -> None:
        if (contact := await question) is not None:
            await self.contact_came(ref, contact)

    def contact_late(self, ref: CallRef, contact: Contact) -> None:
        """Called from the event loop by a directory that answered after its budget."""
        self._beside(self.contact_came(ref, contact))

    async def contact_came(self, ref: CallRef, contact: Contact) -> None:
        """A directory's answer, be it late: news like any other."""
        async with self._lock(ref):  # so that the call's first news is kept, even if the directory was faster
            known = await self.waits(ref)
            if known:  # whatever queue the question was asked in, the answer is of use where the caller waits now
                session = known[-1]
                contact = self._recognition.apart(session.ref, contact)
                event = CallerKnown(at=self._clock.now(), id=EventId(f"{ref.call}+{contact.source}"), contact=contact)
                await self._decide(session, (event,))

    async def _profile(self, caller: CallerId) -> Profile | None:
        try:
            return await self._store.profile(caller)
        except StoreUnavailable:
            return None

    async def _owed(self, caller: CallerId) -> tuple[Owed, ...]:
        try:
            return owed(await self._store.owed(caller))
        except StoreUnavailable:
            return ()

    def _fold(self, session: HoldSession, events: tuple[CallEvent, ...]) -> Taken:
        facts: list[AnyFact] = []
        instructions: tuple[Instruction, ...] = ()
        before, plan = session, self.plan(session)
        session = replace(session, movement=self._movement(session.queue))
        for event in events:
            decision = decide(session, event, plan)
            session, instructions = decision.session, decision.instructions or instructions
            facts.extend(decision.facts)
        session = replace(session, movement=None)
        if session != before:
            session = replace(session, version=before.version + 1)
        return Taken(session, instructions, tuple(facts), session == before)

    async def _decide(self, new: HoldSession, events: Sequence[CallEvent], known: HoldSession | None = None) -> Taken:
        """`new` is what the session begins as if none is kept; `known` is how it was found a moment ago, `new` for nothing."""
        if (before := self._chain.get(new.ref)) is not None:
            await asyncio.wait({before})
            known = None
        return await self._decide_again(new, tuple(events), self._at_hand(new.ref) or known)

    async def _decide_again(self, new: HoldSession, events: tuple[CallEvent, ...], known: HoldSession | None) -> Taken:
        """Until no other writer was faster. What is `known` is not looked up first: if it is old, it cannot be kept."""
        for _ in range(MOST_RACES):
            session, known = joined(known or await self.load(new.ref) or new, new), None
            taken = self._fold(session, events)
            if taken.repeated and (not session.version or self._at_hand(new.ref) is not None):
                return taken
            try:
                kept = await self._keep(taken, new, events)
            except StaleSession:
                continue
            if not kept:
                return Taken(session, taken.instructions, (), repeated=False)
            if not taken.repeated:
                self._tell(taken)
            return taken
        log.error("races_lost", extra={"call": new.ref.call, "times": MOST_RACES})
        await self.unkept.later(News(new, cast(tuple[AnyEvent, ...], events)))
        return taken

    async def _keep(self, taken: Taken, new: HoldSession, events: tuple[CallEvent, ...]) -> bool:
        """In the store, or put by for it. False if it is refused: that only the store can tell."""
        session = taken.session
        if self.unkept.session(session.ref) is None:
            try:
                return await self._to_store(taken)
            except StoreUnavailable as error:
                log.warning("store_unavailable", extra={"call": session.ref.call, "reason": str(error)})
        if not self.unkept.put_by(session, News(new, cast(tuple[AnyEvent, ...], events))):
            lost(session.ref, "no more room")
        await self.unkept.flushed()
        return True

    async def _to_store(self, taken: Taken) -> bool:
        """False if it is refused. Of what is known already nothing is kept again, but the answer rests on it."""
        if taken.repeated:
            await self._store.confirm(taken.session)
        elif await self.refused(taken.session, taken.facts):
            return False
        else:
            await self._store.save(taken.session, taken.facts)
        return True

    async def _keep_behind(self, before: Keeping | None, taken: Taken, events: tuple[CallEvent, ...]) -> None:
        ref = taken.session.ref
        new = HoldSession(ref, taken.session.queue, stream=taken.session.stream)
        if before is not None:
            await asyncio.wait({before})
        await self._beat.wait()
        try:
            if await self._keep(taken, new, events):
                self._tell(taken)
        except StaleSession:
            self._ahead.pop(ref, None)
            again = await self._decide_again(new, events, None)
            if again.instructions != taken.instructions and not again.repeated:
                self.corrected(again)
        finally:
            if self._ahead.get(ref) is taken.session:
                del self._ahead[ref]
            if self._chain.get(ref) is asyncio.current_task():
                del self._chain[ref]

    def _beside(self, work: Coroutine[None, None, None]) -> Keeping:
        self.goes_on(task := asyncio.create_task(work))
        return task

    def goes_on(self, task: asyncio.Future[Any]) -> None:  # Any: nobody asks what comes of it
        """`settle` waits for it, too: news that was answered before it was kept."""
        self._saves.add(task)
        task.add_done_callback(self._saves.discard)

    def _tell(self, taken: Taken) -> None:
        for listener in self._listeners:
            listener(taken.session, taken.facts)
