"""A PostgreSQL of one's own for a test: on loopback, in a folder that goes away, run by nobody in particular."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import count
from pathlib import Path

import asyncpg
import pytest

from tests.faults.service import free_port
from tests.stores.redis_server import Leash

PLACES = "/usr/lib/postgresql/*/bin"  # where Debian puts what is not for everybody's PATH
USER = "holdsvc"
# Nobody cuts the power of a test, so that what the system was told need not be on the disk.
QUICK = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=40", "-c", "shared_buffers=16MB")
STARTED, STOPPED = 30, 30  # seconds
KEPT = 30  # databases; each takes 8 MB of the disk
numbers = count(1)


def programs() -> Path:
    """The folder of the server's programs; without it the test is skipped, but never on a build machine."""
    found = sorted(Path("/").glob(f"{PLACES[1:]}/initdb"), key=lambda path: float(path.parts[-3]))
    beside = shutil.which("initdb")
    if found or beside:
        return (found[-1] if found else Path(str(beside)).resolve()).parent
    message = "PostgreSQL is missing: install the package postgresql"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


class PostgresServer:
    """`stop` ends it in order, `kill` as a power cut would end the process; `start` takes the same folder and port again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port, self._bin = folder, free_port(), programs()
        self._as = who()
        folder.mkdir(parents=True, exist_ok=True)
        if self._as is not None:
            os.chown(folder, *self._as)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{database}"

    @property
    def socket(self) -> str:
        """The part of an address that names its socket, in place of a host."""
        return f"host={self.folder}&port={self.port}"

    def make(self) -> None:
        how = ("--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8", f"--username={USER}")
        self._run("initdb", "-D", str(self._data), *how)

    def start(self) -> None:
        options = " ".join((f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1", *QUICK))
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", str(self._data), "-w", "-t", str(STARTED), "-l", log, "-o", options, "start")
        pid = int((self._data / "postmaster.pid").read_text("utf-8").split()[0])
        self.leash = Leash(pid, self.folder)

    def stop(self, how: str = "fast") -> None:
        self.leash.cut()
        self._run("pg_ctl", "-D", str(self._data), "-w", "-t", str(STOPPED), "-m", how, "stop")

    def kill(self) -> None:
        self.stop("immediate")

    @property
    def running(self) -> bool:
        return (self._data / "postmaster.pid").exists()

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _run(self, name: str, *words: str) -> None:
        user, group = self._as or (None, None)
        done = subprocess.run(
            [str(self._bin / name), *words],
            user=user,
            group=group,
            extra_groups=[] if self._as else None,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # a pipe would stay open for as long as the server lives
            stderr=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
        if done.returncode:
            log = self.folder / "log"
            raise AssertionError(f"{name} failed: {log.read_text('utf-8')[-2000:] if log.exists() else words}")


def who() -> tuple[int, int] | None:
    """PostgreSQL refuses to run as root; then somebody else runs it."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            found = pwd.getpwnam(name)
            return found.pw_uid, found.pw_gid
    raise AssertionError("there is nobody here as whom PostgreSQL could run")


@contextlib.contextmanager
def one_server() -> Iterator[PostgresServer]:
    programs()
    folder = Path(tempfile.mkdtemp(prefix="holdsvc-postgres-"))
    server = PostgresServer(folder)
    try:
        server.make()
        server.start()
        yield server
    finally:
        with contextlib.suppress(AssertionError):  # it may be stopped already
            server.kill()
        shutil.rmtree(folder)


@cache
def shared_server() -> PostgresServer:
    """One for all tests; it ends with the tests."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(one_server())


def new_database(server: PostgresServer | None = None) -> str:
    """The address of an empty one. Those of tests that are long over go."""
    server, number = server or shared_server(), next(numbers)
    if number > KEPT:
        told(server.url(), f"DROP DATABASE test{number - KEPT} WITH (FORCE)")
    told(server.url(), f"CREATE DATABASE test{number} STRATEGY file_copy")
    return server.url(f"test{number}")


def told(url: str, sql: str) -> list[tuple[object, ...]]:
    """Whether a loop runs here or not."""

    async def tell() -> list[tuple[object, ...]]:
        connection = await asyncpg.connect(url)
        try:
            if sql.lstrip().upper().startswith("SELECT"):
                return [tuple(row) for row in await connection.fetch(sql)]
            await connection.execute(sql)
            return []
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as apart:
        return apart.submit(asyncio.run, tell()).result()
