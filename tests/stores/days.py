"""Days of simulated waits as they come out of Redis, to be moved into any wait log."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import timedelta

from msgspec.structs import replace

from holdsvc.calls.events import CallEvent, WentSilent
from holdsvc.calls.model import CallerId, EventId, PhoneNumber, QueueName
from holdsvc.calls.session import HoldSession
from holdsvc.stores.mover import Entry, Placed, SqlLog
from tests.stores.calls import START, answered, decided, gone, held, known, pressed, ref

PARTS = 16
QUEUES = ("support", "billing", "Support", "vertrieb-süd")


def calls(count: int, seed: int = 1, prefix: str = "CA") -> Iterator[Entry]:
    """Callers who come again, press what they like, give up, are answered, fall silent, and news that come too late."""
    chance = random.Random(seed)
    for n in range(count):
        if n % 5 == 0:
            number = PhoneNumber(f"+1500555{n % 10_000:04}")
            yield Entry(caller=CallerId(f"c{n}"), number=number.e164)
        session = HoldSession(ref(f"{prefix}{n:05}"), QueueName(chance.choice(QUEUES)))
        for event in events(chance, n):
            decision = decided(session, event)
            session = decision.session
            yield Entry(session, tuple(decision.facts))


def events(chance: random.Random, n: int) -> Iterator[CallEvent]:
    at = chance.uniform(0, 3 * 24 * 3600)
    yield held(at)
    if chance.random() < 0.8:
        yield known(f"c{chance.randrange(n + 1) // 5 * 5}", at)
    for _ in range(chance.choice((0, 1, 1, 2, 3))):
        heard = chance.uniform(0, 170)
        at += heard
        yield pressed(chance.choice("123456789"), at, heard)
    wait = chance.expovariate(1 / 90)
    match chance.randrange(10):
        case 0 | 1 | 2:
            yield gone(at + wait)
        case 3:
            yield WentSilent(at=START + timedelta(seconds=at + wait), id=EventId("silent"))
        case 4:
            yield gone(at + wait)
            yield answered(at + wait / 2)  # it happened before, and is told after
        case 5:
            return
        case _:
            yield answered(at + wait)
            yield gone(at + wait + chance.uniform(1, 300))


def placed(entries: Sequence[Entry], first: int = 1) -> list[Placed]:
    """As they stood in Redis, a call's always in the same part."""
    found = []
    for n, entry in enumerate(entries, first):
        name = entry.session.ref.call if entry.session else entry.caller or ""
        found.append(Placed(sum(name.encode()) % PARTS, f"{n}-0", entry))
    return found


async def moved(log: SqlLog, entries: Sequence[Entry], at_once: int = 1000) -> None:
    everything = placed(entries)
    for at in range(0, len(everything), at_once):
        await log.keep(everything[at : at + at_once])


def forgotten(session: HoldSession) -> Entry:
    """What Redis tells when the caller of a call is to be forgotten."""
    return Entry(replace(session, caller=None, version=session.version + 1), forgotten=True)
