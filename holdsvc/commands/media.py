"""`holdsvc media list|check|add|forget`: the shelves."""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from shutil import get_terminal_size
from typing import TextIO

import msgspec

from holdsvc import app, catalogue
from holdsvc.calls.model import Airing, ContentId, ContentItem, Kind, Licence
from holdsvc.commands.log import EVERYTHING
from holdsvc.commands.log import opened as opened_log
from holdsvc.commands.queues import configured, none_such
from holdsvc.config import Settings, load
from holdsvc.content import shelf_command, shelf_list, sources
from holdsvc.content.decoder import FORMATS
from holdsvc.content.feed_reader import Feed, read_feed
from holdsvc.content.feeds import FEED, PodcastSettings
from holdsvc.content.fetch import Fetcher
from holdsvc.content.fetched import FOLDER, FetchedShelf, State
from holdsvc.content.library import Library
from holdsvc.content.subscriptions import Subscriptions
from holdsvc.content.texts import files_at, titled
from holdsvc.engine.outbound import Outbound
from holdsvc.engine.plans import heard_where, zone_of
from holdsvc.errors import BadContent, ConfigError, InUse, OutboundFailed
from holdsvc.ports import WaitQuery
from holdsvc.stores.lock import FileLock

WIDE = 100  # characters of a line where nobody says how many there are
OF_FILES = ("kind", "title", "artist", "mood", "queues", "segment", "days", "hours", "rights")  # not of podcasts
OF_A_FILE = {
    "kind": "music, podcast or daily",
    "shelf": "a genre for music, a series for podcasts",
    "licence": "an SPDX identifier such as CC0-1.0, or your contract's name",
    "source": "where it came from, for whoever checks",
}
OF_A_FEED = {"id": "a short name, such as stories", "licence": OF_A_FILE["licence"]}
FORBIDDEN = "not one that we may connect to"  # so says the gate
LATER = "A running service has it within seconds."


def opened(config: Path | None) -> tuple[Settings, Library, Path]:
    settings = load(config)
    folder = app.data_folder(settings)
    (folder / "media").mkdir(exist_ok=True)
    return settings, app.open_library(settings, folder), folder


# --- list and check ------------------------------------------------------------------------------------------------------


def list_items(given: argparse.Namespace) -> int:
    """As it stands: nothing is prepared, so that looking takes no time."""
    settings, library, folder = opened(given.config)
    place = where(settings)
    found = shelf_list.shown(library, place, plays(settings))
    if given.format == "json":
        told = {**shelf_list.as_tree(found, library), "sources": sources_tree(settings, folder)}
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(told)) + b"\n")
        return 0
    shelf_list.as_text(found, library, place, sys.stdout, get_terminal_size((WIDE, 24)).columns)
    list_sources(settings, folder, sys.stdout)
    return 0


def where(settings: Settings) -> shelf_list.Place:
    """Today, and where callers of our queues are."""
    queues = {"default": settings.queue("default"), **settings.queues}
    heard_in = {heard_where(rules, queues, settings.callers.region) for rules in queues.values()}
    return shelf_list.Place(datetime.now(UTC).astimezone(zone_of(queues["default"])).date(), heard_in)


def plays(settings: Settings) -> dict[ContentId, int] | None:
    """Calls in which each item was heard, as the log says; None where there is no log yet."""
    try:
        with opened_log(settings) as ledger:
            return {one.content: one.plays for one in ledger.heard(WaitQuery(most=EVERYTHING))}
    except ConfigError:
        return None


def list_sources(settings: Settings, folder: Path, out: TextIO) -> None:
    """What comes from outside, and what is wrong with it: each fault once."""
    for name, kind, state, fault in outside(settings, folder):
        looked = f"{state.looked:%Y-%m-%d %H:%M} UTC" if state.looked else "never"
        out.write(f"{kind} {name}: {len(state.kept)} on the shelf, last heard of {looked}\n")
        if fault:
            out.write(f"  fault: {fault}\n")
        for one in state.refused:
            out.write(f"  not heard: {one.title}: {one.reason}\n")


