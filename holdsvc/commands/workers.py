"""`holdsvc serve --workers N`: one process a core on one port, and a parent that starts anew whoever dies and passes signals on.

The parent holds nothing of a call. The system hands connections to the workers in turn (SO_REUSEPORT).
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from holdsvc import app, catalogue
from holdsvc.errors import ConfigError, HoldsvcError
from holdsvc.settings import Settings
from holdsvc.stores.spool import gather

MOST = 64
FAST = 2.0  # seconds; who dies sooner after its start will do so again
REST = 1.0  # seconds until it is started again
BAD_SETTINGS = 2  # how a process ends that settings keep from starting
log = logging.getLogger("holdsvc")

Work = Callable[[Settings, app.Options], int]


class Worker(Struct):
    number: int
    pid: int
    since: float
    lives: int  # this one included


def supervise(settings: Settings, options: app.Options, workers: int, work: Work) -> int:
    """Until told to stop and all workers have; 0 when that was in order. `work` is what one of them does."""
    hold_to_rules(settings, options, workers)
    with reserved(settings) as port, meeting_room() as room:
        gather(app.data_folder(settings), workers)
        settings = replace(settings, service=replace(settings.service, port=port))
        return Parent(settings, replace(options, workers=workers, room=room), work).run()


def hold_to_rules(settings: Settings, options: app.Options, workers: int) -> None:
    if not 1 < workers <= MOST:
        raise ConfigError("--workers", f"{workers} will not do: 1 to {MOST}")
    if not catalogue.is_shared(settings):
        why = "several workers need a store that they share, as redis://...; the embedded one is for one process"
        raise ConfigError("store.url", why)
    if options.phone_token:
        raise ConfigError("--workers", "the browser phone is one process's: leave out --phone or --workers")
    if not hasattr(socket, "SO_REUSEPORT") or not hasattr(os, "fork"):
        raise ConfigError("--workers", "this system cannot share a port between processes: start one")


@contextmanager
def reserved(settings: Settings) -> Iterator[int]:
    """The port, free of others and kept for us."""
    host, port = settings.service.host, settings.service.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as alone, socket.socket(family) as ours:
        try:
            alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            alone.bind((host, port))  # others of this kind would let us in beside them
            port = int(alone.getsockname()[1])
            alone.close()
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            ours.bind((host, port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            why = "another process listens there; stop it or give another --port" if taken else error.strerror
            raise ConfigError("service.port", f"cannot listen on {host}:{port}: {why}") from error
        yield port


@contextmanager
def meeting_room() -> Iterator[Path]:
    """A folder of ours alone, where workers find each other."""
    room = Path(tempfile.mkdtemp(prefix="holdsvc-"))
    try:
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)


class Parent:
    def __init__(self, settings: Settings, options: app.Options, work: Work) -> None:
        self._settings, self._options, self._work = settings, options, work
        self._workers: dict[int, Worker] = {}  # by process
        self._stopping = False
        self._lives, self._ends = os.pipe()  # its end tells the workers that we have died

    def run(self) -> int:
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, self._pass_on)
        for number in range(self._options.workers):
            self._start(number)
        code = 0
        while self._workers:
            pid, status = os.wait()
            worker = self._workers.pop(pid, None)
            if worker is not None:
                code = max(code, self._ended(worker, os.waitstatus_to_exitcode(status)))
        return code

    def _ended(self, worker: Worker, code: int) -> int:
        """What comes of it for our own exit code."""
        if self._stopping:
            return 0 if code == 0 else 1
        if code == BAD_SETTINGS and worker.lives == 1:
            self._pass_on(signal.SIGINT, None)  # it said why; the others would say the same
            return code
        log.error("worker_died", extra={"worker": worker.number, "code": code, "heard": "the others serve its calls"})
        if time.monotonic() - worker.since < FAST:
            time.sleep(REST)
        self._start(worker.number, worker.lives + 1)
        return 0

    def _start(self, number: int, lives: int = 1) -> None:
        if self._stopping:
            return
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if not pid:
            self._be(number)
        self._workers[pid] = Worker(number, pid, time.monotonic(), lives)
        if self._told_to_stop():  # between the two
            self._tell(pid, signal.SIGTERM)

    def _told_to_stop(self) -> bool:
        return self._stopping

    def _be(self, number: int) -> None:
        """A worker, which never comes back from here."""
        code = 1
        try:
            for one in (signal.SIGTERM, signal.SIGINT):
                signal.signal(one, signal.SIG_DFL)
            os.close(self._ends)
            code = self._work(self._settings, replace(self._options, worker=number, parent=self._lives))
        except HoldsvcError as error:
            print(f"holdsvc: {error}", file=sys.stderr)
            code = BAD_SETTINGS if isinstance(error, ConfigError) else 1
        except KeyboardInterrupt:
            code = 130
        except Exception:
            log.exception("worker_failed")
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _pass_on(self, number: int, frame: object) -> None:
        self._stopping = True
        for pid in list(self._workers):
            self._tell(pid, signal.Signals(number))

    def _tell(self, pid: int, which: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, which)
