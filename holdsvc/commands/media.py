"""`holdsvc media list|check|add|forget`: the shelves."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TextIO

from holdsvc import app
from holdsvc.calls.model import ContentId, ContentItem, Licence
from holdsvc.commands.log import EVERYTHING, file_of
from holdsvc.config import Settings, load
from holdsvc.content import shelf_command, sources
from holdsvc.content.decoder import FORMATS
from holdsvc.content.feed_reader import Feed, read_feed
from holdsvc.content.feeds import FEED, PodcastSettings
from holdsvc.content.fetch import Fetcher
from holdsvc.content.fetched import FOLDER, FetchedShelf, State
from holdsvc.content.library import Library
from holdsvc.content.subscriptions import Subscriptions
from holdsvc.content.texts import files_at, titled
from holdsvc.engine.outbound import Outbound
from holdsvc.errors import BadContent, ConfigError
from holdsvc.ports import WaitQuery
from holdsvc.stores.ledger import SqliteLedger


def opened(config: Path | None) -> tuple[Settings, Library, Path]:
    settings = load(config)
    folder = app.data_folder(settings)
    (folder / "media").mkdir(exist_ok=True)
    return settings, app.open_library(settings, folder), folder


def prepared(config: Path | None) -> tuple[Library, Path]:
    """The shelves with everything on them ready, as far as it can be."""
    _, library, folder = opened(config)
    if library.pending():
        shelf_command.prepare_shown(library, folder / "sound", sys.stderr)
        library.refresh()
    return library, folder


def list_items(config: Path | None) -> int:
    library, folder = prepared(config)
    settings = load(config)
    shelf_command.list_items(library, sys.stdout, plays(settings))
    list_sources(settings, folder, sys.stdout)
    return 0


def plays(settings: Settings) -> dict[ContentId, int] | None:
    """Calls in which each item was heard, as the log says; None where there is no log yet."""
    try:
        file = file_of(settings)
    except ConfigError:
        return None
    with SqliteLedger(file) as ledger:
        return {one.content: one.plays for one in ledger.heard(WaitQuery(most=EVERYTHING))}


def list_sources(settings: Settings, folder: Path, out: TextIO) -> None:
    """What comes from outside, and what is wrong with it: each fault once."""
    podcasts = {**Subscriptions(folder).read(), **settings.podcasts}
    states = FetchedShelf(folder / FOLDER).states
    wrong: dict[str, str] = {}
    for name, fault in sources.faults(podcasts, settings.updates):
        wrong.setdefault(name, fault)
    for name in sorted({*podcasts, *settings.updates}):
        state = states.get(name, State())
        kind = "podcast" if name in podcasts else "update"
        looked = f"{state.looked:%Y-%m-%d %H:%M} UTC" if state.looked else "never"
        out.write(f"{kind} {name}: {len(state.kept)} on the shelf, last heard of {looked}\n")
        fault = wrong.get(name) or state.fault
        if fault:
            out.write(f"  fault: {fault}\n")
        for one in state.refused:
            out.write(f"  not heard: {one.title}: {one.reason}\n")


def check(config: Path | None) -> int:
    library, _ = prepared(config)
    return shelf_command.check(library, sys.stdout)


def add(given: argparse.Namespace) -> int:
    if "://" in given.file:
        return subscribe(given)
    return add_folder(given) if Path(given.file).is_dir() else add_file(given)


def add_file(given: argparse.Namespace) -> int:
    _, library, folder = opened(given.config)
    item = put(Path(given.file), given, library, folder, given.id, given.title)
    print(
        f"{item.id} stands on the shelf {item.shelf}: {item.seconds:.0f} s. A running service plays it after its next start."
    )
    return 0


def add_folder(given: argparse.Namespace) -> int:
    """Every sound file in it, titled as it is named. What is bad is said, and the others are added."""
    _, library, folder = opened(given.config)
    files = files_at(given.file, tuple(FORMATS))
    if not files:
        raise BadContent(f"there is no sound file in {given.file}")
    added = 0
    for order, file in enumerate(files, 1):
        try:
            put(file, given, library, folder, "", titled(file), order)
            added += 1
        except BadContent as error:
            print(f"holdsvc: {error}", file=sys.stderr)
    print(
        f"{added} of {len(files)} files stand on the shelf {given.shelf}. A running service plays them after its next start."
    )
    return 0 if added == len(files) else 1


def put(
    file: Path, given: argparse.Namespace, library: Library, folder: Path, id: str, title: str, order: int = 0
) -> ContentItem:
    return shelf_command.add(
        file,
        library=library,
        overlay=folder / "media",
        into=folder / "sound",
        out=sys.stderr,
        id=id,
        kind=given.kind or "",
        shelf=given.shelf,
        title=title,
        artist=given.artist,
        language=given.language or "zxx",
        licence=Licence(given.licence, given.source, given.attribution),
        order=order,
    )


def subscribe(given: argparse.Namespace) -> int:
    """Only to what is a feed now; a running service notices within seconds."""
    settings = load(given.config)
    folder = app.data_folder(settings)
    wanted = PodcastSettings(
        url=given.file,
        licence=given.licence,
        shelf=given.shelf,
        source=given.source,
        attribution=given.attribution,
        language=given.language,
        order=given.order,
        keep=given.keep,
    )
    for fault in sources.podcast_faults(given.id, wanted):
        raise BadContent(f"the podcast was not added: {fault}")
    if given.id in settings.podcasts or given.id in settings.updates:
        raise BadContent(f"the podcast was not added: the settings have a source of the name {given.id!r}")
    feed = asyncio.run(asked(settings, wanted.url))
    heard = sum(story.enclosure is not None for story in feed.stories)
    if not heard:
        raise BadContent("the podcast was not added: its feed has no episode with sound")
    Subscriptions(folder).add(given.id, wanted)
    newest = min(heard, wanted.keep)
    print(
        f"{given.id}: {feed.title or 'a podcast'}, {heard} episodes; the newest {newest} come to the shelf "
        f"{wanted.shelf or given.id}. A running service begins within seconds, `holdsvc media list` shows how it stands."
    )
    return 0


async def asked(settings: Settings, url: str) -> Feed:
    gate = Outbound(settings.fetch.allow)
    try:
        _, document = await Fetcher(gate, settings.fetch.ports).whole(url, FEED)
    finally:
        await gate.close()
    return read_feed(document, url)


def forget(config: Path | None, name: str) -> int:
    _, library, folder = opened(config)
    if Subscriptions(folder).remove(name):
        print(f"The subscription {name} has ended; a running service takes its episodes off the shelf within seconds.")
        return 0
    shelf_command.forget(name, library=library, overlay=folder / "media", into=folder / "sound")
    print(f"{name} is off its shelf.")
    return 0
