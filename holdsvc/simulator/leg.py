"""A caller's call at the carrier: it fetches documents, does what they say, and notices what happens meanwhile.

What happens to a leg arrives as a signal. Keys and words are heard only where a verb listens for them; a hang-up, an agent or
a move interrupts whatever the leg does, as an exception.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qsl, urlsplit

from msgspec import Struct

from holdsvc.simulator import holding, truth, twiml
from holdsvc.simulator.clock import SimClock
from holdsvc.simulator.findings import Findings
from holdsvc.simulator.hooks import Hooks
from holdsvc.simulator.signals import (
    AgentLeft,
    Broken,
    Ended,
    Gone,
    Left,
    Moved,
    Pressed,
    Signal,
    Spoke,
    StreamOver,
    Taken,
    Taker,
)
from holdsvc.simulator.sound import Sound, Sounds

__all__ = [
    "AgentLeft",
    "Broken",
    "Ended",
    "Gone",
    "Left",
    "Moved",
    "Pressed",
    "Signal",
    "Spoke",
    "StreamOver",
    "Taken",
    "Taker",
]

if TYPE_CHECKING:
    import aiohttp

    from holdsvc.simulator.carrier import Figures
    from holdsvc.simulator.queues import Line, Queue
    from holdsvc.simulator.streaming import MediaStream

SPOKEN = 14.0  # characters a second of a synthetic voice: an estimate, only its order matters
BREATH = 0.4  # seconds that even the shortest Say lasts
ENDLESS = 1000  # rounds of loop="0"
DOOR = "/hooks/twilio/call"  # the service's address for a call that comes in
STALLED = 1.0  # seconds a document that takes no time is made to last, so that nobody spins


class Jump(Struct, frozen=True):
    """Go on with this document. `fields` are added to those that every request has."""

    url: str
    method: str = "POST"
    fields: Mapping[str, str] = {}


class Ear(Protocol):
    """Whoever listens to the call: the browser phone's line, or nobody."""

    def play(self, sound: Sound) -> None: ...
    def say(self, text: str) -> None: ...
    def stop(self) -> None: ...
    def frames(self, payload: bytes) -> None: ...
    def clear(self) -> None: ...
    def became(self, state: str) -> None: ...


class Deaf:
    """Nobody listens."""

    def play(self, sound: Sound) -> None: ...
    def say(self, text: str) -> None: ...
    def stop(self) -> None: ...
    def frames(self, payload: bytes) -> None: ...
    def clear(self) -> None: ...
    def became(self, state: str) -> None: ...


class Switchboard(Protocol):
    """The carrier, as far as a leg needs it."""

    clock: SimClock
    hooks: Hooks
    sounds: Sounds
    findings: Findings
    truth: truth.Truth
    account: str
    verbs: Mapping[str, Perform]
    line: Line
    client: aiohttp.ClientSession
    figures: Figures
    frame: float

    def queue(self, name: str) -> Queue: ...
    def new_sid(self, kind: str) -> str: ...
    def ring_seconds(self) -> float: ...
    async def ask_release(self, leg: Leg) -> bool: ...
    def status(self, leg: Leg, status: str) -> bool: ...
    def conference(self, leg: Leg, event: str) -> bool: ...


AT_THE_DOOR = 1.0  # seconds between the question at the front door and the news of the hang-up

Perform = Callable[["Leg", twiml.Verb, twiml.Document, twiml.Place], Awaitable[Jump | None]]


