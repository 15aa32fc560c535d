"""AudioSocket, byte by byte: whatever pieces it comes in."""

import struct
import time
from itertools import pairwise
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdsvc.audio.g711 import decode, encode
from holdsvc.calls.model import CallRef
from holdsvc.errors import BadWebhook
from holdsvc.platforms.wires.audiosocket import LONGEST, AudioSocketWire
from holdsvc.ports import WireAudio, WireDigit, WireEvent, WireStart, WireStop

CALL = UUID("0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0")
NAME = str(CALL)


def frame(kind, payload=b""):
    return struct.pack(">BH", kind, len(payload)) + payload


START, KEY, QUIET, END = frame(1, CALL.bytes), frame(3, b"5"), frame(0x10, bytes(320)), frame(0)


def told(wire, *pieces):
    """Events and complaints, in order, until nothing can be understood any more."""
    events = []
    for piece in pieces:
        try:
            for one in wire.cut(piece):
                events.append(understood(wire, one))
        except BadWebhook as refused:
            return [*events, refused.reason]
    return events


def understood(wire, one):
    try:
        return wire.read(one)
    except BadWebhook as refused:
        return refused.reason


def test_a_whole_conversation_is_read():
    assert told(
        AudioSocketWire(), START + QUIET + KEY + KEY + frame(0xFF, b"\x01") + frame(0x12, bytes(640)) + END
    ) == [
        WireStart(CallRef("audiosocket", NAME), NAME, NAME, f"{NAME}:start"),
        WireAudio(b"\xff" * 160),
        WireDigit("5", f"{NAME}:key1"),
        WireDigit("5", f"{NAME}:key2"),
        None,
        None,
        WireStop(f"{NAME}:end"),
    ]


def test_it_is_written_to_the_letter():
    wire = AudioSocketWire()

    assert wire.write_audio(NAME, b"\x00\x7f" * 80) == b"\x10\x01\x40" + b"\x84\x82\x00\x00" * 80
    assert wire.farewell == b"\x00\x00\x00"
    assert (wire.write_mark(NAME, "m"), wire.write_clear(NAME)) == (b"", b"")


@given(st.binary(min_size=1, max_size=1000))
def test_whatever_is_written_is_frames_of_twenty_milliseconds(payload):
    written = AudioSocketWire().write_audio(NAME, payload)

    frames = list(AudioSocketWire().cut(written))
    assert b"".join(frames) == written
    assert {one[:3] for one in frames} == {b"\x10\x01\x40"}
    assert {len(one) for one in frames} == {323}
    heard = np.frombuffer(b"".join(one[3:] for one in frames), "<i2")
    assert np.array_equal(heard[: len(payload)], decode(payload))


payloads = st.one_of(
    st.binary(max_size=40), st.sampled_from([CALL.bytes, b"5", b"#", bytes(320), bytes(LONGEST), bytes(LONGEST + 1)])
)
frames = st.builds(frame, st.sampled_from([0, 1, 2, 3, 0x10, 0x11, 0x18, 0x19, 0xFF]), payloads)
streams = st.one_of(st.lists(frames, max_size=8).map(b"".join), st.binary(max_size=400))


@given(streams, st.lists(st.integers(0, 2000), max_size=12))
def test_the_same_bytes_in_other_pieces_give_the_same_events(stream, cuts):
    edges = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    pieces = [stream[start:stop] for start, stop in pairwise(edges)]

    assert told(AudioSocketWire(), *pieces) == told(AudioSocketWire(), stream)


@given(st.binary(max_size=60))
def test_byte_by_byte_is_as_good_as_at_once(stream):
    whole = START + KEY + stream

    by_byte = told(AudioSocketWire(), *(whole[at : at + 1] for at in range(len(whole))))

    assert by_byte[:2] == [
        WireStart(CallRef("audiosocket", NAME), NAME, NAME, f"{NAME}:start"),
        WireDigit("5", f"{NAME}:key1"),
    ]


@given(st.binary(max_size=100))
def test_any_frame_gives_an_event_or_nothing_or_a_bad_webhook(given_frame):
    try:
        event = AudioSocketWire().read(given_frame)
    except BadWebhook:
        return

    assert event is None or isinstance(event, WireEvent)


@pytest.mark.parametrize(
    ("given_frame", "reason"),
    [
        (b"", "bad_frame"),
        (b"\x10\x01", "bad_frame"),
        (b"\x10\x01\x40" + bytes(319), "bad_frame"),
        ("text", "bad_frame"),
        (frame(1, bytes(15)), "bad_start"),
        (frame(1, NAME.encode()), "bad_start"),
        (frame(3), "bad_digit"),
        (frame(3, b"55"), "bad_digit"),
        (frame(3, b"x"), "bad_digit"),
        (frame(3, b"\xb5"), "bad_digit"),
        (frame(0x10), "bad_sound"),
        (frame(0x10, bytes(321)), "bad_sound"),
        (frame(0x02), "unknown_kind"),
        (frame(0x19, bytes(10)), "unknown_kind"),
    ],
)
def test_what_breaks_the_format_is_refused_with_a_word(given_frame, reason):
    with pytest.raises(BadWebhook) as refused:
        AudioSocketWire().read(given_frame)

    assert refused.value.reason == reason


def test_a_length_that_nobody_means_is_refused_before_it_is_waited_for():
    wire = AudioSocketWire()

    assert list(wire.cut(struct.pack(">BH", 0x10, LONGEST))) == []
    with pytest.raises(BadWebhook, match="too_long"):
        list(AudioSocketWire().cut(struct.pack(">BH", 0x10, LONGEST + 1)))


def test_what_is_kept_of_a_cut_stream_is_never_more_than_a_frame():
    wire = AudioSocketWire()
    for at in range(20_000):
        list(wire.cut(QUIET[at % 323 : at % 323 + 1]))

    assert len(wire.rest) < 323


def test_the_callers_sound_is_that_of_the_telephone():
    ulaw = bytes(range(256))[:160]

    assert AudioSocketWire().read(frame(0x10, decode(ulaw).astype("<i2").tobytes())).payload == encode(decode(ulaw))


def test_ten_thousand_frames_each_way_take_less_than_a_fifth_of_a_second():
    wire, spoken = AudioSocketWire(), bytes(160)
    began = time.process_time()

    for _ in range(10_000):
        wire.write_audio(NAME, spoken)
        for one in wire.cut(QUIET):
            wire.read(one)

    assert time.process_time() - began < 0.2
