"""What processes on one Redis share beside the calls: words to all others, one-time tickets, who is there and who leads.

Words go by sharded publishing, in the part of the call that they are about; where a Redis has none, by plain publishing. A save
tells the others by itself, in the same step. Words are lost where nobody listens: whoever was away is told that it missed some.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

from msgspec import MsgspecError
from redis.asyncio import ConnectionPool, Redis, RedisCluster

from holdsvc.calls.facts import AnyFact
from holdsvc.calls.session import HoldSession
from holdsvc.errors import StoreUnavailable
from holdsvc.ports import Ticketed
from holdsvc.stores.ending import ended
from holdsvc.stores.mover import unpack_entry
from holdsvc.stores.redis_keys import PARTS, channel, key, part_of
from holdsvc.stores.redis_link import BROKEN, Command, Link

NAMED = 8  # bytes of a process's name, which stand before each word
KEPT, SAID, ASKED, HANDED = b"k", b"s", b"a", b"h"  # then what kind of word it is
MOST_ASKED = 8  # questions at once: answers of half a megabyte come where words are heard
PIECE = 1 << 16  # bytes of an answer that go out together: what is large is no reason to take Redis for away
MORE, LAST = b"+", b"."  # what is said of a piece
CLAIM = 5000  # milliseconds for which one who answers keeps others from it
BEAT = 1.0  # seconds between two signs of life
STAY = 4.0  # seconds after the last one for which a process counts as there
LEASE = 4.0  # and for which it leads
LISTEN = 1.0  # seconds between two looks at whether the line still lives
SILENT = 5.0  # seconds without any word, our own echoes included, after which a line is dead
AGAIN = 0.2  # seconds between two tries to listen
PATIENCE = 1.0  # seconds for an answer of another process: a caller waits for it
log = logging.getLogger(__name__)

SAY = "return redis.call(ARGV[1], KEYS[1], ARGV[2])"
HERE = """
local t = redis.call('TIME')
local now = tonumber(t[1]) + tonumber(t[2]) / 1000000
redis.call('ZADD', KEYS[3], now, ARGV[1])
if ARGV[2] == '1' then redis.call('ZADD', KEYS[1], now, ARGV[1]) else redis.call('ZREM', KEYS[1], ARGV[1]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now - ARGV[3])
local leader = redis.call('GET', KEYS[2])
if not leader or leader == ARGV[1] then
  redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[4])
  leader = ARGV[1]
end
return {redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[2]), leader == ARGV[1] and 1 or 0, redis.call('ZCARD', KEYS[3]) - 1}
"""
GONE = """
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
return 1
"""
DEPOSIT = """
if redis.call('GET', KEYS[1]) == '' then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
REDEEM = """
local ticket = redis.call('GET', KEYS[1])
if not ticket then return false end
if ticket ~= '' then
  redis.call('SET', KEYS[2], ARGV[1] .. ticket, 'PX', math.max(redis.call('PTTL', KEYS[1]), 1))
  redis.call('SET', KEYS[1], '', 'KEEPTTL')
  return ticket
end
local given = redis.call('GET', KEYS[2])
if given and string.sub(given, 1, #ARGV[1]) == ARGV[1] then return string.sub(given, #ARGV[1] + 1) end
return ''
"""

PRESENCE = key(0, "takers"), key(0, "leader"), key(0, "here")  # who takes new streams, who leads, who is there

Kept = Callable[[HoldSession, Sequence[AnyFact]], None]


