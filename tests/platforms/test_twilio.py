"""What Twilio says, and what it is answered. The samples in `samples/twilio` tell the plain cases; here stand the odd ones."""

from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit
from xml.etree import ElementTree

import pytest
from holdsvc.calls.events import (
    AgentAnswered,
    CallerHungUp,
    CallHeld,
    ContentEnded,
    Departure,
    DigitPressed,
    HeardUntil,
    LeftQueue,
    UtteranceHeard,
)
from holdsvc.calls.instructions import (
    Brief,
    Depart,
    EnterQueue,
    HandOver,
    LeaveQueue,
    Listen,
    OpenStream,
    Play,
    Release,
    Say,
    Stop,
)
from holdsvc.calls.menu import Action, Choice, Menu
from holdsvc.calls.model import CallId, CallRef, ContentId, PromptId, QueueName
from holdsvc.errors import BadWebhook
from holdsvc.platforms.twilio import Twilio
from holdsvc.platforms.twilio_signature import pairs, readable
from holdsvc.ports import Destination, Verified
from holdsvc.simulator.twiml import Place, read
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from .bench import BASE, EVERY_INSTRUCTION, MENU, NOW, SUPPORT, TUNE, posted, scene

HOUSE = Twilio(insecure=True)
CALL = "CAaaaabbbbccccddddeeeeffff00001111"
AGENT = "CA9999bbbbccccddddeeeeffff00002222"
REF = CallRef("twilio", CallId(CALL))
PLACES = {
    "call": Place.CALL,
    "wait": Place.WAIT,
    "input": Place.WAIT,
    "left": Place.CALL,
    "agent": Place.CALL,
    "whisper": Place.WHISPER,
    "hold": Place.BEFORE_BRIDGE,
    "status": Place.CALL,
}
DOCUMENT = (
    Play(TUNE, 0.0, 10.0, -6.0),
    Say((PromptId("menu"),), "en"),
    Play(TUNE, 10.0, 60.0, -6.0),
    Listen(MENU, "en"),
)


def parsed(step, query="queue=support&turn=3", at=NOW, **fields):
    told = {"CallSid": CALL, "From": "+15005550122", **fields}
    return HOUSE.parse(HOUSE.verify(posted(step, urlencode(told).encode(), query, at=at, platform="twilio")))


def event(*args, **fields):
    (only,) = parsed(*args, **fields).events
    return only


def rendered(step, *todo, **changes):
    reply = HOUSE.render(REF, todo, scene(step, **changes))
    return ElementTree.fromstring(reply.body)


def shape(element):
    return element.tag, tuple(sorted(element.attrib)), tuple(shape(child) for child in element)


def tags(element):
    return [child.tag for child in element]


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


def link(document, path):
    """Where a rendered document leads, as the query of the request that follows."""
    verb = document.find(path)
    return urlsplit(verb.get("action") or verb.text).query


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


# --- documents --------------------------------------------------------------------------------------------------------


def test_a_waiting_caller_hears_a_programme_and_can_press_and_speak_all_the_while():
    document = rendered("wait", *DOCUMENT)
    gather = document.find("Gather")

    assert tags(document) == ["Gather", "Redirect"]
    assert tags(gather) == ["Play", "Play", "Play"]
    assert [play.text for play in gather] == [
        f"{BASE}/audio/{TUNE}/0-10/-6.wav",
        f"{BASE}/audio/prompts/en/menu.wav",
        f"{BASE}/audio/{TUNE}/10-60/-6.wav",
    ]
    told = {name: gather.get(name) for name in ("input", "numDigits", "finishOnKey", "timeout", "language")}
    assert told == {"input": "dtmf speech", "numDigits": "1", "finishOnKey": "", "timeout": "1", "language": "en-US"}
    assert "podcast" in gather.get("hints").split(",")


def test_a_language_that_is_not_recognised_leaves_the_keys():
    gather = rendered("wait", Play(TUNE, 0.0, 10.0), Listen(MENU, "tlh")).find("Gather")

    assert gather.get("input") == "dtmf"
    assert gather.get("hints") is gather.get("language") is gather.get("speechTimeout") is None


