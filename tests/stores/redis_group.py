"""A Redis with replicas, and Sentinels that watch it, for a test: each on its own spot, all gone with the context."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct
from redis import Redis

from tests.stores.redis_server import HOST, SLOTS, RedisServer, join, program

NAME = "held"
DOWN_AFTER = 1.0  # seconds
GIVE_UP = 3.0  # seconds after which another try to fail over may begin
AT_ONCE = ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")
RULES = """
sentinel monitor {name} {host} {port} {quorum}
sentinel down-after-milliseconds {name} {down}
sentinel failover-timeout {name} {give_up}
sentinel parallel-syncs {name} 2
"""


class Spot(Struct, frozen=True):
    """Where one runs: how the others know it, how we reach it, and a command that it runs under."""

    known: str = HOST
    reached: str = HOST
    before: tuple[str, ...] = ()


class Group:
    """`nodes`: the first one begins as master."""

    def __init__(self, folder: Path, spots: Sequence[Spot]) -> None:
        self.spots = tuple(spots)
        self.nodes = [
            RedisServer(folder / f"node{n}", *AT_ONCE, host=spot.reached, before=spot.before)
            for n, spot in enumerate(spots)
        ]
        self.sentinels = [
            RedisServer(folder / f"sentinel{n}", host=spot.reached, before=spot.before) for n, spot in enumerate(spots)
        ]
        watched = ",".join(f"{spot.known}:{one.port}" for spot, one in zip(spots, self.sentinels, strict=True))
        self.url = f"redis+sentinel://{watched}/{NAME}"

    def start(self) -> None:
        self.nodes[0].start()
        for one in self.nodes[1:]:
            self.start_as_replica(one)
        for one in self.nodes[1:]:
            self.follows(one)

    def start_as_replica(self, node: RedisServer, master: RedisServer | None = None) -> None:
        at, port = self.address(master or self.nodes[0])
        node.options = (*AT_ONCE, "--replicaof", f"{at} {port}")
        node.start()

    def follows(self, node: RedisServer, master: RedisServer | None = None) -> None:
        """Until its master has heard that it has all: the replica says so first, up to a second before WAIT counts it."""
        one = master or self.nodes[0]
        line = re.compile(rf"port={node.port},state=online,offset=[1-9]".encode())
        one.wait_for(lambda: one.ask("SET", "touched", "") and line.search(one.ask("INFO", "replication")))

    def is_followed(self, master: RedisServer) -> bool:
        """All the others have just taken what was written here: a replica that is called online may still be loading."""
        with Redis(master.host, master.port, socket_timeout=5).client() as one:
            one.set("touched", "")
            return int(one.wait(len(self.nodes) - 1, 1000)) == len(self.nodes) - 1  # type: ignore[arg-type]  # redis-py's

    def watch(self, down_after: float = DOWN_AFTER) -> None:
        """Sentinels at every spot; most of them must agree."""
        at, port = self.address(self.nodes[0])
        for one in self.sentinels:
            rules = one.folder / "sentinel.conf"
            quorum = len(self.sentinels) // 2 + 1
            times = {"down": round(1000 * down_after), "give_up": round(1000 * GIVE_UP)}
            rules.write_text(RULES.format(name=NAME, host=at, port=port, quorum=quorum, **times), "utf-8")
            one.start_as(program(), str(rules), "--sentinel", *one.at)
        for one in self.sentinels:
            one.wait_for(lambda one=one: self._sees_all(one))

    def _sees_all(self, sentinel: RedisServer) -> bool:
        told = sentinel.ask("SENTINEL", "MASTER", NAME).split(b"\r\n")
        others, slaves = (int(told[told.index(word) + 2]) for word in (b"num-other-sentinels", b"num-slaves"))
        return others == len(self.sentinels) - 1 and slaves == len(self.nodes) - 1

    def address(self, node: RedisServer) -> tuple[str, int]:
        return self.spots[self.nodes.index(node)].known, node.port

    def master(self, sentinel: RedisServer | None = None) -> RedisServer:
        """As a Sentinel says."""
        told = (sentinel or self.sentinels[-1]).ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME).split(b"\r\n")
        at = told[2].decode(), int(told[4])
        return next(one for one in self.nodes if self.address(one) == at)

    def stop(self) -> None:
        for one in (*self.sentinels, *self.nodes):
            with contextlib.suppress(AttributeError):  # it was never started
                one.kill()


@contextlib.contextmanager
def group(spots: Sequence[Spot] = (Spot(), Spot(), Spot()), *, watched: bool = False) -> Iterator[Group]:
    """A master and a replica at each other spot; `watched` by a Sentinel at each."""
    folder = Path(tempfile.mkdtemp(prefix="holdsvc-redis-"))
    one = Group(folder, spots)
    try:
        one.start()
        if watched:
            one.watch()
        yield one
    finally:
        one.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def frozen(*servers: RedisServer) -> Iterator[None]:
    """They answer nothing and close nothing."""
    for one in servers:
        os.kill(one.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for one in servers:
            os.kill(one.pid, signal.SIGCONT)


@contextlib.contextmanager
def replicated_cluster(masters: int = 3) -> Iterator[tuple[str, Sequence[RedisServer], Sequence[RedisServer]]]:
    """A Cluster in which each master has a replica: its address, the masters, and the replica of each."""
    folder = Path(tempfile.mkdtemp(prefix="holdsvc-redis-"))
    options = ("--cluster-enabled", "yes", *AT_ONCE)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        nodes = []
        for n in range(2 * masters):
            nodes.append(RedisServer(folder / str(n), *options))
            nodes[-1].start()
            stack.callback(nodes[-1].kill)
        join(nodes[:masters])
        for n, replica in enumerate(nodes[masters:]):
            follow(replica, nodes[n])
        yield "redis+cluster://" + ",".join(f"{HOST}:{one.port}" for one in nodes), nodes[:masters], nodes[masters:]


def follow(replica: RedisServer, master: RedisServer) -> None:
    replica.ask("CLUSTER", "MEET", HOST, str(master.port))
    name = master.ask("CLUSTER", "MYID").split(b"\r\n")[1].decode()
    replica.wait_for(lambda: replica.ask("CLUSTER", "REPLICATE", name).startswith(b"+OK"))
    line = re.compile(rb"state=online,offset=[1-9]")
    master.wait_for(lambda: line.search(master.ask("INFO", "replication")))


def part_is_at(part_slot: int, masters: int = 3) -> int:
    """Which of the masters holds a slot, as `join` deals them out."""
    return next(n for n in range(masters) if part_slot <= SLOTS * (n + 1) // masters - 1)
