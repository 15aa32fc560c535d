"""The browser phone's line: who calls from the page is a caller of this carrier, and hears what a caller hears.

page -> line: call, dtmf, say, media, hangup, agent.
line -> page: ringing, answered, media, clear, caption, understood, hook, ended.
One websocket a page, JSON in text frames; one call at a time on each.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import random
import re
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from urllib.parse import urlsplit

from aiohttp import WSCloseCode, WSMsgType, web

from holdsvc.simulator.agents import Agent
from holdsvc.simulator.carrier import Carrier
from holdsvc.simulator.clock import RealClock
from holdsvc.simulator.habits import Habits
from holdsvc.simulator.hooks import Hook, Target, client_session
from holdsvc.simulator.leg import Gone, Leg, Pressed, Spoke
from holdsvc.simulator.sound import Sound
from holdsvc.simulator.speaker import Speaker
from holdsvc.simulator.truth import Call, End
from holdsvc.simulator.twiml import KEYS

MOST = 8  # pages at once
PROTOCOL = "holdsvc.phone"
FRAME = 160  # bytes of mu-law in 20 ms
LONGEST_SAID = 200  # characters
LARGEST_MESSAGE = 32 * 1024  # bytes from the page
SHOWN = 8 * 1024  # bytes of an answer in the side-by-side view
QUEUED = 400  # messages on their way to the page; a page that does not read loses sound, never the end of the call
NUMBER = re.compile(r"\+?\d{3,20}|anonymous|")
SPACING = re.compile(r"[ ()./-]")
OF_A_PERSON = frozenset({"From", "To", "Caller", "Called"})  # fields that hold a number, however it is written
DIGITS = re.compile(r"(?<![\w.])(\+\d{2}|%2B\d{2})\d{4,11}(\d{2})(?!\w)")
LAST_NEWS = 5.0  # seconds that the news of a call's end may take once its page is gone
AGENT_STAYS = 1.0  # seconds the page's agent talks: long enough to be seen


Captions = Callable[[str], AsyncIterator[str | Mapping[str, object]]]


def line_routes(
    base: str,
    token: str,
    *,
    captions: Captions | None = None,
    most: int = MOST,
    phones: set[Phone] | None = None,
) -> list[web.RouteDef]:
    """To be mounted on the service's own port, which answers at `base` and knows `token` for the carrier's.

    `captions` tells what is said on a stream, by CallSid, where the service can tell it beside the sound; and what the caller's
    own words were understood as. `phones` holds whoever is on a line, for the service to take leave of. Who may open a line is the
    service's to say, before this is asked.
    """
    open_lines = set() if phones is None else phones

    async def line(request: web.Request) -> web.StreamResponse:
        if not _same_origin(request):
            raise web.HTTPForbidden(text="this page is not ours")
        if len(open_lines) >= most:
            raise web.HTTPServiceUnavailable(text="all lines are in use")
        socket = web.WebSocketResponse(protocols=(PROTOCOL,), heartbeat=20, max_msg_size=LARGEST_MESSAGE)
        await socket.prepare(request)
        async with Phone.opened(socket, Target(base, token), captions) as phone:
            open_lines.add(phone)
            try:
                await phone.listen()
            finally:
                open_lines.discard(phone)
        return socket

    return [web.get("/phone/line", line)]


def _same_origin(request: web.Request) -> bool:
    """Another site's page in the same browser may not place calls here."""
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host


