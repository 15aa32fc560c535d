"""Kept before answered: what was acknowledged is on the disk, whatever happens to the process."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from holdsvc.stores.ledger import SqliteLedger
from tests.stores.calls import sound
from tests.stores.child import command

ROOT = Path(__file__).parents[2]


def kept_versions(path: Path) -> dict[str, tuple[int, int]]:
    """Call -> (version, facts), as the file has them; each fact counted by itself."""
    with SqliteLedger(path) as ledger:
        counted = ledger._db.execute(
            "SELECT call, s.version, count(f.n) FROM sessions s JOIN facts f ON f.session = s.id GROUP BY s.id"
        )
        return {call: (version, facts) for call, version, facts in counted}


def test_killed_twenty_times_nothing_acknowledged_is_lost_or_doubled(path: Path) -> None:
    chance, acked = random.Random(7), {}
    slowest = 0.0
    for life in range(20):
        began = time.monotonic()
        with subprocess.Popen(
            command(path, 10_000, f"CA{life}-"), cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as service:
            assert service.stdout is not None
            assert service.stdout.readline() == "ready\n"
            slowest = max(slowest, time.monotonic() - began)
            for _ in range(chance.randrange(20, 400)):
                service.stdout.readline()
            service.kill()
            told = service.stdout.read()
        for line in told.splitlines():
            if line.startswith("ack ") and line.count(" ") == 3:
                _, call, version, facts = line.split()
                was_version, was_facts = acked.get(call, (0, 0))
                acked[call] = (int(version), was_facts + int(facts))
                assert was_version < int(version)

        kept = kept_versions(path)
        for call, (version, facts) in acked.items():
            assert kept[call][0] - version in (0, 1), "at most the one save that was under way is there beyond"
            assert kept[call][1] >= facts
        assert sound(path)
    assert slowest < 2.0


@pytest.mark.skipif(not shutil.which("strace") and not os.environ.get("CI"), reason="needs strace (apt install strace)")
@pytest.mark.parametrize("synchronous", ["FULL", "NORMAL"])
def test_an_fsync_precedes_each_acknowledgement(path: Path, synchronous: str) -> None:
    """One save after the other, so that an fsync between two acknowledgements is the second one's own.

    NORMAL is the control: there the same count must show acknowledgements without one.
    """
    trace = path.with_suffix(".trace")
    strace = ["strace", "-f", "-qq", "-s", "60", "-e", "trace=fdatasync,fsync,write", "-o", str(trace)]
    subprocess.run([*strace, *command(path, 20, "CA", 1, synchronous)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)

    covered, bare = acknowledged(trace.read_text().splitlines())

    assert covered + bare == 20 * 5
    assert bare == 0 if synchronous == "FULL" else bare > 90


def acknowledged(lines: list[str]) -> tuple[int, int]:
    """How many acknowledgements were covered by an fsync since the last one, and how many were not."""
    synced, counts = False, Counter[bool]()
    for line in lines:
        if re.search(r"(fdatasync|fsync)(\(\d+\)| resumed>\)) += 0$", line):
            synced = True
        elif 'write(1, "ack ' in line:
            counts[synced] += 1
            synced = False
    return counts[True], counts[False]
