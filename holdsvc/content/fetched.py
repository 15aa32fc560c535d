"""What was brought in from outside and how far we are with each source: on disk, so that a restart fetches nothing again.

A media folder like the operator's own, but written by the service alone: `state.json` is the truth, the index is made from it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from holdsvc.content.index import Entry, read_index, write_index
from holdsvc.content.sounds import RECIPE, write
from holdsvc.errors import BadContent

FOLDER = "fetched"  # in the data folder
FILES = "files"
STATE = "state.json"
LINGER = timedelta(hours=1)  # for which sound stays on disk after its item has gone: somebody may be listening to it

log = logging.getLogger(__name__)


class Kept(Struct, frozen=True, omit_defaults=True):
    """An item that came from outside."""

    key: str  # what its source knows it by
    entry: Entry
    at: datetime  # published, or first seen
    sound: str = ""  # hash of what is made of its file, "" until that was looked at
    size: int = 0  # bytes of the file when it was looked at
    changed: int = 0  # its time of change in nanoseconds, the same


class Refused(Struct, frozen=True):
    """What a source offers and no caller will hear; it is not tried again."""

    key: str
    title: str
    reason: str


class Text(Struct, frozen=True, omit_defaults=True):
    """Words that are spoken to callers, until they expire."""

    key: str
    words: str
    at: datetime  # when it was said
    title: str = ""


class State(Struct, frozen=True, omit_defaults=True):
    """How far we are with one source."""

    address: str = ""  # a digest of where it is: another address is another source
    tag: str = ""
    modified: str = ""
    looked: datetime | None = None  # last time that it answered well
    next_at: datetime | None = None
    failures: int = 0  # in a row
    unreached: int = 0  # and before them, so often it could not be asked
    fault: str = ""  # why the last look failed, "" if it did not
    kept: tuple[Kept, ...] = ()
    refused: tuple[Refused, ...] = ()
    texts: tuple[Text, ...] = ()

    def has(self, key: str) -> bool:
        return any(one.key == key for one in self.kept) or any(one.key == key for one in self.refused)


class Leaving(Struct, frozen=True):
    sound: str
    at: datetime


class _Shelf(Struct, frozen=True):
    recipe: str
    sources: dict[str, State]
    leaving: tuple[Leaving, ...] = ()


class FetchedShelf:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.states: dict[str, State] = {}
        self.leaving: tuple[Leaving, ...] = ()
        self._recipe = RECIPE
        self._one_at_a_time = threading.Lock()
        self._read()

    def mend(self) -> None:
        """An index that cannot be read is made anew: what comes from outside keeps no service from starting."""
        try:
            read_index(self.folder)
        except BadContent as error:
            log.warning("fetched_index_unreadable", extra={"reason": str(error), "heard": "all the same"})
            self.save()

    @property
    def files(self) -> Path:
        return self.folder / FILES

    def hashes(self) -> Mapping[tuple[Path, int, int], str]:
        """Of files as they were, so that a start need not read them all."""
        if self._recipe != RECIPE:
            return {}
        kept = [one for state in self.states.values() for one in state.kept if one.sound]
        return {(self.folder.resolve() / one.entry.file, one.size, one.changed): one.sound for one in kept}

    def save(self) -> None:
        """Slow: it waits for the disk. From one thread at a time: a save that nobody waits for any more may still be going on."""
        with self._one_at_a_time:
            states = dict(self.states)
            self.folder.mkdir(parents=True, exist_ok=True)
            write(self.folder / STATE, msgspec.json.encode(_Shelf(RECIPE, states, self.leaving)))
            write_index(self.folder, [one.entry for name in sorted(states) for one in states[name].kept])

    def tidy(self) -> None:
        """Delete files that no item is made of, drafts among them. Not while something is being fetched."""
        wanted = {Path(one.entry.file).name for state in self.states.values() for one in state.kept}
        if self.files.is_dir():
            for file in self.files.iterdir():
                if file.name not in wanted:
                    file.unlink(missing_ok=True)

    def only(self, names: Iterable[str], now: datetime) -> None:
        """Forget the sources that are no longer wanted, and let their items go."""
        wanted = set(names)
        for name in [name for name in self.states if name not in wanted]:
            self.put(name, State(), now)
            del self.states[name]

    def put(self, name: str, state: State, now: datetime) -> None:
        """The new state of a source; sound of items that are no longer among them will go after a while."""
        before = self.states.get(name, State())
        staying = {one.sound for one in state.kept}
        self.leaving = tuple(one for one in self.leaving if one.sound not in staying)
        self.leave({one.sound for one in before.kept if one.sound} - staying, now)
        self.states[name] = state

    def leave(self, sounds: Iterable[str], now: datetime) -> None:
        """Nothing is made of these any more, and somebody may be listening to them."""
        self.leaving = (*self.leaving, *(Leaving(sound, now) for sound in sorted(sounds)))

    def parted(self, now: datetime) -> frozenset[str]:
        """Sounds that nobody can be listening to any more."""
        over = frozenset(one.sound for one in self.leaving if now - one.at >= LINGER)
        self.leaving = tuple(one for one in self.leaving if one.sound not in over)
        return over

    def _read(self) -> None:
        file = self.folder / STATE
        try:
            shelf = msgspec.json.decode(file.read_bytes(), type=_Shelf)
        except FileNotFoundError:
            return
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("fetched_state_unreadable", extra={"reason": str(error), "heard": "what is fetched anew"})
            return
        self.states, self.leaving, self._recipe = dict(shelf.sources), shelf.leaving, shelf.recipe


def address_of(*where: str) -> str:
    return sha256("\x00".join(where).encode(errors="surrogatepass")).hexdigest()[:16]


def item_id(source: str, key: str) -> str:
    return f"{source}-{sha256(key.encode(errors='surrogatepass')).hexdigest()[:12]}"


def without(state: State, keys: Iterable[str]) -> State:
    gone = set(keys)
    return replace(state, kept=tuple(one for one in state.kept if one.key not in gone))
