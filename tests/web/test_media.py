"""The media socket over loopback: a carrier in miniature dials it, plays what it gets and gives the marks back."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest
from aiohttp import ClientSession, WSMsgType, WSServerHandshakeError, web
from aiohttp.test_utils import TestServer
from msgspec import Struct

from holdsvc.audio.formats import RATE
from holdsvc.calls.events import ContentEnded, DigitPressed, StreamClosed, StreamOpened
from holdsvc.calls.instructions import Listen, Play, Release
from holdsvc.calls.menu import Menu
from holdsvc.calls.model import CallId, CallRef, ContentId, QueueName
from holdsvc.clock import SystemClock
from holdsvc.engine.frames import MOST_MESSAGE
from holdsvc.engine.streams import Streams
from holdsvc.errors import Unverified
from holdsvc.ports import Verified
from holdsvc.web import media
from holdsvc.web.house import HOUSE, House
from tests.engine.far_end import SharingWire

REF, QUEUE = CallRef("acme", CallId("CA1")), QueueName("billing")
SIGNED = {"X-Acme-Signature": "genuine"}
TUNES = {
    name: memoryview(((np.arange(60 * RATE) * step) % 251).astype(np.uint8).tobytes())
    for name, step in (("waltz", 7), ("news", 11))
}


class Acme:
    name = "acme"

    def wire(self):
        return SharingWire()

    def verify(self, request):
        assert request.step == "media"
        if request.headers.get("x-acme-signature") != "genuine":
            raise Unverified("bad_signature")
        return Verified(request)


class Mute(Acme):
    def wire(self):
        return None


class Figures:
    def __init__(self) -> None:
        self.rejected: list[tuple[str, str]] = []
        self.open = self.underruns = self.cuts = 0
        self.late: list[float] = []

    def webhook_rejected(self, platform, reason):
        self.rejected.append((platform, reason))

    def stream_opened(self, wire):
        self.open += 1

    def stream_closed(self, wire):
        self.open -= 1

    def stream_underrun(self, wire):
        self.underruns += 1

    def stream_cut(self, wire):
        self.cuts += 1

    def stream_refused(self, platform, reason):
        self.rejected.append((platform, reason))

    def stream_late(self, wire, seconds, blocks=1):
        self.late.append(seconds)

    def stream_switched(self, wire, seconds):
        pass


class Shelf:
    def content(self, content):
        return TUNES[content]

    def content_hash(self, content):
        return f"hash of {content}"


class Told(Struct, frozen=True):
    instructions: tuple = ()


class Site:
    """A house with nothing in it but streams, and its address."""

    def __init__(self, most: int = 10, take_over: bool = True) -> None:
        self.events, self.figures = [], Figures()
        self.streams = Streams(self.take, Shelf(), SystemClock(), self.figures, lambda queue: ContentId("waltz"), most)
        names = House.__struct_fields__
        parts = dict.fromkeys(names) | {
            "public_url": "http://hold.example",
            "platforms": {"acme": Acme(), "mute": Mute()},
            "streams": self.streams,
            "metrics": self.figures,
            "clock": SystemClock(),
            "take_over": take_over,
        }
        self.app = web.Application()
        self.app[HOUSE] = House(**parts)
        self.app.add_routes([web.get("/media/{platform}/{token}", media.open_stream)])

    async def take(self, ref, queue, events):
        self.events += events
        ear = Listen(Menu(()), "en")
        match events[-1]:
            case StreamOpened() | ContentEnded():
                return Told((Play(ContentId("waltz"), 0.0), ear))
            case DigitPressed():
                return Told((Play(ContentId("news"), 0.0), ear))
        return Told()

    def token(self) -> str:
        return self.streams.tokens.issue(REF, QUEUE)

    def address(self, token: str, platform: str = "acme") -> str:
        return str(self.server.make_url(f"/media/{platform}/{token}"))

    async def __aenter__(self):
        self.server = TestServer(self.app)
        await self.server.start_server()
        self.client, self.ticker = ClientSession(), asyncio.create_task(self.streams.run())
        return self

    async def __aexit__(self, *_):
        await self.streams.close()
        self.ticker.cancel()
        await self.client.close()
        await self.server.close()

    async def refused(self, token: str, *, headers=SIGNED, platform: str = "acme") -> int:
        with pytest.raises(WSServerHandshakeError) as refusal:
            await self.client.ws_connect(self.address(token, platform), headers=headers)
        return refusal.value.status


class Carrier:
    """Plays at real time what it was sent."""

    def __init__(self, socket) -> None:
        self.socket = socket
        self.sound = bytearray()  # in the order in which it came, without what was taken back
        self.cleared = 0
        self.came: list[tuple[float, int]] = []  # when, how many bytes in all
        self.code: int | None = None

    async def listen(self) -> None:
        async for message in self.socket:
            assert message.type is WSMsgType.TEXT
            match message.data.split(" "):
                case ["audio", "MZ1", sound]:
                    self.sound += bytes.fromhex(sound)
                    self.came.append((time.monotonic(), len(self.sound)))
                case ["mark", "MZ1", name]:
                    behind = len(self.sound) / RATE - (time.monotonic() - self.came[0][0])
                    asyncio.get_running_loop().call_later(max(0, behind), self.say, f"mark {name}")
                case ["clear", "MZ1"]:
                    self.cleared += 1
                    self.sound.clear()
        self.code = self.socket.close_code

    def say(self, frame: str) -> None:
        self.sent = asyncio.ensure_future(self.socket.send_str(frame))

    async def until(self, seconds: float, cleared: int = 0) -> None:
        """Real time: as long as so many seconds of sound take to come, after so many clears."""
        async with asyncio.timeout(10):
            while self.cleared < cleared or len(self.sound) < seconds * RATE:
                self.say("audio")
                await asyncio.wait([self.hearing], timeout=0.02)


@pytest.fixture(params=["ours", "the framework's"])
def taking(request):
    """Whose the sockets are."""
    return request.param == "ours"


async def dial(site: Site) -> Carrier:
    carrier = Carrier(await site.client.ws_connect(site.address(site.token()), headers=SIGNED))
    carrier.hearing = asyncio.create_task(carrier.listen())
    await carrier.socket.send_str("connected")
    await carrier.socket.send_str("start MZ1 CA1")
    return carrier


async def test_a_caller_hears_two_seconds_in_two_seconds_then_something_else_then_the_end(taking):
    async with Site(take_over=taking) as site:
        dialled = time.monotonic()
        carrier = await dial(site)
        await carrier.until(2.4)

        first = carrier.came[0][0] - dialled
        took = carrier.came[-1][0] - carrier.came[0][0]
        assert carrier.sound == TUNES["waltz"][: len(carrier.sound)]
        assert first < 0.5
        assert 1.5 < took < 2.6  # what goes on as ever is sent by threes, up to 800 ms ahead
        assert all(behind <= (at - carrier.came[0][0] + 0.8 + 0.05) * RATE for at, behind in carrier.came)
        assert site.figures.underruns == 0

        await carrier.socket.send_str("digit 2 7")
        await carrier.until(0.4, cleared=1)
        assert carrier.sound[80:] == TUNES["news"][80 : len(carrier.sound)]
        heard = site.events[-1].heard
        assert (heard.content, heard.from_second) == ("waltz", 0.0)
        assert 1.5 < heard.until_second <= 2.4

        assert await site.streams.perform(REF, (Release(),))
        async with asyncio.timeout(5):
            await carrier.hearing
        assert carrier.code == 1000
        assert site.figures.open == 0


async def test_a_caller_who_hangs_up_is_told_of_and_the_socket_closed(taking):
    async with Site(take_over=taking) as site:
        carrier = await dial(site)
        await carrier.until(0.4)

        await carrier.socket.send_str("stop")
        async with asyncio.timeout(5):
            await carrier.hearing

        assert isinstance(site.events[-1], StreamClosed)
        assert site.events[-1].by_caller
        assert carrier.code == 1000


async def test_a_socket_that_breaks_is_noticed(taking):
    async with Site(take_over=taking) as site:
        carrier = await dial(site)
        await carrier.until(0.4)

        carrier.socket._response.connection.transport.abort()
        async with asyncio.timeout(5):
            while site.figures.open:
                await asyncio.wait([carrier.hearing], timeout=0.02)

        assert not any(isinstance(event, StreamClosed) for event in site.events)


async def test_a_message_of_absurd_size_ends_the_stream(taking):
    async with Site(take_over=taking) as site:
        carrier = await dial(site)
        await carrier.until(0.4)

        await carrier.socket.send_str("x" * (MOST_MESSAGE + 1))
        async with asyncio.timeout(5):
            await carrier.hearing

        assert carrier.code == 1009
        assert site.figures.open == 0


async def test_a_handshake_that_is_not_signed_is_refused_and_costs_no_token(taking):
    async with Site(take_over=taking) as site:
        token = site.token()

        assert await site.refused(token, headers={}) == 403
        assert await site.refused(token, headers={"X-Acme-Signature": "forged"}) == 403
        assert site.figures.rejected == [("acme", "bad_signature")] * 2
        async with site.client.ws_connect(site.address(token), headers=SIGNED) as socket:
            assert not socket.closed


async def test_a_token_opens_one_stream(taking):
    async with Site(take_over=taking) as site:
        token = site.token()
        async with site.client.ws_connect(site.address(token), headers=SIGNED):
            pass

        assert await site.refused(token) == 403
        assert await site.refused("guessed") == 403
        assert site.figures.rejected == [("acme", "token_used"), ("acme", "token_unknown")]


async def test_when_all_streams_are_taken_the_next_is_told_so_and_keeps_its_token(taking):
    async with Site(most=1, take_over=taking) as site:
        token = site.token()
        async with site.client.ws_connect(site.address(site.token()), headers=SIGNED):
            assert await site.refused(token) == 503
        async with asyncio.timeout(5):
            while site.figures.open:
                await asyncio.wait([site.ticker], timeout=0.02)

        async with site.client.ws_connect(site.address(token), headers=SIGNED) as socket:
            assert not socket.closed
        assert site.figures.rejected == [("acme", "streams_full")]


async def test_who_is_no_platform_or_has_no_stream_is_not_found():
    async with Site() as site:
        assert await site.refused(site.token(), platform="nobody") == 404
        assert await site.refused(site.token(), platform="mute") == 404


async def test_a_plain_request_is_told_that_this_is_a_websocket(taking):
    async with Site(take_over=taking) as site:
        token = site.token()

        async with site.client.get(site.address(token), headers=SIGNED) as answer:
            assert answer.status == 426
        async with site.client.ws_connect(site.address(token), headers=SIGNED) as socket:
            assert not socket.closed
