"""`python -m tests.content.hostile --count 5000`: hostile files through the real decoder, one process a file, counted.

Each file goes the way of a stranger's: bytes in a file, the confined decoder process, then the recipe. The recipe runs
in this process, where the service gives it one of its own; so that what breaks in it is not hidden.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import re
import resource
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from holdsvc.content.decoder import DECODED_RATE, Limits, decode
from holdsvc.content.prepare import prepare
from holdsvc.errors import BadContent
from tests.content.mutations import File, crafted, mutated

LIMITS = Limits(cpu=20, wall=30.0)
_CLEAR = re.compile(r"(?!.*(Error|Exception|Traceback|patches))[ -~]{10,400}")
_AT_ONCE = 64  # files made ahead
_GAVE_UP = "the decoder gave up"


@dataclass
class Tally:
    ingested: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    crashes: list[str] = field(default_factory=list)  # what the service would not have known how to answer
    unclear: list[str] = field(default_factory=list)  # a reason that no operator could read
    connections: int = 0
    strays: list[str] = field(default_factory=list)  # files that somebody left
    slowest: float = 0.0  # seconds
    by_name: dict[str, str] = field(default_factory=dict)  # outcome of what was crafted

    @property
    def count(self) -> int:
        return self.ingested + self.reasons.total() + len(self.crashes)

    @property
    def decoder_deaths(self) -> int:
        """Ended by a signal or without a word: the decoder's loss, not the service's."""
        return sum(count for reason, count in self.reasons.items() if reason.startswith(_GAVE_UP))

    def __str__(self) -> str:
        most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
        lines = [
            f"{self.count} files: {self.ingested} ingested, {self.reasons.total()} refused with a reason",
            f"service crashes {len(self.crashes)}, connections {self.connections}, files left {len(self.strays)}, "
            f"reasons unclear {len(self.unclear)}, decoders that died {self.decoder_deaths}",
            f"slowest {self.slowest:.2f} s, largest decoder {most} MB",
            *(f"  {count:5} {reason}" for reason, count in self.reasons.most_common(15)),
            *(f"  crash: {what}" for what in self.crashes[:20]),
        ]
        return "\n".join(lines)


def run(count: int, seed: int = 1, workers: int = 1) -> Tally:
    """`count` mutated files, and all that were crafted."""
    tally, lock = Tally(), threading.Lock()
    with tempfile.TemporaryDirectory() as folder, canary() as calls:
        scratch, outside = Path(folder) / "scratch", Path(folder) / "outside"
        scratch.mkdir()
        chance = random.Random(seed)
        files = itertools.chain(
            crafted(calls.address, str(outside / "touched")).items(),
            (("", mutated(chance)) for _ in range(count)),
        )
        with ThreadPoolExecutor(workers) as pool:
            while batch := list(itertools.islice(files, _AT_ONCE)):
                list(pool.map(lambda each: _one(each[0], each[1], scratch, tally, lock), batch))
        tally.strays = [str(path) for path in Path(folder).rglob("*") if path != scratch]
        tally.connections = calls.count
    return tally


def _one(name: str, source: File, scratch: Path, tally: Tally, lock: threading.Lock) -> None:
    suffix, content = source
    path = scratch / f"{threading.get_ident()}{suffix}"
    path.write_bytes(content)
    began = time.monotonic()
    outcome, crash = "ingested", ""
    try:
        prepare(decode(path, limits=LIMITS), DECODED_RATE)
    except BadContent as error:
        outcome = str(error)
    except Exception as error:
        crash = f"{name or suffix}: {type(error).__name__}: {error}"
    took = time.monotonic() - began
    path.unlink()
    with lock:
        tally.slowest = max(tally.slowest, took)
        if name:
            tally.by_name[name] = crash or outcome
        if crash:
            tally.crashes.append(crash)
        elif outcome == "ingested":
            tally.ingested += 1
        else:
            tally.reasons[outcome] += 1
            if not _CLEAR.fullmatch(outcome):
                tally.unclear.append(outcome)


class Canary:
    """Counts who calls."""

    def __init__(self, listener: socket.socket) -> None:
        self.address = "{}:{}".format(*listener.getsockname()[:2])
        self.count = 0
        self._listener = listener
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            self.count += 1
            caller.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()


@contextmanager
def canary() -> Iterator[Canary]:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        calls = Canary(listener)
        try:
            yield calls
        finally:
            calls.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    began = time.monotonic()
    tally = run(asked.count, asked.seed, asked.workers)
    print(tally)
    print(f"{time.monotonic() - began:.0f} s, seed {asked.seed}, {os.cpu_count()} cores")
    for name, outcome in tally.by_name.items():
        print(f"  {name}: {outcome}")
    return 1 if tally.crashes or tally.connections or tally.strays or tally.unclear else 0


if __name__ == "__main__":
    sys.exit(main())
