"""Podcasts: a subscription's feed, and its newest episodes as items of a shelf.

Only what is new is fetched: the feed is asked whether it has changed, an episode is fetched once. What is wrong with one episode is
its own affair; the others are heard.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from holdsvc.calls.model import Chapter, Kind, Licence
from holdsvc.content.feed_reader import Feed, Story, read_chapters, read_feed
from holdsvc.content.fetch import Fetcher, Limits
from holdsvc.content.fetched import FILES, Kept, Refused, State, address_of, item_id, without
from holdsvc.content.index import LANGUAGE, Entry
from holdsvc.content.keeper import Desk
from holdsvc.errors import BadContent, OutboundFailed

FEED = Limits(size=8 << 20, seconds=60.0, idle=12.0)
CHAPTERS = Limits(size=1 << 20, seconds=20.0, idle=10.0)
EPISODE_SECONDS, EPISODE_IDLE = 1800.0, 12.0  # an hour's show over a slow line
SPARE = 256 << 20  # bytes of the disk that fetching leaves to those who keep calls
MOST_REFUSED = 50  # that are remembered
ORDERS = ("latest", "serial")

SUFFIXES = {  # what a server says of a sound file -> how ours is named; its bytes decide in the end
    "audio/mpeg": ".mp3",
    "audio/mp3": ".mp3",
    "audio/mp4": ".m4a",
    "audio/x-m4a": ".m4a",
    "audio/aac": ".aac",
    "audio/ogg": ".ogg",
    "audio/opus": ".opus",
    "application/ogg": ".ogg",
    "audio/flac": ".flac",
    "audio/x-flac": ".flac",
    "audio/wav": ".wav",
    "audio/x-wav": ".wav",
    "video/mp4": ".mp4",
}
NO_SOUND = re.compile(r"^(text/|image/|application/(json|xml|xhtml|pdf|zip|rss|atom)|.*mpegurl)")
BEGINNINGS = (  # of what is offered as a sound file and is none
    (b"#EXTM3U", "it is a playlist (HLS), not a sound file"),
    (b"<", "it is a web page or XML, not a sound file"),
    (b"{", "it is JSON, not a sound file"),
    (b"[playlist]", "it is a playlist, not a sound file"),
)


Progress = Callable[[int, int | None], None]  # bytes that are there, and that there will be


class PodcastSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """A subscription: a section of the settings, or a line of what `holdsvc media add URL` wrote."""

    url: str = ""
    licence: str = ""  # under which its episodes are played; nothing is fetched without
    shelf: str = ""  # "" = the subscription's name
    source: str = ""  # for whoever checks the licence; "" = the feed's host
    attribution: str = ""  # "" = the feed's author, or its title
    until: date | None = None  # the last day on which they may be played; None: for ever
    territories: tuple[str, ...] = ()  # where, as DE, AT; () = everywhere
    tags: tuple[str, ...] = ()  # comedy, advert, ...: what queues with a profile never play
    language: str = ""  # "" = as the feed says
    order: str = "latest"  # latest = the newest first; serial = the oldest first
    keep: int = 5  # episodes on the shelf
    most_megabytes: int = 200  # of one episode
    most_minutes: int = 60  # of one episode
    every_minutes: float = 60.0  # between looks
    queues: tuple[str, ...] = ()  # where alone it is heard; () = wherever its shelf is offered


class Podcast:
    kind = "podcast"

    def __init__(self, name: str, settings: PodcastSettings, fetcher: Fetcher) -> None:
        self.name = name
        self.address = address_of(msgspec.json.encode(settings).decode())
        self.every = settings.every_minutes * 60
        self._settings = settings
        self._fetcher = fetcher

    async def look(self, state: State, desk: Desk) -> State:
        asked = {"if-none-match": state.tag, "if-modified-since": state.modified}
        answer, document = await self._fetcher.whole(
            self._settings.url, FEED, {name: value for name, value in asked.items() if value}
        )
        if not answer.fresh:
            return state
        feed = await asyncio.to_thread(read_feed, document, self._settings.url, texts=False)
        state, trouble = await self._bring(feed, state, desk)
        if trouble is not None:
            raise trouble  # the tag is not kept: the next look begins with the whole feed
        return replace(state, tag=answer.tag, modified=answer.modified)

    async def _bring(self, feed: Feed, state: State, desk: Desk) -> tuple[State, OutboundFailed | None]:
        """What of the feed is wanted and not here yet, the one to be heard first before the others."""
        trouble = None
        stories = self._wanted(feed.stories, state)
        for number, story in enumerate(stories, 1):
            if state.has(story.key):
                continue
            title = story.title or f"episode {number}"
            try:
                kept = await self._fetched(
                    feed, story, title, partial(told, desk, f"{number}/{len(stories)} {title}"), desk
                )
                desk.tell(f"{number}/{len(stories)} {title}: preparing")
                state = await desk.show(self._in_order(replace(state, kept=(*state.kept, kept))))
                state = await self._not_too_long(kept, state, desk)
            except BadContent as error:
                state = await desk.show(refused(state, story.key, title, str(error)))
            except OutboundFailed as error:
                if error.retryable:
                    trouble = trouble or OutboundFailed(f"{title}: {error}", why=error.why, after=error.after)
                else:
                    state = await desk.show(refused(state, story.key, title, str(error)))
        pruned = self._in_order(self._pruned(state, stories))
        return (await desk.show(pruned) if pruned != state else state), trouble

    def _wanted(self, stories: Iterable[Story], state: State) -> Sequence[Story]:
        """The newest, as many as are kept, in the order in which they are heard."""
        heard = [one for one in stories if one.enclosure is not None]
        dated = sorted(enumerate(heard), key=lambda pair: (when(pair[1]), -pair[0]), reverse=True)
        newest = [story for _, story in dated][: self._settings.keep]
        return newest if self._settings.order == "latest" else newest[::-1]

    async def _fetched(self, feed: Feed, story: Story, title: str, progress: Progress, desk: Desk) -> Kept:
        assert story.enclosure is not None
        settings = self._settings
        if story.seconds is not None and story.seconds > settings.most_minutes * 60:
            raise BadContent(f"it is {story.seconds / 60:.0f} minutes long, more than {settings.most_minutes}")
        file = await self._sound(story.enclosure.url, item_id(self.name, story.key), progress, desk)
        chapters = story.chapters or await self._chapters(story.chapters_url)
        host = urlsplit(settings.url).hostname or ""
        entry = Entry(
            id=item_id(self.name, story.key),
            kind=Kind.PODCAST,
            shelf=settings.shelf or self.name,
            title=title,
            file=f"{FILES}/{file.name}",
            licence=Licence(
                settings.licence,
                settings.source or host,
                settings.attribution or feed.author or feed.title,
                until=settings.until,
                territories=tuple(one.upper() for one in settings.territories),
            ),
            tags=settings.tags,
            artist=feed.author or feed.title,
            language=next((tag for tag in (settings.language, feed.language) if LANGUAGE.fullmatch(tag)), "und"),
            queues=settings.queues,
            chapters=chapters,
        )
        return Kept(story.key, entry, story.published or desk.now())

    async def _sound(self, url: str, name: str, progress: Progress, desk: Desk) -> Path:
        most = self._settings.most_megabytes << 20
        await asyncio.to_thread(room_for, most, desk.files)
        draft = desk.files / f".{name}.part"
        await asyncio.to_thread(draft.unlink, missing_ok=True)
        limits = Limits(size=most, seconds=EPISODE_SECONDS, idle=EPISODE_IDLE)
        answer, _ = await self._fetcher.file(url, draft, limits, progress)
        try:
            if NO_SOUND.match(answer.kind):
                raise BadContent(f"the server says that it is {answer.kind[:60]}, not a sound file")
            await asyncio.to_thread(refuse_beginning, draft)
            suffix = SUFFIXES.get(answer.kind) or named(url) or ".mp3"
            return await asyncio.to_thread(draft.replace, desk.files / f"{name}{suffix}")
        except BaseException:
            draft.unlink(missing_ok=True)
            raise

    async def _chapters(self, url: str) -> tuple[Chapter, ...]:
        """Good to have: without them the episode is heard all the same."""
        if not url:
            return ()
        try:
            _, document = await self._fetcher.whole(url, CHAPTERS)
            return read_chapters(document)
        except (OutboundFailed, BadContent):
            return ()

    async def _not_too_long(self, kept: Kept, state: State, desk: Desk) -> State:
        """What the feed did not say, or not as it is."""
        seconds = desk.seconds(kept.entry.id)
        if seconds <= self._settings.most_minutes * 60:
            return state
        reason = f"it is {seconds / 60:.0f} minutes long, more than {self._settings.most_minutes}"
        return await desk.show(refused(without(state, [kept.key]), kept.key, kept.entry.title, reason))

    def _pruned(self, state: State, wanted: Sequence[Story]) -> State:
        """So many are kept, the newest; of what was refused, what the feed still offers."""
        newest = sorted(state.kept, key=lambda one: one.at, reverse=True)[: self._settings.keep]
        offered = {story.key for story in wanted}
        bad = tuple(one for one in state.refused if one.key in offered)[-MOST_REFUSED:]
        return replace(state, kept=tuple(one for one in state.kept if one in newest), refused=bad)

    def _in_order(self, state: State) -> State:
        ordered = sorted(state.kept, key=lambda one: one.at, reverse=self._settings.order == "latest")
        return replace(
            state,
            kept=tuple(replace(one, entry=replace(one.entry, order=at)) for at, one in enumerate(ordered, 1)),
        )


def told(desk: Desk, what: str, done: int, total: int | None) -> None:
    desk.tell(f"{what}: {100 * done // total} %" if total else f"{what}: {done >> 20} MB")


def refused(state: State, key: str, title: str, reason: str) -> State:
    return replace(state, refused=(*state.refused, Refused(key, title, reason)))


def when(story: Story) -> datetime:
    return story.published or datetime.min.replace(tzinfo=UTC)


def named(url: str) -> str:
    """The kind of file that a URL's path says, if it is one of ours."""
    suffix = Path(urlsplit(url).path).suffix.lower()
    return suffix if suffix in SUFFIXES.values() else ""


def refuse_beginning(file: Path) -> None:
    with file.open("rb") as stream:
        head = stream.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head:
        raise BadContent("the file is empty")
    for beginning, reason in BEGINNINGS:
        if head.startswith(beginning):
            raise BadContent(reason)


def room_for(size: int, folder: Path) -> None:
    """Also for what is made of it. Calls are kept on the same disk, and come first."""
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(folder).free < 2 * size + SPARE:
        raise OutboundFailed("there is too little room on the disk to fetch anything", why="room")
