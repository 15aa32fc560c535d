"""What Twilio says. The samples in `samples/twilio` tell the plain cases; here stand the odd ones."""

from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from holdsvc.calls.events import (
    AgentAnswered,
    CallerHungUp,
    CallerIdentified,
    CallHeld,
    ContentEnded,
    Departure,
    DigitPressed,
    HeardUntil,
    LeftQueue,
    UtteranceHeard,
)
from holdsvc.calls.instructions import (
    EnterQueue,
    Listen,
    Play,
)
from holdsvc.calls.model import Identity
from holdsvc.errors import BadWebhook, Unverified
from holdsvc.platforms.twilio import Twilio
from holdsvc.platforms.twilio_signature import pairs, readable
from holdsvc.ports import Verified

from .bench import BASE, MENU, NOW, SUPPORT, TUNE, posted
from .benches import BENCHES
from .twilio_talk import AGENT, CALL, DOCUMENT, HOUSE, event, link, parsed, rendered

# --- fields that make no sense ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["", "x", "CA 1", "C" * 65, "CA\n01", "<CA>", "CÄ01"])
def test_a_request_without_a_call_is_refused(call):
    with pytest.raises(BadWebhook):
        parsed("wait", CallSid=call)


@pytest.mark.parametrize("nonsense", ["", "-1", "1e9", "99999999999999999999", "٣", "3.5", " 3", "nan"])
def test_absurd_numbers_count_as_not_told(nonsense):
    held = event("wait", QueueTime=nonsense, QueuePosition=nonsense, CurrentQueueSize=nonsense, AvgQueueTime=nonsense)

    assert isinstance(held, CallHeld)
    assert (held.began, held.position, held.size, held.average_seconds) == (NOW, None, None, None)


def test_position_nought_is_no_position_and_wait_nought_began_now():
    held = event("wait", QueueTime="0", QueuePosition="0", CurrentQueueSize="0")

    assert (held.began, held.position, held.size) == (NOW, None, 0)


@pytest.mark.parametrize("score", ["", "nan", "inf", "-0.1", "1.1", "high"])
def test_a_confidence_that_is_none_is_nought(score):
    assert event("input", SpeechResult="music", Confidence=score).score == 0.0


def test_the_spoken_words_stand_beside_the_event_and_not_in_it():
    report = parsed("input", SpeechResult=" some music ", Confidence="0.5")

    assert report.spoken == "some music"
    assert report.events == (UtteranceHeard(at=NOW, id=report.events[0].id, choice="", score=0.5),)


def test_each_key_of_several_is_an_event_of_its_own():
    report = parsed("input", Digits="1*x")

    assert [one.digit for one in report.events] == ["1", "*"]
    assert len({one.id for one in report.events}) == 2


@pytest.mark.parametrize(
    "stamp", ["", "yesterday", "Mon, 02 Mar 1970 09:30:41 +0000", "Mon, 02 Mar 2026 09:30:10 +0000"]
)
def test_a_time_stamp_that_cannot_be_right_gives_way_to_our_receipt(stamp):
    assert event("status", CallStatus="completed", Timestamp=stamp) == CallerHungUp(
        at=NOW, id=event("status", CallStatus="completed", Timestamp=stamp).id
    )


@pytest.mark.parametrize("text", ["", "   ", "\u0007\n", "\u202e"])
def test_a_queue_without_a_name_is_the_default_one(text):
    assert parsed("wait", urlencode({"queue": text})).queue == "default"


def test_a_link_that_somebody_wrote_by_hand_is_read_as_far_as_it_goes():
    assert parsed("wait", "debug&queue=support&turn=x").queue == "support"
    assert parsed("wait", "debug&queue=support&turn=x").turn is None


def test_a_number_that_we_called_is_the_called_one():
    report = parsed("call", Direction="outbound-api", To="+15005550144")

    assert report.caller == "+15005550144"


# --- identity ---------------------------------------------------------------------------------------------------------


def test_the_same_key_in_two_turns_is_two_events_and_a_retry_is_one():
    first = parsed("input", "queue=support&turn=3&sent=1", Digits="1")
    retry = parsed("input", "queue=support&turn=3&sent=2", Digits="1", **{"I-Twilio-Idempotency-Token": "t2"})
    later = parsed("input", "queue=support&turn=4&sent=1", Digits="1")

    assert first.events[0].id == retry.events[0].id
    assert first.events[0].id != later.events[0].id


