"""A keeper of sources with everything that it needs in one folder, a clock in the test's hand, and feeds to serve it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from xml.etree import ElementTree

from holdsvc.content.fetch import ANY_PORT, Fetcher
from holdsvc.content.fetched import FetchedShelf, State
from holdsvc.content.keeper import Keeper, Source
from holdsvc.content.library import Library
from holdsvc.engine.outbound import Outbound
from tests.content.canaries import ALLOWED
from tests.content.shelf import entry, fill
from tests.content.signals import file, speech

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ITUNES = "http://www.itunes.com/dtds/podcast-1.0.dtd"


class HandClock:
    def __init__(self) -> None:
        self.time = NOON

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return (self.time - NOON).total_seconds()


class Kitchen:
    """Takes no notice of real time: `look` goes to the next moment at which something is due."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = HandClock()
        self.media, self.into = folder / "media", folder / "sound"
        if not self.media.exists():
            self.media.mkdir()
            fill(self.media, entry("house", house=True))
        self.sources: Mapping[str, Source] = {}
        self.way_out = Outbound(allow=[f"{ALLOWED}/32"], at_once=16 << 10)
        self.fetcher = Fetcher(self.way_out, [ANY_PORT])
        self.shelf = FetchedShelf(folder / "fetched")
        self.library = Library.open(self.media, [self.into], None, self.shelf.folder, self.shelf.hashes())
        self.keeper = Keeper(self.shelf, self.library, self.into, lambda: self.sources, self.clock, random.Random(1))

    def take(self, *sources: Source) -> None:
        self.sources = {source.name: source for source in sources}

    async def look(self, later: timedelta = timedelta(0)) -> None:
        self.clock.time += later
        await self.keeper.round()
        await self.keeper.settle()

    async def look_again(self) -> None:
        """At the moment that the sources wait for."""
        moments = [state.next_at for state in self.shelf.states.values() if state.next_at is not None]
        await self.look(max(max(moments) - self.clock.time, timedelta(0)))

    def state(self, name: str) -> State:
        return self.shelf.states[name]

    def items(self, shelf: str) -> list[str]:
        return [item.title for item in self.library.items if item.shelf == shelf]


@asynccontextmanager
async def kitchen(folder: Path) -> AsyncIterator[Kitchen]:
    room = Kitchen(folder)
    try:
        yield room
    finally:
        await room.way_out.close()


def rss(*episodes: Mapping[str, str], title: str = "Stories", language: str = "en") -> bytes:
    """Each: title, and as it likes url, guid, date, duration, description, chapters."""
    top = ElementTree.Element("rss", version="2.0")
    channel = ElementTree.SubElement(top, "channel")
    ElementTree.SubElement(channel, "title").text = title
    ElementTree.SubElement(channel, "language").text = language
    for told in episodes:
        item = ElementTree.SubElement(channel, "item")
        ElementTree.SubElement(item, "title").text = told["title"]
        ElementTree.SubElement(item, "guid").text = told.get("guid", told["title"])
        for name, tag in (("date", "pubDate"), ("duration", f"{{{ITUNES}}}duration"), ("description", "description")):
            if name in told:
                ElementTree.SubElement(item, tag).text = told[name]
        if "url" in told:
            ElementTree.SubElement(item, "enclosure", url=told["url"], type=told.get("type", "audio/mpeg"))
        if "chapters" in told:
            ElementTree.SubElement(item, "{https://podcastindex.org/namespace/1.0}chapters", url=told["chapters"])
    return ElementTree.tostring(top, encoding="utf-8", xml_declaration=True)


def episode(number: int, url: str = "", **more: str) -> dict[str, str]:
    date = format_datetime(NOON - timedelta(days=100 - number))
    return {"title": f"Episode {number}", "url": url or f"/{number}.opus", "date": date, **more}


def talk(number: int, seconds: float = 3.2) -> bytes:
    return file(speech(seconds, number), ".opus")


async def turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
