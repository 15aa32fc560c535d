"""All sources of content from outside, made of the settings and of the subscriptions; made anew when those change."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from holdsvc.content.feeds import ORDERS, Podcast, PodcastSettings
from holdsvc.content.fetch import Fetcher
from holdsvc.content.index import SLUG
from holdsvc.content.keeper import Source
from holdsvc.content.subscriptions import Subscriptions
from holdsvc.errors import BadContent

LONGEST_NAME = 60  # characters; an item's id is the name and thirteen more
MOST_MINUTES = 60  # that the decoder takes of one file

log = logging.getLogger(__name__)


class Sources:
    """Call it for what there is now: the same value as long as nothing has changed."""

    def __init__(
        self,
        podcasts: Mapping[str, PodcastSettings],
        subscriptions: Subscriptions,
        fetcher: Fetcher,
        others: Mapping[str, Source],
    ) -> None:
        self._podcasts, self._subscriptions, self._fetcher, self._others = podcasts, subscriptions, fetcher, others
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
        made: dict[str, Source] = dict(self._others)
        for name, settings in {**added, **self._podcasts}.items():
            wrong = list(podcast_faults(name, settings))
            if wrong or name in made:
                reason = wrong[0] if wrong else "an update has the same name"
                log.warning("source_left_out", extra={"source": name, "reason": reason, "heard": "the other shelves"})
            else:
                made[name] = Podcast(name, settings, self._fetcher)
        return made


def podcast_faults(name: str, settings: PodcastSettings) -> Iterator[str]:
    """What is wrong with a subscription, each in one sentence; such a one is left out, and the service serves."""
    yield from name_faults(name)
    yield from url_faults(settings.url)
    if not settings.licence.strip():
        yield "it says no licence under which its episodes may be played"
    if settings.order not in ORDERS:
        yield f"its order {settings.order!r} is none of {', '.join(ORDERS)}"
    limits: tuple[tuple[str, float, float, float], ...] = (
        ("keep", settings.keep, 1, 100),
        ("most_megabytes", settings.most_megabytes, 1, 300),
        ("most_minutes", settings.most_minutes, 1, MOST_MINUTES),
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
