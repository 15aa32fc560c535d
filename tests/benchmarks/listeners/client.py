"""The listeners as a process: dialled in, counted in a window, asked what they heard."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import msgspec
from msgspec import Struct

from tests.benchmarks.streams.client import compiled

SOURCE = "../listeners/client.c"
BEHIND = 1.6  # seconds by which a listener's sound may differ from the window's: two chunks and a look
ANSWERS_WITHIN = 10.0


class Heard(Struct, frozen=True):
    """What all listeners got in a window; seconds."""

    seconds: float
    alive: int
    lost: int
    broken: int  # places where a frame should begin and none does
    bytes: int
    frames: int
    least: float  # sound that the one who got least was sent
    most: float
    pause: float  # the longest that anybody waited for something to come

    @property
    def in_real_time(self) -> bool:
        return self.seconds - BEHIND <= self.least and self.most <= self.seconds + BEHIND


class Told(Struct, frozen=True):
    opened: int = 0
    sounding: int = 0
    refused: int = 0
    lost: int = 0


def program(folder: Path) -> Path:
    """RuntimeError where there is no compiler."""
    return compiled(folder, SOURCE)


class Listeners:
    def __init__(self, program: Path, port: int, path: str, number: int) -> None:
        self._words = [str(program), str(port), path, str(number)]
        self._number = number
        self._process: asyncio.subprocess.Process

    @property
    def pid(self) -> int:
        return self._process.pid

    async def start(self, core: int | None = None) -> None:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *self._words, stdin=pipe, stdout=pipe, start_new_session=True
        )
        if core is not None:
            os.sched_setaffinity(self.pid, {core})

    async def sounding(self, seconds: float) -> Told:
        """When all have sound, or this time has passed."""
        told = Told()
        async with asyncio.timeout(seconds + ANSWERS_WITHIN):
            began = asyncio.get_running_loop().time()
            while told.sounding + told.refused < self._number:
                told = msgspec.json.decode(await self._line(b'{"kind":"told"'), type=Told)
                if asyncio.get_running_loop().time() > began + seconds:
                    break
        return told

    async def window(self, seconds: float) -> Heard:
        assert self._process.stdin is not None
        self._process.stdin.write(b"BEGIN\n")
        await asyncio.sleep(seconds)
        self._process.stdin.write(b"END\n")
        async with asyncio.timeout(ANSWERS_WITHIN):
            return msgspec.json.decode(await self._line(b'{"kind":"heard"'), type=Heard)

    async def stop(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def _line(self, kind: bytes) -> bytes:
        assert self._process.stdout is not None
        while not (line := await self._process.stdout.readline()).startswith(kind):
            assert line, "the listeners went away"
        return line
