"""The way to Redis: one node, a master under Sentinel, or a Cluster; and one pipeline for all that is asked in a turn of the loop.

A Redis that does not answer must not hold up a webhook: every wait has an end, and after one that ended so, nobody waits again
for a moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, TypeAlias
from urllib.parse import SplitResult, unquote, urlsplit

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from holdsvc.errors import ConfigError, StoreUnavailable

ANSWER = 0.5  # seconds that Redis has for an answer, and as long for taking a connection
REST = 0.25  # seconds after a wait in vain during which nobody waits again
MOST_AT_ONCE = 200  # commands in one pipeline
CONNECTIONS = 16
PORT, SENTINEL_PORT = 6379, 26379

Part: TypeAlias = str | bytes | int | float
Command: TypeAlias = tuple[Part, ...]
Client: TypeAlias = "Redis | RedisCluster"


def connect(url: str, answer: float = ANSWER) -> Client:
    """Raises `ConfigError`. Nothing is opened yet. `answer`: seconds that Redis has for one."""
    split = urlsplit(url)
    kind, _, tls = split.scheme.partition("+")
    secure = kind == "rediss"
    options: dict[str, Any] = {  # Any: as redis-py takes them
        "socket_timeout": answer,
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


class Link:
    """What is asked for in one turn of the loop goes out together, and every answer finds who asked."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._asked: list[tuple[Command, asyncio.Future[Any]]] = []
        self._flights: set[asyncio.Task[None]] = set()
        self._rests_until = 0.0

    async def ask(self, *command: Part) -> Any:  # Any: each command has its own kind of answer
        """Raises `StoreUnavailable` where no answer came, or one that says no."""
        loop = asyncio.get_running_loop()
        if loop.time() < self._rests_until:
            raise StoreUnavailable("Redis did not answer just now")
        done: asyncio.Future[Any] = loop.create_future()
        if not self._asked:
            loop.call_soon(self._go)
        self._asked.append((command, done))
        return await done

    async def all(self, commands: Sequence[Command]) -> list[Any]:
        return list(await asyncio.gather(*(self.ask(*command) for command in commands)))

    async def close(self) -> None:
        while self._flights:
            await asyncio.gather(*self._flights)
        await self.client.aclose()

    def _go(self) -> None:
        asked, self._asked = self._asked, []
        for at in range(0, len(asked), MOST_AT_ONCE):
            flight = asyncio.get_running_loop().create_task(self._fly(asked[at : at + MOST_AT_ONCE]))
            self._flights.add(flight)
            flight.add_done_callback(self._flights.discard)

    async def _fly(self, asked: list[tuple[Command, asyncio.Future[Any]]]) -> None:
        try:
            pipeline = self.client.pipeline(transaction=False)
            for command, _ in asked:
                pipeline.execute_command(*command)
            answers = await pipeline.execute(raise_on_error=False)
        except (RedisError, OSError, TimeoutError, asyncio.CancelledError) as error:
            self._rests_until = asyncio.get_running_loop().time() + REST
            answers = [error] * len(asked)
        for (_, done), answer in zip(asked, answers, strict=True):
            if done.done():
                continue
            if isinstance(answer, BaseException):
                done.set_exception(StoreUnavailable(f"Redis: {type(answer).__name__}: {answer}"))
            else:
                done.set_result(answer)
