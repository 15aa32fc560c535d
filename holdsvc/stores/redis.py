"""Live state in Redis, shared by many processes; the wait log follows into SQL (`mover`).

All keys of a part lie together, also in a Cluster, so that one script keeps a session, its alarm, the sums and the log's entry, or
nothing of it. A call belongs to one part, a caller to one part; no step needs two. What is kept of a caller is counted by the
version of the call that told it, so that telling it again changes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import MsgspecError, Struct

from holdsvc.calls.facts import AnyFact
from holdsvc.calls.memory import remember
from holdsvc.calls.model import CallerId, CallRef, PhoneNumber, Profile
from holdsvc.calls.record import WaitRecord
from holdsvc.calls.session import MOST_LIFE_EVENTS, MOST_SEEN, HoldSession
from holdsvc.errors import ConfigError, StaleSession, StoreUnavailable, Unkeepable
from holdsvc.ports import Ended, Totals, WaitQuery
from holdsvc.stores import rows, tally
from holdsvc.stores.callbacks import counted
from holdsvc.stores.ending import ended
from holdsvc.stores.erasure import anonymous, erased
from holdsvc.stores.mover import Entry, Mover, pack_entry
from holdsvc.stores.redis_callbacks import RedisCallbacks, flat
from holdsvc.stores.redis_fellows import KEPT as TOLD
from holdsvc.stores.redis_fellows import RedisFellows
from holdsvc.stores.redis_keys import (
    KEEP,
    MOST_TRIES,
    PARTS,
    channel,
    key,
    log_of,
    mark,
    name_of,
    part_of,
    ref_of,
    script,
)
from holdsvc.stores.redis_link import Command, Link, will_not_have_us
from holdsvc.stores.redis_outbox import RedisOutbox, kept

__all__ = ["PARTS", "RedisStore", "log_of"]

LEASE = 5.0  # seconds for which a call that was handed out as due is not handed out again
MOST_TOLD = 16  # calls of which a profile knows what it has heard, the latest
KEPT, STALE, FORGOTTEN = 1, 0, -1

log = logging.getLogger(__name__)


SAVE = script("redis_save.lua")
TELL = """
if redis.call('HGET', KEYS[1], 'told') ~= (ARGV[1] ~= '' and ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'told', ARGV[2], 'profile', ARGV[3])
return 1
"""
NUMBER = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[1])
  redis.call('XADD', KEYS[2], '*', 'e', ARGV[2])
end
return 1
"""
CLAIM = """
local claimed = {}
for n = 3, #ARGV do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[n])
  if score and tonumber(score) <= tonumber(ARGV[1]) then
    if tonumber(ARGV[2]) > 0 then redis.call('ZADD', KEYS[1], ARGV[1] + ARGV[2], ARGV[n]) end
    claimed[#claimed + 1] = ARGV[n]
  end
end
return claimed
"""


class Told(Struct, frozen=True):
    """A profile as it lies in Redis, and which versions of which calls it has heard of: a line a call."""

    raw: bytes  # of `told`, b"" for none
    profile: Profile

    def has(self, name: str, version: int) -> bool:
        return str(version) in self._lines().get(name, "").split(",")

    def with_version(self, name: str, version: int) -> str:
        lines = self._lines()
        before = lines.pop(name, "")
        lines[name] = f"{before},{version}" if before else str(version)
        return "\n".join(f"{one} {versions}" for one, versions in list(lines.items())[-MOST_TOLD:])

    def _lines(self) -> dict[str, str]:
        return dict(line.rsplit(" ", 1) for line in self.raw.decode().split("\n") if line)