class Leg:
    def __init__(self, board: Switchboard, call: truth.Call, *, to: str, queue: str, voice_url: str, ear: Ear) -> None:
        self.board = board
        self.call = call
        self.to = to
        self.queue_name = queue
        self.ear = ear
        self.state = "ringing"
        self.sequence = 0  # of status callbacks
        self.reserved: Taker | None = None  # the agent for whom the service released the stream
        self.holder: Taker | None = None  # the agent who put the caller on hold in mid-call, until they talk again
        self.let_go: datetime | None = None  # when the service closed the stream of its own accord
        self.closed: datetime | None = None  # when the service closed the stream, for whatever reason
        self.takeable = False  # in a queue, so that an agent may take the caller out of it
        self.stream: MediaStream | None = None  # while one is open
        self.queue_fields: Callable[[], dict[str, str]] = dict  # what a waitUrl request adds
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._voice_url = voice_url
        self._inbox: deque[Signal] = deque()
        self._wake: asyncio.Future[None] | None = None

    @property
    def sid(self) -> str:
        return self.call.sid

    def signal(self, signal: Signal) -> None:
        """News for the leg, from the caller, an agent or the contact centre."""
        self._inbox.append(signal)
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def standard(self) -> dict[str, str]:
        """The fields of every request about this call."""
        return {
            "CallSid": self.sid,
            "AccountSid": self.board.account,
            "From": self.call.number,
            "To": self.to,
            "Caller": self.call.number,
            "Called": self.to,
            "CallStatus": self.state,
            "ApiVersion": "2010-04-01",
            "Direction": "inbound",
            "FromCountry": "US" if self.call.number.startswith("+1") else "",
        }

    async def run(self) -> None:
        """The whole call, from the voice webhook to its end. Raises nothing that belongs to a call."""
        self.board.status(self, "ringing")
        try:
            await self._documents(Jump(self._voice_url))
            self._give_up(truth.End.ANSWERED if self.reserved else truth.End.SENT_AWAY)
        except Gone:
            self._gone_at_the_door()
            self._give_up(truth.End.HUNG_UP)
        except (Ended, Left):
            self._give_up(truth.End.SENT_AWAY)
        except Broken:
            self._give_up(truth.End.FAILED)
        finally:
            self._close()

    async def _documents(self, jump: Jump | None) -> None:
        back: Taker | None = None
        while jump is not None or back is not None:
            try:
                if back is not None:
                    jump, taker, back = None, back, None
                    await holding.talk_on(self, taker)
                elif jump is not None:
                    jump = await self._document(jump)
            except Moved as moved:
                holding.put_aside(self)
                jump = Jump(moved.url)
            except Taken as taken:
                back = taken.taker

    async def _document(self, jump: Jump) -> Jump | None:
        place = twiml.Place.CALL if self.holder is None else twiml.Place.BEFORE_BRIDGE
        document = await self.fetch(jump, place)
        if self.state == "ringing":
            self.state = "in-progress"
            self.ear.became(self.state)
            self.board.status(self, "in-progress")
        return await self.run_document(document, place)

    def _at_a_door(self, url: str) -> None:
        """Here a wait of its own begins; one from which a stream has let the caller go is over."""
        parts = urlsplit(url)
        if parts.path == DOOR:
            self.call.at_a_door = True
            self.queue_name = dict(parse_qsl(parts.query)).get("queue", self.queue_name)
            if self.closed is not None:
                self.board.truth.release(self.call, truth.End.SENT_AWAY, at=self.closed)
                self.let_go = self.closed = None
                if self.reserved is not None:  # for whom the caller was let go too late
                    self.reserved.free(self)
                    self.reserved = None

    def _gone_at_the_door(self) -> None:
        """Who is to come by a stream waits from the front door on, also if the hang-up was faster than the stream."""
        if self.call.mode == "stream" and self.call.at_a_door:
            self.board.truth.hold(self.call, self.queue_name).slack = AT_THE_DOOR

    def _give_up(self, end: truth.End) -> None:
        if self.let_go is not None:
            self.board.truth.release(self.call, truth.End.SENT_AWAY, at=self.let_go)
        self.board.truth.release(self.call, end, prompt=end is truth.End.HUNG_UP)

    def _close(self) -> None:
        if not self.over.done():
            self.over.set_result(None)
        takers = [signal.taker for signal in self._inbox if isinstance(signal, Taken)]
        for taker in (*takers, self.reserved, self.holder):
            if taker is not None:
                taker.free(self)
        self.ear.stop()
        self.state = "completed"
        self.call.ended = self.board.clock.now()
        if (
            not self.board.status(self, "completed")
            and self.call.waits
            and self.call.waits[-1].end is truth.End.HUNG_UP
        ):
            self.call.waits[-1].prompt = False

    async def fetch(self, jump: Jump, place: twiml.Place) -> twiml.Document:
        """The document at the end of a jump; Broken if there is none that could be run."""
        self._at_a_door(jump.url)
        fields = {**self.standard(), **jump.fields}
        hook = await self.board.hooks.ask(jump.url, fields, call=self.sid, method=jump.method)
        if not 200 <= hook.status < 300:
            raise Broken
        document = twiml.read(hook.body, hook.content_type, jump.url, place)
        for code, sentence in document.complaints:
            self.board.findings.add(code, sentence, call=self.sid, url=jump.url)
        if document.broken:
            raise Broken
        self.heed()
        return document

    async def run_document(self, document: twiml.Document, place: twiml.Place) -> Jump | None:
        """Verb by verb; where it goes on, or None when it ran out."""
        for verb in document.verbs:
            perform = self.board.verbs.get(verb.name)
            if perform is None:
                self.board.findings.add("unplayed", f"<{verb.name}> is not simulated", call=self.sid, url=document.url)
                continue
            jump = await perform(self, verb, document, place)
            if jump is not None:
                return jump
        return None

    def heed(self) -> None:
        """Raise what interrupts, if it has come while the leg could not listen."""
        for signal in list(self._inbox):
            if isinstance(signal, Gone | Moved | Taken):
                self._inbox.remove(signal)
                self._interrupt(signal)

    def _interrupt(self, signal: Gone | Moved | Taken) -> None:
        if isinstance(signal, Taken) and not self.takeable and signal.taker is not self.holder:
            signal.taker.free(self)  # the caller had left the queue before the agent came
        else:
            raise signal

    async def listen(self, seconds: float | None, *wanted: type) -> Signal | None:
        """The first wanted signal within so many seconds, or None. What interrupts is raised; other signals are lost."""
        clock = self.board.clock
        until = None if seconds is None else clock.monotonic() + seconds
        while True:
            while self._inbox:
                signal = self._inbox.popleft()
                if isinstance(signal, Gone | Moved | Taken):
                    self._interrupt(signal)
                    continue
                self._remember(signal, isinstance(signal, wanted))
                if isinstance(signal, wanted):
                    return signal
            left = None if until is None else until - clock.monotonic()
            if left is not None and left <= 1e-9:
                return None
            self._wake = asyncio.get_running_loop().create_future()
            await clock.wait(self._wake, left)

    def _remember(self, signal: Signal, listened: bool) -> None:
        if isinstance(signal, Pressed):
            self.call.pressed.append((signal.digit, listened))
        elif isinstance(signal, Spoke):
            self.call.pressed.append((signal.text, listened))

    async def sound(self, verb: twiml.Verb, document: twiml.Document, *wanted: type) -> Signal | None:
        """Say, Play or Pause, up to the first wanted signal."""
        if verb.name == "Play" and "digits" not in verb.attributes:
            return await self._play(verb, document.resolve(verb.text), *wanted)
        if verb.name == "Say":
            return await self._say(verb, *wanted)
        length = 0.5 * len(verb.attributes.get("digits", "")) if verb.name == "Play" else verb.number("length", 1)
        return await self._during(float(length), "", *wanted)

    async def _play(self, verb: twiml.Verb, url: str, *wanted: type) -> Signal | None:
        if self.board.hooks.target.reach(url) is None:
            self.board.findings.add("elsewhere", "a document plays a sound of another host", call=self.sid, url=url)
            return None
        sound = await self.board.sounds.get(url, call=self.sid)
        self.heed()
        if sound is None:
            return None
        for _ in range(verb.number("loop", 1) or ENDLESS):
            self.ear.play(sound)
            self.call.hears(url)
            signal = await self._during(sound.seconds, url, *wanted)
            if signal is not None:
                self.call.interrupted = url
                return signal
        return None

    async def _say(self, verb: twiml.Verb, *wanted: type) -> Signal | None:
        for _ in range(verb.number("loop", 1) or ENDLESS):
            self.ear.say(verb.text)
            signal = await self._during(BREATH + len(verb.text) / SPOKEN, "say:", *wanted)
            if signal is not None:
                return signal
        return None

    async def _during(self, seconds: float, what: str, *wanted: type) -> Signal | None:
        began = self.board.clock.monotonic()
        signal: Signal | None = None
        complete = False
        try:
            signal = await self.listen(seconds, *wanted)
            complete = signal is None
        finally:
            if what and self.call.open_wait():
                self.call.heard[what] += self.board.clock.monotonic() - began
            if not complete:
                self.ear.stop()
        return signal


async def sound(leg: Leg, verb: twiml.Verb, document: twiml.Document, place: twiml.Place) -> Jump | None:
    await leg.sound(verb, document)
    return None


async def redirect(leg: Leg, verb: twiml.Verb, document: twiml.Document, place: twiml.Place) -> Jump | None:
    fields = leg.queue_fields() if place is twiml.Place.WAIT else {}
    return Jump(document.resolve(verb.text), verb.attributes.get("method", "POST"), fields)


async def hang_up(leg: Leg, verb: twiml.Verb, document: twiml.Document, place: twiml.Place) -> Jump | None:
    raise Ended


async def leave(leg: Leg, verb: twiml.Verb, document: twiml.Document, place: twiml.Place) -> Jump | None:
    if place is twiml.Place.WAIT:
        raise Left
    leg.board.findings.add("leave", "<Leave> stands where the caller is in no queue", call=leg.sid, url=document.url)
    return None
