"""The plan of each queue, made from its settings and from what the shelves hold now; made anew when either changes."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta
from functools import cache
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct, field
from msgspec.structs import replace

from holdsvc.calls.airing import airs
from holdsvc.calls.events import Departure
from holdsvc.calls.history import Rules
from holdsvc.calls.menu import CALLBACK, CALLBACK_WORDS, SHIPPED, Action, Choice, Menu
from holdsvc.calls.model import ContentId, ContentItem, Identity, Kind, PromptId, QueueName
from holdsvc.calls.plan import LONGEST_SEGMENT, CallbackOffer, HoldPlan, Media, offered, sayable
from holdsvc.calls.quiz import Shelf
from holdsvc.calls.rights import MANNERS, fit, licensed, playable
from holdsvc.calls.rotation import DAY, Freshness
from holdsvc.clock import Clock, SystemClock
from holdsvc.engine.notices import Posted, notice
from holdsvc.ports import Destination

SEGMENTS = (10, 20, 30, 40, 50, LONGEST_SEGMENT)  # seconds, on the grid on which all callers share the same bytes


class Shelves(Protocol):
    """What the library offers to plans."""

    @property
    def generation(self) -> int: ...
    @property
    def items(self) -> Sequence[ContentItem]: ...
    @property
    def house(self) -> ContentItem: ...
    def prompts(self) -> Mapping[str, Mapping[PromptId, float]]: ...
    def quiz(self) -> Mapping[str, Shelf]: ...


class MenuRules(Struct, frozen=True, forbid_unknown_fields=True):
    off: tuple[str, ...] = ()  # entries of the shipped menu that this queue does not offer
    leave: str = ""  # key that takes the caller out of the queue; "" = not offered
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # more words for an entry


class CallbackRules(Struct, frozen=True, forbid_unknown_fields=True):
    offer: bool = False  # callers may ask to be called back instead of waiting
    key: str = "6"  # to ask for it by
    offer_after: float = 30.0  # seconds of waiting
    least_wait: float = 0.0  # seconds that the wait must be likely to last; where nobody can tell it counts as long


NO_CALLBACK = CallbackRules()


class QueueRules(Struct, frozen=True, forbid_unknown_fields=True):
    """A queue's settings: what its file says."""

    media: Media = Media.DOCUMENTS
    language: str = "en"
    languages: tuple[str, ...] = ()  # that callers may change to; () = all that there are prompts in
    default_choice: str = "music"
    base: str = "default"  # the queue whose shelves and territory count where this one names none
    shelves: tuple[str, ...] = ()  # names of shelves to offer; () = those of the base, and there: all
    profile: str = ""  # bereavement, fraud or emergency: no quiz, nothing jolly, nothing that sells
    territory: str = (
        ""  # ISO 3166 code of the country where this is heard; "" = the base's, and there: the service's region
    )
    timezone: str = "UTC"  # in which the schedules of items tell the time
    fresh_days: float = 30.0  # in which a caller hears nothing twice, as long as something else is left
    artist_gap: int = 2  # items between two of the same artist, where the shelf has that many others
    rewind: float = 5.0  # seconds by which speech is taken up earlier than it stopped
    prompts_per_minute: int = 12  # at most, of what was not asked for
    tell_position: bool = True  # callers are told their place in the queue, when it is known and has improved
    tell_wait: bool = True  # and how long it will most likely take, in minutes, where there is ground for it
    segment_seconds: int = LONGEST_SEGMENT  # of content in one document: what ops put up is heard behind it
    short_abandon: float = 5.0
    silence_limit: float = 180.0
    max_wait: float | None = None
    speech: bool = True  # spoken choices count, on a stream where there is a recogniser; False: keys alone
    release_answers: bool | None = (
        None  # None: only where a redirect takes the caller to where no hook of ours tells of the answer
    )
    menu: MenuRules = MenuRules()
    callback: CallbackRules = NO_CALLBACK
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
        territory: str = "",
        notices: Callable[[str, datetime], Posted | None] = lambda queue, now: None,
        hurried: Callable[[str, datetime], bool] = lambda queue, now: False,
        listened: Callable[[str], bool] = lambda language: True,
    ) -> None:
        """`streams`: platforms can reach our socket. `stream_only`: platforms whose calls have a stream and nothing else.
        `listened`: whether somebody on streams understands what callers say in a language; where not, they are not told to say it.

        `territory` is where queues are heard that say nothing of it. `notices`: what is to be said to all who wait in a queue.
        `hurried`: whether it may have to be said soon, so that documents are kept short.
        """
        self._shelves, self._queues, self._streams = shelves, queues, streams
        self.begins_streams = True  # False: whoever comes now is served by documents; those on streams stay there
        self._territory, self._listened = territory, listened
        self._stream_only = frozenset(stream_only)
        self._notices, self._hurried = notices, hurried
        self._plans: dict[tuple[str, int, bool, bool, str, Identity, str, bool], HoldPlan] = {}
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

    def prompts(self) -> Mapping[str, Mapping[PromptId, float]]:
        return self._shelves.prompts()

    def plan(
        self,
        queue: QueueName,
        *,
        stream: bool | None = None,
        platform: str = "",
        segment: str = "",
        identity: Identity = Identity.NUMBER,
    ) -> HoldPlan:
        """The plan of a queue; `stream` overrides how its media comes, for a call that came another way.

        `segment` is the caller's, as a directory that knows the number tells it, `identity` how sure we are that it is this
        caller's. Nothing that has expired is in a plan.
        """
        now = self._clock.now()
        if self._good_until is not None and now >= self._good_until:
            self._plans.clear()
            self._good_until = None
        rules = self.rules(queue)
        only = platform in self._stream_only
        live = rules.media is Media.STREAM and self.begins_streams if stream is None else stream
        live = (live and self._streams) or only
        shape = queue if queue in self._queues else "default"
        posted = self._notices(shape, now)
        identity = identity if segment else Identity.NONE  # of nothing else is it asked
        hurried = self._hurried(shape, now)
        key = shape, self._shelves.generation, live, only, segment, identity, posted.id if posted else "", hurried
        made = self._plans.get(key)
        if made is None:
            if len(self._plans) > 4 * len(self._queues) + 8:
                self._plans.clear()
            items = tuple(one for one in self.playable(shape, now) if may_hear(one, shape, segment, now, identity))
            length = SEGMENTS[0] if hurried else rules.segment_seconds
            made = replace(self._make(queue, rules, live, only, items), notice=notice(posted), segment_seconds=length)
            self._plans[key] = made
            self._good_until = soonest(self._good_until, made.items, zone_of(rules))
        return made if made.queue == queue else replace(made, queue=queue)

    def playable(self, queue: str, now: datetime) -> tuple[ContentItem, ...]:
        """What stands on the queue's shelves, as far as its licence and the queue's profile let it be played."""
        rules = self.rules(queue)
        today, manner = now.astimezone(zone_of(rules)).date(), MANNERS.get(rules.profile)
        territory = self._heard_in(rules)
        shelves = self._offered(rules)
        return tuple(
            one
            for one in self._shelves.items
            if (not shelves or one.shelf in shelves) and playable(one, today, territory, manner)
        )

    def enlarged(self, plan: HoldPlan, own: tuple[ContentItem, ...]) -> HoldPlan:
        """The plan with what is for this caller alone before everything else, as far as the queue offers such things."""
        rules = self.rules(plan.queue)
        shelves, manner = self._offered(rules), MANNERS.get(rules.profile)
        items = (*(one for one in own if (not shelves or one.shelf in shelves) and fit(one, manner)), *plan.items)
        return replace(plan, items=items, menu=menu(allowed(rules), items, tuple(plan.prompts), rules.callback))

    def _offered(self, rules: QueueRules) -> tuple[str, ...]:
        """Names of shelves; () = all."""
        return next((one.shelves for one in lineage(rules, self._queues) if one.shelves), ())

    def for_all(self) -> tuple[ContentItem, ...]:
        """What may go out now to whoever listens: the default queue's, for callers of whom nothing is known."""
        now, zone = self._clock.now(), zone_of(self.rules("default"))
        there = self.playable("default", now)
        return tuple(one for one in there if may_hear(one, "default", "", now) and airs(one, now.astimezone(zone)))

    def _heard_in(self, rules: QueueRules) -> str:
        return heard_where(rules, self._queues, self._territory)

    def _house(self, rules: QueueRules, now: datetime) -> ContentItem:
        """What plays when nothing else can: the house track, unless it must not be played here."""
        house, manner = self._shelves.house, MANNERS.get(rules.profile)
        today = now.astimezone(zone_of(rules)).date()
        territory = self._heard_in(rules)
        if licensed(house.licence, today, territory) and (not house.mood or fit(house, manner)):
            return house
        return next((one for one in self._shelves.items if one.kind is Kind.QUIET), house)

    def _make(
        self, queue: QueueName, rules: QueueRules, live: bool, only: bool, there: tuple[ContentItem, ...]
    ) -> HoldPlan:
        house = self._house(rules, self._clock.now())
        items = there if any(one.id == house.id for one in there) else (*there, house)
        known = self._shelves.prompts()
        prompts = {name: known[name] for name in known if name in rules.languages} or known
        quiz = {name: shelf for name, shelf in self._shelves.quiz().items() if name in prompts}
        items = items if quiz else tuple(one for one in items if one.kind is not Kind.QUIZ)
        offers = menu(allowed(rules), items, tuple(prompts), rules.callback)
        return HoldPlan(
            queue=queue,
            items=items,
            menu=offers,
            house=ContentId(house.id),
            prompts={
                name: sayable(here, offers, listened=rules.speech and (not live or self._listened(name)))
                for name, here in prompts.items()
            },
            quiz=quiz,
            fresh=Freshness(rules.fresh_days * DAY, rules.artist_gap, zone_of(rules)),
            rewind=rules.rewind,
            prompts_per_minute=rules.prompts_per_minute,
            tell_position=rules.tell_position,
            tell_wait=rules.tell_wait,
            speech=rules.speech,
            sends_on=tuple(Departure(why) for why, to in rules.departures.items() if to != Destination()),
            language=rules.language,
            media=Media.STREAM if live else Media.DOCUMENTS,
            last_word=only,
            default_choice=rules.default_choice,
            silence_limit=rules.silence_limit,
            max_wait=rules.max_wait,
            callback=CallbackOffer(rules.callback.offer_after, rules.callback.least_wait)
            if rules.callback.offer
            else None,
            rules=Rules(rules.short_abandon, live and release_answers(rules, only)),
        )


