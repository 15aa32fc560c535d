"""The simplest service that the browser pages can talk to: an exchange that plays one tone a key, and a wall that can be cut off.

It has its own mu-law, so that the pages' decoder is compared with something. Its answers carry the service's policy for content.
"""

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from aiohttp import WSMsgType, web

PAGES = Path(__file__).parents[2] / "holdsvc" / "web" / "pages"
POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
RATE = 8000
BLOCK = 1600  # samples: 200 ms
LEAD = 10  # blocks sent ahead of real time: 2 s, so that only a clear makes room for a new sound
TONES = {"": 440.0, "1": 697.0, "2": 1209.0, "3": 1477.0, "5": 0.0}  # 5 is "quiet"
AMPLITUDE = 0.25

FIRST = """<Response><Say>Thank you for calling.</Say>
<Enqueue waitUrl="/hooks/twilio/wait?queue=support">support</Enqueue></Response>"""
WAIT = """<?xml version="1.0" encoding="UTF-8"?><Response>
<Gather input="dtmf speech" numDigits="1" timeout="1" action="/hooks/twilio/input?queue=support&amp;turn=2">
<Play>/audio/9f/house-0000.wav?sig=5ad1</Play></Gather>
<Redirect>/hooks/twilio/wait?queue=support&amp;turn=3</Redirect></Response>"""


def mu_law(samples: np.ndarray) -> bytes:
    """G.711 by its definition: the segment is the highest bit, the step the four bits below."""
    level = np.minimum(np.abs(np.round(samples * 32768)), 32635).astype(np.int64) + 132
    segment = np.floor(np.log2(level)).astype(np.int64) - 7
    step = (level >> (segment + 3)) & 15
    sign = np.where(samples < 0, 128, 0)
    return bytes((255 - (sign | segment << 4 | step)).astype(np.uint8))


def linear(codes: bytes) -> np.ndarray:
    bits = 255 - np.frombuffer(codes, np.uint8).astype(np.int64)
    level = (((bits & 15) << 3) + 132 << (bits >> 4 & 7)) - 132
    return np.where(bits & 128, -level, level) / 32768


