"""The shelves as the service sees them: what is there, what may be played now, and its bytes.

Sound is a read-only map of a file, opened when it is first asked for. Looking at the shelves anew builds a new value
beside the old one and swaps them, so that a reader in another thread sees one or the other. Nothing here decodes.
"""

from __future__ import annotations

import mmap
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from holdsvc.audio.formats import RATE
from holdsvc.calls.model import ContentId, ContentItem, Kind, PromptId
from holdsvc.content.index import INDEX
from holdsvc.content.quiz import Bank, Question
from holdsvc.content.shelves import QUIET_ITEM, Prompt, Shelves, Source, look, prompt_name
from holdsvc.content.sounds import QUIET_SOUND, find, hash_of_file, is_hash, mark
from holdsvc.errors import BadContent

_LINEAR = {RATE: "pcm8", 2 * RATE: "pcm16"}  # the kinds of file beside the mu-law
_WORD = 2  # bytes a sample


class Library:
    """Open it with `Library.open`."""

    def __init__(
        self,
        media: tuple[Path, ...],
        prepared: tuple[Path, ...],
        noted: Callable[[Sequence[ContentItem]], None] = lambda items: None,
    ) -> None:
        self._media = media
        self._noted = noted
        self._prepared = prepared
        self._hashes: dict[tuple[Path, int, int], str] = {}  # of files as they were when they were read
        self._maps: dict[str, memoryview] = {}
        self._files: dict[str, Path] = {}  # all that ever was ready: a caller may still be fetching it
        self._one_at_a_time = threading.Lock()
        self._shelves = Shelves()
        self._looked_at: tuple[tuple[int, int], ...] = ()  # the indexes as they were at the last look

    @classmethod
    def open(
        cls,
        media: Path,
        prepared: Sequence[Path],
        overlay: Path | None = None,
        fetched: Path | None = None,
        known: Mapping[tuple[Path, int, int], str] | None = None,
        noted: Callable[[Sequence[ContentItem]], None] = lambda items: None,
    ) -> Library:
        """`overlay` is a second media folder, the operator's own; its items replace those with the same id.

        `fetched` is a third, of what comes from outside; `known` are hashes of files, by size and time of change in nanoseconds.
        `noted` hears what is on the shelves, at each change.
        """
        folders = (media, *(folder for folder in (overlay, fetched) if folder is not None))
        library = cls(folders, tuple(prepared), noted)
        library._hashes.update(known or {})
        library.refresh()
        return library

    def refresh(self) -> None:
        """Look again. If an index is broken, BadContent, and the shelves stay as they were."""
        with self._one_at_a_time:
            running = bool(self._looked_at)
            self._looked_at = self._marks()  # first: what changes while we look is looked at once more
            shelves = self._look()
            if running and INDEX in shelves.quarantined and INDEX not in self._shelves.quarantined:
                raise BadContent(shelves.quarantined[INDEX])
            if shelves != self._shelves:  # else whoever made something of the shelves need not make it anew
                self._files.update(shelves.files)
                self._shelves = shelves
                self._noted(shelves.items)

    def changed(self) -> bool:
        """Whether somebody has since changed an index, or made sound that was wanting."""
        if self._marks() != self._looked_at:
            return True
        return any(find(source.sound, self._prepared) for source in self.pending())

    def _marks(self) -> tuple[tuple[int, int], ...]:
        return tuple(mark(folder / INDEX) for folder in self._media)

    @property
    def items(self) -> tuple[ContentItem, ...]:
        return self._shelves.items

    @property
    def waiting(self) -> tuple[ContentItem, ...]:
        """Items that have no sound yet; in no plan, and 0 seconds long."""
        return self._shelves.waiting

    @property
    def prompts(self) -> Mapping[str, Mapping[PromptId, Prompt]]:
        return self._shelves.prompts

    @property
    def quarantined(self) -> Mapping[str, str]:
        return self._shelves.quarantined

    @property
    def quiz(self) -> tuple[tuple[Bank, Question], ...]:
        """All good questions, recorded or not."""
        return self._shelves.quiz

    @property
    def quiz_faults(self) -> tuple[str, ...]:
        return self._shelves.quiz_faults

    @property
    def house(self) -> ContentItem:
        """What plays when all else fails: the house track, else any music, else quiet. There is always something."""
        music = [item for item in self.items if item.kind is Kind.MUSIC]
        marked = [item for item in music if item.id == self._shelves.house]
        return next(iter(marked or music), QUIET_ITEM)

    @property
    def marked(self) -> ContentId | None:
        """The id that an index marks as house track, be it ready or not."""
        return self._shelves.house

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where prepared sound is looked for, in this order."""
        return self._prepared

    def pending(self) -> tuple[Source, ...]:
        return self._shelves.pending

    @property
    def sources(self) -> tuple[Source, ...]:
        """Every file that there is sound to make from, prepared or not."""
        return self._shelves.sources

    def hash_of(self, content_id: ContentId) -> str:
        return self._ready(content_id, f"no prepared sound for {content_id!r}")

    def sound(self, content_id: ContentId) -> memoryview:
        return self._mapped(self.hash_of(content_id))

    def prompt_hash(self, language: str, prompt_id: PromptId) -> str:
        return self._ready(prompt_name(language, prompt_id), f"no prepared sound for {prompt_id!r} in {language!r}")

    def prompt_sound(self, language: str, prompt_id: PromptId) -> memoryview:
        return self._mapped(self.prompt_hash(language, prompt_id))

    def linear(self, content_id: ContentId, rate: int) -> memoryview:
        """16-bit little-endian samples at 8000 or 16000, as long as `sound` to the sample.

        Where only mu-law was kept they are made of it at the first asking: in a worker thread rather than on the loop.
        """
        return self._linear(self.hash_of(content_id), rate)

    def prompt_linear(self, language: str, prompt_id: PromptId, rate: int) -> memoryview:
        return self._linear(self.prompt_hash(language, prompt_id), rate)

    def by_hash(self, sound: str) -> memoryview | None:
        """What was once on a shelf, and house music for what has gone from the disk since: somebody was told to hear it.
        What another process of this data folder has made is found before our next look. Any other text, also a path, is None."""
        if sound not in self._files and sound != QUIET_SOUND:
            made = find(sound, self._prepared) if is_hash(sound) else None
            if made is None:
                return None
            self._files[sound] = made
        for name in (sound, self._shelves.sounds.get(self.house.id, QUIET_SOUND)):
            with suppress(BadContent):
                return self._mapped(name)
        return self._mapped(QUIET_SOUND)

    def let_go(self) -> None:
        """Give back the memory of pages that were read; they come again when somebody hears them."""
        for view in list(self._maps.values()):
            if isinstance(view.obj, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
                view.obj.madvise(mmap.MADV_DONTNEED)

    def _ready(self, name: str, otherwise: str) -> str:
        sound = self._shelves.sounds.get(name)
        if sound is None:
            raise BadContent(otherwise)
        return sound

    def _mapped(self, sound: str) -> memoryview:
        view = self._maps.get(sound)
        if view is None:
            view = self._maps[sound] = self._opened(sound)
        return view

    def _linear(self, sound: str, rate: int) -> memoryview:
        kind = _LINEAR[rate]
        name = f"{sound}.{kind}"
        view = self._maps.get(name)
        if view is None:
            view = self._maps[name] = self._kept_linear(sound, kind, rate) or self._derived(sound, rate)
        return view

    def _kept_linear(self, sound: str, kind: str, rate: int) -> memoryview | None:
        """None also for a file that does not fit its mu-law: offsets must mean the same in both."""
        file = find(sound, self._prepared, kind)
        view = self._map(file) if file is not None else None
        return view if view is not None and len(view) == len(self._mapped(sound)) * _WORD * rate // RATE else None

    def _derived(self, sound: str, rate: int) -> memoryview:
        from holdsvc.content.derive import derived  # numpy: not before somebody wants it

        return memoryview(derived(self._mapped(sound), rate))

    def _opened(self, sound: str) -> memoryview:
        file = self._files.get(sound)
        if file is None:
            from holdsvc.content.quiet import quiet  # numpy: not before somebody wants it

            return memoryview(quiet())
        return self._map(file)

    def _map(self, file: Path) -> memoryview:
        try:
            with file.open("rb") as stream:
                return memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
        except (OSError, ValueError) as error:
            raise BadContent(f"the prepared sound {file.name} cannot be opened ({error})") from error

    def _look(self) -> Shelves:
        return look(self._media, self._prepared, self._hash_of_file)

    def _hash_of_file(self, source: Path) -> str:
        state = source.stat()
        key = (source, state.st_size, state.st_mtime_ns)
        if key not in self._hashes:
            self._hashes[key] = hash_of_file(source)
        return self._hashes[key]