def test_the_order_of_fields_does_not_matter_and_everything_else_does():
    ids = {
        event("wait", QueueTime="1", QueuePosition="2").id,
        event("wait", QueuePosition="2", QueueTime="1").id,
        event("wait", QueuePosition="1", QueueTime="2").id,
        event("input", QueueTime="1", QueuePosition="2").id,
        event("wait", "queue=support&turn=3&after=stream", QueueTime="1", QueuePosition="2").id,
        event("wait", QueueTime="1", QueuePosition="2", CallSid=AGENT).id,
    }

    assert len(ids) == 5


# --- how a stay ends --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("result", ["bridged", "bridging-in-process", "redirected-from-bridged", "Bridged "])
def test_an_answer_that_is_told_after_the_talk_is_dated_by_the_wait(result):
    told = event("left", QueueResult=result, QueueTime="95")

    assert told == AgentAnswered(at=NOW, id=told.id, waited=95, exact=False)


@pytest.mark.parametrize(
    ("result", "why"),
    [
        ("leave", Departure.CHOICE),
        ("redirected", Departure.OVERFLOW),
        ("queue-full", Departure.OVERFLOW),
        ("error", Departure.FAILURE),
        ("system-error", Departure.FAILURE),
    ],
)
def test_who_leaves_without_an_agent_leaves_for_a_reason(result, why):
    told = event("left", QueueResult=result, QueueTime="52")

    assert told == LeftQueue(at=NOW, id=told.id, why=why, waited=52)


def test_late_news_of_a_stay_is_dated_by_when_that_stay_began():
    enqueue = rendered("call", EnterQueue(SUPPORT)).find("Enqueue")
    query = urlsplit(enqueue.get("action")).query

    answered = event("left", query, NOW + timedelta(seconds=400), QueueResult="bridged", QueueTime="95")
    gone = event("left", query, NOW + timedelta(seconds=41.4), QueueResult="hangup", QueueTime="41")
    gone_late = event("left", query, NOW + timedelta(seconds=60), QueueResult="hangup", QueueTime="41")

    assert answered == AgentAnswered(at=NOW + timedelta(seconds=95), id=answered.id, exact=False)
    assert gone == CallerHungUp(at=NOW + timedelta(seconds=41.4), id=gone.id, waited=41)
    assert gone_late == CallerHungUp(at=NOW + timedelta(seconds=41), id=gone_late.id, exact=False)


def test_a_talk_after_dialling_began_when_it_had_lasted_that_long():
    told = event("left", DialCallStatus="completed", DialCallDuration="300")

    assert told == AgentAnswered(at=NOW - timedelta(seconds=300), id=told.id, exact=False)


@pytest.mark.parametrize(
    ("step", "fields"),
    [
        ("left", {"QueueResult": "new-word"}),
        ("left", {}),
        ("left", {"DialCallStatus": "canceled"}),
        ("status", {"CallStatus": "ringing"}),
        ("status", {"CallStatus": "completed", "ParentCallSid": AGENT}),
        ("status", {"StatusCallbackEvent": "participant-join", "CallStatus": "completed"}),
    ],
)
def test_what_does_not_concern_us_is_no_news(step, fields):
    assert parsed(step, **fields) is None


# --- who asks for the agent's document --------------------------------------------------------------------------------


def test_the_three_that_ask_are_told_apart():
    before_bridge = parsed("agent", DequeingCallSid=AGENT)
    own_leg = parsed("agent", CallSid=AGENT, ParentCallSid=CALL)
    calls_in = parsed("agent", CallSid=AGENT)

    assert (before_bridge.ref.call, before_bridge.events[0].leg) == (CALL, False)
    assert (own_leg.ref.call, own_leg.events[0].leg, own_leg.caller) == (CALL, True, "")
    assert (calls_in.ref.call, calls_in.events) == (AGENT, ())


# --- what was heard: from our own document back to us -----------------------------------------------------------------


def test_a_key_tells_how_far_the_caller_had_heard():
    query = link(rendered("wait", *DOCUMENT), "Gather")

    pressed = event("input", query, NOW + timedelta(seconds=25), Digits="2")

    assert isinstance(pressed, DigitPressed)
    assert pressed.heard == HeardUntil(TUNE, 0.0, 16.6)


def test_a_document_that_ran_out_was_heard_to_its_end():
    query = link(rendered("wait", *DOCUMENT), "Redirect")

    held = event("wait", query, NOW + timedelta(seconds=69.6), QueueTime="100")
    ended = event("input", query, NOW + timedelta(seconds=69.6))

    assert held.heard == HeardUntil(TUNE, 0.0, 60.0)
    assert ended == ContentEnded(at=ended.at, id=ended.id, heard=held.heard)


