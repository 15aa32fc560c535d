"""Slow and half-open sockets beside good streams of a real `holdsvc serve`: the good notice nothing, the others go.

`python -m tests.faults.slow_sockets [--slow 1000] [--good 500] [--only deaf,half_closed]`
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import struct
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from uuid import UUID

from msgspec import Struct, field

from tests.benchmarks.load import Line
from tests.benchmarks.streams import ours, shelf
from tests.benchmarks.streams.client import Call, Client, Heard, compiled
from tests.benchmarks.streams.contenders import Server, first_in_line
from tests.benchmarks.streams.measure import own_memory, start_on
from tests.faults.service import HOST, Service, free_port

API_TOKEN = "a token of the tests for the API"
GONE_WITHIN = 60.0  # seconds
RATE = 100.0  # calls a second
SOUND_WITHIN = 30.0
SETTLE = 2.0
ARRIVED = 1.0  # seconds in which a busy server takes in the last of them
GLANCE = 0.25
TALK = 0.2  # seconds between two messages of those who talk and do not listen
SPARE = 4  # descriptors of the service that may come and go: its store, a request
KEPT = 16 * 1024 * 1024  # bytes that an allocator may keep, whoever has gone

HALF = "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgr"
HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nX-Twilio-Signature: {signature}\r\n\r\n"
)
HALF_BODY = "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nA"
START = (
    '{{"event":"start","sequenceNumber":"1","start":{{"accountSid":"AC0","streamSid":"MZ{call}","callSid":"{call}",'
    '"tracks":["inbound"],"mediaFormat":{{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}},'
    '"customParameters":{{"token":"{token}"}}}},"streamSid":"MZ{call}"}}'
)
TALKING = (
    '{"event":"media","sequenceNumber":"2","media":{"track":"inbound","chunk":"1","timestamp":"1","payload":"f39/"}}'
)


LINE_SOUND = struct.pack("!BH", 0x10, 320) + bytes(320)


def named(call: Call) -> bytes:
    """How an AudioSocket begins; the call was announced by this id as well."""
    return struct.pack("!BH", 0x01, 16) + line_id(call).bytes


def line_id(call: Call) -> UUID:
    return UUID(call.call.replace("-", "")[-32:])


def kind_of(number: int, kinds: Sequence[str]) -> str:
    """All kinds take turns, by the number of the call."""
    return kinds[number % len(kinds)]


def text(message: str) -> bytes:
    """A client's frame, its mask all zeros."""
    payload = message.encode()
    assert len(payload) < 1 << 16
    return struct.pack("!BBH", 0x81, 0x80 | 126, len(payload)) + bytes(4) + payload


class Slow:
    """One socket that does not do what it should. `talks`: it sends this now and then, and reads nothing."""

    def __init__(self, ports: tuple[int, int], kinds: Sequence[str], call: Call) -> None:
        kind = kind_of(line_id(call).int, kinds)
        self.talks = {"deaf": text(TALKING), "line_deaf": LINE_SOUND * 10}.get(kind, b"")
        self._sock = socket.create_connection((HOST, ports[kind in LINES]), timeout=5)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for said in LINES[kind](call) if kind in LINES else spoken(kind, call):
            self._sock.sendall(said)
        if kind == "half_closed":
            self._sock.shutdown(socket.SHUT_WR)
        self._sock.setblocking(False)

    def talk(self) -> None:
        try:
            self._sock.send(self.talks)
        except BlockingIOError:
            pass
        except OSError:
            self.talks = b""

    def close(self) -> None:
        self._sock.close()


def spoken(kind: str, call: Call) -> list[bytes]:
    """What one says over HTTP before it falls silent."""
    head = {"half_handshake": HALF, "half_body": HALF_BODY}.get(kind, HANDSHAKE)
    said = [head.format(path=call.path, host=call.host, signature=call.signature).encode()]
    if kind not in ("half_handshake", "half_body", "no_start"):
        said.append(text(START.format(call=call.call, token=call.token)))
    return said


LINES: dict[str, Callable[[Call], list[bytes]]] = {  # over AudioSocket
    "line_unnamed": lambda call: [],
    "line_half_named": lambda call: [named(call)[:10]],
    "line_half_frame": lambda call: [named(call), LINE_SOUND[:100]],
    "line_deaf": lambda call: [named(call), LINE_SOUND],
}
KINDS = ("half_handshake", "half_body", "no_start", "silent", "deaf", "half_closed", *LINES)


class Result(Struct):
    """`wrong`: sentences; empty when the good noticed nothing and the others are gone."""

    heard: Heard
    slow: int
    taken: int  # sockets of the service that were open for the slow at once
    gone_after: float  # seconds since the last came; infinite if some never went
    grown: int  # bytes of the service's own memory, from the last wave; its calls, which wait on, included
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        heard = self.heard
        return (
            f"{heard.alive} good streams for {heard.seconds:.0f} s: underruns {heard.underruns}, "
            f"silence {heard.silence_ppm:.0f} ppm, lost {heard.lost}; "
            f"{self.slow} slow sockets, {self.taken} at once, all gone after {self.gone_after:.1f} s; "
            f"memory grown by {self.grown / 1024:.0f} kB" + "".join(f"\nWRONG: {sentence}" for sentence in self.wrong)
        )


