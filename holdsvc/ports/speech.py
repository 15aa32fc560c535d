"""From words to choices, and from texts to sound. Nothing here does anything."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from holdsvc.calls.menu import Menu
from holdsvc.calls.model import PromptId


class Understood(Struct, frozen=True):
    choice: str  # id of the menu entry, "" for none
    score: float  # 0 to 1
    near: bool = False  # it may have been that: ask once


class WordMatcher(Protocol):
    def match(self, text: str, menu: Menu, language: str) -> Understood: ...


class Candidate(Struct, frozen=True):
    """What may be chosen, and the ways in which it is said."""

    choice: str  # id of the menu entry
    spoken: tuple[str, ...]


class Utterance(Struct, frozen=True):
    """A stretch of a caller's speech and what it may mean. It lives in memory alone: never kept, never shown."""

    pcm: bytes  # 8 kHz, mono, 16 bits, little endian
    candidates: tuple[Candidate, ...]  # of too many, a recogniser sorts out the unlikely ones first
    language: str = "en"  # BCP 47

    @property
    def seconds(self) -> float:
        return len(self.pcm) / 16_000

    def __repr__(self) -> str:
        return f"Utterance({self.seconds:.1f} s, {self.language})"


class Certainty(StrEnum):
    SURE = "sure"
    NEAR = "near"  # ask once: "did you say jazz?"
    NONE = "none"  # none of these was said


class Recognised(Struct, frozen=True):
    choice: str  # id of the menu entry, "" for none
    score: float  # the recogniser's own scale, for /phone and for tuning; what follows from it is in `certainty`
    certainty: Certainty
    runner_up: str = ""  # the other choice that came closest, "" for none
    runner_up_score: float = 0.0


class Recogniser(Protocol):
    """Sound to a choice. Takes its time and one core, so that it only ever runs in a worker process."""

    name: str
    languages: tuple[str, ...]  # as "en", without a country; "*" for any

    def recognise(self, utterance: Utterance) -> Recognised:
        """Never raises for what a caller may say, silence and noise included."""


class Ears(Protocol):
    """Recognisers at work, somewhere where they keep nobody waiting."""

    def understands(self, language: str) -> bool:
        """False as well while there is no recogniser: keys work."""

    async def recognise(self, utterance: Utterance) -> Recognised:
        """Raise `Unheard` at once where there is no room, and in the end where no answer came in time."""

    async def close(self) -> None: ...


class Synthesiser(Protocol):
    """Text to speech, for what is spoken before anybody calls; never while a caller waits."""

    name: str

    async def speak(self, text: str, language: str, into: Path) -> None:
        """A sound file of any kind that we decode. BadContent: this text cannot be spoken; OutboundFailed: not now."""


class PersonalVoice(Protocol):
    """Speaks what is for one caller alone."""

    async def speak(self, text: str, language: str) -> bytes:
        """Prepared mu-law; nothing of it is left anywhere else. BadContent: this cannot be spoken; OutboundFailed: not now."""


class NoticeVoice(Protocol):
    """Speaks what ops type for those who wait, before it is put up."""

    def fault(self, text: str, language: str) -> str:
        """Why this cannot be said, as a sentence; "" if it can."""

    async def speak(self, prompt: PromptId, texts: Mapping[str, str]) -> None:
        """Until the prompt is ready in each of these languages. Raise BadContent or OutboundFailed, and nothing of it is kept."""

    def tidy(self, keep: Collection[str]) -> None:
        """Forget what was spoken, but for these prompts."""
