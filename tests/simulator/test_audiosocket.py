"""Asterisk's end of AudioSocket is strict: each fault of a server is seen, and a server without fault is not blamed."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from uuid import UUID

import pytest

from holdsvc.simulator.audiosocket import TICK, Heard, dial

CALL = UUID("0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0")
FRAME = struct.pack(">BH", 0x10, 320) + bytes(range(160)) * 2


async def pause(seconds: float) -> None:
    """Real time: the peer's patience is what is tried."""
    await asyncio.wait({asyncio.get_running_loop().create_future()}, timeout=seconds)


async def called(serve, caller=None):
    """One call to a server that behaves as told, until both are done; what it said to the server is kept."""
    said, done = bytearray(), asyncio.Event()

    async def answer(reader, writer):
        said.extend(await reader.readexactly(19))
        served = asyncio.create_task(serve(writer))
        while data := await reader.read(4096):
            said.extend(data)
        await served
        writer.close()
        done.set()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, asyncio.timeout(10):
        leg = await dial("127.0.0.1", server.sockets[0].getsockname()[1], CALL)
        if caller is not None:
            await caller(leg)
        await leg.over
        await done.wait()
    return leg, bytes(said)


def saying(*pieces, every: float = 0.0):
    async def serve(writer):
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                if every:
                    await pause(every)

    return serve


async def test_it_says_which_call_it_is_and_then_gives_the_callers_line():
    leg, said = await called(saying(*[FRAME] * 10, b"\x00\x00\x00", every=0.02))

    assert said[:19] == b"\x01\x00\x10" + CALL.bytes
    assert said[19:342] == b"\x10\x01\x40" + bytes(320)
    assert await leg.over == "ended"
    assert leg.heard.findings == []
    assert bytes(leg.heard.sound) == FRAME[3:] * 10
    assert leg.heard.seconds == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("pieces", "finding"),
    [
        ((FRAME[:3], FRAME[3:]), "two writes"),
        ((struct.pack(">BH", 0x02, 1) + b"x",), "kind 0x02"),
        ((struct.pack(">BH", 0x10, 0),), "0 bytes"),
        ((struct.pack(">BH", 0x03, 1) + b"5",), "kind 0x03"),
    ],
)
async def test_what_asterisk_does_not_bear_ends_the_call(pieces, finding):
    leg, _ = await called(saying(*pieces, every=0.05))

    assert await leg.over == "failed"
    assert finding in leg.heard.findings[0]


async def test_what_it_only_suffers_from_is_written_down():
    long = struct.pack(">BH", 0x10, 3200) + bytes(3200)
    leg, _ = await called(saying(long, struct.pack(">BH", 0x11, 480) + bytes(480), b"\x00\x00\x00"))

    assert await leg.over == "ended"
    assert [finding.split(" leaves")[0] for finding in leg.heard.findings] == [
        "a frame of kind 0x10 with 3200 bytes",
        "a frame of kind 0x11 with 480 bytes",
    ]


async def test_a_server_that_just_goes_away_is_told_from_one_that_takes_leave():
    async def vanish(writer):
        writer.write(FRAME)
        writer.close()

    leg, _ = await called(vanish)

    assert await leg.over == "closed"


async def test_hanging_up_is_the_end_of_the_connection_and_not_a_word():
    async def caller(leg):
        leg.press("5")
        await leg.hear(0.02)
        await leg.hang_up()

    leg, said = await called(saying(FRAME), caller)

    assert await leg.over == "closed"
    frames = said[19:].replace(b"\x10\x01\x40" + bytes(320), b"")
    assert frames == b"\x03\x00\x015"


def heard(*at: float, asleep: float = 0.0) -> Heard:
    return Heard(at=list(at), asleep=asleep)


def test_the_pace_is_judged_by_bursts_and_holes():
    even = [index * TICK for index in range(50)]

    assert heard(*even).of_the_pace() == []
    assert "no frame for 0.500 s" in heard(0.0, 0.02, 0.52).of_the_pace()[0]
    assert "more than 4 frames at once" in heard(0.0, *[0.02] * 6).of_the_pace()[0]
    assert heard(0.0, 0.02, 0.52, asleep=0.3).of_the_pace() == [], "who slept saw nothing"


def test_lead_is_how_far_sound_was_ahead_and_behind():
    ahead, behind = heard(1.0, 1.0, 1.04, 1.1).lead()

    assert ahead == pytest.approx(0.02)
    assert behind == pytest.approx(0.04)
