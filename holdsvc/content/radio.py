"""A shelf as endless mp3: item after item into one encoder that never stops, so that no joint has a gap or a click.

The work is done where it is asked for: in a worker thread. Frames carry no bits of their neighbours, so that a listener may come in
at any of them.
"""

from __future__ import annotations

import logging
import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from holdsvc.calls.airing import Chunk, Part
from holdsvc.calls.model import ContentId, ContentItem, Kind
from holdsvc.errors import BadContent

RATE = 16000
FRAME = 576  # samples that one mp3 frame carries at this rate
FRAMES = 14  # to a chunk
CHUNK = FRAMES * FRAME / RATE  # seconds
BITRATES = (16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)  # kbit/s at which every frame has the same length
WORD = 2  # bytes a sample
SIZE = FRAMES * FRAME * WORD  # bytes of samples that a chunk is made of
ALL = "music"  # every genre
log = logging.getLogger(__name__)


class Encoder(Protocol):
    def frames(self, samples: memoryview) -> Iterable[bytes]: ...


class Take(NamedTuple):
    content: ContentId | None  # None: nothing is there to be played
    sound: memoryview


class Reel:
    """One shelf's sound from now on, without end."""

    def __init__(self, following: Callable[[], Take], encoder: Callable[[], Encoder]) -> None:
        """`following` gives the samples of the next item. The encoder is made at the first asking, where the work is done."""
        self._following, self._encoder = following, encoder
        self._mp3: Encoder | None = None
        self._rest = Take(None, memoryview(b""))  # of the item that is playing
        self._turn = 0
        self._frames: list[bytes] = []
        self._parts: deque[tuple[Part, ...]] = deque()  # of chunks, which come out a frame or two after they were cut

    def more(self, chunks: int) -> list[Chunk]:
        """The next chunks, CHUNK seconds each."""
        self._mp3 = mp3 = self._mp3 or self._encoder()
        made: list[Chunk] = []
        while len(made) < chunks:
            while len(self._frames) < FRAMES:
                self._frames += mp3.frames(self._cut(SIZE))
            made.append((b"".join(self._frames[:FRAMES]), self._parts.popleft()))
            del self._frames[:FRAMES]
        return made

    def _cut(self, size: int) -> memoryview:
        pieces: list[memoryview] = []
        parts: list[Part] = []
        while size:
            if not self._rest.sound:
                self._rest = self._following()
                self._turn += 1
            content, sound = self._rest
            piece, self._rest = sound[:size], Take(content, sound[size:])
            size -= len(piece)
            pieces.append(piece)
            if content is not None:
                parts.append(Part(self._turn, content, len(piece) / WORD / RATE))
        self._parts.append(tuple(parts))
        return pieces[0] if len(pieces) == 1 else memoryview(b"".join(pieces))


class Turns:
    """Whose turn it is on a shelf. What comes to the shelf or leaves it counts from the next shuffle on."""

    def __init__(
        self,
        items: Callable[[], list[ContentId]],
        linear: Callable[[ContentId, int], memoryview],
        chance: random.Random,
    ) -> None:
        self._items, self._linear, self._chance = items, linear, chance
        self._bag: list[ContentId] = []
        self._last: ContentId | None = None

    def following(self) -> Take:
        if not self._bag:
            self._bag = self._shuffled()
        while self._bag:
            self._last = self._bag.pop()
            try:
                if sound := self._linear(self._last, RATE):
                    return Take(self._last, sound)
            except BadContent as error:  # went away since; the rest of the shelf plays on
                log.warning("live_item_left_out", extra={"item": self._last, "reason": str(error)})
        return Take(None, memoryview(bytes(WORD * RATE)))  # a second of nothing, then the shelf is looked at again

    def _shuffled(self) -> list[ContentId]:
        """The next is at the end, and is not what was heard just now."""
        bag = self._items()
        self._chance.shuffle(bag)
        if len(bag) > 1 and bag[-1] == self._last:
            bag.insert(0, bag.pop())
        return bag


class Radio:
    """Every music shelf as a reel: shuffled, each item once before any comes again."""

    chunk = CHUNK

    def __init__(
        self,
        items: Callable[[], Sequence[ContentItem]],
        linear: Callable[[ContentId, int], memoryview],
        bitrate: int,
        chance: random.Random,
    ) -> None:
        self._items, self._linear, self.bitrate, self._chance = items, linear, bitrate, chance

    def shelves(self) -> tuple[str, ...]:
        return (*sorted({item.shelf for item in self._music()} - {ALL}), ALL)

    def tune(self, shelf: str) -> Reel:
        return Reel(Turns(lambda: self._on(shelf), self._linear, self._chance).following, self._encoder)

    def _encoder(self) -> Encoder:
        from holdsvc.content.mp3 import Mp3  # numpy and the codecs: not before somebody listens

        return Mp3(self.bitrate)

    def _on(self, shelf: str) -> list[ContentId]:
        return [item.id for item in self._music() if shelf in (ALL, item.shelf)]

    def _music(self) -> Iterator[ContentItem]:
        return (item for item in self._items() if item.kind is Kind.MUSIC)
