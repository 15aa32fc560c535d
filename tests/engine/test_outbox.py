"""What is kept to be told is told: to a real server on loopback that is well, slow, down, or in trouble."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from holdsvc.calls.telling import Effect, Subscriber
from holdsvc.engine import outbox as engine
from holdsvc.engine.letters import Do, see_to
from holdsvc.engine.outbound import Outbound
from holdsvc.engine.outbox import MOST_TRIES, PAUSES, Outbox, Result
from holdsvc.engine.webhook import Webhook, secret_of, signature
from holdsvc.errors import OutboundFailed, StoreUnavailable
from holdsvc.ports import Standing
from holdsvc.stores.memory import MemoryStore
from tests.service import until
from tests.stores.calls import one_call, steps

SECRET = "whsec_" + "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"
ALLOWED = ("127.0.0.0/8",)
HOUR = timedelta(hours=1)
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(autouse=True)
def a_short_farewell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "FAREWELL", 0.5)


class Clock:
    def __init__(self) -> None:
        self.moment = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return time.monotonic()


class Message(msgspec.Struct):
    headers: dict[str, str]
    body: bytes

    @property
    def call(self) -> str:
        return msgspec.json.decode(self.body)["data"]["call"]


def saying(status: str, *headers: str, body: bytes = b"") -> Answer:
    head = "\r\n".join((f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers))

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(head.encode() + b"\r\n\r\n" + body)

    return answer


def cut_off(after: bytes) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(after)
        await writer.drain()
        writer.transport.abort()

    return answer


async def silent(writer: asyncio.StreamWriter) -> None:
    """Until the other side has had enough."""
    await writer.wait_closed()


WELL = saying("204 No Content")
DOWN, SLOW, ERRORS, BUSY = None, silent, saying("500 Oops"), saying("429 Too Many", "retry-after: 7200")


class Desk:
    """The other side: it takes each id once, as it should, and knows how often it was told."""

    def __init__(self) -> None:
        self.answer: Answer | None = WELL
        self.heard: list[Message] = []
        self.url = ""

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")[1:]
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.heard.append(Message(headers, body))
                if self.answer is not None:
                    await self.answer(writer)
                    await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    def ids(self) -> Counter[str]:
        return Counter(one.headers["webhook-id"] for one in self.heard)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Desk]:
        server = await asyncio.start_server(self.take, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/hook/a-token-in-the-path"
        try:
            yield self
        finally:
            server.close()


class World:
    """An outbox on a store in memory, a clock that a test moves, and the desks that are told."""

    def __init__(self, *names: str, most_age: timedelta | None = None) -> None:
        self.clock, self.store, self.told = Clock(), MemoryStore(), Counter[Result]()
        self.desks = {name: Desk() for name in names}
        self.subscribers = [Subscriber(name, most_age=most_age) for name in names]
        self.gates: list[Outbound] = []
        self.outbox: Outbox

    @property
    def desk(self) -> Desk:
        return next(iter(self.desks.values()))

    def start(self) -> Outbox:
        ways = {name: self.way(name, desk.url) for name, desk in self.desks.items()}
        counted = lambda result: self.told.update([result])  # noqa: E731  it counts
        self.outbox = Outbox(self.store.outbox, ways, self.subscribers, self.clock, random.Random(7), counted)
        return self.outbox

    def way(self, name: str, url: str) -> Webhook:
        self.gates.append(Outbound(ALLOWED))
        return Webhook(url, (secret_of(SECRET),), self.gates[-1].post, self.clock, name)

    async def call(self, name: str) -> None:
        for step in steps(name, *one_call()):
            await self.store.save(step.session, step.facts)
            self.outbox.facts(step.session, step.facts)

    async def later(self, seconds: float) -> None:
        """So much later by the clock, with a look at what is due, until nothing is under way."""
        self.clock.moment += timedelta(seconds=seconds)
        await self.outbox.look()
        await self.quiet()

    async def quiet(self, seconds: float = 10.0) -> None:
        await until(lambda: not self.outbox._engaged, seconds)
        await self.outbox.look()

    async def close(self) -> None:
        await self.outbox.close()
        for gate in self.gates:
            await gate.close()


@asynccontextmanager
async def world(*names: str, most_age: timedelta | None = None) -> AsyncIterator[World]:
    made = World(*(names or ("desk",)), most_age=most_age)
    async with asyncio.TaskGroup() as group:
        opened = asyncio.Event()
        done = asyncio.Event()

        async def listen() -> None:
            async with _all(list(made.desks.values())):
                opened.set()
                await done.wait()

        group.create_task(listen())
        await opened.wait()
        made.start()
        try:
            yield made
        finally:
            await made.close()
            done.set()


@asynccontextmanager
async def _all(desks: list[Desk]) -> AsyncIterator[None]:
    if not desks:
        yield
        return
    async with desks[0].listening(), _all(desks[1:]):
        yield


async def test_it_is_told_at_once_after_the_commit_signed_and_then_it_is_gone() -> None:
    async with world() as here:
        await here.call("CA1")
        await until(lambda: len(here.desk.heard) == 1, 1.0)
        await here.quiet()

        (message,) = here.desk.heard
        key, moment = message.headers["webhook-id"], message.headers["webhook-timestamp"]
        assert message.headers["idempotency-key"] == key
        assert message.headers["webhook-signature"] == signature(secret_of(SECRET), key, moment, message.body)
        assert msgspec.json.decode(message.body)["data"]["outcome"] == "answered"
        assert here.outbox.standing == Standing(0, 0)
        assert here.told == {Result.DELIVERED: 1}


async def test_the_commit_waits_for_nobody_outside() -> None:
    async with world() as here:
        here.desk.answer = SLOW
        began = time.monotonic()
        for number in range(50):
            await here.call(f"CA{number}")

        assert time.monotonic() - began < 1.0  # a try alone may take five
        assert len(here.desk.heard) <= engine.AT_ONCE


@pytest.mark.parametrize(
    ("trouble", "fault"),
    [
        (DOWN, "broken"),
        (ERRORS, "status"),
        (saying("400 Bad Request"), "status"),
        (saying("302 Found", "location: http://169.254.169.254/"), "status"),
        (cut_off(b""), "broken"),
        (cut_off(b"HTTP/1.1 200 O"), "broken"),
        (cut_off(b"HTTP/1.1 200 OK\r\ncontent-le"), "broken"),
        (saying("200 OK\x01", "\x00: x"), "broken"),
    ],
    ids=["hangs up", "500", "400", "302", "reset", "reset in the status", "reset in the headers", "nonsense"],
)
async def test_one_in_trouble_is_told_again_with_the_same_id_and_words_when_it_is_well(
    trouble: Answer | None, fault: str
) -> None:
    async with world() as here:
        here.desk.answer = trouble or cut_off(b"")
        await here.call("CA1")
        await here.quiet()
        (letter,) = await here.store.outbox.letters(9)
        assert (letter.tries, letter.fault) == (1, fault)

        here.desk.answer = WELL
        await here.later(PAUSES[0] * 0.7)
        assert len(here.desk.heard) == 1
        await here.later(PAUSES[0] * 0.6)

        assert here.outbox.standing == Standing(0, 0)
        assert len(here.desk.heard) == 2
        assert len(here.desk.ids()) == len({one.body for one in here.desk.heard}) == 1
        assert here.told == {Result.FAILED: 1, Result.DELIVERED: 1}


async def test_where_nobody_listens_it_is_kept_and_told_later() -> None:
    here = World("desk")
    async with here.desk.listening():
        url = here.desk.url
    here.start()
    await here.call("CA1")
    await here.quiet()
    (letter,) = await here.store.outbox.letters(9)

    assert letter.fault == "connection"
    assert url.startswith("http://127.0.0.1")
    await here.close()


async def test_one_that_does_not_answer_is_a_try_in_vain_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdsvc.engine.webhook.SECONDS", 0.05)
    async with world() as here:
        here.desk.answer = SLOW
        await here.call("CA1")
        await here.quiet()

        (letter,) = await here.store.outbox.letters(9)
        assert letter.fault == "slow"


async def test_what_was_answered_well_is_told_even_if_the_rest_of_the_answer_never_comes() -> None:
    async with world() as here:
        here.desk.answer = cut_off(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nthan")
        await here.call("CA1")
        await here.quiet()

        assert here.told == {Result.DELIVERED: 1}
        assert len(here.desk.heard) == 1


async def test_who_asks_us_to_stay_away_is_left_alone_for_as_long() -> None:
    async with world() as here:
        here.desk.answer = BUSY
        await here.call("CA1")
        await here.quiet()
        here.desk.answer = WELL

        await here.later(7100)
        assert len(here.desk.heard) == 1
        await here.later(200)
        assert len(here.desk.heard) == 2


async def test_after_five_tries_it_is_dead_and_kept_and_a_person_can_bring_it_back() -> None:
    async with world() as here:
        here.desk.answer = ERRORS
        await here.call("CA1")
        for pause in (0.0, *PAUSES):
            await here.later(pause * 1.3)
        assert here.outbox.standing == Standing(waiting=0, dead=1)
        assert here.told == {Result.FAILED: MOST_TRIES - 1, Result.DEAD: 1}
        await here.later(1e6)
        assert here.desk.ids().most_common(1)[0][1] == MOST_TRIES

        here.desk.answer = WELL
        (dead,) = await here.store.outbox.letters(9)
        now = here.clock.now().timestamp()
        assert await see_to(here.store.outbox, Do.RETRY, "", "desk", now) == 1
        await here.later(0)

        assert here.outbox.standing == Standing(0, 0)
        assert here.desk.ids() == {dead.effect.key: MOST_TRIES + 1}


async def test_the_dead_among_many_block_nobody() -> None:
    async with world() as here:
        here.desk.answer = ERRORS
        await here.call("CA1")
        for pause in (0.0, *PAUSES):
            await here.later(pause * 1.3)
        here.desk.answer = WELL
        for number in range(10, 30):
            await here.call(f"CA{number}")
        await here.quiet()

        assert len({one.call for one in here.desk.heard}) == 21
        assert here.outbox.standing == Standing(waiting=0, dead=1)


async def test_one_that_is_dead_or_hangs_delays_none_of_the_others() -> None:
    async with world("away", "hangs", "fails", "well", "fine") as here:
        here.desks["away"].answer = cut_off(b"")
        here.desks["hangs"].answer = SLOW
        here.desks["fails"].answer = ERRORS
        began, arrived = time.monotonic(), dict[str, float]()
        for number in range(100):
            if number == 20:
                await until(lambda: len(here.desks["hangs"].heard) == engine.AT_ONCE, 2.0)
            await here.call(f"CA{number}")
            await asyncio.sleep(0)
        for name in ("well", "fine"):
            await until(lambda name=name: len(here.desks[name].ids()) == 100, 4.0)
            arrived[name] = time.monotonic() - began

        await until(lambda: here.told[Result.DELIVERED] == 200)
        assert max(arrived.values()) < 4.0  # one that hangs holds each of its own for five
        assert len(here.desks["hangs"].heard) <= engine.AT_ONCE


async def test_more_than_are_at_hand_are_told_out_of_the_store_each_once() -> None:
    async with world() as here:
        for number in range(engine.AT_HAND * 3):
            for step in steps(f"CA{number}", *one_call()):
                await here.store.save(step.session, step.facts)
        for _ in range(4):
            await here.later(engine.LEASE)

        assert set(here.desk.ids().values()) == {1}
        assert len(here.desk.ids()) == engine.AT_HAND * 3


async def test_what_has_lost_its_sense_is_dropped_and_counted_and_not_tried_again() -> None:
    async with world(most_age=HOUR) as here:
        here.clock.moment = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
        here.desk.answer = ERRORS
        await here.call("CA1")
        await here.quiet()
        await here.later(HOUR.total_seconds())

        assert len(here.desk.heard) == 1
        assert here.told == {Result.FAILED: 1, Result.DROPPED: 1}
        assert here.outbox.standing == Standing(0, 0)


async def test_another_process_takes_up_what_one_that_died_had_and_nothing_is_told_by_both() -> None:
    async with world() as here:
        here.desk.answer = WELL
        for step in steps("CA1", *one_call()):
            await here.store.save(step.session, step.facts)  # and then it is killed: nobody hears of the facts

        await here.later(engine.LEASE - 1)
        assert here.desk.heard == []
        await here.later(1)
        assert len(here.desk.heard) == 1


async def test_control_without_a_letter_what_a_killed_process_was_to_tell_is_lost() -> None:
    async with world() as here:
        here.store.outbox.causes = lambda session, facts: ()
        for step in steps("CA1", *one_call()):
            await here.store.save(step.session, step.facts)

        for _ in range(5):
            await here.later(3600)
        assert here.desk.heard == []


async def test_what_was_told_before_the_store_had_it_is_not_told_again_by_the_same_process() -> None:
    async with world() as here:
        told = list(steps("CA1", *one_call()))
        for step in told:
            here.outbox.facts(step.session, step.facts)  # put by, for the store is away
        await here.quiet()
        assert len(here.desk.heard) == 1

        for step in told:
            await here.store.save(step.session, step.facts)
        await here.later(engine.LEASE)

        assert len(here.desk.heard) == 1
        assert here.outbox.standing == Standing(0, 0)


async def test_verdicts_wait_for_a_store_that_is_away() -> None:
    async with world() as here:
        box, settle = here.store.outbox, here.store.outbox.settle

        async def away(verdicts: object) -> int:
            raise StoreUnavailable("away")

        box.settle = away  # type: ignore[method-assign]  # for a while
        await here.call("CA1")
        await until(lambda: here.told[Result.DELIVERED] == 1)
        await here.outbox.look()
        box.settle = settle  # type: ignore[method-assign]
        await asyncio.sleep(0.1)
        await here.outbox.look()
        await here.quiet()

        assert here.outbox.standing == Standing(0, 0)
        assert len(here.desk.heard) == 1


async def test_what_is_under_way_when_the_service_stops_may_end() -> None:
    async with world() as here:

        async def soon(writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(0.2)
            await WELL(writer)

        here.desk.answer = soon
        await here.call("CA1")
        await until(lambda: len(here.desk.heard) == 1)
        await here.outbox.close()

        assert await here.store.outbox.standing() == Standing(0, 0)
        await here.call("CA2")
        await here.later(engine.LEASE)
        assert len(here.desk.heard) == 1
        assert await here.store.outbox.standing() == Standing(waiting=1, dead=0)


async def test_a_private_address_that_is_not_allowed_is_never_connected_to() -> None:
    async with world() as here:
        here.gates.append(Outbound())
        closed = Webhook(here.desk.url, (), here.gates[-1].post, here.clock, "desk")
        effect = Effect(key="k", to="desk", kind="wait.ended", call="a/b", line="l", turn=0, body=b"{}")
        with pytest.raises(OutboundFailed) as refused:
            await closed(effect)

        assert refused.value.why == "address"
        assert here.desk.heard == []


async def test_no_log_line_holds_an_address_a_secret_or_a_word_of_the_message(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    async with world() as here:
        for answer in (ERRORS, cut_off(b""), WELL):
            here.desk.answer = answer
            await here.later(1e5)
            await here.call(f"CA{id(answer)}")
            await here.quiet()
        lines = [f"{record.getMessage()} {vars(record)} {record.exc_text}" for record in caplog.records]

    assert any("effect_failed" in line for line in lines)
    ours = [line for line in lines if "holdsvc" in line]
    for word in ("a-token-in-the-path", SECRET, "secret-secret", "answered", "pseudonym"):
        assert not [line for line in ours if word in line], word


async def test_with_nobody_to_tell_there_is_nothing_to_do() -> None:
    store = MemoryStore()
    idle = Outbox(store.outbox, {}, (), Clock(), random.Random(1))
    for step in steps("CA1", *one_call()):
        await store.save(step.session, step.facts)
        idle.facts(step.session, step.facts)

    assert await store.outbox.letters(9) == []


async def test_what_is_for_nobody_any_more_dies_where_a_person_sees_it() -> None:
    async with world("desk", "left") as here:
        for desk in here.desks.values():
            desk.answer = ERRORS
        await here.call("CA1")
        await here.quiet()
        await here.outbox.close()
        del here.desks["left"]
        here.start()

        await here.outbox.bury()

        dead, waiting = await here.store.outbox.letters(9)
        assert (dead.effect.to, dead.fault, dead.died is not None) == ("left", "nobody", True)
        assert (waiting.effect.to, waiting.died) == ("desk", None)
