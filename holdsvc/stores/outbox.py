"""The outbox of a store that lasts as long as its process, and how a letter lies in the others: all of it but when it is due."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from holdsvc.ports import Due, Letter, Standing, Verdict
from holdsvc.ports.outbox import Causes, nothing

pack_letter = msgspec.msgpack.Encoder().encode
unpack_letter = msgspec.msgpack.Decoder(Letter).decode


class MemoryOutbox:
    def __init__(self) -> None:
        self.causes: Causes = nothing
        self._kept: dict[str, Due] = {}

    def add(self, some: Iterable[Due]) -> None:
        for due in some:
            self._kept.setdefault(due.letter.effect.key, due)

    async def hand_out(self, to: str, now: float, until: float, most: int) -> Sequence[Letter]:
        live = [due for due in self._kept.values() if due.letter.effect.to == to and due.letter.died is None]
        first: dict[str, int] = {}
        for due in live:
            effect = due.letter.effect
            first[effect.line] = min(effect.turn, first.get(effect.line, effect.turn))
        ready = [due for due in live if due.at <= now and due.letter.effect.turn == first[due.letter.effect.line]]
        letters = [due.letter for due in sorted(ready, key=lambda due: due.at)[:most]]
        self._kept.update((one.effect.key, Due(one, until)) for one in letters)
        return letters

    async def settle(self, verdicts: Sequence[Verdict]) -> int:
        return sum(self._settle(one) for one in verdicts)

    def _settle(self, verdict: Verdict) -> bool:
        key = verdict.before.effect.key
        if verdict.after is None:
            return self._kept.pop(key, None) is not None
        kept = self._kept.get(key)
        if kept is None or kept.letter != verdict.before:
            return False
        self._kept[key] = Due(verdict.after, verdict.at)
        return True

    async def letters(self, most: int) -> Sequence[Letter]:
        return sorted((due.letter for due in self._kept.values()), key=in_order)[:most]

    async def standing(self) -> Standing:
        dead = sum(due.letter.died is not None for due in self._kept.values())
        return Standing(len(self._kept) - dead, dead)


def in_order(letter: Letter) -> tuple[bool, float, str]:
    """The dead first, the longest dead before the others."""
    return letter.died is None, letter.died or 0.0, letter.effect.key
