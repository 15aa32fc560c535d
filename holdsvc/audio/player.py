"""What one caller hears: a playlist of excerpts, handed out frame by frame, and which second of which content each byte was.

Content that is interrupted goes on at the very sample at which it stopped. Where two sounds meet in their middle the first fades
out under the second's beginning, which fades in: only there bytes are made for this caller; all else is a view of shared sound.
What others hear too is handed out in whole blocks of its own grid (`shared`), so that a wire makes each of them ready once; what
lies between comes by `own`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from holdsvc.audio.fade import FADE, Heard, chained, goes_on
from holdsvc.audio.formats import FRAME, RATE, SILENCE, length_of, seconds_of
from holdsvc.audio.mix import Part, loudness, sound_of

__all__ = ["COMFORT", "FADE", "Part", "Player", "Stretch", "excerpt", "loudness", "sound_of"]

LOWER = -12.0  # decibels by which content gives way to a caller who speaks
KEPT = 2 * RATE  # samples that can still be taken back after they were reported; more than any wire's lead


class Stretch(Struct, frozen=True):
    content: str
    from_second: float
    until_second: float


class _Span(Struct, gc=False):
    """A run of bytes handed out: from `at` on the caller's time line, sound[start:stop] of the part at `index`."""

    at: int
    part: Part
    index: int
    start: int
    stop: int

    @property
    def until(self) -> int:
        return self.at + self.stop - self.start


def excerpt(
    sound: memoryview,
    from_second: float = 0.0,
    until_second: float | None = None,
    content: str = "",
    gain: float = 0.0,
    name: str = "",
    ducks: bool = False,
) -> Part | None:
    """The part between two seconds of a sound; None where nothing lies between them."""
    stop = len(sound) if until_second is None else min(length_of(until_second), len(sound))
    start = max(0, length_of(from_second))
    return Part(sound, start, stop, content, gain, name=name, ducks=ducks) if start < stop else None