def may_hear(item: ContentItem, queue: str, segment: str, now: datetime, identity: Identity = Identity.NUMBER) -> bool:
    """What is for some callers alone is for those of whom we are as sure as it wants."""
    if item.expires is not None and now >= item.expires:
        return False
    if item.queues and queue not in item.queues:
        return False
    return not item.segment or (item.segment == segment and identity.reaches(item.identity))


def soonest(until: datetime | None, items: tuple[ContentItem, ...], zone: ZoneInfo) -> datetime | None:
    """When the first of these expires, or its licence; or what was known of others before."""
    ends = [item.expires for item in items if item.expires is not None]
    last = min((item.licence.until for item in items if item.licence.until is not None), default=None)
    if last is not None:
        ends.append(datetime.combine(last + timedelta(days=1), time(), zone))
    return min([*ends, until] if until is not None else ends, default=None)


def release_answers(rules: QueueRules, only: bool) -> bool:
    """Unless the file says so, where no hook of ours would hear of the agent's answer."""
    return bool(rules.hand_over.redirect) or only if rules.release_answers is None else rules.release_answers


def lineage(rules: QueueRules, queues: Mapping[str, QueueRules]) -> Iterator[QueueRules]:
    """The queue's settings, those of its base, and so on; each once."""
    seen: set[str] = set()
    while True:
        yield rules
        if rules.base in seen or rules.base not in queues:
            return
        seen.add(rules.base)
        rules = queues[rules.base]


