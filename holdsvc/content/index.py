"""What stands in a media folder's index: the items of the shelves, and the prompts. Reading and writing it."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from holdsvc.calls.model import Airing, Chapter, ContentId, ContentItem, Identity, Kind, Licence, PromptId
from holdsvc.content.sounds import write
from holdsvc.errors import BadContent

INDEX = "index.toml"
PROMPTS = "prompts"
SLUG = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
LANGUAGE = re.compile(r"[A-Za-z0-9-]{2,35}")
_SECTION = re.compile(r"^(?=\[\[item\]\])", re.MULTILINE)
_T = TypeVar("_T")


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    id: str
    kind: Kind
    shelf: str
    title: str
    file: str  # below the folder of the index
    licence: Licence
    artist: str = ""
    language: str = "zxx"
    order: int = 0
    house: bool = False
    expires: datetime | None = None
    segment: str = ""
    identity: Identity = Identity.NUMBER
    queues: tuple[str, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    mood: str = ""
    tags: tuple[str, ...] = ()
    airing: Airing = Airing()

    def item(self, seconds: float) -> ContentItem:
        return ContentItem(
            id=ContentId(self.id),
            kind=self.kind,
            shelf=self.shelf,
            title=self.title,
            seconds=seconds,
            artist=self.artist,
            language=self.language,
            order=self.order,
            licence=in_capitals(self.licence),
            expires=self.expires,
            segment=self.segment,
            identity=self.identity,
            queues=self.queues,
            chapters=tuple(one for one in self.chapters if one.begins < seconds),
            mood=self.mood,
            tags=self.tags,
            airing=self.airing,
        )


def in_capitals(licence: Licence) -> Licence:
    """A territory counts however it is written."""
    if not licence.territories:
        return licence
    return replace(licence, territories=tuple(territory.upper() for territory in licence.territories))


class _Index(msgspec.Struct, frozen=True):
    item: tuple[Entry, ...] = ()


class _Own(msgspec.Struct, frozen=True):
    item: tuple[dict[str, object], ...] = ()


class _Wording(msgspec.Struct, frozen=True):
    text: str


def read_index(folder: Path) -> tuple[Entry, ...]:
    """The entries as they stand; none if there is no index. BadContent names the first thing that is wrong."""
    file = folder / INDEX
    if not file.is_file():
        return ()
    entries = _read(file, _Index).item
    seen: set[str] = set()
    for entry in entries:
        if not SLUG.fullmatch(entry.id):
            raise BadContent(f"{file}: the id {entry.id!r} is not made of a-z, 0-9, dot, dash and underscore")
        if entry.id in seen:
            raise BadContent(f"{file}: the id {entry.id!r} stands there twice")
        seen.add(entry.id)
    houses = [entry for entry in entries if entry.house]
    if len(houses) > 1 or any(entry.kind is not Kind.MUSIC for entry in houses):
        raise BadContent(f"{file}: exactly one item, of kind music, may be the house track")
    return entries


def read_own(folder: Path) -> tuple[tuple[Entry, ...], Mapping[str, str]]:
    """As `read_index`, where people write by hand: what is wrong is left out, and told by its id, so that the rest is heard."""
    file = folder / INDEX
    try:
        items = _read(file, _Own).item if file.is_file() else ()
    except BadContent as error:
        return (), {INDEX: str(error)}
    good: dict[str, Entry] = {}
    faults: dict[str, str] = {}
    for number, item in enumerate(items, 1):
        id = item.get("id")
        name = id if isinstance(id, str) else f"item {number}"
        try:
            entry = msgspec.convert(item, Entry)
        except msgspec.ValidationError as error:
            why = "it names no licence" if "licence" not in item else str(error)
            faults[name] = f"{file}: {why}"
            continue
        house = any(one.house for one in good.values())
        if not SLUG.fullmatch(entry.id):
            faults[name] = f"{file}: the id {entry.id!r} is not made of a-z, 0-9, dot, dash and underscore"
        elif entry.id in good:
            faults[name] = f"{file}: the id {entry.id!r} stands there twice; the first one counts"
        elif entry.house and (house or entry.kind is not Kind.MUSIC):
            faults[name] = f"{file}: exactly one item, of kind music, may be the house track"
        else:
            good[entry.id] = entry
    return tuple(good.values()), faults


def read_prompts(folder: Path) -> Mapping[str, Mapping[PromptId, str]]:
    """By language, what each prompt says."""
    found = {}
    for file in sorted((folder / PROMPTS).glob("*/prompts.toml")):
        language = file.parent.name
        wordings = _read(file, dict[str, _Wording])
        if not LANGUAGE.fullmatch(language) or not all(map(SLUG.fullmatch, wordings)):
            raise BadContent(f"{file}: a prompt's name is made of a-z, 0-9, dot, dash and underscore")
        found[language] = {PromptId(name): wording.text for name, wording in wordings.items()}
    return found


def _read(file: Path, shape: type[_T]) -> _T:
    try:
        return msgspec.convert(tomllib.loads(file.read_text("utf-8")), shape)
    except tomllib.TOMLDecodeError as error:
        raise BadContent(f"{file}: {error}") from error
    except UnicodeDecodeError as error:
        raise BadContent(f"{file} is not UTF-8 text") from error
    except msgspec.ValidationError as error:
        raise BadContent(f"{file}: {error}") from error


def write_index(folder: Path, entries: Iterable[Entry]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / INDEX, "\n".join(map(_written, entries)).encode())


def put_entry(folder: Path, entry: Entry) -> None:
    """Add an entry, or let it take the place of the one with its id. What somebody else wrote in the index stays as it is."""
    others = [other for other in read_index(folder) if other.id != entry.id]
    _rewrite(folder, entry.id, [*others, entry], _written(entry))


def drop_entry(folder: Path, id: str) -> None:
    _rewrite(folder, id, [other for other in read_index(folder) if other.id != id], "")


def _rewrite(folder: Path, id: str, wanted: list[Entry], more: str) -> None:
    """Only the section of this id is touched. Where that cannot be done to a text written by hand, all of it is written anew."""
    file = folder / INDEX
    before = file.read_text("utf-8") if file.is_file() else ""
    kept = "".join(section for section in _SECTION.split(before) if _id_of(section) != id).strip("\n")
    text = "\n\n".join(part for part in (kept, more.rstrip("\n")) if part) + "\n"
    if _items_in(text) != tuple(wanted):
        write_index(folder, wanted)
        return
    folder.mkdir(parents=True, exist_ok=True)
    write(file, text.encode())


def _items_in(text: str) -> tuple[Entry, ...] | None:
    try:
        return msgspec.convert(tomllib.loads(text), _Index).item
    except (tomllib.TOMLDecodeError, msgspec.ValidationError):
        return None


def _id_of(section: str) -> str | None:
    try:
        items = tomllib.loads(section).get("item", [])
    except tomllib.TOMLDecodeError:
        return None
    return items[0].get("id") if len(items) == 1 else None


def _written(entry: Entry) -> str:
    fields = msgspec.to_builtins(entry)
    licence = fields.pop("licence")
    lines = ["[[item]]", *(f"{name} = {_quoted(value)}" for name, value in fields.items())]
    lines += ["[item.licence]", *(f"{name} = {_quoted(value)}" for name, value in licence.items() if value is not None)]
    return "\n".join(lines) + "\n"


def _quoted(value: object) -> str:
    """A JSON string is a TOML string, but for the one control character that JSON leaves alone."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name} = {_quoted(one)}" for name, one in value.items() if one is not None) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_quoted, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