class RedisStore:
    name = "redis"

    def __init__(
        self,
        link: Link,
        mover: Mover,
        on_commit: Callable[[float], None] = lambda seconds: None,
        monotonic: Callable[[], float] | None = None,
        lease: float = LEASE,
        fellows: RedisFellows | None = None,
    ) -> None:
        """`on_commit` hears how many seconds each save took. `fellows` are told of each save, in the same step."""
        self._link, self._mover, self._on_commit, self._lease = link, mover, on_commit, lease
        self._monotonic, self.fellows = monotonic, fellows
        self._moving: asyncio.Task[None] | None = None
        self._callbacks = RedisCallbacks(link, mover)
        self.outbox = RedisOutbox(link)
        self.owed, self.callbacks, self.move_callback = self._callbacks.of, self._callbacks.some, self._callbacks.move

    async def open(self) -> None:
        try:
            await self._link.ask("HGET", key(0, "sums"), "")
            if self.fellows is not None:
                await self.fellows.find_out()
        except StoreUnavailable as error:
            if will_not_have_us(error):
                raise ConfigError("store.url", f"it will not have us: {error}") from error
            then = "callers are served, and what they tell is put by; who waits already is known when it is back"
            log.warning("store_away", extra={"reason": str(error), "then": then})
        await self._mover.open(self._apply)
        self._moving = asyncio.create_task(self._mover.run())

    async def close(self) -> None:
        if self._moving is not None:
            await ended([self._moving])
            self._moving = None
        await self._mover.close()
        await self._link.close()

    # --- one call ------------------------------------------------------------------------------------------------------

    async def load(self, ref: CallRef) -> HoldSession | None:
        blob = await self._link.ask("HGET", self._call(ref), "session")
        return session_of(blob) if blob else None

    async def save(self, session: HoldSession, facts: Sequence[AnyFact]) -> None:
        began = self._now()
        try:
            kept, told = await self._save(session, facts)
            if kept == FORGOTTEN:
                session = anonymous(session)
                kept, told = await self._save(session, facts)
        except UnicodeError as error:
            raise Unkeepable(f"cannot be written: {error}") from error
        if kept != KEPT:
            raise StaleSession(f"version {session.version} does not follow what is kept")
        if session.caller is not None and facts:
            with contextlib.suppress(StoreUnavailable):  # the call is kept, and the mover tells what was not told
                await self.tell(session.caller, session.ref, session.version, facts, told)
                await self._callbacks.again(session, facts)
        self._on_commit(self._now() - began)

    async def _save(
        self, session: HoldSession, facts: Sequence[AnyFact], *, forget: bool = False
    ) -> tuple[int, Told | None]:
        """What became of it, and what the caller's profile was, if there is a caller: both are asked for at once."""
        name = name_of(session.ref)
        part = part_of(name_of(session.ref.whole))
        callback = await self._callbacks.asked(session, facts)
        added = [*tally.changes(session.ref.platform, facts), *(counted([callback]) if callback else ())]
        asked: list[Command] = []
        if session.caller is not None:  # before the call itself: who is to be forgotten later must be found
            calls = key(part_of(session.caller), f"calls:{session.caller}")
            asked += [profile_of(session.caller), ("SADD", calls, name), ("EXPIRE", calls, 2 * KEEP)]
        entry, fellows = pack_entry(Entry(session, tuple(facts), forgotten=forget, callback=callback)), self.fellows
        waiting, anonymously = rows.is_waiting(session), session == anonymous(session)
        places, letters = kept(part, self.outbox.causes(session, facts))
        asked.append(
            (
                "EVAL",
                SAVE,
                7 + len(places),
                *(key(part, one) for one in (f"call:{name}", "waiting", "due", "sums", "log")),
                channel(part),
                key(part, "callbacks"),
                *places,
                session.version,
                rows.pack(session),
                len(facts),
                "1" if waiting else "0",
                repr(session.wake_at.timestamp()) if session.wake_at else "",
                "forget" if forget else "1" if anonymously else "0",
                KEEP,
                name,
                entry,
                fellows.command if fellows else "",
                fellows.name + TOLD if fellows else "",
                callback.id if callback else "",
                rows.pack(callback) if callback else "",
                *letters,
                *flat(added),
            )
        )
        answers = await self._link.surely(asked)
        return int(answers[-1]), told_of(*answers[0]) if session.caller is not None else None

    async def confirm(self, session: HoldSession) -> None:
        if not self._link.waits:
            return
        part = part_of(name_of(session.ref.whole))
        look: list[Command] = [("HGET", self._call(session.ref), "session"), mark(part)]
        blob = (await self._link.surely(look))[0]
        if not blob or not knows(session_of(blob), session):
            raise StaleSession("another Redis has taken over, without what was there")

    async def due(self, now: datetime, most: int) -> Sequence[CallRef]:
        """Claimed for us alone until the lease is over; what is not handed out is not claimed either."""
        moment = repr(now.timestamp())
        look: list[Command] = [
            ("ZRANGE", key(part, "due"), "-inf", moment, "BYSCORE", "LIMIT", 0, most, "WITHSCORES")
            for part in range(PARTS)
        ]
        found = [
            (float(score), part, name)
            for part, some in enumerate(await self._link.all(look))
            for name, score in pairs(some)
        ]
        wanted: dict[int, list[bytes]] = {}
        for _, part, name in sorted(found)[:most]:
            wanted.setdefault(part, []).append(name)
        claims: list[Command] = [
            ("EVAL", CLAIM, 1, key(part, "due"), moment, self._lease, *names) for part, names in wanted.items()
        ]
        claimed = {name for names in await self._link.all(claims) for name in names}
        return [ref_of(name.decode()) for _, _, name in sorted(found) if name in claimed]

    async def live(self) -> Sequence[HoldSession]:
        found = await self._link.all([("SMEMBERS", key(part, "waiting")) for part in range(PARTS)])
        names = sorted(name.decode() for some in found for name in some)
        blobs = await self._link.all([("HGET", self._call(ref_of(name)), "session") for name in names])
        live = []
        for blob in blobs:
            try:
                live += [session_of(blob)] if blob else []
            except StoreUnavailable as error:  # one call that cannot be read must not keep all others from being served
                log.error("session_unreadable", extra={"reason": str(error)})
        return live

    # --- callers -------------------------------------------------------------------------------------------------------

    async def profile(self, caller: CallerId) -> Profile | None:
        told = await self._told(caller)
        return told.profile if told.raw else None

    async def tell(
        self, caller: CallerId, ref: CallRef, version: int, facts: Sequence[AnyFact], told: Told | None = None
    ) -> None:
        """Let the caller's profile hear of this version of a call, once. `told`: as it was just now."""
        name, at = name_of(ref), profile_of(caller)[1]
        for _ in range(MOST_TRIES):
            told = told or await self._told(caller)
            profile = remember(told.profile, facts)
            if told.has(name, version) or profile is told.profile:
                return
            now = told.with_version(name, version)
            if await self._link.ask("EVAL", TELL, 1, at, told.raw, now, rows.pack(profile)):
                return
            told = None
        raise StoreUnavailable("a profile changed faster than we could")

    async def _apply(self, entry: Entry) -> None:
        """What a process that died between two steps left untold."""
        session = entry.session
        if session is not None and session.caller is not None and entry.facts:
            kept = await self._link.ask("HGET", self._call(session.ref), "forgotten")
            if not kept:
                await self.tell(session.caller, session.ref, session.version, entry.facts)
                await self._callbacks.again(session, entry.facts)

    async def _told(self, caller: CallerId) -> Told:
        return told_of(*await self._link.ask(*profile_of(caller)))

    async def remember_number(self, caller: CallerId, number: PhoneNumber) -> None:
        part = part_of(caller)
        entry = pack_entry(Entry(caller=caller, number=number.e164))
        at = key(part, f"number:{caller}"), key(part, "log")
        await self._link.surely([("EVAL", NUMBER, 2, *at, number.e164, entry)])

    async def numbers(self, callers: Sequence[CallerId]) -> Mapping[CallerId, PhoneNumber]:
        found = await self._link.all([("GET", key(part_of(caller), f"number:{caller}")) for caller in callers])
        return {caller: PhoneNumber(one.decode()) for caller, one in zip(callers, found, strict=True) if one}

    async def forget(self, number: PhoneNumber, caller: CallerId, at: datetime | None = None) -> int:
        await self._callbacks.erase(caller, at)
        await self._mover.catch_up()
        part = part_of(caller)
        names = await self._link.ask("SMEMBERS", key(part, f"calls:{caller}"))
        for name in sorted(names):
            await self._erase(ref_of(name.decode()), caller)
        await self._link.surely([("DEL", key(part, f"{what}:{caller}")) for what in ("profile", "number", "calls")])
        waits = await self._mover.forget(caller)
        await self._mover.catch_up()
        return waits

    async def _erase(self, ref: CallRef, caller: CallerId) -> None:
        for _ in range(MOST_TRIES):
            session = await self.load(ref)
            if session is None or session.caller != caller:
                return
            if (await self._save(erased(session), (), forget=True))[0] == KEPT:
                return
        raise StoreUnavailable("a call changed faster than it could be forgotten")

    # --- the log -------------------------------------------------------------------------------------------------------

    async def waits(self, query: WaitQuery) -> Sequence[WaitRecord]:
        await self._mover.catch_up()
        return await self._mover.waits(query)

    async def let_go(self, before: datetime, most: int) -> int:
        await self._mover.catch_up()  # what was told of a wait before it goes is counted in its row
        return await self._mover.let_go(before, most)

    async def ended_since(self, moment: datetime, edges: Sequence[float]) -> Mapping[Ended, int]:
        await self._mover.catch_up()
        return await self._mover.ended_since(moment, edges)

    async def totals(self) -> Totals:
        sums: dict[tally.Key, float] = {}
        for some in await self._link.all([("HGETALL", key(part, "sums")) for part in range(PARTS)]):
            for name, value in pairs(some):
                one, a, b, c = name.decode().split("\t")
                tally.add(sums, [((one, a, b, c), float(value))])
        return tally.totals(sums)

    # --- inside --------------------------------------------------------------------------------------------------------

    def _call(self, ref: CallRef) -> str:
        return key(part_of(name_of(ref.whole)), f"call:{name_of(ref)}")

    def _now(self) -> float:
        return self._monotonic() if self._monotonic else asyncio.get_running_loop().time()


