"""What comes next on a stream: when it is to be asked for, and when the house's own music comes in for an answer that is late."""

from __future__ import annotations

from holdsvc.audio.pacer import NEAR
from holdsvc.engine import limits


class Supply:
    __slots__ = ("_ask_at", "_asked_at", "_rescue_at")

    def __init__(self) -> None:
        self._ask_at = self._asked_at = 0.0
        self._rescue_at: float | None = None  # when the house's own music comes in, unless an answer was faster

    @property
    def awaited(self) -> bool:
        """An answer is on its way, without which there will be nothing to hear."""
        return self._rescue_at is not None

    def may_ask(self, now: float) -> bool:
        return now >= self._ask_at and not self.awaited

    def asked(self, now: float) -> None:
        """The item is nearly over: more was asked for."""
        self._asked_at, self._ask_at = now, now + limits.ASK_AGAIN
        self._rescue_at = now + limits.LOOK_AHEAD + limits.PATIENCE

    def stopped(self, now: float) -> None:
        """There is nothing to hear until an answer comes."""
        self._rescue_at = now + limits.PATIENCE

    def came(self) -> None:
        self._rescue_at = None
        self._ask_at = min(self._ask_at, self._asked_at + 1.0)

    def overdue(self, now: float) -> bool:
        """No answer came, or none with sound in it."""
        return self._rescue_at is not None and now >= self._rescue_at - NEAR
