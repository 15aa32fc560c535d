"""A line on a stream: the core decides what is said; then a stream says it, once for each moment at which a key is pressed.

Real are the stream with its wheel, Twilio's wire both ways, and the core; the far end plays what it was sent, on a clock that is
moved by hand. The stream begins in what was heard before the line's last deed, which comes the way it comes in the service; for
the moments that follow the same turn is performed again.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from holdsvc.audio.g711 import decode
from holdsvc.calls import programme
from holdsvc.calls.decide import decide
from holdsvc.calls.estimate import Movement
from holdsvc.calls.events import (
    CallArrived,
    CallerKnown,
    CallEvent,
    ContentEnded,
    DigitPressed,
    Heard,
    NoticePosted,
    QueueMoved,
    StreamClosed,
    StreamOpened,
    TimeCame,
    UtteranceHeard,
)
from holdsvc.calls.heard import Sent, heard_of
from holdsvc.calls.instructions import Instruction, Play, Say
from holdsvc.calls.model import CallerId, CallId, CallRef, EventId, Profile
from holdsvc.calls.plan import HoldPlan, Notice
from holdsvc.calls.session import HoldSession
from holdsvc.engine.streams import Streams
from holdsvc.engine.wheel import SLOT
from holdsvc.platforms.wires.json_media import Dialect, JsonMedia
from tests.engine.far_end import FarEnd
from tests.engine.full_shelf import full_shelf
from tests.engine.test_streams import Counts
from tests.plans import NOON, QUEUE

WIRE = JsonMedia(Dialect("twilio"))
KEPT = 8000  # samples that were heard last
LIKE = 0.8  # correlation from which a sound is taken for another: a prompt over soft content against the prompt alone
FIRST, ENOUGH = 400, 1200  # samples: where the answer is looked at, behind the fade, and how many of them
numbers = count(1)


class Said(Struct, frozen=True):
    begins: float
    ends: float
    prompt: str
    language: str


class LiveLine:
    """The core's side of a call on a stream."""

    def __init__(self, plan: HoldPlan, profile: Profile, **known: object) -> None:
        self.plan, self.now, self.began = plan, NOON, NOON
        self.movement: Movement | None = None
        self.session = HoldSession(CallRef("twilio", CallId("CA0")), QUEUE)
        self.turn: tuple[Instruction, ...] = ()
        self.deed: CallEvent | None = None
        who = {"caller": CallerId("somebody"), "profile": profile, **known}
        self.session = decide(self.session, CallerKnown(at=NOON, id=EventId("known"), **who), plan).session
        self._take(CallArrived(at=NOON, id=EventId("arrived")))
        self._take(StreamOpened(at=NOON, id=EventId("opened")))

    # --- what the caller does ----------------------------------------------------------------------------------------

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def press(self, digit: str) -> None:
        self._take(DigitPressed(at=self.now, id=new_id(), digit=digit))

    def nearly(self, choice: str) -> None:
        self._take(UtteranceHeard(at=self.now, id=new_id(), choice=choice, score=0.6, near=True))

    def ends(self) -> None:
        self.now = max(self.now, self.began + timedelta(seconds=sum(one.seconds for one in self._parts())))
        self._take(ContentEnded(at=self.now, id=new_id()))

    def moves(self, place: int) -> None:
        self._take(QueueMoved(at=self.now, id=new_id(), position=place, at_once=True))

    def rings(self) -> None:
        self._take(TimeCame(at=self.now, id=new_id()))

    def posts(self, notice: Notice) -> None:
        self.plan = replace(self.plan, notice=notice)
        self._take(NoticePosted(at=self.now, id=new_id()))

    def breaks(self) -> None:
        self._take(StreamClosed(at=self.now, id=new_id()))
        self._take(StreamOpened(at=self.now, id=new_id()))

    @property
    def joint(self) -> datetime:
        return self.now

    # --- what is heard -----------------------------------------------------------------------------------------------

    @property
    def sounds(self) -> tuple[Said, ...]:
        said: list[Said] = []
        begins = 0.0
        for one in self.turn:
            if isinstance(one, Say):
                for prompt in one.prompts:
                    ends = begins + self.plan.seconds_of((prompt,), one.language)
                    said.append(Said(begins, ends, prompt, one.language))
                    begins = ends
            else:
                begins += sum(part.seconds for part in programme.parts_of(one, self.plan))
        return tuple(said)

    def _parts(self):
        return tuple(part for one in self.turn for part in programme.parts_of(one, self.plan))

    def _heard(self):
        content = next((one.content for one in self.turn if isinstance(one, Play)), None)
        return heard_of(Sent(self.began, content, self._parts()), self.now) if content else None

    def _take(self, event: CallEvent) -> None:
        if heard := self._heard():
            self.session = decide(self.session, Heard(at=self.now, id=new_id(), heard=heard), self.plan).session
        self.before, self.before_turn, self.deed = self.session, self.turn, event
        self.session, turn = decided(self, self.session, event)
        self.turn = turn or self.turn
        self.began = self.now


