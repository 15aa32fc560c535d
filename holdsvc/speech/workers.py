"""Recognisers in processes of their own, so that the loop never waits, and a recogniser that hangs or falls takes nobody with it.

A caller's sound goes through a pipe to a worker and is gone with the answer: no file, no log, no core dump. Where there is no
room for another utterance it is refused at once: the caller has keys, and a late answer is worse than none.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from holdsvc.errors import Unheard
from holdsvc.ports import Recognised, Utterance
from holdsvc.speech.forget import ENVIRONMENT
from holdsvc.speech.worker import LENGTH, Ready

log = logging.getLogger("holdsvc.speech")

STARTING = 30.0  # seconds in which a worker must have loaded its model, on a machine under load
OUTWAITED = (
    8.0  # seconds more after which a worker that still owes an answer hangs: to load a model anew costs more than that
)
DEADLINE = 2.0  # seconds from the question to the answer, waiting included; by then a caller has gone on
WAITING = 2  # utterances that may wait for each worker
REST = (1.0, 5.0, 30.0)  # seconds before a worker that fell is started again; the last one for all further falls
LONGEST = 30.0  # seconds of sound that are taken in
MEGABYTES = 1500  # of address space that a worker may take


class Limits(Struct, frozen=True):
    workers: int = 1
    waiting: int = WAITING
    deadline: float = DEADLINE
    outwaited: float = OUTWAITED
    starting: float = STARTING
    rest: tuple[float, ...] = REST
    megabytes: int = MEGABYTES


class Load(Struct, frozen=True):
    """For metrics and /readyz."""

    workers: int
    ready: int
    busy: int
    waiting: int
    answers: Mapping[str, int]  # by result: sure near none absent busy late broken
    restarts: int
    fault: str  # why there is no recogniser; "" where there is one, or it is still loading


def command_of(kind: str, model: str = "") -> tuple[str, ...]:
    """A worker of ours, by the same interpreter."""
    return (sys.executable, "-P", "-m", "holdsvc.speech.worker", kind, model)


class Workers:
    """`Ears` over processes. `told` hears of each change between able and unable, for the metric of degraded parts."""

    def __init__(
        self,
        command: Sequence[str],
        limits: Limits | None = None,
        told: Callable[[bool], None] = lambda away: None,
    ) -> None:
        self._command = tuple(command)
        self._limits = limits or Limits()
        self._told = told
        self._idle: asyncio.Queue[_Worker] = asyncio.Queue()
        self._tenders: list[asyncio.Task[None]] = []
        self._alive: set[_Worker] = set()
        self._owing: set[asyncio.Task[None]] = set()
        self._late: set[_Worker] = set()
        self._asked = 0
        self._answers: Counter[str] = Counter()
        self._restarts = 0
        self._languages: tuple[str, ...] = ()
        self._fault = ""
        self._away: bool | None = None

    async def start(self) -> None:
        """Returns at once; workers load beside whatever else starts."""
        for _ in range(self._limits.workers):
            self._tenders.append(asyncio.create_task(self._tend()))

    async def close(self) -> None:
        for tender in self._tenders:
            tender.cancel()
        await asyncio.gather(*self._tenders, return_exceptions=True)
        self._tenders.clear()
        for owing in self._owing:
            owing.cancel()
        await asyncio.gather(*self._owing, return_exceptions=True)

    def understands(self, language: str) -> bool:
        plain = language.replace("_", "-").partition("-")[0].lower()
        return bool(self._alive) and ("*" in self._languages or plain in self._languages)

    @property
    def load(self) -> Load:
        busy = max(0, len(self._alive) - self._idle.qsize())
        waiting = max(0, self._asked - busy)
        return Load(
            self._limits.workers,
            len(self._alive),
            busy,
            waiting,
            dict(self._answers),
            self._restarts,
            self._fault,
        )

    @property
    def processes(self) -> tuple[int, ...]:
        """Ids of those that are up."""
        return tuple(worker.process_id for worker in self._alive)

    async def recognise(self, utterance: Utterance) -> Recognised:
        try:
            heard = await self._recognise(utterance)
        except Unheard as error:
            self._answers[error.why] += 1
            raise
        self._answers[heard.certainty.value] += 1
        return heard

    async def _recognise(self, utterance: Utterance) -> Recognised:
        if not self._alive:
            raise Unheard("absent", self._fault)
        if self._asked >= len(self._alive) * (1 + self._limits.waiting):
            raise Unheard("busy")
        self._asked += 1
        try:
            async with asyncio.timeout(self._limits.deadline):
                return await self._ask(utterance)
        except TimeoutError:
            self._slow()
            raise Unheard("late") from None
        finally:
            self._asked -= 1

    def _slow(self) -> None:
        """All of them owe an answer that came too late for somebody."""
        if self._alive and self._alive <= self._late:
            self._fault = "the recogniser is slow or hangs"
            self._tell(away=True)

    async def _ask(self, utterance: Utterance) -> Recognised:
        worker = await self._free()
        asked = asyncio.create_task(worker.ask(utterance))
        try:
            heard = await asyncio.shield(asked)
        except (OSError, EOFError, msgspec.MsgspecError) as error:
            worker.kill()
            raise Unheard("broken") from error
        except BaseException:  # out of time, or nobody waits any more: its next answer is to this question
            self._owes(worker, asked)
            raise
        self._idle.put_nowait(worker)
        return heard

    def _owes(self, worker: _Worker, asked: asyncio.Task[Recognised]) -> None:
        """It may only be slow. Until it has answered it is asked nothing else; if it never does, another takes its place."""
        self._late.add(worker)
        task = asyncio.create_task(self._outwait(worker, asked))
        self._owing.add(task)
        task.add_done_callback(self._owing.discard)

    async def _outwait(self, worker: _Worker, asked: asyncio.Task[Recognised]) -> None:
        try:
            async with asyncio.timeout(self._limits.outwaited):
                await asked
        except (OSError, EOFError, TimeoutError, msgspec.MsgspecError):
            worker.kill()
        else:
            self._fault = ""
            self._idle.put_nowait(worker)
            self._tell(away=False)
        finally:
            self._late.discard(worker)

    async def _free(self) -> _Worker:
        while True:
            worker = await self._idle.get()
            if worker in self._alive:
                return worker

    async def _tend(self) -> None:
        """Keep one worker alive. A model that is not there will not come: that is told once and left."""
        falls = 0
        while True:
            worker = None
            try:
                worker = await _Worker.started(self._command, self._limits)
                falls = 0
                self._arrived(worker)
                await worker.gone()
            except _Unable as error:
                self._lost(worker, str(error))
                return
            except (OSError, EOFError, TimeoutError, msgspec.MsgspecError) as error:
                self._lost(worker, f"the recogniser does not start ({type(error).__name__})")
            else:
                self._lost(worker, "the recogniser fell and is being started again")
            finally:
                if worker is not None:
                    self._alive.discard(worker)
                    await worker.end()
            self._restarts += 1
            await asyncio.sleep(self._limits.rest[min(falls, len(self._limits.rest) - 1)])
            falls += 1

    def _arrived(self, worker: _Worker) -> None:
        self._alive.add(worker)
        self._languages = worker.languages
        self._fault = ""
        self._idle.put_nowait(worker)
        self._tell(away=False)

    def _lost(self, worker: _Worker | None, fault: str) -> None:
        if worker is not None:
            self._alive.discard(worker)
        if not self._alive:
            self._fault = fault
            self._tell(away=True)

    def _tell(self, *, away: bool) -> None:
        if away == self._away:
            return
        if away:
            log.warning("speech_away %s; keys work", self._fault)
        elif self._away:
            log.info("speech_back")
        self._away = away
        self._told(away)


class _Unable(Exception):
    """The worker said that it cannot do its work here, and why."""


class _Worker:
    """One process, with one question at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.languages: tuple[str, ...] = ()

    @classmethod
    async def started(cls, command: Sequence[str], limits: Limits) -> _Worker:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # a library's complaints could hold what was said
            env=environment(limits.megabytes),
        )
        worker = cls(process)
        try:
            async with asyncio.timeout(limits.starting):
                ready = msgspec.msgpack.decode(await worker._read(), type=Ready)
        except BaseException:
            await worker.end()
            raise
        if ready.fault:
            await worker.end()
            raise _Unable(ready.fault)
        worker.languages = ready.languages
        return worker

    async def ask(self, utterance: Utterance) -> Recognised:
        most = round(LONGEST * 16_000)
        body = msgspec.msgpack.encode(msgspec.structs.replace(utterance, pcm=utterance.pcm[:most]))
        assert self._process.stdin is not None
        self._process.stdin.write(LENGTH.pack(len(body)) + body)
        await self._process.stdin.drain()
        return msgspec.msgpack.decode(await self._read(), type=Recognised)

    async def _read(self) -> bytes:
        assert self._process.stdout is not None
        (length,) = LENGTH.unpack(await self._process.stdout.readexactly(LENGTH.size))
        return await self._process.stdout.readexactly(length)

    @property
    def process_id(self) -> int:
        return self._process.pid

    async def gone(self) -> None:
        await self._process.wait()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def end(self) -> None:
        self.kill()
        await self._process.wait()


def environment(megabytes: int) -> dict[str, str]:
    """Nothing is handed on, no secret above all; one thread, one heap, no way out to a model hub."""
    return {
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "PATH": os.defpath,
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "1",
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "HOLDSVC_WORKER_MEGABYTES": str(megabytes),
        **ENVIRONMENT,
    }
