"""The load client as a process: compiled once, told which calls there are, and asked what it heard."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

HERE = Path(__file__).parent
FLAGS = ("-O3", "-march=native", "-ffast-math", "-Wall", "-Wextra", "-Werror")
MOST_LATE = 5.0  # milliseconds, p99, that the client's own sends may be late
MOST_STALLED = 120.0  # milliseconds, at worst: less than the lead that a wire has
ANSWERS_WITHIN = 10.0


class Spread(Struct, frozen=True):
    """Milliseconds."""

    count: int
    p50: float
    p99: float
    most: float


class Heard(Struct, frozen=True):
    """What the client tells of a window. Pieces are 20 ms of sound that came."""

    seconds: float
    alive: int
    opened: int
    refused: int
    lost: int
    broken: int  # messages that a platform would not understand
    media: int
    bytes: int
    marks: int
    marks_echoed: int
    clears: int
    keys: int
    keys_heard: int
    keys_missed: int
    pieces: int
    silent: int
    wrong: int  # another tone than the one asked for
    unclear: int  # fades
    underruns: int
    blocked: int  # messages of ours that the server did not take in time
    first_sounds: int
    gap_seconds: float
    clear_gap_seconds: float
    late: Spread
    lead: Spread
    key_to_heard: Spread
    key_to_sent: Spread
    after_clear: Spread
    own_lateness: Spread
    start_to_first_sound: Spread
    dial_to_first_sound: Spread

    @property
    def starved(self) -> bool:
        return self.own_lateness.p99 > MOST_LATE or self.own_lateness.most > MOST_STALLED

    @property
    def silence_ppm(self) -> float:
        """Of the time of all streams: nothing to play, or silence in what came."""
        return 1e6 * (self.gap_seconds + 0.02 * self.silent) / max(1e-9, self.seconds * self.alive)


class Told(Struct, frozen=True):
    placed: int
    alive: int
    sounding: int
    refused: int
    lost: int
    status: int  # of the last handshake


class Call(Struct, frozen=True):
    path: str
    host: str
    signature: str
    call: str
    token: str

    def line(self) -> str:
        return f"CALL {self.path} {self.host} {self.signature} {self.call} {self.token}\n"


def compiled(folder: Path, name: str) -> Path:
    """The program of this C file. RuntimeError where there is no compiler."""
    gcc = shutil.which("gcc")
    if gcc is None:
        raise RuntimeError("gcc is missing (package gcc, with libc6-dev)")
    target = folder / Path(name).stem
    subprocess.run([gcc, *FLAGS, "-o", str(target), str(HERE / name), "-lm"], check=True)
    return target


class Client:
    def __init__(self, program: Path, port: int, seed: int, keys_every: float, *, lines: bool = False) -> None:
        """`keys_every`: seconds between two keys of a stream, on average; 0 = no keys. `lines`: AudioSocket, no websockets."""
        self._words = [str(program), str(port), str(seed), str(keys_every), *(["lines"] if lines else [])]
        self._process: asyncio.subprocess.Process | None = None
        self._told = Told(0, 0, 0, 0, 0, 0)
        self._result: asyncio.Future[Heard] = asyncio.get_running_loop().create_future()
        self._reader: asyncio.Task[None] | None = None
        self.changed = asyncio.Event()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def told(self) -> Told:
        return self._told

    async def start(self, core: int | None = None) -> None:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *self._words, stdin=pipe, stdout=pipe, start_new_session=True
        )
        if core is not None:
            os.sched_setaffinity(self._process.pid, {core})
        self._reader = asyncio.create_task(self._read())

    def place(self, call: Call) -> None:
        self._say(call.line())

    def begin(self) -> None:
        self._result = asyncio.get_running_loop().create_future()
        self._say("BEGIN\n")

    async def end(self) -> Heard:
        self._say("END\n")
        async with asyncio.timeout(ANSWERS_WITHIN):
            return await self._result

    async def until(self, true: Callable[[Told], bool], seconds: float) -> bool:
        """False if it did not become true within so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                while not true(self._told):
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            return False
        return True

    async def stop(self) -> None:
        if self._process is None:
            return
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        if self._reader is not None:
            await self._reader

    def _say(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode())

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            if line.startswith(b'{"kind":"told"'):
                self._told = msgspec.json.decode(line, type=Told)
                self.changed.set()
            elif not self._result.done():
                self._result.set_result(msgspec.json.decode(line, type=Heard))
        if not self._result.done():
            self._result.set_exception(RuntimeError("the load client went away"))
            self._result.exception()  # retrieved: nobody may be waiting for it
