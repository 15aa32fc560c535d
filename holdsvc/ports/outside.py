"""The way out, and what comes in by it. Nothing here does anything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from msgspec import Struct


class Coming(Struct, frozen=True):
    """An answer whose body is still to come."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    pieces: AsyncIterator[bytes]  # as they were on the wire; raises `OutboundFailed` where they stop coming


class Opener(Protocol):
    """The guarded way out: only to addresses that may be reached, judged as the socket is made."""

    def opened(
        self, url: str, headers: Mapping[str, str], *, seconds: float, idle: float
    ) -> AbstractAsyncContextManager[Coming]:
        """GET, no redirect followed, in at most `seconds` and with at most `idle` between pieces. Raises `OutboundFailed`."""


class SourceReport(Struct, frozen=True):
    """How it stands with content that comes from outside."""

    name: str
    kind: str
    items: int  # on the shelf
    looked: datetime | None = None  # when it last answered well
    next_at: datetime | None = None
    fault: str = ""  # why the last look failed
    refused: tuple[tuple[str, str], ...] = ()  # title and reason of what no caller will hear
    doing: str = ""  # what is going on at this moment
