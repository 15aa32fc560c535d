"""When the next sound is due, and how much of it the far end has played.

The schedule hangs on its start, so small delays never add up. Once the far end must have run dry it is hung anew: what was missed
is a gap, never a burst, and no more than the lead ever lies ahead.
"""

from __future__ import annotations

from functools import cache

from msgspec import Struct

from holdsvc.audio.formats import FRAME, RATE

TICK = FRAME / RATE  # seconds in a frame
HELD_UP = 0.25  # seconds that the news of a mark may take longer than that of another
NEAR = 1e-6  # seconds by which a moment may be missed through rounding
NONE = -1  # instead of a mark
CLOSE = TICK / 5  # seconds between a look and a frame's moment under which it is chance which comes first


class Rhythm(Struct, frozen=True):
    """What all streams over one wire have in common."""

    lead: float  # seconds that may lie at the far end
    block: int  # frames that are sent together
    slack: float  # seconds for which the far end may have been dry and is still caught up with
    early: float  # seconds before the far end is dry at which a block is due
    leeway: float  # seconds by which a block may be late and is still the only one due, and the far end still has sound


@cache
def rhythm(lead: float, block: int, slack: float) -> Rhythm:
    lead = max(lead, block * TICK)
    early = lead - block * TICK
    return Rhythm(lead, block, slack, early, max(0.0, min(block * TICK, early) - NEAR))


class Pacer:
    """`lead`: seconds that may lie at the far end. `block`: frames that are sent together.

    `slack`: seconds for which the far end may have been dry and is still caught up with, for wires that are paced to the frame.
    """

    __slots__ = ("_rhythm", "_sent", "_start", "gaps")

    def __init__(self, lead: float, block: int, slack: float = 0.0) -> None:
        self.gaps = 0  # times the far end ran dry
        self._rhythm = rhythm(lead, block, slack)
        self._start = 0.0
        self._sent = 0.0  # frames since the start

    def hang(self, now: float) -> None:
        """Begin at this moment, which may lie ahead, with nothing at the far end."""
        self._start, self._sent = now, 0

    @property
    def next_at(self) -> float:
        """When the next block is due."""
        start = self._start
        behind = self._sent * TICK - self._rhythm.early
        return start + behind if behind > 0 else start

    def is_due(self, now: float) -> bool:
        return now >= self.next_at - (CLOSE if self._rhythm.slack else NEAR)

    def due(self, now: float) -> int:
        """Frames to send at this moment, in whole blocks; 0 if it is too early. After sending, call `mark_sent`."""
        if now < self._start - NEAR:
            return 0
        block, slack = self._rhythm.block, self._rhythm.slack
        if self._sent and now > self._dry_at + slack + NEAR:
            self.gaps += 1
            self.hang(now - slack)
        if slack and self._sent:
            self._keep_clear_of(now)
        room = self._rhythm.lead - (self._dry_at - now)
        return max(0, int((room + NEAR) / (block * TICK))) * block

    def one_is_due(self, now: float) -> float | None:
        """As nearly always: a block is due, one, and the far end has sound. How late it is; None where it is not so."""
        block, early = self._rhythm.block * TICK, self._rhythm.early
        late = now - self._start - self._sent * TICK + early
        return max(0.0, late) if -NEAR <= late < min(block, early) - NEAR and self._sent else None

    @property
    def leeway(self) -> float:
        """Seconds by which a block may be late and is still the only one that is due, and the far end still has sound."""
        return self._rhythm.leeway

    def _keep_clear_of(self, now: float) -> None:
        """Move the schedule half a frame where looks fall onto the moments of frames: else none and two would take turns."""
        room = self._rhythm.lead - (self._dry_at - now)
        short = TICK - (room + NEAR) % TICK
        if short < CLOSE:
            self._start += TICK / 2 if room >= TICK else -TICK / 2

    def mark_sent(self, frames: float) -> None:
        self._sent += frames

    def late(self, now: float) -> float:
        """Seconds for which the next block has been due."""
        return max(0.0, now - self.next_at)

    def ahead(self, now: float) -> float:
        """Seconds of sound that lie at the far end, if all went there at once."""
        return max(0.0, self._dry_at - max(now, self._start))

    @property
    def _dry_at(self) -> float:
        return self._start + self._sent * TICK


class Playout:
    """How far the far end has played, in bytes of the time line: by its marks, and until the first comes by the clock.

    Marks carry a generation, because a wire that takes sound back returns all its marks: those were not heard.
    """

    __slots__ = ("_generation", "_least", "_marked", "_marked_at", "_pending")

    def __init__(self) -> None:
        self._generation = 0
        self._pending: tuple[tuple[str, int], ...] = ()  # a few: one a second that the far end holds
        self._marked, self._marked_at = NONE, 0.0  # the last that came back, and when
        self._least = 0

    def mark(self, sent: int) -> str:
        """The name of a mark that stands behind so many bytes."""
        name = f"{self._generation}.{sent}"
        self._pending = (*self._pending, (name, sent))
        return name

    def returned(self, name: str, now: float) -> bool:
        """A mark came back; False for one that nobody waits for, such as one that was taken back."""
        for place, (waiting, sent) in enumerate(self._pending):
            if waiting == name:
                self._pending = self._pending[place + 1 :]
                self._marked_at = now - self._late(sent, now)
                self._marked = sent
                self._least = max(self._least, sent)
                return True
        return False

    def _late(self, sent: int, now: float) -> float:
        """Seconds for which the news of a mark was under way, by the marks before it: the sound itself goes on evenly.

        Later than by HELD_UP it is no news that was held up, but sound.
        """
        if self._marked == NONE:
            return 0.0
        late = now - self._marked_at - (sent - self._marked) / RATE
        return late if 0 < late < HELD_UP else 0.0

    def taken_back(self, played: int) -> None:
        """All behind this byte was taken back unheard."""
        self._generation += 1
        self._pending, self._marked = (), NONE
        self._least = played

    def played(self, now: float, sent: int, ahead: float) -> int:
        """Whole frames that were played; `ahead` as the pacer has it. Never beyond what was sent, never before a mark that came.

        What was sent counts as a whole once all of it was played, though its end may lie within a frame.
        """
        played = sent - ahead * RATE
        if self._marked != NONE:
            first = self._pending[0][1] if self._pending else sent
            played = min(played, self._marked + (now - self._marked_at) * RATE, first)
        if played >= sent - NEAR * RATE:
            return max(self._least, sent)
        whole = int((played + NEAR * RATE) // FRAME) * FRAME
        return max(self._least, min(whole, sent))
