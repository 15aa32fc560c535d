"""<Dial> from the caller's leg, on the virtual clock."""

import random

import pytest

from holdsvc.simulator.agents import Agent
from holdsvc.simulator.clock import VirtualClock
from holdsvc.simulator.habits import Habits
from holdsvc.simulator.leg import Gone
from holdsvc.simulator.truth import End
from tests.simulator.exchange import Script, carrier_for

NUMBER = (
    '<Number url="/hooks/twilio/whisper" statusCallback="/hooks/twilio/status"'
    ' statusCallbackEvent="initiated ringing answered completed">+15005550177</Number>'
)
DIAL = f'<Dial timeout="20" action="/hooks/twilio/left">{NUMBER}</Dial>'


@pytest.fixture
def clock():
    return VirtualClock()


async def dialled(script, clock, *, rings=4.0, patience=None, staffed=True):
    """One call that is dialled through; who hangs up after `patience` seconds is gone."""
    async with carrier_for(script, clock) as carrier:
        carrier._rings = (rings, rings)
        leg = carrier.place("+15005550122", queue="support")
        carrier.truth.hold(leg.call, "support")
        if staffed:
            leg.reserved = Agent(carrier, Habits(talk=60.0, holds=0.0), random.Random(2))
            leg.reserved._leg = leg
        if patience is not None:
            await clock.sleep(patience)
            leg.signal(Gone())
        await carrier.all_over()
    return leg


def of_agent(script):
    return [fields for fields in script.of("status") if "ParentCallSid" in fields]


async def test_the_agents_leg_reports_its_states_and_hears_the_whisper(clock):
    script = Script(clock, call=DIAL, whisper="<Say>Waited for a minute.</Say>")

    leg = await dialled(script, clock)

    states = [(fields["CallStatus"], fields["SequenceNumber"]) for fields in of_agent(script)]
    assert states == [("initiated", "0"), ("ringing", "1"), ("in-progress", "2"), ("completed", "3")]
    assert {fields["ParentCallSid"] for fields in of_agent(script)} == {leg.sid}
    assert script.of("whisper")[0]["ParentCallSid"] == leg.sid
    assert script.of("whisper")[0]["CallSid"] == of_agent(script)[0]["CallSid"]
    assert script.at("whisper") == [4.0]
    assert (leg.call.waits[0].end, leg.call.waits[0].seconds, leg.call.waits[0].prompt) == (End.ANSWERED, 4.0, True)


async def test_a_caller_who_hangs_up_while_it_rings_was_not_answered(clock):
    script = Script(clock, call=DIAL)

    leg = await dialled(script, clock, patience=2.0)

    assert [fields["CallStatus"] for fields in of_agent(script)] == ["initiated", "ringing", "canceled"]
    assert leg.call.waits[0].end is End.HUNG_UP


@pytest.mark.parametrize(("rings", "staffed"), [(25.0, True), (4.0, False)])
async def test_when_nobody_answers_the_action_is_told(clock, rings, staffed):
    script = Script(clock, call=DIAL, left="<Hangup/>")

    leg = await dialled(script, clock, rings=rings, staffed=staffed)

    assert script.of("left")[0]["DialCallStatus"] == "no-answer"
    assert leg.call.waits[0].end is End.SENT_AWAY


async def test_without_a_status_callback_the_moment_of_the_answer_is_in_doubt_by_the_ringing(clock):
    script = Script(clock, call="<Dial><Number>+15005550177</Number></Dial>")

    leg = await dialled(script, clock)

    assert of_agent(script) == []
    assert (leg.call.waits[0].prompt, leg.call.waits[0].slack) == (False, 4.0)