class Phone:
    """One page's line. It is the ear of the call that it places."""

    def __init__(self, socket: web.WebSocketResponse, carrier: Carrier, captions: Captions | None) -> None:
        self._socket = socket
        self._carrier = carrier
        self._captions = captions
        self._leg: Leg | None = None
        self._out: asyncio.Queue[str] = asyncio.Queue(QUEUED)
        self._speaker = Speaker(self._tell_fields, time.monotonic)
        self._tasks: set[asyncio.Task[None]] = set()
        self._gone = asyncio.Event()

    @classmethod
    @contextlib.asynccontextmanager
    async def opened(
        cls, socket: web.WebSocketResponse, target: Target, captions: Captions | None
    ) -> AsyncIterator[Phone]:
        async with client_session() as client:
            carrier = Carrier(target, client, RealClock(), rng=random.Random(), keep_sounds=True)
            phone = cls(socket, carrier, captions)
            carrier.hooks.watch = phone.show
            try:
                yield phone
            finally:
                await phone.close()
                phone._gone.set()

    async def listen(self) -> None:
        self._begin(self._write())
        self._begin(self._speaker.run())
        async for message in self._socket:
            if message.type is not WSMsgType.TEXT:
                continue
            try:
                said = json.loads(message.data)
                self._take(str(said["event"]), said)
            except (ValueError, KeyError, TypeError) as error:
                self._tell("error", reason=f"not understood ({type(error).__name__})")

    async def part(self) -> None:
        """The service is about to stop: the line ends, and its call with it. Returns when that has been told."""
        await self._socket.close(code=WSCloseCode.GOING_AWAY)
        await self._gone.wait()

    async def close(self) -> None:
        """The page is gone: so is the caller. The last news of the call is still delivered."""
        if self._leg is not None and not self._leg.over.done():
            self._leg.signal(Gone())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._carrier.all_over(), LAST_NEWS)
        await self._carrier.drop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- from the page

    def _take(self, event: str, said: Mapping[str, object]) -> None:
        if event == "call":
            self._call(said)
        elif self._leg is None or self._leg.over.done():
            return
        elif event == "dtmf" and str(said["digit"]) in KEYS:
            self._leg.signal(Pressed(str(said["digit"])))
        elif event == "say":
            self._leg.signal(Spoke(str(said["text"]).strip()[:LONGEST_SAID], seconds=0.2, confidence=0.93))
        elif event == "media":
            self._speak(base64.b64decode(str(said["payload"]), validate=True))
        elif event == "hangup":
            self._leg.signal(Gone())
        elif event == "agent" and self._carrier.line.busy:
            self._begin(self._agent())

    def _call(self, said: Mapping[str, object]) -> None:
        if self._leg is not None and not self._leg.over.done():
            return
        number = SPACING.sub("", str(said.get("from", "")))
        if not NUMBER.fullmatch(number):
            self._tell("ended", reason="failed")
            return
        mode = "stream" if said.get("mode") == "stream" else "documents"
        self._tell("ringing")
        leg = self._leg = self._carrier.place(
            number, queue=str(said.get("queue") or "support")[:64], mode=mode, ear=self
        )
        leg.over.add_done_callback(lambda _: self._tell("ended", reason=ending(leg.call)))
        if mode == "stream" and self._captions is not None:
            self._begin(self._caption(leg, self._captions(leg.sid)))

    def _speak(self, samples: bytes) -> None:
        stream = self._leg.stream if self._leg else None
        if stream is not None:
            stream.microphone.extend(samples[start : start + FRAME] for start in range(0, len(samples), FRAME))

    async def _agent(self) -> None:
        """Somebody takes the call, for the page to see: the caller's sound stops, and the talk is short."""
        habits = Habits(talk=AGENT_STAYS, holds=0.0, wordless=0.0)
        await Agent(self._carrier, habits, random.Random()).serve(await self._carrier.line.next())

    async def _caption(self, leg: Leg, captions: AsyncIterator[str | Mapping[str, object]]) -> None:
        async for told in captions:
            if isinstance(told, str):
                self._tell("caption", text=told)
            else:
                self._tell("understood", **told)
            if leg.over.done():
                return

    # --- to the page

    def play(self, sound: Sound) -> None:
        if sound.caption:
            self._tell("caption", text=sound.caption)
        self._speaker.add(sound.samples)

    def say(self, text: str) -> None:
        self._tell("caption", text=text)

    def stop(self) -> None:
        self._speaker.clear()

    def frames(self, payload: bytes) -> None:
        self._speaker.add(payload)

    def clear(self) -> None:
        self._speaker.clear()

    def became(self, state: str) -> None:
        if state == "in-progress":
            self._tell("answered")

    def show(self, hook: Hook) -> None:
        """A webhook, for the side-by-side view: once when it goes out, once when it is answered."""
        about = {"id": str(hook.number), "step": hook.step, "method": hook.method, "url": masked(hook.url)}
        if hook.answered:
            body = masked(hook.body[:SHOWN].decode(errors="replace"))
            self._tell("hook", direction="response", **about, status=hook.status, body=body, at=time.time())
        else:
            fields = {name: masked(value, whole=name in OF_A_PERSON) for name, value in hook.fields}
            self._tell("hook", direction="request", **about, body=fields, at=time.time())

    def _tell_fields(self, event: str, fields: dict[str, str]) -> None:
        self._tell(event, **fields)

    def _tell(self, event: str, **fields: object) -> None:
        if self._out.full() and event == "media":
            return
        if self._out.full():
            self._out.get_nowait()
        self._out.put_nowait(json.dumps({"event": event, **fields}))

    async def _write(self) -> None:
        while True:
            text = await self._out.get()
            with contextlib.suppress(ConnectionError):
                await self._socket.send_str(text)

    def _begin(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def ending(call: Call) -> str:
    """How a call ended, in the page's words."""
    ends = {wait.end for wait in call.waits}
    if End.ANSWERED in ends:
        return "agent"
    if End.FAILED in ends or not call.waits:
        return "failed"
    return "caller" if End.HUNG_UP in ends else "service"


def masked(text: str, *, whole: bool = False) -> str:
    """Numbers with their middle taken out, as they are anywhere else where people look. `whole`: all of it is one."""
    if whole and len(text) > 6 and any(letter.isdigit() for letter in text):
        return f"{text[:3]}…{text[-2:]}"
    return DIGITS.sub(r"\1…\2", text)
