"""The carrier's buffer of a bidirectional stream: plays at real time, echoes marks when reached, forgets all on clear.

Pure: times are handed in.
"""

from __future__ import annotations

from collections import deque

RATE = 8000  # bytes of mu-law a second


class Playout:
    def __init__(self) -> None:
        self._until = 0.0  # when what is buffered will have been played
        self._marks: deque[tuple[float, str]] = deque()
        self.received = 0.0  # seconds of sound
        self.cleared = 0.0  # seconds of sound that clear took away unheard
        self.gaps = 0  # times the buffer ran dry and sound came again later
        self._started = False
        self._wanted = False  # sound is expected to go on: no clear since the last

    def media(self, size: int, now: float) -> None:
        if self._started and self._wanted and now > self._until:
            self.gaps += 1
        self._started = self._wanted = True
        self._until = max(self._until, now) + size / RATE
        self.received += size / RATE

    def mark(self, name: str, now: float) -> None:
        self._marks.append((max(self._until, now), name))

    def clear(self, now: float) -> list[str]:
        """Names of all marks that were pending: they come back at once."""
        self.cleared += max(0.0, self._until - now)
        self._until, self._wanted = min(self._until, now), False
        names = [name for _, name in self._marks]
        self._marks.clear()
        return names

    def reached(self, now: float) -> list[str]:
        """Names of the marks that playing has come to."""
        names = []
        while self._marks and self._marks[0][0] <= now + 1e-6:
            names.append(self._marks.popleft()[1])
        return names

    def next_mark(self) -> float | None:
        return self._marks[0][0] if self._marks else None

    def ahead(self, now: float) -> float:
        """Seconds of sound still to be played."""
        return max(0.0, self._until - now)

    def heard(self, now: float) -> float:
        return self.received - self.cleared - self.ahead(now)
