"""The whole service as a process of its own: started, asked whether it is ready, killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

TOKEN = "a token of the tests"
HOST = "127.0.0.1"
READY_WITHIN = 30.0  # seconds after which a start counts as failed; how long it took is for the caller to judge
STOPPED_WITHIN = 20.0
POLL = 0.005  # seconds
PREPARED_WITHIN = 120.0
GLANCE = 0.1
QUIET_GLANCES = 10  # one child follows the other sooner


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class Service:
    """`settings` are variables without HOLDSVC_: STORE__URL="memory:". `before` is a command that runs it, as strace does."""

    def __init__(self, folder: Path, *, before: tuple[str, ...] = (), **settings: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.base = f"http://{HOST}:{self.port}"
        self._before = before
        self._settings = {
            "SERVICE__DATA_DIR": str(folder),
            "PLATFORMS__TWILIO__AUTH_TOKEN": TOKEN,
            "LOG__LEVEL": "warning",
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0.0

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    @property
    def file(self) -> Path:
        return self.folder / "holdsvc.sqlite3"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """One of holdsvc's other commands, with the same settings."""
        command = [sys.executable, "-m", "holdsvc", *words]
        return subprocess.run(command, env=self._environment(), capture_output=True, text=True, timeout=60, check=False)

    def start(self, *more: str) -> None:
        """`more`: words behind those of the command."""
        self.folder.mkdir(parents=True, exist_ok=True)
        words = [*self._before, sys.executable, "-m", "holdsvc", "serve", "--port", str(self.port), *more]
        with (self.folder / "service.log").open("ab") as log:
            self._began = time.monotonic()
            self._process = subprocess.Popen(
                words, env=self._environment(), stdout=log, stderr=log, start_new_session=True
            )

    def wait_until_ready(self) -> float:
        """Seconds from the start of the process to its first green /readyz."""
        while not self._ready():
            if not self.running or time.monotonic() - self._began > READY_WITHIN:
                raise AssertionError(f"the service did not become ready: {self.log()[-2000:]}")
            time.sleep(POLL)
        return time.monotonic() - self._began

    def waited_for_a_core(self) -> float:
        """Seconds for which the main thread could have run and the machine ran something else."""
        return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[1]) / 1e9

    def wait_until_prepared(self) -> None:
        """Until the sound that a new folder lacks has been made: that is the work of child processes."""
        quiet, until = 0, time.monotonic() + PREPARED_WITHIN
        while quiet < QUIET_GLANCES:
            quiet = 0 if self._has_children() else quiet + 1
            assert time.monotonic() < until, "the sound is not prepared yet"
            time.sleep(GLANCE)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """With all that it started, and no warning."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        """In order. Harmless when it does not run."""
        self._signal(signal.SIGTERM)

    def log(self) -> str:
        return (self.folder / "service.log").read_text(errors="replace")

    def _signal(self, which: signal.Signals) -> None:
        if self._process is None:
            return
        if self.running:
            os.killpg(self._process.pid, which)
        self._process.wait(STOPPED_WITHIN)

    def _ready(self) -> bool:
        try:
            with socket.create_connection((HOST, self.port), timeout=1) as line:
                line.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return line.recv(64).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    def _has_children(self) -> bool:
        return any((task / "children").read_text().strip() for task in Path(f"/proc/{self.pid}/task").iterdir())

    def _environment(self) -> dict[str, str]:
        ours = {f"HOLDSVC_{name}": value for name, value in self._settings.items()}
        others = {name: value for name, value in os.environ.items() if not name.startswith("HOLDSVC_")}
        return {**others, **ours}
