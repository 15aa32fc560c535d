"""Which calls ask to be looked at again, and when: a heap with at most one entry that counts for each call."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime

from holdsvc.calls.model import CallRef


class Alarms:
    """A call's moment mostly moves away from us, with each sign of life. So an entry is left where it is until it comes up, and
    only then put where it belongs by now; just an earlier moment needs a new entry at once."""

    def __init__(self, wake_at: Callable[[CallRef], datetime | None]) -> None:
        self._wake_at = wake_at
        self._heap: list[tuple[datetime, CallRef]] = []
        self._entry: dict[CallRef, datetime] = {}

    def set(self, ref: CallRef, when: datetime | None) -> None:
        entry = self._entry.get(ref)
        if when is not None and (entry is None or when < entry):
            self._push(ref, when)

    def due(self, now: datetime, most: int) -> list[CallRef]:
        """Earliest first. A call is named again and again until its moment has moved."""
        refs: list[CallRef] = []
        while self._heap and self._heap[0][0] <= now and len(refs) < most:
            when, ref = heapq.heappop(self._heap)
            if self._entry.get(ref) != when:
                continue
            del self._entry[ref]
            wake_at = self._wake_at(ref)
            if wake_at == when:
                refs.append(ref)
            elif wake_at is not None:
                self._push(ref, wake_at)
        for ref in refs:
            self.set(ref, self._wake_at(ref))
        return refs

    def _push(self, ref: CallRef, when: datetime) -> None:
        self._entry[ref] = when
        heapq.heappush(self._heap, (when, ref))