def decided(line: LiveLine, session: HoldSession, event: CallEvent) -> tuple[HoldSession, tuple[Instruction, ...]]:
    decision = decide(replace(session, movement=line.movement), event, line.plan)
    return replace(decision.session, movement=None), decision.instructions


def new_id() -> EventId:
    return EventId(f"deed {next(numbers)}")


# --- streams -----------------------------------------------------------------------------------------------------------


class Clock:
    """Beginning at a moment of the line, and put back there for each key."""

    def __init__(self, at: datetime) -> None:
        self._at, self.seconds = at, 1000.0
        self._began = self.seconds

    def now(self) -> datetime:
        return self._at + timedelta(seconds=round(self.seconds - self._began, 6))

    def monotonic(self) -> float:
        return self.seconds

    def back(self) -> None:
        self._began = self.seconds


class Media(Struct):
    payload: bytes


class Mark(Struct):
    name: str


class Message(Struct):
    event: str
    media: Media | None = None
    mark: Mark | None = None


class Ear(FarEnd):
    """The platform's end, in its own words; it keeps the last that was heard, and what would be heard next."""

    def send(self, frame: str | bytes) -> None:
        assert self.closed is None, "nothing is sent after the end"
        self.play()
        message = msgspec.json.decode(frame, type=Message)
        if message.media is not None:
            self.buffer.append(message.media.payload)
        elif message.mark is not None:
            self.buffer.append(message.mark.name)
        else:
            assert message.event == "clear"
            self.marks += [one for one in self.buffer if isinstance(one, str)]
            self.buffer = deque()

    @property
    def next(self) -> bytes:
        return b"".join(one for one in self.buffer if isinstance(one, bytes))


class Trial:
    """The core behind a stream of the line, put back to where the line is for each key."""

    def __init__(self, line: LiveLine) -> None:
        self.line, self.plan = line, line.plan
        self.session, self.turn = line.before, line.before_turn

    def take(self, events: Sequence[CallEvent]) -> Sequence[Instruction]:
        turn: Sequence[Instruction] = ()
        for event in events:
            if isinstance(event, StreamOpened) and not isinstance(self.line.deed, StreamOpened):
                return self.line.before_turn  # in the midst of the call
            self.session, did = decided(self.line, self.session, event)
            turn = did or turn
        self.turn = turn or self.turn
        return turn


class Answer(Struct, frozen=True):
    instructions: Sequence[Instruction] = ()


