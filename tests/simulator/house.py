"""The simplest service that answers documented TwiML and keeps a wait log: the simulator's other side in its own tests.

`Flaws` make it wrong on purpose, one way each, so that a verdict can be seen to fail.
"""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qsl, quote

from aiohttp import WSMsgType, web

WAIT = "/hooks/twilio/wait?queue=support"


def wav(seconds: float, tag: int = 7, rate: int = 8000) -> bytes:
    samples = bytes([0x55]) * int(seconds * rate)
    fmt = struct.pack("<HHIIHH", tag, 1, rate, rate, 1, 8)
    return (
        b"RIFF"
        + struct.pack("<I", 28 + len(samples))
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + fmt
        + b"data"
        + (struct.pack("<I", len(samples)) + samples)
    )


@dataclass
class Kept:
    began: datetime
    evidence: dict[str, tuple[datetime, bool]] = field(default_factory=dict)

    def settled(self) -> tuple[str, datetime, bool] | None:
        for word in ("answered", "left_by_choice"):
            if word in self.evidence:
                return word, *self.evidence[word]
        if "hangup" not in self.evidence:
            return None
        ended, exact = self.evidence["hangup"]
        short = (ended - self.began).total_seconds() < 5
        return "short_abandoned" if short else "abandoned", ended, exact


