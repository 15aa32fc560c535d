"""The Redis of the tests leaves nothing behind, even where the tests are killed."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

from tests.stores.redis_server import one_node, program

ROOT = Path(__file__).parents[2]
SOON = 10.0  # seconds
TESTS_THAT_HANG = """
import signal
from tests.stores.redis_server import one_node

with one_node() as server:
    print(server.pid, server.leash.pid, server.folder, flush=True)
    signal.pause()
"""


def gone(pidfd: int) -> bool:
    return bool(select.select([pidfd], [], [], SOON)[0])


def test_a_server_dies_with_the_tests_that_are_killed() -> None:
    program()
    tests = subprocess.Popen([sys.executable, "-c", TESTS_THAT_HANG], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert tests.stdout is not None
    pid, guard_pid, folder = tests.stdout.readline().strip().split(" ", 2)
    server, guard = os.pidfd_open(int(pid)), os.pidfd_open(int(guard_pid))
    assert Path(folder).is_dir()

    tests.send_signal(signal.SIGKILL)
    tests.communicate()

    assert gone(server)
    assert gone(guard)
    assert not Path(folder).exists()
    os.close(server)
    os.close(guard)


def test_a_server_that_is_killed_and_started_again_lives_on() -> None:
    with one_node() as node:
        node.kill()
        node.start()

        assert node.ask("PING") == b"+PONG\r\n"
    assert not node.folder.exists()
