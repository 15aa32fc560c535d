import base64
import json
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from holdsvc.calls.model import CallRef
from holdsvc.errors import BadWebhook
from holdsvc.platforms.wires.json_media import Dialect, JsonMedia
from holdsvc.ports import WireAudio, WireDigit, WireMark, WireStart, WireStop

WIRE = JsonMedia(Dialect("twilio"))
STREAM = "MZ00000000000000000000000000000001"
CALL = "CAaaaabbbbccccddddeeeeffff00001111"
FRAME = bytes(range(160))


def start(**changes):
    told = {
        "streamSid": STREAM,
        "accountSid": "AC01",
        "callSid": CALL,
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"token": "t0ken"},
        **changes,
    }
    return json.dumps({"event": "start", "sequenceNumber": "1", "streamSid": STREAM, "start": told})


def media(payload=FRAME, separators=(",", ":"), **changes):
    told = {
        "track": "inbound",
        "chunk": "2",
        "timestamp": "5",
        "payload": base64.b64encode(payload).decode(),
        **changes,
    }
    return json.dumps(
        {"event": "media", "sequenceNumber": "4", "media": told, "streamSid": STREAM}, separators=separators
    )


def dtmf(digit="5", sequence="9"):
    told = {"event": "dtmf", "streamSid": STREAM, "sequenceNumber": sequence}
    return json.dumps({**told, "dtmf": {"track": "inbound_track", "digit": digit}})


def test_a_whole_conversation_is_read():
    stop = {
        "event": "stop",
        "sequenceNumber": "12",
        "streamSid": STREAM,
        "stop": {"accountSid": "AC01", "callSid": CALL},
    }
    mark = {"event": "mark", "sequenceNumber": "11", "streamSid": STREAM, "mark": {"name": "m1"}}

    told = [
        WIRE.read(frame)
        for frame in (
            '{"event":"connected","protocol":"Call","version":"1.0.0"}',
            start(),
            media(),
            dtmf(),
            json.dumps(mark),
            json.dumps(stop),
        )
    ]

    assert told == [
        None,
        WireStart(CallRef("twilio", CALL), STREAM, "t0ken", f"{STREAM}:1"),
        WireAudio(FRAME),
        WireDigit("5", f"{STREAM}:9"),
        WireMark("m1"),
        WireStop(f"{STREAM}:12"),
    ]


def test_sound_is_read_however_it_is_spaced_and_as_bytes():
    spaced = media(separators=(", ", ": "))
    reordered = json.dumps({"media": {"payload": base64.b64encode(FRAME).decode()}, "event": "media"})

    assert all(WIRE.read(text) == WireAudio(FRAME) for text in (spaced, reordered, media().encode(), f"\n {media()}"))


def test_our_own_sound_that_comes_back_is_not_the_callers():
    assert WIRE.read(media(track="outbound")) is None
    assert WIRE.read(media(track="outbound", separators=(", ", ": "))) is None


def test_the_same_key_twice_is_two_events_and_a_repeated_frame_is_one():
    assert WIRE.read(dtmf("1", "3")) == WIRE.read(dtmf("1", "3"))
    assert WIRE.read(dtmf("1", "3")).id != WIRE.read(dtmf("1", "4")).id


def test_an_event_that_was_added_without_notice_is_none():
    assert WIRE.read('{"event":"weather","sequenceNumber":"3","streamSid":"MZ1","weather":{}}') is None


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        ("", "bad_frame"),
        ("[]", "bad_frame"),
        ('{"event":7}', "bad_frame"),
        ("[" * 100_000, "bad_frame"),
        ('{"event":"media","media":{"payload":"not base64!"}}', "bad_frame"),
        ('{"event":"media"}', "bad_frame"),
        ('{"event":"\udcff"}', "bad_frame"),
        (b"\xff\xfe", "bad_frame"),
        ('{"event":"start","streamSid":"MZ1","start":{}}', "bad_frame"),
        (start(callSid=""), "bad_start"),
        (start(callSid="CA 1\n"), "bad_start"),
        (start(mediaFormat={"encoding": "audio/x-l16", "sampleRate": 16000, "channels": 1}), "unknown_sound"),
        (dtmf("12"), "bad_digit"),
        (dtmf("x"), "bad_digit"),
        ('{"event":"dtmf","dtmf":{"digit":"1"}}', "no_sequence"),
        ("x" * 300_000, "too_long"),
    ],
)
def test_what_breaks_the_format_is_refused_with_a_word(frame, reason):
    with pytest.raises(BadWebhook) as refused:
        WIRE.read(frame)

    assert refused.value.reason == reason


def read(frame):
    try:
        return WIRE.read(frame)
    except BadWebhook as refused:
        return refused


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
words = st.sampled_from(["connected", "start", "media", "dtmf", "mark", "stop", "other"])
parts = ["sequenceNumber", "streamSid", "start", "media", "dtmf", "mark", "stop"]
shaped = st.builds(
    lambda event, rest: json.dumps({"event": event, **rest}, separators=(",", ":")),
    words,
    st.dictionaries(st.sampled_from(parts), json_values, max_size=5),
)


@given(st.text(max_size=200) | st.binary(max_size=200) | shaped)
@example(start()[:-3])
@example(media()[:-9])
def test_any_frame_gives_an_event_or_nothing_or_a_bad_webhook(frame):
    told = read(frame)

    assert told is None or isinstance(told, WireStart | WireAudio | WireDigit | WireMark | WireStop | BadWebhook)


@given(st.sampled_from([start(), media(), dtmf()]), st.integers(0, 400), st.characters(exclude_categories=["Cs"]))
def test_a_damaged_frame_never_becomes_a_mark_or_an_end(frame, at, letter):
    damaged = frame[: at % len(frame)] + letter + frame[at % len(frame) + 1 :]

    told = read(damaged)

    assert not isinstance(told, WireMark | WireStop)


@given(st.binary(max_size=1600), st.text(max_size=20))
def test_what_is_written_is_what_the_far_end_reads(payload, stream):
    sound, clear, mark = (
        json.loads(frame)
        for frame in (WIRE.write_audio(stream, payload), WIRE.write_clear(stream), WIRE.write_mark(stream, stream))
    )

    assert sound == {"event": "media", "streamSid": stream, "media": {"payload": base64.b64encode(payload).decode()}}
    assert clear == {"event": "clear", "streamSid": stream}
    assert mark == {"event": "mark", "streamSid": stream, "mark": {"name": stream}}


def test_another_dialect_names_its_call_and_stream():
    wire = JsonMedia(Dialect("other", call="call_control_id", stream="stream_id", parameters="custom_parameters"))
    told = {"call_control_id": "v3:abc", "custom_parameters": {"token": "t"}}

    event = wire.read(json.dumps({"event": "start", "sequenceNumber": 1, "stream_id": "s-1", "start": told}))

    assert event == WireStart(CallRef("other", "v3:abc"), "s-1", "t", "s-1:1")
    assert json.loads(wire.write_clear("s-1")) == {"event": "clear", "stream_id": "s-1"}


def test_ten_thousand_frames_of_sound_are_read_in_a_tenth_of_a_second():
    frame = media()
    began = time.process_time()

    for _ in range(10_000):
        WIRE.read(frame)

    assert time.process_time() - began < 0.1
