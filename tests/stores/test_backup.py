"""Reading and copying beside a live service."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from pathlib import Path

import pytest

from holdsvc.errors import ConfigError
from holdsvc.stores.backup import backup
from holdsvc.stores.ledger import SqliteLedger
from tests.stores.calls import answered, held, one_call, opened, sound, tell
from tests.stores.child import command

ROOT = Path(__file__).parents[2]


async def test_a_log_left_behind_by_a_kill_is_read_without_a_service(path: Path) -> None:
    service = subprocess.Popen(command(path, 10_000, "CA"), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert service.stdout is not None
    for _ in range(200):
        service.stdout.readline()
    service.send_signal(signal.SIGKILL)
    service.communicate()

    with SqliteLedger(path) as ledger:
        assert ledger.totals().offered > 30
    assert sound(path)


async def test_a_backup_at_full_load_holds_everything_that_was_acknowledged_before_it_began(path: Path) -> None:
    async with opened(path) as store:
        await asyncio.gather(*(tell(store, f"CA{n}", *one_call(f"caller{n}")) for n in range(100)))
        stop, offered, seen = asyncio.Event(), 100, list[tuple[int, int]]()

        async def load(lane: int) -> None:
            nonlocal offered
            for n in range(10_000):
                if stop.is_set():
                    return
                await tell(store, f"CB{lane}-{n}", held())
                offered += 1

        lanes = [asyncio.create_task(load(lane)) for lane in range(4)]
        for n in range(10):
            before = offered
            copy = path.with_name(f"copy{n}.sqlite3")
            await asyncio.to_thread(backup, path, copy, lambda done, pages: seen.append((done, pages)))
            with SqliteLedger(copy) as ledger:
                assert ledger.totals().offered >= before
            assert sound(copy)
        stop.set()
        await asyncio.gather(*lanes)

    assert seen[-1][0] == seen[-1][1]
    assert not list(path.parent.glob("*.part"))
    async with opened(copy) as restored:
        await tell(restored, "CA1", answered(30))


async def test_a_backup_overwrites_nothing(path: Path) -> None:
    async with opened(path):
        pass

    with pytest.raises(ConfigError, match="exists already"):
        backup(path, path)
