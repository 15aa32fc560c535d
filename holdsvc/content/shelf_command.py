"""What `holdsvc media check|add|forget` does; the words of the command line are read elsewhere, the list is `shelf_list`."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO
from unicodedata import normalize

from msgspec import Struct
from msgspec.structs import replace

from holdsvc.calls.model import ALWAYS, Airing, ContentId, ContentItem, Kind, Licence
from holdsvc.content import sounds
from holdsvc.content.decoder import FORMATS
from holdsvc.content.index import INDEX, LANGUAGE, SLUG, Entry, drop_entry, put_entry, read_index
from holdsvc.content.ingest import Progress, ingest, sweep
from holdsvc.content.library import Library
from holdsvc.content.shelves import QUIET
from holdsvc.content.terms import faults, territory_faults
from holdsvc.errors import BadContent

TARGET, WITHIN = -19.0, 0.5  # LUFS, dB: what prepare.py promises of every item but quiet
_BAR = 30
_TEXT_LENGTH = 200  # characters of a title or name
_ID_LENGTH = 50  # characters of an id that is made of a title
_FILES = "files"  # folder for copies in the operator's media folder, named by hash


class Problem(Struct, frozen=True):
    code: str
    subject: str
    reason: str
    fix: str


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
    for fault in territory_faults(item.licence.territories):
        yield Problem("no-country", item.id, fault, "Correct it: nobody is heard in it.")
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
    mood: str = "",
    tags: tuple[str, ...] = (),
    queues: tuple[str, ...] = (),
    segment: str = "",
    airing: Airing = ALWAYS,
) -> ContentItem:
    """Copy a file into the operator's media folder and prepare it. If it turns out bad, everything is as before.

    `library` was opened with this overlay. Without an id, one is made from the title. The same file may be added again under
    its id, to say other things about it; what is not said again stays: no limit of a licence is lost on the way.
    """
    if not source.is_file():
        raise BadContent(f"{source} is not a file")
    try:
        name = sounds.hash_of_file(source)
    except OSError as error:
        raise BadContent(f"{source} cannot be read: {error.strerror}") from error
    suffix = source.suffix.lower() if source.suffix.lower() in FORMATS else ""
    entry = Entry(
        id=id or _id_for(f"{_kind(kind)}-{title}", name, library, overlay),
        kind=_kind(kind),
        shelf=_told(shelf, "shelf", "a genre for music, a series for podcasts"),
        title=_told(title, "title", "what callers and agents will see"),
        file=f"{_FILES}/{name}{suffix}",
        licence=_licence(licence),
        artist=_short(artist, "artist"),
        language=language,
        order=order,
        mood=mood,
        tags=tags,
        queues=queues,
        segment=_short(segment, "segment"),
        airing=airing,
    )
    before = read_index(overlay)
    _must_fit(entry, before)
    entry = _said_anew(entry, next((other for other in before if other.id == entry.id), None))
    undo = _snapshot(overlay)
    _copy(source, overlay / entry.file)
    put_entry(overlay, entry)
    library.refresh()
    prepare_shown(library, into, out, only=ContentId(entry.id))
    if (reason := library.quarantined.get(entry.id)) is not None:
        undo()
        _drop_unused(overlay, entry.file)
        library.refresh()
        raise BadContent(f"{source.name} was not added: {reason}")
    ready = next((item for item in library.items if item.id == entry.id), None)
    if ready is None:
        raise BadContent(f"{source.name} stands on the shelf, but could not be prepared this time; try again")
    return ready


def _id_for(told: str, sound: str, library: Library, overlay: Path) -> str:
    """The id under which this sound is there already; else one that can be typed, and is nobody's."""
    own = read_index(overlay)
    if (same := next((entry.id for entry in own if Path(entry.file).stem == sound), None)) is not None:
        return same
    letters = normalize("NFKD", told.lower()).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", letters).strip("-")[:_ID_LENGTH]
    taken = {source.id for source in library.sources} | {entry.id for entry in own} | set(library.quarantined)
    return slug if slug and slug not in taken and slug != told.partition("-")[0] else f"{slug}-{sound[:6]}"


