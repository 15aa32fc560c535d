"""Podcasts, updates and what speaks them."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping

from holdsvc import catalogue
from holdsvc.commands.checks.codes import Finding, finding
from holdsvc.commands.checks.scene import Scene
from holdsvc.config import Settings
from holdsvc.content import sources
from holdsvc.content.banned import banned
from holdsvc.content.daily import TEXTS, UpdateSettings
from holdsvc.content.feeds import PodcastSettings
from holdsvc.content.fetched import FOLDER, FetchedShelf
from holdsvc.content.subscriptions import Subscriptions
from holdsvc.content.texts import files_at, text_of
from holdsvc.errors import BadContent


def rules(scene: Scene) -> Iterator[Finding]:
    yield from news(scene.settings)
    yield from outside(scene.settings)
    yield from voice(scene.settings)


def news(settings: Settings) -> Iterator[Finding]:
    """The words of updates: of those in files as they stand, of the others as they came last."""
    for name, update in settings.updates.items():
        for where, words in spoken_news(settings, name, update):
            if phrase := banned(words, update.language):
                why = f'updates.{name} says "{phrase}" in {where!r}, which no caller wants to hear'
                yield finding("HS-232", why, "say what is true and useful, or take it out")


def spoken_news(settings: Settings, name: str, update: UpdateSettings) -> Iterator[tuple[str, str]]:
    if not update.path:
        state = FetchedShelf(settings.data_dir / FOLDER).states.get(name)
        yield from ((text.title or text.key, text.words) for text in (state.texts if state else ()))
        return
    with contextlib.suppress(BadContent, OSError):  # another rule says so
        yield from ((file.name, text_of(file).words) for file in files_at(update.path, TEXTS))


def outside(settings: Settings) -> Iterator[Finding]:
    """Podcasts and updates: those that are left out, those that fail, and those that nobody can hear."""
    added: Mapping[str, PodcastSettings] = {}
    try:
        added = Subscriptions(settings.data_dir).read()
    except BadContent as error:
        yield finding("HS-233", f"{error}; those podcasts are not followed", "mend the file, or subscribe anew")
    podcasts = {**added, **settings.podcasts}
    for name, fault in sources.faults(podcasts, settings.updates):
        section = "podcasts" if name in podcasts else "updates"
        yield finding(
            "HS-211", f"{section}.{name} is left out: {fault}", f"correct it in the section [{section}.{name}]"
        )
    for name, state in FetchedShelf(settings.data_dir / FOLDER).states.items():
        if state.fault:
            yield finding("HS-212", f"{name} has failed since it was last heard of: {state.fault}", "see to its source")
        for one in state.refused:
            why = f"{name}: {one.title!r} will not be heard: {one.reason}"
            yield finding("HS-213", why, "it is left out; its publisher may mend it under another id")
    yield from listeners(settings, podcasts)


def listeners(settings: Settings, podcasts: Mapping[str, PodcastSettings]) -> Iterator[Finding]:
    wanted = {name: given.queues for name, given in podcasts.items()}
    wanted |= {name: given.queues for name, given in settings.updates.items()}
    for name, queues in wanted.items():
        if unknown := sorted(set(queues) - {"default", *settings.queues}):
            why = f"{name} is for queues that are not there: {', '.join(unknown)}"
            yield finding("HS-214", why, "correct its queues")
    for name, update in settings.updates.items():
        if update.segment and not settings.directories:
            why = f"updates.{name} is for the segment {update.segment!r}, and no directory tells one: it is heard by nobody"
            yield finding("HS-215", why, "add a [directories.NAME], or take the segment out")


def voice(settings: Settings) -> Iterator[Finding]:
    if catalogue.synthesiser(settings) is None:
        texts = [name for name, update in settings.updates.items() if speaks(update)]
        if texts:
            why = f"there is no synthesiser, so the texts of {', '.join(texts)} are left out"
            yield finding("HS-216", why, "set synthesiser.command, or record them")
    elif shutil.which(program := settings.synthesiser.command[0]) is None:
        why = f"the synthesiser {program!r} is not to be found"
        yield finding("HS-217", why, "install it or correct synthesiser.command")


def speaks(update: UpdateSettings) -> bool:
    if not update.path:
        return True
    try:
        return bool(files_at(update.path, TEXTS))
    except (BadContent, OSError):
        return False
