"""From the log in Redis into SQL, each entry once: how far it came stands in the same transaction as what it brought.

Any number of processes may try at the same time; the one that comes second finds the work done. What could not be moved stays in
Redis, and nothing there is removed before SQL has it. Where writes wait for replicas, nothing goes to SQL that Redis could still
lose: it would come again out of a spool and count twice, and what the next Redis has would be taken for moved.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from heapq import merge
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec import MsgspecError, Struct

from holdsvc.calls.callback import Callback
from holdsvc.calls.facts import AnyFact
from holdsvc.calls.model import CallerId
from holdsvc.calls.record import WaitRecord
from holdsvc.calls.session import HoldSession
from holdsvc.errors import StoreUnavailable, Unkeepable
from holdsvc.ports import CallbackQuery, Ended, WaitQuery
from holdsvc.stores.redis_keys import mark
from holdsvc.stores.redis_link import Command, Link

EVERY = 0.25  # seconds between two looks
SELDOM = 2.0  # the same while SQL is away
LAST_TRIES = 4  # before the process ends
AT_ONCE = 50  # entries of each part: after hours without SQL there are many, and what callers ask of Redis waits behind a move
TOGETHER = 100  # entries that are applied side by side
FIRST = "0-0"

T = TypeVar("T")
log = logging.getLogger(__name__)


class Entry(Struct, frozen=True, omit_defaults=True):
    """What one step adds to the log: a call's session with its facts, a caller's number, a call-back."""

    session: HoldSession | None = None
    facts: tuple[AnyFact, ...] = ()
    forgotten: bool = False
    caller: CallerId | None = None
    number: str = ""
    callback: Callback | None = None  # as it has come to be


class Placed(Struct, frozen=True):
    """An entry, and where it stood in Redis. `entry` is None where it cannot be read."""

    part: int
    id: str
    entry: Entry | None

    @property
    def order(self) -> tuple[int, float, int]:
        """In which entries of several parts happened, as far as that can be told."""
        session = self.entry.session if self.entry else None
        latest = session.latest.timestamp() if session and session.latest else 0.0
        return number_of(self.id)[0], latest, session.version if session else 0


pack_entry = msgspec.msgpack.Encoder().encode
unpack_entry = msgspec.msgpack.Decoder(Entry).decode


class SqlLog(Protocol):
    """The wait log's own side of it."""

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    async def positions(self) -> Mapping[int, str]:
        """How far each part has been moved; a part that is missing has not begun."""

    async def keep(self, placed: Sequence[Placed]) -> Mapping[int, str]:
        """In one transaction, without those that are there already. Returns how far each part has come."""

    async def forget(self, caller: CallerId) -> int: ...
    async def let_go(self, before: datetime, most: int) -> int: ...
    async def waits(self, query: WaitQuery) -> Sequence[WaitRecord]: ...
    async def callbacks(self, query: CallbackQuery) -> Sequence[Callback]: ...
    async def ended_since(self, moment: datetime, edges: Sequence[float]) -> Mapping[Ended, int]: ...


