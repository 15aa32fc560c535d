"""A Twilio that behaves as documented: it takes calls, asks the service over signed webhooks, and does what it is told.

It knows the service by its addresses alone. What really happened stands in `truth`; what the service did that the
documentation does not allow, in `findings`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from email.utils import format_datetime
from urllib.parse import quote

import aiohttp
from msgspec import Struct, field

from holdsvc.simulator import dialling, gather, leg, streaming, waiting
from holdsvc.simulator.clock import SimClock
from holdsvc.simulator.findings import Findings
from holdsvc.simulator.hooks import CALM, Chaos, Hooks, Target
from holdsvc.simulator.leg import Deaf, Ear, Leg, Perform
from holdsvc.simulator.queues import Line, Queue
from holdsvc.simulator.sound import Sounds
from holdsvc.simulator.truth import Truth

NUMBER = "+15005550100"  # the contact centre's own; the 500 555 numbers belong to nobody
FRAME = 0.02  # seconds of sound in a message from the caller
VERBS: Mapping[str, Perform] = {
    "Say": leg.sound,
    "Play": leg.sound,
    "Pause": leg.sound,
    "Redirect": leg.redirect,
    "Hangup": leg.hang_up,
    "Reject": leg.hang_up,
    "Leave": leg.leave,
    "Gather": gather.gather,
    "Enqueue": waiting.enqueue,
    "Dial": dialling.dial,
    "Connect": streaming.connect,
}


class Figures(Struct):
    """What was measured by the machine's own clock, in seconds."""

    first_sound: list[float] = field(default_factory=list)  # from a stream's start to its first media
    switches: list[float] = field(default_factory=list)  # from a key on a stream to the service's clear
    gaps: int = 0  # times a stream's buffer ran dry


class Carrier:
    def __init__(
        self,
        target: Target,
        client: aiohttp.ClientSession,
        clock: SimClock,
        *,
        rng: random.Random,
        chaos: Chaos = CALM,
        keep_sounds: bool = False,
        rings: tuple[float, float] = (1.0, 4.0),
        frame: float = FRAME,
    ) -> None:
        """`frame`: seconds from one message of a caller's line to the next; more spares a load client most of its work."""
        self.clock = clock
        self.frame = frame
        self.client = client
        self.findings = Findings()
        self.truth = Truth(clock)
        self.hooks = Hooks(target, client, clock, self.findings, chaos=chaos, rng=random.Random(rng.random()))
        self.sounds = Sounds(self.hooks.fetch, clock, self.findings, keep=keep_sounds)
        self.line = Line(clock)
        self.figures = Figures()
        self.verbs = VERBS
        self._rng = random.Random(rng.random())
        self._calls_rng = random.Random(rng.random())  # callers' sids depend on nothing but their order
        self._rings = rings
        self.account = self.new_sid("AC")
        self._queues: dict[str, Queue] = {}
        self._fault: BaseException | None = None  # of our own: a call that broke off instead of ending
        self._calls: set[asyncio.Task[None]] = set()

    def place(self, number: str, *, queue: str, mode: str = "documents", ear: Ear | None = None) -> Leg:
        """A call comes in. It runs by itself; `leg.over` is resolved at its end."""
        call = self.truth.arrive(f"CA{self._calls_rng.getrandbits(128):032x}", number)
        call.mode = mode
        placed = Leg(self, call, to=NUMBER, queue=queue, voice_url=self.voice_url(queue, mode), ear=ear or Deaf())
        task = asyncio.create_task(placed.run())
        self._calls.add(task)
        task.add_done_callback(self._one_over)
        return placed

    def _one_over(self, task: asyncio.Task[None]) -> None:
        self._calls.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._fault = self._fault or task.exception()

    def voice_url(self, queue: str, mode: str = "documents") -> str:
        media = "&media=stream" if mode == "stream" else ""
        return f"{self.hooks.target.signed_base}/hooks/twilio/call?queue={quote(queue)}{media}"

    def hold_url(self, queue: str) -> str:
        """What a caller hears whom an agent puts on hold in mid-call."""
        return f"{self.hooks.target.signed_base}/hooks/twilio/hold?queue={quote(queue)}"

    def agent_url(self, queue: str) -> str:
        """The document that the contact centre's <Dial><Queue> names, for the caller who is about to be bridged."""
        return f"{self.hooks.target.signed_base}/hooks/twilio/agent?queue={quote(queue)}"

    def queue(self, name: str) -> Queue:
        return self._queues.setdefault(name, Queue(name, self.new_sid("QU")))

    def new_sid(self, kind: str) -> str:
        return f"{kind}{self._rng.getrandbits(128):032x}"

    def ring_seconds(self) -> float:
        return self._rng.uniform(*self._rings)

    def status(self, leg: Leg, status: str) -> bool:
        """A status callback for the caller's leg. True if it went out at once."""
        sequence, leg.sequence = leg.sequence, leg.sequence + 1
        news = {
            "CallStatus": status,
            "SequenceNumber": str(sequence),
            "Timestamp": format_datetime(self.clock.now().replace(microsecond=0)),
            "CallbackSource": "call-progress-events",
        }
        if status == "completed":
            news["CallDuration"] = str(int((self.clock.now() - leg.call.began).total_seconds()))
        return self.hooks.tell(self._status_url, {**leg.standard(), **news}, call=leg.sid)

    def conference(self, leg: Leg, event: str) -> bool:
        """A conference status callback: the agent puts the caller on hold, and is back. True if it went out at once."""
        stamp = format_datetime(self.clock.now().replace(microsecond=0))
        news = {"StatusCallbackEvent": event, "Timestamp": stamp, "Hold": str(event == "participant-hold").lower()}
        return self.hooks.tell(self._status_url, {**leg.standard(), **news}, call=leg.sid)

    @property
    def _status_url(self) -> str:
        return f"{self.hooks.target.signed_base}/hooks/twilio/status"

    async def ask_release(self, leg: Leg) -> bool:
        """What the contact centre's own software does when an agent is there for a caller on a stream."""
        target = self.hooks.target
        headers = {"Authorization": f"Bearer {target.api_token}"} if target.api_token else {}
        try:
            with self.clock.busy():
                url = f"{target.base.rstrip('/')}/api/v1/calls/{leg.sid}/release"
                async with self.client.post(url, headers=headers) as answer:
                    status = answer.status
        except (aiohttp.ClientError, TimeoutError):
            status = 0
        if not 200 <= status < 300 and not leg.over.done() and leg.stream is not None:
            self.findings.add("release", f"a release was answered with status {status}", call=leg.sid)
        return 200 <= status < 300

    async def drop(self) -> None:
        """Give up on what is still under way: the side that would hear of it is gone. Nothing is left behind."""
        while self._calls:
            for task in self._calls:
                task.cancel()
            await asyncio.gather(*self._calls, return_exceptions=True)
        await self.hooks.drop()

    async def all_over(self) -> None:
        """Until every call has ended and all news of it has been delivered."""
        while self._calls:
            await asyncio.gather(*self._calls, return_exceptions=True)
        await self.hooks.all_told()
        if self._fault is not None:
            raise self._fault
