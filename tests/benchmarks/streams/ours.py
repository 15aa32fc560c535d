"""The service itself as a server to be measured: `holdsvc serve` with everything on, its calls placed by signed webhooks."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote_plus, urlsplit

from holdsvc.simulator.signing import HEADER, sign
from tests.benchmarks.dialogues import STANDARD, Request
from tests.benchmarks.load import Line, connect
from tests.benchmarks.streams.client import Call
from tests.faults.service import HOST, TOKEN, Service

PUBLIC = "https://hold.example.com"
HOOK = "/hooks/twilio/call?queue=support"
LINES = 8  # keep-alive connections over which calls are placed
STREAM = re.compile(r'<Stream url="([^"]+)"')
PARAMETER = re.compile(r'<Parameter name="token" value="([^"]+)"')


def service(folder: Path, media: Path, **more: str) -> Service:
    settings = {"SERVICE__PUBLIC_URL": PUBLIC, "MEDIA__FOLDER": str(media), "QUEUES__SUPPORT__MEDIA": "stream"}
    return Service(folder, **settings, **more)


async def calls(port: int, number: int, rate: float) -> AsyncIterator[Call]:
    """One call after the other, evenly; each as the service's document says."""
    lines = await connect(HOST, port, LINES)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for name in range(1, number + 1):
        await asyncio.sleep(max(0.0, began + name / rate - loop.time()))
        yield await placed(lines[name % LINES], name)
    for line in lines:
        line.close()


async def placed(line: Line, name: int) -> Call:
    sid, caller = f"CA{name:032x}", f"+1500555{name % 10_000:04d}"
    fields = {"CallSid": sid, "From": caller, "Caller": caller, **STANDARD, "CallStatus": "ringing"}
    body = "&".join(f"{key}={quote_plus(value)}" for key, value in fields.items())
    head = (
        f"POST {HOOK} HTTP/1.1\r\nHost: {urlsplit(PUBLIC).netloc}\r\nUser-Agent: TwilioProxy/1.1\r\nAccept: */*\r\n"
        "Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n"
        f"{HEADER}: {sign(TOKEN, PUBLIC + HOOK, fields.items())}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    answered = asyncio.get_running_loop().create_future()
    line.on_empty = lambda: answered.done() or answered.set_result(None)
    line.give(Request((head + body).encode(), b"<Stream"))
    await answered
    return call_of(sid, line.last.decode())


def call_of(sid: str, document: str) -> Call:
    stream, token = STREAM.search(document), PARAMETER.search(document)
    if stream is None or token is None:
        raise RuntimeError(f"no stream was offered: {document[-600:]}")
    url = html.unescape(stream.group(1))
    parts = urlsplit(url)
    return Call(parts.path, parts.netloc, sign(TOKEN, url), sid, html.unescape(token.group(1)))