class RedisFellows:
    def __init__(self, link: Link) -> None:
        self.others, self.alone = 0, False
        self._found_out = False
        self._behind = False  # the process serves, and was told of nothing before that
        self.name = secrets.token_bytes(NAMED)
        self.command = "SPUBLISH"  # or PUBLISH, where that is missing
        self._link, self._ready, self._leads_until, self._led_until = link, True, 0.0, 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._kept: Kept
        self._said: Callable[[bytes], None]
        self._missed: Callable[[], Awaitable[None]]
        self._have: Callable[[bytes], bytes | None]
        self._awaited: dict[bytes, Awaited] = {}

    @property
    def leads(self) -> bool:
        return asyncio.get_running_loop().time() < self._leads_until

    @property
    def led(self) -> bool:
        """Another one leads. Where Redis is away, nobody does."""
        return asyncio.get_running_loop().time() < self._led_until

    async def find_out(self) -> None:
        """How words are to be said here. Raise `StoreUnavailable`."""
        self.command = "SPUBLISH"
        try:
            await self._link.ask("EVAL", SAY, 1, channel(0), self.command, "")
        except StoreUnavailable:
            self.command = "PUBLISH"
            await self._link.ask("EVAL", SAY, 1, channel(0), self.command, "")
        self._found_out = True

    async def open(
        self,
        kept: Kept,
        said: Callable[[bytes], None],
        missed: Callable[[], Awaitable[None]],
        asked: Callable[[bytes], bytes | None],
    ) -> None:
        self._kept, self._said, self._missed, self._have = kept, said, missed, asked
        listening = asyncio.Event()
        self._beside(self._listen(listening))
        self._beside(self._live())
        if self._found_out:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(listening.wait(), STAY)
        self._behind = not listening.is_set()

    async def close(self) -> None:
        await ended(self._tasks)
        with contextlib.suppress(StoreUnavailable):
            await self._link.ask("EVAL", GONE, 3, *PRESENCE, self.name)

    def ready(self, yes: bool) -> None:
        if yes != self._ready:
            self._ready = yes
            self._beside(self._beat())

    def say(self, about: str, word: bytes) -> None:
        self._beside(self._say(channel(part_of(about)), self.name + SAID + word))

    async def ask(self, what: bytes) -> bytes | None:
        """Published, never kept in Redis; and to nobody but us."""
        if self.alone or len(self._awaited) >= MOST_ASKED:
            return None
        number = secrets.token_bytes(NAMED)
        awaited = self._awaited[number] = Awaited()
        try:
            async with asyncio.timeout(PATIENCE):
                where = channel(part_of(number.hex()))
                await self._publish(where, self.name + ASKED + number + what)
                return await awaited.whole
        except (StoreUnavailable, TimeoutError):
            return None
        finally:
            del self._awaited[number]

    async def deposit(self, token: bytes, ticket: bytes, seconds: float) -> bool:
        step: Command = ("EVAL", DEPOSIT, 1, ticket_key(token), ticket, int(seconds * 1000))
        return bool((await self._link.surely([step]))[0])

    async def redeem(self, token: bytes, attempt: bytes) -> bytes | Ticketed:
        """redis-py may ask twice, too, where the first answer did not come."""
        found = await self._link.ask("EVAL", REDEEM, 2, ticket_key(token), given_key(token), attempt)
        if found is None:
            return Ticketed.UNKNOWN
        return cast(bytes, found) or Ticketed.USED

    async def pin(self, name: str, value: bytes) -> None:
        await self._link.ask("HSET", key(0, "pinned"), name, value)

    async def pinned(self, name: str) -> bytes | None:
        return cast("bytes | None", await self._link.ask("HGET", key(0, "pinned"), name))

    # --- inside ------------------------------------------------------------------------------------------------------

    def _beside(self, work: Any) -> None:  # Any: a coroutine
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _say(self, where: str, word: bytes) -> None:
        try:
            await self._publish(where, word)
        except StoreUnavailable as error:
            log.warning("word_unsaid", extra={"reason": str(error)})

    async def _publish(self, where: str, word: bytes) -> None:
        await self._link.ask("EVAL", SAY, 1, where, self.command, word)

    async def _hand(self, who: bytes, number: bytes, given: bytes) -> None:
        """Of several who have it, one: it may be large."""
        name = number.hex()
        with contextlib.suppress(StoreUnavailable, TimeoutError):  # then whoever asked does without
            async with asyncio.timeout(PATIENCE):
                if await self._link.ask("SET", key(part_of(name), f"asked:{name}"), "", "NX", "PX", CLAIM):
                    for at in range(0, len(given), PIECE):
                        mark = MORE if at + PIECE < len(given) else LAST
                        await self._publish(
                            own_channel(who), self.name + HANDED + number + mark + given[at : at + PIECE]
                        )

    async def _live(self) -> None:
        while True:
            await self._beat()
            await asyncio.sleep(BEAT)

    async def _beat(self) -> None:
        now = asyncio.get_running_loop().time()
        ready = int(self._ready)
        try:  # a Redis that is cut off from its replicas does not know who else is there
            lease = int(LEASE * 1000)
            here: Command = ("EVAL", HERE, 3, *PRESENCE, self.name, ready, STAY, lease)
            ((others, leads, all_others),) = await self._link.surely([here])
        except StoreUnavailable:
            return
        self.others, self.alone = int(others), not all_others
        until = now + LEASE * 0.75
        self._leads_until, self._led_until = (until, 0.0) if leads else (0.0, until)

    async def _listen(self, listening: asyncio.Event) -> None:
        """Until cancelled: all parts, and again whenever a line broke."""
        while True:
            try:
                if not self._found_out:
                    await self.find_out()
                lines = await self._lines()
                await asyncio.gather(*(one.subscribe(self.command == "SPUBLISH") for one in lines))
                if listening.is_set() or self._behind:
                    await self._missed()
                listening.set()
                async with asyncio.TaskGroup() as group:
                    for one in lines:
                        group.create_task(one.listen(self._hear))
            except (*BROKEN, StoreUnavailable) as error:
                log.warning("words_missed", extra={"reason": f"{type(error).__name__}: {error}"})
            except ExceptionGroup as several:
                log.warning("words_missed", extra={"reason": "; ".join(map(repr, several.exceptions))})
            await asyncio.sleep(AGAIN)

    async def _lines(self) -> list[Line]:
        """One to the node, or to each that holds a part."""
        client = self._link.client
        channels = [*(channel(part) for part in range(PARTS)), own_channel(self.name)]
        if not isinstance(client, RedisCluster):
            return [Line(client, channels)]
        await client.initialize()
        nodes: dict[str, tuple[Any, list[str]]] = {}
        for one in channels:
            node = client.get_node_from_key(one)
            if node is None:
                raise StoreUnavailable("a part of the Cluster has no master")
            nodes.setdefault(node.name, (node, []))[1].append(one)
        return [
            Line(Redis.from_pool(ConnectionPool(node.connection_class, **node.connection_kwargs)), some)
            for node, some in nodes.values()
        ]

    def _hear(self, word: bytes) -> None:
        origin, kind, rest = word[:NAMED], word[NAMED : NAMED + 1], word[NAMED + 1 :]
        if origin == self.name:
            return
        try:
            if kind == SAID:
                self._said(rest)
            elif kind == KEPT:
                entry = unpack_entry(rest)
                if entry.session is not None:
                    self._kept(entry.session, entry.facts)
            elif kind == ASKED and (given := self._have(rest[NAMED:])) is not None:
                self._beside(self._hand(origin, rest[:NAMED], given))
            elif kind == HANDED and (awaited := self._awaited.get(rest[:NAMED])) is not None:
                awaited.take(rest[NAMED : NAMED + 1], rest[NAMED + 1 :])
        except MsgspecError as error:  # of another version of ours
            log.warning("word_unreadable", extra={"reason": str(error)})
        except Exception:
            log.exception("word_failed")


