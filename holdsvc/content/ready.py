"""Prepared sound as the rest of the house asks for it: by id for plans and streams, by hash for addresses."""

from __future__ import annotations

from collections.abc import Mapping

from holdsvc.audio.formats import seconds_of
from holdsvc.calls.model import ContentId, ContentItem, PromptId
from holdsvc.calls.quiz import Shelf
from holdsvc.content.library import Library
from holdsvc.content.quiz import playable
from holdsvc.errors import BadContent


class ReadySounds:
    """A view of the library that notices when its shelves were looked at anew."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._items: tuple[ContentItem, ...] = ()
        self._generation = 0
        self._captions: dict[str, str] = {}
        self._prompts: dict[str, dict[PromptId, float]] = {}
        self._quiz: dict[str, Shelf] = {}

    @property
    def generation(self) -> int:
        """Grows with each change, so that whoever made something of the shelves knows when to make it anew."""
        if self._library.items is not self._items:
            self._items = self._library.items
            self._generation += 1
            self._prompts = {
                language: {name: prompt.seconds for name, prompt in prompts.items() if prompt.seconds > 0}
                for language, prompts in self._library.prompts.items()
            }
            self._quiz = playable(self._library.quiz, self._prompts)
            self._captions = self._told()
        return self._generation

    @property
    def items(self) -> tuple[ContentItem, ...]:
        return self._library.items

    @property
    def house(self) -> ContentItem:
        return self._library.house

    def prompts(self) -> Mapping[str, Mapping[PromptId, float]]:
        """Seconds of each prompt that is ready, by language."""
        assert self.generation >= 0
        return self._prompts

    def quiz(self) -> Mapping[str, Shelf]:
        """By language, the questions that can be asked: both their sounds are ready."""
        assert self.generation >= 0
        return self._quiz

    def content(self, content: ContentId) -> memoryview:
        """What is not there any more is played as house music."""
        try:
            return self._library.sound(content)
        except BadContent:
            return self._library.sound(self._library.house.id)

    def prompt(self, language: str, prompt: PromptId) -> memoryview:
        return self._library.prompt_sound(language, prompt)

    def content_seconds(self, content: ContentId) -> float:
        return seconds_of(len(self.content(content)))

    def prompt_seconds(self, language: str, prompt: PromptId) -> float:
        return self.prompts().get(language, {}).get(prompt, 0.0)

    def content_hash(self, content: ContentId) -> str:
        try:
            return self._library.hash_of(content)
        except BadContent:
            return self._library.hash_of(self._library.house.id)

    def prompt_hash(self, language: str, prompt: PromptId) -> str:
        return self._library.prompt_hash(language, prompt)

    def by_hash(self, name: str) -> memoryview | None:
        return self._library.by_hash(name)

    def caption(self, name: str) -> str:
        assert self.generation >= 0
        return self._captions.get(name, "")

    def content_words(self, content: ContentId) -> str:
        return self.caption(self.content_hash(content))

    def prompt_words(self, language: str, prompt: PromptId) -> str:
        return self.caption(self.prompt_hash(language, prompt))

    def _told(self) -> dict[str, str]:
        told: dict[str, str] = {}
        for item in self._library.items:
            who = f" – {item.artist}" if item.artist else ""
            told[self._library.hash_of(item.id)] = f"{item.title}{who}"
        for language, prompts in self._library.prompts.items():
            for name, prompt in prompts.items():
                if prompt.seconds > 0:
                    told[self._library.prompt_hash(language, name)] = prompt.text
        return told
