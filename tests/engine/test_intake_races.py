"""A state machine over intake and store: two intakes share one store, as two replicas do, and a model knows the truth."""

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from holdsvc.calls.events import AgentAnswered, CallerHungUp, CallHeld, DigitPressed, LeftQueue, TimeCame
from holdsvc.calls.facts import WaitAmended, WaitBegan, WaitEnded
from holdsvc.calls.history import Rules, fold
from holdsvc.calls.model import CallId, CallRef
from holdsvc.engine.intake import Intake, Recognition
from holdsvc.engine.plans import PlanBook, QueueRules
from holdsvc.errors import StaleSession
from holdsvc.ports import Report
from holdsvc.reports.audit import audit
from holdsvc.stores.ledger import SqliteLedger
from holdsvc.stores.memory import MemoryStore
from holdsvc.stores.sqlite import SqliteStore
from tests.engine.test_intake import Directory, HandClock, Numbers, Shelves, Words
from tests.plans import QUEUE, after

LIFE = (CallHeld, AgentAnswered, CallerHungUp, LeftQueue)
calls = st.sampled_from(["a", "b", "c"])
seconds = st.integers(0, 400)


class FarStore(MemoryStore):
    """As far away as a store on the network: others get a turn between asking and being answered."""

    async def load(self, ref):
        session = await super().load(ref)
        await asyncio.sleep(0)
        return session

    async def save(self, session, facts):
        await asyncio.sleep(0)
        await super().save(session, facts)


class NoGuard(FarStore):
    """The control: a store that takes any version, as one without a guard would."""

    async def save(self, session, facts):
        try:
            await super().save(session, facts)
        except StaleSession:
            self._keep(session)


