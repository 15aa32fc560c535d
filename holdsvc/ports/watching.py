"""What the engine asks, and offers to whoever watches. Nothing here does anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from holdsvc.calls.facts import AnyFact
from holdsvc.calls.session import HoldSession

FactListener = Callable[[HoldSession, Sequence[AnyFact]], None]


class Clock(Protocol):
    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...
