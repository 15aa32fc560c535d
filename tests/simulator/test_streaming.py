"""A caller on a media stream, in real time and short."""

import asyncio

import pytest

from holdsvc.simulator.agents import Agent
from holdsvc.simulator.clock import RealClock
from holdsvc.simulator.habits import Habits
from holdsvc.simulator.hooks import AT_ONCE
from holdsvc.simulator.leg import AgentLeft, Gone, Pressed
from holdsvc.simulator.signing import sign
from holdsvc.simulator.truth import End
from tests.simulator.exchange import TOKEN, Script, carrier_for
from tests.simulator.house import House


async def until(condition, seconds=3.0):
    """Let the loop turn until it is so."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


def media(house, event):
    return [(body, headers) for step, body, headers in house.requests if step == f"media:{event}"]


class Listener:
    """An ear that remembers."""

    def __init__(self):
        self.sound = b""
        self.events = []

    def frames(self, payload):
        self.sound += payload
        self.events.append("frames")

    def clear(self):
        self.events.append("clear")

    def play(self, sound): ...
    def say(self, text): ...
    def stop(self): ...
    def became(self, state): ...


@pytest.fixture
def house():
    return House(RealClock())


async def test_the_handshake_is_signed_and_the_stream_opens_as_documented(house):
    async with carrier_for(house, RealClock()) as carrier:
        leg = carrier.place("+15005550122", queue="support", mode="stream")
        await until(lambda: len(media(house, "media")) > 5)
        leg.signal(Gone())
        await carrier.all_over()

    (connected, headers), (start, _) = media(house, "connected")[0], media(house, "start")[0]
    url = house.base.replace("http", "ws") + "/media/twilio/one-time"
    assert headers["X-Twilio-Signature"] == sign(TOKEN, url)
    assert connected == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    assert start["sequenceNumber"] == "1"
    assert start["start"]["callSid"] == leg.sid
    assert start["start"]["customParameters"] == {"queue": "support"}
    frames = [body for body, _ in media(house, "media")]
    assert [frame["media"]["chunk"] for frame in frames[:3]] == ["1", "2", "3"]
    assert [frame["sequenceNumber"] for frame in frames[:2]] == ["2", "3"]
    assert media(house, "stop")[0][0]["stop"]["callSid"] == leg.sid
    assert leg.call.waits[0].end is End.HUNG_UP
    assert carrier.findings.all() == ()


async def test_streams_that_are_open_keep_no_other_call_from_being_asked_for(house):
    callers = AT_ONCE + 12
    async with carrier_for(house, RealClock()) as carrier:
        carrier.frame = 5.0
        legs = [carrier.place(f"+1500555{number:04d}", queue="support", mode="stream") for number in range(callers)]
        await until(lambda: all(leg.stream is not None for leg in legs), 10.0)
        await until(lambda: len(house.sockets) == callers, 10.0)
        assert carrier.findings.all() == ()


async def test_a_key_is_heard_as_dtmf_and_a_clear_gives_the_marks_back(house):
    ear = Listener()
    async with carrier_for(house, RealClock()) as carrier:
        leg = carrier.place("+15005550122", queue="support", mode="stream", ear=ear)
        await until(lambda: ear.sound)
        leg.signal(Pressed("2"))
        await until(lambda: len(media(house, "mark")) == 2)
        leg.signal(Gone())
        await carrier.all_over()

    assert media(house, "dtmf")[0][0]["dtmf"] == {"track": "inbound_track", "digit": "2"}
    assert [body["mark"]["name"] for body, _ in media(house, "mark")] == ["begin", "after 2"]
    assert ear.events[:3] == ["frames", "clear", "frames"]
    assert len(carrier.figures.switches) == 1


async def test_who_is_released_is_rung_through_and_answered_when_the_agent_is_there(house):
    async with carrier_for(house, RealClock()) as carrier:
        carrier._rings = (0.05, 0.05)
        leg = carrier.place("+15005550122", queue="support", mode="stream")
        agent = Agent(carrier, Habits(talk=0.01, holds=0.0), carrier._rng)
        await agent.serve(await carrier.line.next())
        await carrier.all_over()

    status = [fields for step, fields, _ in house.requests if step == "status" and fields.get("ParentCallSid")]
    assert [fields["CallStatus"] for fields in status] == ["in-progress", "completed"]
    assert {fields["ParentCallSid"] for fields in status} == {leg.sid}
    assert (leg.call.waits[0].end, leg.call.waits[0].prompt) == (End.ANSWERED, True)
    assert house.rows()[0]["outcome"] == "answered"


async def test_who_is_released_into_the_queue_is_taken_by_the_agent_who_asked(house):
    enqueued = House.on_call(house, type("Plain", (), {"query": {}}), {})
    house.on_call = lambda request, fields: House.on_call(house, request, fields).split("<Dial>")[0] + enqueued
    async with carrier_for(house, RealClock()) as carrier:
        leg = carrier.place("+15005550122", queue="support", mode="stream")
        agent = Agent(carrier, Habits(talk=0.01, holds=0.0, wordless=0.0), carrier._rng)
        async with asyncio.timeout(3):
            await agent.serve(await carrier.line.next())
            await carrier.all_over()

    taken = [fields for step, fields, _ in house.requests if step == "agent"]
    assert [fields["DequeingCallSid"] for fields in taken] == [agent.sid]
    assert leg.reserved is None
    assert leg.call.waits[0].end is End.ANSWERED


async def test_who_is_let_go_by_the_service_did_not_hang_up_even_if_he_does_so_afterwards(house):
    house.on_call = lambda request, fields: (
        House.on_call(house, request, fields).split("<Dial>")[0] + '<Pause length="9"/>'
    )
    async with carrier_for(house, RealClock()) as carrier:
        leg = carrier.place("+15005550122", queue="support", mode="stream")
        await until(lambda: house.sockets)
        await house.sockets[leg.sid].close()
        await until(lambda: leg.stream is None)
        leg.signal(Gone())
        await carrier.all_over()

    assert leg.call.waits[0].end is End.SENT_AWAY


async def test_a_stream_to_another_host_or_unencrypted_is_refused():
    async def findings_of(url):
        script = Script(RealClock(), call=f'<Connect><Stream url="{url}"/></Connect><Pause length="0"/>')
        async with carrier_for(script, RealClock()) as carrier:
            carrier.place("+15005550122", queue="support", mode="stream")
            await carrier.all_over()
        return carrier.findings.codes()

    assert await findings_of("wss://elsewhere.example.com/media") == {"elsewhere"}
    assert await findings_of("ws://holdsvc.example.com/media") == {"stream_url"}


async def test_what_a_service_sends_wrongly_is_found(house):
    sent = [
        {"event": "media", "streamSid": "MZwrong", "media": {"payload": "AAAA"}},
        {"event": "dance"},
        {"event": "media", "media": {"payload": "not base64!"}},
        {"event": "mark"},
    ]

    async def play(socket, stream, mark):
        for message in sent:
            await socket.send_json({"streamSid": stream} | message)

    house.play = play
    async with carrier_for(house, RealClock()) as carrier:
        leg = carrier.place("+15005550122", queue="support", mode="stream")
        await until(lambda: len(carrier.findings.all()) >= 4)
        leg.signal(AgentLeft())
        leg.signal(Gone())
        await carrier.all_over()

    assert carrier.findings.codes() == {"stream_sid", "stream_event", "stream_body"}
