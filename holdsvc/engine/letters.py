"""What a person does with letters that could not be delivered, beside a live service or without one."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from msgspec.structs import replace

from holdsvc.errors import ConfigError
from holdsvc.ports import Letter, Outbox, Verdict

MOST = 100_000  # that are looked through


class Do(StrEnum):
    RETRY = "retry"  # as if it had never failed
    DISCARD = "discard"


async def see_to(box: Outbox, do: Do, key: str, to: str, now: float) -> int:
    """The one of that key, dead or not, or all that are dead for a destination. How many there were. Raises `StoreUnavailable`."""
    some = picked(await box.letters(MOST), key, to)
    return await box.settle([Verdict(one, renewed(one) if do is Do.RETRY else None, now) for one in some])


def picked(letters: Sequence[Letter], key: str, to: str) -> list[Letter]:
    if bool(key) == bool(to):
        raise ConfigError("KEY", "name one letter by its key, or a destination whose dead letters are meant")
    if key:
        return [one for one in letters if one.effect.key == key]
    return [one for one in letters if one.effect.to == to and one.died is not None]


def renewed(letter: Letter) -> Letter:
    return replace(letter, tries=0, fault="", died=None)
