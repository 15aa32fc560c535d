"""A caller in the carrier's queue, on the virtual clock, against a service that says what the test wrote down for it."""

from dataclasses import dataclass

import pytest

from holdsvc.simulator.clock import VirtualClock
from holdsvc.simulator.hooks import Chaos
from holdsvc.simulator.leg import AgentLeft, Gone, Moved, Pressed, Spoke, Taken
from holdsvc.simulator.truth import End
from tests.simulator.exchange import Script, carrier_for

CALL = '<Enqueue waitUrl="/hooks/twilio/wait?q=1" action="/hooks/twilio/left">support</Enqueue>'
WAIT = "<Play>/audio/30.wav</Play><Redirect>/hooks/twilio/wait?q=2</Redirect>"
KEYED = (
    '<Gather numDigits="1" timeout="2" action="/hooks/twilio/input"><Play>/audio/30.wav</Play></Gather>'
    "<Redirect>/hooks/twilio/wait</Redirect>"
)
NEWS = ("status",)


@dataclass
class Colleague:
    """An agent who does what the test says."""

    sid: str = "CAagent"
    queue_url: str = ""
    legs: tuple = ()
    freed: int = 0

    def bridged(self, leg):
        self.legs += (leg,)

    def free(self, leg):
        self.freed += 1


@pytest.fixture
def clock():
    return VirtualClock()


async def test_the_wait_document_is_asked_for_with_the_place_and_whole_seconds(clock):
    script = Script(clock, call=CALL, wait=WAIT)
    async with carrier_for(script, clock) as carrier:
        first = carrier.place("+15005550122", queue="support")
        await clock.sleep(10.5)
        second = carrier.place("+15005550123", queue="support")
        await clock.sleep(20)
        first.signal(Gone())
        await clock.sleep(15)
        second.signal(Gone())
        await carrier.all_over()

    told = [(f["QueuePosition"], f["QueueTime"], f["CurrentQueueSize"]) for f in script.of("wait")]
    assert script.at("wait") == [0.0, 10.5, 30.0, 40.5]
    assert told == [("1", "0", "1"), ("2", "0", "2"), ("1", "30", "2"), ("1", "30", "1")]
    assert script.of("wait")[0]["CallStatus"] == "in-progress"
    assert len({fields["QueueSid"] for fields in script.of("wait")}) == 1


async def test_a_caller_who_hangs_up_is_told_of_twice_and_hears_no_more(clock):
    script = Script(clock, call=CALL, wait=WAIT)
    async with carrier_for(script, clock) as carrier:
        leg = carrier.place("+15005550122", queue="support")
        await clock.sleep(12.3)
        leg.signal(Gone())
        await carrier.all_over()

    left, status = script.of("left")[0], script.of("status")[-1]
    assert (left["QueueResult"], left["QueueTime"], left["CallStatus"]) == ("hangup", "12", "completed")
    assert (status["CallStatus"], status["CallDuration"], status["SequenceNumber"]) == ("completed", "12", "2")
    assert status["Timestamp"] == "Mon, 02 Mar 2026 09:00:12 +0000"
    wait = leg.call.waits[0]
    assert (wait.end, round(wait.seconds, 3), wait.prompt) == (End.HUNG_UP, 12.3, True)
    assert leg.call.heard == {f"{script.base}/audio/30.wav": pytest.approx(12.3)}


async def test_a_key_stops_what_plays_and_goes_to_the_action_without_the_place(clock):
    script = Script(clock, call=CALL, wait=KEYED, input="<Redirect>/hooks/twilio/wait</Redirect>")
    async with carrier_for(script, clock) as carrier:
        leg = carrier.place("+15005550122", queue="support")
        await clock.sleep(7)
        leg.signal(Pressed("2"))
        await clock.sleep(1)
        leg.signal(Gone())
        await carrier.all_over()

    assert script.at("input") == [7.0]
    assert script.of("input")[0]["Digits"] == "2"
    assert "QueuePosition" not in script.of("input")[0]
    assert script.at("wait") == [0.0, 7.0]
    assert leg.call.pressed == [("2", True)]


async def test_without_a_key_the_gather_waits_its_timeout_and_falls_through(clock):
    script = Script(clock, call=CALL, wait=KEYED)
    async with carrier_for(script, clock) as carrier:
        leg = carrier.place("+15005550122", queue="support")
        await clock.sleep(33)
        leg.signal(Gone())
        await carrier.all_over()

    assert script.steps(*NEWS) == ["call", "wait", "wait", "left"]
    assert script.at("wait") == [0.0, 32.0]


