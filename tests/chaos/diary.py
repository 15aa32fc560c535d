"""What a caller lived through, and what was done to the machines meanwhile: told of those who had the longest silence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

Note = tuple[float, str]  # the clock's own seconds, and what happened then
BEFORE = 3.0  # seconds before a silence that may have to do with it


class Diary:
    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._now = monotonic
        self._notes: defaultdict[str, list[Note]] = defaultdict(list)  # by call

    def note(self, call: str, words: str) -> None:
        self._notes[call].append((self._now(), words))

    def forget(self, call: str) -> None:
        self._notes.pop(call, None)

    def around(self, call: str, began: float, seconds: float, others: Sequence[Note] = ()) -> str:
        """Of a silence: its notes and those of others in their order, each with its seconds since the last sound."""
        notes = sorted((*self._notes.get(call, ()), *others))
        return ", ".join(f"{at - began:+.1f} {words}" for at, words in within(notes, began, seconds)) or "nothing"


def within(notes: Sequence[Note], began: float, seconds: float) -> Iterator[Note]:
    for at, words in notes:
        if began - BEFORE <= at <= began + seconds + 0.1:
            yield at, words
