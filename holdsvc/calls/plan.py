"""What a queue offers its callers at this moment. Made by the shell from settings and shelves; the core only reads it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum

from msgspec import Struct, field

from holdsvc.calls.events import Departure
from holdsvc.calls.history import Rules
from holdsvc.calls.languages import names
from holdsvc.calls.menu import Action, Choice, Menu
from holdsvc.calls.model import ContentId, ContentItem, Kind, PromptId, QueueName
from holdsvc.calls.quiz import Shelf
from holdsvc.calls.rotation import Freshness

LONGEST_SEGMENT = 60  # seconds of content in one document

# What prompts speak of: entries of the menu whose keys they name, all of which must be there. What is not said does not mislead.
NAMES = {
    "control_next": ("next",),
    "control_repeat": ("repeat",),
    "control_louder": ("louder",),
    "control_softer": ("softer",),
    "control_less_talk": ("less_talk",),
    "control_menu": ("menu",),
    "quiz_skip": ("next",),
    "language_offer": ("menu", "language"),
}
SPOKEN_ONLY = frozenset({"or_say"})  # prompts that make sense where spoken choices are understood


class Media(StrEnum):
    """How sound reaches the caller."""

    DOCUMENTS = "documents"  # the platform fetches finite segments
    STREAM = "stream"  # a live socket


class Notice(Struct, frozen=True):
    """What is to be said to all who wait, once to each, as long as it holds."""

    id: str
    prompt: PromptId


class CallbackOffer(Struct, frozen=True):
    """When a call-back can be had."""

    after: float = 0.0  # seconds of waiting
    least_wait: float = 0.0  # seconds that the wait is likely to last, at least; what nobody can tell is long


class HoldPlan(Struct, frozen=True, dict=True):
    queue: QueueName
    items: tuple[ContentItem, ...]  # everything that may be played here, in shelf order
    menu: Menu  # only what can be had
    house: ContentId  # plays when nothing else can
    prompts: Mapping[str, Mapping[PromptId, float]] = field(default_factory=dict)  # language -> prompt -> seconds
    quiz: Mapping[str, Shelf] = field(default_factory=dict)  # language -> questions that can be asked
    language: str = "en"
    media: Media = Media.DOCUMENTS
    last_word: bool = False  # nothing of ours speaks behind the stream: what is to be said at its end is said on it
    default_choice: str = "music"
    menu_after: float = 10.0  # seconds of content before the menu is told, once
    silence_limit: float = 180.0  # seconds without news after which a waiting call counts as gone
    max_wait: float | None = None  # seconds after which the caller is moved on; None: never
    rules: Rules = Rules()
    fresh: Freshness = Freshness()
    rewind: float = 5.0  # seconds by which speech is taken up earlier than it stopped
    prompts_per_minute: int = 12  # of what was not asked for; 0: none
    segment_seconds: int = LONGEST_SEGMENT  # of content in one document
    tell_position: bool = True  # the caller's place in the queue, when it is known and has improved
    tell_wait: bool = True  # how long it will most likely take, where there is ground for it
    speech: bool = True  # spoken choices count; False: keys alone
    sends_on: tuple[Departure, ...] = ()  # reasons for leaving the queue for which the queue's file names where to
    notice: Notice | None = None
    callback: CallbackOffer | None = None  # None: not offered

    def item(self, content: ContentId) -> ContentItem | None:
        return self.by_id.get(content)

    @property
    def by_id(self) -> dict[ContentId, ContentItem]:
        known: dict[ContentId, ContentItem] | None = self.__dict__.get("_by_id")
        if known is None:
            known = self.__dict__["_by_id"] = {item.id: item for item in self.items}
        return known

    def shelf(self, choice: Choice) -> tuple[ContentItem, ...]:
        shelves: dict[tuple[Kind | None, str], tuple[ContentItem, ...]] = self.__dict__.setdefault("_shelves", {})
        found = shelves.get((choice.kind, choice.shelf))
        if found is None:
            found = tuple(item for item in self.items if stands_on(item, choice))
            shelves[choice.kind, choice.shelf] = found
        return found

    @property
    def languages(self) -> tuple[str, ...]:
        """Those that can be spoken here, the queue's own first."""
        return tuple(sorted(self.prompts, key=lambda language: (language != self.spoken(""), language)))

    def spoken(self, language: str) -> str:
        """The language to speak: the wished one if we have prompts in it."""
        for wish in (language, language.partition("-")[0], self.language):
            if wish in self.prompts:
                return wish
        return next(iter(self.prompts), self.language)

    def recognised(self, language: str) -> str:
        """The language in which spoken choices count; "" for none."""
        return language if self.speech else ""

    def available(self, prompts: tuple[str, ...], language: str) -> tuple[PromptId, ...]:
        have = self.prompts.get(language, {})
        return tuple(PromptId(prompt) for prompt in prompts if prompt in have)

    def seconds_of(self, prompts: tuple[PromptId, ...], language: str) -> float:
        have = self.prompts.get(language, {})
        return sum(have.get(prompt, 0.0) for prompt in prompts)


def sayable(prompts: Mapping[PromptId, float], menu: Menu, *, listened: bool) -> Mapping[PromptId, float]:
    """The prompts that make sense with this menu. `listened`: somebody understands what is said in their language."""
    there = {choice.id for choice in menu.choices}
    return {
        name: seconds
        for name, seconds in prompts.items()
        if there.issuperset(NAMES.get(name, ())) and (listened or name not in SPOKEN_ONLY)
    }


def stands_on(item: ContentItem, choice: Choice) -> bool:
    return item.kind is choice.kind and (not choice.shelf or item.shelf == choice.shelf)


def offered(choices: tuple[Choice, ...], items: tuple[ContentItem, ...], languages: Collection[str] = ()) -> Menu:
    """The menu with only what can be had, and a spoken entry for each shelf of music and each language."""
    kinds = {item.kind for item in items}
    kept = [choice for choice in choices if choice.action is not Action.PLAY or choice.kind in kinds]
    if Kind.PODCAST not in kinds:
        kept = [choice for choice in kept if choice.action is not Action.EPISODE]
    if len(languages) < 2:
        kept = [choice for choice in kept if choice.action is not Action.LANGUAGE]
    taken = {word for choice in kept for word in choice.words}
    genres = dict.fromkeys(item.shelf for item in items if item.kind is Kind.MUSIC)
    for genre in genres:
        word = genre.replace("-", " ").lower()
        if word not in taken:
            words = (word, f"{word} music", f"play {word}")
            kept.append(Choice(f"music:{genre}", Action.PLAY, "", words, Kind.MUSIC, genre))
    if len(languages) > 1 and any(choice.action is Action.LANGUAGE for choice in kept):
        kept += [Choice(f"language:{one}", Action.LANGUAGE, "", names(one)) for one in languages]
    return Menu(tuple(kept))
