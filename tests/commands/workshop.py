"""A house that `holdsvc check` finds nothing wrong with, and what to break in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from holdsvc.calls.model import Kind, Licence
from holdsvc.commands.check import Outcome, look
from holdsvc.commands.checks.machine import Machine
from holdsvc.content import sounds
from holdsvc.content.confine import Confinement
from holdsvc.content.index import Entry, write_index

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
FREE = Licence("CC0-1.0", "made for this test")
SOUND = Confinement(filter=True, network=True)
GOOD = Machine(SOUND)
PUBLIC = '[service]\npublic_url = "https://hold.acme-phones.eu"\n'
TOKEN = "q7Zr1mVt0Lx8Kd3Wp5Ns2Hb9"
OTHER = "b52f1c9e07d84a63915ecf20ad7716e8"
SECRETS = {"HOLDSVC_API__TOKEN": TOKEN, "HOLDSVC_PLATFORMS__TWILIO__AUTH_TOKEN": OTHER}


def item(name: str, **values: object) -> Entry:
    given = {"kind": Kind.MUSIC, "shelf": "jazz", "title": name.title(), "file": f"{name}.bin", "licence": FREE}
    return Entry(**{"id": name, **given, **values})


HOUSE = item("house", house=True)


def shelf(media: Path, *entries: Entry, prompts: Mapping[str, Mapping[str, str]] | None = None) -> None:
    """A media folder in which everything is prepared; a prompt whose name has `mute` in it has no recording."""
    media.mkdir(parents=True, exist_ok=True)
    write_index(media, entries or (HOUSE,))
    for entry in entries or (HOUSE,):
        ready(media, media / entry.file)
    for language, said in (prompts or {"en": {"welcome": "Hello."}}).items():
        folder = media / "prompts" / language
        folder.mkdir(parents=True, exist_ok=True)
        lines = (f'[{name}]\ntext = "{text}"\n' for name, text in said.items())
        (folder / "prompts.toml").write_text("".join(lines), "utf-8")
        for name in said:
            if "mute" not in name:
                ready(media, folder / f"{name}.opus")


def ready(media: Path, file: Path) -> None:
    content = str(file.relative_to(media)).encode()
    file.write_bytes(content)
    prepared = sounds.Prepared(b"\x7f" * 16_000, b"", sounds.Measured(2.0, -20.0, -3.0))
    sounds.keep(prepared, media / "prepared", sounds.hash_of(content))


class Still:
    """A clock that stands."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return 0.0


class Seed(Struct, frozen=True):
    """One thing that is wrong, and nothing else."""

    code: str
    toml: str = ""  # {tmp} = the folder of the test
    environ: Mapping[str, str] = field(default_factory=dict)
    machine: Mapping[str, object] = field(default_factory=dict)
    prepare: Callable[[Path], None] = lambda folder: None
    now: datetime = NOW


def looked(folder: Path, seed: Seed) -> Outcome:
    (folder / "data").mkdir(mode=0o700)
    shelf(folder / "media")
    seed.prepare(folder)
    file = folder / "holdsvc.toml"
    if "\0" not in seed.toml:
        file.write_text(seed.toml.replace("{tmp}", str(folder)), "utf-8")
    environ = {"HOLDSVC_SERVICE__DATA_DIR": str(folder / "data"), "HOLDSVC_MEDIA__FOLDER": str(folder / "media")}
    environ |= {name: value.replace("{tmp}", str(folder)) for name, value in seed.environ.items()}
    machine = replace(GOOD, **seed.machine)
    return look(file, environ, measure=lambda data, held: machine, clock=Still(seed.now))
