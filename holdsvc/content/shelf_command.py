"""What `holdsvc media list|check|add|forget` does; the words of the command line are read elsewhere."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import TextIO

from msgspec import Struct

from holdsvc.calls.model import ContentId, ContentItem, Kind, Licence
from holdsvc.content import sounds
from holdsvc.content.decoder import FORMATS
from holdsvc.content.index import LANGUAGE, SLUG, Entry, read_index, write_index
from holdsvc.content.ingest import Progress, ingest, sweep
from holdsvc.content.library import Library
from holdsvc.content.shelves import QUIET
from holdsvc.errors import BadContent

TARGET, WITHIN = -19.0, 0.5  # LUFS, dB: what prepare.py promises of every item but quiet
_COLUMNS = 24  # of a waveform
_BAR = 30
_TEXT_LENGTH = 200  # characters of a title or name
_BLOCKS, _PLAIN = "▁▂▃▄▅▆▇█", "_.-:=+*#"
_FILES = "files"  # folder for copies in the operator's media folder, named by hash


class Problem(Struct, frozen=True):
    code: str
    subject: str
    reason: str
    fix: str


def list_items(library: Library, out: TextIO, plays: Mapping[ContentId, int] | None = None) -> None:
    """A line for every item: how it looks, how long and loud it is, under which licence and in how many calls it was heard.

    `plays` is None where there is no log yet.
    """
    marks = _marks(out)
    rows = [_row(item, library, marks, plays) for item in library.items]
    waiting = [source.id for source in library.pending() if ":" not in source.id]
    rows += [(id, "", "", "", "", "", "", "waits to be prepared", "") for id in waiting]
    rows += [(id, "", "", "", "", "", "", f"bad: {reason}", "") for id, reason in library.quarantined.items()]
    head = ("id", "kind", "shelf", "length", "LUFS", "licence", "plays", "title", "")
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        out.write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n")
    for language, prompts in library.prompts.items():
        ready = sum(prompt.seconds > 0 for prompt in prompts.values())
        out.write(f"prompts in {language}: {ready} of {len(prompts)} ready\n")


def _row(item: ContentItem, library: Library, marks: str, plays: Mapping[ContentId, int] | None) -> tuple[str, ...]:
    sound = library.hash_of(item.id)
    measured = sounds.measured_of(sound, library.folders)
    return (
        item.id,
        item.kind.value,
        item.shelf,
        f"{int(item.seconds) // 60}:{int(item.seconds) % 60:02}",
        f"{measured.loudness:.1f}" if measured else "",
        item.licence.name,
        "" if plays is None else str(plays.get(item.id, 0)),
        _printable(item.title),
        sparkline(sounds.peaks_of(sound, library.folders), marks),
    )


def sparkline(peaks: bytes, marks: str = _BLOCKS, columns: int = _COLUMNS) -> str:
    """The waveform in one line; its loudest place is full height."""
    if not peaks:
        return ""
    bounds = [len(peaks) * column // columns for column in range(columns + 1)]
    highest = [max(peaks[first : max(last, first + 1)]) for first, last in pairwise(bounds)]
    top = max(*highest, 1)
    return "".join(marks[height * (len(marks) - 1) // top] for height in highest)


def check(library: Library, out: TextIO) -> int:
    """How many problems there are; each is written with what to do."""
    found = tuple(problems(library))
    for problem in found:
        out.write(f"{problem.code}  {problem.subject}: {problem.reason}. {problem.fix}\n")
    waiting = len(library.pending())
    out.write(f"{len(library.items)} items ready, {waiting} to be prepared, {len(found)} problems\n")
    return len(found)


def problems(library: Library) -> Iterator[Problem]:
    for id, reason in library.quarantined.items():
        yield Problem("bad-content", id, reason, "Replace the file, or take the item out of its index.")
    if library.marked is None:
        yield Problem("no-house-track", "index.toml", "no music item is marked house = true", "Mark one.")
    for item in library.items:
        yield from _problems_of(item, sounds.measured_of(library.hash_of(item.id), library.folders))
    if not library.prompts:
        yield Problem("no-prompts", "prompts", "no language has any prompt", "Add prompts/<language>/prompts.toml.")


def _problems_of(item: ContentItem, measured: sounds.Measured | None) -> Iterator[Problem]:
    if not item.licence.name.strip():
        yield Problem("no-licence", item.id, "the licence has no name", "Write its SPDX identifier.")
    if item.licence.name.startswith("CC-BY") and not item.licence.attribution.strip():
        yield Problem("no-attribution", item.id, f"{item.licence.name} asks for an attribution", "Write whom to name.")
    if item.id != QUIET and measured is not None and abs(measured.loudness - TARGET) > WITHIN:
        reason = f"its prepared sound has {measured.loudness:.1f} LUFS instead of {TARGET:g}"
        yield Problem("off-level", item.id, reason, "Prepare it again: delete the file named by its hash.")


def add(
    source: Path,
    *,
    library: Library,
    overlay: Path,
    into: Path,
    out: TextIO,
    kind: str,
    shelf: str,
    title: str,
    licence: Licence,
    artist: str = "",
    language: str = "zxx",
    order: int = 0,
    id: str = "",
) -> ContentItem:
    """Copy a file into the operator's media folder and prepare it. If it turns out bad, everything is as before.

    `library` was opened with this overlay. Without an id, one is made from the sound. The same file may be added
    again under its id, to say other things about it.
    """
    if not source.is_file():
        raise BadContent(f"{source} is not a file")
    name = sounds.hash_of_file(source)
    suffix = source.suffix.lower() if source.suffix.lower() in FORMATS else ""
    entry = Entry(
        id=id or f"{kind}-{name[:12]}",
        kind=_kind(kind),
        shelf=_told(shelf, "shelf", "a genre for music, a series for podcasts"),
        title=_told(title, "title", "what callers and agents will see"),
        file=f"{_FILES}/{name}{suffix}",
        licence=_licence(licence),
        artist=_short(artist, "artist"),
        language=language,
        order=order,
    )
    before = read_index(overlay)
    _must_fit(entry, before)
    _copy(source, overlay / entry.file)
    write_index(overlay, [*(other for other in before if other.id != entry.id), entry])
    library.refresh()
    prepare_shown(library, into, out, only=ContentId(entry.id))
    if (reason := library.quarantined.get(entry.id)) is not None:
        write_index(overlay, before)
        _drop_unused(overlay, entry.file)
        library.refresh()
        raise BadContent(f"{source.name} was not added: {reason}")
    ready = next((item for item in library.items if item.id == entry.id), None)
    if ready is None:
        raise BadContent(f"{source.name} stands on the shelf, but could not be prepared this time; try again")
    return ready


def forget(id: str, *, library: Library, overlay: Path, into: Path) -> None:
    """Take an item of the operator's own off its shelf, and its copy and its prepared sound off the disk."""
    before = read_index(overlay)
    gone = [entry for entry in before if entry.id == id]
    if not gone:
        raise BadContent(f"there is no item {id!r} of your own; what ships with the service stays")
    write_index(overlay, [entry for entry in before if entry.id != id])
    _drop_unused(overlay, gone[0].file)
    library.refresh()
    sweep(library, into)


