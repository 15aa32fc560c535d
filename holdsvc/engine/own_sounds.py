"""All sound that there is: what is shared, and beside it what is one caller's alone for as long as the call waits."""

from __future__ import annotations

from typing import Protocol

from holdsvc.calls.model import ContentId, PromptId
from holdsvc.engine.captions import Words
from holdsvc.engine.personal import Personal
from holdsvc.ports import Sounds


class Shared(Sounds, Words, Protocol):
    """Prepared sound, and its words."""


class OwnSounds:
    """Sound of one caller's alone has no name (`content_hash`): nobody makes it ready once for all, nobody keeps it."""

    def __init__(self, shared: Shared, personal: Personal) -> None:
        self._shared, self._personal = shared, personal

    def content(self, content: ContentId) -> memoryview:
        own = self._personal.by_id(content)
        return memoryview(own.sound) if own else self._shared.content(content)

    def content_seconds(self, content: ContentId) -> float:
        own = self._personal.by_id(content)
        return own.item.seconds if own else self._shared.content_seconds(content)

    def content_hash(self, content: ContentId) -> str:
        return "" if self._personal.by_id(content) else self._shared.content_hash(content)

    def address(self, content: ContentId) -> str:
        """What names the sound in a URL."""
        own = self._personal.by_id(content)
        return own.address if own else self._shared.content_hash(content)

    def by_hash(self, name: str) -> memoryview | None:
        own = self._personal.by_address(name)
        return memoryview(own.sound) if own else self._shared.by_hash(name)

    def caption(self, name: str) -> str:
        own = self._personal.by_address(name)
        return own.item.title if own else self._shared.caption(name)

    def content_words(self, content: ContentId) -> str:
        own = self._personal.by_id(content)
        return own.item.title if own else self._shared.content_words(content)

    def prompt(self, language: str, prompt: PromptId) -> memoryview:
        return self._shared.prompt(language, prompt)

    def prompt_seconds(self, language: str, prompt: PromptId) -> float:
        return self._shared.prompt_seconds(language, prompt)

    def prompt_hash(self, language: str, prompt: PromptId) -> str:
        return self._shared.prompt_hash(language, prompt)

    def prompt_words(self, language: str, prompt: PromptId) -> str:
        return self._shared.prompt_words(language, prompt)