def profile_of(caller: CallerId) -> Command:
    return "HMGET", key(part_of(caller), f"profile:{caller}"), "told", "profile"


def told_of(raw: bytes | None, blob: bytes) -> Told:
    if not raw:
        return Told(b"", Profile())
    try:
        return Told(raw, rows.unpack_profile(blob))
    except (MsgspecError, ValueError) as error:
        log.error("profile_unreadable", extra={"reason": str(error), "heard": "what a new caller hears"})
        return Told(raw, Profile())


def pairs(answer: Any) -> Iterable[tuple[bytes, Any]]:  # Any: as redis-py reads it
    """What stands in twos, however redis-py brings it: as a dict, as pairs, or one after the other."""
    if isinstance(answer, dict):
        return answer.items()
    if answer and isinstance(answer[0], list | tuple):
        return [(name, value) for name, value in answer]
    return zip(answer[::2], answer[1::2], strict=True)


def session_of(blob: bytes) -> HoldSession:
    try:
        return rows.unpack_session(blob)
    except (MsgspecError, ValueError) as error:
        raise StoreUnavailable(f"a session cannot be read: {error}") from error


def knows(kept: HoldSession, session: HoldSession) -> bool:
    """Whether all is in `kept` that the other one has heard of. As high a version says nothing: where another Redis has taken over,
    other news may have been counted there. What has heard too much to remember it all may have forgotten some.
    """
    heard = (*session.seen, *(event.id for event in session.life))
    forgets = len(kept.seen) >= MOST_SEEN or len(kept.life) >= MOST_LIFE_EVENTS
    return kept.version >= session.version and (forgets or all(kept.has(one) for one in heard))
