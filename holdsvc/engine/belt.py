"""The belt that carries one frame of each line over plain TCP every 20 ms.

The far end keeps nothing and paces nothing, so the belt is the only clock: a frame goes out when it is to be heard, whole, in one
write. What lies on the belt has not been sent; it can be taken back at once.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable
from math import floor, inf
from typing import TYPE_CHECKING, Protocol

from holdsvc.audio.blocks import Blocks
from holdsvc.audio.formats import FRAME, RATE
from holdsvc.engine.ring import Ring
from holdsvc.engine.rows import PASSING, PlainRows, RingRows, Rows
from holdsvc.engine.sweep import Sweep
from holdsvc.engine.waiting import GLANCES
from holdsvc.engine.wheel import NEAR, SLOT
from holdsvc.ports import LineWire

if TYPE_CHECKING:
    from holdsvc.engine.lines import OwnedLine

ROUND = round(FRAME / RATE / SLOT)  # slots in which the belt goes round: 20 ms, in each of them a share of the lines
STOPS = (0, 2)  # of those, where lines are taken on: few, since each waking costs as much as many frames do
FULL = 1000  # lines at a stop, about three milliseconds of a core, before others are taken on at the next one
CAUGHT_UP = 3 * ROUND  # slots by which the belt may be late and still sends all: a telephone's buffer takes four frames
STRETCH = 4 * RATE  # bytes of mu-law that are made ready together, and laid on the belt: taking them back costs nothing
MOST_BLOCKS = 512  # of a stretch, about 64 kB each: 34 minutes of different sound
GLANCE = 3  # rounds between two glances at what waits to be read
ATTENTIVE = 2  # rounds between two readings: where the caller's sound is heard, or the network takes nothing
RELAXED = 32 if GLANCES else 4  # and where glances tell of all but the caller's sound
TOGETHER = 4  # rounds: who is to be read within so many is read at the end of them, many in one call
MANY = 4  # lines that are worth such a call
TRUSTED = (
    4  # one reading in so many reads, and looks at what begins each frame; else the lengths at each glance are enough
)
log = logging.getLogger(__name__)


class BeltMeter(Protocol):
    def stream_late(self, wire: str, seconds: float) -> None: ...
    def stream_cut(self, wire: str) -> None: ...


class Belt:
    """Goes round in 20 ms, and each line has its place. It stops at two of them, so that of many lines no send waits long."""

    def __init__(self, meter: BeltMeter, monotonic: Callable[[], float], ring: Ring | None = None) -> None:
        """`ring`: by which all lines of a place are served at once; None: one after the other."""
        self.meter, self._monotonic = meter, monotonic
        self.places = places(ring)
        self._next = 0  # number of the slot that is served next
        self._blocks: dict[str, Blocks[bytes]] = {}
        self._heads: dict[str, dict[int, Heads]] = {}

    def __len__(self) -> int:
        return sum(len(place.lines) for place in self.places)

    def use(self, ring: Ring) -> None:
        """From now on, if nobody is here yet."""
        if not len(self):
            self.places = places(ring)

    def blocks(self, wire: LineWire) -> Blocks[bytes]:
        """Shared sound as it goes over the line, made once for all lines of a kind."""
        if wire.name not in self._blocks:
            self._blocks[wire.name] = Blocks(lambda sound: framed(wire, sound), STRETCH, MOST_BLOCKS)
        return self._blocks[wire.name]

    def heads(self, wire: LineWire) -> dict[int, Heads]:
        """By number of frames: as many as fit into what is read at once."""
        return self._heads.setdefault(wire.name, {})

    def put(self, line: OwnedLine) -> None:
        """Where others are already, as long as those are not too many; else where the fewest are, or the belt comes by first."""
        if not len(self):
            self._next = max(self._next, floor((self._monotonic() + NEAR) / SLOT))
        coming = (self.places[number % ROUND] for number in range(self._next, self._next + ROUND))
        min((place for place in coming if place.number in STOPS), key=crowd).add(line)

    def reaches(self, place: Place) -> float:
        """When the belt comes by there next."""
        return (self._next + (place.number - self._next) % ROUND) * SLOT

    @property
    def next_at(self) -> float:
        """When it comes by next where somebody is."""
        return min((self.reaches(place) for place in self.places if place.lines), default=inf)

    def turn(self, now: float) -> None:
        """Send what is due, and look at what has come. After a long stall the belt begins anew: a gap, never a burst."""
        last = floor((now + NEAR) / SLOT)
        if last - self._next > CAUGHT_UP:
            self._stalled(last - CAUGHT_UP)
        while self._next <= last:
            number = self._next
            self._next += 1
            place = self.places[number % ROUND]
            if place.lines:
                self.meter.stream_late(place.lines[0].wire.name, max(0.0, now - number * SLOT))
                place.serve(now, glances=number // ROUND % GLANCE == 0)

    def _stalled(self, following: int) -> None:
        missed = following - self._next
        for place in self.places:
            if (place.number - self._next) % ROUND < missed:
                for line in place.lines:
                    line.gaps += line.waiting > 0
        self._next = following


class Place:
    """The lines that are served in the same slot of each round."""

    def __init__(self, number: int, rows: Rows, sweep: Sweep | None = None) -> None:
        """`sweep`: reads many at once."""
        self.number, self.rows, self._sweep = number, rows, sweep
        self.lines: list[OwnedLine] = []  # as many as there are rows
        self._round = 0
        self._looks: dict[int, list[OwnedLine]] = {}  # by the number of the round
        self._behind: list[OwnedLine] = []  # of whose last frame the network took only a part
        self._retired: list[object] = []  # what a ring that failed may still read or write

    def add(self, line: OwnedLine) -> None:
        line.place, line.row = self, len(self.lines)
        self.lines.append(line)
        self.rows.add(line.sock, line.length)
        self._look_at(line, self._round + 1)

    def remove(self, line: OwnedLine) -> None:
        """Before its socket is closed."""
        self.rows.remove(line.row)
        last = self.lines.pop()
        if last is not line:
            self.lines[line.row], last.row = last, line.row
        line.place = None

    def serve(self, now: float, *, glances: bool) -> None:
        """A frame of each, and a look at those whose turn it is or who have something to say."""
        self._round += 1
        self._catch_up()
        looks = [line for line in self._looks.pop(self._round, ()) if line.look_at == self._round]
        looks += self._carry()
        if glances:
            looks += self.rows.spoken_to(self.lines)
        if self.rows.broken:
            self._go_on_plainly()
        self._look([line for line in looks if line.place is self], now)

    def _look(self, lines: list[OwnedLine], now: float) -> None:
        pure = self.rows.pure([line.row for line in lines])
        if self._round // RELAXED % TRUSTED == 0:
            pure = ()
        alone = self._sweep.read(lines, now, pure) if self._sweep is not None and len(lines) >= MANY else lines
        for line in alone:
            if line.place is self:
                line.look(now)
        together = self._round + RELAXED if self._sweep is None else (self._round + RELAXED) // TOGETHER * TOGETHER
        for line in lines:
            self._look_at(line, self._round + ATTENTIVE if line.listens or line.held else together)

    def _carry(self) -> list[OwnedLine]:
        """Returns those whose connection is over; a look will say so."""
        over = []
        for cut in self.rows.carry(self._fill):
            line = self.lines[cut.row]
            if cut.left:  # a frame in pieces ends the call: the rest goes before all else
                line.behind = cut.left
                self._behind.append(line)
            if (
                cut.result not in PASSING
            ):  # else its place in time is lost; how much the network holds is looked at elsewhere
                self.rows.mute(cut.row, muted=True)
            if cut.result < 0 and cut.result not in PASSING:
                over.append(line)
        return over

    def _fill(self, row: int) -> None:
        if stretch := self.lines[row].turn_over():
            self.rows.lay(row, stretch)

    def _catch_up(self) -> None:
        if not self._behind:
            return
        waiting, self._behind = self._behind, []
        for line in waiting:
            if line.place is not self:
                continue
            if line.flush():
                self.rows.mute(line.row, muted=False)
            else:
                self._behind.append(line)

    def _look_at(self, line: OwnedLine, number: int) -> None:
        """Then, and not when it was to be looked at before."""
        if line.look_at == number:
            return
        line.look_at = number
        self._looks.setdefault(number, []).append(line)

    def _go_on_plainly(self) -> None:
        log.error("ring_failed")
        failed, self.rows = self.rows, PlainRows()
        self._retired += [failed, self._sweep]
        self._sweep = None
        for line in self.lines:
            self.rows.add(line.sock, line.length)
            self.rows.lay(line.row, failed.take_back(line.row))
            self.rows.mute(line.row, muted=line in self._behind)


def places(ring: Ring | None) -> list[Place]:
    if ring is None:
        return [Place(number, PlainRows()) for number in range(ROUND)]
    sweep = Sweep(ring)
    return [Place(number, RingRows(ring), sweep) for number in range(ROUND)]


def crowd(place: Place) -> tuple[bool, int]:
    """The least of them is where the next one goes."""
    number = len(place.lines)
    return (number >= FULL, number if number >= FULL else -number)


class Heads:
    """How so many frames of the caller's sound begin, one behind the other."""

    def __init__(self, head: bytes, length: int, number: int) -> None:
        self.of = struct.Struct(f"{len(head)}s{length - len(head)}x" * number).unpack_from
        self.same = (head,) * number
        self.length = number * length


def framed(wire: LineWire, sound: bytes) -> bytes:
    """Whole frames, one behind the other."""
    return b"".join(wire.frames(sound))
