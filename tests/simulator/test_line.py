"""The browser phone's line: what a page says, and what it hears."""

import asyncio
import base64
import json
from contextlib import asynccontextmanager

import aiohttp
import pytest

from holdsvc.simulator.clock import RealClock
from holdsvc.simulator.line import line_routes, masked
from tests.simulator.exchange import TOKEN, free_port, opened
from tests.simulator.house import House


class Page:
    def __init__(self, socket):
        self.socket = socket
        self.heard = []

    async def say(self, event, **fields):
        await self.socket.send_json({"event": event, **fields})

    async def until(self, event, times=1, seconds=4.0):
        """The last of so many messages of this kind."""
        async with asyncio.timeout(seconds):
            while len(self.of(event)) < times:
                self.heard.append(json.loads((await self.socket.receive()).data))
        return self.of(event)[times - 1]

    def of(self, event):
        return [message for message in self.heard if message["event"] == event]

    def kinds(self):
        return [message["event"] for message in self.heard]


@asynccontextmanager
async def page_of(house, **options):
    house.base = f"http://127.0.0.1:{free_port()}"
    house.app.router.add_routes(line_routes(house.base, TOKEN, **options))
    async with (
        opened(house),
        aiohttp.ClientSession() as client,
        client.ws_connect(f"{house.base}/phone/line") as socket,
    ):
        yield Page(socket)


@pytest.fixture
def house():
    return House(RealClock())


async def test_in_documents_mode_the_page_hears_the_very_segments_that_a_caller_hears(house):
    async with page_of(house) as page:
        await page.say("call", **{"from": "+1 500 555 0123", "mode": "documents", "queue": "support"})
        media = await page.until("media", times=2)
        await page.say("hangup")
        ended = await page.until("ended")

    assert page.kinds()[0] == "ringing"
    assert page.kinds().index("answered") < page.kinds().index("media")
    assert page.of("caption")[0]["text"] == "A slow waltz"
    assert base64.b64decode(media["payload"]) == b"\x55" * 1600
    assert ended["reason"] == "caller"


async def test_sound_runs_ahead_of_real_time_by_400_ms_at_most(house):
    async with page_of(house) as page:
        began = asyncio.get_running_loop().time()
        await page.say("call", **{"from": "+15005550123", "mode": "documents"})
        await page.until("media", times=6)
        passed = asyncio.get_running_loop().time() - began

    assert 0.75 <= passed < 2.0  # 1.2 s of sound


async def test_a_key_clears_what_plays_and_the_webhooks_are_shown_with_numbers_masked(house):
    async with page_of(house) as page:
        await page.say("call", **{"from": "+15005550123", "mode": "documents"})
        await page.until("media")
        await page.say("dtmf", digit="2")
        await page.until("clear")
        await page.until("media", times=len(page.of("media")) + 1)
        await page.say("say", text="podcast")
        await page.until("clear", times=2)
        await page.until("media", times=len(page.of("media")) + 1)
        await page.say("hangup")
        await page.until("ended")

    inputs = [hook for hook in page.of("hook") if hook["step"] == "input" and hook["direction"] == "request"]
    answers = [hook for hook in page.of("hook") if hook["direction"] == "response"]
    assert [hook["body"].get("Digits") for hook in inputs] == ["2", None]
    assert inputs[1]["body"]["SpeechResult"] == "podcast"
    assert inputs[0]["body"]["From"] == "+15…23"
    assert "5550123" not in json.dumps(page.of("hook"))
    assert any("<Gather" in hook["body"] and hook["status"] == 200 for hook in answers)
    assert {hook["id"] for hook in answers} <= {
        hook["id"] for hook in page.of("hook") if hook["direction"] == "request"
    }


async def test_in_stream_mode_frames_are_relayed_both_ways(house):
    voice = bytes(range(160))
    async with page_of(house) as page:
        await page.say("call", **{"from": "+15005550123", "mode": "stream"})
        media = await page.until("media")
        await page.say("media", payload=base64.b64encode(voice).decode())
        await page.say("dtmf", digit="3")
        await page.until("clear")
        async with asyncio.timeout(2):
            while not any(payload == voice for payload in spoken(house)):
                await asyncio.sleep(0.01)
        await page.say("hangup")
        await page.until("ended")

    assert base64.b64decode(media["payload"]) == b"\x55" * 1600


def spoken(house):
    return [base64.b64decode(body["media"]["payload"]) for step, body, _ in house.requests if step == "media:media"]


async def test_what_is_said_on_a_stream_is_told_beside_the_sound(house):
    async def captions(call):
        yield f"about {call[:2]}"

    async with page_of(house, captions=captions) as page:
        await page.say("call", **{"from": "", "mode": "stream"})
        caption = await page.until("caption")

    assert caption["text"] == "about CA"


async def test_an_agent_can_be_asked_for_and_takes_the_call(house):
    async with page_of(house) as page:
        await page.say("call", **{"from": "+15005550123", "mode": "documents"})
        await page.until("media")
        await page.say("agent")
        ended = await page.until("ended", seconds=30)

    assert ended["reason"] == "agent"
    assert [step for step, _, _ in house.requests if step == "agent"] == ["agent"]


async def test_a_page_that_goes_away_has_hung_up(house):
    async with page_of(house) as page:
        await page.say("call", **{"from": "+15005550123", "mode": "documents"})
        await page.until("media")
        await page.socket.close()
        async with asyncio.timeout(3):
            while not any(step == "left" for step, _, _ in house.requests):
                await asyncio.sleep(0.01)

    left = next(fields for step, fields, _ in house.requests if step == "left")
    assert left["QueueResult"] == "hangup"


async def test_nonsense_is_answered_and_harms_nobody(house):
    async with page_of(house) as page:
        await page.socket.send_str("{")
        await page.say("dtmf")
        await page.say("dance")
        await page.say("hangup")
        await page.say("call", **{"from": "<script>"})
        refused = await page.until("ended")
        await page.say("call", **{"from": "anonymous"})
        await page.until("answered")

    assert refused["reason"] == "failed"
    assert len(page.of("error")) == 1


async def test_another_sites_page_cannot_place_calls(house):
    house.app.router.add_routes(line_routes("http://127.0.0.1:1", TOKEN))
    async with opened(house), aiohttp.ClientSession() as client:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws_connect(f"{house.base}/phone/line", headers={"Origin": "https://elsewhere.example.com"})

    assert refused.value.status == 403


def test_numbers_are_masked_wherever_they_stand():
    assert masked("<Number>+15005550177</Number>") == "<Number>+15…77</Number>"
    assert masked("?From=%2B15005550177&turn=12345678") == "?From=%2B15…77&turn=12345678"
    assert masked("5005550177", whole=True) == "500…77"
    assert masked("anonymous", whole=True) == "anonymous"
