"""An answer that waits for replicas of Redis: what it may rest on, and what becomes of it when another one takes over."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from redis.crc import key_slot

from holdsvc import catalogue
from holdsvc.calls.model import CallerId, PhoneNumber
from holdsvc.calls.session import HoldSession
from holdsvc.errors import StaleSession, StoreUnavailable
from holdsvc.ports import WaitQuery
from holdsvc.settings import ServiceSettings, Settings, StoreSettings
from holdsvc.stores.redis import RedisStore
from holdsvc.stores.redis_fellows import PRESENCE, RedisFellows
from holdsvc.stores.redis_keys import key, part_of
from holdsvc.stores.redis_link import Link, Replicas, connect
from tests.stores.calls import answered, decided, held, new, one_call, pressed, ref, sound, tell
from tests.stores.redis_group import Group, frozen, group, part_is_at, replicated_cluster
from tests.stores.redis_server import PATIENT, RedisServer, emptied, redis_store

ONE, BOTH = Replicas(1, 0.4), Replicas(2, 0.4)  # other work goes on beside
NOWHERE = "127.0.0.1", "1"


@pytest.fixture(scope="module")
def servers() -> Iterator[Group]:
    with group() as one:
        yield one


@pytest.fixture
def three(servers: Group) -> Group:
    emptied(servers.nodes[0])
    for one in servers.nodes:
        one.wait_for(lambda one=one: one.ask("DBSIZE") == b":0\r\n")
    return servers


def cut(*replicas: RedisServer) -> None:
    """They hear no more of their master, and keep what they have."""
    for one in replicas:
        one.ask("REPLICAOF", *NOWHERE)


def join_again(three: Group) -> None:
    for one in three.nodes[1:]:
        one.ask("REPLICAOF", "127.0.0.1", str(three.nodes[0].port))
        three.follows(one)


def has(node: RedisServer, call: str) -> bool:
    name = f"twilio/{call}"
    return node.ask("HEXISTS", key(part_of(name), f"call:{name}"), "session") == b":1\r\n"


async def sure(step: Callable[..., Awaitable[object]], *words: object) -> None:
    """Once the moment is over for which nobody asks replicas that did not answer."""
    async with asyncio.timeout(20.0):
        while True:
            try:
                await step(*words)
            except StoreUnavailable:
                await asyncio.sleep(0)
            else:
                return


def waits(node: RedisServer) -> int:
    found = re.search(rb"cmdstat_wait:calls=(\d+)", node.ask("INFO", "commandstats"))
    return int(found[1]) if found else 0


async def test_what_was_acknowledged_is_on_so_many_replicas(three: Group, tmp_path: Path) -> None:
    store = redis_store(three.nodes[0].url, tmp_path / "log.sqlite3", replicas=BOTH)
    await store.open()
    for n in range(20):
        await tell(store, f"CA{n}", held(n))

        assert all(has(one, f"CA{n}") for one in three.nodes)
    await store.close()


async def test_a_replica_that_does_not_confirm_is_missed_soon_and_only_by_those_who_wait_for_it(
    three: Group, tmp_path: Path
) -> None:
    store = redis_store(three.nodes[0].url, tmp_path / "log.sqlite3", replicas=BOTH)
    less = redis_store(three.nodes[0].url, tmp_path / "less.sqlite3", replicas=ONE)
    await store.open()
    await less.open()
    with frozen(three.nodes[2]):
        began = time.monotonic()
        for n in range(20):
            with pytest.raises(StoreUnavailable, match=r"1 of 2 replicas have it|did not answer just now"):
                await tell(store, f"CA{n}", held())
        took = time.monotonic() - began
        await tell(less, "CB", held())

    assert took < 1.5  # not each of them waited
    assert await store.load(ref("CB")) is not None  # what is read need not wait
    await less.close()
    await store.close()


async def test_all_saves_of_a_turn_wait_once(three: Group, tmp_path: Path) -> None:
    store = redis_store(three.nodes[0].url, tmp_path / "log.sqlite3", replicas=ONE)
    await store.open()
    decisions = [decided(new(f"CA{n}"), held()) for n in range(50)]
    before = waits(three.nodes[0])

    await asyncio.gather(*(store.save(one.session, one.facts) for one in decisions))

    assert waits(three.nodes[0]) - before == 1
    await store.close()


async def test_without_the_setting_nobody_waits(three: Group, tmp_path: Path) -> None:
    store = redis_store(three.nodes[0].url, tmp_path / "log.sqlite3")
    await store.open()
    before = waits(three.nodes[0])
    with frozen(*three.nodes[1:]):
        session = await tell(store, "CA1", *one_call())
        await store.confirm(session)

        assert len(await store.waits(WaitQuery())) == 1
    assert waits(three.nodes[0]) == before
    await store.close()


async def test_what_was_loaded_is_confirmed_only_where_the_replicas_have_it(three: Group, tmp_path: Path) -> None:
    store = redis_store(three.nodes[0].url, tmp_path / "log.sqlite3", replicas=ONE)
    await store.open()
    session = await tell(store, "CA1", held())
    await store.confirm(session)
    with frozen(*three.nodes[1:]), pytest.raises(StoreUnavailable):
        await store.confirm(session)

    with pytest.raises(StaleSession):
        await sure(store.confirm, decided(session, answered(9)).session)
    await store.close()


async def test_what_another_redis_told_is_not_taken_for_kept_because_as_much_has_happened_here(
    three: Group, tmp_path: Path
) -> None:
    store = redis_store(three.nodes[0].url, tmp_path / "log.sqlite3", replicas=ONE)
    await store.open()
    begun = await tell(store, "CA1", held())
    lost = decided(begun, pressed("1", 5)).session  # what a master knew that has been replaced
    await store.save((second := decided(begun, pressed("2", 6))).session, second.facts)

    for _ in range(2):
        with pytest.raises(StaleSession):
            await sure(store.confirm, lost)
        await store.save((later := decided(second.session, pressed("7", 7))).session, later.facts)
        second = later
    await sure(store.confirm, begun)
    await store.close()


async def test_a_number_is_kept_where_the_replicas_have_it_and_a_caller_is_forgotten_there(
    three: Group, tmp_path: Path
) -> None:
    store = redis_store(three.nodes[0].url, tmp_path / "log.sqlite3", replicas=BOTH)
    await store.open()
    caller, number = CallerId("pseudonym"), PhoneNumber("+15005550123")

    await store.remember_number(caller, number)
    assert all(b"number:pseudonym" in one.ask("KEYS", "*") for one in three.nodes)
    await store.forget(number, caller)
    assert not any(b"number:pseudonym" in one.ask("KEYS", "*") for one in three.nodes)

    with frozen(three.nodes[1]), pytest.raises(StoreUnavailable):
        await store.remember_number(caller, number)
    await store.close()


async def told_and_taken_over(three: Group, log: Path, replicas: Replicas) -> tuple[int, int]:
    """A wait ends while the master is cut off, and its end is told again to the replica that took over.

    How many rows the log had of the end before the takeover, and how many facts of it in the end.
    """
    old = redis_store(three.nodes[0].url, log, replicas=replicas)
    await old.open()
    await tell(old, "CA1", held())
    assert len(await old.waits(WaitQuery())) == 1
    three.nodes[1].wait_for(lambda: has(three.nodes[1], "CA1"))
    cut(*three.nodes[1:])
    end = decided(await loaded(old), answered(30))
    try:
        await old.save(end.session, end.facts)
        rows = await old.waits(WaitQuery(outcome="answered"))
    except StoreUnavailable:
        with pytest.raises(StoreUnavailable):
            await old.waits(WaitQuery())
        old._mover.catch_up = nothing  # type: ignore[method-assign]  # it would try for a while when it closes
        rows = []
    await old.close()

    three.nodes[1].ask("REPLICAOF", "NO", "ONE")
    taken_over = redis_store(three.nodes[1].url, log)
    await taken_over.open()
    again = decided(await loaded(taken_over), answered(30))
    await taken_over.save(again.session, again.facts)
    totals = await taken_over.waits(WaitQuery(outcome="answered"))
    assert len(totals) == 1
    await taken_over.close()
    return len(rows), facts_of_the_end(log)


async def loaded(store: RedisStore) -> HoldSession:
    session = await store.load(ref("CA1"))
    assert session is not None
    return session


async def nothing() -> None:
    pass


def facts_of_the_end(log: Path) -> int:
    with closing(sqlite3.connect(log)) as db:
        return int(db.execute("SELECT count(*) FROM facts WHERE kind = 'WaitEnded'").fetchone()[0])


async def test_what_the_replicas_do_not_have_does_not_get_into_the_log_and_so_not_twice(
    three: Group, tmp_path: Path
) -> None:
    try:
        assert await told_and_taken_over(three, tmp_path / "log.sqlite3", ONE) == (0, 1)
        assert sound(tmp_path / "log.sqlite3")
    finally:
        join_again(three)


async def test_without_waiting_the_same_counts_twice(three: Group, tmp_path: Path) -> None:
    try:
        assert await told_and_taken_over(three, tmp_path / "log.sqlite3", Replicas()) == (1, 2)
    finally:
        join_again(three)


async def test_what_waited_for_replicas_is_moved_when_they_are_back(three: Group, tmp_path: Path) -> None:
    store = redis_store(three.nodes[0].url, tmp_path / "log.sqlite3", replicas=ONE)
    await store.open()
    with frozen(*three.nodes[1:]), pytest.raises(StoreUnavailable):
        await tell(store, "CA1", held())

    await sure(tell, store, "CA1", *one_call())

    (row,) = await store.waits(WaitQuery())
    assert row.seconds == 60.0
    await store.close()
    assert sound(tmp_path / "log.sqlite3")


async def test_in_a_cluster_each_call_waits_for_the_replicas_of_its_own_master(tmp_path: Path) -> None:
    with replicated_cluster() as (url, _, replicas):
        store = redis_store(url, tmp_path / "log.sqlite3", replicas=ONE)
        await store.open()
        for n in range(3):
            await tell(store, call_at(n), *one_call())
        assert len(await store.waits(WaitQuery())) == 3

        with frozen(replicas[1]):
            with pytest.raises(StoreUnavailable, match="0 of 1 replicas have it"):
                await tell(store, call_at(1, "CB"), held())
            for n in (0, 2):
                await sure(tell, store, call_at(n, "CB"), held())
        await store.close()


def call_at(master: int, letters: str = "CA") -> str:
    """The name of a call that lies there."""
    names = (f"{letters}{n}" for n in range(500))
    return next(
        name for name in names if part_is_at(key_slot(key(part_of(f"twilio/{name}"), "log").encode())) == master
    )


async def test_a_redis_without_its_replicas_knows_no_tokens_and_not_who_is_there(three: Group) -> None:
    links = [Link(connect(three.nodes[0].url, PATIENT), ONE) for _ in range(2)]
    one, other = (RedisFellows(link) for link in links)
    for each in (one, other):
        await each._beat()
    await one._beat()
    assert (one.others, one.alone) == (1, False)
    assert await one.deposit(b"a token", b"a ticket", 60.0)
    three.nodes[0].ask("DEL", *PRESENCE)  # as if the other were on the far side

    with frozen(*three.nodes[1:]):
        await one._beat()
        with pytest.raises(StoreUnavailable):
            await one.deposit(b"another", b"a ticket", 60.0)

    assert (one.others, one.alone) == (1, False)
    for link in links:
        await link.close()


async def test_the_setting_reaches_the_store(three: Group, tmp_path: Path) -> None:
    settings = Settings(
        service=ServiceSettings(data_dir=str(tmp_path)),
        store=StoreSettings(url=three.nodes[0].url, wait_replicas=2, wait_seconds=0.1),
    )
    store = catalogue.store(settings)
    await store.open()
    before = waits(three.nodes[0])

    await tell(store, "CA1", held())

    assert waits(three.nodes[0]) > before
    await store.close()
