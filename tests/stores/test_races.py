"""Stores under races, repetitions and restarts, held against a model that knows the truth: the events that were taken in."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec.structs import replace

from holdsvc.calls.decide import decide
from holdsvc.calls.events import AgentAnswered, CallerHungUp, CallerKnown, CallEvent, CallHeld, DigitPressed, HeardUntil
from holdsvc.calls.history import fold
from holdsvc.calls.model import CallerId, ContentId, EventId
from holdsvc.calls.record import WaitRecord, record
from holdsvc.calls.session import HoldSession
from holdsvc.errors import StaleSession
from holdsvc.ports import Store, WaitQuery
from holdsvc.reports.audit import audit
from holdsvc.stores.ledger import SqliteLedger
from holdsvc.stores.memory import MemoryStore
from holdsvc.stores.sqlite import SqliteStore
from tests.stores.calls import PLAN, after, decided, new, ref
from tests.stores.redis_server import emptied, redis_store, shared_node

NAMES = ("CA1", "CA2", "CA3")
T = TypeVar("T")

seconds = st.integers(0, 400).map(float)
names = st.sampled_from(NAMES)


@st.composite
def events(draw: st.DrawFn) -> CallEvent:
    """Few moments and few ids, so that repetitions and collisions are many."""
    at, kind = draw(seconds), draw(st.sampled_from(("held", "known", "press", "answer", "gone")))
    own = EventId(f"{kind}-{at}")
    match kind:
        case "held":
            return CallHeld(at=after(at), id=own, began=after(float(draw(st.integers(0, int(at))))))
        case "known":
            return CallerKnown(at=after(at), id=own, caller=CallerId(draw(st.sampled_from(("one", "two")))))
        case "press":
            heard = HeardUntil(ContentId("tune"), 0.0, draw(st.sampled_from((5.0, 20.0))))
            return DigitPressed(at=after(at), id=own, digit=draw(st.sampled_from("1290")), heard=heard)
        case "answer":
            return AgentAnswered(at=after(at), id=own)
        case _:
            return CallerHungUp(at=after(at), id=own)


class Races(RuleBasedStateMachine):
    """Each call is told its events as the engine tells them. The truth is kept without any store: which sessions were accepted."""

    restartable = False
    checks_versions = True

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.truth: dict[str, HoldSession] = {}
        self.facts = Counter[str]()
        self.store: Store

    def make(self) -> Store:
        return MemoryStore()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @initialize()
    def begin(self) -> None:
        self.open_again()

    def open_again(self) -> None:
        self.store = self.make()
        self.run(self.store.open())

    async def take(self, name: str, event: CallEvent) -> None:
        while True:
            session = await self.store.load(ref(name)) or new(name)
            decision = decided(session, event)
            if session.has(event.id):
                return
            await asyncio.sleep(0)  # here the others get in between
            try:
                await self.store.save(decision.session, decision.facts)
            except StaleSession:
                continue
            if name not in self.truth or self.truth[name].version < decision.session.version:  # answers may overtake
                self.truth[name] = decision.session
            self.facts.update(type(fact).__name__ for fact in decision.facts)
            return

    @rule(name=names, event=events())
    def news(self, name: str, event: CallEvent) -> None:
        self.run(self.take(name, event))

    @rule(news=st.lists(st.tuples(names, events()), min_size=2, max_size=6))
    def news_at_once(self, news: list[tuple[str, CallEvent]]) -> None:
        async def all_at_once() -> None:
            await asyncio.gather(*(self.take(name, event) for name, event in (*news, *news)))

        self.run(all_at_once())

    @precondition(lambda self: self.checks_versions)
    @rule(name=names, event=events(), behind=st.sampled_from((-2, -1, 0, 2, 3)))
    def a_wrong_version(self, name: str, event: CallEvent, behind: int) -> None:
        session = self.truth.get(name, new(name))
        decision = decide(session, event, PLAN)
        with pytest.raises(StaleSession):
            self.run(self.store.save(replace(decision.session, version=session.version + behind), decision.facts))

    @precondition(lambda self: self.restartable)
    @rule()
    def restart(self) -> None:
        self.run(self.store.close())
        self.open_again()

    @invariant()
    def every_session_is_the_one_that_was_accepted(self) -> None:
        for name in NAMES:
            assert self.run(self.store.load(ref(name))) == self.truth.get(name)

    @invariant()
    def every_wait_has_one_row_and_it_is_right(self) -> None:
        kept = {row.call: replace(row, row=0) for row in self.run(self.store.waits(WaitQuery()))}
        assert kept == {row.call: row for row in self.records()}

    @invariant()
    def the_sums_are_those_of_the_rows(self) -> None:
        totals, rows = self.run(self.store.totals()), self.records()
        assert totals.offered == len(rows) == self.facts["WaitBegan"]
        assert totals.waiting == sum(row.outcome is None for row in rows)
        assert totals.outcomes == Counter((row.platform, row.queue, row.outcome) for row in rows if row.outcome)
        assert sum(totals.amendments.values()) == self.facts["WaitAmended"]
        assert sum(totals.choices.values()) == self.facts["ContentChosen"]

    @invariant()
    def the_outcome_is_what_the_events_tell_in_any_order(self) -> None:
        for session in self.truth.values():
            assert session.history == fold(reversed(session.life), session.rules, session.latest)

    @invariant()
    def those_who_wait_are_live(self) -> None:
        waiting = {row.call for row in self.records() if row.outcome is None}
        assert {session.ref.call for session in self.run(self.store.live())} == waiting

    def records(self) -> list[WaitRecord]:
        return [row for session in self.truth.values() if (row := record(session))]

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.run(self.store.close())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()
        self.folder.cleanup()


class SqliteRaces(Races):
    restartable = True

    def make(self) -> Store:
        return SqliteStore(Path(self.folder.name) / "holdsvc.sqlite3")

    @invariant()
    def the_law_holds(self) -> None:
        with SqliteLedger(Path(self.folder.name) / "holdsvc.sqlite3") as ledger:
            verdict = audit(ledger)
        assert verdict.holds, str(verdict)


class RedisRaces(Races):
    restartable = True

    @initialize()
    def begin(self) -> None:
        emptied(shared_node())
        self.open_again()

    def make(self) -> Store:
        return redis_store(shared_node().url, Path(self.folder.name) / "holdsvc.sqlite3")

    @invariant()
    def the_law_holds(self) -> None:
        with SqliteLedger(Path(self.folder.name) / "holdsvc.sqlite3") as ledger:
            verdict = audit(ledger)
        assert verdict.holds, str(verdict)


class Forgetful(MemoryStore):
    """The control: a store that lets the second of two writers win."""

    async def save(self, session: HoldSession, facts: object) -> None:
        before = await self.load(session.ref)
        await super().save(replace(session, version=(before.version if before else 0) + 1), facts)  # type: ignore[arg-type]


class ForgetfulRaces(Races):
    checks_versions = False

    def make(self) -> Store:
        return Forgetful()


RACES = settings(
    max_examples=40,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)
TestMemoryRaces = Races.TestCase
TestMemoryRaces.settings = RACES
TestSqliteRaces = SqliteRaces.TestCase
TestSqliteRaces.settings = RACES
TestRedisRaces = RedisRaces.TestCase
TestRedisRaces.settings = settings(RACES, max_examples=15)


def test_the_races_show_a_store_that_loses_one() -> None:
    with pytest.raises((AssertionError, BaseExceptionGroup, pytest.fail.Exception)):
        run_state_machine_as_test(ForgetfulRaces, settings=settings(RACES, phases=(Phase.generate,)))
