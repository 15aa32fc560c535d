"""Slow and half-open sockets beside good streams. All of it: `python -m tests.faults.slow_sockets`."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.benchmarks.streams import shelf
from tests.benchmarks.streams.client import HERE, Call, compiled
from tests.benchmarks.streams.contenders import Plain
from tests.faults import slow_sockets

HASTY = (sys.executable, "-m", "tests.faults.hasty")
GONE_WITHIN = 40.0  # seconds, of a service in haste: it takes 14 until nothing more can wait for one who reads nothing
QUICK = ("no_start", "half_closed")  # that the control has a use for


@pytest.fixture
def gcc() -> None:
    if shutil.which("gcc") is None and not os.environ.get("CI"):
        pytest.skip("gcc is missing (package gcc, with libc6-dev)")


async def test_slow_sockets_go_and_good_streams_notice_nothing(
    gcc: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slow_sockets, "GONE_WITHIN", GONE_WITHIN)
    result = await slow_sockets.against_ours(tmp_path, good=40, slow=80, seconds=120.0, before=HASTY)
    print(result)

    assert [sentence for sentence in result.wrong if "starved" not in sentence] == []
    assert result.taken > 10, "they were there"


async def test_a_server_without_limits_is_found_out(gcc: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_sockets, "GONE_WITHIN", 2.0)
    monkeypatch.setattr(slow_sockets, "SETTLE", 0.2)
    media = shelf.fill(tmp_path, 30.0)
    server = Plain(tmp_path, [sys.executable, str(HERE / "servers" / "naive.py")], shelf.sounds(media))

    async def place(before: int, number: int, take: Callable[[Call], None]) -> int:
        for name in range(before + 1, before + number + 1):
            take(Call("/media", "localhost", "unsigned", f"CA{name:032x}", "none"))
        return number

    server.start()
    try:
        result = await slow_sockets.run(server, place, compiled(tmp_path, "client.c"), 5, 20, QUICK)
    finally:
        server.stop()

    assert any("still there" in sentence for sentence in result.wrong), str(result)
