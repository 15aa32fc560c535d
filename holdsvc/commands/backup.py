"""`holdsvc backup`: all of a data folder that cannot be made again, into a new folder from which a service can start.

Beside a live service: what names files is copied before the files that it names, and what the wait log goes by after the log.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from holdsvc import app
from holdsvc.commands.log import file_of
from holdsvc.config import load
from holdsvc.content.fetched import FOLDER as FETCHED
from holdsvc.content.shelf_history import FILE as HISTORY
from holdsvc.content.subscriptions import FILE as FEEDS
from holdsvc.errors import ConfigError, StoreUnavailable
from holdsvc.stores import backup as online
from holdsvc.stores.airings import FILE as AIRINGS

LOG = "holdsvc.sqlite3"  # in the copy, whatever the settings call it, so that a copy is a data folder by itself
OWN = "media"
KEPT = {
    "spool.jsonl": "news of calls that the wait log could not take yet",
    LOG: "live calls, the wait log, callers and their numbers",
    AIRINGS: "what was on the air of the live shelves",
    HISTORY: "what was said of each item and when, for reports on a period",
    "callers.key": "without which no caller is known again",
    "notices.json": "what ops say to those who wait, and how many were told",
    FEEDS: "subscriptions that were added by command",
    OWN: "your own shelf, prompts and quiz",
    FETCHED: "episodes and updates, which may be offered no more",
}
MADE_AGAIN = {
    "sound": "prepared at the next start",
    "audio.key": "signs addresses of sound: new ones are given out",
    "personal": "drafts of what is spoken to one caller",
}
NAMING = (".toml", ".json")  # files that name others
PASSING = ("-wal", "-shm", ".lock", ".new", ".part")  # endings of what belongs to a process that runs


def backup(config: Path | None, into: Path) -> int:
    settings = load(config)
    copy_all(app.data_folder(settings), file_of(settings), into, print)
    print(f"the copy is {into}: a data folder (service.data_dir) with which a service can start")
    return 0


def copy_all(folder: Path, log: Path, into: Path, tell: Callable[[str], None]) -> None:
    """`into` appears only when all of it is there. `log` may lie outside the folder."""
    if into.exists():
        raise ConfigError("", f"{into} exists already: a backup overwrites nothing")
    part = into.with_name(into.name + ".part")
    try:
        shutil.rmtree(part, ignore_errors=True)  # of a backup that was cut off
        part.mkdir(mode=0o700)  # numbers and a key are in it
        for name in KEPT:  # the spool before the log: news that moves on meanwhile is in both, and counts once
            source = log if name == LOG else folder / name
            _copy(source, part / name)
            if (part / name).exists():
                tell(f"{name}: {KEPT[name]} ({_size(part / name) / 1e3:,.0f} kB)")
        _flush(part)
        part.rename(into)
    except OSError as error:
        shutil.rmtree(part, ignore_errors=True)
        raise StoreUnavailable(f"cannot copy {folder} to {into}: {error}") from error
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    for name in undecided(folder, log):
        tell(f"{name}: not copied, it is nothing of ours")


def undecided(folder: Path, log: Path) -> list[str]:
    """What lies in a data folder and is neither kept nor made again."""
    known = {*KEPT, *MADE_AGAIN, log.name}
    names = sorted(path.name for path in folder.iterdir())
    return [name for name in names if name not in known and not name.startswith(".") and not name.endswith(PASSING)]


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        _copy_files(source, target)
    elif target.suffix != ".sqlite3":
        _copy_file(source, target)
    elif source.exists():
        online.backup(source, target)


def _copy_files(source: Path, target: Path) -> None:
    target.mkdir(mode=0o700)
    for naming in (True, False):
        for file in _files(source):  # looked for anew: what was named just now may have come just before
            if (file.suffix in NAMING) == naming:
                there = target / file.relative_to(source)
                there.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                _copy_file(file, there)


def _files(folder: Path) -> Iterable[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]


def _copy_file(source: Path, target: Path) -> None:
    """Nothing where it is gone when its turn comes: whatever named it was changed since, and a start looks what is there.

    With its time of change: by that and the size a start knows a file that it need not read.
    """
    try:
        shutil.copy2(source, target)
    except FileNotFoundError:
        target.unlink(missing_ok=True)
    else:
        target.chmod(stat.S_IRUSR | stat.S_IWUSR)


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in _files(path)) if path.is_dir() else path.stat().st_size


def _flush(folder: Path) -> None:
    """On the disk, before the copy gets its name."""
    for path in (*folder.rglob("*"), folder):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
