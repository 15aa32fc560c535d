"""The short form of a partition: one process on the side of the old master, told by its acknowledgements and by its wait log.

In network namespaces, under Sentinels; where the system refuses those, replicas leave their master by command, one of them is
promoted, and a proxy takes the process from one to the other. The long form, with three whole replicas under load, has a command:
`python -m tests.chaos partition`.
"""

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
import time
import warnings
from contextlib import closing

from tests.chaos.network import Refused, network
from tests.chaos.sentinel import taken_over_from
from tests.stores.redis_group import group
from tests.stores.redis_server import HOST, free_port

BEFORE, CUT = 1.0, 1.5  # seconds of calls
KINDS = {"began": "WaitBegan", "ended": "WaitEnded"}
FACTS = "SELECT s.call, count(*) FROM facts f JOIN sessions s ON s.id = f.session WHERE f.kind = ? GROUP BY s.call"


class Proxy:
    """Carries connections to one port until it is told of another; then it cuts them."""

    def __init__(self, port):
        self.port, self.to = free_port(), port
        self.lines = set()

    async def take(self, reader, writer):
        try:
            there = await asyncio.open_connection(HOST, self.to)
        except OSError:
            writer.close()
            return
        self.lines.update((writer, there[1]))
        await asyncio.gather(self.carry(reader, there[1]), self.carry(there[0], writer))

    async def carry(self, reader, writer):
        with contextlib.suppress(OSError):
            while piece := await reader.read(65536):
                writer.write(piece)
                await writer.drain()
        writer.close()
        self.lines.discard(writer)

    def turn_to(self, port):
        self.to = port
        for line in list(self.lines):
            line.transport.abort()


@contextlib.asynccontextmanager
async def proxy(port):
    one = Proxy(port)
    server = await asyncio.start_server(one.take, HOST, one.port)
    try:
        yield one
    finally:
        server.close()
        one.turn_to(port)


class Saving:
    """What a process acknowledged, and what its log holds in the end."""

    def __init__(self, url, folder, replicas, before=()):
        folder.mkdir()
        self.log = folder / "log.sqlite3"
        words = [*before, sys.executable, "-m", "tests.chaos.saves", url, str(folder), str(replicas)]
        with (folder / "err").open("wb") as err:
            self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err, text=True)

    def end(self):
        said, _ = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, self.log.with_name("err").read_text("utf-8")[-2000:]
        return self.judged([line.split() for line in said.splitlines()])

    def judged(self, acknowledged):
        """How many calls were acknowledged, which of their facts are missing, and which are there twice."""
        lost, doubled = [], []
        with closing(sqlite3.connect(self.log)) as db:
            for step, kind in KINDS.items():
                kept = dict(db.execute(FACTS, (kind,)).fetchall())
                lost += [f"{call} {step}" for said, call in acknowledged if said == step and call not in kept]
                doubled += [f"{call} {step}" for call, times in kept.items() if times > 1]
        return len(acknowledged), lost, doubled

    def kill(self):
        self.process.kill()
        self.process.communicate()


@contextlib.contextmanager
def saving(*words, **more):
    one = Saving(*words, **more)
    try:
        yield one
    finally:
        one.kill()


async def cut_off_by_command(folder, replicas):
    with group() as three:
        old, new, third = three.nodes
        async with proxy(old.port) as way:
            with saving(f"redis://{HOST}:{way.port}", folder, replicas) as one:
                await asyncio.sleep(BEFORE)
                for node in (new, third):
                    node.ask("REPLICAOF", HOST, "1")
                await asyncio.sleep(CUT)
                new.ask("REPLICAOF", "NO", "ONE")
                third.ask("REPLICAOF", HOST, str(new.port))
                await asyncio.to_thread(three.follows, third, new)
                way.turn_to(new.port)
                await asyncio.sleep(BEFORE)
                return await asyncio.to_thread(one.end)


async def cut_off_in_namespaces(folder, replicas):
    with network(3) as net, group(net.spots(), watched=True) as three:
        old = three.nodes[0]
        with saving(three.url, folder, replicas, before=net.spots()[0].before) as one:
            await asyncio.sleep(BEFORE)
            net.cut(0)
            new = await asyncio.to_thread(taken_over_from, three, old)
            await asyncio.sleep(CUT)
            net.mend(0)
            # As Sentinels would, ten seconds later.
            at, port = three.address(new)
            old.ask("REPLICAOF", at, str(port))
            old.ask("CLIENT", "KILL", "TYPE", "normal")
            await asyncio.sleep(BEFORE)
            return await asyncio.to_thread(one.end)


async def test_nothing_acknowledged_is_lost_or_doubled_beside_a_master_that_is_cut_off(tmp_path):
    began = time.monotonic()
    try:
        said, lost, doubled = await cut_off_in_namespaces(tmp_path / "saves", 1)
        how = "in network namespaces"
    except Refused as error:
        warnings.warn(f"no network namespaces, so replicas left by command: {error}", stacklevel=1)
        said, lost, doubled = await cut_off_by_command(tmp_path / "second", 1)
        how = "by command"

    print(f"cut off {how}: {said} acknowledgements, {time.monotonic() - began:.0f} s")
    assert said > 100
    assert (lost, doubled) == ([], [])


async def test_without_waiting_for_replicas_the_same_loses_or_doubles(tmp_path):
    said, lost, doubled = await cut_off_by_command(tmp_path / "saves", 0)

    print(f"of {said} acknowledgements {len(lost)} lost, {len(doubled)} doubled")
    assert lost or doubled
