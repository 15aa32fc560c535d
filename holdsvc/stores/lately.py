"""What was asked for or put here lately, in two halves: what is still asked for moves to the younger, the rest goes at once.

Two plain dicts take half the memory of one that keeps the order, which counts where there is an entry for every caller.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Lately(Generic[K, V]):
    """Holds the latest half of `most`, and never more than `most`."""

    def __init__(self, most: int) -> None:
        self._half = max(1, most // 2)
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def __contains__(self, key: K) -> bool:
        return key in self._young or key in self._old

    def __getitem__(self, key: K) -> V:
        if key not in self._young:
            self[key] = self._old[key]
        return self._young[key]

    def __setitem__(self, key: K, value: V) -> None:
        self._old.pop(key, None)
        if key not in self._young and len(self._young) >= self._half:
            self._young, self._old = {}, self._young
        self._young[key] = value

    def pop(self, key: K) -> None:
        self._young.pop(key, None)
        self._old.pop(key, None)

    def values(self) -> Iterator[V]:
        yield from self._old.values()
        yield from self._young.values()
