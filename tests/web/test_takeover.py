"""Hundreds of handshakes with frames right behind them, cut in all ways: no byte is lost, nothing stays with the framework."""

from __future__ import annotations

import asyncio
import random

import pytest
from aiohttp import web

from holdsvc.engine.sockets import GONE, OwnedSocket
from holdsvc.web.takeover import Taken, take_over
from tests.engine.test_frames import client_frame

ASK = (
    b"GET /media HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
ACCEPT = b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # the standard's own example


class Site:
    """Takes every socket over, and hears what comes."""

    def __init__(self) -> None:
        self.calls: list[tuple[OwnedSocket, list[str]]] = []
        self.left: list[int] = []

    async def media(self, request: web.Request) -> web.StreamResponse:
        taken = take_over(request)
        assert taken is not None
        self.left.append(len(taken[1]))
        self.calls.append((OwnedSocket(taken[0], lambda one: None, taken[1]), []))
        return Taken()

    async def plain(self, request: web.Request) -> web.Response:
        return web.Response(text="a document")

    async def __aenter__(self) -> Site:
        app = web.Application()
        app.add_routes([web.get("/media", self.media), web.get("/plain", self.plain)])
        self.runner = web.AppRunner(app, access_log=None)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.port = self.runner.addresses[0][1]
        return self

    async def __aexit__(self, *_) -> None:
        for one, _heard in self.calls:
            one._end()
        await self.runner.cleanup()

    async def heard(self, number: int, messages: int) -> list[str]:
        one, heard = self.calls[number]
        async with asyncio.timeout(5):
            while len(heard) < messages and one.sweep(heard.append) != GONE:
                await asyncio.sleep(0)
        return heard


async def test_in_hundreds_of_handshakes_cut_in_all_ways_no_byte_is_lost():
    rng = random.Random(7)
    async with Site() as site:
        for number in range(300):
            messages = ["x" * rng.choice([0, 5, 125, 126, 900, 6000]) + str(part) for part in range(rng.randint(1, 6))]
            data = ASK + b"".join(client_frame(1, message.encode(), key=rng.randbytes(4)) for message in messages)
            cuts = sorted(rng.randrange(len(data)) for _ in range(rng.randint(0, 4)))
            reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
            for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
                writer.write(data[begin:end])
                for _ in range(rng.randint(0, 3)):
                    await asyncio.sleep(0)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 101 ")
            assert ACCEPT in answer
            assert await site.heard(number, len(messages)) == messages
            site.calls[number][0].send("answer")
            assert await reader.readexactly(8) == b"\x81\x06answer"
            writer.close()

        assert sum(map(bool, site.left)) > 50, "the case that matters: the framework had read some of it"
        await asyncio.sleep(0)
        assert not site.runner.server.connections


async def test_a_socket_is_taken_over_on_the_second_request_of_a_connection():
    async with Site() as site:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(b"GET /plain HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await reader.readuntil(b"a document")).startswith(b"HTTP/1.1 200")

        writer.write(ASK + client_frame(1, b"hello"))
        await reader.readuntil(b"\r\n\r\n")

        assert await site.heard(0, 1) == ["hello"]
        writer.close()


async def test_much_that_came_before_the_answer_is_there_whole_and_in_order():
    messages = [str(number) * 4000 for number in range(10)]
    async with Site() as site:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(ASK + b"".join(client_frame(1, message.encode()) for message in messages))
        await reader.readuntil(b"\r\n\r\n")

        assert await site.heard(0, 10) == messages
        writer.close()


class Transport:
    def __init__(self, closing=False, waiting=0, **extra) -> None:
        self.closing, self.waiting, self.extra = closing, waiting, extra

    def is_closing(self):
        return self.closing

    def get_write_buffer_size(self):
        return self.waiting

    def get_extra_info(self, name):
        return self.extra.get(name)


class Asked:
    def __init__(self, transport) -> None:
        self.transport = transport


@pytest.mark.parametrize(
    "transport",
    [None, Transport(closing=True), Transport(ssl_object=object()), Transport(), Transport(waiting=9, socket=object())],
)
def test_what_cannot_be_taken_over_stays_where_it_is(transport):
    assert take_over(Asked(transport)) is None