@given(st.lists(st.text(max_size=120), max_size=700))
def test_hints_stay_within_the_platforms_limits(words):
    menu = Menu((Choice("all", Action.NEXT, "", tuple(words)),))

    hints = rendered("wait", Play(TUNE, 0.0, 10.0), Listen(menu, "en")).find("Gather").get("hints", "")

    assert len(hints.split(",")) <= 500
    assert all(len(hint) <= 100 for hint in hints.split(","))


@pytest.mark.parametrize("step", ["wait", "input"])
@given(todo=st.lists(st.sampled_from([*DOCUMENT, Stop(), Release(), Brief(("x",))]), max_size=5))
def test_a_waiting_caller_is_never_answered_with_nothing(step, todo):
    document = rendered(step, *todo)

    assert document[-1].tag == "Redirect"
    assert {"Play", "Pause"} & {verb.tag for verb in document[:-1]} | {
        verb.tag for verb in document.findall("Gather/*")
    }


def test_a_new_call_enters_the_queue_or_opens_a_stream():
    queued = rendered("call", EnterQueue(SUPPORT))
    streamed = rendered("call", OpenStream(SUPPORT), streams=True, token="t0ken")

    (enqueue,) = queued
    assert (enqueue.tag, enqueue.text) == ("Enqueue", "support")
    assert enqueue.get("waitUrl") == f"{BASE}/hooks/twilio/wait?queue=support&turn=7"
    assert enqueue.get("action") == f"{BASE}/hooks/twilio/left?queue=support&turn=7&sent=1772443800000"
    assert tags(streamed) == ["Connect", "Redirect"]
    assert streamed.find("Connect/Stream").get("url") == "wss://holdsvc.example.com/media/twilio/t0ken"
    assert streamed.find("Connect/Stream/Parameter").attrib == {"name": "token", "value": "t0ken"}
    assert parse_qs(link(streamed, "Redirect")) == {"queue": ["support"], "turn": ["7"], "after": ["stream"]}


@pytest.mark.parametrize("changes", [{"token": "t0ken"}, {"streams": True}])
def test_where_no_stream_can_be_had_the_caller_is_queued(changes):
    assert tags(rendered("call", OpenStream(SUPPORT), **changes)) == ["Enqueue"]


def test_a_caller_who_wants_to_leave_hears_a_word_and_leaves():
    document = rendered("input", Say((PromptId("leaving"),), "en"), LeaveQueue())

    assert tags(document) == ["Play", "Leave"]


def test_a_released_caller_is_dialled_to_an_agent_who_is_told_who_comes():
    document = rendered("wait", HandOver(SUPPORT), hand_over=Destination(dial="+15005550144"))
    number = document.find("Dial/Number")

    assert number.text == "+15005550144"
    assert number.get("url") == f"{BASE}/hooks/twilio/whisper?queue=support&turn=7"
    assert number.get("statusCallback") == f"{BASE}/hooks/twilio/status?queue=support&turn=7"
    assert document.find("Dial").get("action") == f"{BASE}/hooks/twilio/left?queue=support&turn=7"


def test_a_released_caller_may_go_to_a_sip_address_a_queue_or_the_centres_own_document():
    sip = rendered("wait", HandOver(SUPPORT), hand_over=Destination(dial="sip:desk@example.com"))
    queue = rendered("wait", HandOver(SUPPORT), hand_over=Destination(enqueue="agents"))
    own = rendered("wait", HandOver(SUPPORT), hand_over=Destination(redirect="https://centre.example.com/x"))

    assert sip.find("Dial/Sip").text == "sip:desk@example.com"
    assert queue.find("Enqueue").text == "agents"
    assert queue.find("Enqueue").get("waitUrl")
    assert own.find("Redirect").text == "https://centre.example.com/x"


def test_who_departs_goes_where_the_queue_has_a_place_for_this_reason():
    departures = {"overflow": Destination(dial="+15005550144")}

    on = rendered("left", Depart(SUPPORT, Departure.OVERFLOW), departures=departures)
    nowhere = rendered("left", Depart(SUPPORT, Departure.FAILURE), departures=departures)

    assert on.find("Dial/Number").text == "+15005550144"
    assert tags(nowhere) == ["Say", "Hangup"]


def test_after_the_talk_nothing_more_is_said():
    assert tags(rendered("left", Stop(), Say((PromptId("connecting"),), "en"))) == []
    assert tags(rendered("status", Stop(), Say((PromptId("connecting"),), "en"))) == []


