"""Calls placed at the service as a phone platform places them: a signed webhook each, then the stream that its document offers."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import quote_plus, urlsplit
from uuid import UUID

import msgspec

from holdsvc.simulator.signing import HEADER, sign
from tests.benchmarks.dialogues import STANDARD, Request
from tests.benchmarks.load import Line, connect
from tests.benchmarks.streams.client import Call
from tests.faults.service import HOST, TOKEN, Service

PUBLIC = "https://hold.example.com"
HOOK = "/hooks/twilio/call?queue=support"
LINES = 32  # keep-alive connections over which calls are placed
STREAM = re.compile(r'<Stream url="([^"]+)"')
PATIENCE = (
    10.0  # seconds beyond twice the time that placing should take; a service that is slower does not carry the calls
)
PARAMETER = re.compile(r'<Parameter name="token" value="([^"]+)"')


def service(folder: Path, media: Path, *, before: tuple[str, ...] = (), **more: str) -> Service:
    """`holdsvc serve` as an operator starts it, with a queue whose media is a stream."""
    ours = {"SERVICE__PUBLIC_URL": PUBLIC, "MEDIA__FOLDER": str(media), "QUEUES__SUPPORT__MEDIA": "stream"}
    ours |= more
    return Service(folder, before=before, **ours)


def line_service(folder: Path, media: Path, port: int) -> Service:
    """The same with AudioSocket on this port; its calls are announced by the API, on loopback."""
    return Service(folder, before=(), MEDIA__FOLDER=str(media), AUDIOSOCKET__PORT=str(port))


async def place(port: int, number: int, rate: float, take: Callable[[Call], None]) -> int:
    """So many calls a second, evenly. Returns how many got a stream offered."""
    return await evenly(port, number, rate, take, placed)


async def announce(port: int, number: int, rate: float, take: Callable[[Call], None]) -> int:
    return await evenly(port, number, rate, take, announced)


async def evenly(
    port: int,
    number: int,
    rate: float,
    take: Callable[[Call], None],
    ask: Callable[[Line, int], Awaitable[Call | None]],
) -> int:
    free: asyncio.Queue[Line] = asyncio.Queue()
    lines = await connect(HOST, port, LINES)
    for line in lines:
        free.put_nowait(line)
    loop = asyncio.get_running_loop()
    began, offered = loop.time(), 0

    async def one(name: int, line: Line) -> None:
        nonlocal offered
        call = await ask(line, name)
        free.put_nowait(line)
        if call is not None:
            offered += 1
            take(call)

    async with asyncio.TaskGroup() as group:
        for name in range(1, number + 1):
            await asyncio.sleep(max(0.0, began + name / rate - loop.time()))
            if loop.time() > began + 2 * number / rate + PATIENCE:
                break
            group.create_task(one(name, await free.get()))
    for line in lines:
        line.close()
    return offered


async def placed(line: Line, name: int) -> Call | None:
    sid, caller = f"CA{name:032x}", f"+1500555{name % 10_000:04d}"
    fields = {"CallSid": sid, "From": caller, "Caller": caller, **STANDARD, "CallStatus": "ringing"}
    body = "&".join(f"{key}={quote_plus(value)}" for key, value in fields.items())
    head = (
        f"POST {HOOK} HTTP/1.1\r\nHost: {urlsplit(PUBLIC).netloc}\r\nUser-Agent: TwilioProxy/1.1\r\nAccept: */*\r\n"
        "Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n"
        f"{HEADER}: {sign(TOKEN, PUBLIC + HOOK, fields.items())}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    answered = asyncio.Event()
    line.on_empty = answered.set
    line.give(Request((head + body).encode(), b"<Stream"))
    await answered.wait()
    return call_of(sid, line.last.decode())


async def announced(line: Line, name: int, token: str = "") -> Call | None:
    call = str(UUID(int=name))
    authorization = f"Authorization: Bearer {token}\r\n" if token else ""
    body = msgspec.json.encode({"queue": "support", "caller": f"+1500555{name % 10_000:04d}", "uuid": call})
    head = (
        "POST /api/v1/calls/announce HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{authorization}\r\n"
    )
    answered = asyncio.Event()
    line.on_empty = answered.set
    line.give(Request(head.encode() + body, call.encode()))
    await answered.wait()
    return Call("-", "-", "-", call, call) if call.encode() in line.last else None


def call_of(sid: str, document: str) -> Call | None:
    stream, token = STREAM.search(document), PARAMETER.search(document)
    if stream is None or token is None:
        return None
    url = html.unescape(stream.group(1))
    parts = urlsplit(url)
    return Call(parts.path, parts.netloc, sign(TOKEN, url), sid, html.unescape(token.group(1)))