class Mover:
    def __init__(
        self,
        link: Link,
        sql: SqlLog,
        log_of: Callable[[int], str],
        parts: int,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        on_away: Callable[[bool], None] = lambda away: None,
    ) -> None:
        """`log_of`: the key of a part's log. `on_away` hears when SQL is away and when it is back."""
        self._link, self._sql, self._log_of, self._parts, self._sleep = link, sql, log_of, parts, sleep
        self._on_away, self._sql_away = on_away, False
        self._position: dict[int, str] = {}
        self._applied: dict[int, str] = {}  # how far `apply` has seen each part, so that a second try begins behind it
        self._turn = asyncio.Lock()
        self._apply: Callable[[Entry], Awaitable[None]]
        self.forget, self.waits, self.ended_since = sql.forget, sql.waits, sql.ended_since
        self.callbacks, self.let_go = sql.callbacks, sql.let_go

    async def open(self, apply: Callable[[Entry], Awaitable[None]]) -> None:
        """`apply` sees every entry before it leaves Redis."""
        self._apply = apply
        await self._sql.open()
        with contextlib.suppress(StoreUnavailable):  # what is moved already is left out later, in the same transaction
            self._position = dict(await self._heard_of(self._sql.positions()))

    async def close(self) -> None:
        for left in range(LAST_TRIES, 0, -1):
            try:
                await self.catch_up()
                break
            except StoreUnavailable as error:
                if left == 1:
                    log.warning("log_left_in_redis", extra={"reason": str(error), "kept": "there, for the next start"})
            await self._sleep(EVERY)
        await self._sql.close()

    async def run(self) -> None:
        """Until cancelled. No fault ends it: what is not moved now is moved later."""
        away = False
        while True:
            await self._sleep(SELDOM if away else EVERY)
            try:
                await self.catch_up()
                away = False
            except StoreUnavailable as error:
                if not away:
                    log.warning("log_not_moved", extra={"reason": str(error), "kept": "in Redis until it can be"})
                away = True
            except Exception:
                log.exception("log_not_moved")

    async def catch_up(self) -> None:
        """Move all that is there now."""
        async with self._turn:
            while await self._move():
                pass

    async def _move(self) -> bool:
        """Returns whether there may be more."""
        look: dict[int, Command] = {
            part: ("XRANGE", self._log_of(part), f"({self._position.get(part, FIRST)}", "+", "COUNT", AT_ONCE)
            for part in range(self._parts)
        }
        found = dict(zip(look, await self._link.all(list(look.values())), strict=True))
        parts = [placed_in(part, some) for part, some in found.items()]
        placed = list(merge(*parts, key=lambda one: one.order))  # those of one part never change places
        if not placed:
            if self._sql_away:
                await self._heard_of(self._sql.positions())
            return False
        await self._apply_all(placed)
        if self._link.waits and not await self._sure({part: some for part, some in found.items() if some}):
            return True
        self._applied.update({one.part: one.id for one in placed})
        reached = await self._heard_of(self._keep(placed))
        self._position.update(reached)
        await self._link.all([("XTRIM", self._log_of(part), "MINID", after(last)) for part, last in reached.items()])
        return any(len(some) == AT_ONCE for some in found.values())

    async def _sure(self, found: Mapping[int, Sequence[Any]]) -> bool:
        """False if the same is not there any more: another process moved it, or another Redis took over."""
        commands: list[Command] = []
        for part, some in found.items():
            span = f"({self._position.get(part, FIRST)}", some[-1][0]
            commands += [("XRANGE", self._log_of(part), *span, "COUNT", AT_ONCE), mark(part)]
        return (await self._link.surely(commands))[::2] == list(found.values())

    async def _apply_all(self, placed: Sequence[Placed]) -> None:
        new = [one for one in placed if number_of(one.id) > number_of(self._applied.get(one.part, FIRST))]
        entries = [one.entry for one in new if one.entry is not None]
        for at in range(0, len(entries), TOGETHER):
            await asyncio.gather(*map(self._apply, entries[at : at + TOGETHER]))

    async def _heard_of(self, asked: Awaitable[T]) -> T:
        """Whoever wants to know hears whether SQL answers."""
        try:
            answer = await asked
        except StoreUnavailable:
            self._sql_away = True
            raise
        else:
            self._sql_away = False
        finally:
            self._on_away(self._sql_away)
        return answer

    def _cares_no_more(self) -> None:
        """Another process moves now, and tells whether SQL answers: what we heard last is old."""
        if self._sql_away:
            self._sql_away = False
            self._on_away(False)

    async def _keep(self, placed: Sequence[Placed]) -> Mapping[int, str]:
        """What SQL refuses whatever we do must not keep from it all that comes behind."""
        try:
            return await self._sql.keep(placed)
        except Unkeepable as error:
            if len(placed) == 1:
                return await self._sql.keep([without_entry(placed[0], str(error))])
            half = len(placed) // 2
            await self._keep(placed[:half])
            return await self._keep(placed[half:])


def without_entry(placed: Placed, reason: str) -> Placed:
    """The place alone, so that it counts as moved."""
    if placed.entry is not None:
        session = placed.entry.session
        call = f"{session.ref.platform}/{session.ref.key}" if session else ""
        log.error("record_lost", extra={"call": call, "reason": reason, "heard": "all the same"})
    return Placed(placed.part, placed.id, None)


def placed_in(part: int, found: Sequence[Any]) -> list[Placed]:  # Any: as redis-py reads a stream
    return [Placed(part, name.decode(), entry_of(fields)) for name, fields in found]


def entry_of(fields: object) -> Entry | None:
    """redis-py gives pairs as a dict or as a list, by the command's own parser."""
    values = (
        list(fields.values()) if isinstance(fields, dict) else list(fields)[1::2] if isinstance(fields, list) else []
    )
    try:
        return unpack_entry(values[0])
    except (MsgspecError, ValueError, IndexError, TypeError) as error:
        log.error(
            "record_lost", extra={"reason": f"an entry of the log cannot be read: {error}", "heard": "all the same"}
        )
        return None


def number_of(id: str) -> tuple[int, int]:
    milliseconds, _, number = id.partition("-")
    return int(milliseconds), int(number)


def after(id: str) -> str:
    milliseconds, number = number_of(id)
    return f"{milliseconds}-{number + 1}"