def test_content_without_an_end_is_cut_to_a_segment():
    document = rendered("wait", Play(TUNE, 150.0), Listen(MENU, "en"))

    assert document.find("Gather/Play").text == f"{BASE}/audio/{TUNE}/150-180/0.wav"
    assert "150-180" in parse_qs(link(document, "Gather"))["parts"]


@given(
    st.binary(max_size=400),
    st.sampled_from(sorted(HOUSE.steps)),
    st.text(max_size=60),
    st.sampled_from(["GET", "POST"]),
)
def test_any_bytes_give_news_or_none_or_a_bad_webhook(body, step, query, method):
    request = replace(posted(step, body, f"CallSid=CA01&{query}", platform="twilio"), method=method)
    told = readable(pairs(b"CallSid=CA01&" + body))

    report = HOUSE.parse(Verified(request, told))

    assert report is None or report.ref.platform == "twilio"


NAMES = """QueueTime QueuePosition QueueResult Digits SpeechResult Confidence CallStatus Timestamp ParentCallSid From To
DequeingCallSid DialCallStatus DialCallDuration StatusCallbackEvent Direction CurrentQueueSize AvgQueueTime"""
names = st.sampled_from(NAMES.split())
any_text = st.text(st.characters(), max_size=30) | st.sampled_from(
    ["bridged", "9" * 5000, "CA01", "participant-hold", "Infinity"]
)


@given(
    st.dictionaries(names, any_text),
    st.sampled_from(sorted(HOUSE.steps)),
    st.dictionaries(st.sampled_from(["parts", "content", "sent", "turn", "queue"]), st.text(max_size=30)),
)
def test_any_fields_give_news_or_none(fields, step, query):
    asked = posted(step, b"", urlencode(query), platform="twilio")

    report = HOUSE.parse(Verified(asked, (("CallSid", "CA01"), *fields.items())))

    assert report is None or all(one.id for one in report.events)


# --- how sure the contact centre is of who is calling -------------------------------------------------------------------------


def genuine(step, query, **fields):
    """What a signed request says."""
    body = urlencode({"CallSid": CALL, "From": "+15005550122", **fields}).encode()
    platform = BENCHES[0].platform
    return platform.parse(platform.verify(BENCHES[0].sign(posted(step, body, urlencode(query), platform="twilio"))))


def levels(step, query, **fields):
    report = genuine(step, query, **fields)
    return [(one.level, one.account) for one in report.events if isinstance(one, CallerIdentified)], report.doubts


@pytest.mark.parametrize("step", ["call", "wait"])
def test_the_contact_centres_own_address_says_that_the_caller_is_verified(step):
    assert levels(step, {"identity": "verified"}) == ([(Identity.VERIFIED, "")], ())
    streamed = genuine(step, {"identity": "verified", "media": "stream"})
    assert isinstance(streamed.events[0], CallerIdentified)
    assert streamed.stream is (True if step == "call" else None)
    assert levels(step, {"identity": "verified", "account": "77"}) == ([(Identity.VERIFIED, "77")], ())
    assert levels(step, {"identity": "none"}) == ([(Identity.NONE, "")], ())
    assert levels(step, {}) == ([], ())


@pytest.mark.parametrize("said", ["", "VERIFIED", "verified ", "yes", "true", "1", "verified,verified", "ｖerified"])
def test_a_level_that_there_is_not_raises_nothing_and_is_counted(said):
    assert levels("call", {"identity": said}) == ([], ("unknown_identity",))


def told_level(step):
    report = genuine(step, {"identity": "verified"}, QueueResult="hangup", CallStatus="in-progress")
    return [one for one in report.events if isinstance(one, CallerIdentified)] if report else []


def test_what_stands_in_a_form_says_nothing_of_the_identity():
    assert levels("call", {}, identity="verified", SipHeader_identity="verified") == ([], ())


@pytest.mark.parametrize("step", ["input", "left", "status", "agent", "whisper", "hold"])
def test_other_steps_say_nothing_of_the_identity(step):
    assert told_level(step) == []


def test_an_address_that_nobody_signed_raises_nothing():
    request = posted("call", urlencode({"CallSid": CALL}).encode(), "identity=verified", platform="twilio")
    careless = Twilio(insecure=True)

    report = careless.parse(careless.verify(request))

    assert report.doubts == ("unsigned_identity",)
    assert [type(one).__name__ for one in report.events] == ["CallArrived"]


def test_an_address_that_somebody_else_wrote_the_level_into_is_refused():
    request = BENCHES[0].sign(posted("call", urlencode({"CallSid": CALL}).encode(), "queue=support", platform="twilio"))
    forged = replace(request, url=f"{request.url}&identity=verified", query=f"{request.query}&identity=verified")

    with pytest.raises(Unverified):
        BENCHES[0].platform.verify(forged)
