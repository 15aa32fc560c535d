"""What only a store that many processes share can get wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from holdsvc import catalogue
from holdsvc.calls.memory import remember
from holdsvc.calls.model import CallerId, PhoneNumber, Profile
from holdsvc.errors import ConfigError, StaleSession, StoreUnavailable
from holdsvc.ports import WaitQuery
from holdsvc.reports.audit import audit
from holdsvc.settings import LedgerSettings, ServiceSettings, Settings, StoreSettings
from holdsvc.stores.ledger import SqliteLedger
from holdsvc.stores.mover import TOGETHER, Entry, Mover, Placed, pack_entry
from holdsvc.stores.redis import PARTS, RedisStore, log_of, part_of
from holdsvc.stores.redis_link import CONNECTIONS, Asked, Link, addresses, connect
from holdsvc.stores.sqlite_log import SqliteLog
from tests.stores.calls import after, answered, decided, gone, held, known, new, one_call, ref, steps, tell
from tests.stores.redis_group import frozen
from tests.stores.redis_server import PATIENT, RedisServer, emptied, one_node, redis_store, shared_node, watched

CALLER = CallerId("pseudonym")


@pytest.fixture
def node() -> RedisServer:
    return emptied(shared_node())


class Shared(SqliteLog):
    """One wait log for two stores of one process, as two replicas have one database."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.users = 0
        self.fails: Callable[[], bool] = lambda: False
        self.kept = 0

    async def open(self) -> None:
        self.users += 1
        if self.users == 1:
            await super().open()

    async def close(self) -> None:
        self.users -= 1
        if not self.users:
            await super().close()

    async def keep(self, placed: Sequence[Placed]) -> Mapping[int, str]:
        reached = await super().keep(placed)
        self.kept += len(placed)
        if self.fails():
            raise StoreUnavailable("the answer was lost")
        return reached


def replica(node: RedisServer, log: SqliteLog, lease: float = 5.0) -> RedisStore:
    link = Link(connect(node.url, PATIENT))
    return RedisStore(link, Mover(link, log, log_of, PARTS), lease=lease)


@pytest.fixture
async def two(node: RedisServer, tmp_path: Path) -> AsyncIterator[tuple[RedisStore, RedisStore]]:
    log = Shared(tmp_path / "log.sqlite3")
    both = replica(node, log), replica(node, log)
    for one in both:
        await one.open()
    yield both
    for one in both:
        await one.close()


async def answers(store: RedisStore) -> None:
    """Until it takes what it is given again."""
    async with asyncio.timeout(30):
        while True:
            try:
                await store.remember_number(CALLER, PhoneNumber("+15005550123"))
            except StoreUnavailable:
                await asyncio.sleep(0)
            else:
                return


def law_holds(path: Path) -> bool:
    with SqliteLedger(path) as ledger:
        return audit(ledger).holds


async def test_what_one_replica_keeps_the_other_knows(two: tuple[RedisStore, RedisStore]) -> None:
    one, other = two
    session = await tell(one, "CA1", *one_call(CALLER))

    assert await other.load(ref("CA1")) == session
    assert await other.totals() == await one.totals()
    assert await other.profile(CALLER) == await one.profile(CALLER) != None  # noqa: E711
    with pytest.raises(StaleSession):
        await other.save(replace(session, wake_at=after(5)), ())


class Flights(Link):
    """Counts how often something goes to Redis and back."""

    number = 0

    async def _fly(self, asked: Sequence[Asked]) -> None:
        self.number += 1
        await super()._fly(asked)


async def test_a_save_goes_to_redis_and_back_once_and_twice_where_the_caller_is_to_be_known_better(
    node: RedisServer, tmp_path: Path
) -> None:
    link = Flights(connect(node.url, PATIENT))
    store = RedisStore(link, Mover(link, SqliteLog(tmp_path / "log.sqlite3"), log_of, PARTS))
    for step in steps("far", *one_call()):
        before, link.number = await store.profile(CALLER), 0
        await store.save(step.session, step.facts)
        learnt = step.session.caller is not None and remember(before or Profile(), step.facts) != (before or Profile())
        assert link.number == 1 + learnt
    await link.close()


