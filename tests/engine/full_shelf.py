"""All that ships, as a service has it once everything is prepared: items, prompts and questions with their true lengths.

The lengths come from the recordings' own headers, so that nothing needs to be decoded; the sound is noise, each prompt's its own,
loud, and the content soft, so that an ear can tell what is said over what.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import av
import numpy as np
from msgspec.structs import replace

from holdsvc.audio.formats import RATE
from holdsvc.audio.g711 import encode, linear
from holdsvc.calls.model import ContentId, ContentItem, Kind, PromptId
from holdsvc.calls.quiz import Shelf
from holdsvc.content.index import read_index
from holdsvc.content.library import Library
from holdsvc.content.quiz import playable, read_banks, recordings
from holdsvc.content.shelves import QUIET_ITEM
from holdsvc.engine.plans import PlanBook, QueueRules

MEDIA = Path(__file__).resolve().parents[2] / "media"
LOUD, SOFT = 0.25, 0.02  # of full scale: what is said, and what is played
SAMPLES = 400 * RATE
APART = 1009  # samples between the beginnings of two sounds: noise is like itself nowhere else


class FullShelf:
    """The library's face to plans and streams."""

    generation = 1

    def __init__(self) -> None:
        known = Library.open(MEDIA, [MEDIA / "prepared"]).prompts
        banks = [(bank, one) for bank in read_banks(MEDIA).banks for one in bank.questions]
        self._prompts = {
            language: {name: prompt.seconds for name, prompt in prompts.items() if "/" not in name}
            for language, prompts in known.items()
        }
        for bank, question in banks:
            for prompt, _, stem in recordings(bank, question):
                self._prompts[bank.language][prompt] = length(bank.file.parent / f"{stem}.opus")
        self._quiz = playable(banks, self._prompts)
        entries = read_index(MEDIA)
        shipped = tuple(entry.item(length(MEDIA / entry.file)) for entry in entries)
        self.house = next(item for item, entry in zip(shipped, entries, strict=True) if entry.house)
        self.items = (*shipped, *followed(shipped), QUIET_ITEM)
        self._places = {
            name: place * APART
            for place, name in enumerate(
                [*(item.id for item in self.items), *sorted({name for one in self._prompts.values() for name in one})]
            )
        }

    def prompts(self) -> Mapping[str, Mapping[PromptId, float]]:
        return self._prompts

    def quiz(self) -> Mapping[str, Shelf]:
        return self._quiz

    def item(self, content: ContentId) -> ContentItem:
        return next(item for item in self.items if item.id == content)

    # --- sounds ------------------------------------------------------------------------------------------------------

    def content(self, content: ContentId) -> memoryview:
        return self._cut(noise(SOFT), content, self.item(content).seconds)

    def prompt(self, language: str, prompt: PromptId) -> memoryview:
        return self._cut(noise(LOUD), prompt, self._prompts[language][prompt])

    def content_hash(self, content: ContentId) -> str:
        return f"hash of {content}"

    def prompt_hash(self, language: str, prompt: PromptId) -> str:
        return f"hash of {prompt} in {language}"

    def _cut(self, sound: memoryview, name: str, seconds: float) -> memoryview:
        place = self._places[name]
        return sound[place : place + round(seconds * RATE)]


def followed(items: tuple[ContentItem, ...]) -> tuple[ContentItem, ...]:
    """One more episode for each podcast that ships with one alone, as the feed of a queue would bring it."""
    series = Counter((item.shelf, item.language) for item in items if item.kind is Kind.PODCAST)
    alone = [item for item in items if series[item.shelf, item.language] == 1]
    return tuple(replace(item, id=ContentId(f"{item.id}-next"), order=item.order + 1) for item in alone)


@cache
def noise(level: float) -> memoryview:
    chance = np.random.default_rng(7)
    return memoryview(encode(linear((chance.uniform(-level, level, SAMPLES)).astype("f4"))))


def length(file: Path) -> float:
    with av.open(str(file)) as sound:
        return round(sound.duration / av.time_base, 3)


@cache
def full_shelf() -> FullShelf:
    return FullShelf()


def plan_book(**queues: QueueRules) -> PlanBook:
    """With rules of whose bounds on talk nobody is to be reminded here."""
    return PlanBook(full_shelf(), {"default": QueueRules(), **queues}, streams=True)
