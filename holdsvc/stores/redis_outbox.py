"""The outbox in Redis: letters lie in the part of their call, so that the script that saves the call keeps them as well.

A letter's place is one word, its line, its turn and its key: in the order of these words those of a line follow each other.
"""

from __future__ import annotations

from collections.abc import Sequence

from holdsvc.ports import Due, Letter, Standing, Verdict
from holdsvc.ports.outbox import Causes, nothing
from holdsvc.stores.outbox import in_order, pack_letter, unpack_letter
from holdsvc.stores.redis_keys import PARTS, key, part_of, script
from holdsvc.stores.redis_link import Command, Link, Part

HAND_OUT, SETTLE = script("redis_outbox.lua"), script("redis_settle.lua")
LETTERS, DEAD, LINES = "letters", "letters:dead", "letters:lines"


class RedisOutbox:
    def __init__(self, link: Link) -> None:
        self.causes: Causes = nothing
        self._link = link
        self._first = 0  # the part that is looked into first, another one each time

    async def hand_out(self, to: str, now: float, until: float, most: int) -> Sequence[Letter]:
        self._first = (self._first + 1) % PARTS
        parts = [(self._first + n) % PARTS for n in range(PARTS)]
        look: list[Command] = [
            ("ZRANGE", due_at(part, to), "-inf", repr(now), "BYSCORE", "LIMIT", 0, most) for part in parts
        ]
        claims: list[Command] = []
        for part, found in zip(parts, await self._link.all(look), strict=True):
            members, most = found[:most], most - len(found[:most])
            if members:
                at = key(part, LETTERS), due_at(part, to), key(part, LINES)
                claims.append(("EVAL", HAND_OUT, 3, *at, repr(now), repr(until), *members))
        return [unpack_letter(blob) for some in await self._link.all(claims) for blob in some]

    async def settle(self, verdicts: Sequence[Verdict]) -> int:
        return sum(await self._link.all([step(one) for one in verdicts]))

    async def letters(self, most: int) -> Sequence[Letter]:
        found: list[Letter] = []
        for name in (DEAD, LETTERS):
            some = await self._link.all([("HVALS", key(part, name)) for part in range(PARTS)])
            found += sorted((unpack_letter(blob) for blobs in some for blob in blobs), key=in_order)
        return found[:most]

    async def standing(self) -> Standing:
        lengths: list[Command] = [("HLEN", key(part, name)) for name in (LETTERS, DEAD) for part in range(PARTS)]
        found = await self._link.all(lengths)
        return Standing(sum(found[:PARTS]), sum(found[PARTS:]))


def kept(part: int, some: Sequence[Due]) -> tuple[list[str], list[Part]]:
    """What a save gives its script, to keep these as well: keys, and arguments with their number before them."""
    keys = [key(part, LETTERS), key(part, LINES), *(due_at(part, letter.effect.to) for letter, _ in some)]
    values: list[Part] = [len(some)]
    for letter, at in some:
        values += [place(letter), pack_letter(letter), repr(at)]
    return keys, values


def step(verdict: Verdict) -> Command:
    effect, after = verdict.before.effect, verdict.after
    part = part_of(effect.call)
    keys = key(part, LETTERS), due_at(part, effect.to), key(part, LINES), key(part, DEAD)
    packed = pack_letter(after) if after is not None else ""
    dead = "1" if after is not None and after.died is not None else "0"
    values = place(verdict.before), pack_letter(verdict.before), packed, repr(verdict.at), dead
    return ("EVAL", SETTLE, len(keys), *keys, *values)


def place(letter: Letter) -> str:
    return f"{letter.effect.line} {letter.effect.turn:015} {letter.effect.key}"


def due_at(part: int, to: str) -> str:
    return key(part, f"letters:due:{to}")
