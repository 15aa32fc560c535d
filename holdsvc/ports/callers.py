"""Who is calling: numbers, and who knows them. Nothing here does anything."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from holdsvc.calls.model import Contact, PhoneNumber


class CallerNumber(Struct, frozen=True):
    """What a raw caller id turned out to be. Withheld or unreadable numbers have neither number nor country."""

    number: PhoneNumber | None = None
    country: str = ""
    withheld: bool = False


class Numbers(Protocol):
    def read(self, raw: str) -> CallerNumber:
        """Never raises: whatever stands there, the caller is served."""


class Directory(Protocol):
    """Somebody who knows callers by number: a table, a CRM."""

    name: str

    async def find(self, number: PhoneNumber) -> Contact | None:
        """None: not known there. Raise `OutboundFailed` when it could not be asked."""

    async def close(self) -> None: ...