async def test_a_due_call_is_handed_to_one_replica_and_to_another_only_after_the_lease(
    two: tuple[RedisStore, RedisStore],
) -> None:
    one, other = two
    for n in range(20):
        await tell(one, f"CA{n}", held(n))

    first, second = await asyncio.gather(one.due(after(500), 99), other.due(after(500), 99))

    assert sorted(name.call for name in (*first, *second)) == sorted(f"CA{n}" for n in range(20))
    assert await one.due(after(504), 99) == []
    assert len(await other.due(after(506), 99)) == 20


async def test_what_was_not_handed_out_waits_for_no_lease(two: tuple[RedisStore, RedisStore]) -> None:
    one, other = two
    for n in range(20):
        await tell(one, f"CA{n}", held(n))

    first = await one.due(after(500), 3)
    rest = await other.due(after(500), 99)

    assert [name.call for name in first] == ["CA0", "CA1", "CA2"]
    assert [name.call for name in rest] == [f"CA{n}" for n in range(3, 20)]


async def test_two_replicas_move_the_log_at_once_and_nothing_is_doubled(
    two: tuple[RedisStore, RedisStore], tmp_path: Path
) -> None:
    one, other = two

    async def calls(store: RedisStore, letter: str) -> None:
        await asyncio.gather(*(tell(store, f"{letter}{n}", *one_call(f"{letter}{n}")) for n in range(50)))

    await asyncio.gather(
        calls(one, "A"), calls(other, "B"), *(store.waits(WaitQuery()) for store in two for _ in range(20))
    )

    rows = await one.waits(WaitQuery())
    assert len({row.call for row in rows}) == len(rows) == 100
    assert law_holds(tmp_path / "log.sqlite3")


async def test_a_log_that_is_moved_again_because_the_answer_was_lost_is_not_doubled(
    node: RedisServer, tmp_path: Path
) -> None:
    log = Shared(tmp_path / "log.sqlite3")
    times = iter((True, True, False))
    log.fails = lambda: next(times, False)
    store = replica(node, log)
    await store.open()
    try:
        await tell(store, "CA1", *one_call(CALLER))
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                await store.waits(WaitQuery())
        (row,) = await store.waits(WaitQuery())
    finally:
        await store.close()

    assert row.seconds == 60.0
    assert log.kept > 5  # it was moved more than once
    assert law_holds(tmp_path / "log.sqlite3")


async def test_news_of_one_moment_are_all_moved_though_the_older_ones_were_kept_last(
    two: tuple[RedisStore, RedisStore], tmp_path: Path
) -> None:
    store, _ = two
    part = part_of("twilio/CA0")
    names = [name for name in (f"CA{n}" for n in range(1000)) if part_of(f"twilio/{name}") == part]

    await asyncio.gather(*(tell(store, name, held(-n)) for n, name in enumerate(names)))

    assert sorted(row.call for row in await store.waits(WaitQuery())) == sorted(names)
    assert law_holds(tmp_path / "log.sqlite3")


async def test_a_save_whose_answer_was_lost_is_not_kept_twice(two: tuple[RedisStore, RedisStore]) -> None:
    one, other = two
    decision = decided(new("CA1"), held())
    await one.save(decision.session, decision.facts)

    with pytest.raises(StaleSession):  # decided again, its event is known, and nothing follows
        await other.save(decision.session, decision.facts)

    assert (await one.totals()).offered == 1
    assert len(await one.waits(WaitQuery())) == 1


