"""All live streams of a process: who they are, one wheel that serves them, and the way of their news to a decision and back.

Nothing on the way of the sound waits for a store, a look-up or a network: the wheel only writes to buffers.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from math import ceil
from typing import Protocol

from holdsvc.audio.blocks import Blocks
from holdsvc.calls.events import CallEvent
from holdsvc.calls.instructions import Instruction
from holdsvc.calls.model import CallRef, ContentId, QueueName
from holdsvc.clock import Clock
from holdsvc.engine.belt import Belt
from holdsvc.engine.captions import Captions
from holdsvc.engine.ears import Hearing
from holdsvc.engine.glances import Glances
from holdsvc.engine.intake import Taken
from holdsvc.engine.shell import Meter, Question, Watched
from holdsvc.engine.sockets import FAREWELL
from holdsvc.engine.stream import CLOSED_NORMALLY, GOING_AWAY, Stream
from holdsvc.engine.tickets import Tickets
from holdsvc.engine.tokens import Ticket, Tokens
from holdsvc.engine.voice import Socket
from holdsvc.engine.wheel import SLOT, Served, Wheel
from holdsvc.ports import Fellows, Sharing, Sounds, Wire

__all__ = ["Answer", "Full", "Meter", "Socket", "Stream", "Streams", "Take", "Ticket", "Tokens"]

MOST = 4000  # streams a process; further callers are refused, and their document goes on with what stands behind the stream
REST = 0.008  # seconds beyond the next slot, where no frame is due: each waking costs what a stream does
ROUND_REST = 0.02  # and where all sound goes out by the belt
AT_ONCE = 20  # streams that are interrupted in one go
KEPT_WITHIN = 1.0  # seconds that the store has at a parting; the sound that the far end holds is shorter still
MOST_QUESTIONS = 64  # a stream; a caller who presses faster than we answer loses keys, not the house
log = logging.getLogger(__name__)


class Answer(Protocol):
    @property
    def instructions(self) -> Sequence[Instruction]: ...


Take = Callable[[CallRef, QueueName, Sequence[CallEvent]], Awaitable[Answer]]  # decided at once, kept behind it


class Full(Exception):
    """No more streams in this process."""


class Streams:
    def __init__(
        self,
        take: Take,
        sounds: Sounds,
        clock: Clock,
        meter: Meter,
        house: Callable[[QueueName], ContentId],
        most: int = MOST,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        captions: Captions | None = None,
        hearing: Hearing | None = None,
        kept: Callable[[], Awaitable[None]] | None = None,
        fellows: Fellows | None = None,
    ) -> None:
        """`kept` returns when all that was decided so far has been kept."""
        self.sounds, self.clock, self.meter = sounds, clock, meter
        self.house = house  # what a queue's callers hear when no answer comes, or none with sound in it
        self.captions, self.hearing = captions, hearing
        self.tokens = Tokens(clock.monotonic)
        self.tickets = Tickets(self.tokens, fellows)
        self.began: Callable[[CallRef], None] = lambda ref: None  # told of each stream that is known to be a call's
        self.draining = False  # no new streams; those that are there go on
        self._take, self._most, self._sleep, self._kept = take, most, sleep, kept
        self._streams: set[Stream] = set()
        self._by_call: dict[CallRef, Stream] = {}
        self._questions: dict[Stream, deque[Question]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self._busy = asyncio.Event()
        self._wheel = Wheel()
        self._glances: Glances[Stream] = Glances()
        self._leaving: set[Served] = set()
        self.leave: Callable[[Served], None] = self._leave  # one for all sockets: each of them holds it
        self.belt = Belt(meter, clock.monotonic)  # of the lines that are paced to the frame
        self._blocks: dict[tuple[str, int], Blocks[bytes]] = {}

    def __len__(self) -> int:
        return len(self._streams)

    @property
    def full(self) -> bool:
        return self.draining or len(self._streams) >= self._most

    def open(self, ticket: Ticket, wire: Wire, socket: Socket) -> Stream:
        """A socket whose handshake was genuine. Its frames go to `hear`; when it is gone, call `lost`, whatever came before."""
        if self.full:
            raise Full
        stream = Stream(self, ticket, wire, socket)
        self._streams.add(stream)
        if isinstance(socket, Watched):
            self._glances.add(socket, stream)
        self._wheel.put(stream, self.clock.monotonic())
        self._busy.set()
        self.meter.stream_opened(wire.name)
        return stream

    def listens(self, queue: QueueName) -> bool:
        """What is said counts there, so that the caller's sound must be read."""
        return self.hearing is not None and self.hearing.listens(queue)

    async def perform(self, ref: CallRef, instructions: Sequence[Instruction]) -> bool:
        """What was decided elsewhere, such as a release; False if this call has no stream here."""
        stream = self._by_call.get(ref)
        if stream is None:
            return False
        stream.perform(instructions)
        return True

    async def interrupt(
        self, concerns: Callable[[QueueName], bool], event: Callable[[str, datetime], CallEvent]
    ) -> int:
        """Let something be said on the streams of these queues at once; `event` is made of a stream's name. How many there were."""
        told = 0
        for stream in tuple(self._streams):
            if concerns(stream.ticket.queue) and stream.interrupt(event):
                told += 1
                if told % AT_ONCE == 0:
                    await self._sleep(SLOT)  # sound goes before news
        return told

    def tell(self, ref: CallRef, event: Callable[[str, datetime], CallEvent]) -> bool:
        """The same for one caller; False if this call has no stream here that gives way."""
        stream = self._by_call.get(ref)
        return stream is not None and stream.interrupt(event)

    def holds(self, ref: CallRef) -> bool:
        return ref in self._by_call

    def died(self, ref: CallRef) -> None:
        """The call has a stream elsewhere now: one that it has here is dead, whatever its socket says."""
        stream = self._by_call.get(ref)
        if stream is not None:
            stream.close(GOING_AWAY)

    def anew(self, taken: Taken) -> None:
        """Decided another way than the stream was told; if the call has one here, it does so now."""
        stream = self._by_call.get(taken.session.ref)
        if stream is not None and taken.instructions:
            stream.perform(taken.instructions)

    async def run(self) -> None:
        """Serve whoever is due, slot by slot; rest between them, and let others have their turn when we are late."""
        while True:
            if not self._streams and not self._leaving:
                self._busy.clear()
                await self._busy.wait()
            self.turn(self.clock.monotonic())
            rest = ROUND_REST if len(self.belt) == len(self._streams) else REST
            until = min(self.belt.next_at, self._wheel.next_at + rest)
            wait = ceil((until - self.clock.monotonic()) * 1000) / 1000
            await self._sleep(max(0.0, wait))  # whole milliseconds: a loop that wakes a moment too early spins

    def turn(self, now: float) -> None:
        """Serve whoever something is due for. One that fails takes no other with it."""
        try:
            self.belt.turn(now)
        except Exception:
            log.exception("belt_failed")  # what was due went out before anything was read
        for one in self._wheel.due(now):
            try:
                again = one.serve(now)
            except Exception:
                self._failed(one)
                continue
            if again is not None:
                self._wheel.put(one, again)
            elif not isinstance(one, Stream):
                self._leaving.discard(one)
        for stream in self._glances.due(now):
            try:
                stream.read(now)
            except Exception:
                self._failed(stream)

    def _failed(self, one: Served) -> None:
        if not isinstance(one, Stream):
            self._leaving.discard(one)
            log.exception("farewell_failed")
            return
        log.exception("stream_failed", extra={"call": one.ticket.ref.call})
        one.over = True
        one.socket.close(CLOSED_NORMALLY)  # the platform goes on with what stands behind the stream
        self.over(one)

    async def close(self) -> None:
        """End all streams, and wait until what was heard of them is on its way into the store."""
        self.draining = True
        await self.part(len(self._streams))
        await self._parted()

    async def part(self, most: int) -> int:
        """From so many: their calls go on elsewhere, and whoever has them next finds kept where they are. How many there were."""
        parting = list(self._streams)[:most]
        for stream in parting:
            stream.part()
        await self.settle()
        if parting and self._kept is not None:
            await asyncio.wait({asyncio.ensure_future(self._kept())}, timeout=KEPT_WITHIN)
        for stream in parting:
            stream.socket.close(GOING_AWAY)
        return len(parting)

    async def _parted(self) -> None:
        """Far ends have a moment to agree."""
        until = self.clock.monotonic() + FAREWELL
        while self._leaving and self.clock.monotonic() < until + SLOT:
            await self._sleep(SLOT)

    async def settle(self) -> None:
        """Wait until all questions that were asked so far have been answered."""
        while self._answering:
            await asyncio.gather(*self._answering)

    # --- what a stream needs of us -----------------------------------------------------------------------------------

    def blocks(self, sharing: Sharing, length: int) -> Blocks[bytes]:
        """Blocks of the same kind are made once for all streams."""
        key = (sharing.kind, length)
        if key not in self._blocks:
            self._blocks[key] = Blocks(sharing.tail, length)
        return self._blocks[key]

    def wake(self, stream: Stream, when: float) -> None:
        if not stream.over:
            self._wheel.sooner(stream, when)

    def _leave(self, socket: Served) -> None:
        """It takes leave of its far end, and is served until that is over."""
        self._leaving.add(socket)
        self._wheel.put(socket, self.clock.monotonic())
        self._busy.set()

    def started(self, stream: Stream) -> None:
        """Now we know that it is this call's. A stream that the call had before is dead, whatever its socket says."""
        before = self._by_call.get(stream.ticket.ref)
        self._by_call[stream.ticket.ref] = stream
        if before is not None:
            before.close(GOING_AWAY)
        self.began(stream.ticket.ref)

    def over(self, stream: Stream) -> None:
        if stream not in self._streams:
            return
        self._streams.discard(stream)
        if isinstance(stream.socket, Watched):
            self._glances.remove(stream.socket)
        if self._by_call.get(stream.ticket.ref) is stream:
            del self._by_call[stream.ticket.ref]
        self.meter.stream_closed(stream.wire.name)

    def ask(self, stream: Stream, question: Question) -> None:
        """Questions of one stream are answered one after the other; the sound waits for none of them."""
        waiting = self._questions.get(stream)
        if waiting is None:
            self._questions[stream] = deque([question])
            task = asyncio.create_task(self._answer(stream))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        elif len(waiting) < MOST_QUESTIONS or stream.over:
            waiting.append(question)
        else:
            log.warning("question_dropped", extra={"call": stream.ticket.ref.call})

    async def _answer(self, stream: Stream) -> None:
        waiting, ticket = self._questions[stream], stream.ticket
        try:
            while waiting:
                question = waiting.popleft()
                try:
                    answer = await self._take(ticket.ref, ticket.queue, question.events)
                    stream.perform(answer.instructions, follows=question.follows)
                except Exception:
                    log.exception("question_unanswered", extra={"call": ticket.ref.call})
        finally:
            del self._questions[stream]
