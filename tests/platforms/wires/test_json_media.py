import base64
import json
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from holdsvc.calls.model import CallRef
from holdsvc.errors import BadWebhook
from holdsvc.platforms.wires.json_media import PLIVO, TELNYX, Dialect, JsonMedia
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


def read(frame, wire=WIRE):
    try:
        return wire.read(frame)
    except BadWebhook as refused:
        return refused


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
words = st.sampled_from(["connected", "start", "media", "dtmf", "mark", "playedStream", "stop", "error", "other"])
parts = ["sequenceNumber", "streamSid", "stream_id", "streamId", "name", "start", "media", "dtmf", "mark", "stop"]
shaped = st.builds(
    lambda event, rest: json.dumps({"event": event, **rest}, separators=(",", ":")),
    words,
    st.dictionaries(st.sampled_from(parts), json_values, max_size=5),
)


every_dialect = pytest.mark.parametrize("wire", [WIRE, JsonMedia(TELNYX), JsonMedia(PLIVO)], ids=lambda wire: wire.name)


@every_dialect
@given(frame=st.text(max_size=200) | st.binary(max_size=200) | shaped)
@example(frame=start()[:-3])
@example(frame=media()[:-9])
def test_any_frame_gives_an_event_or_nothing_or_a_bad_webhook(wire, frame):
    told = read(frame, wire)

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


# --- the other dialects: what each platform writes down, letter by letter -----------------------------------------------

SPOKEN = base64.b64encode(FRAME).decode()
TALKS = {
    "telnyx": (
        JsonMedia(TELNYX),
        [
            ('{"event":"connected","version":"1.0.0"}', None),
            (
                '{"event":"start","sequence_number":"1","start":{"user_id":"u1","call_control_id":"v3:c-1_A",'
                '"call_session_id":"s1","from":"+15005550123","to":"+15005550100","client_state":"aGk=",'
                '"media_format":{"encoding":"PCMU","sample_rate":8000,"channels":1}},"stream_id":"32de-1"}',
                WireStart(CallRef("telnyx", "v3:c-1_A"), "32de-1", "", "32de-1:1"),
            ),
            (
                '{"event":"media","sequence_number":"4","media":{"track":"inbound","chunk":"2","timestamp":"5",'
                f'"payload":"{SPOKEN}"}},"stream_id":"32de-1"}}',
                WireAudio(FRAME),
            ),
            (
                '{"event":"dtmf","stream_id":"32de-1","occurred_at":"2026-03-02T09:30:00.1Z","sequence_number":"7",'
                '"dtmf":{"digit":"1"}}',
                WireDigit("1", "32de-1:7"),
            ),
            (
                '{"event":"dtmf","stream_id":"32de-1","occurred_at":"2026-03-02T09:30:01.1Z","dtmf":{"digit":"#"}}',
                WireDigit("#", "32de-1:2026-03-02T09:30:01.1Z"),
            ),
            (
                '{"event":"mark","sequence_number":"8","mark":{"name":"0.8000"},"stream_id":"32de-1"}',
                WireMark("0.8000"),
            ),
            ('{"event":"error","payload":{"code":100002,"title":"unknown_error"},"stream_id":"32de-1"}', None),
            (
                '{"event":"stop","sequence_number":"9","stop":{"user_id":"u1","call_control_id":"v3:c-1_A"},'
                '"stream_id":"32de-1"}',
                WireStop("32de-1:9"),
            ),
        ],
        {
            "audio": f'{{"event":"media","media":{{"payload":"{SPOKEN}"}}}}',
            "mark": '{"event":"mark","mark":{"name":"0.8000"}}',
            "clear": '{"event":"clear"}',
        },
    ),
    "plivo": (
        JsonMedia(PLIVO),
        [
            (
                '{"sequenceNumber":0,"event":"start","start":{"callId":"c0ffee-1","streamId":"20170ada-1",'
                '"accountId":"MA01","tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000}},'
                '"extra_headers":"{}"}',
                WireStart(CallRef("plivo", "c0ffee-1"), "20170ada-1", "", "20170ada-1:0"),
            ),
            (
                '{"sequenceNumber":2,"streamId":"20170ada-1","event":"media","media":{"track":"inbound",'
                f'"timestamp":"1","chunk":2,"payload":"{SPOKEN}"}},"extra_headers":"{{}}"}}',
                WireAudio(FRAME),
            ),
            (
                '{"event":"dtmf","sequenceNumber":5,"streamId":"20170ada-1","dtmf":{"track":"inbound","digit":"5",'
                '"timestamp":"99"}}',
                WireDigit("5", "20170ada-1:5"),
            ),
            (
                '{"event":"playedStream","sequenceNumber":6,"streamId":"20170ada-1","name":"0.8000"}',
                WireMark("0.8000"),
            ),
            ('{"event":"clearedAudio","sequenceNumber":7,"streamId":"20170ada-1"}', None),
        ],
        {
            "audio": '{"event":"playAudio","streamId":"20170ada-1","media":{"contentType":"audio/x-mulaw",'
            f'"sampleRate":8000,"payload":"{SPOKEN}"}}}}',
            "mark": '{"event":"checkpoint","streamId":"20170ada-1","name":"0.8000"}',
            "clear": '{"event":"clearAudio","streamId":"20170ada-1"}',
        },
    ),
    "twilio": (
        WIRE,
        [],
        {
            "audio": f'{{"event":"media","streamSid":"20170ada-1","media":{{"payload":"{SPOKEN}"}}}}',
            "mark": '{"event":"mark","streamSid":"20170ada-1","mark":{"name":"0.8000"}}',
            "clear": '{"event":"clear","streamSid":"20170ada-1"}',
        },
    ),
}
every_talk = pytest.mark.parametrize("name", TALKS)