async def test_what_a_replica_that_died_did_not_tell_the_profile_is_told_before_it_leaves_redis(
    two: tuple[RedisStore, RedisStore],
) -> None:
    one, other = two

    async def dies(*told: object) -> None:
        raise StoreUnavailable("the process died here")

    one.tell = dies  # type: ignore[method-assign, assignment]
    other.tell, kept = dies, other.tell  # type: ignore[method-assign, assignment]
    decisions = list(steps("CA1", *one_call(CALLER)))
    for decision in decisions:
        await one.save(decision.session, decision.facts)
    assert await other.profile(CALLER) is None

    other.tell = one.tell = kept  # type: ignore[method-assign]
    await other.waits(WaitQuery())

    whole = remember(Profile(), [fact for decision in decisions for fact in decision.facts])
    profile = await other.profile(CALLER)
    assert profile is not None
    assert [wait.outcome for wait in profile.waits] == [wait.outcome for wait in whole.waits]
    assert dict(profile.offsets) == dict(whole.offsets)
    await other.tell(CALLER, ref("CA1"), decisions[-1].session.version, decisions[-1].facts)
    assert await other.profile(CALLER) == profile


async def test_nothing_acknowledged_is_lost_when_redis_is_killed(tmp_path: Path) -> None:
    with one_node() as node:
        store = redis_store(node.url, tmp_path / "log.sqlite3")
        await store.open()
        kept: list[str] = []
        busy = asyncio.Event()

        async def calls() -> None:
            for n in range(100_000):
                await tell(store, f"CA{n}", held(n))
                kept.append(f"CA{n}")
                if n == 100:
                    busy.set()

        calling = asyncio.create_task(calls())
        await busy.wait()
        await asyncio.to_thread(node.kill)
        with pytest.raises(StoreUnavailable):
            await calling
        await asyncio.to_thread(node.start)
        await answers(store)

        rows = [row.call for row in await store.waits(WaitQuery(most=200_000))]
        assert kept
        assert set(kept) <= set(rows)
        assert len(set(rows)) == len(rows) <= len(kept) + 1  # one may be there whose answer was lost
        await store.close()


async def test_under_sentinel_the_replica_takes_over_and_the_calls_go_on(tmp_path: Path) -> None:
    with watched() as (master, replica, url):
        store = redis_store(url, tmp_path / "log.sqlite3")
        await store.open()
        session = await tell(store, "CA0", held())
        replica.wait_for(
            lambda: b"CA0" in b"".join(replica.ask("SMEMBERS", f"holdsvc:{{{n}}}:waiting") for n in range(PARTS))
        )
        await asyncio.to_thread(master.kill)

        await answers(store)

        assert await store.load(ref("CA0")) == session
        await tell(store, "CA0", answered(30))
        (row,) = await store.waits(WaitQuery())
        assert row.seconds == 30.0
        await store.close()
        assert b"role:master" in replica.ask("INFO", "replication")


async def test_without_redis_the_answer_is_no_and_comes_soon(tmp_path: Path) -> None:
    with one_node() as node:
        store = redis_store(node.url, tmp_path / "log.sqlite3")
        await store.open()
        await tell(store, "CA1", held())
        await asyncio.to_thread(node.kill)
        began = time.monotonic()

        for _ in range(100):
            with pytest.raises(StoreUnavailable):
                await store.load(ref("CA1"))

        assert time.monotonic() - began < 2.0
        await store.close()
        await asyncio.to_thread(node.start)


async def test_a_redis_that_will_not_have_us_refuses_the_start_in_a_sentence_without_the_password(
    tmp_path: Path,
) -> None:
    with one_node() as node:
        node.ask("CONFIG", "SET", "requirepass", "s3cret")
        url = node.url.replace("://", "://:wr0ng@")

        with pytest.raises(ConfigError, match=r"store\.url: it will not have us: .*Authentication") as refusal:
            await redis_store(url, tmp_path / "log.sqlite3").open()

    assert "wr0ng" not in str(refusal.value)


async def unanswered(store: RedisStore) -> bool:
    try:
        await store.live()
    except StoreUnavailable:
        return True
    return False


async def test_a_store_that_is_opened_while_redis_is_away_serves_as_soon_as_it_is_back(tmp_path: Path) -> None:
    with one_node() as node:
        node.kill()
        store = redis_store(node.url, tmp_path / "log.sqlite3")
        await store.open()
        with pytest.raises(StoreUnavailable):
            await store.live()

        await asyncio.to_thread(node.start)
        async with asyncio.timeout(5.0):
            while await unanswered(store):
                await asyncio.sleep(0.05)
        await tell(store, "CA1", held(), answered(9))

        assert (await store.totals()).offered == 1
        await store.close()


