"""Call-backs in Redis: the open ones in the part of the call that asked, each found by its caller as well; those that are over
in the wait log.

One is kept in the same step as the session that asked for it. What needs two steps is done again where a process died between
them (`again`), and changes nothing the second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from holdsvc.calls.callback import ANSWERED, Callback, State, Wish, erased, in_order, moved
from holdsvc.calls.facts import AnyFact, CallbackAsked, CallbackSettled
from holdsvc.calls.model import CallerId, QueueName
from holdsvc.calls.session import HoldSession
from holdsvc.errors import StoreUnavailable
from holdsvc.ports import CallbackQuery
from holdsvc.stores import rows
from holdsvc.stores.callbacks import OPEN_STATES, chosen, counted
from holdsvc.stores.callbacks import asked as asked_for
from holdsvc.stores.mover import Entry, Mover, pack_entry
from holdsvc.stores.redis_keys import KEEP, MOST_TRIES, PARTS, key, mark, name_of, part_of, script
from holdsvc.stores.redis_link import Command, Link
from holdsvc.stores.tally import Change

MOVE = script("redis_move_callback.lua")
TWICE = "twice"  # why one was withdrawn: two calls of a caller asked at the same moment


class RedisCallbacks:
    def __init__(self, link: Link, mover: Mover) -> None:
        self._link, self._mover = link, mover

    async def asked(self, session: HoldSession, facts: Iterable[AnyFact]) -> Callback | None:
        """What a save of these is to keep besides; None as a rule. It can be found by its caller from now on."""
        fact = next((one for one in facts if isinstance(one, CallbackAsked)), None)
        if fact is None or session.caller is None or await self._find(session.caller, fact.queue) is not None:
            return None
        one = asked_for(session, session.caller, fact)
        await self._link.surely([("SADD", index(session.caller), f"{part_of(name_of(one.ref.whole))} {one.id}")])
        return one

    async def again(self, session: HoldSession, facts: Iterable[AnyFact]) -> None:
        """What follows from facts that are kept, and is another step."""
        for fact in facts:
            if session.caller is None:
                return
            if isinstance(fact, CallbackAsked):
                there = [one for one in await self.of(session.caller) if one.queue == fact.queue]
                for one in in_order(there)[1:]:
                    await self._step(one.id, Wish(State.WITHDRAWN, fact.at, reason=TWICE))
            elif isinstance(fact, CallbackSettled):
                known = await self._find(session.caller, fact.queue)
                if known is not None and known.asked <= fact.at:
                    await self._step(known.id, Wish(State.WITHDRAWN, fact.at, reason=ANSWERED))

    async def of(self, caller: CallerId) -> list[Callback]:
        """Those that are open."""
        members = sorted(one.decode().split() for one in await self._link.ask("SMEMBERS", index(caller)))
        if not members:
            return []
        blobs = await self._link.all([("HGET", key(int(part), "callbacks"), id) for part, id in members])
        found = [rows.unpack_callback(blob) for blob in blobs if blob]
        return [one for one in found if one.caller == caller]

    async def some(self, query: CallbackQuery) -> Sequence[Callback]:
        if query.state not in OPEN_STATES:
            return await self._logged(query)
        found = await self._link.all([("HVALS", key(part, "callbacks")) for part in range(PARTS)])
        return chosen((rows.unpack_callback(blob) for some in found for blob in some), query)

    async def move(self, id: str, wish: Wish) -> Callback | None:
        """What has been over for days is in the log alone, and stays as it is."""
        after = await self._step(id, wish)
        if after is not None:
            return after
        return next((moved(one, wish) for one in await self._logged(CallbackQuery(id=id))), None)

    async def erase(self, caller: CallerId, at: datetime | None) -> None:
        """What is open is withdrawn; of what is over the log is told apart."""
        for one in await self.of(caller):
            await self._step(one.id, None, at or one.asked)
        for part, id in [one.decode().split() for one in await self._link.ask("SMEMBERS", index(caller))]:
            await self._link.ask("DEL", key(int(part), f"callback:{id}"))
        await self._link.ask("DEL", index(caller))

    async def _logged(self, query: CallbackQuery) -> Sequence[Callback]:
        """Twice, for what was left undone is done when its entry is moved, and is an entry itself."""
        await self._mover.catch_up()
        await self._mover.catch_up()
        return await self._mover.callbacks(query)

    # --- inside --------------------------------------------------------------------------------------------------------

    async def _find(self, caller: CallerId, queue: QueueName) -> Callback | None:
        return next((one for one in in_order(await self.of(caller)) if one.queue == queue), None)

    async def _step(self, id: str, wish: Wish | None, at: datetime | None = None) -> Callback | None:
        """After the wish, or without the person; None where there is none at hand."""
        for _ in range(MOST_TRIES):
            found = await self._look(id)
            if found is None:
                return None
            part, blob = found
            before = rows.unpack_callback(blob)
            after = moved(before, wish) if wish is not None else erased(before, at or before.asked)
            if after == before:
                await self._link.surely([mark(part)])
                return after
            if await self._put(part, blob, after):
                return after
        raise StoreUnavailable("a call-back changed faster than we could")

    async def _look(self, id: str) -> tuple[int, bytes] | None:
        commands: list[Command] = []
        for part in range(PARTS):
            commands += [("HGET", key(part, "callbacks"), id), ("GET", key(part, f"callback:{id}"))]
        found = await self._link.all(commands)
        return next(((place // 2, blob) for place, blob in enumerate(found) if blob), None)

    async def _put(self, part: int, before: bytes, after: Callback) -> bool:
        keys = [key(part, one) for one in ("callbacks", f"callback:{after.id}", "sums", "log")]
        entry = pack_entry(Entry(callback=after))
        changes = flat(counted([after]))
        over = "0" if after.open else "1"
        step: Command = ("EVAL", MOVE, 4, *keys, after.id, before, rows.pack(after), over, KEEP, entry, *changes)
        return bool((await self._link.surely([step]))[0])


def index(caller: CallerId) -> str:
    """Where the names of a caller's call-backs are."""
    return key(part_of(caller), f"callbacks:{caller}")


def flat(changes: Iterable[Change]) -> list[str]:
    return [one for names, value in changes for one in ("\t".join(names), repr(value))]
