"""Vonage's websocket: exact frames, exact words, and a wide sound that is the narrow one."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdsvc.audio.g711 import DECODE, decode, encode, linear
from holdsvc.calls.model import CallRef
from holdsvc.errors import BadWebhook
from holdsvc.platforms.wires.vonage_media import VonageMedia
from holdsvc.ports import WireAudio, WireDigit, WireEvent, WireMark, WireStart

CALL, STREAM = "CON-d6ac7f9e", "d6ac7f9e.3"


def connected(rate=8000, **changes):
    told = {"call": CALL, "stream": STREAM, "token": "t0ken", **changes}
    return json.dumps({"event": "websocket:connected", "content-type": f"audio/l16;rate={rate}", **told})


def begun(rate=8000):
    wire = VonageMedia()
    wire.read(connected(rate))
    return wire


def tone(hertz, seconds=0.4, rate=8000):
    at = np.arange(round(seconds * rate)) / rate
    return linear((0.5 * np.sin(2 * np.pi * hertz * at)).astype(np.float32))


def test_a_whole_conversation_is_read():
    wire = VonageMedia()

    told = [
        wire.read(frame)
        for frame in (
            connected(),
            bytes(320),
            '{"event":"websocket:dtmf","digit":"5","duration":260}',
            '{"event":"websocket:dtmf","dtmf":{"digit":"5"}}',
            '{"event":"websocket:notify","payload":{"mark":"0.8000"}}',
            '{"event":"websocket:notify","payload":{"of":"somebody else"}}',
            '{"event":"websocket:cleared"}',
            '{"event":"websocket:added-without-notice"}',
        )
    ]

    assert told == [
        WireStart(CallRef("vonage", CALL), STREAM, "t0ken", f"{STREAM}:start"),
        WireAudio(b"\xff" * 160),
        WireDigit("5", f"{STREAM}:key1"),
        WireDigit("5", f"{STREAM}:key2"),
        WireMark("0.8000"),
        None,
        None,
        None,
    ]


def test_it_is_written_to_the_letter():
    wire = begun()

    assert wire.write_clear(STREAM) == '{"action":"clear"}'
    assert wire.write_mark(STREAM, "0.8000") == '{"action":"notify","payload":{"mark":"0.8000"}}'
    assert wire.write_audio(STREAM, b"\x00\x7f" * 80) == (b"\x84\x82\x00\x00" * 80,)


def test_a_mark_comes_back_as_it_was_sent():
    wire = begun()
    sent = json.loads(wire.write_mark(STREAM, "3.160000"))

    assert wire.read(json.dumps({"event": "websocket:notify", "payload": sent["payload"]})) == WireMark("3.160000")


@pytest.mark.parametrize(("rate", "size"), [(8000, 320), (16000, 640)])
@given(payload=st.binary(min_size=1, max_size=1600))
def test_every_message_is_exactly_twenty_milliseconds(rate, size, payload):
    written = begun(rate).write_audio(STREAM, payload)

    assert len(written) == -(-len(payload) // 160)
    assert {len(one) for one in written} == {size}


@given(st.binary(min_size=160, max_size=1600).map(lambda some: some[: len(some) // 160 * 160]))
def test_narrow_sound_is_the_telephones_to_the_bit(payload):
    written = begun().write_audio(STREAM, payload)

    assert np.array_equal(np.frombuffer(b"".join(written), "<i2"), decode(payload))


def heard_wide(wire, ulaw, blocks):
    written = [b"".join(wire.write_audio(STREAM, ulaw[at : at + blocks])) for at in range(0, len(ulaw), blocks)]
    return np.frombuffer(b"".join(written), "<i2")


@pytest.mark.parametrize("hertz", [300, 1000, 3000, 3400])
def test_wide_sound_is_the_same_tone_without_an_image(hertz):
    wide = heard_wide(begun(16000), encode(tone(hertz)), 1600).astype(float)[400:-400]

    spectrum = np.abs(np.fft.rfft(wide * np.kaiser(len(wide), 12)))
    own, image = round(hertz * len(wide) / 16000), round((8000 - hertz) * len(wide) / 16000)
    level = spectrum[own - 8 : own + 9].max() / (0.5 * 32768 * np.kaiser(len(wide), 12).sum() / 2)

    assert abs(20 * np.log10(level)) < 0.5
    if hertz <= 3000:
        assert spectrum[image - 8 : image + 9].max() < spectrum[own - 8 : own + 9].max() / 30


def test_wide_sound_does_not_depend_on_how_it_was_cut():
    ulaw = encode(tone(700))

    assert np.array_equal(heard_wide(begun(16000), ulaw, 1600), heard_wide(begun(16000), ulaw, 160))


def test_wide_sound_is_a_millisecond_late_and_goes_through_the_known_samples():
    ulaw = encode(tone(700))

    wide = heard_wide(begun(16000), ulaw, 1600)

    assert np.abs(wide[16::2].astype(int) - decode(ulaw)[: len(wide) // 2 - 8]).max() <= 1


def test_callers_who_hear_the_same_share_what_was_made_for_them():
    one, other = begun(16000), begun(16000)
    payload = encode(tone(500, 0.2))

    assert one.write_audio(STREAM, payload) is other.write_audio(STREAM, bytes(payload))


def test_the_callers_wide_sound_is_read_at_the_telephones_rate():
    speech = tone(500, 0.02, 16000)

    event = begun(16000).read(speech.astype("<i2").tobytes())

    heard = decode(event.payload).astype(float)
    assert len(heard) == 160
    assert np.sqrt((heard**2).mean()) == pytest.approx(0.5 * 32768 / np.sqrt(2), rel=0.03)
    assert np.argmax(np.abs(np.fft.rfft(heard))) == 500 // 50


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        ("", "bad_frame"),
        ("[]", "bad_frame"),
        ("[" * 3000, "bad_frame"),
        ("x" * 5000, "too_long"),
        (connected(24000), "unknown_sound"),
        (connected(call=""), "bad_start"),
        (connected(call="a b"), "bad_start"),
        (connected(stream=7), "bad_frame"),
        ('{"event":"websocket:connected","content-type":"audio/l16;rate=8000"}', "bad_frame"),
        ('{"event":"websocket:dtmf","digit":"55"}', "bad_digit"),
        ('{"event":"websocket:dtmf"}', "bad_frame"),
        ('{"event":"websocket:notify","payload":7}', "bad_frame"),
        (b"", "bad_sound"),
        (bytes(319), "bad_sound"),
        (bytes(321), "bad_sound"),
        (bytes(160), "bad_sound"),
        (bytes(320 * 11), "bad_sound"),
    ],
)
def test_what_breaks_the_format_is_refused_with_a_word(frame, reason):
    with pytest.raises(BadWebhook) as refused:
        begun().read(frame)

    assert refused.value.reason == reason


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
words = st.sampled_from([f"websocket:{word}" for word in ("connected", "dtmf", "notify", "cleared", "other")])
members = st.sampled_from(["content-type", "call", "stream", "token", "digit", "dtmf", "payload", "other"])
shaped = st.builds(
    lambda event, rest: json.dumps({"event": event, **rest}), words, st.dictionaries(members, json_values, max_size=6)
)


@given(st.text(max_size=200) | st.binary(max_size=4000) | shaped, st.sampled_from([8000, 16000]))
def test_any_frame_gives_an_event_or_nothing_or_a_bad_webhook(frame, rate):
    try:
        told = begun(rate).read(frame)
    except BadWebhook:
        return

    assert told is None or isinstance(told, WireEvent)


def test_the_decoding_table_is_written_low_byte_first():
    loudest = int(DECODE[0x80])

    assert begun().write_audio(STREAM, b"\x80" * 160)[0][:2] == loudest.to_bytes(2, "little", signed=True)
