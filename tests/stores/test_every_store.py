"""What every store must do. A new store is covered by standing in STORES."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from holdsvc.calls.events import WentSilent
from holdsvc.calls.facts import ContentHeard
from holdsvc.calls.memory import remember
from holdsvc.calls.model import CallerId, ContentId, EventId, Outcome, PhoneNumber, Profile, QueueName
from holdsvc.calls.promise import Came, Promise, Span
from holdsvc.calls.record import record
from holdsvc.errors import StaleSession
from holdsvc.ports import Ended, Store, WaitQuery
from holdsvc.stores.memory import MemoryStore
from holdsvc.stores.postgres_log import PostgresLog
from holdsvc.stores.sqlite import SqliteStore
from tests.stores.calls import after, answered, decided, gone, held, known, new, one_call, pressed, ref, steps, tell
from tests.stores.postgres_server import new_database
from tests.stores.redis_server import emptied, redis_store, shared_cluster, shared_node

STORES: dict[str, Callable[[Path], Store]] = {
    "memory": lambda folder: MemoryStore(),
    "sqlite": lambda folder: SqliteStore(folder / "holdsvc.sqlite3"),
    "redis": lambda folder: redis_store(emptied(shared_node()).url, folder / "holdsvc.sqlite3"),
    "redis-cluster": lambda folder: redis_store(emptied(*shared_cluster()).url, folder / "holdsvc.sqlite3"),
    "redis-postgres": lambda folder: redis_store(emptied(shared_node()).url, PostgresLog(new_database())),
}
CALLER = CallerId("pseudonym")
NUMBER = PhoneNumber("+15005550123")


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    store = STORES[request.param](tmp_path)
    await store.open()
    yield store
    await store.close()


async def test_what_was_saved_is_loaded(store: Store) -> None:
    session = await tell(store, "CA1", *one_call())

    assert await store.load(ref("CA1")) == session
    assert session.version == 5
    assert len(session.life) == 3


async def test_an_unknown_call_is_none(store: Store) -> None:
    assert await store.load(ref("CA1")) is None


async def test_a_version_that_does_not_follow_is_refused_and_changes_nothing(store: Store) -> None:
    session = await tell(store, "CA1", held())
    before = await store.totals()

    for version in (0, 1, 3):
        with pytest.raises(StaleSession):
            await store.save(
                replace(decided(session, gone(9)).session, version=version), decided(session, gone(9)).facts
            )

    assert await store.load(ref("CA1")) == session
    assert await store.totals() == before


async def test_of_many_saves_of_one_version_at_once_exactly_one_is_kept(store: Store) -> None:
    session = await tell(store, "CA1", held())
    wishes = [decided(session, pressed(digit, 5)) for digit in "1234567890"]

    told = await asyncio.gather(*(store.save(one.session, one.facts) for one in wishes), return_exceptions=True)

    assert [type(error) for error in told if error] == [StaleSession] * 9
    assert await store.load(ref("CA1")) == wishes[told.index(None)].session


async def test_of_many_first_saves_of_one_call_exactly_one_is_kept(store: Store) -> None:
    wishes = [decided(new("CA1"), held(at)) for at in range(5)]

    told = await asyncio.gather(*(store.save(one.session, one.facts) for one in wishes), return_exceptions=True)

    assert told.count(None) == 1
    assert (await store.totals()).offered == 1
    assert len(await store.waits(WaitQuery())) == 1


async def test_many_calls_at_once_are_all_kept(store: Store) -> None:
    await asyncio.gather(*(tell(store, f"CA{n}", *one_call(f"caller{n}")) for n in range(300)))

    totals = await store.totals()
    assert totals.offered == 300
    assert totals.waiting == 0
    assert totals.outcomes == {("twilio", "support", "answered"): 300}
    assert len({wait.call for wait in await store.waits(WaitQuery())}) == 300


async def test_each_event_told_up_to_five_times_at_once_makes_one_wait_a_call(store: Store) -> None:
    chance = random.Random(5)

    async def told(n: int) -> None:
        for event in one_call(f"caller{n}"):
            await asyncio.gather(*(tell(store, f"CA{n}", event) for _ in range(chance.randint(1, 5))))

    await asyncio.gather(*(told(n) for n in range(100)))

    totals = await store.totals()
    assert (totals.offered, totals.waiting) == (100, 0)
    assert totals.outcomes == {("twilio", "support", "answered"): 100}
    assert totals.choices == {("support", "music", "default"): 100, ("support", "podcast", "key"): 100}
    assert len(await store.waits(WaitQuery())) == 100


async def test_the_row_of_the_log_is_the_record_of_the_session_at_every_step(store: Store) -> None:
    for decision in steps("CA1", *one_call()):
        await store.save(decision.session, decision.facts)

        (row,) = await store.waits(WaitQuery())
        assert replace(row, row=0) == record(decision.session)
        assert row.row > 0


async def test_a_call_that_was_never_held_has_no_row(store: Store) -> None:
    await tell(store, "CA1", known("pseudonym"), gone(3))

    assert await store.waits(WaitQuery()) == []
    assert (await store.totals()).offered == 0


async def test_offered_is_the_outcomes_and_who_waits_at_every_step(store: Store) -> None:
    for n, end in enumerate((answered(30), gone(2), gone(40), None, answered(50))):
        for event in (held(), known(f"caller{n}"), *([end] if end else [])):
            await tell(store, f"CA{n}", event)
            totals = await store.totals()
            assert totals.offered == sum(totals.outcomes.values()) + totals.waiting

    assert totals.waiting == 1
    assert totals.outcomes == {
        ("twilio", "support", "answered"): 2,
        ("twilio", "support", "short_abandoned"): 1,
        ("twilio", "support", "abandoned"): 1,
    }


async def test_choices_and_seconds_of_content_are_summed_up(store: Store) -> None:
    await tell(store, "CA1", *one_call())
    await tell(store, "CA2", *one_call())

    totals = await store.totals()

    assert totals.choices == {("support", "music", "default"): 2, ("support", "podcast", "key"): 2}
    heard = [fact for step in steps("CA1", *one_call()) for fact in step.facts if isinstance(fact, ContentHeard)]
    assert ("support", "music") in totals.content_seconds
    for queue, kind in totals.content_seconds:
        seconds = sum(fact.until_second - fact.from_second for fact in heard if fact.kind == kind)
        assert totals.content_seconds[queue, kind] == 2 * seconds


async def test_late_news_amends_the_row_and_is_counted(store: Store) -> None:
    await tell(store, "CA1", held(), gone(60), answered(30))

    (row,) = await store.waits(WaitQuery())
    totals = await store.totals()

    assert (row.outcome, row.seconds, row.amended) == (Outcome.ANSWERED, 30.0, True)
    assert totals.outcomes == {("twilio", "support", "answered"): 1}
    assert totals.amendments == {("support", "abandoned", "answered"): 1}


async def test_a_caller_who_turns_out_to_be_waiting_still_is_counted_as_waiting(store: Store) -> None:
    silent = WentSilent(at=after(100), id=EventId("silent"))
    await tell(store, "CA1", held(), silent, pressed("1", 200))

    totals = await store.totals()

    assert (totals.offered, totals.waiting, totals.outcomes) == (1, 1, {})
    assert totals.amendments == {("support", "unknown", "waiting"): 1}
    assert [session.ref for session in await store.live()] == [ref("CA1")]


async def test_those_who_wait_are_live_and_nobody_else(store: Store) -> None:
    await tell(store, "CA1", held())
    await tell(store, "CA2", held(), answered(9))
    await tell(store, "CA3", known("pseudonym"))

    assert [session.ref for session in await store.live()] == [ref("CA1")]


async def test_due_calls_come_earliest_first_until_their_moment_moves(store: Store) -> None:
    await tell(store, "CA1", held(20))
    await tell(store, "CA2", held(10))
    await tell(store, "CA3", held(0), pressed("1", 300))
    await tell(store, "CA4", held(5), answered(9))
    late = after(20 + 180)

    assert await store.due(after(10 + 179), 9) == []
    assert await store.due(late, 9) == [ref("CA2"), ref("CA1")]
    assert await store.due(late, 1) == [ref("CA2")]

    await tell(store, "CA2", pressed("1", 190))
    assert await store.due(late, 9) == [ref("CA1")]
    assert await store.due(after(190 + 180), 9) == [ref("CA1"), ref("CA2")]


async def test_a_moment_that_comes_nearer_is_heeded(store: Store) -> None:
    session = await tell(store, "CA1", held())
    for version, at in ((2, 500), (3, 50), (4, 60)):
        await store.save(replace(session, version=version, wake_at=after(at)), ())

    assert await store.due(after(59), 9) == []
    assert await store.due(after(60), 9) == [ref("CA1")]


async def test_the_profile_remembers_what_the_caller_heard_chose_and_how_it_ended(store: Store) -> None:
    assert await store.profile(CALLER) is None

    await tell(store, "CA1", *one_call(CALLER))

    profile = await store.profile(CALLER)
    assert profile is not None
    assert profile == remember(Profile(), [fact for step in steps("CA1", *one_call(CALLER)) for fact in step.facts])
    assert (profile.choice, dict(profile.offsets)[ContentId("tune")]) == ("podcast", 20.0)
    assert [(wait.outcome, wait.seconds) for wait in profile.waits] == [(Outcome.ANSWERED, 60.0)]


async def test_two_calls_of_one_caller_at_once_are_both_remembered(store: Store) -> None:
    await asyncio.gather(*(tell(store, f"CA{n}", *one_call(CALLER)) for n in range(8)))

    profile = await store.profile(CALLER)
    assert profile is not None
    assert len(profile.waits) == 8


async def test_waits_are_found_by_time_queue_and_outcome_and_paged(store: Store) -> None:
    for n in range(10):
        await tell(store, f"CA{n}", held(n * 100), *([answered(n * 100 + 9)] if n % 2 else []))

    async def found(query: WaitQuery) -> list[str]:
        return [wait.call for wait in await store.waits(query)]

    assert await found(WaitQuery(since=after(200), until=after(500))) == ["CA2", "CA3", "CA4"]
    assert await found(WaitQuery(outcome="answered", since=after(400))) == ["CA5", "CA7", "CA9"]
    assert await found(WaitQuery(outcome="waiting", until=after(400))) == ["CA0", "CA2"]
    assert await found(WaitQuery(queue="support", most=2)) == ["CA0", "CA1"]
    assert await found(WaitQuery(queue=QueueName("billing"))) == []
    assert await found(WaitQuery(since=after(99_999))) == []

    pages, after_row = [], 0
    while page := await store.waits(WaitQuery(after=after_row, most=3)):
        pages.append([wait.call for wait in page])
        after_row = page[-1].row
    assert pages == [["CA0", "CA1", "CA2"], ["CA3", "CA4", "CA5"], ["CA6", "CA7", "CA8"], ["CA9"]]


async def test_a_wait_that_began_before_its_neighbours_is_still_found(store: Store) -> None:
    await tell(store, "CA1", held(500))
    await tell(store, "CA2", held(100))

    assert [wait.call for wait in await store.waits(WaitQuery(until=after(200)))] == ["CA2"]
    assert [wait.call for wait in await store.waits(WaitQuery(since=after(200)))] == ["CA1"]


async def test_ends_since_a_moment_are_counted_as_they_stand_now(store: Store) -> None:
    await tell(store, "CA1", held(0), answered(90))
    await tell(store, "CA2", held(50), answered(130))
    await tell(store, "CA3", held(60), gone(140), answered(120))
    await tell(store, "CA4", held(110))

    hour = int(after(100).timestamp() // 3600)
    assert dict(await store.ended_since(after(100), (60.0,))) == {
        Ended("support", "answered", hour, 0): 1,  # after 60 s: the edge belongs to what is below it
        Ended("support", "answered", hour, 1): 1,
    }


async def test_what_was_told_of_the_wait_stands_in_its_row_and_whether_it_was_kept_in_the_sums(store: Store) -> None:
    told = Promise(after(20), Span(1, 3)), Promise(after(90), Span(0, 1), longer=True)
    session = await tell(store, "CA1", held())
    await store.save(replace(session, waits_told=told, version=session.version + 1), ())

    await tell(store, "CA1", gone(300))
    first = await store.totals()
    await tell(store, "CA1", answered(150))

    (row,) = await store.waits(WaitQuery())
    assert (row.waits_told, row.came, row.estimate_told) == (told, Came.WITHIN, 60.0)
    assert first.came == first.came_now == {("support", "later"): 1}
    then = await store.totals()
    assert (then.came, then.came_now) == (first.came, {("support", "within"): 1})
    hour = int(after(150).timestamp() // 3600)
    assert dict(await store.ended_since(after(100), ())) == {Ended("support", "answered", hour, 0, "within"): 1}


async def test_a_forgotten_caller_is_gone_and_the_waits_stay_counted(store: Store) -> None:
    await store.remember_number(CALLER, NUMBER)
    await tell(store, "CA1", *one_call(CALLER))
    await tell(store, "CA2", held(), known(CALLER))
    await tell(store, "CA3", held(), known("another"))
    before = await store.totals()

    assert await store.forget(NUMBER, CALLER) == 2

    assert await store.profile(CALLER) is None
    assert await store.totals() == before
    assert [wait.caller for wait in await store.waits(WaitQuery())] == [None, None, "another"]
    session = await store.load(ref("CA2"))
    assert session is not None
    assert (session.caller, session.masked, session.contact, session.past) == (None, "", None, ())
    assert await store.forget(NUMBER, CALLER) == 0


async def test_late_news_does_not_bring_a_forgotten_caller_back(store: Store) -> None:
    session = await tell(store, "CA1", held(), known(CALLER))
    under_way = decided(session, answered(30))
    await store.forget(NUMBER, CALLER)

    with pytest.raises(StaleSession):
        await store.save(under_way.session, under_way.facts)
    await tell(store, "CA1", replace(known(CALLER), id=EventId("again")), answered(30))

    session_now = await store.load(ref("CA1"))
    assert session_now is not None
    assert (session_now.caller, session_now.outcome) == (None, Outcome.ANSWERED)
    assert await store.profile(CALLER) is None
    assert [wait.caller for wait in await store.waits(WaitQuery())] == [None]


async def test_a_new_call_of_a_forgotten_caller_is_a_first_call(store: Store) -> None:
    await tell(store, "CA1", *one_call(CALLER))
    await store.forget(NUMBER, CALLER)

    await tell(store, "CA2", *one_call(CALLER))

    profile = await store.profile(CALLER)
    assert profile is not None
    assert len(profile.waits) == 1
    assert profile != Profile()


async def test_moments_are_kept_to_the_microsecond(store: Store) -> None:
    at = after(0) + timedelta(microseconds=123_457)
    session = await tell(store, "CA1", replace(held(), began=at, at=at))

    (row,) = await store.waits(WaitQuery())

    assert row.began == at == (session.history.wait and session.history.wait.began)


async def test_waits_of_one_call_are_kept_apart_and_lie_in_one_row_each(store: Store) -> None:
    await tell(store, "CA1", held(), gone(30))
    second = replace(new("CA1", QueueName("sales")), ref=ref("CA1").nth(2))
    decision = decided(second, held(40))
    await store.save(decision.session, decision.facts)
    await tell(store, "CA12", held())

    first = await store.load(ref("CA1"))
    rows = [(row.call, row.wait, row.queue, row.outcome) for row in await store.waits(WaitQuery())]
    waiting = {session.ref for session in await store.live()}
    assert first is not None
    assert (first.queue, first.outcome) == ("support", Outcome.ABANDONED)
    assert await store.load(ref("CA1").nth(2)) == decision.session
    assert await store.load(ref("CA1").nth(3)) is None
    assert sorted(rows, key=lambda row: row[:2]) == [
        ("CA1", 1, "support", Outcome.ABANDONED),
        ("CA1", 2, "sales", None),
        ("CA12", 1, "support", None),
    ]
    assert waiting == {ref("CA1").nth(2), ref("CA12")}
    assert (await store.totals()).offered == 3


async def test_a_later_wait_is_woken_by_its_own_name(store: Store) -> None:
    second = replace(new("CA1"), ref=ref("CA1").nth(2))
    decision = decided(second, held(40))
    await store.save(decision.session, decision.facts)

    assert await store.due(after(10_000), 10) == [ref("CA1").nth(2)]
