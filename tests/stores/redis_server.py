"""A Redis of one's own for a test: one node, or a Cluster of three masters, on loopback, in a folder that goes away."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

from holdsvc.stores.mover import Mover, SqlLog
from holdsvc.stores.redis import PARTS, RedisStore, log_of
from holdsvc.stores.redis_link import NONE, Link, Replicas, connect
from holdsvc.stores.sqlite_log import SqliteLog

SAFE = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")
HOST = "127.0.0.1"
READY_WITHIN = 30.0  # seconds
PATIENT = 20.0  # seconds that a Redis on a busy machine may take for an answer
SLOTS = 16384
GIVEN: set[int] = set()  # ports
APART = 97  # ports between those of two processes that began one after the other
# Nobody writes: what is read is the end of our pipe. Children of a killed server may still write for a moment.
WHEN_WE_ARE_GONE = 'read -r _; kill -9 "$1"; rm -rf "$2" || { sleep 2; rm -rf "$2"; }'


def program() -> str:
    """Where redis-server is; without it the test is skipped, but never on a build machine."""
    path = shutil.which("redis-server") or shutil.which("valkey-server")
    if path is None and os.environ.get("CI") == "true":
        pytest.fail("redis-server is missing: install the package redis-server")
    if path is None:
        pytest.skip("redis-server is missing: install the package redis-server")
    return path


def free_port() -> int:
    """Below those that the kernel gives out, and with room for a Cluster's second port; processes side by side begin apart.
    None is given twice.
    """
    for port in range(max(GIVEN, default=21_000 + os.getpid() * APART % 5_000) + 1, 32_000):
        with contextlib.suppress(OSError), socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", port))
            other.bind(("127.0.0.1", port + 10_000))
            GIVEN.add(port)
            return port
    raise AssertionError("there is no free port")


class Leash:
    """Kills a process and removes its folder when ours ends, however it ends: a killed one runs no cleanup of its own."""

    def __init__(self, pid: int, folder: Path) -> None:
        words = ["/bin/sh", "-c", WHEN_WE_ARE_GONE, "leash", str(pid), str(folder)]
        self._guard = subprocess.Popen(words, stdin=subprocess.PIPE, start_new_session=True)

    @property
    def pid(self) -> int:
        return self._guard.pid

    def cut(self) -> None:
        self._guard.kill()
        self._guard.communicate()


class RedisServer:
    """One process. `kill` is kill -9; `start` takes the same folder and port again. `before` is a command that runs it elsewhere,
    `host` where we find it then; it listens at all addresses there.
    """

    def __init__(
        self, folder: Path, *options: str, port: int | None = None, host: str = HOST, before: Sequence[str] = ()
    ) -> None:
        self.folder, self.options, self.port = folder, options, port or free_port()
        self.host, self.before = host, tuple(before)
        self.url = f"redis://{host}:{self.port}"
        folder.mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        self.start_as(program(), *self.at, "--dir", str(self.folder), *SAFE, *self.options)

    @property
    def at(self) -> tuple[str, ...]:
        where = ("--bind", HOST) if self.host == HOST else ("--bind", "0.0.0.0", "--protected-mode", "no")
        return ("--port", str(self.port), *where)

    def start_as(self, *words: str) -> None:
        with (self.folder / "out").open("ab") as file:
            self._process = subprocess.Popen([*self.before, *words], stdout=file, stderr=file)
        self.leash = Leash(self._process.pid, self.folder)
        self.wait_for(lambda: self.ask("PING").startswith(b"+PONG"))

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        self.leash.cut()
        self._process.kill()
        self._process.wait()

    def ask(self, *words: str) -> bytes:
        line = f"*{len(words)}\r\n" + "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)
        with socket.create_connection((self.host, self.port), 5) as line_to:
            line_to.sendall(line.encode())
            return line_to.recv(65536)

    def wait_for(self, holds: object) -> None:
        until = time.monotonic() + READY_WITHIN
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                if callable(holds) and holds():
                    return
            time.sleep(0.02)
        raise AssertionError((self.folder / "out").read_text("utf-8")[-2000:])


@contextlib.contextmanager
def one_node() -> Iterator[RedisServer]:
    folder = Path(tempfile.mkdtemp(prefix="holdsvc-redis-"))
    server = RedisServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder)


@contextlib.contextmanager
def cluster(masters: int = 3) -> Iterator[Sequence[RedisServer]]:
    folder = Path(tempfile.mkdtemp(prefix="holdsvc-redis-"))
    servers: list[RedisServer] = []
    try:
        for n in range(masters):
            servers.append(
                RedisServer(folder / str(n), "--cluster-enabled", "yes", "--cluster-require-full-coverage", "yes")
            )
            servers[-1].start()
        join(servers)
        yield servers
    finally:
        for server in servers:
            server.kill()
        shutil.rmtree(folder)


@contextlib.contextmanager
def watched() -> Iterator[tuple[RedisServer, RedisServer, str]]:
    """A master, its replica and one Sentinel, which by itself may say who is master; and the address of the three."""
    folder = Path(tempfile.mkdtemp(prefix="holdsvc-redis-"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        master = RedisServer(folder / "master")
        master.start()
        stack.callback(master.kill)
        replica = RedisServer(folder / "replica", "--replicaof", f"127.0.0.1 {master.port}")
        replica.start()
        stack.callback(replica.kill)
        replica.wait_for(lambda: b"master_link_status:up" in replica.ask("INFO", "replication"))
        sentinel = RedisServer(folder / "sentinel")
        rules = folder / "sentinel" / "sentinel.conf"
        rules.write_text(
            f"sentinel monitor held 127.0.0.1 {master.port} 1\nsentinel down-after-milliseconds held 500\n", "utf-8"
        )
        sentinel.start_as(program(), str(rules), "--sentinel", "--port", str(sentinel.port), "--bind", "127.0.0.1")
        stack.callback(sentinel.kill)
        sentinel.wait_for(lambda: str(replica.port).encode() in sentinel.ask("SENTINEL", "REPLICAS", "held"))
        yield master, replica, f"redis+sentinel://127.0.0.1:{sentinel.port}/held"


def join(servers: Sequence[RedisServer]) -> None:
    for n, server in enumerate(servers):
        first, last = SLOTS * n // len(servers), SLOTS * (n + 1) // len(servers) - 1
        server.ask("CLUSTER", "ADDSLOTSRANGE", str(first), str(last))
        server.ask("CLUSTER", "MEET", "127.0.0.1", str(servers[0].port))
    for server in servers:
        server.wait_for(lambda one=server: b"cluster_state:ok" in one.ask("CLUSTER", "INFO"))


@cache
def shared_node() -> RedisServer:
    """One for all tests; it ends with the tests."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(one_node())


@cache
def shared_cluster() -> tuple[RedisServer, ...]:
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    servers = tuple(stack.enter_context(cluster()))
    for server in servers:
        server.url = "redis+cluster://" + ",".join(f"127.0.0.1:{one.port}" for one in servers)
    return servers


def emptied(*servers: RedisServer) -> RedisServer:
    for server in servers:
        server.ask("FLUSHALL")
    return servers[0]


def redis_store(url: str, log: Path | SqlLog, lease: float = 0.0, replicas: Replicas = NONE) -> RedisStore:
    """Without a lease a call is handed out as due again and again, as by a store of one process."""
    link = Link(connect(url, PATIENT), replicas)
    mover = Mover(link, SqliteLog(log) if isinstance(log, Path) else log, log_of, PARTS)
    return RedisStore(link, mover, lease=lease)