def _said_anew(entry: Entry, before: Entry | None) -> Entry:
    """With what was said earlier of this item and is not said now."""
    if before is None:
        return entry
    plain = Entry(entry.id, entry.kind, entry.shelf, entry.title, entry.file, entry.licence)
    unsaid = {
        name: getattr(before, name)
        for name in Entry.__struct_fields__
        if name != "licence" and getattr(entry, name) == getattr(plain, name)
    }
    licence = entry.licence
    limits = {
        name: getattr(before.licence, name)
        for name in ("attribution", "rights", "until", "territories")
        if not getattr(licence, name)
    }
    required = {name: getattr(entry, name) for name in ("kind", "shelf", "title", "file")}
    return replace(entry, **(unsaid | required), licence=replace(licence, **limits))


def _snapshot(overlay: Path) -> Callable[[], None]:
    """How to have the index as it is now, to the byte."""
    file = overlay / INDEX
    before = file.read_bytes() if file.is_file() else None

    def undo() -> None:
        if before is None:
            file.unlink(missing_ok=True)
        else:
            sounds.write(file, before)

    return undo


def forget(id: str, *, library: Library, overlay: Path, into: Path, heard: bool = False) -> ContentItem | None:
    """Take an item of the operator's own off its shelf, and its copy off the disk; what it was, None if it never was ready.

    `heard`: a service is running, and somebody may be listening to it. Then its prepared sound stays until that service takes
    it away; without, it goes at once.
    """
    entry = next((entry for entry in read_index(overlay) if entry.id == id), None)
    if entry is None:
        ships = id == QUIET or id in library.quarantined or any(source.id == id for source in library.sources)
        why = "it ships with the service, and stays" if ships else "`holdsvc media list` shows what there is"
        raise BadContent(f"there is no item {id!r} of your own: {why}")
    item = next((item for item in library.items if item.id == id), None)
    drop_entry(overlay, id)
    _drop_unused(overlay, entry.file)
    library.refresh()
    if not heard:
        sweep(library, into)
    return item


def prepare_shown(library: Library, into: Path, out: TextIO, only: ContentId | None = None) -> None:
    """Prepare what is pending, with a bar on a terminal and a line for each item elsewhere."""
    ingest(library, into, progress=_bar(out, only is None), only=lambda source: only is None or source.id == only)


def _bar(out: TextIO, reasons: bool) -> Callable[[Progress], None]:
    """`reasons`: nobody else says why something is bad."""

    def show(progress: Progress) -> None:
        reason = f": {progress.reason}" if progress.reason and reasons else ""
        told = f"{progress.done}/{progress.total} {progress.id}{reason}"
        if not out.isatty():
            out.write(told + "\n")
        else:
            full = _BAR * progress.done // progress.total
            end = "\n" if progress.reason or progress.done == progress.total else ""
            out.write(f"\r\x1b[K[{'#' * full}{'.' * (_BAR - full)}] {told}{end}")
        out.flush()

    return show


def _must_fit(entry: Entry, before: tuple[Entry, ...]) -> None:
    for fault in faults(entry):
        raise BadContent(f"it was not added: {fault}")
    if not SLUG.fullmatch(entry.id):
        raise BadContent(f"the id {entry.id!r} must be made of a-z, 0-9, dot, dash and underscore")
    if not LANGUAGE.fullmatch(entry.language):
        raise BadContent(f"the language {entry.language!r} is not a tag such as en, de-CH, or zxx for no words")
    if any(other.id == entry.id and other.file != entry.file for other in before):
        raise BadContent(f"the id {entry.id!r} is taken by another file; forget that first or choose another id")


def _kind(kind: str) -> Kind:
    if not kind:
        raise BadContent("a kind is needed: music, podcast or daily")
    try:
        return Kind(kind)
    except ValueError:
        raise BadContent(f"the kind {kind!r} is none of {', '.join(Kind)}") from None


def _licence(licence: Licence) -> Licence:
    return replace(
        licence,
        name=_told(licence.name, "licence", "an SPDX identifier such as CC0-1.0, or the name of your agreement"),
        source=_told(licence.source, "source", "where the file came from, for whoever checks"),
        attribution=_short(licence.attribution, "attribution"),
        rights=_short(licence.rights, "rights"),
        territories=tuple(territory.upper() for territory in licence.territories),
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


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.part")
    shutil.copyfile(source, draft)
    draft.replace(target)


def _drop_unused(overlay: Path, file: str) -> None:
    """Only copies of ours are removed, and only when no other item is made of them."""
    if Path(file).parent == Path(_FILES) and all(entry.file != file for entry in read_index(overlay)):
        (overlay / file).unlink(missing_ok=True)
