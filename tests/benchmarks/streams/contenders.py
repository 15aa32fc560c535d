"""The servers that are compared: each a process that is started anew for every run, and a way to place calls at it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
import venv
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Protocol
from uuid import UUID

import numpy as np

from tests.benchmarks.streams import ours
from tests.benchmarks.streams.client import HERE, Call, compiled
from tests.benchmarks.streams.shelf import HERTZ
from tests.faults.service import Service, free_port

READY_WITHIN = 30.0  # seconds
GLANCE = 0.05
VENVS = Path(tempfile.gettempdir()) / "holdsvc-benchmark-venvs"  # kept: pipecat is large
WAV_SECONDS = 5  # pipecat reads every file anew for every call, and plays it in a loop


class Server(Protocol):
    @property
    def pid(self) -> int: ...
    @property
    def port(self) -> int: ...
    @property
    def lines(self) -> bool:
        """It speaks AudioSocket, not Twilio's websocket."""
        ...

    def start(self) -> None: ...
    async def place(self, number: int, rate: float, take: Callable[[Call], None]) -> int:
        """Calls at this rate; how many were offered a stream."""
        ...

    def stop(self) -> None: ...
    def log(self) -> str: ...


class Ours:
    lines = False

    def __init__(self, folder: Path, media: Path, **more: str) -> None:
        self._service: Service = ours.service(folder, media, **more)

    @property
    def pid(self) -> int:
        return self._service.pid

    @property
    def port(self) -> int:
        return self._service.port

    def start(self) -> None:
        self._service.start()
        self._service.wait_until_ready()
        self._service.wait_until_prepared()

    async def place(self, number: int, rate: float, take: Callable[[Call], None]) -> int:
        return await ours.place(self.port, number, rate, take)

    def stop(self) -> None:
        self._service.stop()

    def log(self) -> str:
        return self._service.log()


class OurLines(Ours):
    lines = True

    def __init__(self, folder: Path, media: Path) -> None:
        self._line = free_port()
        self._service = ours.line_service(folder, media, self._line)

    @property
    def port(self) -> int:
        return self._line

    async def place(self, number: int, rate: float, take: Callable[[Call], None]) -> int:
        return await ours.announce(self._service.port, number, rate, take)


class Plain:
    """A server that takes whoever dials in: `command PORT TONE...`"""

    def __init__(self, folder: Path, command: list[str], tones: list[Path], *, lines: bool = False) -> None:
        self.port, self.lines = free_port(), lines
        self._words = [*command, str(self.port), *map(str, tones)]
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._words, stdout=log, stderr=log, start_new_session=True)
        until = time.monotonic() + READY_WITHIN
        while not listens(self.port):
            assert self._process.poll() is None, f"{self._words[0]} ended: {self.log()[-1000:]}"
            assert time.monotonic() < until, f"{self._words[0]} does not listen"
            time.sleep(GLANCE)

    async def place(self, number: int, rate: float, take: Callable[[Call], None]) -> int:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for name in range(1, number + 1):
            await asyncio.sleep(max(0.0, began + name / rate - loop.time()))
            token = str(UUID(int=name)) if self.lines else "none"
            take(Call("/media", "localhost", "unsigned", f"CA{name:032x}", token))
        return number

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""


def listens(port: int) -> bool:
    """Asked of the kernel, so that no server sees a caller who says nothing."""
    wanted = f"0100007F:{port:04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(line.split()[1] == wanted and line.split()[3] == "0A" for line in lines)


class Missing(Exception):
    """A baseline that cannot be had here; the message says why."""


def naive(folder: Path, media: Path, tones: list[Path]) -> Server:
    return Plain(folder, [sys.executable, str(HERE / "servers" / "naive.py")], tones)


def picows(folder: Path, media: Path, tones: list[Path]) -> Server:
    python = python_with("picows", "uvloop")
    return Plain(folder, [python, str(HERE / "servers" / "picows_ticker.py")], tones)


def pipecat(folder: Path, media: Path, tones: list[Path]) -> Server:
    python = python_with("pipecat-ai[websocket]", "uvicorn", "websockets", "uvloop", "soundfile")
    files = [write_wav(folder / f"{number}.wav", hertz) for number, hertz in enumerate(HERTZ.values(), 1)]
    return Plain(folder, [python, "-W", "ignore", str(HERE / "servers" / "pipecat_twilio.py")], files)


def bare(folder: Path, media: Path, tones: list[Path]) -> Server:
    return Plain(folder, [str(compiled(folder, "servers/bare.c"))], tones)


def own(folder: Path, media: Path, tones: list[Path]) -> Server:
    return Ours(folder / "data", media)


def own_lines(folder: Path, media: Path, tones: list[Path]) -> Server:
    return OurLines(folder / "data", media)


def naive_lines(folder: Path, media: Path, tones: list[Path]) -> Server:
    module = "tests.benchmarks.streams.servers.naive_lines"
    return Plain(folder, [sys.executable, "-m", module], tones, lines=True)


def bare_lines(folder: Path, media: Path, tones: list[Path]) -> Server:
    return Plain(folder, [str(compiled(folder, "servers/bare_lines.c"))], tones, lines=True)


MAKE: dict[str, Callable[[Path, Path, list[Path]], Server]] = {
    "naive": naive,
    "pipecat": pipecat,
    "picows": picows,
    "bare": bare,
    "ours": own,
    "naive-lines": naive_lines,
    "bare-lines": bare_lines,
    "ours-lines": own_lines,
}
TOLD = {
    "naive": "naive aiohttp: a task per call, JSON and base64 every 20 ms",
    "pipecat": "pipecat's Twilio transport, file mixer",
    "picows": "picows + uvloop, one ticker, encoded once, 20 ms",
    "bare": "bare C, epoll, 200 ms messages",
    "ours": "holdsvc serve",
    "naive-lines": "AudioSocket, naive asyncio streams: two tasks per call, a write every 20 ms",
    "bare-lines": "AudioSocket, bare C, epoll, a send for each frame",
    "ours-lines": "AudioSocket, holdsvc serve",
}


def python_with(*packages: str) -> str:
    """The Python of an environment that has them, made when it is first asked for."""
    folder = VENVS / packages[0].partition("[")[0]
    python = folder / "bin" / "python"
    complete = folder / "complete"
    if not complete.exists():
        print(f"          installing {' '.join(packages)} into {folder}", file=sys.stderr, flush=True)
        venv.create(folder, with_pip=True, clear=True)
        made = subprocess.run([python, "-m", "pip", "install", "-q", *packages], capture_output=True, text=True)
        if made.returncode:
            raise Missing(f"{packages[0]} cannot be installed: {made.stderr.strip().splitlines()[-1:]}")
        complete.touch()
    return str(python)


def version_of(package: str) -> str:
    python = VENVS / package / "bin" / "python"
    script = f"from importlib.metadata import version; print(version({package!r}))"
    return subprocess.run([python, "-c", script], capture_output=True, text=True, check=False).stdout.strip()


def write_wav(target: Path, hertz: int) -> Path:
    times = np.arange(8000 * WAV_SECONDS) / 8000
    with wave.open(str(target), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes((6000 * np.sin(2 * np.pi * hertz * times)).astype("<i2").tobytes())
    return target


def first_in_line(pid: int) -> None:
    """Before whatever else runs on its core, where we may: so a busy machine measures nearly as a quiet one does."""
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setscheduler(int(task.name), os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except OSError:
        return  # as an ordinary user we stand in line
