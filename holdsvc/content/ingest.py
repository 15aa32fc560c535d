"""Foreign files to prepared sound: each in a process of its own, at most two at a time.

May be stopped at any moment and started again: what is done stands on disk under its hash, what is bad has its reason
there, and the rest is still pending.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from msgspec import Struct

from holdsvc.content import apart, sounds
from holdsvc.content.library import Library
from holdsvc.content.shelves import Source

MOST_WORKERS = 2  # calls come first
LONGEST = 900.0  # seconds that one file may take; an hour of sound takes about one minute
_GLANCE = 0.2  # seconds between looks whether to stop

log = logging.getLogger(__name__)


class Progress(Struct, frozen=True):
    done: int
    total: int
    id: str  # what was just done
    reason: str = ""  # why it was quarantined, if it was


def ingest(
    library: Library,
    into: Path,
    *,
    workers: int = MOST_WORKERS,
    progress: Callable[[Progress], None] = lambda _: None,
    stop: threading.Event | None = None,
    only: Callable[[Source], bool] = lambda _: True,
) -> None:
    """Prepare what is pending. Each sound is on the library's shelves as soon as it is done, or quarantined.

    `progress` is called in this thread. When `stop` is set, work under way is given up.
    """
    stop = stop or threading.Event()
    into.mkdir(parents=True, exist_ok=True)
    _sweep(into)
    pending = {
        source.sound: source for source in library.pending() if only(source)
    }  # one sound may stand on two shelves
    with ThreadPoolExecutor(min(max(workers, 1), MOST_WORKERS)) as pool:
        jobs = {pool.submit(made, source, into, stop): source for source in pending.values()}
        try:
            for done, job in enumerate(as_completed(jobs), 1):
                reason = job.result()
                if stop.is_set():
                    break
                library.refresh()
                progress(Progress(done, len(jobs), jobs[job].id, reason))
        except BaseException:
            stop.set()  # the others are not waited for
            raise


async def ingest_behind(
    library: Library,
    into: Path,
    *,
    workers: int = 1,
    progress: Callable[[Progress], None] = lambda _: None,
    only: Callable[[Source], bool] = lambda _: True,
) -> None:
    """The same beside a running service; `progress` is called in another thread. Cancelling it ends the work soon."""
    stop = threading.Event()
    work = asyncio.create_task(
        asyncio.to_thread(ingest, library, into, workers=workers, progress=progress, stop=stop, only=only)
    )
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        stop.set()
        await work
        raise


def sweep(library: Library, folder: Path) -> int:
    """Delete prepared sound in this folder that nothing on the shelves is made of; how many sounds that were."""
    wanted = {source.sound for source in library.sources} | {sounds.QUIET_SOUND}
    gone = {file.stem for file in folder.glob("*.*") if sounds.is_hash(file.stem)} - wanted
    for sound in gone:
        for file in folder.glob(f"{sound}.*"):
            file.unlink(missing_ok=True)
    return len(gone)


def made(source: Source, into: Path, stop: threading.Event) -> str:
    """Have one sound made, and wait for it; the reason if there will be none."""
    if stop.is_set():
        return ""
    with tempfile.TemporaryFile() as words:
        child = subprocess.Popen(  # noqa: S603 - our own interpreter, paths of ours
            apart.command("holdsvc.content.prepare", str(source.file), str(into.resolve()), source.sound),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=words,
            env=apart.environment(),
            # Ctrl-C at our terminal is for us; a decoder that dies of it would condemn its file. And it ends as one.
            start_new_session=True,
        )
        code = _end_of(child, stop)
        if code in (0, apart.REFUSED):
            return sounds.refusal(source.sound, (into,)) or ""
        if stop.is_set():
            return ""
        words.seek(0)
        log.warning("sound_not_made id=%s code=%s last_words=%r", source.id, code, words.read()[-500:])
    if code is not None and code > 0:
        return "could not be prepared this time; the log says more"  # a full disk, for one: it stays pending
    reason = "preparing it took too long" if code is None else f"preparing it failed (signal {-code})"
    sounds.refuse(into, source.sound, reason)
    return reason


def _end_of(child: subprocess.Popen[bytes], stop: threading.Event) -> int | None:
    """The exit code; None if the child had to be ended by us."""
    waited = 0.0
    try:
        while waited < LONGEST and not stop.is_set():
            try:
                return child.wait(_GLANCE)
            except subprocess.TimeoutExpired:
                waited += _GLANCE
        return None
    finally:
        _end_all(child)
        child.wait()


def _end_all(child: subprocess.Popen[bytes]) -> None:
    """The decoder that it started as well: a file that is given up costs nothing more."""
    if sys.platform == "win32":
        child.kill()
    elif child.returncode is None:  # else its number may by now be another's
        os.killpg(child.pid, signal.SIGKILL)


def _sweep(folder: Path) -> None:
    """Drafts of a run that was ended in the middle; not those of a command that prepares beside a running service."""
    for draft in folder.glob(".*.part"):
        if not _prepares(draft.suffixes[-2:-1]):
            draft.unlink(missing_ok=True)


def _prepares(number: list[str]) -> bool:
    """Whether the process that the draft's name tells is one of ours, where such a thing can be seen."""
    try:
        return b"holdsvc" in Path("/proc", number[0][1:], "cmdline").read_bytes()
    except (OSError, IndexError, ValueError):
        return False