class Awaited:
    """An answer that comes in pieces, in their order."""

    def __init__(self) -> None:
        self.whole: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._pieces: list[bytes] = []

    def take(self, mark: bytes, piece: bytes) -> None:
        self._pieces.append(piece)
        if mark == LAST and not self.whole.done():
            self.whole.set_result(b"".join(self._pieces))


class Line:
    """One connection that listens to some of the parts."""

    def __init__(self, client: Redis, channels: Sequence[str]) -> None:
        self._line = client.pubsub()
        self._channels = channels
        self._broke = False  # and has come back by itself
        self._watched: Any = None  # redis-py's connection

    async def subscribe(self, sharded: bool) -> None:
        for one in self._channels:  # one by one: parts lie in different slots
            await (self._line.ssubscribe(one) if sharded else self._line.subscribe(one))
        for _ in self._channels:
            await self._line.get_message(timeout=SILENT)
        self._watched = self._line.connection
        self._watched.register_connect_callback(self._connected)

    async def listen(self, hear: Callable[[bytes], None]) -> None:
        """Until the line is dead. Raise one of `BROKEN` then."""
        loop = asyncio.get_running_loop()
        heard = loop.time()
        try:
            while not self._broke and loop.time() < heard + SILENT:
                message = await self._line.get_message(timeout=LISTEN)
                if (task := asyncio.current_task()) is not None and task.cancelling():
                    raise asyncio.CancelledError  # which the library has forgotten; a TaskGroup cancels its tasks but once
                if message is None:
                    await self._line.ping()
                    continue
                heard = loop.time()
                if message["type"] == "sunsubscribe":
                    raise ConnectionError("a part has moved to another node")
                if message["type"] in ("message", "smessage"):
                    hear(message["data"])
            raise ConnectionError("it broke" if self._broke else "nothing was heard, not even an echo")
        finally:
            self._watched.deregister_connect_callback(self._connected)
            await self._line.aclose()  # type: ignore[no-untyped-call]  # redis-py's

    async def _connected(self, connection: object) -> None:
        self._broke = True


def own_channel(name: bytes) -> str:
    """On which one process alone listens."""
    return key(part_of(name.hex()), f"for:{name.hex()}")


def ticket_key(token: bytes) -> str:
    name = token.hex()
    return key(part_of(name), f"ticket:{name}")


def given_key(token: bytes) -> str:
    """The ticket, once it is given, behind the name of the attempt it was given to."""
    name = token.hex()
    return key(part_of(name), f"given:{name}")
