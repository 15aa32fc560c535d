"""Speaks the questions of the operator's own banks that nobody has recorded: once, before they are asked, beside the bank.

A source like any other that is looked after in the background: what cannot be spoken is named once, and asked again later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from holdsvc.content.fetched import Refused, State, address_of
from holdsvc.content.keeper import Desk
from holdsvc.content.library import Library
from holdsvc.content.quiz import recordings, spoken_as
from holdsvc.content.shelves import recorded
from holdsvc.errors import BadContent, OutboundFailed
from holdsvc.ports import Synthesiser

NAME = "quiz-voice"


class Wanted(Struct, frozen=True):
    text: str
    language: str
    stem: str
    file: Path


class QuizVoice:
    kind = "quiz"
    name = NAME
    every = 300.0

    def __init__(
        self, library: Library, own: Path, synthesiser: Synthesiser, prepare: Callable[[], Awaitable[object]]
    ) -> None:
        """`own` is the operator's media folder: what lies elsewhere is not written to. `prepare` has new files prepared."""
        self._library, self._own, self._synthesiser, self._prepare = library, own, synthesiser, prepare
        self.address = address_of(NAME, synthesiser.name, str(own))

    async def look(self, state: State, desk: Desk) -> State:
        wanted = await asyncio.to_thread(lambda: list(self._wanted()))
        known = {one.key for one in state.refused} & {one.file.name for one in wanted}
        refused = [one for one in state.refused if one.key in known]
        spoken, trouble = 0, None
        for number, one in enumerate(wanted, 1):
            if one.file.name in known:
                continue
            desk.tell(f"speaking {number}/{len(wanted)}")
            try:
                await self._speak(one)
                spoken += 1
            except BadContent as error:
                refused.append(Refused(one.file.name, one.text, str(error)))
            except OutboundFailed as error:
                trouble = error
                break
        if spoken:
            await asyncio.to_thread(self._library.refresh)
            await self._prepare()
        if trouble is not None:
            raise trouble
        return replace(state, refused=tuple(refused))

    def _wanted(self) -> Iterator[Wanted]:
        """What has no recording and was not spoken yet; what was spoken with other words before goes."""
        for bank, question in self._library.quiz:
            if not bank.file.is_relative_to(self._own):
                continue
            for _, text, stem in recordings(bank, question):
                there = bank.file.parent
                file = there / spoken_as(stem, text)
                for old in there.glob(f"{stem}.{'[0-9a-f]' * 8}.wav"):
                    if old != file:
                        old.unlink(missing_ok=True)
                if recorded(there, stem, text) is None:
                    yield Wanted(text, bank.language, stem, file)

    async def _speak(self, one: Wanted) -> None:
        draft = one.file.with_name(f".{one.stem}.part")
        try:
            await self._synthesiser.speak(one.text, one.language, draft)
            await asyncio.to_thread(draft.replace, one.file)
        finally:
            await asyncio.to_thread(draft.unlink, True)
