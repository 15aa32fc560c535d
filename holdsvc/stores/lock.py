"""One process for one data folder: two writers would each believe to know the latest version of a call."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from holdsvc.errors import ConfigError, InUse


class FileLock:
    """Held until released or until the process dies, however it dies."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None

    def take(self) -> None:
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError("service.data_dir", f"cannot write {self.path}: {error.strerror}") from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(fd, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(fd)
            raise InUse(
                "service.data_dir",
                f"{self.path} is held by a running holdsvc (process {owner}):"
                " stop that one, or give this one another data_dir",
            ) from error
        os.truncate(fd, 0)
        os.pwrite(fd, str(os.getpid()).encode(), 0)
        self._fd = fd

    def release(self) -> None:
        if self._fd is not None:
            os.close(self._fd)  # the file stays: removing it would let two processes lock two files of one name
            self._fd = None
