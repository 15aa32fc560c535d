"""A small media folder for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from holdsvc.calls.model import Kind, Licence
from holdsvc.content.index import Entry, write_index
from tests.content.signals import file, speech, tone

FREE = Licence("CC0-1.0", "made for this test")


def entry(id: str, kind: Kind = Kind.MUSIC, house: bool = False, where: str = "", order: int = 0) -> Entry:
    return Entry(
        id=id,
        kind=kind,
        shelf="jazz",
        title=id.title(),
        file=where or f"{id}.wav",
        licence=FREE,
        house=house,
        order=order,
    )


def fill(media: Path, *entries: Entry, prompts: Mapping[str, str] | None = None) -> Path:
    """An index with these entries; a sound for each whose file is not there yet, but for names with `missing`."""
    write_index(media, entries)
    for number, each in enumerate(entries):
        target = media / each.file
        if "missing" not in each.file and target.parent.is_dir() and not target.exists():
            target.write_bytes(file(tone(3.5, 300 + 40 * number), ".wav"))
    if prompts:
        folder = media / "prompts" / "en"
        folder.mkdir(parents=True, exist_ok=True)
        folder.joinpath("prompts.toml").write_text(
            "\n".join(f'[{name}]\ntext = "{text}"' for name, text in prompts.items()), "utf-8"
        )
        for seed, name in enumerate(prompts):
            if "missing" not in name:
                folder.joinpath(f"{name}.opus").write_bytes(file(speech(1.0, seed), ".opus"))
    return media
