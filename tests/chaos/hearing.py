"""A caller's ear that notices silence: the longest stretch of a call in which nothing was heard while it should have been."""

from __future__ import annotations

from collections.abc import Callable

from holdsvc.simulator.leg import BREATH, SPOKEN
from holdsvc.simulator.sound import RATE, Sound


class Hearing:
    """Times are the clock's own. Silence counts from the first document on."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.longest = 0.0
        self._now = monotonic
        self._until: float | None = None  # when what we know of will have been heard

    def play(self, sound: Sound) -> None:
        self._begins(sound.seconds)

    def say(self, text: str) -> None:
        self._begins(BREATH + len(text) / SPOKEN)

    def frames(self, payload: bytes) -> None:
        """They are played one after the other."""
        now = self._now()
        ahead = max(0.0, self._until - now) if self._until is not None else 0.0
        self._begins(ahead + len(payload) / RATE)

    def stop(self) -> None:
        if self._until is not None:
            self._until = min(self._until, self._now())

    def clear(self) -> None:
        self.stop()

    def became(self, state: str) -> None:
        if self._until is None:
            self._until = self._now()

    def over(self, at: float) -> None:
        """Nothing needed to be heard after this moment."""
        if self._until is not None:
            self.longest = max(self.longest, at - self._until)

    def _begins(self, seconds: float) -> None:
        now = self._now()
        if self._until is not None:
            self.longest = max(self.longest, now - self._until)
        self._until = now + seconds
