"""A caller's ear that notices silence: the longest stretch of a call in which nothing was heard while it should have been."""

from __future__ import annotations

from collections.abc import Callable

from holdsvc.simulator.leg import BREATH, SPOKEN
from holdsvc.simulator.sound import RATE, Sound

NOTED = 0.1  # seconds of silence after which it is worth a note that there is sound again


class Hearing:
    """Times are the clock's own. Silence counts from the first document on."""

    def __init__(self, monotonic: Callable[[], float], note: Callable[[str], None] = lambda words: None) -> None:
        self.longest = 0.0
        self.since = 0.0  # when the longest silence began
        self._now, self._note = monotonic, note
        self._until: float | None = None  # when what we know of will have been heard

    def play(self, sound: Sound) -> None:
        self._begins(sound.seconds, "a document is heard")

    def say(self, text: str) -> None:
        self._begins(BREATH + len(text) / SPOKEN, "words are heard")

    def frames(self, payload: bytes) -> None:
        """They are played one after the other."""
        now = self._now()
        ahead = max(0.0, self._until - now) if self._until is not None else 0.0
        self._begins(ahead + len(payload) / RATE, "a stream is heard")

    def stop(self) -> None:
        now = self._now()
        if self._until is not None and now < self._until:
            self._until = now
            self._note("what was heard ends")

    def clear(self) -> None:
        self.stop()

    def became(self, state: str) -> None:
        if self._until is None:
            self._until = self._now()

    def over(self, at: float) -> None:
        """Nothing needed to be heard after this moment."""
        self._silent_until(at)

    def _begins(self, seconds: float, what: str) -> None:
        now = self._now()
        if self._silent_until(now) > NOTED:
            self._note(what)
        self._until = now + seconds

    def _silent_until(self, moment: float) -> float:
        """Seconds since the last sound, which may be the most so far."""
        if self._until is None:
            return 0.0
        if moment - self._until > self.longest:
            self.longest, self.since = moment - self._until, self._until
        return moment - self._until
