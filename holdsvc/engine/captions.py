"""What is said and played on a live stream, in words, for whoever looks on: each text when it begins to be heard.

Texts hang on the caller's time line, in bytes of sound, like the sound itself. Of what the caller said only what it was understood
as is shown, with its score. Only calls that somebody looks at are written down.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from msgspec import Struct
from msgspec.structs import asdict

from holdsvc.calls.instructions import Instruction, Play, Say, Stop
from holdsvc.calls.model import CallId, ContentId, PromptId
from holdsvc.engine.turns import played, spoken
from holdsvc.ports import Sounds

MOST = 100  # texts that may wait for one who looks on and does not read


class Words(Protocol):
    """What sounds are, in words; "" where there are none."""

    def content_words(self, content: ContentId) -> str: ...
    def prompt_words(self, language: str, prompt: PromptId) -> str: ...


class Understanding(Struct, frozen=True):
    """What became of an utterance."""

    result: str  # sure, near, none; or why nobody listened
    choice: str = ""
    score: float = 0.0
    runner_up: str = ""
    runner_up_score: float = 0.0
    seconds: float = 0.0  # from its end to the answer


Shown = str | Mapping[str, object]  # a text, or the fields of an understanding
Cue = tuple[int, str]  # bytes from the beginning, and the text that begins there


def cues(turn: Sequence[Instruction], sounds: Sounds, words: Words) -> list[Cue]:
    """A turn's texts, with the bytes of sound before each. What cannot be heard is not told."""
    found: list[Cue] = []
    at = said = 0  # where what comes next is heard alone, and how much is said before it
    for todo in turn:
        if isinstance(todo, Stop):
            found, at, said = [], 0, 0
        elif isinstance(todo, Play) and (part := played(todo, sounds)):
            found.append((at, words.content_words(todo.content)))
            length = part.stop - part.start
            at += max(0, length - said) if todo.ducks else length
            said = 0
        elif isinstance(todo, Say):
            for prompt in todo.prompts:
                if part := spoken(todo.language, prompt, sounds):
                    found.append((at, words.prompt_words(todo.language, prompt)))
                    at += part.stop - part.start
                    said += part.stop - part.start
    return [(place, text) for place, text in found if text]


class Tape:
    """One call's texts on its time line: those that are still to come, and where those go that have come."""

    def __init__(self, sounds: Sounds, words: Words, readers: Sequence[asyncio.Queue[Shown]]) -> None:
        self._sounds, self._words, self._readers = sounds, words, readers
        self._cues: deque[Cue] = deque()

    def put(self, at: int, turn: Sequence[Instruction]) -> None:
        """From byte `at` on this turn is heard, and nothing that was to be heard there before."""
        while self._cues and self._cues[-1][0] >= at:
            self._cues.pop()
        self._cues.extend((at + place, text) for place, text in cues(turn, self._sounds, self._words))

    def heard(self, until: int) -> None:
        while self._cues and self._cues[0][0] <= until:
            _, text = self._cues.popleft()
            tell(self._readers, text)


class Captions:
    def __init__(self, sounds: Sounds, words: Words) -> None:
        self._sounds, self._words = sounds, words
        self._readers: dict[str, list[asyncio.Queue[Shown]]] = {}

    async def of(self, call: str) -> AsyncIterator[Shown]:
        """The texts of a call's streams from now on, those to come included. It has no end of its own: cancel it."""
        reader: asyncio.Queue[Shown] = asyncio.Queue(MOST)
        readers = self._readers.setdefault(call, [])
        readers.append(reader)
        try:
            while True:
                yield await reader.get()
        finally:
            readers.remove(reader)
            if not readers and self._readers.get(call) is readers:
                del self._readers[call]

    def tape(self, call: CallId) -> Tape | None:
        """For a stream that begins; None where nobody looks on."""
        readers = self._readers.get(call)
        return Tape(self._sounds, self._words, readers) if readers else None

    def understood(self, call: CallId, what: Understanding) -> None:
        """For whoever looks at this call; for nobody else, and not kept."""
        tell(self._readers.get(call, ()), asdict(what))


def tell(readers: Sequence[asyncio.Queue[Shown]], what: Shown) -> None:
    for reader in readers:
        if not reader.full():
            reader.put_nowait(what)
