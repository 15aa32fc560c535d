"""`holdsvc media list|check|add|forget`: the shelves."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from holdsvc import app
from holdsvc.calls.model import Licence
from holdsvc.config import Settings, load
from holdsvc.content import shelf_command
from holdsvc.content.library import Library


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
    library, _ = prepared(config)
    shelf_command.list_items(library, sys.stdout)
    return 0


def check(config: Path | None) -> int:
    library, _ = prepared(config)
    return shelf_command.check(library, sys.stdout)


def add(given: argparse.Namespace) -> int:
    _, library, folder = opened(given.config)
    item = shelf_command.add(
        given.file,
        library=library,
        overlay=folder / "media",
        into=folder / "sound",
        out=sys.stderr,
        id=given.id,
        kind=given.kind,
        shelf=given.shelf,
        title=given.title,
        artist=given.artist,
        language=given.language,
        licence=Licence(given.licence, given.source, given.attribution),
    )
    print(
        f"{item.id} stands on the shelf {item.shelf}: {item.seconds:.0f} s. A running service plays it after its next start."
    )
    return 0


def forget(config: Path | None, name: str) -> int:
    _, library, folder = opened(config)
    shelf_command.forget(name, library=library, overlay=folder / "media", into=folder / "sound")
    print(f"{name} is off its shelf.")
    return 0