@every_talk
def test_a_whole_conversation_is_read_in_each_dialect(name):
    wire, talk, _ = TALKS[name]

    assert [wire.read(frame) for frame, _ in talk] == [event for _, event in talk]


@every_talk
def test_each_dialect_is_written_to_the_letter(name):
    wire, _, written = TALKS[name]

    assert wire.write_audio("20170ada-1", FRAME) == written["audio"]
    assert wire.write_mark("20170ada-1", "0.8000") == written["mark"]
    assert wire.write_clear("20170ada-1") == written["clear"]


@every_dialect
@given(payload=st.binary(max_size=1600), stream=st.text(max_size=20), name=st.text(max_size=20))
def test_whatever_is_written_is_one_object_that_gives_it_back(wire, payload, stream, name):
    sound, mark, clear = (
        json.loads(frame)
        for frame in (wire.write_audio(stream, payload), wire.write_mark(stream, name), wire.write_clear(stream))
    )

    assert base64.b64decode(sound["media"]["payload"]) == payload
    assert mark.get("name", mark.get("mark", {}).get("name") if "mark" in mark else None) == name
    assert {frame.get("streamSid", frame.get("streamId", stream)) for frame in (sound, mark, clear)} == {stream}


@pytest.mark.parametrize("name", ["telnyx", "plivo"])
def test_another_sound_than_ours_is_refused_in_each_dialect(name):
    wire, talk, _ = TALKS[name]
    start = next(frame for frame, event in talk if isinstance(event, WireStart))

    for word, other in (("8000", "16000"), ("PCMU", "G722"), ("audio/x-mulaw", "audio/x-l16")):
        changed = start.replace(word, other)
        if changed == start:
            continue
        with pytest.raises(BadWebhook) as refused:
            wire.read(changed)
        assert refused.value.reason == "unknown_sound"


@pytest.mark.parametrize("name", ["telnyx", "plivo"])
def test_a_message_of_the_longest_block_stays_under_every_limit(name):
    wire = TALKS[name][0]

    message = wire.write_audio("20170ada-1", bytes(wire.block))

    assert len(message) <= 16 * 1024, "Plivo takes 16 kB of base64 in a piece"
    assert 0.02 <= wire.block / 8000 <= 30, "Telnyx takes pieces of 20 ms to 30 s"
