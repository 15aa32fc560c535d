"""How saves share commits: who is alone goes to the disk at once, who has company waits for more of it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from holdsvc.stores.sqlite import APART, SqliteStore
from tests.stores.calls import held, opened, tell

MILLISECOND = 0.001  # what the event loop's clock is good to


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "holdsvc.sqlite3"


async def seconds(store: SqliteStore, *calls: str) -> float:
    """From the wish to keep them to the moment when they are kept."""
    began = time.perf_counter()
    await asyncio.gather(*(tell(store, call, held()) for call in calls))
    return time.perf_counter() - began


async def test_saves_that_come_together_share_one_commit(path: Path) -> None:
    async with opened(path) as store:
        commits: list[float] = []
        store.on_commit = commits.append

        await seconds(store, *(f"CA{number}" for number in range(40)))

    assert len(commits) == 1


async def test_after_saves_with_company_the_next_commit_keeps_its_distance(path: Path) -> None:
    async with opened(path) as store:
        began = time.perf_counter()
        await seconds(store, "CA1", "CA2")
        await seconds(store, "CA3")

        assert time.perf_counter() - began >= APART - MILLISECOND


async def test_a_save_without_company_waits_for_nobody(path: Path) -> None:
    async with opened(path) as store:
        alone = [await seconds(store, f"CA{number}") for number in range(100)]

    assert min(alone) < APART  # the quickest: how long a disk takes is not ours to say
