"""Connections that dribble: a head that never ends, a body that never comes, and the many that do neither."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import monotonic

import pytest

from holdsvc.web import patience
from tests.service import running

HALF = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nUpgr"
WHOLE = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
NO_BODY = (
    b"POST /api/v1/calls/announce HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: 90\r\n\r\n{"
)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(patience, "HEAD_WITHIN", 0.4)
    monkeypatch.setattr(patience, "BODY_WITHIN", 0.4)
    monkeypatch.setattr(patience, "GLANCE", 0.1)


@pytest.fixture
async def port(tmp_path, unused_tcp_port):
    async with running(tmp_path, unused_tcp_port):
        yield unused_tcp_port


async def until_closed(reader: asyncio.StreamReader) -> bytes:
    with suppress(ConnectionResetError):  # what was on its way to a closed end is thrown back
        async with asyncio.timeout(5):
            return await reader.read()
    return b""


@pytest.mark.parametrize("said", [b"", HALF])
async def test_whoever_does_not_finish_the_head_of_a_request_is_sent_away(port, said):
    began = monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)

    assert await until_closed(reader) == b""
    assert 0.2 < monotonic() - began < 2
    writer.close()


async def test_a_byte_now_and_then_does_not_help(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def dribble() -> None:
        for byte in HALF * 100:
            writer.write(bytes((byte,)))
            await asyncio.sleep(0.05)

    dribbling = asyncio.create_task(dribble())
    assert await until_closed(reader) == b""
    dribbling.cancel()
    writer.close()


async def ended(reader: asyncio.StreamReader) -> None:
    while await reader.read(1000):
        pass


async def test_who_has_asked_may_rest_and_ask_again(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    for _ in range(2):
        writer.write(WHOLE)
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ended(reader), 0.8)
    writer.close()


async def test_a_body_that_does_not_come_is_answered_and_not_waited_for(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(NO_BODY)

    async with asyncio.timeout(5):
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 408")
    writer.close()
