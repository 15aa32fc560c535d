"""Processes on one real Redis: who hears whom, who leads, and what of it a Redis that was away costs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from holdsvc.calls.model import CallerId, PhoneNumber
from holdsvc.errors import StoreUnavailable
from holdsvc.ports import Ticketed, WaitQuery
from holdsvc.stores.redis import RedisStore
from holdsvc.stores.redis_fellows import LEASE, PIECE, Line, RedisFellows
from holdsvc.stores.redis_link import Link, connect
from holdsvc.stores.sqlite_log import SqliteLog
from holdsvc.stores.turns import MoverInTurns
from tests.stores.calls import START, decided, gone, held, known, new, tell
from tests.stores.redis_server import PATIENT, emptied, one_node, shared_cluster, shared_node

WORDS = 200
TURNS = 20
STANDING = 2  # tasks of a process that answers nobody: it listens, and shows that it lives


class Process:
    """A store and its fellows, as the service has them."""

    def __init__(self, url: str, log: Path) -> None:
        self.url, self.link = url, Link(connect(url, PATIENT))
        self.fellows = RedisFellows(self.link)
        self.store = RedisStore(self.link, MoverInTurns(self.link, SqliteLog(log)), fellows=self.fellows)
        self.kept: list = []
        self.said: list[bytes] = []
        self.has: dict[bytes, bytes] = {}
        self.missed = 0

    async def start(self) -> Process:
        await self.store.open()
        await self.fellows.open(lambda *news: self.kept.append(news), self.said.append, self._missed, self.has.get)
        return self

    async def _missed(self) -> None:
        self.missed += 1

    async def stop(self) -> None:
        await self.fellows.close()
        await self.store.close()


@pytest.fixture(params=["one node", "cluster"])
async def two(request, tmp_path) -> AsyncIterator[tuple[Process, Process]]:
    node = emptied(shared_node()) if request.param == "one node" else emptied(*shared_cluster())
    both = [await Process(node.url, tmp_path / "log.sqlite3").start() for _ in range(2)]
    yield both[0], both[1]
    for one in both:
        await one.stop()


async def until(true, seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.005)


async def test_words_reach_the_others_and_not_oneself_in_their_order(two):
    one, other = two
    words = [f"{n}".encode() for n in range(WORDS)]

    for word in words:
        one.fellows.say("a call", word)
        other.fellows.say(f"call {word!r}", b"back")
    await until(lambda: len(other.said) == len(one.said) == WORDS)

    assert other.said == words
    assert set(one.said) == {b"back"}


async def test_a_save_tells_the_others_what_was_kept(two):
    one, other = two
    decision = decided(new("a"), held(0))

    await one.store.save(decision.session, decision.facts)
    await until(lambda: other.kept)

    assert other.kept == [(decision.session, tuple(decision.facts))]
    assert one.kept == []


async def test_a_ticket_is_good_once_wherever_it_was_left(two):
    one, other = two

    assert await one.fellows.deposit(b"token", b"for a call", 60.0)
    assert await other.fellows.redeem(b"token", b"attempt1") == b"for a call"
    assert await other.fellows.redeem(b"token", b"attempt1") == b"for a call", "the same, asked again"

    assert await one.fellows.redeem(b"token", b"attempt2") is Ticketed.USED
    assert await other.fellows.redeem(b"token", b"attempt3") is Ticketed.USED
    assert not await one.fellows.deposit(b"token", b"for a call", 60.0)
    assert await one.fellows.redeem(b"other", b"attempt4") is Ticketed.UNKNOWN


async def test_what_one_asks_for_is_given_by_whoever_has_it_and_written_down_nowhere(two):
    one, other = two
    large = bytes(range(256)) * 2000  # half a megabyte: a minute of sound
    other.has[b"sound"] = one.has[b"ours"] = large
    await until(lambda: not (one.fellows.alone or other.fellows.alone))

    assert await one.fellows.ask(b"sound") == large
    assert await other.fellows.ask(b"ours") == large

    assert await one.fellows.ask(b"ours") is None, "nobody asks himself"
    assert (one.said, other.said) == ([], [])
    assert large not in [value async for value in values(one.link.client)]


async def values(client) -> AsyncIterator[bytes]:
    async for key in client.scan_iter("*"):
        if await client.type(key) == b"string":
            yield await client.get(key)


async def test_an_answer_of_which_a_piece_is_lost_is_none(two):
    one, other = two
    other.has[b"sound"] = bytes(3 * PIECE)
    await until(lambda: not one.fellows.alone)
    publish, pieces = other.fellows._publish, count()

    async def loses_the_last(where: str, word: bytes) -> None:
        if next(pieces) == 2:
            raise StoreUnavailable("away")
        await publish(where, word)

    other.fellows._publish = loses_the_last

    assert await one.fellows.ask(b"sound") is None
    assert one.fellows._awaited == {}


async def test_of_several_who_have_it_one_sends_it(two, tmp_path):
    one, other = two
    third = await Process(other.url, tmp_path / "third.sqlite3").start()
    handed: list[bytes] = []

    def watched(publish):
        async def said(where: str, word: bytes) -> None:
            handed.append(word)
            await publish(where, word)

        return said

    for each in (other, third):
        each.has[b"sound"] = b"sound"
        each.fellows._publish = watched(each.fellows._publish)
    try:
        await until(lambda: not one.fellows.alone)
        for turn in range(1, TURNS + 1):
            assert await one.fellows.ask(b"sound") == b"sound"
            await until(lambda: all(len(each.fellows._tasks) == STANDING for each in (other, third)))
            assert len(handed) == turn
    finally:
        await third.stop()


async def test_one_leads_and_another_one_when_that_one_has_gone(two):
    one, other = two
    await until(lambda: one.fellows.others == other.fellows.others == 1)
    assert [one.fellows.leads, other.fellows.leads] == [True, False]
    assert [one.fellows.led, other.fellows.led] == [False, True]

    await one.fellows.close()

    await until(lambda: other.fellows.leads, LEASE)
    assert other.fellows.others == 0
    assert not other.fellows.led


async def test_where_redis_is_away_nobody_leads_and_nobody_is_led():
    with one_node() as node:
        fellows = RedisFellows(Link(connect(node.url, PATIENT)))
        other = RedisFellows(Link(connect(node.url, PATIENT)))
        await fellows._beat()
        await other._beat()
        assert [fellows.leads, other.led] == [True, True]

        node.kill()
        await until(lambda: not other.led, LEASE)

        assert [other.leads, fellows.leads] == [False, False]
        node.start()


async def test_who_takes_no_streams_does_not_count(two):
    one, other = two
    await until(lambda: other.fellows.others == 1)

    one.fellows.ready(False)

    await until(lambda: other.fellows.others == 0)
    await until(lambda: one.fellows.others == 1)


async def test_what_is_pinned_is_there_for_all(two):
    one, other = two

    await one.fellows.pin("board", b"\x00words")

    assert await other.fellows.pinned("board") == b"\x00words"
    assert await other.fellows.pinned("nothing") is None


async def test_one_process_writes_the_log_and_the_other_reads_erases_and_takes_over(two):
    writer, reader = two
    number, caller = PhoneNumber("+15005550123"), CallerId("pseudonym")
    await reader.store.remember_number(caller, number)
    await tell(reader.store, "a", known(caller), held(1))

    (row,) = await reader.store.waits(WaitQuery())
    assert row.caller == caller
    assert await reader.store.forget(number, caller) == 1
    (row,) = await reader.store.waits(WaitQuery())
    assert row.caller is None

    await writer.stop()
    await tell(reader.store, "b", held(0))
    async with asyncio.timeout(5.0):
        while len(await reader.store.waits(WaitQuery())) < 2:
            await asyncio.sleep(0.05)


async def test_who_could_not_listen_is_told_that_words_were_missed(tmp_path):
    with one_node() as node:
        process = await Process(node.url, tmp_path / "log.sqlite3").start()
        try:
            node.kill()
            node.start()

            await until(lambda: process.missed, 20.0)
        finally:
            await process.stop()


async def test_who_writes_the_log_lets_go_of_what_is_old_and_nobody_else(two):
    writer, reader = two
    for n in range(3):
        await tell(writer.store, f"CA{n}", held(n))
        await tell(writer.store, f"CA{n}", gone(n + 40))
    assert len(await reader.store.waits(WaitQuery())) == 3

    went = [await one.store.let_go(START + timedelta(days=1), 10) for one in (reader, writer)]

    assert went == [0, 2]
    assert len(await reader.store.waits(WaitQuery())) == 1


async def test_what_was_just_kept_is_in_the_log_before_anything_goes_from_it(two):
    writer, _ = two
    for n in range(3):
        await tell(writer.store, f"CA{n}", held(n))
        await tell(writer.store, f"CA{n}", gone(n + 40))

    assert await writer.store.let_go(START + timedelta(days=1), 10) == 2


class AwayLog:
    """SQL that does not answer."""

    async def open(self) -> None: ...
    async def close(self) -> None: ...

    async def positions(self, *asked):
        raise StoreUnavailable("away")

    keep = forget = let_go = waits = callbacks = ended_since = positions


async def test_who_leads_no_more_does_not_go_on_saying_that_sql_is_away():
    link, away, leads, led = Link(connect(emptied(shared_node()).url, PATIENT)), [], [True], [False]
    looked = []
    mover = MoverInTurns(
        link, AwayLog(), lambda: leads[0], on_away=away.append, led=lambda: looked.append(led[0]) or led[0]
    )
    store = RedisStore(link, mover)
    await store.open()
    decision = decided(new("a"), held(0))
    await store.save(decision.session, decision.facts)
    await until(lambda: away and away[-1])

    leads[0] = False
    await until(lambda: len(looked) > 1)
    assert away[-1], "nobody leads: Redis is away as well, and nobody else tells of it"

    led[0] = True
    await until(lambda: not away[-1])

    leads[0], led[0] = True, False
    await until(lambda: away[-1])
    await store.close()


async def test_to_close_ends_even_where_a_task_forgets_once_that_it_was_to_end():
    fellows = RedisFellows(Link(connect(emptied(shared_node()).url, PATIENT)))

    async def forgets() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)
        await asyncio.sleep(3600)

    fellows._beside(forgets())
    await asyncio.sleep(0)

    await asyncio.wait_for(fellows.close(), 5.0)

    assert not fellows._tasks


class Forgetful:
    """A listening connection that once takes being cancelled for a line without news."""

    def __init__(self) -> None:
        self.connection = self
        self.asked = 0

    async def get_message(self, timeout: float) -> None:
        self.asked += 1
        try:
            await asyncio.sleep(timeout)
        except asyncio.CancelledError:
            return

    async def ping(self) -> None: ...

    async def aclose(self) -> None: ...

    def register_connect_callback(self, told: object) -> None: ...

    def deregister_connect_callback(self, told: object) -> None: ...

    def pubsub(self) -> Forgetful:
        return self


async def test_who_is_told_to_stop_listening_stops_even_if_the_library_forgets_it() -> None:
    line = Line(Forgetful(), [])
    await line.subscribe(sharded=False)
    listening = asyncio.create_task(line.listen(lambda word: None))
    await asyncio.sleep(0)

    listening.cancel()
    done, _ = await asyncio.wait([listening], timeout=2.5)

    assert done
    assert listening.cancelled()
