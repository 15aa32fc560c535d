"""Speaks a text for one caller alone. The synthesiser's file and what is prepared of it lie in a folder of their own for as long as
that takes, then there is nothing left of them on the disk: the sound goes on as bytes."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
from pathlib import Path

from holdsvc.content.banned import banned
from holdsvc.content.ingest import made
from holdsvc.content.shelves import Source
from holdsvc.content.sounds import hash_of_file
from holdsvc.errors import BadContent
from holdsvc.ports import Synthesiser

LONGEST = 40.0  # seconds
RATE = 8000  # bytes of mu-law a second


class OwnVoice:
    def __init__(self, synthesiser: Synthesiser, room: Path) -> None:
        """`room` is a folder of ours alone: what a process that was ended left in it is deleted."""
        self._synthesiser, self._room = synthesiser, room
        shutil.rmtree(room, ignore_errors=True)

    async def speak(self, text: str, language: str) -> bytes:
        if phrase := banned(text, language):
            raise BadContent(f'it says "{phrase}", which no caller wants to hear')
        folder = await asyncio.to_thread(self._a_folder)
        try:
            file = folder / "said.wav"
            await self._synthesiser.speak(text, language, file)
            return await prepared(file, folder / "sound")
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def _a_folder(self) -> Path:
        self._room.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=self._room))


async def prepared(file: Path, into: Path) -> bytes:
    """As all sound is, in a confined process. Cancelling it ends the work soon, and waits for that."""
    stop = threading.Event()
    work = asyncio.create_task(asyncio.to_thread(_made, file, into, stop))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait({work})
        raise


def _made(file: Path, into: Path, stop: threading.Event) -> bytes:
    into.mkdir()
    sound = hash_of_file(file)
    reason = made(Source("personal", file, sound), into, stop)
    ready = into / f"{sound}.ulaw"
    if reason or not ready.is_file():
        raise BadContent(reason or "no sound came of it")
    ulaw = ready.read_bytes()
    if len(ulaw) > LONGEST * RATE:
        raise BadContent(f"it takes more than {LONGEST:g} seconds")
    return ulaw
