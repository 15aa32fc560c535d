"""All sources of content from outside, made of the settings and of the subscriptions; made anew when those change."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from holdsvc.content.daily import Update, UpdateSettings, own_faults
from holdsvc.content.feeds import ORDERS, Podcast, PodcastSettings
from holdsvc.content.fetch import Fetcher
from holdsvc.content.index import LANGUAGE, SLUG
from holdsvc.content.keeper import Source
from holdsvc.content.subscriptions import Subscriptions
from holdsvc.content.terms import tag_faults, territory_faults
from holdsvc.errors import BadContent
from holdsvc.ports import Synthesiser

LONGEST_NAME = 60  # characters; an item's id is the name and thirteen more
MOST_MINUTES = 60  # that the decoder takes of one file

log = logging.getLogger(__name__)


class Sources:
    """Call it for what there is now: the same value as long as nothing has changed."""

    def __init__(
        self,
        podcasts: Mapping[str, PodcastSettings],
        updates: Mapping[str, UpdateSettings],
        subscriptions: Subscriptions,
        fetcher: Fetcher,
        synthesiser: Synthesiser | None = None,
        others: tuple[Source, ...] = (),
    ) -> None:
        self._podcasts, self._updates, self._subscriptions = podcasts, updates, subscriptions
        self._fetcher, self._synthesiser, self._others = fetcher, synthesiser, others
        self._mark: tuple[int, int] | None = None
        self._made: Mapping[str, Source] = {}

    def __call__(self) -> Mapping[str, Source]:
        mark = self._subscriptions.mark()
        if mark != self._mark:
            self._mark, self._made = mark, self._make()
        return self._made

    def _make(self) -> Mapping[str, Source]:
        try:
            added = self._subscriptions.read()
        except BadContent as error:
            log.warning(
                "subscriptions_unreadable", extra={"reason": str(error), "heard": "the podcasts of the settings"}
            )
            added = {}
        podcasts = {**added, **self._podcasts}
        left_out: dict[str, str] = {}
        for name, fault in faults(podcasts, self._updates):
            left_out.setdefault(name, fault)
        for name, reason in left_out.items():
            log.warning("source_left_out", extra={"source": name, "reason": reason, "heard": "the other shelves"})
        made: dict[str, Source] = {
            name: Podcast(name, given, self._fetcher) for name, given in podcasts.items() if name not in left_out
        }
        made |= {
            name: Update(name, given, self._fetcher, self._synthesiser)
            for name, given in self._updates.items()
            if name not in left_out
        }
        return {**{other.name: other for other in self._others}, **made}


def faults(podcasts: Mapping[str, PodcastSettings], updates: Mapping[str, UpdateSettings]) -> Iterator[tuple[str, str]]:
    """Names of sources and what is wrong with them, each in one sentence; such a source is left out, and the service serves."""
    for name, podcast in podcasts.items():
        yield from ((name, fault) for fault in podcast_faults(name, podcast))
    for name, update in updates.items():
        yield from ((name, fault) for fault in update_faults(name, update))
        if name in podcasts:
            yield name, "a podcast and an update have the same name"


def podcast_faults(name: str, settings: PodcastSettings) -> Iterator[str]:
    yield from name_faults(name)
    yield from url_faults(settings.url)
    if not settings.licence.strip():
        yield "it says no licence under which its episodes may be played"
    yield from tag_faults(settings.tags)
    yield from territory_faults(settings.territories)
    if settings.language and not LANGUAGE.fullmatch(settings.language):
        yield f"its language {settings.language!r:.40} is not a tag such as en or de-CH"
    if settings.order not in ORDERS:
        yield f"its order {settings.order!r} is none of {', '.join(ORDERS)}"
    limits: tuple[tuple[str, float, float, float], ...] = (
        ("keep", settings.keep, 1, 100),
        ("most_megabytes", settings.most_megabytes, 1, 300),
        ("most_minutes", settings.most_minutes, 1, MOST_MINUTES),
        ("every_minutes", settings.every_minutes, 1, 10_080),
    )
    yield from limit_faults(limits)


def update_faults(name: str, settings: UpdateSettings) -> Iterator[str]:
    yield from name_faults(name)
    yield from own_faults(settings)
    if settings.url:
        yield from url_faults(settings.url)
    if not settings.licence.strip():
        yield "it says no licence under which it may be played"
    if not LANGUAGE.fullmatch(settings.language):
        yield f"its language {settings.language!r:.40} is not a tag such as en or de-CH"
    yield from tag_faults(settings.tags)
    yield from territory_faults(settings.territories)
    limits: tuple[tuple[str, float, float, float], ...] = (
        ("hours", settings.hours, 0.1, 8760),
        ("most", settings.most, 1, 20),
        ("every_minutes", settings.every_minutes, 1, 10_080),
    )
    yield from limit_faults(limits)


def name_faults(name: str) -> Iterator[str]:
    if not SLUG.fullmatch(name) or len(name) > LONGEST_NAME:
        yield f"the name {name!r:.80} is not made of at most {LONGEST_NAME} of a-z, 0-9, dot, dash and underscore"


def url_faults(url: str) -> Iterator[str]:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        yield "its URL cannot be read"
        return
    if parts.scheme not in ("http", "https") or not host:
        yield "its URL does not begin with https:// (or http://) and a host"
    elif "@" in parts.netloc:
        yield "its URL has a user name in it, which is not sent"


def limit_faults(limits: tuple[tuple[str, float, float, float], ...]) -> Iterator[str]:
    for key, value, least, most in limits:
        if not least <= value <= most:
            yield f"{key} = {value:g} is not between {least:g} and {most:g}"
