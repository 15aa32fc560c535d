"""The servers that are compared: icecast2 with a source client of ours, and the service."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import shutil
import subprocess
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from holdsvc.content.library import Library
from holdsvc.content.radio import CHUNK, FRAMES, Radio
from tests.benchmarks.streams.contenders import READY_WITHIN, Missing, listens
from tests.faults.service import HOST, Service, free_port

BITRATE = 128  # kbit/s
MOUNT = "/music.mp3"
PASSWORD = "for this benchmark"
USER, GROUP = "icecast2", "icecast"  # it does not run as root
CONFIG = """<icecast>
  <limits><clients>20000</clients><sources>2</sources><burst-on-connect>1</burst-on-connect><burst-size>65535</burst-size></limits>
  <authentication><source-password>{password}</source-password><admin-user>admin</admin-user>
    <admin-password>{password}</admin-password></authentication>
  <hostname>localhost</hostname>
  <listen-socket><port>{port}</port><bind-address>127.0.0.1</bind-address></listen-socket>
  <paths><basedir>/usr/share/icecast2</basedir><logdir>{folder}</logdir><webroot>/usr/share/icecast2/web</webroot>
    <adminroot>/usr/share/icecast2/admin</adminroot></paths>
  <logging><errorlog>error.log</errorlog><accesslog>-</accesslog><loglevel>1</loglevel></logging>
  <security><chroot>0</chroot>{owner}</security>
</icecast>
"""


class Server(Protocol):
    path: str

    @property
    def pid(self) -> int: ...
    @property
    def port(self) -> int: ...
    def start(self) -> None: ...
    async def feed(self) -> None:
        """Whatever has to go on beside it; cancelled at the end."""

    def stop(self) -> None: ...


class Ours:
    path = "/audio/live/music.mp3"

    def __init__(self, folder: Path, media: Path) -> None:
        more = {"MEDIA__FOLDER": str(media), "LIVE__BITRATE": str(BITRATE), "LIVE__MOST": "20000"}
        self._service = Service(folder, **more)

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

    async def feed(self) -> None:
        """It has its own."""

    def stop(self) -> None:
        self._service.stop()

    def log(self) -> str:
        return self._service.log()


class Icecast:
    path = MOUNT

    def __init__(self, folder: Path, media: Path, together: int) -> None:
        """`together`: mp3 frames that its source client sends at a time; ffmpeg sends each by itself."""
        self.port, self._folder, self._together = free_port(), folder, together
        self._frames = frames(media)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        program = shutil.which("icecast2")
        if program is None:
            raise Missing("icecast2 is missing (package icecast2)")
        owner = f"<changeowner><user>{USER}</user><group>{GROUP}</group></changeowner>" if os.geteuid() == 0 else ""
        config = self._folder / "icecast.xml"
        config.write_text(CONFIG.format(password=PASSWORD, port=self.port, folder=self._folder, owner=owner))
        for folder in (self._folder, self._folder.parent):
            folder.chmod(0o777)
        with (self._folder / "icecast.out").open("wb") as out:
            self._process = subprocess.Popen([program, "-c", str(config)], stdout=out, stderr=out)
        until = time.monotonic() + READY_WITHIN
        while not listens(self.port):
            assert self._process.poll() is None, (self._folder / "icecast.out").read_text()
            assert time.monotonic() < until, "icecast2 does not listen"
            time.sleep(0.05)

    async def feed(self) -> None:
        """A source client at the pace of the sound; a second ahead to begin with, so that there is something to burst."""
        _, writer = await asyncio.open_connection(HOST, self.port)
        writer.write(source_head())
        loop = asyncio.get_running_loop()
        began, frame, sent = loop.time() - 1.0, CHUNK / FRAMES, 0
        frames = itertools.cycle(self._frames)
        while True:
            writer.write(b"".join(itertools.islice(frames, self._together)))
            await writer.drain()
            sent += self._together
            await asyncio.sleep(max(0.0, began + sent * frame - loop.time()))

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def source_head() -> bytes:
    secret = b64encode(f"source:{PASSWORD}".encode()).decode()
    return (
        f"PUT {MOUNT} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {secret}\r\nUser-Agent: source\r\n"
        "Content-Type: audio/mpeg\r\nice-name: tone\r\n\r\n"
    ).encode()


def frames(media: Path, seconds: float = 20.0) -> Sequence[bytes]:
    """The same sound as the service sends, frame by frame."""
    library = Library.open(media, [media / "prepared"])
    reel = Radio(lambda: library.items, library.linear, BITRATE, random.Random(1)).tune("music")
    ((first, _),) = reel.more(1)
    size = len(first) // FRAMES
    sound = b"".join(chunk for chunk, _ in reel.more(int(seconds / CHUNK)))
    return [sound[at : at + size] for at in range(0, len(sound), size)]


MAKE: dict[str, Callable[[Path, Path], Server]] = {
    "icecast": lambda folder, media: Icecast(folder, media, 1),
    "icecast-halves": lambda folder, media: Icecast(folder, media, FRAMES),
    "ours": Ours,
}
TOLD = {
    "icecast": "icecast2, its source sends frame by frame, as ffmpeg does",
    "icecast-halves": "icecast2, its source sends half a second at a time",
    "ours": "holdsvc serve, encoder and all",
}
