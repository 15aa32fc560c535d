"""The outbox in the embedded store's file. Letters come in with the batch of their saves; all else goes through the one writer."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol, TypeVar

from holdsvc.ports import Letter, Standing, Verdict
from holdsvc.ports.outbox import Causes, nothing
from holdsvc.stores.outbox import pack_letter, unpack_letter
from holdsvc.stores.rows import Row
from holdsvc.stores.writer import transaction

DUE = (
    "SELECT key, letter FROM outbox AS one WHERE destination = ? AND dead = 0 AND due <= ? AND NOT EXISTS"
    " (SELECT 1 FROM outbox AS other WHERE other.line = one.line AND other.dead = 0 AND other.turn < one.turn)"
    " ORDER BY due LIMIT ?"
)
LEASE = "UPDATE outbox SET due = ? WHERE key = ?"
DONE = "DELETE FROM outbox WHERE key = ?"
CHANGE = "UPDATE outbox SET due = ?, dead = ?, letter = ? WHERE key = ? AND letter = ?"
LIST = "SELECT letter FROM outbox ORDER BY dead DESC, due, key LIMIT ?"
COUNT = "SELECT dead, count(*) FROM outbox GROUP BY dead"

T = TypeVar("T")


class Errand(Protocol):
    """Has work done on the connection that writes. Raises `StoreUnavailable`."""

    def __call__(self, work: Callable[[sqlite3.Connection], T]) -> Awaitable[T]: ...


class SqliteOutbox:
    def __init__(self, errand: Errand) -> None:
        self.causes: Causes = nothing
        self._errand = errand

    async def hand_out(self, to: str, now: float, until: float, most: int) -> Sequence[Letter]:
        return await self._errand(transaction(partial(lease, to, now, until, most)))

    async def settle(self, verdicts: Sequence[Verdict]) -> int:
        return await self._errand(transaction(partial(settle, verdicts)))

    async def letters(self, most: int) -> Sequence[Letter]:
        return await self._errand(lambda db: [unpack_letter(blob) for (blob,) in db.execute(LIST, (most,)).fetchall()])

    async def standing(self) -> Standing:
        found = await self._errand(lambda db: dict(db.execute(COUNT).fetchall()))
        return Standing(found.get(0, 0), found.get(1, 0))


def lease(to: str, now: float, until: float, most: int, db: sqlite3.Connection) -> list[Letter]:
    found = db.execute(DUE, (to, now, most)).fetchall()
    db.executemany(LEASE, [(until, key) for key, _ in found])
    return [unpack_letter(letter) for _, letter in found]


def settle(verdicts: Sequence[Verdict], db: sqlite3.Connection) -> int:
    return sum(db.execute(*step(one)).rowcount for one in verdicts)


def step(verdict: Verdict) -> tuple[str, Row]:
    key, after = verdict.before.effect.key, verdict.after
    if after is None:
        return DONE, (key,)
    dead = int(after.died is not None)
    return CHANGE, (after.died or verdict.at, dead, pack_letter(after), key, pack_letter(verdict.before))