class FakeService:
    """Serves the pages; keeps what they sent, and lets a test cut them off."""

    def __init__(self, voice: bool = False, token: str = "") -> None:
        self.voice = voice
        self.token = token
        self.refusal = 401
        self.lines_in_use = False
        self.received: list[dict[str, str]] = []
        self.calls: list[FakeCall] = []
        self.wall_is = "live"  # or "refusing", "hanging", "stuck"
        self.streaming = True  # the wall's events path answers
        self.pause = 0.5  # seconds between the wall's events
        self.stamp = ""
        self.waiting = 3
        self.longest = 83.0
        self.offered = 58
        self.told = 40  # who were told a wait
        self.callbacks: dict[str, object] | None = None  # None: none is offered
        self.degraded: list[str] = []  # parts that are away
        self.hearing: dict[str, int] = {"podcast": 1}  # beside the music
        self.hours, self.first_call = 12, 0  # of the day so far, and in which of them anybody called first
        self.offered_protocols: list[str] = []
        self.two_seconds_spoken = asyncio.Event()

    def app(self) -> web.Application:
        app = web.Application()
        app.on_response_prepare.append(add_policy)
        app.router.add_get("/phone", page("phone.html"))
        app.router.add_get("/wall", page("wall.html"))
        app.router.add_get("/phone/settings", self.settings)
        app.router.add_get("/phone/line", self.line)
        app.router.add_get("/api/v1/wall", self.wall)
        app.router.add_get("/api/v1/events", self.events)
        app.router.add_static("/static", PAGES)
        return app

    def digits(self) -> list[str]:
        return [message["digit"] for message in self.received if message["event"] == "dtmf"]

    def microphone(self) -> np.ndarray:
        frames = [base64.b64decode(message["payload"]) for message in self.received if message["event"] == "media"]
        assert all(len(frame) == 160 for frame in frames)
        return linear(b"".join(frames))

    async def settings(self, request: web.Request) -> web.Response:
        if self.refuses(request):
            return web.Response(status=self.refusal)
        return web.json_response(
            {"voice": self.voice, "queues": ["support", "billing"], "modes": ["documents", "stream"]}
        )

    def refuses(self, request: web.Request) -> bool:
        return bool(self.token) and request.headers.get("Authorization") != f"Bearer {self.token}"

    async def line(self, request: web.Request) -> web.StreamResponse:
        if self.lines_in_use:
            return web.Response(status=503)
        self.offered_protocols = request.headers.get("Sec-WebSocket-Protocol", "").split(", ")
        socket = web.WebSocketResponse(protocols=("holdsvc.phone",))
        await socket.prepare(request)
        call = FakeCall(socket)
        self.calls.append(call)
        try:
            async for message in socket:
                if message.type is not WSMsgType.TEXT:
                    continue
                said = json.loads(message.data)
                self.received.append(said)
                await call.take(said)
                if call.spoken == 100:
                    self.two_seconds_spoken.set()
        finally:
            call.stop()
            call.gone.set()
        return socket

    async def wall(self, request: web.Request) -> web.Response:
        if self.refuses(request):
            return web.Response(status=self.refusal)
        if self.wall_is == "hanging":
            await asyncio.Event().wait()
        return web.Response(status=503) if self.wall_is == "refusing" else web.json_response(self.board())

    async def events(self, request: web.Request) -> web.StreamResponse:
        if self.refuses(request):
            return web.Response(status=self.refusal)
        if not self.streaming or self.wall_is == "refusing":
            return web.Response(status=503)
        reply = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await reply.prepare(request)
        with contextlib.suppress(ConnectionResetError):
            while self.streaming and self.wall_is != "refusing":
                if self.wall_is != "hanging":
                    await reply.write(f"event: wall\ndata: {json.dumps(self.board())}\n\n".encode())
                await asyncio.sleep(self.pause)
        return reply

    def level(self, counted: int) -> dict[str, object]:
        return {"share": 0.862, "counted": counted, "target": 0.8, "seconds": 20, "variant": "V1"}

    def board(self) -> dict[str, object]:
        if self.wall_is != "stuck":
            self.stamp = datetime.now(UTC).isoformat()
        oldest = self.longest if self.waiting else None
        hearing = {"music": self.waiting, **self.hearing} if self.waiting else {}
        support = {
            "queue": "support",
            "waiting": self.waiting,
            "longest_wait_seconds": oldest,
            "answered": 41,
            "abandoned": 4,
            "level": self.level(50),
            "told": {"earlier": 3, "within": 30, "later": 5},
            "callbacks": self.callbacks,
            "hearing": hearing,
            "expected_seconds": {"low": 31, "likely": 62, "high": 104, "ground": "place"},
        }
        billing = {"queue": "billing", "waiting": 0, "longest_wait_seconds": None, "answered": 7, "abandoned": 0}
        billing |= {"level": self.level(7), "hearing": {}, "expected_seconds": None}
        billing |= {"told": {"earlier": 0, "within": 0, "later": 2}, "callbacks": None}
        return {
            "at": self.stamp,
            "waiting": self.waiting,
            "longest_wait_seconds": oldest,
            "answered": 48,
            "abandoned": 4,
            "short_abandoned": 2,
            "offered": self.offered,
            "level": self.level(self.offered),
            "told": {"earlier": 3, "within": self.told - 8, "later": 5},
            "callbacks": self.callbacks,
            "hearing": hearing,
            "degraded": self.degraded,
            "edges": [10, 20, 60],
            "hours": [
                {
                    "begins": f"2026-03-02T{hour:02}:00:00Z",
                    "waits": [hour, 2, 0, 1] if hour >= self.first_call else [0, 0, 0, 0],
                    "abandoned": hour % 3 if hour >= self.first_call else 0,
                }
                for hour in range(self.hours)
            ],
            "queues": [support, billing],
        }


