"""What Twilio is answered at each step."""

from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdsvc.calls.events import (
    Departure,
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
from holdsvc.calls.model import ContentId, PromptId, QueueName
from holdsvc.ports import Destination
from holdsvc.simulator.twiml import Place, read

from .bench import BASE, EVERY_INSTRUCTION, MENU, SUPPORT, TUNE, scene
from .twilio_talk import DOCUMENT, HOUSE, REF, link, parsed, rendered, shape, tags

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


@pytest.mark.parametrize("segment", [10.0, 60.0])
def test_a_sound_whose_end_nobody_told_is_as_long_as_the_queue_says(segment):
    (play,) = rendered("wait", Play(TUNE, 120.0), segment=segment).iter("Play")
    (house,) = ElementTree.fromstring(HOUSE.fallback(scene("wait", segment=segment), TUNE).body).iter("Play")

    assert play.text == f"{BASE}/audio/{TUNE}/120-{min(180.0, 120.0 + segment):g}/0.wav"
    assert house.text == f"{BASE}/audio/{TUNE}/0-{segment:g}/0.wav"


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


def test_a_departure_to_a_door_of_ours_says_after_which_wait_it_comes():
    def way(url):
        leave = Depart(QueueName("support"), Departure.OVERFLOW)
        return rendered("left", leave, departures={"overflow": Destination(redirect=url)}, wait=2).find("Redirect").text

    assert way("/hooks/twilio/call?queue=sales") == "/hooks/twilio/call?queue=sales&after=2"
    assert way(f"{BASE}/hooks/twilio/call") == f"{BASE}/hooks/twilio/call?after=2"
    assert way("https://elsewhere.example.com/call?queue=sales") == "https://elsewhere.example.com/call?queue=sales"


def test_addresses_of_a_later_wait_name_it_and_those_of_the_first_are_as_they_ever_were():
    def waits(wait):
        document = rendered("wait", *DOCUMENT, wait=wait)
        return [parse_qs(link(document, path)).get("wait") for path in ("Gather", "Redirect")]

    assert waits(1) == [None, None]
    assert waits(2) == [["2"], ["2"]]


def test_an_address_tells_its_wait_and_one_that_the_contact_centre_wrote_tells_none():
    told = {"QueueResult": "hangup", "QueueTime": "5"}

    assert parsed("left", query="queue=support&turn=3", **told).wait == 1
    assert parsed("left", query="queue=support&turn=3&wait=2", **told).wait == 2
    assert parsed("left", query="queue=support", **told).wait is None
    assert parsed("left", query="queue=support&turn=0&wait=2", **told).wait is None
    assert parsed("left", query="queue=support&turn=3&wait=many", **told).wait is None
    assert parsed("left", query="queue=support&turn=3&wait=100", **told).wait is None


def test_the_same_form_at_the_doors_of_two_queues_is_two_events_and_sent_twice_one():
    first, again = (parsed("call", query="queue=support").events[0].id for _ in range(2))

    assert first == again
    assert parsed("call", query="queue=sales").events[0].id != first
    assert parsed("call", query="queue=support&after=2").events[0].id != first
