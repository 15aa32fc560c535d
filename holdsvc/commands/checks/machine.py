"""What the machine is like, measured; and what of it would let callers down."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import sqlite3
import stat
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from msgspec import Struct, field

from holdsvc.calls.plan import Media
from holdsvc.commands.checks.codes import Finding, finding
from holdsvc.config import Settings, is_postgres
from holdsvc.content.confine import Confinement
from holdsvc.engine.ring import Ring

FLUSHES = 5
SLOW_FLUSH, WORST_FLUSH = 0.05, 1.0  # seconds; platforms wait for an answer, and each answer for a flush
LITTLE_ROOM, NO_ROOM = 1 << 30, 100 << 20  # bytes
OUR_FIRST_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=1)  # how far a file may lie in the future
REPAIRED = (3, 51, 3)  # the SQLite that no longer loses what two connections write while one of them resets the WAL
OLDEST = (3, 37, 0)
SPARE_FILES = 200  # beside one for each stream
NETWORKED = ("nfs", "cifs", "smb", "fuse.sshfs", "fuse.glusterfs", "glusterfs", "ceph", "lustre", "afs", "fuse.s3fs")
IN_MEMORY = ("tmpfs", "ramfs")
KEPT = "have chrony or systemd-timesyncd keep the clock"
TIME_ERROR = 5  # what adjtimex answers where nothing keeps the clock
OURS = ("holdsvc.sqlite3", "holdsvc.sqlite3-wal", "callers.key", "audio.key", "spool.jsonl")


class Machine(Struct, frozen=True):
    """None where it could not be told."""

    confinement: Confinement
    flush: float | None = 0.001  # seconds, the median of a few
    room: int | None = 100 << 30  # bytes
    filesystem: str = "ext4"
    sqlite: tuple[int, ...] = REPAIRED
    synchronised: bool | None = True
    newest: datetime | None = None  # the last change of a file of ours
    writable: bool = True
    modes: Mapping[str, int] = field(default_factory=dict)  # "" = the data folder
    open_files: int | None = 1 << 20
    no_ring: str = ""  # why io_uring is refused here, "" where it is not


def measure(folder: Path, confinement: Confinement) -> Machine:
    return Machine(
        confinement=confinement,
        flush=flush_seconds(folder),
        room=shutil.disk_usage(folder).free,
        filesystem=filesystem(folder),
        sqlite=sqlite3.sqlite_version_info,
        synchronised=synchronised(),
        newest=newest(folder),
        writable=os.access(folder, os.W_OK | os.X_OK),
        modes=modes(folder),
        open_files=open_files(),
        no_ring=no_ring(),
    )


def flush_seconds(folder: Path) -> float | None:
    probe, took = folder / f".flush-{os.getpid()}", []
    try:
        with probe.open("wb", buffering=0) as file:
            for _ in range(FLUSHES):
                file.write(b"\0" * 4096)
                begun = time.perf_counter()
                os.fsync(file.fileno())
                took.append(time.perf_counter() - begun)
                if took[-1] > WORST_FLUSH:
                    break
    except OSError:
        return None
    finally:
        with contextlib.suppress(OSError):
            probe.unlink()
    return median(took)


def filesystem(folder: Path) -> str:
    """The kind that the folder lies on, "" where this system does not tell."""
    try:
        lines = Path("/proc/self/mountinfo").read_text("utf-8").splitlines()
    except OSError:
        return ""
    here, best, kind = folder.resolve(), -1, ""
    for line in lines:
        before, _, after = line.partition(" - ")
        mount = Path(before.split()[4].replace("\\040", " "))
        if here.is_relative_to(mount) and len(mount.parts) >= best:  # of two on one place the later is on top
            best, kind = len(mount.parts), after.split()[0]
    return kind


def synchronised() -> bool | None:
    if sys.platform != "linux":
        return None
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))  # all zero: it only looks
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != TIME_ERROR


def newest(folder: Path) -> datetime | None:
    times = [one.stat().st_mtime for one in map(folder.joinpath, OURS) if one.is_file()]
    return datetime.fromtimestamp(max(times), UTC) if times else None


def modes(folder: Path) -> Mapping[str, int]:
    if os.name != "posix":
        return {}
    found = {name: folder / name for name in OURS if (folder / name).is_file()} | {"": folder}
    return {name: path.stat().st_mode for name, path in found.items()}


def open_files() -> int | None:
    try:
        import resource  # not everywhere
    except ImportError:
        return None
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def no_ring() -> str:
    try:
        Ring()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def sending(machine: Machine) -> str:
    """How AudioSocket's frames go out here."""
    return f"one by one, for io_uring is refused: {machine.no_ring}" if machine.no_ring else "many at once, by io_uring"


def rules(settings: Settings, machine: Machine, now: datetime) -> Iterator[Finding]:
    yield from clock(machine, now)
    if machine.synchronised is False and settings.service.public_url:
        why = "nothing keeps this machine's clock: waits across a correction are wrong, and signatures with a time fail"
        yield finding("HS-151", why, KEPT)
    if settings.store.url.startswith("memory:"):
        why = "the store is in memory: the wait log ends with the process"
        yield finding("HS-104", why, 'set store.url to "sqlite:"')
    else:
        yield from store(settings, machine)
        yield from disk(machine)
    yield from permissions(machine)
    yield from decoding(machine.confinement)
    yield from files(settings, machine)
    yield from lines(settings, machine)