def heard_where(rules: QueueRules, queues: Mapping[str, QueueRules], otherwise: str) -> str:
    """The territory of a queue."""
    return next((one.territory for one in lineage(rules, queues) if one.territory), otherwise)


@cache
def zone_named(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def zone_of(rules: QueueRules) -> ZoneInfo:
    return zone_named(rules.timezone)


def faults(rules: QueueRules, queues: Collection[str]) -> Iterator[tuple[str, str]]:
    """What a type cannot say of a queue's settings: key and sentence."""
    if rules.profile not in ("", *MANNERS):
        yield "profile", f"{rules.profile!r} will not do: one of {', '.join(MANNERS)}"
    if rules.base not in ("default", *queues):
        yield "base", f"there is no queue {rules.base!r} to take shelves from"
    try:
        zone_named(rules.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield "timezone", f"{rules.timezone!r} is no time zone; write it as Europe/Berlin"
    if rules.territory and not (len(rules.territory) == 2 and rules.territory.isascii() and rules.territory.isupper()):
        yield "territory", f"{rules.territory!r} is no country; write two letters, as DE"
    if rules.segment_seconds not in SEGMENTS:
        allowed = f"{', '.join(map(str, SEGMENTS[:-1]))} or {SEGMENTS[-1]}"
        yield "segment_seconds", f"{rules.segment_seconds} will not do: {allowed} seconds"
    for name in ("fresh_days", "artist_gap", "rewind", "prompts_per_minute"):
        if not 0 <= getattr(rules, name) < math.inf:
            yield name, f"{getattr(rules, name):g} will not do: 0 or more"
    for name in ("offer_after", "least_wait"):
        if not 0 <= getattr(rules.callback, name) < math.inf:
            yield f"callback.{name}", f"{getattr(rules.callback, name):g} will not do: 0 or more seconds"


def allowed(rules: QueueRules) -> MenuRules:
    """The menu's settings with what the queue's profile forbids."""
    manner = MANNERS.get(rules.profile)
    return replace(rules.menu, off=(*rules.menu.off, *(manner.kinds if manner else ())))


def menu(
    rules: MenuRules,
    items: tuple[ContentItem, ...],
    languages: tuple[str, ...] = (),
    callback: CallbackRules = NO_CALLBACK,
) -> Menu:
    choices = [
        replace(choice, words=(*choice.words, *rules.words.get(choice.id, ())))
        for choice in SHIPPED
        if choice.id not in rules.off
    ]
    if rules.leave:
        words = ("leave", "leave a message", "voicemail", *rules.words.get("leave", ()))
        choices.append(Choice("leave", Action.LEAVE, rules.leave, words))
    if callback.offer:
        words = (*CALLBACK_WORDS, *rules.words.get(CALLBACK, ()))
        choices.append(Choice(CALLBACK, Action.CALLBACK, callback.key, words))
    return offered(tuple(choices), items, languages)
