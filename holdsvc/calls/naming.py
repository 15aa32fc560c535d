"""What stands on the shelves by the names that callers give it: a title, or "the second episode" of the series being heard."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime

from holdsvc.calls.airing import airs
from holdsvc.calls.menu import Action, Choice
from holdsvc.calls.model import ContentId, ContentItem, Kind
from holdsvc.calls.plan import HoldPlan
from holdsvc.calls.session import HoldSession

ITEM = "item:"  # what the ids of these choices begin with
NAMED = (Kind.MUSIC, Kind.PODCAST, Kind.DAILY)
MOST = 120  # items that may be asked for by name; a recogniser sorts out the unlikely ones, but it has to read them all
LONGEST_NAME = 6  # words; nobody says more of a title
SELLS = frozenset({"advert", "promotion"})  # nobody asks for these
BEHIND = re.compile(r"\s*[(\[,;:].*$")  # of a title, what is not said: "Lullaby, op. 49 no. 4"

EPISODES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "en": (
        ("the first episode", "episode one"),
        ("the second episode", "episode two"),
        ("the third episode", "episode three"),
        ("the fourth episode", "episode four"),
        ("the fifth episode", "episode five"),
    ),
    "es": (
        ("el primer episodio", "episodio uno"),
        ("el segundo episodio", "episodio dos"),
        ("el tercer episodio", "episodio tres"),
        ("el cuarto episodio", "episodio cuatro"),
        ("el quinto episodio", "episodio cinco"),
    ),
    "zh": (("第一集",), ("第二集",), ("第三集",), ("第四集",), ("第五集",)),
    "ru": (
        ("первый выпуск", "выпуск один"),
        ("второй выпуск", "выпуск два"),
        ("третий выпуск", "выпуск три"),
        ("четвёртый выпуск", "выпуск четыре"),
        ("пятый выпуск", "выпуск пять"),
    ),
}


def choices(session: HoldSession, plan: HoldPlan) -> tuple[Choice, ...]:
    """What may be asked for by name in the caller's language, no word of the menu among it."""
    language = plan.spoken(session.language).partition("-")[0]
    series = series_of(session, plan)
    known: dict[tuple[str, str], tuple[Choice, ...]] = plan.__dict__.setdefault("_named", {})
    if (language, series) not in known:
        known[language, series] = tuple(named(plan, language, series))
    return known[language, series]


def named(plan: HoldPlan, language: str, series: str) -> Iterator[Choice]:
    taken = {word.lower() for word in plan.menu.words}
    numbers = dict(zip(episodes(plan, series), EPISODES.get(language, ()), strict=False))
    there = [item for item in plan.items if item.kind in NAMED and item.language.partition("-")[0] in (language, "zxx")]
    there = [item for item in there if SELLS.isdisjoint(item.tags)]
    for item in sorted(there, key=lambda item: item.id not in numbers)[:MOST]:
        words = [word for word in (name_of(item), *numbers.get(item.id, ())) if word and word.lower() not in taken]
        taken.update(word.lower() for word in words)
        if words:
            yield Choice(f"{ITEM}{item.id}", Action.PLAY, words=tuple(words), content=item.id)


def name_of(item: ContentItem) -> str:
    """A title as it is said; "" for one that nobody could say."""
    words = BEHIND.sub("", item.title).split()
    return " ".join(words) if 0 < len(words) <= LONGEST_NAME else ""


def series_of(session: HoldSession, plan: HoldPlan) -> str:
    """The series being heard, or heard last; else the first on the shelf."""
    for content in (session.now, session.place(Kind.PODCAST.value)):
        item = plan.item(content) if content else None
        if item is not None and item.kind is Kind.PODCAST:
            return item.shelf
    return next((item.shelf for item in plan.items if item.kind is Kind.PODCAST), "")


def episodes(plan: HoldPlan, series: str) -> list[ContentId]:
    there = [item for item in plan.items if item.kind is Kind.PODCAST and item.shelf == series]
    return [item.id for item in sorted(there, key=lambda item: item.order)]


def wanted(choice: Choice, plan: HoldPlan, at: datetime) -> ContentItem | None:
    """The item, if it may be played here and now."""
    item = plan.item(ContentId(choice.content))
    return item if item is not None and airs(item, at.astimezone(plan.fresh.zone)) else None


def entry(item: ContentItem, plan: HoldPlan) -> Choice | None:
    """The entry of the menu under which the item plays on."""
    return plan.menu.by_id(f"{item.kind}:{item.shelf}") or plan.menu.by_id(item.kind.value)
