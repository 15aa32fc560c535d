"""Prepared sound. Nothing here does anything."""

from __future__ import annotations

from typing import Protocol

from holdsvc.calls.model import ContentId, PromptId


class Sounds(Protocol):
    """Prepared sound, 8 kHz mu-law, as the telephone hears it."""

    def content(self, content: ContentId) -> memoryview: ...
    def prompt(self, language: str, prompt: PromptId) -> memoryview: ...
    def content_seconds(self, content: ContentId) -> float: ...
    def prompt_seconds(self, language: str, prompt: PromptId) -> float: ...
    def content_hash(self, content: ContentId) -> str: ...
    def prompt_hash(self, language: str, prompt: PromptId) -> str: ...

    def by_hash(self, name: str) -> memoryview | None:
        """Sound by the hash that names it in an address; None: no such sound here."""

    def caption(self, name: str) -> str:
        """What is to be heard, in words: a prompt's text, an item's title."""
