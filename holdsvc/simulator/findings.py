"""What the other side has to say against the service: each fault once, with how often it was met."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace


class Finding(Struct, frozen=True):
    code: str
    sentence: str
    call: str  # the first call that met it
    url: str = ""
    times: int = 1


class Findings:
    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Finding] = {}

    def add(self, code: str, sentence: str, *, call: str, url: str = "") -> None:
        known = self._found.get((code, sentence))
        self._found[code, sentence] = (
            replace(known, times=known.times + 1) if known else Finding(code, sentence, call, url.partition("?")[0])
        )

    def all(self) -> tuple[Finding, ...]:
        return tuple(self._found.values())

    def codes(self) -> set[str]:
        return {code for code, _ in self._found}
