"""The plan of each queue, made from its settings and from what the shelves hold now; made anew when either changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from holdsvc.calls.history import Rules
from holdsvc.calls.menu import SHIPPED, Action, Choice, Menu
from holdsvc.calls.model import ContentId, ContentItem, Identity, PromptId, QueueName
from holdsvc.calls.plan import HoldPlan, Media, offered
from holdsvc.clock import Clock, SystemClock
from holdsvc.ports import Destination


class Shelves(Protocol):
    """What the library offers to plans."""

    @property
    def generation(self) -> int: ...
    @property
    def items(self) -> Sequence[ContentItem]: ...
    @property
    def house(self) -> ContentItem: ...
    def prompts(self) -> Mapping[str, Mapping[PromptId, float]]: ...


class MenuRules(Struct, frozen=True, forbid_unknown_fields=True):
    off: tuple[str, ...] = ()  # entries of the shipped menu that this queue does not offer
    leave: str = ""  # key that takes the caller out of the queue; "" = not offered
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # more words for an entry


class QueueRules(Struct, frozen=True, forbid_unknown_fields=True):
    """A queue's settings: what its file says."""

    media: Media = Media.DOCUMENTS
    language: str = "en"
    default_choice: str = "music"
    shelves: tuple[str, ...] = ()  # names of shelves to offer; () = all
    short_abandon: float = 5.0
    silence_limit: float = 180.0
    max_wait: float | None = None
    release_answers: bool | None = (
        None  # None: only where a redirect takes the caller to where no hook of ours tells of the answer
    )
    menu: MenuRules = MenuRules()
    hand_over: Destination = Destination()
    departures: Mapping[str, Destination] = field(default_factory=dict)


class PlanBook:
    def __init__(
        self,
        shelves: Shelves,
        queues: Mapping[str, QueueRules],
        *,
        streams: bool,
        stream_only: Collection[str] = (),
        clock: Clock | None = None,
    ) -> None:
        """`streams`: platforms can reach our socket. `stream_only`: platforms whose calls have a stream and nothing else."""
        self._shelves, self._queues, self._streams = shelves, queues, streams
        self._stream_only = frozenset(stream_only)
        self._plans: dict[tuple[str, int, bool, bool, str], HoldPlan] = {}
        self._clock = clock or SystemClock()
        self._good_until: datetime | None = None  # when the first item that stands in a plan expires

    def known(self, queue: str) -> bool:
        return queue in self._queues

    def names(self) -> tuple[str, ...]:
        return tuple(self._queues)

    def rules(self, queue: str) -> QueueRules:
        return self._queues.get(queue) or self._queues["default"]

    def items(self) -> Sequence[ContentItem]:
        return self._shelves.items

    def plan(self, queue: QueueName, *, stream: bool | None = None, platform: str = "", segment: str = "") -> HoldPlan:
        """The plan of a queue; `stream` overrides how its media comes, for a call that came another way.

        `segment` is the caller's, as a directory that knows the number tells it. Nothing that has expired is in a plan.
        """
        now = self._clock.now()
        if self._good_until is not None and now >= self._good_until:
            self._plans.clear()
            self._good_until = None
        rules = self.rules(queue)
        only = platform in self._stream_only
        live = rules.media is Media.STREAM if stream is None else stream
        live = (live and self._streams) or only
        shape = queue if queue in self._queues else "default"
        key = shape, self._shelves.generation, live, only, segment
        made = self._plans.get(key)
        if made is None:
            if len(self._plans) > 4 * len(self._queues) + 8:
                self._plans.clear()
            items = tuple(one for one in self._shelves.items if may_hear(one, shape, segment, now))
            self._good_until = soonest(self._good_until, items)
            made = self._plans[key] = self._make(queue, rules, live, only, items)
        return made if made.queue == queue else replace(made, queue=queue)

    def _make(
        self, queue: QueueName, rules: QueueRules, live: bool, only: bool, there: tuple[ContentItem, ...]
    ) -> HoldPlan:
        shelves = self._shelves
        items = tuple(one for one in there if not rules.shelves or one.shelf in rules.shelves)
        items = items if any(one.id == shelves.house.id for one in items) else (*items, shelves.house)
        return HoldPlan(
            queue=queue,
            items=items,
            menu=menu(rules.menu, items),
            house=ContentId(shelves.house.id),
            prompts=shelves.prompts(),
            language=rules.language,
            media=Media.STREAM if live else Media.DOCUMENTS,
            last_word=only,
            default_choice=rules.default_choice,
            silence_limit=rules.silence_limit,
            max_wait=rules.max_wait,
            rules=Rules(rules.short_abandon, live and release_answers(rules, only)),
        )


def may_hear(item: ContentItem, queue: str, segment: str, now: datetime) -> bool:
    """A number is all that we know a caller by: what wants more is for nobody."""
    if item.expires is not None and now >= item.expires:
        return False
    if item.queues and queue not in item.queues:
        return False
    return not item.segment or (item.segment == segment and item.identity is Identity.NUMBER)


def soonest(until: datetime | None, items: tuple[ContentItem, ...]) -> datetime | None:
    """When the first of these expires, or what was known of others before."""
    ends = [item.expires for item in items if item.expires is not None]
    return min([*ends, until] if until is not None else ends, default=None)


def release_answers(rules: QueueRules, only: bool) -> bool:
    """Unless the file says so, where no hook of ours would hear of the agent's answer."""
    return bool(rules.hand_over.redirect) or only if rules.release_answers is None else rules.release_answers


def menu(rules: MenuRules, items: tuple[ContentItem, ...]) -> Menu:
    choices = [
        replace(choice, words=(*choice.words, *rules.words.get(choice.id, ())))
        for choice in SHIPPED
        if choice.id not in rules.off
    ]
    if rules.leave:
        words = ("leave", "leave a message", "voicemail", *rules.words.get("leave", ()))
        choices.append(Choice("leave", Action.LEAVE, rules.leave, words))
    return offered(tuple(choices), items)