async def test_a_long_log_is_moved_in_small_pieces_so_that_callers_are_served_between_them(
    node: RedisServer, tmp_path: Path
) -> None:
    link, number = Link(connect(node.url, PATIENT)), 3_000
    some = [pack_entry(Entry(caller=CallerId(f"p{n}"), number=f"+1500555{n:04d}")) for n in range(number)]
    await link.all([("XADD", log_of(n % PARTS), "*", "e", one) for n, one in enumerate(some)])
    seen, under_way, most = 0, 0, 0

    async def apply(entry: Entry) -> None:
        nonlocal seen, under_way, most
        seen, under_way, most = seen + 1, under_way + 1, max(most, under_way + 1)
        await asyncio.sleep(0)
        under_way -= 1

    mover = Mover(link, SqliteLog(tmp_path / "log.sqlite3"), log_of, PARTS)
    await mover.open(apply)
    await mover.catch_up()
    await mover.close()
    await link.close()

    assert seen == number
    assert most <= TOGETHER
    with SqliteLedger(tmp_path / "log.sqlite3") as ledger:
        assert ledger.number(CallerId(f"p{number - 1}")) is not None


async def test_a_forgotten_caller_s_number_leaves_redis_and_the_log(node: RedisServer, tmp_path: Path) -> None:
    store = redis_store(node.url, tmp_path / "log.sqlite3")
    await store.open()
    number = PhoneNumber("+15005550123")
    await store.remember_number(CALLER, number)
    await tell(store, "CA1", held(), known(CALLER), answered(9))
    await store.waits(WaitQuery())
    with SqliteLedger(tmp_path / "log.sqlite3") as ledger:
        assert ledger.number(CALLER) == number

    await store.forget(number, CALLER)
    await store.close()

    with SqliteLedger(tmp_path / "log.sqlite3") as ledger:
        assert ledger.number(CALLER) is None
    for path in tmp_path.iterdir():
        assert b"5005550123" not in path.read_bytes()
    assert b"pseudonym" not in node.ask("KEYS", "*")


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("redis://127.0.0.1", "redis"),
        ("rediss://user:pass@redis.example:6380/2", "redis"),
        ("redis+sentinel://one.example,two.example:26380/holdsvc", "redis"),
        ("redis+cluster://[::1]:7000,[::1]:7001", "redis"),
        ("sqlite:", "sqlite"),
        ("memory:", "memory"),
    ],
)
def test_the_address_says_which_store(url: str, kind: str, tmp_path: Path) -> None:
    settings = Settings(service=ServiceSettings(data_dir=str(tmp_path)), store=StoreSettings(url=url))

    assert catalogue.store(settings).name == kind


@pytest.mark.parametrize("url", ["redis://", "redis://h/two", "redis://a,b", "redis+cluster://,"])
def test_an_address_that_will_not_do_is_named_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError, match=r"store\.url: redis") as told:
        connect(url.replace("://", "://:s3cret@"))

    assert "s3cret" not in str(told.value)


def test_a_wait_log_of_another_kind_is_refused_with_what_there_is(tmp_path: Path) -> None:
    settings = Settings(store=StoreSettings(url="redis://h"), ledger=LedgerSettings(url="oracle://x"))

    with pytest.raises(ConfigError, match=r"ledger\.url: 'oracle' is not known; there is sqlite: and postgresql:"):
        catalogue.store(settings)


def test_hosts_are_read_with_and_without_ports() -> None:
    from urllib.parse import urlsplit

    assert addresses(urlsplit("redis://u:p@one,two:7,[::1]:8"), 6) == [("one", 6), ("two", 7), ("::1", 8)]