def sources_tree(settings: Settings, folder: Path) -> list[dict[str, object]]:
    return [
        {
            "name": name,
            "kind": kind,
            "items": len(state.kept),
            "looked": state.looked,
            "fault": fault,
            "refused": [{"title": one.title, "reason": one.reason} for one in state.refused],
        }
        for name, kind, state, fault in outside(settings, folder)
    ]


def outside(settings: Settings, folder: Path) -> list[tuple[str, str, State, str]]:
    """Each source: its name, its kind, how far it is, and what is wrong with it."""
    podcasts: Mapping[str, PodcastSettings] = {**Subscriptions(folder).read(), **settings.podcasts}
    states = FetchedShelf(folder / FOLDER).states
    wrong: dict[str, str] = {}
    for name, fault in sources.faults(podcasts, settings.updates):
        wrong.setdefault(name, fault)
    found = []
    for name in sorted({*podcasts, *settings.updates}):
        state = states.get(name, State())
        kind = "podcast" if name in podcasts else "update"
        found.append((name, kind, state, wrong.get(name) or state.fault))
    return found


def check(config: Path | None) -> int:
    """Everything is made ready first, as far as it can be."""
    _, library, folder = opened(config)
    if waiting := len(library.pending()):
        print(f"holdsvc: preparing {waiting} sounds for the telephone, once for all", file=sys.stderr)
        shelf_command.prepare_shown(library, folder / "sound", sys.stderr)
        library.refresh()
    return 1 if shelf_command.check(library, sys.stdout) else 0


# --- add -----------------------------------------------------------------------------------------------------------------


def add(given: argparse.Namespace) -> int:
    if looks_like_an_address(given.file):
        raise BadContent(f"{given.file!r:.80} is no file here; if it is a feed, say https:// or http:// before it")
    ask_for(given, OF_A_FEED if "://" in given.file else OF_A_FILE)
    if "://" in given.file:
        return subscribe(given)
    return add_folder(given) if Path(given.file).is_dir() else add_file(given)


def looks_like_an_address(name: str) -> bool:
    """A host and a path, without a scheme."""
    host, slash, _ = name.partition("/")
    return (
        bool(slash)
        and not Path(name).exists()
        and bool(re.fullmatch(r"[\w-]+(\.[\w-]+)*\.[a-z]{2,}(:\d+)?", host, re.I))
    )


def ask_for(given: argparse.Namespace, needed: Mapping[str, str]) -> None:
    """All that is missing in one sentence, so that nobody is sent back three times."""
    missing = [f"--{name} ({what})" for name, what in needed.items() if not getattr(given, name)]
    if missing:
        raise BadContent(f"nothing was added: say also {', '.join(missing)}")


def add_file(given: argparse.Namespace) -> int:
    settings, library, folder = opened(given.config)
    file = Path(given.file)
    item = put(file, given, settings, library, folder, given.id, given.title or titled(file))
    print(f"{item.id} stands on the shelf {item.shelf}: {item.title!r}, {item.seconds:.0f} s. {LATER}")
    return 0


def add_folder(given: argparse.Namespace) -> int:
    """Every sound file in it, titled as it is named. What is bad is said, and the others are added."""
    if given.id or given.title:
        raise BadContent("--id and --title are for one file; in a folder each file has its own")
    settings, library, folder = opened(given.config)
    files = files_at(given.file, tuple(FORMATS))
    if not files:
        raise BadContent(f"there is no sound file in {given.file} (looked for {', '.join(FORMATS)})")
    added = 0
    for order, file in enumerate(files, 1):
        try:
            put(file, given, settings, library, folder, "", titled(file), order)
            added += 1
        except BadContent as error:
            print(f"holdsvc: {error}", file=sys.stderr)
    print(f"{added} of {len(files)} files stand on the shelf {given.shelf}. {LATER if added else ''}".rstrip())
    return 0 if added == len(files) else 1


