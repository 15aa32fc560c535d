"""The machines of a trial: replicas, their Redis and PostgreSQL, and the balancer before them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from holdsvc.config import shipped
from holdsvc.content.library import Library
from tests.chaos.diary import Note
from tests.chaos.haproxy import Haproxy
from tests.faults.callers import STREAMING
from tests.faults.replicas import SECRET
from tests.faults.service import HOST, POLL, READY_WITHIN, Service
from tests.stores.postgres_server import PostgresServer, new_database, one_server
from tests.stores.redis_server import RedisServer, one_node

WINDOW = 10.0  # seconds that streams have to end by themselves when a replica is told to stop
LEAVE = "6"  # the key that takes a caller out of the queue
SETTINGS = {
    **STREAMING,
    "SERVICE__SECRET": SECRET,
    "SERVICE__DRAIN_SECONDS": str(WINDOW),
    "QUEUES__SUPPORT__MENU__LEAVE": LEAVE,
}


class HasUrl(Protocol):
    url: str


class Place(Struct, frozen=True):
    """Where a replica runs: the address at which others find it, and a command that it runs under. Under one it has a loopback of
    its own, as it may be, and reaches PostgreSQL by its socket.
    """

    host: str = HOST
    before: tuple[str, ...] = ()


HERE = (Place(), Place(), Place())


class Replica(Service):
    """`flaw`: the program is broken in this way, for a control."""

    def __init__(self, folder: Path, place: Place, flaw: str, **settings: str) -> None:
        super().__init__(folder, before=place.before, SERVICE__HOST=place.host, **settings)
        self.host, self.base, self._flaw = place.host, f"http://{place.host}:{self.port}", flaw

    def start(self, *more: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        program = ["tests.chaos.flawed", self._flaw] if self._flaw else ["holdsvc"]
        words = [*self._before, sys.executable, "-m", *program, "serve", "--port", str(self.port), *more]
        with (self.folder / "service.log").open("ab") as log:
            self._began = time.monotonic()
            self._process = subprocess.Popen(
                words, env=self._environment(), stdout=log, stderr=log, start_new_session=True
            )

    def terminate(self) -> None:
        """SIGTERM alone. It drains, and ends when it has."""
        self.process.send_signal(signal.SIGTERM)

    def _ready(self) -> bool:
        return is_ready(self.base)


class Cluster:
    """`redis` and `postgres` are whatever the fault breaks; `database` is the wait log's address."""

    def __init__(
        self, replicas: Sequence[Replica], balancer: Haproxy, redis: HasUrl, postgres: PostgresServer, database: str
    ) -> None:
        self.replicas, self.balancer = tuple(replicas), balancer
        self.redis, self.postgres, self.database = redis, postgres, database
        self.happened: list[Note] = []

    def note(self, words: str) -> None:
        """Something was done to a machine, just now."""
        self.happened.append((time.monotonic(), words))

    def name(self, replica: Replica) -> str:
        return f"replica{self.replicas.index(replica)}"

    @property
    def base(self) -> str:
        """Where the platform finds us."""
        return self.balancer.base

    @property
    def node(self) -> RedisServer:
        """The one Redis, where that is what there is."""
        assert isinstance(self.redis, RedisServer)
        return self.redis

    async def start(self) -> None:
        for one in self.replicas:
            one.start()
        await asyncio.gather(*(self.ready(one) for one in self.replicas))
        self.balancer.start()
        await asyncio.to_thread(self.balancer.wait_until_up)

    def stop(self) -> None:
        for one in self.replicas:
            one.kill()
        self.balancer.stop()

    async def ready(self, replica: Replica) -> float:
        return await asyncio.to_thread(replica.wait_until_ready)

    async def stopped(self, replica: Replica) -> None:
        """It was told to stop, and has drained."""
        await asyncio.to_thread(replica.process.wait, WINDOW + 20.0)

    async def restart(self, replica: Replica) -> None:
        """In order, as a rolling update does it: the next one has its turn when this one is ready again."""
        replica.terminate()
        self.note(f"{self.name(replica)} TOLD TO STOP")
        await self.stopped(replica)
        await self._start_again(replica)

    async def crash(self, replica: Replica, away: float = 1.0) -> None:
        """kill -9, and started anew after so many seconds."""
        self.note(f"{self.name(replica)} KILLED")
        await asyncio.to_thread(replica.kill)
        await asyncio.sleep(away)
        await self._start_again(replica)

    async def _start_again(self, replica: Replica) -> None:
        replica.start()
        seconds = await self.ready(replica)
        self.note(f"{self.name(replica)} READY, {seconds:.1f} s from its start")

    def freeze(self, server: RedisServer) -> None:
        """It answers nothing and closes nothing, as a machine that has hung."""
        os.kill(server.pid, signal.SIGSTOP)

    def thaw(self, server: RedisServer) -> None:
        os.kill(server.pid, signal.SIGCONT)


@asynccontextmanager
async def raised(
    flaw: str = "",
    *,
    redis: Callable[[], AbstractContextManager[HasUrl]] = one_node,
    places: Sequence[Place] = HERE,
    balancer_at: str = HOST,
    **settings: str,
) -> AsyncIterator[Cluster]:
    """A cluster that is ready. All of it goes away with the context."""
    async with AsyncExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="holdsvc-chaos-", ignore_cleanup_errors=True))
        )
        state, postgres = stack.enter_context(redis()), stack.enter_context(one_server())
        database = await asyncio.to_thread(new_database, postgres)
        common = {**SETTINGS, "STORE__URL": state.url, "LEDGER__URL": database, **settings}
        elsewhere = {"LEDGER__URL": f"{database.replace(f'127.0.0.1:{postgres.port}', '')}?{postgres.socket}"}
        replicas = [
            Replica(folder / f"replica{n}", place, flaw, **common | (elsewhere if place.before else {}))
            for n, place in enumerate(places)
        ]
        await asyncio.to_thread(fill_shelves, [one.folder for one in replicas])
        balancer = Haproxy(folder / "balancer", [(one.host, one.port) for one in replicas], balancer_at)
        cluster = Cluster(replicas, balancer, state, postgres, database)
        stack.callback(cluster.stop)
        await cluster.start()
        yield cluster


def fill_shelves(folders: Sequence[Path]) -> None:
    """Each replica would make the sound that is not shipped, for minutes and on all cores: here the house track's will do."""
    media = shipped("media")
    library = Library.open(media, [media / "prepared"])
    house = media / "prepared" / f"{library.hash_of(library.house.id)}.ulaw"
    for folder in folders:
        (folder / "sound").mkdir(parents=True)
        for source in library.pending():
            (folder / "sound" / f"{source.sound}.ulaw").symlink_to(house)


def is_ready(base: str) -> bool:
    try:
        with urllib.request.urlopen(f"{base}/readyz", timeout=1.0) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


__all__ = ["HERE", "POLL", "READY_WITHIN", "Cluster", "Place", "Replica", "is_ready", "raised"]
