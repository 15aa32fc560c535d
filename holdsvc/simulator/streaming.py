"""<Connect><Stream>: the carrier's end of the media websocket. Sends what the caller's line gives, plays what comes."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
import time
from collections import deque
from urllib.parse import urlsplit

import aiohttp

from holdsvc.simulator.leg import Gone, Jump, Leg, Moved, Pressed, StreamOver, Taker
from holdsvc.simulator.playout import Playout
from holdsvc.simulator.queues import Offer
from holdsvc.simulator.signing import HEADER, sign
from holdsvc.simulator.twiml import Document, Place, Verb

PIECE = 160  # bytes of that
QUIET = base64.b64encode(b"\xff" * 160).decode()  # 20 ms of mu-law silence
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
GATHERED = 3  # frames for which what the caller says waits, so that one that comes late breaks no word
SAID = 500  # frames that a caller may be ahead of the line: 10 s; what is older is lost
TOO_FAR_AHEAD = 60.0  # seconds of unplayed sound that nobody sends on purpose


class MediaStream:
    """One open socket. `microphone` holds what the caller says, in mu-law, 20 ms a piece."""

    def __init__(self, leg: Leg, socket: aiohttp.ClientWebSocketResponse, verb: Verb) -> None:
        self.leg = leg
        self.sid = leg.board.new_sid("MZ")
        self.playout = Playout()
        self.microphone: deque[bytes] = deque(maxlen=SAID)
        self._waited = 0  # frames, since there was something to say
        self._socket = socket
        self._parameters = {p.attributes.get("name", ""): p.attributes.get("value", "") for p in verb.children}
        self._sequence = 0
        self._opened = 0.0
        self._keyed: float | None = None
        self._marked: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def open(self) -> None:
        await self._socket.send_str('{"event":"connected","protocol":"Call","version":"1.0.0"}')
        start = {
            "streamSid": self.sid,
            "accountSid": self.leg.board.account,
            "callSid": self.leg.sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": self._parameters,
        }
        self._opened = time.perf_counter()
        await self.send("start", start=start)

    async def send(self, event: str, **body: object) -> None:
        """One message. That a socket is gone is noticed by `receive`."""
        self._sequence += 1
        message = {"event": event, "sequenceNumber": str(self._sequence), "streamSid": self.sid, **body}
        with contextlib.suppress(aiohttp.ClientError, ConnectionError):
            await self._socket.send_str(json.dumps(message, separators=(",", ":")))

    async def key(self, digit: str) -> None:
        self._keyed = time.perf_counter()
        await self.send("dtmf", dtmf={"track": "inbound_track", "digit": digit})

    async def speak(self) -> None:
        """What the line gives, 50 times a second as a rule; silence where it gives nothing."""
        clock, every = self.leg.board.clock, self.leg.board.frame
        began, chunk = clock.monotonic(), 0
        while not self._socket.closed:
            payload = self._next_said()
            passed = int((clock.monotonic() - began) * 1000)
            chunk += 1
            media = {"track": "inbound", "chunk": str(chunk), "timestamp": str(passed), "payload": payload}
            await self.send("media", media=media)
            await clock.sleep(began + chunk * every - clock.monotonic())

    def say(self, sound: bytes) -> None:
        """Mu-law, behind what is being said."""
        whole = sound + b"\xff" * (-len(sound) % PIECE)
        self.microphone.extend(whole[at : at + PIECE] for at in range(0, len(whole), PIECE))

    def _next_said(self) -> str:
        self._waited = self._waited + 1 if self.microphone else 0
        return base64.b64encode(self.microphone.popleft()).decode() if self._waited > GATHERED else QUIET

    async def receive(self) -> None:
        """Until the service closes."""
        async for message in self._socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                await self._take(message.data)
            else:
                self._complain("stream_binary", "a stream message was not text")
        self.leg.signal(StreamOver())

    async def echo_marks(self) -> None:
        clock = self.leg.board.clock
        while True:
            for name in self.playout.reached(clock.monotonic()):
                await self.send("mark", mark={"name": name})
            due = self.playout.next_mark()
            self._marked = asyncio.get_running_loop().create_future()
            await clock.wait(self._marked, None if due is None else due - clock.monotonic())

    async def _take(self, text: str) -> None:
        event = "stream"
        try:
            message = json.loads(text)
            event, stream = str(message["event"]), message["streamSid"]
            if stream != self.sid:
                self._complain("stream_sid", f"a {event} message carries a streamSid that is not this stream's")
            elif event == "media":
                self._media(base64.b64decode(message["media"]["payload"], validate=True))
            elif event == "mark":
                self._mark(str(message["mark"]["name"]))
            elif event == "clear":
                await self._clear()
            else:
                self._complain("stream_event", f"the carrier knows no stream message {event[:20]!r}")
        except (ValueError, KeyError, TypeError, binascii.Error):
            self._complain("stream_body", f"a {event[:20]} message lacks what it must have")

    def _media(self, samples: bytes) -> None:
        board = self.leg.board
        if self.playout.received == 0:
            board.figures.first_sound.append(time.perf_counter() - self._opened)
        self.playout.media(len(samples), board.clock.monotonic())
        if self.playout.ahead(board.clock.monotonic()) > TOO_FAR_AHEAD:
            self._complain("stream_ahead", f"a stream ran more than {TOO_FAR_AHEAD:.0f} s ahead of the caller's ear")
        self.leg.ear.frames(samples)

    def _mark(self, name: str) -> None:
        self.playout.mark(name, self.leg.board.clock.monotonic())
        if not self._marked.done():
            self._marked.set_result(None)

    async def _clear(self) -> None:
        if self._keyed is not None:
            self.leg.board.figures.switches.append(time.perf_counter() - self._keyed)
            self._keyed = None
        self.leg.ear.clear()
        for name in self.playout.clear(self.leg.board.clock.monotonic()):
            await self.send("mark", mark={"name": name})

    def _complain(self, code: str, sentence: str) -> None:
        self.leg.board.findings.add(code, sentence, call=self.leg.sid)


async def connect(leg: Leg, verb: Verb, document: Document, place: Place) -> Jump | None:
    """The caller is on the stream until the service closes it; then the verbs behind it have their turn."""
    stream = next((child for child in verb.children if child.name == "Stream"), None)
    if stream is None:
        leg.board.findings.add("nesting", "<Connect> names no <Stream>", call=leg.sid, url=document.url)
        return None
    socket = await _dial_in(leg, stream.attributes.get("url", ""))
    if socket is None:
        return None
    leg.call.mode = "stream"
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(socket.close)
        await _converse(leg, MediaStream(leg, socket, stream))
    action = verb.attributes.get("action", "")
    return Jump(document.resolve(action), verb.attributes.get("method", "POST")) if action else None


async def _dial_in(leg: Leg, url: str) -> aiohttp.ClientWebSocketResponse | None:
    board = leg.board
    if url.startswith("ws:") and urlsplit(url).hostname not in LOOPBACK:
        board.findings.add("stream_url", "a <Stream> to another host must be wss", call=leg.sid, url=url)
        return None
    reached = board.hooks.target.reach(url)
    if reached is None:
        board.findings.add("elsewhere", "a <Stream> goes to another host", call=leg.sid, url=url)
        return None
    try:
        with board.clock.busy():
            headers = {HEADER: sign(board.hooks.target.token, url)}
            return await board.client.ws_connect(reached, headers=headers, max_msg_size=1 << 20, compress=0)
    except (aiohttp.ClientError, TimeoutError) as error:
        status = getattr(error, "status", "no answer")
        board.findings.add("stream_refused", f"a stream's handshake was refused ({status}; 31920)", call=leg.sid)
        return None


async def _converse(leg: Leg, stream: MediaStream) -> None:
    board = leg.board
    board.truth.hold(leg.call, leg.queue_name)
    leg.let_go = leg.closed = None
    await stream.open()
    tasks = [asyncio.create_task(work) for work in (stream.speak(), stream.receive(), stream.echo_marks())]
    offer = Offer(leg, lambda taker: _release(leg, taker))
    if leg.reserved is None and leg.holder is None:
        board.line.join(offer)
    leg.stream = stream
    try:
        while True:
            signal = await leg.listen(None, Pressed, StreamOver)
            if isinstance(signal, Pressed):
                leg.call.waits[-1].keys.append(board.clock.now())
                await stream.key(signal.digit)
                continue
            leg.closed = board.clock.now()
            if leg.reserved is None:
                leg.let_go = leg.closed
            return
    except (Gone, Moved):
        await stream.send("stop", stop={"accountSid": board.account, "callSid": leg.sid})
        raise
    finally:
        leg.stream = None
        board.line.leave(offer)
        leg.call.heard["stream:"] += stream.playout.heard(board.clock.monotonic())
        board.figures.gaps += stream.playout.gaps
        leg.ear.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _release(leg: Leg, taker: Taker) -> None:
    """The contact centre asks the service to let the caller go, for this agent."""
    leg.reserved = taker
    if not await leg.board.ask_release(leg) and leg.reserved is taker:
        leg.reserved = None
        taker.free(leg)
