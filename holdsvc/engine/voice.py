"""What one stream sends: sound when it is due, marks behind it, and how far of it was heard. It decides nothing.

Whole blocks of shared sound go out as the stream's own beginning and a block that was made once for all; what is this caller's
alone (a joint, the way to the grid) is made as it is needed. All that is due at a moment is one write.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Protocol, runtime_checkable

from holdsvc.audio.blocks import Blocks
from holdsvc.audio.formats import FRAME, seconds_of
from holdsvc.audio.pacer import NEAR, Pacer, Playout
from holdsvc.audio.player import Part, Player
from holdsvc.engine.frames import SHORT, TEXT, framed, head
from holdsvc.ports import Sharing, SharingWire, Wire, Written

TOGETHER = (
    3  # blocks that are said in one go while nothing happens: a third of the writes and reads, two blocks more ahead
)
MARK_EVERY = 7 * TOGETHER + 1  # blocks: a mark every four seconds or so; between two, the clock tells
IN_TIME = 0.005  # seconds by which a block may be late and is counted together with others
FRAMED = len(head(TEXT, SHORT))  # bytes that stand before the text of every message with a block of sound in it
SLACK = 0.06  # seconds by which a wire that is paced to the frame may be late and is still caught up with


class Socket(Protocol):
    """The way to the far end. None of this waits or raises."""

    @property
    def backlog(self) -> int:
        """Bytes that the network has not taken yet."""

    def send(self, frame: Written) -> None: ...
    def close(self, code: int) -> None: ...


@runtime_checkable
class Pushing(Socket, Protocol):
    """A websocket that also takes what is framed already."""

    def push(self, line: bytes) -> None: ...


class SoundMeter(Protocol):
    def stream_underrun(self, wire: str) -> None: ...
    def stream_late(self, wire: str, seconds: float, blocks: int = 1) -> None: ...


class Voice:
    __slots__ = (
        "_before_block",
        "_blocks",
        "_every",
        "_late",
        "_leeway",
        "_mark_at",
        "_meter",
        "_name",
        "_pacer",
        "_player",
        "_prompt",
        "_pushing",
        "_said",
        "_wire",
        "due_at",
        "playout",
        "ready",
        "socket",
    )

    def __init__(self, wire: Wire, socket: Socket, meter: SoundMeter) -> None:
        self._player, self.playout = Player(), Playout()
        self._pacer = Pacer(wire.lead, wire.block // FRAME, slack=0.0 if wire.can_clear else SLACK)
        self._every = every(wire.block)  # seconds from one word to the next, of what is ready
        self.due_at = 0.0  # when what is ready is to be said
        # Blocks that are said next if nothing happens, the last first; empty if something is to be looked at.
        self.ready: list[bytes] = []
        self._leeway = self._pacer.leeway
        self._said = self._prompt = (
            0  # blocks of what was ready: not accounted for yet; those of them that were in time
        )
        self._late = 0.0  # seconds, of these together
        self.socket = socket
        self._wire, self._meter = wire, meter
        self._name = ""
        self._mark_at = 0  # bytes sent at which the next mark is due
        self._pushing: Pushing | None = None  # the socket, where blocks are shared
        self._blocks: Blocks[bytes] | None = None
        self._before_block = b""  # they are all of one length

    def begin(self, name: str, blocks: Callable[[Sharing, int], Blocks[bytes]]) -> None:
        """The platform's word for the stream is known; sound may flow."""
        self._name = name
        if isinstance(self._wire, SharingWire) and isinstance(self.socket, Pushing):
            sharing = self._wire.sharing(name)
            self._blocks, self._pushing = blocks(sharing, self._wire.block), self.socket
            begins = sharing.head.encode()
            self._before_block = head(TEXT, len(begins) + len(sharing.tail(bytes(self._wire.block)))) + begins

    @property
    def player(self) -> Player:
        self._settle()
        return self._player

    @property
    def pacer(self) -> Pacer:
        self._settle()
        return self._pacer

    @property
    def prompting(self) -> bool:
        """Somebody speaks in what comes next, alone or over content."""
        return self.player.prompting

    def played(self, now: float) -> int:
        if not self._wire.can_clear:
            return self.player.sent  # it cannot be taken back: it will be heard
        return self.playout.played(now, self.player.sent, self.pacer.ahead(now))

    def play(self, parts: Sequence[Part], now: float) -> None:
        """Instead of what is still to come, at once."""
        self.cut(now)
        self.player.play(parts)
        if self._wire.can_clear or not self.player.sent:
            self.pacer.hang(now)

    def pause(self, now: float, patience: float) -> None:
        """Nothing is sent for a moment, where that makes no gap."""
        if self._wire.can_clear or not self.player.sent:
            self.pacer.hang(now + patience if self._wire.can_clear else now)

    def cut(self, now: float) -> None:
        """Take back what was sent ahead, where the wire can; it would come next again."""
        played = self.played(now)
        if not self._wire.can_clear or played >= self.player.sent:
            return
        self.socket.send(self._wire.write_clear(self._name))
        self.playout.taken_back(played)
        self.player.rewind(played)
        self._mark_at = played
        self.pacer.hang(now)

    def send(self, now: float, *, counts: bool, pads: bool) -> None:
        """All that is due. `pads`: comfort where there is nothing left; `counts`: that there is nothing is an underrun."""
        pacer, player, meter, name = self.pacer, self.player, self._meter, self._wire.name
        gaps, late = pacer.gaps, pacer.late(now)
        due = pacer.due(now)
        if pacer.gaps > gaps:
            meter.stream_underrun(name)
        if due:
            meter.stream_late(name, late)
        lines: list[bytes] = []
        while due and (pads or player.left):
            fed, before = player.sent and not player.dry, player.sent
            self._message(lines, pads)
            pacer.mark_sent((player.sent - before) / FRAME)
            if player.dry and fed and counts:
                meter.stream_underrun(name)
            if player.sent > self._mark_at and self._wire.can_clear:
                self._out(lines, self._marked())
            due = pacer.due(now)
        if lines and self._pushing is not None:
            self._pushing.push(lines[0] if len(lines) == 1 else b"".join(lines))

    def goes_on(self, now: float, beyond: int) -> Part | None:
        """As nearly always: one more block of what is being heard. None: nothing was done, there is more to look at."""
        if self._blocks is None or self._pushing is None or self.socket.backlog:
            return None
        late = self.pacer.one_is_due(now)
        if late is None or not (block := self.player.goes_on(self._wire.block, beyond)):
            return None
        line = self._before_block + self._blocks.get(*block)
        self._pacer.mark_sent(self._wire.block // FRAME)
        self._meter.stream_late(self._wire.name, late)
        if self._player.sent > self._mark_at:
            message = self._marked()
            line += b"".join(map(framed, message)) if isinstance(message, tuple) else framed(message)
        self._pushing.push(line)
        return block[0]

    def look_ahead(self, beyond: int) -> None:
        """Get ready what `goes_on` would say, up to the next mark."""
        length, blocks, player = self._wire.block, self._blocks, self.player
        if blocks is None or not self._wire.can_clear:
            return
        if found := player.ahead(length, beyond):
            part, at, number = found
            number = min(number, (self._mark_at - player.sent) // length) // TOGETHER * TOGETHER
            self.due_at = self._pacer.next_at
            self.ready = [blocks.get(part, at + one * length) for one in range(number - 1, -1, -1)]

    def say(self, now: float) -> bool:
        """What is ready, at its moment. False: it was not said, as it is too early or too late, or the network takes no more."""
        late, socket = now - self.due_at, self._pushing
        if socket is None or socket.backlog or not -NEAR <= late < self._leeway:
            return False
        before, said = self._before_block, self.ready[: -TOGETHER - 1 : -1]
        del self.ready[-TOGETHER:]
        socket.push(before + before.join(said))
        self._said += TOGETHER
        self.due_at += self._every
        if late > IN_TIME:
            self._meter.stream_late(self._wire.name, late, TOGETHER)
        else:
            self._prompt += TOGETHER
            self._late += TOGETHER * late
        return True

    def _settle(self) -> None:
        """Account for what was said of what was ready, and take back the rest."""
        if self._said:
            length = self._said * self._wire.block
            self._player.went_on(length)
            self._pacer.mark_sent(length // FRAME)
            if self._prompt:
                self._meter.stream_late(self._wire.name, max(0.0, self._late), self._prompt)
            self._said, self._prompt, self._late = 0, 0, 0.0
        if self.ready:
            self.ready.clear()

    def mark(self) -> str:
        """Sends a mark behind all that was sent; its name."""
        name = self.playout.mark(self.player.sent)
        self.socket.send(self._wire.write_mark(self._name, name))
        return name

    def _marked(self) -> Written:
        self._mark_at = self.player.sent + MARK_EVERY * self._wire.block - 1
        return self._wire.write_mark(self._name, self.playout.mark(self.player.sent))

    def _out(self, lines: list[bytes], message: Written) -> None:
        if self._pushing is not None and not isinstance(message, tuple):
            lines.append(framed(message))
        else:
            self.socket.send(message)

    def _message(self, lines: list[bytes], pads: bool) -> None:
        length = self._wire.block
        if self._blocks is None:
            frames = length // FRAME if pads or not self.player.left else -(-min(self.player.left, length) // FRAME)
            self._out(lines, self._wire.write_audio(self._name, bytes(self.player.read(frames))))
            return
        shared = self.player.shared(length)
        if shared is None:
            text = self._before_block[FRAMED:] + self._blocks.make(self.player.own(length))
            lines.append(head(TEXT, len(text)) + text)
            return
        lines.append(self._before_block + self._blocks.get(*shared))


@cache
def every(block: int) -> float:
    return TOGETHER * seconds_of(block)