Place = Callable[[int, int, Callable[[Call], None]], Awaitable[int]]  # so many calls, numbered from behind the first


async def run(
    service: Service | Server,
    place: Place,
    program: Path,
    good: int,
    slow: int,
    kinds: Sequence[str] = KINDS,
    line_port: int = 0,
    waves: int = 1,
) -> Result:
    """Against a service that runs. What the last wave adds to its memory counts: an allocator keeps room for the next."""
    client = Client(program, service.port, seed=1, keys_every=0.0)
    await client.start(max(os.sched_getaffinity(0)))
    first_in_line(client.pid)
    many: list[Slow] = []
    try:
        offered = await place(0, good, client.place)
        await client.until(lambda told: told.sounding >= offered, SOUND_WITHIN)
        await asyncio.sleep(SETTLE)
        base, memory = descriptors(service.pid), own_memory(service.pid)
        taken, gone_after, grown = 0, 0.0, 0
        client.begin()
        for wave in range(waves):
            before = len(many)
            await place(
                good + wave * slow, slow, lambda call: many.append(Slow((service.port, line_port), kinds, call))
            )
            await asyncio.sleep(ARRIVED)
            taken = max(taken, descriptors(service.pid) - base)
            gone_after = max(gone_after, await until_gone(service.pid, base, many[before:]))
            await asyncio.sleep(SETTLE)
            grown, memory = own_memory(service.pid) - memory, own_memory(service.pid)
        heard = await client.end()
    finally:
        for one in many:
            one.close()
        await client.stop()
    return judged(Result(heard, len(many), taken, gone_after, grown), good, waves * slow)


async def until_gone(pid: int, base: int, many: Sequence[Slow]) -> float:
    began = time.monotonic()
    talk_at = began
    while descriptors(pid) > base + SPARE:
        now = time.monotonic()
        if now > began + GONE_WITHIN:
            return float("inf")
        if now >= talk_at:
            talk_at = now + TALK
            for one in many:
                if one.talks:
                    one.talk()
        await asyncio.sleep(min(GLANCE, TALK))
    return time.monotonic() - began


def judged(result: Result, good: int, slow: int) -> Result:
    heard = result.heard
    if (heard.alive, heard.lost) != (good, 0):
        result.wrong.append(f"{heard.alive} of {good} good streams are left")
    if not heard.starved and (heard.underruns or heard.silent):
        result.wrong.append(f"good streams ran dry {heard.underruns} times")
    if heard.starved:
        result.wrong.append("the client was starved: nothing can be said of underruns")
    if result.slow != slow:
        result.wrong.append(f"only {result.slow} of {slow} slow sockets came in")
    if result.gone_after > GONE_WITHIN:
        result.wrong.append(f"slow sockets are still there after {GONE_WITHIN:.0f} s")
    if result.grown > KEPT:
        result.wrong.append(f"{result.grown // 1024} kB more memory than before")
    return result


def descriptors(pid: int) -> int:
    """Open sockets of a process."""
    found = 0
    for one in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found += os.readlink(one).startswith("socket:")
        except OSError:  # closed in the meantime
            continue
    return found


async def against_ours(
    folder: Path,
    good: int,
    slow: int,
    kinds: Sequence[str] = KINDS,
    seconds: float = 240.0,
    waves: int = 1,
    before: tuple[str, ...] = (),
) -> Result:
    media = shelf.fill(folder, seconds)
    program = compiled(folder, "client.c")
    line_port = free_port()
    more = {"AUDIOSOCKET__PORT": str(line_port), "API__TOKEN": API_TOKEN}
    service = ours.service(folder / "data", media, before=before, **more)
    start_on(min(os.sched_getaffinity(0)), service)

    async def place(before: int, number: int, take: Callable[[Call], None]) -> int:
        async def ask(line: Line, name: int) -> Call | None:
            number = before + name
            if before and kind_of(number, kinds) in LINES:
                return await ours.announced(line, number, API_TOKEN)
            return await ours.placed(line, number)

        return await ours.evenly(service.port, number, RATE, take, ask)

    try:
        await asyncio.to_thread(service.wait_until_ready)
        await asyncio.to_thread(service.wait_until_prepared)
        return await run(service, place, program, good, slow, kinds, line_port, waves)
    finally:
        service.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slow", type=int, default=1000)
    parser.add_argument("--good", type=int, default=500)
    parser.add_argument("--only", default=",".join(KINDS), help="kinds of slow sockets")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="holdsvc-slow-") as name:
        result = asyncio.run(against_ours(Path(name), given.good, given.slow, tuple(given.only.split(",")), waves=2))
    print(result)
    return 1 if result.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