def clock(machine: Machine, now: datetime) -> Iterator[Finding]:
    if now < OUR_FIRST_YEAR:
        yield finding("HS-152", f"this machine's clock says {now:%Y-%m-%d}, before this service existed", KEPT)
    elif machine.newest and machine.newest > now + AHEAD:
        why = f"the data folder was last written on {machine.newest:%Y-%m-%d}, and the clock says {now:%Y-%m-%d}"
        yield finding("HS-152", why, KEPT)


def store(settings: Settings, machine: Machine) -> Iterator[Finding]:
    if settings.store.synchronous != "FULL":
        why = "store.synchronous is not FULL: a power cut loses acknowledged records"
        yield finding("HS-105", why, "set it to FULL")
    if "+sentinel" in settings.store.url.partition(":")[0] and not settings.store.wait_replicas:
        why = "answers do not wait for replicas of Redis: one that takes over may lack the last acknowledged records"
        yield finding("HS-115", why, "set store.wait_replicas to as many replicas as there are")
    key = "store.url" if settings.store.url.startswith("sqlite:") else "ledger.url"
    url = settings.store.url if key == "store.url" else settings.ledger.url
    if is_postgres(url):
        return
    named = url.removeprefix("sqlite:").removeprefix("//")
    if named and not Path(named).expanduser().parent.is_dir():
        yield finding("HS-164", f"{key}: there is no folder for {named}", f"make it, or correct {key}")
    version = ".".join(map(str, machine.sqlite))
    if machine.sqlite < OLDEST:
        yield finding(
            "HS-163", f"SQLite is {version}; the store wants {'.'.join(map(str, OLDEST))}", "take a newer Python"
        )
    elif machine.sqlite < REPAIRED:
        why = (
            f"SQLite is {version}: before 3.51.3, two connections that write and checkpoint at once can damage the file; "
            "the service has one alone and locks the file, so it is not met as long as no other program writes there"
        )
        yield finding("HS-162", why, "let nothing but holdsvc open the store; a newer SQLite takes the condition away")


def disk(machine: Machine) -> Iterator[Finding]:
    if machine.flush is not None and machine.flush > SLOW_FLUSH:
        code = "HS-154" if machine.flush > WORST_FLUSH else "HS-153"
        why = f"a flush of the data folder takes {machine.flush * 1000:.0f} ms; each answer to a platform waits for one"
        yield finding(code, why, "put service.data_dir on a local disk that nobody else keeps busy")
    if machine.room is not None and machine.room < LITTLE_ROOM:
        code = "HS-156" if machine.room < NO_ROOM else "HS-155"
        why = f"the data folder has {machine.room >> 20} MB left; a full disk keeps no wait"
        yield finding(code, why, "make room, or move service.data_dir")
    if machine.filesystem.startswith(NETWORKED):
        why = f"the data folder is on {machine.filesystem}, over which SQLite's locks and its WAL cannot be trusted"
        yield finding("HS-160", why, "put service.data_dir on a disk of this machine")
    if machine.filesystem in IN_MEMORY:
        why = f"the data folder is on {machine.filesystem}: the wait log ends with the machine's power"
        yield finding("HS-161", why, "put service.data_dir on a disk")


def permissions(machine: Machine) -> Iterator[Finding]:
    if not machine.writable:
        yield finding("HS-157", "the data folder cannot be written to", "give it to the user who runs the service")
    folder = machine.modes.get("", 0)
    if folder & stat.S_IWOTH:
        yield finding("HS-159", "everybody on this machine may change the data folder", "chmod 700 the folder")
    shown = [name for name, mode in machine.modes.items() if name and mode & stat.S_IROTH and folder & stat.S_IXOTH]
    if shown:
        why = f"everybody on this machine may read {', '.join(shown)} in the data folder: numbers and keys are in them"
        yield finding("HS-112", why, "chmod 600 the files, and 700 their folder")


def decoding(held: Confinement) -> Iterator[Finding]:
    if held.doors:
        why = f"a hostile sound file that broke the decoder could here {', '.join(held.doors)}"
        yield finding("HS-205", why, "prepare sound on Linux (x86_64 or aarch64), or take only files that you trust")


def files(settings: Settings, machine: Machine) -> Iterator[Finding]:
    streams = settings.audiosocket.port or any(one.media is Media.STREAM for one in settings.queues.values())
    needed = settings.streams.most + SPARE_FILES
    if streams and machine.open_files is not None and 0 <= machine.open_files < needed:
        why = f"{machine.open_files} files may be open, and streams.most alone is {settings.streams.most}"
        yield finding("HS-165", why, f"raise the limit to {needed} (LimitNOFILE, ulimit -n), or lower streams.most")


def lines(settings: Settings, machine: Machine) -> Iterator[Finding]:
    if settings.audiosocket.port and machine.no_ring:
        why = f"io_uring is refused here ({machine.no_ring}), so AudioSocket's frames go out one by one"
        cost = "callers hear the same; the CPU of their lines was measured at 1.04 to 1.51 times as much"
        yield finding(
            "HS-166",
            f"{why}: {cost}",
            "leave it, or allow io_uring_setup and io_uring_enter: in a container by a seccomp profile of your own"
            " (Docker's refuses them), on the machine by kernel.io_uring_disabled = 0; Linux 5.17 or newer",
        )
