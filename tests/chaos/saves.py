"""One process that takes calls and keeps them in Redis, without a platform and without sound: `python -m tests.chaos.saves URL
FOLDER REPLICAS`. Each line that it writes is an acknowledgement; it ends when its input does, all being in its wait log.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from holdsvc.calls.events import AgentAnswered, CallerHungUp, CallEvent, CallHeld, DigitPressed
from holdsvc.calls.model import CallerId, CallId, CallRef, EventId
from holdsvc.engine.intake import Intake, Recognition
from holdsvc.engine.plans import PlanBook, QueueRules
from holdsvc.errors import StaleSession, StoreUnavailable
from holdsvc.stores.mover import Mover
from holdsvc.stores.redis import PARTS, RedisStore, log_of
from holdsvc.stores.redis_link import ANSWER, Link, Replicas, connect
from holdsvc.stores.spool import FileSpool
from holdsvc.stores.sqlite_log import SqliteLog
from tests.engine.test_intake import Directory, Numbers, Shelves, Words
from tests.plans import QUEUE

CALLERS = 8  # at once, one call after the other
PAUSE = 0.1  # seconds between two pieces of news, at most
REPLAY = 0.2  # seconds between two tries to bring what was put by


class WallClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


class Saves:
    def __init__(self, url: str, folder: Path, replicas: int) -> None:
        link = Link(connect(url), Replicas(replicas), ANSWER)
        mover = Mover(link, SqliteLog(folder / "log.sqlite3"), log_of, PARTS)
        self.store = RedisStore(link, mover)
        book = PlanBook(Shelves(), {"default": QueueRules()}, streams=False)
        recognition = Recognition(Numbers(), lambda number: CallerId("nobody"), Directory().ask)
        self.spool = FileSpool(folder / "spool.jsonl")
        self.intake = Intake(self.store, book, recognition, Words(), WallClock(), spool=self.spool)
        self.enough = False

    async def call(self, number: int) -> None:
        name = f"CA{number}"
        for step, kind in (("began", CallHeld), ("pressed", DigitPressed), ("ended", CallerHungUp)):
            if step == "ended" and number % 2:
                kind = AgentAnswered
            await self.intake.take(CallRef("testphone", CallId(name)), QUEUE, (event(step, kind),))
            print(step, name, flush=True)
            await asyncio.sleep(random.uniform(0, PAUSE))

    async def caller(self, numbers: count[int]) -> None:
        while not self.enough:
            await self.call(next(numbers))

    async def bring(self) -> None:
        while True:
            await asyncio.sleep(REPLAY)
            if self.intake.degraded:
                with contextlib.suppress(StoreUnavailable, StaleSession):
                    await self.intake.keep_again()

    async def run(self) -> None:
        await self.store.open()
        bringing, numbers = asyncio.create_task(self.bring()), count()
        async with asyncio.TaskGroup() as group:
            for _ in range(CALLERS):
                group.create_task(self.caller(numbers))
            await asyncio.to_thread(sys.stdin.read)
            self.enough = True
        while self.intake.degraded:
            await asyncio.sleep(REPLAY)
        bringing.cancel()
        await self.store.close()
        self.spool.close()


def event(step: str, kind: type[CallHeld | DigitPressed | CallerHungUp | AgentAnswered]) -> CallEvent:
    now = datetime.now(UTC)
    if kind is CallHeld:
        return CallHeld(at=now, id=EventId(step), began=now)
    if kind is DigitPressed:
        return DigitPressed(at=now, id=EventId(step), digit="2")
    return kind(at=now, id=EventId(step))


if __name__ == "__main__":
    asyncio.run(Saves(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])).run())