@pytest.mark.parametrize(
    ("gather", "signals", "entry", "at"),
    [
        ('numDigits="3"', "12", {"Digits": "12"}, 8.0),  # silence ends a short entry
        ('numDigits="2"', "12", {"Digits": "12"}, 3.0),
        ("", "12#", {"Digits": "12"}, 3.0),
        ('finishOnKey=""', "1#", {"Digits": "1#"}, 8.0),
        ('finishOnKey="" numDigits="1"', "#", {"Digits": "#"}, 3.0),
        ('actionOnEmptyResult="true"', "", {"Digits": ""}, 35.0),
    ],
)
async def test_digits_are_collected_as_documented(clock, gather, signals, entry, at):
    wait = f'<Gather timeout="5" {gather} action="/hooks/twilio/input"><Play>/audio/30.wav</Play></Gather>'
    script = Script(clock, call=CALL, wait=wait, input="<Leave/>")
    async with carrier_for(script, clock) as carrier:
        leg = carrier.place("+15005550122", queue="support")
        await clock.sleep(3)
        for digit in signals:
            leg.signal(Pressed(digit))
        await carrier.all_over()

    assert entry.items() <= script.of("input")[0].items()
    assert script.at("input") == [at]


async def test_words_reach_the_action_when_the_caller_has_finished(clock):
    wait = '<Gather input="dtmf speech" speechTimeout="auto" action="/hooks/twilio/input"><Play>/audio/30.wav</Play></Gather>'
    script = Script(clock, call=CALL, wait=wait, input="<Leave/>")
    async with carrier_for(script, clock) as carrier:
        leg = carrier.place("+15005550122", queue="support")
        await clock.sleep(3)
        leg.signal(Spoke("a podcast", seconds=0.5, confidence=None))
        await carrier.all_over()

    assert script.at("input") == [4.5]
    assert script.of("input")[0]["SpeechResult"] == "a podcast"
    assert "Confidence" not in script.of("input")[0]
    assert round(sum(leg.call.heard.values()), 3) == 3.0


async def test_a_key_that_nobody_listens_for_is_lost(clock):
    script = Script(clock, call=CALL, wait=WAIT)
    async with carrier_for(script, clock) as carrier:
        leg = carrier.place("+15005550122", queue="support")
        await clock.sleep(3)
        leg.signal(Pressed("2"))
        await clock.sleep(30)
        leg.signal(Gone())
        await carrier.all_over()

    assert leg.call.pressed == [("2", False)]
    assert script.at("wait") == [0.0, 30.0]


async def test_who_leaves_by_choice_goes_on_with_the_action_of_the_queue(clock):
    script = Script(clock, call=CALL, wait="<Play>/audio/4.wav</Play><Leave/>", left='<Pause length="3"/><Hangup/>')
    async with carrier_for(script, clock) as carrier:
        leg = carrier.place("+15005550122", queue="support")
        await carrier.all_over()

    assert script.of("left")[0]["QueueResult"] == "leave"
    assert leg.call.waits[0].end is End.LEFT
    assert (leg.call.ended - leg.call.began).total_seconds() == 7


async def test_the_queued_caller_hears_the_agents_document_before_the_bridge_and_the_end_is_told_after_the_talk(clock):
    script = Script(clock, call=CALL, wait=WAIT, agent="<Say>You are through.</Say>")
    async with carrier_for(script, clock) as carrier:
        leg = carrier.place("+15005550122", queue="support")
        agent = Colleague(queue_url=carrier.agent_url("support"))
        await clock.sleep(20.7)
        leg.signal(Taken(agent))
        await clock.sleep(60)
        leg.signal(AgentLeft())
        await carrier.all_over()

    asked, left = script.of("agent")[0], script.of("left")[0]
    assert script.at("agent") == [20.7]
    assert (asked["CallSid"], asked["DequeingCallSid"], asked["QueueTime"]) == (leg.sid, "CAagent", "20")
    assert (left["QueueResult"], left["QueueTime"]) == ("bridged", "20")
    assert script.at("left") == [80.7]
    assert (agent.legs, agent.freed) == ((leg,), 1)
    assert (leg.call.waits[0].end, leg.call.waits[0].prompt) == (End.ANSWERED, True)


async def test_an_agent_without_a_document_is_known_of_only_after_the_talk(clock):
    script = Script(clock, call=CALL, wait=WAIT)
    async with carrier_for(script, clock) as carrier:
        leg = carrier.place("+15005550122", queue="support")
        await clock.sleep(5)
        leg.signal(Taken(Colleague()))
        await clock.sleep(40)
        leg.signal(Gone())
        await carrier.all_over()

    assert script.at("left") == [45.0]
    assert script.of("left")[0]["QueueTime"] == "5"
    assert leg.call.waits[0].prompt is False


