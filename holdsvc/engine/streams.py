"""All live streams of a process: who they are, one ticker that serves them, and the way of their news to a decision and back.

Nothing on the way of the sound waits for a store, a look-up or a network: the ticker only writes to buffers.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from holdsvc.calls.events import CallEvent
from holdsvc.calls.instructions import Instruction
from holdsvc.calls.model import CallRef, ContentId, QueueName
from holdsvc.clock import Clock
from holdsvc.engine.captions import Captions
from holdsvc.engine.intake import Taken
from holdsvc.engine.stream import CLOSED_NORMALLY, GOING_AWAY, Meter, Question, Socket, Stream
from holdsvc.engine.tokens import Ticket, Tokens
from holdsvc.ports import Sounds, Wire

__all__ = ["Answer", "Full", "Meter", "Socket", "Stream", "Streams", "Take", "Ticket", "Tokens"]

TICK = 0.02  # seconds between two looks at all streams; a wire's lead rides out many of them
MOST = 2000  # streams a process; further callers are refused, and their document goes on with what stands behind the stream
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
    ) -> None:
        self.sounds, self.clock, self.meter = sounds, clock, meter
        self.house = house  # what a queue's callers hear when no answer comes, or none with sound in it
        self.captions = captions
        self.tokens = Tokens(clock.monotonic)
        self.draining = False  # no new streams; those that are there go on
        self._take, self._most, self._sleep = take, most, sleep
        self._streams: set[Stream] = set()
        self._by_call: dict[CallRef, Stream] = {}
        self._questions: dict[Stream, deque[Question]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self._busy = asyncio.Event()

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
        self._busy.set()
        self.meter.stream_opened(wire.name)
        return stream

    async def perform(self, ref: CallRef, instructions: Sequence[Instruction]) -> bool:
        """What was decided elsewhere, such as a release; False if this call has no stream here."""
        stream = self._by_call.get(ref)
        if stream is None:
            return False
        stream.perform(instructions)
        return True

    def rang(self, taken: Taken) -> None:
        """An alarm was answered; what it says is for the stream, if the call has one here."""
        stream = self._by_call.get(taken.session.ref)
        if stream is not None and taken.instructions:
            stream.perform(taken.instructions)

    async def run(self) -> None:
        """The ticker. Its beats hang on its start; beats that were missed are not made up for, the pacers do that."""
        beat = self.clock.monotonic()
        while True:
            if not self._streams:
                self._busy.clear()
                await self._busy.wait()
                beat = self.clock.monotonic()
            self.turn(self.clock.monotonic())
            now = self.clock.monotonic()
            beat = max(beat + TICK, now)
            await self._sleep(beat - now)

    def turn(self, now: float) -> None:
        """Serve every stream that something is due for. One that fails takes no other with it."""
        for stream in tuple(self._streams):
            try:
                stream.tick(now)
            except Exception:
                log.exception("stream_failed", extra={"call": stream.ticket.ref.call})
                stream.over = True
                stream.socket.close(CLOSED_NORMALLY)  # the platform goes on with what stands behind the stream
                self.over(stream)

    async def close(self) -> None:
        """End all streams, and wait until what was heard of them is on its way into the store."""
        self.draining = True
        for stream in tuple(self._streams):
            stream.close(GOING_AWAY)
        await self.settle()

    async def settle(self) -> None:
        """Wait until all questions that were asked so far have been answered."""
        while self._answering:
            await asyncio.gather(*self._answering)

    # --- what a stream needs of us -----------------------------------------------------------------------------------

    def started(self, stream: Stream) -> None:
        """Now we know that it is this call's. A stream that the call had before is dead, whatever its socket says."""
        before = self._by_call.get(stream.ticket.ref)
        self._by_call[stream.ticket.ref] = stream
        if before is not None:
            before.close(GOING_AWAY)

    def over(self, stream: Stream) -> None:
        if stream not in self._streams:
            return
        self._streams.discard(stream)
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
