"""Speaks what ops type for those who wait: to prompts beside those that ship, in the folder of what the service itself brings in.

A text is data on its way to the synthesiser and to the page: it never becomes markup. Each prompt is there in all its languages
or in none.
"""

from __future__ import annotations

import asyncio
import json
import unicodedata
from collections.abc import Collection, Mapping
from pathlib import Path

from holdsvc.calls.model import PromptId
from holdsvc.content.banned import banned
from holdsvc.content.index import PROMPTS, read_prompts
from holdsvc.content.ingest import ingest_behind
from holdsvc.content.library import Library
from holdsvc.content.shelves import prompt_name
from holdsvc.content.sounds import write
from holdsvc.errors import BadContent, HoldsvcError
from holdsvc.ports import Synthesiser

LONGEST = 300  # characters: about twenty seconds
MARKS = frozenset("<>{}[]\\")  # of markup, and of codes that some synthesisers read
JOINERS = "\u200c\u200d"  # belong to how some languages are written
UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn")


class SpokenNotices:
    def __init__(self, library: Library, folder: Path, into: Path, synthesiser: Synthesiser) -> None:
        """`folder` is a media folder that the library reads and nobody else writes prompts to; `into` where prepared sound lies."""
        self._library, self._there, self._into = library, folder / PROMPTS, into
        self._folder, self._synthesiser = folder, synthesiser

    def fault(self, text: str, language: str) -> str:
        known = tuple(language for language, prompts in self._library.prompts.items() if prompts)
        if language not in known:
            return f"nobody is spoken to in {language!r:.40} here; take one of {', '.join(known)}"
        if not text.strip():
            return "it says nothing"
        if len(text) > LONGEST:
            return f"it has {len(text)} characters; {LONGEST} are about twenty seconds, and the most"
        if any(sign not in JOINERS and unicodedata.category(sign) in UNSEEN for sign in text):
            return "it has signs in it that nobody sees, such as a line break; write it as one line"
        if marks := sorted(MARKS.intersection(text)):
            return f"it has {' '.join(marks)} in it, which cannot be said; write it in words"
        if phrase := banned(text, language):
            return f'it says "{phrase}", which no caller wants to hear'
        return ""

    async def speak(self, prompt: PromptId, texts: Mapping[str, str]) -> None:
        try:
            for language, text in texts.items():
                await self._spoken(prompt, language, " ".join(text.split()))
            await asyncio.to_thread(self._library.refresh)
            wanted = {prompt_name(language, prompt) for language in texts}
            await ingest_behind(self._library, self._into, only=lambda source: source.id in wanted)
            self._must_be_ready(prompt, texts)
        except BaseException:
            await asyncio.to_thread(self._forget, {prompt})
            raise

    def tidy(self, keep: Collection[str]) -> None:
        try:
            spoken = {prompt for prompts in read_prompts(self._folder).values() for prompt in prompts}
        except BadContent:  # written to by somebody else: nothing of it could be heard
            spoken = set()
            for file in self._there.glob("*/prompts.toml"):
                file.unlink(missing_ok=True)
        if gone := spoken - set(keep):
            self._forget(gone)

    async def _spoken(self, prompt: PromptId, language: str, text: str) -> None:
        there = self._there / language
        there.mkdir(parents=True, exist_ok=True)
        draft = there / f".{prompt}.part"
        try:
            await self._synthesiser.speak(text, language, draft)
            await asyncio.to_thread(draft.replace, there / f"{prompt}.wav")
        finally:
            draft.unlink(missing_ok=True)
        texts = {**read_prompts(self._folder).get(language, {}), prompt: text}
        await asyncio.to_thread(self._write, language, texts)

    def _must_be_ready(self, prompt: PromptId, languages: Collection[str]) -> None:
        for language in languages:
            found = self._library.prompts.get(language, {}).get(prompt)
            if found is None or not found.seconds:
                why = self._library.quarantined.get(prompt_name(language, prompt), "it could not be prepared")
                raise BadContent(f"what the synthesiser made of it in {language} will not do: {why}")

    def _write(self, language: str, texts: Mapping[PromptId, str]) -> None:
        lines = (f"[{name}]\ntext = {json.dumps(text, ensure_ascii=False)}\n" for name, text in texts.items())
        write(self._there / language / "prompts.toml", "".join(lines).encode())

    def _forget(self, prompts: Collection[str]) -> None:
        """Texts and sources; prepared sound goes as well, so that nothing of a text that failed is left."""
        languages = read_prompts(self._folder)
        gone = {prompt_name(language, PromptId(prompt)) for language in languages for prompt in prompts}
        sources = self._library.sources
        staying = {source.sound for source in sources if source.id not in gone}  # the same words have the same sound
        for language, texts in languages.items():
            self._write(language, {name: text for name, text in texts.items() if name not in prompts})
            for prompt in prompts:
                (self._there / language / f"{prompt}.wav").unlink(missing_ok=True)
        for sound in {source.sound for source in sources if source.id in gone} - staying:
            for file in self._into.glob(f"{sound}.*"):
                file.unlink(missing_ok=True)
        try:
            self._library.refresh()
        except HoldsvcError:  # somebody's index is broken: the shelves stay as they were
            return
