"""The service, broken on purpose in one way: `python -m tests.chaos.flawed FLAW serve ...`. For control runs alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count

from msgspec.structs import replace

from holdsvc import app, catalogue
from holdsvc.calls.session import HoldSession
from holdsvc.cli import run
from holdsvc.content import keeper
from holdsvc.engine import intake
from holdsvc.engine.intake import Intake, Taken
from holdsvc.engine.lookup import Breaker
from holdsvc.engine.unkept import News, Unkept
from holdsvc.errors import StoreUnavailable
from holdsvc.ports import Report
from holdsvc.stores.mover import Placed
from holdsvc.stores.postgres_log import PostgresLog
from holdsvc.stores.redis_fellows import RedisFellows
from holdsvc.stores.redis_link import connect

PATIENT = 10.0  # seconds
BEHIND = 2.0  # seconds by which it answers before it keeps


def late() -> None:
    """Answers first and keeps two seconds later: what a process that dies had not kept is gone."""
    intake.BEAT = BEHIND

    async def report(self: Intake, news: Report) -> Taken:
        async with self._lock(news.ref):
            place = await self._placed(news)
            session = place.known or place.new
            events, _ = await self._complete(replace(news, ref=session.ref), session)
        return await self.take_now(session.ref, session.queue, (*place.before, *events))

    def turn(self: Unkept, session: HoldSession) -> int:
        """As if no process could ask another, lest the control loses in calm weather, too: versions count late as well."""
        return self._apart + next(turns)

    turns = count(1)
    Intake.report, Unkept.turn = report, turn  # type: ignore[method-assign]


def abrupt() -> None:
    """The same, and does not wait for it when it is told to stop: it ends at once."""
    late()

    async def settle(self: Intake) -> None:
        return None

    async def drain(*_: object) -> None:
        os._exit(0)

    Intake.settle, app.drain = settle, drain  # type: ignore[method-assign, assignment]


def no_spool() -> None:
    """What the store cannot take is answered, and not put by."""

    def put_by(self: Unkept, session: HoldSession, news: News) -> bool:
        return True

    Unkept.put_by = put_by  # type: ignore[method-assign]


def at_most_once() -> None:
    """What SQL could not take counts as moved."""
    keep = PostgresLog.keep

    async def lossy(self: PostgresLog, placed: Sequence[Placed]) -> Mapping[int, str]:
        try:
            return await keep(self, placed)
        except StoreUnavailable:
            return {one.part: one.id for one in placed}

    PostgresLog.keep = lossy  # type: ignore[method-assign]


def patient() -> None:
    """Redis has ten seconds for an answer."""
    vars(catalogue).update(ANSWER=PATIENT, connect=partial(connect, answer=PATIENT))


def seldom() -> None:
    """A feed that failed once is asked again after ten minutes."""
    keeper.SOON = keeper.FIRST_RETRY = 600.0


def grudge() -> None:
    """A directory that was left alone once is never asked again."""

    def may_ask(self: Breaker) -> bool:
        return self._until is None

    Breaker.may_ask = may_ask  # type: ignore[method-assign]


def selfish() -> None:
    """No process gives another one sound that it does not have."""

    async def ask(self: RedisFellows, what: bytes) -> None:
        return None

    RedisFellows.ask = ask  # type: ignore[method-assign]


FLAWS: dict[str, Callable[[], None]] = {
    "late": late,
    "abrupt": abrupt,
    "no-spool": no_spool,
    "at-most-once": at_most_once,
    "patient": patient,
    "seldom": seldom,
    "grudge": grudge,
    "selfish": selfish,
}

if __name__ == "__main__":
    FLAWS[sys.argv[1]]()
    sys.exit(run(sys.argv[2:]))
