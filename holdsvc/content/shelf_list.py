"""What `holdsvc media list` shows: each item with waveform, length, loudness, licence and plays, and whether it may be played."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date
from itertools import groupby, pairwise
from typing import TextIO
from unicodedata import combining, east_asian_width

from msgspec import Struct, to_builtins

from holdsvc.calls.model import ContentId, ContentItem, Licence
from holdsvc.calls.rights import licensed
from holdsvc.content import sounds
from holdsvc.content.library import Library
from holdsvc.content.shelves import QUIET, in_place

MOST_COLUMNS, LEAST_COLUMNS = 48, 8  # of a waveform
_BLOCKS, _PLAIN = "▁▂▃▄▅▆▇█", "_.-:=+*#"
_LENGTH, _LOUDNESS = 6, 5  # characters of a column


class Place(Struct, frozen=True):
    """When and where the shelves are looked at."""

    today: date
    territories: Collection[str]  # in which there is a queue; "" for one that says nothing


class Shown(Struct, frozen=True):
    """An item as the list tells it."""

    item: ContentItem  # of 0 seconds, as long as it waits to be prepared
    loudness: float | None  # LUFS
    peaks: bytes
    plays: int | None  # None: there is no log yet
    expired: bool
    here: bool  # some queue is where it may be played


def shown(library: Library, place: Place, plays: Mapping[ContentId, int] | None = None) -> list[Shown]:
    """Ready or not, in their order."""
    ready = {source.id: source.sound for source in library.sources} | {QUIET: sounds.QUIET_SOUND}
    return [
        _shown(item, ready[item.id], library, place, plays) for item in in_place((*library.items, *library.waiting))
    ]


def _shown(
    item: ContentItem, sound: str, library: Library, place: Place, plays: Mapping[ContentId, int] | None
) -> Shown:
    measured, licence = sounds.measured_of(sound, library.folders), item.licence
    everywhere = Licence(licence.name, licence.source, until=licence.until)
    return Shown(
        item,
        measured.loudness if measured else None,
        sounds.peaks_of(sound, library.folders),
        None if plays is None else plays.get(item.id, 0),
        expired=not licensed(everywhere, place.today, ""),
        here=any(not licence.territories or territory in licence.territories for territory in place.territories),
    )


def as_text(found: Iterable[Shown], library: Library, place: Place, out: TextIO, width: int = 100) -> None:
    """By shelves, a line of figures and a line of words for each item; what may not be played says so in a third."""
    found = list(found)
    can_say = _sayable(out.encoding or "utf-8")
    marks = _BLOCKS if can_say(_BLOCKS) == _BLOCKS else _PLAIN

    def tell(line: str) -> None:
        out.write(can_say(line.rstrip()) + "\n")

    wide = max((len(one.item.id) for one in found), default=2)
    columns = min(MOST_COLUMNS, max(LEAST_COLUMNS, width - wide - _LENGTH - 2 * _LOUDNESS - 10))
    head = f"{'id':{wide}}  {'length':>{_LENGTH}}  {'LUFS':>{_LOUDNESS}}  {'plays':>{_LOUDNESS}}  waveform"
    tell(f"  {head}")
    for (kind, shelf), some in groupby(found, lambda one: (one.item.kind.value, one.item.shelf)):
        tell(kind if shelf == kind else f"{kind} {_printable(shelf)}")
        for one in some:
            tell(f"  {_figures(one, wide, marks, columns)}")
            for line in (*wrapped(_words(one), width - 4), *rights(one, place)):
                tell(f"    {line}")
    if library.waiting:
        tell(f"{len(library.waiting)} wait to be prepared: `holdsvc serve` does it, or `holdsvc media check`")
    if library.quarantined:
        tell("cannot be heard")
    for id, reason in library.quarantined.items():
        tell(f"  {id}: {reason}")
    for language, prompts in library.prompts.items():
        ready = sum(prompt.seconds > 0 for prompt in prompts.values())
        tell(f"prompts in {language}: {ready} of {len(prompts)} ready")


def as_tree(found: Iterable[Shown], library: Library) -> dict[str, object]:
    """The same for programs."""
    return {
        "items": [
            {
                **to_builtins(one.item),
                "loudness": one.loudness,
                "plays": one.plays,
                "expired": one.expired,
                "here": one.here,
                "ready": one.item.seconds > 0,
                "playable": one.item.seconds > 0 and one.here and not one.expired,
            }
            for one in found
        ],
        "bad": [{"id": id, "reason": reason} for id, reason in library.quarantined.items()],
        "prompts": {
            language: {"ready": sum(prompt.seconds > 0 for prompt in prompts.values()), "all": len(prompts)}
            for language, prompts in library.prompts.items()
        },
    }


def rights(one: Shown, place: Place) -> Iterator[str]:
    """Nothing of what may be played always and everywhere."""
    licence = one.item.licence
    if licence.until is not None:
        yield f"{'expired: its licence ended on' if one.expired else 'until'} {licence.until:%Y-%m-%d}"
    if licence.territories:
        lands, ours = ", ".join(licence.territories), ", ".join(sorted(filter(None, place.territories)))
        yield (
            f"in {lands}" if one.here else f"not here: in {lands} alone, and our queues are in {ours or 'no territory'}"
        )


def sparkline(peaks: bytes, marks: str = _BLOCKS, columns: int = 24) -> str:
    """The waveform in one line; its loudest place is full height. The mean of each stretch: its peaks are all alike."""
    if not peaks:
        return ""
    bounds = [len(peaks) * column // columns for column in range(columns + 1)]
    stretches = [peaks[first : max(last, first + 1)] for first, last in pairwise(bounds)]
    heights = [sum(stretch) / len(stretch) for stretch in stretches]
    top = max(*heights, 1.0)
    return "".join(marks[int(height * (len(marks) - 1) / top)] for height in heights)


def wrapped(parts: Iterable[str], width: int) -> Iterator[str]:
    """Parted by dots, as many to a line as there is room for."""
    line = ""
    for part in filter(None, parts):
        longer = f"{line} · {part}" if line else part
        if line and _width(longer) > width:
            yield line
            longer = part
        line = longer
    if line:
        yield line


def _figures(one: Shown, wide: int, marks: str, columns: int) -> str:
    item = one.item
    length = f"{int(item.seconds) // 60}:{int(item.seconds) % 60:02}" if item.seconds else "waits"
    loudness = "" if one.loudness is None else f"{one.loudness:.1f}"
    plays = "" if one.plays is None else str(one.plays)
    figures = f"{item.id:{wide}}  {length:>{_LENGTH}}  {loudness:>{_LOUDNESS}}  {plays:>{_LOUDNESS}}"
    return f"{figures}  {sparkline(one.peaks, marks, columns)}"


def _words(one: Shown) -> Iterator[str]:
    item = one.item
    yield from map(_printable, (item.title, item.artist))
    yield "" if item.language == "zxx" else item.language
    yield _printable(item.licence.name)
    yield _printable(item.mood)
    yield " ".join(map(_printable, item.tags))
    yield f"for {', '.join(item.queues)}" if item.queues else ""
    yield f"for callers of {item.segment}" if item.segment else ""


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())


def _width(text: str) -> int:
    """On a terminal, where Chinese takes two places."""
    return sum(0 if combining(letter) else 1 + (east_asian_width(letter) in "WF") for letter in text)


def _sayable(encoding: str) -> Callable[[str], str]:
    """What a screen shows of a line: a Chinese title is no reason to fall over on one that knows no Chinese."""

    def can_say(line: str) -> str:
        try:
            line.encode(encoding)
        except UnicodeEncodeError:
            return line.replace("·", "-").encode(encoding, "replace").decode(encoding)
        return line

    return can_say