def prepare_shown(library: Library, into: Path, out: TextIO, only: ContentId | None = None) -> None:
    """Prepare what is pending, with a bar on a terminal and a line for each item elsewhere."""
    ingest(library, into, progress=_bar(out), only=lambda source: only is None or source.id == only)


def _bar(out: TextIO) -> Callable[[Progress], None]:
    def show(progress: Progress) -> None:
        told = f"{progress.done}/{progress.total} {progress.id}" + (f": {progress.reason}" if progress.reason else "")
        if not out.isatty():
            out.write(told + "\n")
        else:
            full = _BAR * progress.done // progress.total
            end = "\n" if progress.reason or progress.done == progress.total else ""
            out.write(f"\r\x1b[K[{'#' * full}{'.' * (_BAR - full)}] {told}{end}")
        out.flush()

    return show


def _must_fit(entry: Entry, before: tuple[Entry, ...]) -> None:
    if not SLUG.fullmatch(entry.id):
        raise BadContent(f"the id {entry.id!r} must be made of a-z, 0-9, dot, dash and underscore")
    if not LANGUAGE.fullmatch(entry.language):
        raise BadContent(f"the language {entry.language!r} is not a tag such as en, de-CH, or zxx for no words")
    if any(other.id == entry.id and other.file != entry.file for other in before):
        raise BadContent(f"the id {entry.id!r} is taken by another file; forget that first or choose another id")


def _kind(kind: str) -> Kind:
    try:
        return Kind(kind)
    except ValueError:
        raise BadContent(f"the kind {kind!r} is none of {', '.join(Kind)}") from None


def _licence(licence: Licence) -> Licence:
    return Licence(
        _told(licence.name, "licence", "an SPDX identifier such as CC0-1.0, or the name of your agreement"),
        _told(licence.source, "source", "where the file came from, for whoever checks"),
        _short(licence.attribution, "attribution"),
    )


def _told(text: str, name: str, what: str) -> str:
    if not text.strip():
        raise BadContent(f"a {name} is needed: {what}")
    return _short(text, name)


def _short(text: str, name: str) -> str:
    if len(text) > _TEXT_LENGTH or text != _printable(text):
        raise BadContent(f"the {name} must be one line of at most {_TEXT_LENGTH} characters")
    return text.strip()


def _printable(text: str) -> str:
    return re.sub(r"[^\S ]|[\x00-\x1f\x7f-\x9f]", "", text)


def _marks(out: TextIO) -> str:
    try:
        _BLOCKS.encode(out.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return _PLAIN
    return _BLOCKS


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.part")
    shutil.copyfile(source, draft)
    draft.replace(target)


def _drop_unused(overlay: Path, file: str) -> None:
    """Only copies of ours are removed, and only when no other item is made of them."""
    if Path(file).parent == Path(_FILES) and all(entry.file != file for entry in read_index(overlay)):
        (overlay / file).unlink(missing_ok=True)
