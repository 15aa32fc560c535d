"""`holdsvc demo` as a newcomer starts it: a process of its own, in a home with nothing in it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

LINK_WITHIN = 20.0  # seconds after which a start counts as failed; how long it took is for the test to judge
STOPPED_WITHIN = 20.0
PHONE = re.compile(r"^\s*Phone\s+(http://\S+)/phone\b")


class Demo:
    """`before` is a command that runs it, as strace does."""

    def __init__(self, home: Path, *words: str, before: tuple[str, ...] = ()) -> None:
        self.home, self.url = home, ""
        self.seconds_to_link = float("inf")
        self.printed: list[str] = []
        self._words = [*before, sys.executable, "-m", "holdsvc", "demo", *words]
        self._linked = threading.Event()

    def __enter__(self) -> Demo:
        began = time.monotonic()
        self._process = subprocess.Popen(
            self._words,
            env=environment(self.home),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(began,))
        self._reader.start()
        if not self._linked.wait(LINK_WITHIN) or not self.url:
            self.stop(signal.SIGKILL)
            raise AssertionError(f"the demo printed no link: {self.text}")
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.stop(signal.SIGKILL)

    @property
    def text(self) -> str:
        return "".join(self.printed)

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        """As Ctrl-C does it: the signal goes to all that runs in the terminal. The exit code."""
        os.killpg(self._process.pid, how)
        code = self._process.wait(STOPPED_WITHIN)
        self._reader.join(STOPPED_WITHIN)
        return code

    def ask(self, path: str) -> dict:
        return json.loads(self.fetch(path))

    def fetch(self, path: str) -> str:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=5) as answer:
            return answer.read().decode()

    def _read(self, began: float) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.printed.append(line)
            if found := PHONE.match(line):
                self.url, self.seconds_to_link = found[1], time.monotonic() - began
                self._linked.set()
        self._linked.set()


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HOLDSVC_", "XDG_"))}
    return {**kept, "HOME": str(home), "TMPDIR": str(home), "PYTHONUNBUFFERED": "1"}