class Studio:
    """A stream on which a turn of the line is said again and again, and a far end that hears it."""

    def __init__(self, line: LiveLine, trial: type[Trial] = Trial) -> None:
        self.line, self.clock, self._made = line, Clock(line.now), trial
        shelf = full_shelf()
        self.streams = Streams(self._take, shelf, self.clock, Counts(), lambda queue: shelf.house.id)

    async def _take(self, ref: CallRef, queue: str, events: Sequence[CallEvent]) -> Answer:
        return Answer(self.trial.take(events))

    async def begin(self) -> None:
        """In the midst of the call; and what was done last is done, so that the turn begins to be said."""
        self.clock.back()
        self.trial, self.far = self._made(self.line), Ear(self.clock)
        ref = CallRef("twilio", CallId(f"CA{next(numbers)}"))
        token = self.streams.tokens.issue(ref, QUEUE)
        self.stream = self.streams.open(self.streams.tokens.redeem("twilio", token), WIRE, self.far)
        start = {"callSid": ref.call, "customParameters": {"token": token}}
        self.stream.hear(json.dumps({"event": "start", "streamSid": "MZ1", "sequenceNumber": "1", "start": start}))
        await self._answered()
        await self._deed()
        assert self.trial.session.saying == self.line.session.saying

    async def _deed(self) -> None:
        """As it comes in the service, but for the end of content: the turn behind it begins at once, as behind an alarm."""
        match self.line.deed:
            case DigitPressed(digit=digit):
                self.stream.hear(dtmf(digit))
            case UtteranceHeard(choice=choice, score=score):
                self.stream.said(choice, score, near=True)
            case (QueueMoved() | NoticePosted()) as deed:
                assert self.stream.interrupt(lambda name, at: replace(deed, at=at))
            case (ContentEnded() | TimeCame()) as deed:
                self.stream.perform(self.trial.take((deed,)))
        await self._answered()

    async def _answered(self) -> None:
        while self.streams._answering:
            await asyncio.sleep(0)

    def again(self) -> None:
        """The turn from its beginning, as if nothing had been keyed."""
        self.clock.back()
        self.trial.session, self.trial.turn = self.line.session, self.line.turn
        self.stream.perform(self.line.turn)

    async def advance(self, seconds: float) -> None:
        """From one moment at which the stream wants to be served to the next."""
        until = self.clock.seconds + seconds
        while self.clock.seconds < until:
            self.clock.seconds = min(until, max(self.stream.slot * SLOT, self.clock.seconds + SLOT))
            self.far.play()
            while self.far.marks:
                self.stream.hear(mark(self.far.marks.pop(0)))
            self.streams.turn(self.clock.monotonic())
            await self._answered()
        del self.far.heard[:-KEPT]

    @property
    def said(self) -> list[tuple[str, str]]:
        """Prompts of the present turn, with their languages."""
        return [(prompt, one.language) for one in self.trial.turn if isinstance(one, Say) for prompt in one.prompts]

    async def press(self, digit: str) -> HoldSession:
        """The session as it was before."""
        before, self.trial.turn = self.trial.session, ()
        self.stream.hear(dtmf(digit))
        await self._answered()
        return before


def dtmf(digit: str) -> str:
    number = str(next(numbers))
    return json.dumps({"event": "dtmf", "streamSid": "MZ1", "sequenceNumber": number, "dtmf": {"digit": digit}})


def mark(name: str) -> str:
    return json.dumps({"event": "mark", "streamSid": "MZ1", "mark": {"name": name}})


# --- what an ear takes it for ------------------------------------------------------------------------------------------


def is_like(heard: bytes, meant: bytes | memoryview) -> bool:
    if heard == meant:
        return bool(heard)
    size = min(len(heard), len(meant))  # else it is mixed with content
    one, other = decode(heard[:size]).astype(float), decode(bytes(meant[:size])).astype(float)
    return size > 0 and float(one @ other) > LIKE * float(np.sqrt((one @ one) * (other @ other)))


def begins_with(far: Ear, language: str, prompt: str) -> bool:
    """What comes next at the far end is this prompt from its start."""
    sound = full_shelf().prompt(language, prompt)[FIRST : FIRST + ENOUGH]
    return is_like(far.next[FIRST : FIRST + ENOUGH], sound)
