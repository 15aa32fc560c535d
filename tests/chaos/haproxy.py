"""haproxy before the replicas, as an operator would set it up: it asks who is ready, and repeats a request once, elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.faults.service import HOST, POLL, free_port
from tests.stores.redis_server import Leash

READY_WITHIN = 10.0  # seconds
RULES = """
global
  maxconn 4096
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 15s
  timeout tunnel 10m
  timeout http-keep-alive 60s
  timeout check 2s
  option http-buffer-request
  option redispatch 1
  retries 1
  retry-on conn-failure empty-response junk-response 503
frontend calls
  bind {host}:{port}
  default_backend replicas
backend replicas
  balance roundrobin
  option httpchk GET /readyz
  default-server inter 250ms fall 3 rise 1
{servers}
"""


def program() -> str:
    """Where haproxy is; without it the test is skipped, but never on a build machine."""
    path = shutil.which("haproxy", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
    if path is None and os.environ.get("CI") == "true":
        pytest.fail("haproxy is missing: install the package haproxy")
    if path is None:
        pytest.skip("haproxy is missing: install the package haproxy")
    return path


class Haproxy:
    """`behind`: address and port of each replica. `host`: where it listens."""

    def __init__(self, folder: Path, behind: Sequence[tuple[str, int]], host: str = HOST) -> None:
        self.folder, self.port = folder, free_port()
        self.base = f"http://{host}:{self.port}"
        servers = "\n".join(f"  server replica{n} {at}:{port} check" for n, (at, port) in enumerate(behind))
        folder.mkdir(parents=True, exist_ok=True)
        self._rules = folder / "haproxy.cfg"
        self._process: subprocess.Popen[bytes] | None = None
        self._rules.write_text(RULES.format(host=host, port=self.port, servers=servers), "utf-8")

    def start(self) -> None:
        with (self.folder / "haproxy.log").open("ab") as log:
            self._process = subprocess.Popen([program(), "-db", "-f", str(self._rules)], stdout=log, stderr=log)
        self._leash = Leash(self._process.pid, self.folder)

    def stop(self) -> None:
        """Harmless when it does not run."""
        if self._process is None:
            return
        self._leash.cut()
        self._process.kill()
        self._process.wait()

    def wait_until_up(self) -> None:
        """Until it has found a replica that is ready."""
        from tests.chaos.cluster import is_ready

        until = time.monotonic() + READY_WITHIN
        while not is_ready(self.base):
            assert time.monotonic() < until, (self.folder / "haproxy.log").read_text("utf-8")[-2000:]
            time.sleep(POLL)
