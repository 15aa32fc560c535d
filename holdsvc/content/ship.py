"""`python -m holdsvc.content.ship [--all] MEDIA`: prepare what comes with the service, so that an empty data folder can sound.

Prompts, the house track and quiet go to MEDIA/prepared with one manifest; what no index asks for any more is removed.
With --all everything on the shelf does, as in the container's image: then no service that starts has any of it to prepare.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from holdsvc.content import sounds
from holdsvc.content.ingest import Progress, ingest
from holdsvc.content.library import Library
from holdsvc.content.prepare import finished
from holdsvc.content.quiet import quiet
from holdsvc.errors import BadContent

PREPARED = "prepared"


def ship(media: Path, *, everything: bool = False) -> dict[str, sounds.Measured]:
    """What the manifest says in the end."""
    into = media / PREPARED
    library = Library.open(media, [into])
    into.mkdir(exist_ok=True)
    ingest(library, into, progress=_show, only=lambda source: everything or source.ships)
    wanted = {source.sound for source in library.sources if everything or source.ships} | {sounds.QUIET_SOUND}
    if bad := {id: reason for id, reason in library.quarantined.items() if ":" in id or id == library.marked}:
        raise BadContent("; ".join(f"{id}: {reason}" for id, reason in bad.items()))
    sounds.keep(finished(quiet()), into, sounds.QUIET_SOUND)
    manifest = {sound: measured for sound in sorted(wanted) if (measured := sounds.measured_of(sound, (into,)))}
    sounds.write(into / sounds.MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
    for file in into.iterdir():
        if file.name != sounds.MANIFEST and (file.suffix not in (".ulaw", ".peaks") or file.stem not in wanted):
            file.unlink()
    return manifest


def _show(progress: Progress) -> None:
    print(f"{progress.done}/{progress.total} {progress.id} {progress.reason}".rstrip(), file=sys.stderr)


def main(arguments: list[str]) -> int:
    everything = "--all" in arguments
    folders = [one for one in arguments if one != "--all"]
    if len(folders) != 1:
        print("usage: python -m holdsvc.content.ship [--all] MEDIA", file=sys.stderr)
        return 2
    try:
        manifest = ship(Path(folders[0]), everything=everything)
    except BadContent as error:
        print(error, file=sys.stderr)
        return 1
    levels = [measured.loudness for measured in manifest.values()]
    print(f"{len(manifest)} sounds, {min(levels)} to {max(levels)} dB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