def put(
    file: Path,
    given: argparse.Namespace,
    settings: Settings,
    library: Library,
    folder: Path,
    id: str,
    title: str,
    order: int = 0,
) -> ContentItem:
    until, territories = term(given)
    spoken = given.kind in (Kind.PODCAST, Kind.DAILY)
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
        language=given.language or (settings.queue("default").language if spoken else "zxx"),
        licence=Licence(given.licence, given.source, given.attribution, given.rights, until, territories),
        order=order,
        mood=given.mood,
        tags=listed(given.tags),
        queues=known_queues(listed(given.queues), settings),
        segment=given.segment,
        airing=Airing(days=listed(given.days), hours=listed(given.hours)),
    )


def term(given: argparse.Namespace) -> tuple[date | None, tuple[str, ...]]:
    """Until when and where it may be played."""
    territories = listed(given.territories)
    if not given.until:
        return None, territories
    try:
        until = date.fromisoformat(given.until)
    except ValueError:
        raise BadContent(f"--until {given.until!r:.40} is no day; write it as 2027-03-31") from None
    if until < datetime.now(UTC).date():
        raise BadContent(f"the licence ended on {until:%Y-%m-%d}: it would never be played")
    return until, territories


def listed(text: str) -> tuple[str, ...]:
    """What stands between commas."""
    return tuple(word for part in text.split(",") if (word := part.strip()))


def known_queues(names: tuple[str, ...], settings: Settings) -> tuple[str, ...]:
    there = configured(settings)
    for name in names:
        if name not in there:
            raise BadContent(none_such(name, there))
    return names


def subscribe(given: argparse.Namespace) -> int:
    """Only to what is a feed now; a running service notices within seconds."""
    for name in OF_FILES:
        if getattr(given, name):
            raise BadContent(f"--{name} is for files; the episodes of a podcast have no such thing of ours")
    settings = load(given.config)
    folder = app.data_folder(settings)
    until, territories = term(given)
    wanted = PodcastSettings(
        url=given.file,
        licence=given.licence,
        shelf=given.shelf,
        source=given.source,
        attribution=given.attribution,
        until=until,
        territories=territories,
        tags=listed(given.tags),
        language=given.language,
        order=given.order,
        keep=given.keep,
    )
    for fault in sources.podcast_faults(given.id, wanted):
        raise BadContent(f"the podcast was not added: {fault}")
    if given.id in settings.podcasts or given.id in settings.updates:
        raise BadContent(f"the podcast was not added: the settings have a source of the name {given.id!r}")
    try:
        feed = asyncio.run(asked(settings, wanted.url))
    except (OutboundFailed, BadContent) as error:
        hint = "; fetch.allow names the private networks that may be asked" if FORBIDDEN in str(error) else ""
        raise BadContent(f"the podcast was not added: {error}{hint}") from error
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


# --- forget --------------------------------------------------------------------------------------------------------------


def forget(config: Path | None, name: str) -> int:
    settings, library, folder = opened(config)
    if Subscriptions(folder).remove(name):
        print(f"The subscription {name} has ended; a running service takes its episodes off the shelf within seconds.")
        return 0
    heard = served(settings)
    item = shelf_command.forget(name, library=library, overlay=folder / "media", into=folder / "sound", heard=heard)
    title = f" ({item.title})" if item else ""
    if heard:
        print(
            f"{name}{title} is off its shelf. The running service plays it to nobody new within seconds, "
            "and takes its sound off the disk an hour later."
        )
    else:
        print(f"{name}{title} is off its shelf, and its sound off the disk.")
    return 0


def served(settings: Settings) -> bool:
    """Whether a service is running on this data folder; of one that keeps its calls elsewhere nothing is known."""
    if not settings.store.url.startswith("sqlite:"):
        return False
    lock = FileLock(catalogue.database(settings).with_suffix(".lock"))
    try:
        lock.take()
    except InUse:
        return True
    lock.release()
    return False