class Player:
    """`sent` is the length of the caller's time line: bytes handed out and not taken back."""

    __slots__ = (
        "_at",
        "_before",
        "_began",
        "_ducked",
        "_floor",
        "_index",
        "_parts",
        "_reported",
        "_spans",
        "dry",
        "sent",
    )

    def __init__(self) -> None:
        self.sent = 0
        self.dry = False  # the last frames ended in comfort sound, because there was nothing else
        self._parts: list[Part] = []
        self._index, self._at = 0, 0  # the part that comes next, and its sample
        self._before: Heard | None = None  # what was cut by the last `play`, at this byte of the time line
        self._began = 0
        self._spans: list[_Span] = []
        self._reported = 0
        self._ducked: Part | None = None  # content that was turned down
        self._floor = 0  # what lies before on the time line cannot be taken back any more

    def play(self, parts: Sequence[Part]) -> None:
        """Instead of all that was still to come. Nothing to play means: nothing more is to come."""
        self._ducked = None
        self._before, self._began = self._sounding(), self.sent
        self._parts = list(chained(self._before, parts))
        self._index, self._at = 0, self._parts[0].start if self._parts else 0
        self._floor = self.sent

    def duck(self) -> bool:
        """Content goes on at the very sample, turned down. False where none is being heard, or somebody speaks over it."""
        part = self._part()
        if self._ducked is not None or part is None or not part.content or self.prompting:
            return False
        self._turn(part, part.gain + LOWER)
        self._ducked = self._part()
        return True

    def unduck(self) -> bool:
        """As it was before. False where it is so already, as it is not heard any more."""
        part, ducked = self._part(), self._ducked
        self._ducked = None
        if part is None or ducked is None or part.sound is not ducked.sound or part.gain != ducked.gain:
            return False
        self._turn(part, part.gain - LOWER)
        return True

    def _turn(self, part: Part, gain: float) -> None:
        """Pieces that are one sound become one again; what follows it is as it was made."""
        later = self._parts[self._index + 1 :]
        turned = replace(part, start=self._at, gain=gain, mix=None)
        while later and later[0].mix is None and later[0].gain == part.gain and goes_on(part, part.stop, later[0]):
            part = later.pop(0)
            turned = replace(turned, stop=turned.stop + part.stop - part.start)
        self._before, self._began = self._sounding(), self.sent
        self._parts = [*chained(self._before, (turned,)), *later]
        self._index, self._at = 0, self._parts[0].start
        self._floor = self.sent

    def append(self, parts: Sequence[Part]) -> None:
        """After all that is still to come."""
        over = self._part() is None
        before = self._sounding() if over else (self._parts[-1], self._parts[-1].stop)
        self._parts.extend(chained(before, parts))
        if over and self._index < len(self._parts):
            self._at = self._parts[self._index].start

    def read(self, frames: int) -> bytes | memoryview:
        """The next frames; when the playlist is over, comfort sound. A view of shared sound wherever that is possible."""
        pieces: list[bytes | memoryview] = []
        missing = frames * FRAME
        while missing:
            piece = self._next(missing)
            pieces.append(piece)
            missing -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def shared(self, length: int) -> tuple[Part, int] | None:
        """A whole block that others hear as well, by its part and first sample, if one comes next. It is handed out by this."""
        part = self._part()
        if part is None or not begins_block(part, self._at, length):
            return None
        start = self._at
        self.dry = False
        self._at = start + length
        self._note(part, self._index, start, self._at)
        return part, start

    def rest_of_block(self, length: int) -> tuple[Part, int, int] | None:
        """As `shared`, from a frame in the midst of a block on; also how many bytes of the block lie before that frame."""
        part = self._part()
        if part is None or (before := self._at % length) % FRAME or (part.mix is not None and before):
            return None
        start = self._at - before
        if not begins_block(part, start, length):
            return None
        self.dry = False
        self._note(part, self._index, self._at, start + length)
        self._at = start + length
        return part, start, before

    def goes_on(self, length: int, beyond: int) -> tuple[Part, int] | None:
        """As nearly always: in the midst of a part, a shared block like the one before, with more than `beyond` bytes behind it.

        Like `shared`; None also where other things are to be looked at.
        """
        if self._index >= len(self._parts) or not self._spans:
            return None
        part, span, at = self._parts[self._index], self._spans[-1], self._at
        if span.part is not part or span.stop != at or part.stop - at - length <= beyond:
            return None
        if at % length or not part.name:
            return None
        self._at = span.stop = at + length
        self.sent += length
        return part, at

    def ahead(self, length: int, beyond: int) -> tuple[Part, int, int] | None:
        """Where `goes_on` would begin, and how many times in a row it would."""
        if self._index >= len(self._parts) or not self._spans:
            return None
        part, span, at = self._parts[self._index], self._spans[-1], self._at
        if span.part is not part or span.stop != at or at % length or not part.name:
            return None
        blocks = (part.stop - at - beyond - 1) // length
        return (part, at, blocks) if blocks > 0 else None

    def went_on(self, length: int) -> None:
        """So many bytes of what lay `ahead` were handed out by whoever asked for it."""
        self._at += length
        self._spans[-1].stop = self._at
        self.sent += length
        if len(self._spans) > 1:
            self._lighten()

    def own(self, most: int) -> bytes:
        """What comes before the next shared block, `most` bytes of it at most; when the playlist is over, comfort sound."""
        pieces: list[bytes | memoryview] = []
        missing = most
        while missing:
            part = self._part()
            if pieces and (part is None or begins_block(part, self._at, most)):
                break
            grid = most - self._at % most if part is not None and part.name else most
            pieces.append(self._next(min(missing, grid)))
            missing -= len(pieces[-1])
        return b"".join(pieces)

    @property
    def content(self) -> str | None:
        """What comes next is in this content, "" for a prompt, None for nothing."""
        part = self._part()
        return None if part is None else part.content

    @property
    def prompting(self) -> bool:
        """Somebody speaks in what comes next, alone or over content."""
        part = self._part()
        return part is not None and self._at < part.spoken_until

    @property
    def left(self) -> int:
        """Bytes until the playlist is over."""
        part = self._part()
        if part is None:
            return 0
        return part.stop - self._at + sum(later.stop - later.start for later in self._parts[self._index + 1 :])

    def running_out(self, seconds: float) -> bool:
        """The playlist is over within so many seconds of sound: the moment to ask for what follows."""
        if self._index < len(self._parts) and self._parts[self._index].stop - self._at > seconds * RATE:
            return False
        return self.left <= length_of(seconds)

    def rewind(self, played: int) -> None:
        """What was handed out behind this byte of the time line was taken back unheard; it comes next again."""
        played = max(played, self._floor)
        while self._spans and self._spans[-1].until > played:
            span = self._spans.pop()
            kept = max(0, played - span.at)
            if span.index != COMFORT_INDEX:
                self._index, self._at = span.index, span.start + kept
            if kept:
                span.stop = span.start + kept
                self._spans.append(span)
        self.sent = min(self.sent, played)
        self._reported = min(self._reported, self.sent)

    def heard(self, played: int) -> list[Stretch]:
        """The content in the time line between the last report and this byte; never more than was handed out."""
        played = min(played, self.sent)
        runs: list[tuple[str, int, int]] = []
        for span in self._spans:
            first, last = max(span.at, self._reported), min(span.until, played)
            if first >= last or not span.part.content:
                continue
            begin = span.part.base + span.start + first - span.at
            end = begin + last - first
            if runs and runs[-1][0] == span.part.content and runs[-1][2] == begin:
                begin = runs.pop()[1]
            runs.append((span.part.content, begin, end))
        self._reported = max(self._reported, played)
        self._forget()
        return [Stretch(content, seconds_of(begin), seconds_of(end)) for content, begin, end in runs]

    def sounding(self, start: int, stop: int) -> bytes:
        """What lies between two bytes of the time line, as far as it is still known; silence elsewhere."""
        line = bytearray((SILENCE,)) * (stop - start)
        for span in self._spans:
            first, last = max(span.at, start), min(span.until, stop)
            if first < last:
                shift = span.start - span.at
                line[first - start : last - start] = sound_of(span.part, first + shift, last + shift)
        return bytes(line)

    def _sounding(self) -> Heard | None:
        """What would come next, had nothing else been asked for; None where nothing is being heard."""
        if self.sent == self._began:
            return self._before  # nothing of what was asked for last has been heard
        last = self._spans[-1] if self._spans else None
        if last is None or last.index == COMFORT_INDEX:
            return None
        part = self._part()
        return (last.part, last.stop) if part is None else (part, self._at)

    def _part(self) -> Part | None:
        while self._index < len(self._parts):
            part = self._parts[self._index]
            if self._at < part.stop:
                return part
            self._index += 1
            if self._index < len(self._parts):
                self._at = self._parts[self._index].start
        return None

    def _next(self, most: int) -> bytes | memoryview:
        part = self._part()
        self.dry = part is None
        if part is None:
            start = self.sent % len(COMFORT)
            stop = min(start + most, len(COMFORT))
            self._note(SOFT, COMFORT_INDEX, start, stop)
            return COMFORT[start:stop]
        start, stop = self._at, min(self._at + most, part.stop)
        self._note(part, self._index, start, stop)
        self._at = stop
        return sound_of(part, start, stop)

    def _note(self, part: Part, index: int, start: int, stop: int) -> None:
        last = self._spans[-1] if self._spans else None
        if last and last.part is part and last.index == index and last.stop == start and last.until == self.sent:
            last.stop = stop
        else:
            self._spans.append(_Span(self.sent, part, index, start, stop))
        self.sent += stop - start

    def _forget(self) -> None:
        """Only what may still be reported or taken back is kept, and the sound that was heard last."""
        self._lighten()
        needed = min(self._reported, self.sent - KEPT)
        while len(self._spans) > 1 and self._spans[0].until <= needed:
            self._floor = max(self._floor, self._spans.pop(0).until)
        first = self._spans[0] if self._spans else None
        if first and first.at >= self._began:
            self._before = None
            if first.index > 0 and self._parts[first.index - 1] is not SOFT:
                self._parts[: first.index] = [SOFT] * first.index

    def _lighten(self) -> None:
        """What died away under a beginning is let go once that was heard: it is large, and was made for this caller alone."""
        for span in self._spans:
            if span.until > self.sent - KEPT:
                break
            if span.part.mix is not None:
                span.part.mix.tail = None


def begins_block(part: Part, at: int, length: int) -> bool:
    return bool(part.name) and not at % length and part.stop - at >= length


def _comfort() -> bytes:
    """A second of the softest noise that mu-law can say: a line that is open, not one that is dead."""
    return np.random.default_rng(RATE).choice(np.frombuffer(b"\xff\x7f\xfe\x7e", np.uint8), RATE).tobytes()


COMFORT = memoryview(_comfort())
COMFORT_INDEX = -1
SOFT = Part(COMFORT, 0, len(COMFORT))
