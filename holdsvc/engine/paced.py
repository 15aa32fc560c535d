"""What one stream sends over a line that is paced to the frame: `Voice` for a far end that keeps nothing.

Shared sound is laid on the belt in stretches of two hundred frames that were made once for all; the belt takes them one by one. So
this is asked every four seconds, and still a choice is heard with the next frame: what lies on the belt is taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from holdsvc.audio.blocks import Blocks
from holdsvc.audio.formats import BLOCK, FRAME, RATE
from holdsvc.audio.pacer import TICK, Playout
from holdsvc.audio.player import Part, Player
from holdsvc.engine.belt import STRETCH
from holdsvc.engine.lines import OwnedLine
from holdsvc.engine.voice import Socket, SoundMeter, Voice
from holdsvc.ports import LineWire, Sharing, Wire

# bytes of the playlist that are laid on it in small pieces, more than a stretch: what was laid on it counts as over
NEARLY_OVER = STRETCH + 2 * RATE
LEAST = 5  # frames that lie on the belt when the next are laid on it: a late turn sends up to four
COMFORT = 2 * FRAME  # bytes of comfort sound that are laid on at once, for the answer that is awaited comes soon


def voice_for(wire: Wire, socket: Socket, meter: SoundMeter) -> Voice | PacedVoice:
    """As the way to the far end has it."""
    return PacedVoice(socket.wire, socket, meter) if isinstance(socket, OwnedLine) else Voice(wire, socket, meter)


class Pace:
    """The belt's time, as a stream asks for it. It is hung on nothing: it always runs."""

    __slots__ = ("_line",)

    def __init__(self, line: OwnedLine) -> None:
        self._line = line

    @property
    def next_at(self) -> float:
        return self._line.dry_at - LEAST * TICK

    def is_due(self, now: float) -> bool:
        return self._line.waiting <= LEAST

    def ahead(self, now: float) -> float:
        """Seconds until all that was laid on the belt has been played."""
        return max(0.0, self._line.dry_at - now)

    def hang(self, now: float) -> None: ...


class PacedVoice:
    __slots__ = ("_blocks", "_comforts", "_gaps", "_line", "_meter", "_wire", "pacer", "player", "playout")

    def __init__(self, wire: LineWire, line: OwnedLine, meter: SoundMeter) -> None:
        self.player, self.playout, self.pacer = Player(), Playout(), Pace(line)
        self._wire, self._line, self._meter = wire, line, meter
        self._gaps = 0  # that were told
        self._comforts = False  # what lies on the belt is comfort sound
        self._blocks: Blocks[bytes] | None = None

    def begin(self, name: str, blocks: Callable[[Sharing, int], Blocks[bytes]]) -> None:
        self._blocks = self._line.begin()

    @property
    def prompting(self) -> bool:
        """Somebody speaks in what comes next, alone or over content."""
        return self.player.prompting

    def played(self, now: float) -> int:
        return self.player.sent - self._line.waiting * FRAME

    def play(self, parts: Sequence[Part], now: float) -> None:
        """Instead of what is still to come, at once."""
        self._take_back()
        self.player.play(parts)

    def pause(self, now: float, patience: float) -> None:
        """The far end needs sound at all times: it goes on until the answer comes."""

    def cut(self, now: float) -> None:
        """A key was heard: take back what lies on the belt; it would come next again."""
        self._take_back()

    def _take_back(self) -> None:
        self._comforts = False
        if waiting := self._line.clear():
            self.player.rewind(self.player.sent - waiting * FRAME)

    def send(self, now: float, *, counts: bool, pads: bool) -> None:
        """Lay on the belt what will be due. `pads`: comfort where there is nothing left; `counts`: that is an underrun."""
        player, line = self.player, self._line
        if self._comforts and player.left:
            self._take_back()
        self._tell_gaps()
        while self.pacer.is_due(now) and (pads or player.left):
            fed = player.sent and not player.dry
            self._comforts = not player.left
            if self._comforts:
                line.say(self._comfort())
            else:
                self._put_next()
            if player.dry and fed and counts:
                self._meter.stream_underrun(self._wire.name)

    def goes_on(self, now: float, beyond: int) -> Part | None:
        """As nearly always: one more block of what is being heard. None: nothing was done, there is more to look at."""
        line, player = self._line, self.player
        if self._comforts or line.gaps != self._gaps or line.waiting > LEAST or line.backlog > self._wire.high_mark:
            return None
        if self._blocks is None or player.left <= NEARLY_OVER or player.prompting:
            return None
        if not (block := player.shared(STRETCH)):
            return None
        line.put(self._blocks.get(*block))
        return block[0]

    def mark(self) -> str:
        """There is none: what was sent is heard."""
        return ""

    def _tell_gaps(self) -> None:
        if self._line.gaps != self._gaps:
            self._gaps = self._line.gaps
            if self.player.sent and not self.player.dry:
                self._meter.stream_underrun(self._wire.name)

    def _comfort(self) -> bytes:
        return self.player.own(COMFORT)

    def _put_next(self) -> None:
        """What others hear as well, or what leads to it: always whole frames."""
        assert self._blocks is not None
        if self.player.left > NEARLY_OVER and (shared := self.player.rest_of_block(STRETCH)):
            part, start, before = shared
            self._line.put(self._blocks.get(part, start)[before // FRAME * self._line.length :])
            return
        own = self.player.own(BLOCK)
        while missing := -len(own) % FRAME:
            own += self.player.own(missing)
        self._line.say(own)
