"""A shelf whose items are one pure tone each, so that whoever listens knows which item plays: keys 1 to 3, tones as in client.c."""

from __future__ import annotations

import sys
from pathlib import Path

from holdsvc.calls.model import Kind, Licence
from holdsvc.content.index import Entry, write_index
from holdsvc.content.ingest import Progress, ingest
from holdsvc.content.library import Library
from tests.content.signals import file, tone

HERTZ = {Kind.MUSIC: 400, Kind.PODCAST: 700, Kind.DAILY: 1100}  # in the order of their keys
SECONDS = 120.0  # longer than any run, so that no item ends by itself
OWN = Licence("CC0-1.0", "made of numbers for a benchmark")


def fill(folder: Path, seconds: float = SECONDS) -> Path:
    """The media folder, its sound prepared by the service's own ingest."""
    media = folder / "shelf"
    media.mkdir(parents=True)
    entries = []
    for kind, hertz in HERTZ.items():
        name = f"tone-{hertz}"
        (media / f"{name}.flac").write_bytes(file(tone(seconds, hertz, 8000), ".flac", 8000, 8000))
        house = kind is Kind.MUSIC
        entries.append(Entry(name, kind, kind.value, f"{hertz} Hz", f"{name}.flac", OWN, house=house))
    write_index(media, entries)
    library = Library.open(media, [media / "prepared"])
    ingest(library, media / "prepared", progress=tell)
    assert not library.quarantined, library.quarantined
    return media


def tell(progress: Progress) -> None:
    print(
        f"          prepared {progress.id} ({progress.done} of {progress.total}) {progress.reason}".rstrip(),
        file=sys.stderr,
        flush=True,
    )


def sounds(media: Path) -> list[Path]:
    """The same sound for the other servers: mu-law files in the order of their keys."""
    library = Library.open(media, [media / "prepared"])
    listed = []
    for number, hertz in enumerate(HERTZ.values(), 1):
        target = media / f"{number}.ulaw"
        target.write_bytes(bytes(library.sound(next(item.id for item in library.items if item.id == f"tone-{hertz}"))))
        listed.append(target)
    return listed