class Races(RuleBasedStateMachine):
    """Events come one by one, twice, late, and several of one call at both intakes in the same turn of the loop."""

    made = FarStore
    sent = Bundle("sent")

    def __init__(self):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.store = self.made()
        self.loop.run_until_complete(self.store.open())
        self.told = []
        book = PlanBook(Shelves(), {"default": QueueRules(), "support": QueueRules()}, streams=True)
        recognition = Recognition(Numbers(), lambda number: number.e164, Directory(None).ask)
        self.intakes = [Intake(self.store, book, recognition, Words(), HandClock(), [self.hear]) for _ in range(2)]
        self.heard = {}  # call -> its sessions, as they were told of
        self.truth = {}  # call -> id -> event

    def teardown(self):
        self.loop.run_until_complete(self.store.close())
        self.loop.close()

    def hear(self, session, facts):
        self.told.extend(facts)
        self.heard.setdefault(session.ref.call, []).append(session)

    def take(self, *pairs):
        async def all_at_once():
            work = [
                self.intakes[index % 2].report(Report(CallRef("testphone", CallId(call)), QUEUE, (event,)))
                for index, (call, event) in enumerate(pairs)
            ]
            return await asyncio.gather(*work)

        for call, event in pairs:
            self.truth.setdefault(call, {})[event.id] = event
        self.loop.run_until_complete(all_at_once())

    @rule(target=sent, call=calls, at=seconds)
    def held(self, call, at):
        return self.one(call, CallHeld(at=after(at), id=f"held{at}", began=after(at)))

    @rule(target=sent, call=calls, at=seconds)
    def hung_up(self, call, at):
        return self.one(call, CallerHungUp(at=after(at), id=f"h{at}"))

    @rule(target=sent, call=calls, at=seconds)
    def answered(self, call, at):
        return self.one(call, AgentAnswered(at=after(at), id=f"a{at}"))

    @rule(target=sent, call=calls, at=seconds, digit=st.sampled_from("0125789*#6"))
    def pressed(self, call, at, digit):
        return self.one(call, DigitPressed(at=after(at), id=f"k{digit}{at}", digit=digit))

    @rule(call=calls, at=st.integers(0, 120))
    def time_came(self, call, at):
        event = TimeCame(at=after(at), id=f"t{at}")
        self.truth.setdefault(call, {})
        self.loop.run_until_complete(self.intakes[0].take(CallRef("testphone", CallId(call)), QUEUE, (event,)))

    @precondition(lambda self: self.heard)
    @rule(at=st.integers(0, 120), data=st.data())
    def hung_up_where_it_was_known_as_it_was(self, at, data):
        """By one who knows the call as it was then, beside another one's news."""
        call = data.draw(st.sampled_from(sorted(self.heard)))
        known = data.draw(st.sampled_from(self.heard[call]))
        event = CallerHungUp(at=after(at), id=f"old{at}")
        self.truth[call][event.id] = event
        first, second = self.intakes

        async def both():
            late = () if known.has(event.id) else (first.take(known.ref, QUEUE, (event,), known),)
            await asyncio.gather(*late, second.report(Report(known.ref, QUEUE, (event,))))

        self.loop.run_until_complete(both())

    def one(self, call, event):
        self.take((call, event))
        return call, event

    @rule(pair=sent)
    def again(self, pair):
        self.take(pair)

    @rule(pairs=st.lists(sent, min_size=2, max_size=5), call=calls, at=seconds)
    def race(self, pairs, call, at):
        fresh = [(call, CallerHungUp(at=after(at + n), id=f"h{at + n}")) for n in range(3)]
        self.take(*fresh, *pairs, *fresh)

    @invariant()
    def the_log_is_the_fold_of_what_happened(self):
        for call, events in self.truth.items():
            session = self.loop.run_until_complete(self.store.load(CallRef("testphone", CallId(call))))
            if session is None:
                continue
            life = [event for event in events.values() if isinstance(event, LIFE)]
            assert session.history == fold(life, Rules(), session.latest)
            assert session.version == len(session.seen) + len(session.life)

    @invariant()
    def every_wait_was_told_once_and_its_amendments_add_up(self):
        waits = [call for call in self.truth if self.waited(call)]
        began = [fact for fact in self.told if isinstance(fact, WaitBegan)]
        assert len(began) == len(waits)
        ended = [fact.outcome for fact in self.told if isinstance(fact, WaitEnded)]
        amended = [fact for fact in self.told if isinstance(fact, WaitAmended)]
        now = sorted(str(self.waited(call)) for call in waits if self.waited(call) != "waiting")
        reckoned = list(map(str, ended))
        for fact in amended:
            if fact.was is not None:
                reckoned.remove(str(fact.was))
            if fact.became is not None:
                reckoned.append(str(fact.became))
        assert sorted(reckoned) == now

    def waited(self, call):
        session = self.loop.run_until_complete(self.store.load(CallRef("testphone", CallId(call))))
        if session is None or session.history.wait is None:
            return None
        return str(session.outcome) if session.outcome else "waiting"


class SqliteRaces(Races):
    def made(self):
        self.folder = tempfile.TemporaryDirectory()
        return SqliteStore(Path(self.folder.name) / "holdsvc.sqlite3")

    @precondition(lambda self: self.truth)
    @rule()
    def audit_holds(self):
        with SqliteLedger(self.store.path) as ledger:
            verdict = audit(ledger)
        assert verdict.holds, str(verdict)

    def teardown(self):
        super().teardown()
        self.folder.cleanup()


class UnguardedRaces(Races):
    made = NoGuard


def test_in_memory_no_race_changes_the_truth():
    run_state_machine_as_test(Races, settings=settings(max_examples=40, stateful_step_count=25, deadline=None))


def test_in_the_file_no_race_changes_the_truth():
    run_state_machine_as_test(SqliteRaces, settings=settings(max_examples=10, stateful_step_count=20, deadline=None))


def test_without_the_guard_of_versions_a_race_does():
    with pytest.raises((AssertionError, ValueError, ExceptionGroup)):
        run_state_machine_as_test(
            UnguardedRaces,
            settings=settings(max_examples=200, stateful_step_count=25, deadline=None, phases=[Phase.generate]),
        )
