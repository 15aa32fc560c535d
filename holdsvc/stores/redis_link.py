"""The way to Redis: one node, a master under Sentinel, or a Cluster; and one pipeline for all that is asked in a turn of the loop.

A Redis that does not answer must not hold up a webhook: every wait has an end, and after one that ended so, nobody waits again
for a moment; then one asks whether it is back, and the others do not wait for that. The same holds for replicas, where what is
written waits for them: WAIT stands behind the writes, on their connection, because it speaks for no other one; and not within a
script, where it would not wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from math import ceil
from typing import Any, TypeAlias
from urllib.parse import SplitResult, unquote, urlsplit

from msgspec import Struct
from redis.asyncio import ConnectionPool, Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, AuthorizationError, NoPermissionError, RedisError, ResponseError

from holdsvc.errors import ConfigError, StoreUnavailable

ANSWER = 0.5  # seconds that Redis has for an answer, and as long for taking a connection
GRACE = 0.02  # seconds more, in which an answer is read that came while we were busy
TICK = 0.02  # seconds in which patience is counted, one at most for each turn of the loop
MOST_PATIENCE = 3  # of its own length by the clock, however seldom we run
BROKEN_AFTER = 2  # times ANSWER without one; then it is asked again on another connection, and may be done twice
REST = 0.25  # seconds after a wait in vain during which nobody waits again
MOST_AT_ONCE = 200  # commands in one pipeline
FLIGHTS, SURE_FLIGHTS = 8, 4  # pipelines under way at once; the others, for those that wait for replicas
CONNECTIONS = 16  # with some for what listens
PORT, SENTINEL_PORT = 6379, 26379

Part: TypeAlias = str | bytes | int | float
Command: TypeAlias = tuple[Part, ...]
Client: TypeAlias = "Redis | RedisCluster"
Asked: TypeAlias = "tuple[Command, asyncio.Future[Any]]"  # Any: each command has its own kind of answer

NOT_NOW = "Redis did not answer just now"
CLOSED = RuntimeError  # uvloop's word for a connection on which one wanted to write, and that was reset just before
BROKEN = (RedisError, OSError, TimeoutError, CLOSED)
UNANSWERED = (*BROKEN, asyncio.CancelledError, StoreUnavailable)


def connect(url: str, answer: float = ANSWER) -> Client:
    """Raises `ConfigError`. Nothing is opened yet. `answer`: seconds that Redis has for one."""
    split = urlsplit(url)
    kind, _, tls = split.scheme.partition("+")
    secure = kind == "rediss"
    options: dict[str, Any] = {  # Any: as redis-py takes them
        "socket_timeout": BROKEN_AFTER * answer,
        "socket_connect_timeout": answer,
        "max_connections": CONNECTIONS,
        "retry": Retry(
            NoBackoff(), 1
        ),  # a connection that died while nobody used it; more is not this layer's to wait for
        "username": unquote(split.username) if split.username else None,
        "password": unquote(split.password) if split.password else None,
        "ssl": secure,
    }
    try:
        hosts = addresses(split, SENTINEL_PORT if tls == "sentinel" else PORT)
        if tls == "cluster":
            return RedisCluster(startup_nodes=[ClusterNode(host, port) for host, port in hosts], **options)
        if tls == "sentinel":
            name = split.path.strip("/") or "mymaster"
            # redis-py's Sentinel has no types
            watch = Sentinel(  # type: ignore[no-untyped-call]
                hosts, sentinel_kwargs={"socket_timeout": answer, "socket_connect_timeout": answer}
            )
            return watch.master_for(name, **options)  # type: ignore[no-any-return]
        ((host, port),) = hosts
        return Redis(host=host, port=port, db=int(split.path.strip("/") or 0), **options)
    except ValueError as error:
        raise ConfigError("store.url", f"{split.scheme}://… cannot be read as an address of Redis: {error}") from error


def addresses(split: SplitResult, port: int) -> list[tuple[str, int]]:
    """`host`, `host:port` and, for Sentinel and Cluster, several of them with commas between. Raises ValueError."""
    found = []
    for one in split.netloc.rpartition("@")[2].split(","):
        host, _, given = one.rpartition(":") if one.rpartition(":")[2].isdigit() else (one, "", "")
        if not host:
            raise ValueError("there is no host in it")
        found.append((host.strip("[]"), int(given or port)))
    return found


class Replicas(Struct, frozen=True):
    """How many must have what is written before it is answered, and for how many seconds that is waited for."""

    number: int = 0
    within: float = 0.2


NONE = Replicas()


class Patience:
    """Tells after so many seconds of ours: while this process is busy, or is not run, it reads no answer, however soon one came."""

    def __init__(self, seconds: float, tell: Callable[[], None]) -> None:
        self._loop, self._tell = asyncio.get_running_loop(), tell
        self._left, self._until = ceil(seconds / TICK), self._loop.time() + MOST_PATIENCE * seconds
        self._next = self._loop.call_later(TICK, self._tick)

    def cancel(self) -> None:
        self._next.cancel()

    def _tick(self) -> None:
        self._left -= 1
        if self._left and self._loop.time() < self._until:
            self._next = self._loop.call_later(TICK, self._tick)
        else:
            self._tell()


class Lane:
    """What is asked for in one turn of the loop goes out together. While as many pipelines are under way as may be, what comes
    waits for the next one.
    """

    def __init__(self, most: int, fly: Callable[[Sequence[Asked]], Coroutine[None, None, None]]) -> None:
        self._most, self._fly = most, fly
        self._asked: list[Asked] = []
        self._flights: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> bool:
        return bool(self._flights)

    def put(self, commands: Sequence[Command]) -> list[asyncio.Future[Any]]:
        loop = asyncio.get_running_loop()
        futures: list[asyncio.Future[Any]] = [loop.create_future() for _ in commands]
        if not self._asked:
            loop.call_soon(self._go)
        self._asked += zip(commands, futures, strict=True)
        return futures

    def refuse(self, why: str) -> None:
        """All that have not gone out yet."""
        asked, self._asked = self._asked, []
        answer(asked, [StoreUnavailable(why)] * len(asked))

    async def close(self) -> None:
        while self._flights:
            await asyncio.gather(*self._flights)

    def _go(self) -> None:
        while self._asked and len(self._flights) < self._most:
            asked, self._asked = self._asked[:MOST_AT_ONCE], self._asked[MOST_AT_ONCE:]
            flight = asyncio.get_running_loop().create_task(self._fly(asked))
            self._flights.add(flight)
            flight.add_done_callback(partial(self._landed, asked))

    def _landed(self, asked: Sequence[Asked], flight: asyncio.Task[None]) -> None:
        """Whatever became of it, nobody waits for an answer any more."""
        self._flights.discard(flight)
        error = None if flight.cancelled() else flight.exception()
        answer(asked, [error or StoreUnavailable(NOT_NOW)] * len(asked))
        self._go()


class Link:
    """Every answer finds who asked."""

    def __init__(self, client: Client, replicas: Replicas = NONE, patience: float | None = None) -> None:
        """`patience`: seconds, of ours, after which whoever asked hears no; the way to another master may still be looked for."""
        self.client, self.waits = client, replicas.number > 0
        self._replicas, self._patience = replicas, patience
        self._lane, self._sure = Lane(FLIGHTS, self._fly), Lane(SURE_FLIGHTS, self._fly_surely)
        self._rests_until = self._unsure_until = 0.0
        self._away = False  # the last who came back came without an answer
        self._nodes: dict[str, Redis] = {}  # of a Cluster

    async def ask(self, *command: Part) -> Any:  # Any: each command has its own kind of answer
        """Raises `StoreUnavailable` where no answer came, or one that says no."""
        self._refuse(self._rests_until)
        return await self._lane.put((command,))[0]

    async def all(self, commands: Sequence[Command]) -> list[Any]:
        self._refuse(self._rests_until)
        return list(await asyncio.gather(*self._lane.put(commands)))

    async def surely(self, commands: Sequence[Command]) -> list[Any]:
        """As `all`, but answered when the replicas have it, if any are waited for. The last command must write.

        Raises `StoreUnavailable` where they did not say so in time: what was asked may be there, or lost later.
        """
        if not self.waits:
            return await self.all(commands)
        self._refuse(max(self._rests_until, self._unsure_until))
        return list(await asyncio.gather(*self._sure.put(commands)))

    async def close(self) -> None:
        await self._lane.close()
        await self._sure.close()
        for node in self._nodes.values():
            await node.aclose()
        await self.client.aclose()

    def _refuse(self, until: float) -> None:
        busy = self._lane.busy or self._sure.busy
        if asyncio.get_running_loop().time() < until or (self._away and busy):
            raise StoreUnavailable(NOT_NOW)

    async def _fly(self, asked: Sequence[Asked]) -> None:
        answer(asked, await self._answers(self.client, asked, ()))

    async def _fly_surely(self, asked: Sequence[Asked]) -> None:
        try:
            flights = [(client, some) for client, some in await self._by_node(asked)]
            await asyncio.gather(*(self._fly_with_wait(client, some) for client, some in flights))
        except UNANSWERED as error:
            answer(asked, [error] * len(asked))

    async def _fly_with_wait(self, client: Client, asked: Sequence[Asked]) -> None:
        now = asyncio.get_running_loop().time
        if now() < max(self._rests_until, self._unsure_until):
            answer(asked, [StoreUnavailable(NOT_NOW)] * len(asked))
            return
        wait = ("WAIT", self._replicas.number, round(self._replicas.within * 1000))
        *answers, has = await self._answers(client, asked, wait)
        if not isinstance(has, int) or has < self._replicas.number:
            if isinstance(has, int):
                has = StoreUnavailable(f"{has} of {self._replicas.number} replicas have it")
                self._unsure_until = now() + REST
            answers = [has if not isinstance(one, BaseException) else one for one in answers]
        answer(asked, answers)

    async def _answers(self, client: Client, asked: Sequence[Asked], last: Command) -> list[Any]:
        """Of all that is asked, and of a last command, be they errors."""
        commands = [command for command, _ in asked] + ([last] if last else [])
        loop = asyncio.get_running_loop()
        late = Patience(self._patience + GRACE, partial(self._too_late, asked)) if self._patience else None
        try:
            pipeline = client.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)
            answers = list(await pipeline.execute(raise_on_error=False))
            self._away = False
            return answers
        except UNANSWERED as error:
            self._away, self._rests_until = True, loop.time() + REST
            self._refuse_who_waits()
            return [error] * len(commands)
        finally:
            if late is not None:
                late.cancel()

    def _too_late(self, asked: Sequence[Asked]) -> None:
        """The flight goes on: under Sentinel it may be on its way to another master, past some that do not answer."""
        if not all(done.done() for _, done in asked):
            self._away = True
            answer(asked, [StoreUnavailable("Redis has not answered yet")] * len(asked))
            self._refuse_who_waits()

    def _refuse_who_waits(self) -> None:
        for lane in (self._lane, self._sure):
            lane.refuse(NOT_NOW)

    async def _by_node(self, asked: Sequence[Asked]) -> list[tuple[Client, Sequence[Asked]]]:
        """A Cluster's client sends some of a pipeline again to another node, and there would be no saying what is sure."""
        if not isinstance(self.client, RedisCluster):
            return [(self.client, asked)]
        await self.client.initialize()
        parted: dict[str, list[Asked]] = {}
        for one in asked:
            node = self.client.get_node_from_key(str(one[0][3 if one[0][0] == "EVAL" else 1]))
            if node is None:
                raise StoreUnavailable("a part of the Cluster has no master")
            parted.setdefault(node.name, []).append(one)
            if node.name not in self._nodes:
                pool = ConnectionPool(node.connection_class, **node.connection_kwargs)
                self._nodes[node.name] = Redis.from_pool(pool)
        return [(self._nodes[name], some) for name, some in parted.items()]


def will_not_have_us(error: StoreUnavailable) -> bool:
    """Waiting does not help: it wants another password, gives us no rights, or is no Redis as we need it."""
    why = error.__cause__
    return isinstance(why, AuthenticationError | AuthorizationError | NoPermissionError) or type(why) is ResponseError


def answer(asked: Sequence[Asked], answers: Sequence[Any]) -> None:
    for (_, done), one in zip(asked, answers, strict=True):
        if done.done():
            continue
        if isinstance(one, StoreUnavailable):
            done.set_exception(StoreUnavailable(str(one)))
        elif isinstance(one, BaseException):
            why = StoreUnavailable(f"Redis: {type(one).__name__}: {one}")
            why.__cause__ = one
            done.set_exception(why)
        else:
            done.set_result(one)