class FakeCall:
    """One call: rings, answers, plays 440 Hz, and another tone for each key; key 9 hangs up, key 0 only clears."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self.socket = socket
        self.player: asyncio.Task[None] | None = None
        self.turn = 0
        self.spoken = 0  # frames of 20 ms from the microphone
        self.gone = asyncio.Event()

    async def take(self, said: dict[str, str]) -> None:
        match said["event"]:
            case "call":
                await self.begin(said)
            case "dtmf":
                await self.pressed(said["digit"])
            case "say":
                await self.hook("input", {"CallSid": "CA1", "SpeechResult": said["text"], "Confidence": "0.93"}, WAIT)
                await self.send("caption", text="A podcast, then. One moment.")
            case "media":
                self.spoken += 1
            case "agent":
                await self.end("agent")
            case "hangup":
                await self.hook("status", {"CallSid": "CA1", "CallStatus": "completed", "CallDuration": "7"}, "")
                await self.end("caller")

    async def begin(self, said: dict[str, str]) -> None:
        await self.send("ringing")
        account = {
            "AccountSid": "AC0",
            "CallSid": "CA1",
            "From": said["from"],
            "To": "+15005550100",
            "Direction": "inbound",
        }
        await self.hook("call", account | {"CallStatus": "ringing"}, FIRST)
        await self.send("answered")
        await self.send("caption", text="Thank you for calling. You are on hold, and you choose what you hear.")
        await self.hook("wait", account | {"CallStatus": "in-progress", "QueuePosition": "2", "QueueTime": "0"}, WAIT)
        await self.play("")

    async def pressed(self, digit: str) -> None:
        await self.send("clear")
        self.stop()
        if digit == "9":
            await self.end("service")
            return
        await self.hook("input", {"AccountSid": "AC0", "CallSid": "CA1", "Digits": digit}, WAIT)
        if digit != "0":
            await self.send("caption", text=f"You chose {digit}. Podcasts: episode one, from the beginning.")
            await self.play(digit)

    async def play(self, digit: str) -> None:
        self.player = asyncio.create_task(self.blocks(TONES.get(digit, 852.0)))

    async def blocks(self, hertz: float) -> None:
        """Twilio's way: 200 ms a message, a little ahead of real time."""
        began = asyncio.get_running_loop().time()
        for index in range(10_000):
            moments = (np.arange(BLOCK) + index * BLOCK) / RATE
            payload = base64.b64encode(mu_law(AMPLITUDE * np.sin(2 * np.pi * hertz * moments))).decode()
            await self.send("media", payload=payload)
            ahead = began + (index + 1 - LEAD) * BLOCK / RATE - asyncio.get_running_loop().time()
            await asyncio.sleep(max(0.0, ahead))

    async def hook(self, step: str, body: dict[str, str], answer: str) -> None:
        self.turn += 1
        url = f"http://127.0.0.1:8080/hooks/twilio/{step}?queue=support&turn={self.turn}"
        now = time.time()
        await self.send("hook", direction="request", step=step, method="POST", url=url, body=body, at=now)
        status = 200 if answer else 204
        await self.send("hook", direction="response", step=step, url=url, status=status, body=answer, at=now + 0.006)

    async def end(self, reason: str) -> None:
        self.stop()
        await self.send("ended", reason=reason)

    def stop(self) -> None:
        if self.player:
            self.player.cancel()

    async def send(self, event: str, **fields: object) -> None:
        with contextlib.suppress(ConnectionResetError):
            await self.socket.send_str(json.dumps({"event": event, **fields}))


@contextlib.asynccontextmanager
async def serve(service: FakeService) -> AsyncIterator[int]:
    """The port on loopback where the service answers."""
    runner = web.AppRunner(service.app(), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


def page(name: str) -> Callable[[web.Request], Awaitable[web.FileResponse]]:
    async def answer(_: web.Request) -> web.FileResponse:
        return web.FileResponse(PAGES / name)

    return answer


async def add_policy(_: web.Request, response: web.StreamResponse) -> None:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cache-Control"] = "no-store"