def test_before_the_bridge_the_caller_is_told():
    document = rendered("agent", Stop(), Say((PromptId("connecting"),), "en"))

    assert [(verb.tag, verb.text) for verb in document] == [("Play", f"{BASE}/audio/prompts/en/connecting.wav")]


def test_an_agent_who_calls_in_is_briefed_and_gets_the_head_of_the_queue():
    document = rendered("agent", Brief(("Waited 2 minutes.", "Chose podcast.")), turn=0)
    nobody_waits = rendered("agent", Brief(()), turn=0)

    assert document.find("Say").text == "Waited 2 minutes. Chose podcast."
    queue = document.find("Dial/Queue")
    assert (queue.text, queue.get("url")) == ("support", f"{BASE}/hooks/twilio/agent?queue=support&turn=0")
    assert tags(nobody_waits) == ["Dial"]


def test_an_agents_leg_is_only_briefed():
    assert tags(rendered("whisper", Brief(("Waited 2 minutes.",)))) == ["Say"]
    assert tags(rendered("agent", Brief(("Waited 2 minutes.",)))) == ["Say"]
    assert tags(rendered("whisper", Brief(()))) == []


def test_a_call_on_hold_in_a_conference_plays_without_listening():
    document = rendered("hold", *DOCUMENT)

    assert tags(document) == ["Play", "Play", "Play", "Redirect"]
    assert urlsplit(document.find("Redirect").text).path == "/hooks/twilio/hold"


def test_the_fallback_keeps_the_caller_in_the_queue_and_in_music():
    told = {step: ElementTree.fromstring(HOUSE.fallback(scene(step), TUNE).body) for step in HOUSE.steps}

    assert tags(told["call"]) == ["Enqueue"]
    assert tags(told["wait"]) == tags(told["input"]) == tags(told["hold"]) == ["Play", "Redirect"]
    assert all(tags(told[step]) == [] for step in ("left", "status", "agent", "whisper"))


@pytest.mark.parametrize("step", sorted(HOUSE.steps))
@given(todo=st.lists(st.sampled_from(EVERY_INSTRUCTION), max_size=5), streams=st.booleans())
def test_a_reader_that_takes_the_documentation_at_its_word_has_no_complaint(step, todo, streams):
    wrong_place = {
        "wait": (EnterQueue, OpenStream, HandOver, Depart),
        "input": (EnterQueue, OpenStream, HandOver, Depart),
    }
    todo = [one for one in todo if not isinstance(one, wrong_place.get(step, ()))]
    if step == "call":
        todo = [one for one in todo if not isinstance(one, LeaveQueue)]
    asked = scene(step, streams=streams, token="t0ken", hand_over=Destination(dial="+15005550144"))

    reply = HOUSE.render(REF, tuple(todo), asked)

    told = read(reply.body, reply.content_type, f"{BASE}/hooks/twilio/{step}", PLACES[step])
    assert [sentence for code, sentence in told.complaints if code != "leave"] == []


# --- hostile strings --------------------------------------------------------------------------------------------------

hostile = st.text(max_size=40) | st.sampled_from(
    ["</Say><Hangup/>", "]]>&lt;", "<!DOCTYPE x>", "\x00\x08\ufffe\ud800", '"/><Play']
)


@given(
    name=hostile.filter(lambda text: text.strip() and "\ud800" not in text), fact=hostile, word=hostile, number=hostile
)
def test_whatever_a_caller_or_a_queue_is_called_the_tree_stays_the_same(name, fact, word, number):
    def every(name, fact, word, number):
        menu = Menu((Choice("one", Action.NEXT, "9", (f"a{word}",)),))
        told = (Play(ContentId(name), 0.0, 10.0), Listen(menu, "en"))
        to = Destination(dial=f"+{number}")
        asked = {"queue": QueueName("support"), "hand_over": to}
        return [
            shape(rendered("call", EnterQueue(QueueName(name)), **asked)),
            shape(rendered("wait", *told, **asked)),
            shape(rendered("wait", HandOver(QueueName(name)), **asked)),
            shape(rendered("whisper", Brief((f"Name: {fact}",)), **asked)),
            shape(rendered("agent", Brief((f"Name: {fact}",)), turn=0, hand_over=Destination(enqueue=name))),
        ]

    assert every(name, fact, word, number) == every("plain", "plain", "plain", "15005550144")


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