async def test_an_agent_too_late_is_free_again(clock):
    script, agent = Script(clock, call=CALL, wait=WAIT), Colleague()
    async with carrier_for(script, clock) as carrier:
        leg = carrier.place("+15005550122", queue="support")
        await clock.sleep(5)
        leg.signal(Gone())
        leg.signal(Taken(agent))
        await carrier.all_over()

    assert leg.call.waits[0].end is End.HUNG_UP
    assert agent.freed == 1


HOLD = "<Play>/audio/30.wav</Play><Redirect>/hooks/twilio/hold</Redirect>"


async def test_a_hold_in_mid_call_is_no_second_wait(clock):
    script, agent = Script(clock, call=CALL, wait=WAIT, hold=HOLD), Colleague()
    async with carrier_for(script, clock) as carrier:
        leg = carrier.place("+15005550122", queue="support")
        await clock.sleep(5)
        leg.signal(Taken(agent))
        await clock.sleep(10)
        leg.holder = agent
        leg.signal(Moved(carrier.hold_url("support")))
        await clock.sleep(37)
        leg.signal(Taken(agent))
        await clock.sleep(10)
        assert agent.legs == (leg, leg)
        leg.signal(AgentLeft())
        await carrier.all_over()

    told = [fields["StatusCallbackEvent"] for fields in script.of("status") if "StatusCallbackEvent" in fields]
    assert [left["QueueResult"] for left in script.of("left")] == ["redirected-from-bridged"]
    assert [(wait.hold, round(wait.seconds)) for wait in leg.call.waits] == [(False, 5), (True, 37)]
    assert script.at("hold") == [15.0, 45.0]
    assert told == ["participant-hold", "participant-unhold"]
    assert carrier.truth.offered == 1


async def test_who_is_sent_on_by_an_agent_waits_once_more_in_the_other_queue(clock):
    script, agent = Script(clock, call=CALL, wait=WAIT), Colleague()
    async with carrier_for(script, clock) as carrier:
        leg = carrier.place("+15005550122", queue="support")
        await clock.sleep(5)
        leg.signal(Taken(agent))
        await clock.sleep(10)
        leg.signal(Moved(carrier.voice_url("sales")))
        await clock.sleep(7)
        leg.signal(Gone())
        await carrier.all_over()

    waits = [(wait.queue, wait.hold, wait.end, round(wait.seconds)) for wait in leg.call.waits]
    assert waits == [("support", False, End.ANSWERED, 5), ("sales", False, End.HUNG_UP, 7)]
    assert agent.freed == 1
    assert carrier.truth.offered == 2


async def test_who_leaves_one_queue_for_another_has_two_waits(clock):
    onward = "<Redirect>/hooks/twilio/call?queue=sales</Redirect>"
    script = Script(clock, call=CALL, wait=['<Pause length="9"/><Leave/>', WAIT], left=[onward, ""])
    async with carrier_for(script, clock) as carrier:
        leg = carrier.place("+15005550122", queue="support")
        await clock.sleep(20)
        leg.signal(Gone())
        await carrier.all_over()

    waits = [(wait.queue, wait.end, round(wait.seconds)) for wait in leg.call.waits]
    assert waits == [("support", End.LEFT, 9), ("sales", End.HUNG_UP, 11)]


async def test_a_service_that_fails_or_spins_is_found_and_nobody_waits_for_ever(clock):
    spins = Script(clock, call=CALL, wait="<Redirect>/hooks/twilio/wait</Redirect>")
    async with carrier_for(spins, clock) as carrier:
        leg = carrier.place("+15005550122", queue="support")
        await clock.sleep(5)
        leg.signal(Gone())
        await carrier.all_over()
    assert carrier.findings.codes() == {"spin"}
    assert len(spins.of("wait")) < 12

    fails = Script(clock, call=CALL, wait=WAIT)
    fails.status = 503
    async with carrier_for(fails, clock) as carrier:
        leg = carrier.place("+15005550122", queue="support")
        await carrier.all_over()
    assert "hook_status" in carrier.findings.codes()
    assert leg.call.waits == []


async def test_chaos_repeats_with_the_same_body_and_token_and_never_delays_what_a_call_waits_for(clock):
    script = Script(clock, call=CALL, wait=WAIT)
    async with carrier_for(script, clock, chaos=Chaos(duplicate=1.0, reorder=1.0, late=20.0)) as carrier:
        leg = carrier.place("+15005550122", queue="support")
        await clock.sleep(40)
        leg.signal(Gone())
        await carrier.all_over()

    assert script.at("call")[0] == script.at("wait")[0] == 0.0
    assert 30.0 in script.at("wait")
    for step in ("call", "wait", "left", "status"):
        told = [tuple(fields.items()) for fields in script.of(step)]
        assert all(told.count(fields) == 2 for fields in told)
    assert 40.0 < min(script.at("left")) <= 60.0
    assert leg.call.waits[0].prompt is False
