"""Which tests want the machine to themselves: they measure time, or are the load. Those that live through real time, mostly
waiting, go beside each other alone. The others run side by side, in any order.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import settings

TESTS = Path(__file__).parent
LIVE = (  # browsers, and services in real time
    "chaos/test_partition.py",
    "faults/test_kill.py",
    "faults/test_outbox.py",
    "ops",
    "simulator/test_line.py",
    "simulator/test_run.py",
    "speech",
    "stores/test_gathering.py",
    "stores/test_redis.py",
    "stores/test_replicas.py",
    "stores/test_writer.py",
    "web",
)
ALONE = (
    # kills, load, and what is heard to the hundredth of a second
    "benchmarks",
    "chaos/test_short.py",
    "chaos/test_toxic.py",
    "e2e",
    "faults/test_books.py",
    "faults/test_drain.py",
    "faults/test_fsync.py",
    "faults/test_kill_replica.py",
    "faults/test_replicas.py",
    "faults/test_slow_sockets.py",
    "faults/test_workers.py",
    # CPU or time is measured
    "audio/test_utterance.py",
    "content/test_limits.py",
    "platforms/test_twilio_signature.py",
    "platforms/wires/test_audiosocket.py",
    "platforms/wires/test_json_media.py",
    "simulator/test_clock.py",
    # all cores are at work already
    "content/test_hostile.py",
    "content/test_level.py",
)


if "PYTEST_XDIST_WORKER" in os.environ:
    # Beside others an example takes as long as they let it; on a build machine hypothesis gives it no deadline anyway.
    settings.register_profile("beside", settings.default, deadline=None)
    settings.load_profile("beside")


def stands_in(file: Path, places: Sequence[str]) -> bool:
    name = file.relative_to(TESTS).as_posix()
    return any(name == place or name.startswith(f"{place}/") for place in places)


KINDS = {"alone": ALONE, "live": LIVE}
OTHERS = "not alone and not live"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where only one kind is asked for, other files need not be read: with thousands of examples each that takes its time."""
    wanted = config.option.markexpr
    if collection_path.suffix != ".py" or not collection_path.is_relative_to(TESTS):
        return None
    if wanted == OTHERS:
        return stands_in(collection_path, (*ALONE, *LIVE)) or None
    return (wanted in KINDS and not stands_in(collection_path, KINDS[wanted])) or None


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    for item in items:
        for kind, places in KINDS.items():
            if stands_in(item.path, places):
                item.add_marker(kind)


@pytest.fixture(autouse=True)
def log_as_before() -> Iterator[None]:
    """A command that runs in the process of the tests sets up its log there."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    root.setLevel(level)
    for handler in root.handlers[:]:
        if type(handler) is logging.StreamHandler and handler not in handlers:
            root.removeHandler(handler)