class House:
    def __init__(self, clock, *, flaws: frozenset[str] = frozenset()) -> None:
        self.clock = clock
        self.flaws = flaws
        self.kept: dict[str, Kept] = {}
        self.requests: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.chosen: dict[str, str] = {}
        self.base = ""
        self.sockets: dict[str, web.WebSocketResponse] = {}
        self.app = web.Application()
        self.app.router.add_route("*", "/hooks/twilio/{step}", self.hook)
        self.app.router.add_get("/audio/{name}", self.audio)
        self.app.router.add_get("/media/twilio/{token}", self.media)
        self.app.router.add_post("/api/v1/calls/{call}/release", self.release)
        self.app.router.add_get("/api/v1/waits", self.waits)
        self.app.router.add_get("/metrics", self.metrics)

    async def hook(self, request: web.Request) -> web.Response:
        body = await request.read()
        fields = dict(parse_qsl(body.decode(), keep_blank_values=True))
        self.requests.append((request.match_info["step"], fields, dict(request.headers)))
        answer = getattr(self, f"on_{request.match_info['step']}")(request, fields)
        return web.Response(body=f"<Response>{answer}</Response>".encode(), content_type="text/xml")

    def on_call(self, request: web.Request, fields: dict[str, str]) -> str:
        if request.query.get("media") == "stream":
            url = self.base.replace("http", "ws") + "/media/twilio/one-time"
            status = f'statusCallback="{self.base}/hooks/twilio/status" statusCallbackEvent="answered completed"'
            return (
                f'<Connect><Stream url="{url}"><Parameter name="queue" value="support"/></Stream></Connect>'
                f"<Dial><Number {status}>+15005550177</Number></Dial>"
            )
        return f'<Enqueue waitUrl="{WAIT}" action="/hooks/twilio/left?queue=support">support</Enqueue>'

    def on_wait(self, request: web.Request, fields: dict[str, str]) -> str:
        waited = timedelta(seconds=int(fields["QueueTime"]))
        self.kept.setdefault(fields["CallSid"], Kept(self.clock.now() - waited))
        if "forbidden" in self.flaws:
            return '<Dial>+15005550199</Dial><Pause length="5"/>'
        chosen = "music" if "deaf to keys" in self.flaws else self.chosen.get(fields["CallSid"], "music")
        return (
            '<Gather input="dtmf speech" numDigits="1" timeout="1" speechTimeout="auto"'
            f' action="/hooks/twilio/input?queue=support"><Play>/audio/{chosen}.wav</Play></Gather>'
            f"<Redirect>{WAIT}</Redirect>"
        )

    def on_hold(self, request: web.Request, fields: dict[str, str]) -> str:
        return "<Play>/audio/music.wav</Play><Redirect>/hooks/twilio/hold</Redirect>"

    def on_input(self, request: web.Request, fields: dict[str, str]) -> str:
        if fields.get("Digits") == "6":
            return "<Leave/>"
        told = fields.get("Digits") or fields.get("SpeechResult", "")
        self.chosen[fields["CallSid"]] = quote(told, safe="") or "music"
        return f"<Redirect>{WAIT}</Redirect>"

    def on_left(self, request: web.Request, fields: dict[str, str]) -> str:
        kept = self.kept.setdefault(fields["CallSid"], Kept(self.clock.now()))
        ended = kept.began + timedelta(seconds=int(fields["QueueTime"]))
        result = fields["QueueResult"]
        if result == "leave":
            kept.evidence.setdefault("left_by_choice", (self.clock.now(), True))
            return "<Say>Goodbye.</Say><Hangup/>"
        word = {"bridged": "answered", "redirected-from-bridged": "answered", "hangup": "hangup"}[result]
        if "deaf to hang-ups" not in self.flaws or word != "hangup":
            prompt = abs((self.clock.now() - ended).total_seconds()) <= 1
            kept.evidence.setdefault(word, (self.clock.now() if prompt else ended, False))
        return ""

    def on_agent(self, request: web.Request, fields: dict[str, str]) -> str:
        late = timedelta(seconds=3 if "late answers" in self.flaws else 0)
        kept = self.kept[fields["CallSid"]]
        if "answered" not in kept.evidence or not kept.evidence["answered"][1]:
            kept.evidence["answered"] = (self.clock.now() + late, True)
        return ""

    def on_status(self, request: web.Request, fields: dict[str, str]) -> str:
        kept = self.kept.get(fields.get("ParentCallSid", ""))
        if kept and fields["CallStatus"] == "in-progress":
            kept.evidence["answered"] = (self.clock.now(), True)
        own = self.kept.get(fields["CallSid"])
        if own and fields["CallStatus"] == "completed" and "deaf to hang-ups" not in self.flaws:
            told = parsedate_to_datetime(fields["Timestamp"])
            late = (self.clock.now() - told).total_seconds() > 1
            own.evidence.setdefault("hangup", (max(told, own.began) if late else self.clock.now(), False))
        return ""

    async def audio(self, request: web.Request) -> web.Response:
        headers = {"ETag": '"one"', "Cache-Control": "max-age=3600", "X-Holdsvc-Caption": "A slow waltz"}
        if request.headers.get("If-None-Match") == '"one"':
            return web.Response(status=304, headers=headers)
        kind = "text/plain" if "wrong type" in self.flaws else "audio/wav"
        return web.Response(body=wav(9.0), content_type=kind, headers=headers)

    async def media(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        call = stream = ""
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            got = json.loads(message.data)
            self.requests.append(("media:" + got["event"], got, dict(request.headers)))
            if got["event"] == "start":
                call, stream = got["start"]["callSid"], got["streamSid"]
                self.sockets[call] = socket
                self.kept.setdefault(call, Kept(self.clock.now()))
                await self.play(socket, stream, "begin")
            elif got["event"] == "dtmf":
                await socket.send_json({"event": "clear", "streamSid": stream})
                await self.play(socket, stream, f"after {got['dtmf']['digit']}")
            elif got["event"] == "stop":
                self.kept[call].evidence.setdefault("hangup", (self.clock.now(), True))
        return socket

    async def play(self, socket: web.WebSocketResponse, stream: str, mark: str) -> None:
        payload = base64.b64encode(b"\x55" * 1600).decode()
        await socket.send_json({"event": "media", "streamSid": stream, "media": {"payload": payload}})
        await socket.send_json({"event": "mark", "streamSid": stream, "mark": {"name": mark}})

    async def release(self, request: web.Request) -> web.Response:
        socket = self.sockets.get(request.match_info["call"])
        if socket is None:
            return web.Response(status=404)
        await asyncio.shield(socket.close())
        return web.json_response({})

    def rows(self) -> list[dict]:
        rows = []
        for call, kept in self.kept.items():
            settled = kept.settled()
            row = {"call": call, "platform": "twilio", "queue": "support", "began": kept.began.isoformat()}
            if settled:
                outcome, ended, exact = settled
                seconds = (ended - kept.began).total_seconds()
                row |= {"outcome": outcome, "ended": ended.isoformat(), "seconds": seconds, "exact": exact}
            rows.append(row)
        return rows + rows[:1] if "one row twice" in self.flaws else rows

    async def waits(self, request: web.Request) -> web.Response:
        if "no log" in self.flaws:
            return web.Response(status=500)
        start, size = int(request.query.get("after", 0)), 40
        rows = self.rows()
        following = start + size if start + size < len(rows) else None
        return web.json_response({"waits": rows[start : start + size], "next": following})

    async def metrics(self, request: web.Request) -> web.Response:
        outcomes = Counter(row.get("outcome", "") for row in self.rows())
        waiting = outcomes.pop("", 0)
        lines = [f'holdsvc_calls_waiting{{queue="support"}} {waiting}.0']
        for outcome, count in outcomes.items():
            count += "lost count" in self.flaws
            lines.append(f'holdsvc_calls_total{{platform="twilio",queue="support",outcome="{outcome}"}} {count}.0')
        if "misunderstands" in self.flaws:
            lines.append(f'holdsvc_webhooks_rejected_total{{platform="twilio",reason="fault"}} {len(self.requests)}.0')
        return web.Response(text="\n".join(lines) + "\n")
