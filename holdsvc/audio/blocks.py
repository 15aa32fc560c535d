"""Shared sound made ready for a wire once, block by block, for all who hear it.

A block is found again by what it is: the name of its sound, how much louder it is played, and its place on the grid. Those that
nobody asked for lately are forgotten: what is still asked for moves from the older half to the younger, the rest goes at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from holdsvc.audio.player import Part, sound_of

MOST = 16384  # blocks of 200 ms: 55 minutes of different sound, about 35 MB as text

Key = tuple[str, float, int]
T = TypeVar("T")


class Blocks(Generic[T]):
    """`make` turns the mu-law of a block into what goes over the line; `length` is a block's, in bytes of mu-law."""

    def __init__(self, make: Callable[[bytes], T], length: int, most: int = MOST) -> None:
        self.made = 0  # blocks, since the start
        self.make, self._length = make, length
        self._half = max(1, most // 2)
        self._young: dict[Key, T] = {}
        self._old: dict[Key, T] = {}

    def get(self, part: Part, start: int) -> T:
        """The block of a shared part that begins at this sample of it, ready to be sent."""
        key = (part.name, part.gain, start)
        block = self._young.get(key)
        return self._found(key, part, start) if block is None else block

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def _found(self, key: Key, part: Part, start: int) -> T:
        block = self._old.pop(key, None)
        if block is None:
            block = self.make(bytes(sound_of(part, start, start + self._length)))
            self.made += 1
        if len(self._young) >= self._half:
            self._young, self._old = {}, self._young
        self._young[key] = block
        return block
