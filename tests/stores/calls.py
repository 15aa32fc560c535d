"""A small world of held calls, for the tests of stores."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec.structs import replace

from holdsvc.calls.decide import Decision, decide
from holdsvc.calls.events import AgentAnswered, CallerHungUp, CallerKnown, CallEvent, CallHeld, DigitPressed, HeardUntil
from holdsvc.calls.menu import SHIPPED
from holdsvc.calls.model import CallerId, CallId, CallRef, ContentId, ContentItem, EventId, Kind, QueueName
from holdsvc.calls.plan import HoldPlan, offered
from holdsvc.calls.session import HoldSession
from holdsvc.errors import StaleSession
from holdsvc.ports import Store
from holdsvc.reports.audit import audit
from holdsvc.stores.ledger import SqliteLedger
from holdsvc.stores.sqlite import SqliteStore

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
QUEUE = QueueName("support")
ITEMS = (
    ContentItem(ContentId("tune"), Kind.MUSIC, "classical", "A tune", 180.0),
    ContentItem(ContentId("episode"), Kind.PODCAST, "histories", "An episode", 600.0),
)
PLAN = HoldPlan(queue=QUEUE, items=ITEMS, menu=offered(SHIPPED, ITEMS), house=ContentId("tune"))


def ref(name: str) -> CallRef:
    return CallRef("twilio", CallId(name))


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def new(name: str, queue: QueueName = QUEUE) -> HoldSession:
    return HoldSession(ref(name), queue)


def held(at: float = 0.0) -> CallHeld:
    return CallHeld(at=after(at), id=EventId(f"held-{at}"), began=after(at))


def known(caller: str, at: float = 0.0) -> CallerKnown:
    return CallerKnown(at=after(at), id=EventId(f"known-{at}"), caller=CallerId(caller), masked="+15…01")


def pressed(digit: str, at: float, heard: float = 0.0) -> DigitPressed:
    until = HeardUntil(ContentId("tune"), 0.0, heard) if heard else None
    return DigitPressed(at=after(at), id=EventId(f"press-{digit}-{at}"), digit=digit, heard=until)


def answered(at: float) -> AgentAnswered:
    return AgentAnswered(at=after(at), id=EventId(f"answer-{at}"))


def gone(at: float) -> CallerHungUp:
    return CallerHungUp(at=after(at), id=EventId(f"gone-{at}"))


def one_call(caller: str = "pseudonym") -> tuple[CallEvent, ...]:
    """Held, known, listens to 20 s of music, asks for a podcast, is answered after a minute, and ends."""
    return held(), known(caller), pressed("2", 20, heard=20), answered(60), gone(90)


def decided(session: HoldSession, event: CallEvent, plan: HoldPlan = PLAN) -> Decision:
    """What the engine would save."""
    decision = decide(session, event, plan)
    return replace(decision, session=replace(decision.session, version=session.version + 1))


def steps(name: str, *events: CallEvent) -> Iterator[Decision]:
    session = new(name)
    for event in events:
        decision = decided(session, event)
        session = decision.session
        yield decision


async def tell(store: Store, name: str, *events: CallEvent) -> HoldSession:
    """As the engine does it: load, decide, save; again after a lost race."""
    session = await store.load(ref(name)) or new(name)
    for event in events:
        while True:
            decision = decided(session, event)
            try:
                await store.save(decision.session, decision.facts)
                break
            except StaleSession:
                session = await store.load(ref(name)) or new(name)
        session = decision.session
    return session


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path)
    await store.open()
    yield store
    await store.close()


def sound(path: Path) -> bool:
    with SqliteLedger(path) as ledger:
        return audit(ledger).holds