async def test_while_one_asks_whether_redis_is_back_the_others_hear_no_at_once() -> None:
    with one_node() as node:
        link = Link(connect(node.url, PATIENT), patience=0.1)
        assert await link.ask("PING")
        with frozen(node):
            began = time.monotonic()
            with pytest.raises(StoreUnavailable, match="has not answered yet"):
                await link.ask("PING")
            for _ in range(100):
                with pytest.raises(StoreUnavailable, match="did not answer just now"):
                    await link.ask("PING")
            took = time.monotonic() - began
        async with asyncio.timeout(PATIENT):
            while await no_answer(link):  # the one that asked gets its answer, late as it is, and all are heard again
                await asyncio.sleep(0)
        await link.close()

    assert 0.1 <= took < 1.0


async def test_what_is_asked_in_more_turns_than_there_are_connections_waits_its_turn() -> None:
    with one_node() as node:
        link = Link(connect(node.url, PATIENT))
        with frozen(node):
            asking = []
            for _ in range(10 * CONNECTIONS):
                asking.append(asyncio.create_task(link.ask("PING")))
                await asyncio.sleep(0)

        assert await asyncio.gather(*asking) == [True] * len(asking)
        await link.close()


class Broken:
    """A client whose connections fail with whatever is given."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def pipeline(self, transaction: bool) -> Broken:
        return self

    def execute_command(self, *command: str) -> None:
        """Nothing goes out before `execute`."""

    async def execute(self, raise_on_error: bool) -> list[object]:
        raise self.error


@pytest.mark.parametrize(
    "error",
    [RuntimeError("the handler is closed"), ConnectionResetError(), KeyError("a mistake of the client's")],
)
async def test_whoever_asked_hears_no_in_whatever_way_the_connection_broke(error: Exception) -> None:
    link = Link(cast(Redis, Broken(error)))

    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            await asyncio.wait_for(link.ask("PING"), PATIENT)


class Prompt(Broken):
    """A client that has its answer at once, and takes some turns of the loop to read it."""

    def __init__(self, turns: int) -> None:
        self.turns = turns

    async def execute(self, raise_on_error: bool) -> list[object]:
        for _ in range(self.turns):
            await asyncio.sleep(0)
        return [True]


async def busy(seconds: float, turns: int) -> None:
    """So long in each turn of the loop."""
    for _ in range(turns):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            pass
        await asyncio.sleep(0)


async def test_a_redis_that_answered_is_not_taken_for_away_because_we_were_busy() -> None:
    link = Link(cast(Redis, Prompt(turns=14)), patience=0.3)

    answer, _ = await asyncio.gather(link.ask("PING"), busy(0.04, turns=17))

    assert answer is True


async def test_however_seldom_we_run_patience_has_an_end() -> None:
    link = Link(cast(Redis, Prompt(turns=100)), patience=0.04)

    answer, _ = await asyncio.gather(link.ask("PING"), busy(0.06, turns=9), return_exceptions=True)

    assert isinstance(answer, StoreUnavailable)


async def no_answer(link: Link) -> bool:
    try:
        return not await link.ask("PING")
    except StoreUnavailable:
        return True


async def test_what_redis_tells_of_a_wait_that_left_the_log_is_counted_and_makes_no_second_row(
    node: RedisServer, tmp_path: Path
) -> None:
    path = tmp_path / "log.sqlite3"
    store = redis_store(node.url, SqliteLog(path))
    await store.open()
    for n, name in enumerate(("CA1", "CA2")):
        await tell(store, name, held(n), known(CALLER), gone(n + 70))
    assert await store.let_go(after(8 * 24 * 3600), 10) == 1

    await tell(store, "CA1", answered(30))
    assert await store.forget(PhoneNumber("+15005550123"), CALLER) == 1
    totals = await store.totals()
    await store.close()

    with SqliteLedger(path) as ledger:
        found, (row,) = audit(ledger), ledger.waits(WaitQuery())
        assert ledger.totals() == totals
    assert row.call == "CA2"
    assert str(found).startswith("2 offered = 1 abandoned + 1 answered + 0 waiting.")
    assert found.differences == ()
