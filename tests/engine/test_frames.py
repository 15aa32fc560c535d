"""Frames against a second reader that has all bytes at once, and the same bytes in other pieces."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdsvc.engine import frames
from holdsvc.engine.frames import BINARY, CLOSE, PING, PONG, TEXT, Reader, framed

SKIP = b'{"event":"media"'


def client_frame(kind: int, payload: bytes, fin: bool = True, key: bytes = b"\x37\xfa\x21\x3d") -> bytes:
    length = len(payload)
    first = (0x80 if fin else 0) | kind
    if length < 126:
        head = struct.pack("!BB", first, 0x80 | length)
    elif length < 65536:
        head = struct.pack("!BBH", first, 0xFE, length)
    else:
        head = struct.pack("!BBQ", first, 0xFF, length)
    return head + key + bytes(byte ^ key[place % 4] for place, byte in enumerate(payload))


def media(number: int, rest: str = "/" * 216) -> bytes:
    return SKIP + f',"sequenceNumber":"{number}","media":{{"payload":"{rest}"}}}}'.encode()


def read(data: bytes, cuts: list[int], skip: bytes = SKIP) -> tuple[list[tuple[int, bytes]], int]:
    """As a socket would give it: the bytes between the cuts, each behind what was left."""
    reader, found = Reader(skip), []
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    for begin, end in pairwise(places):
        piece = bytearray(reader.rest + data[begin:end])
        found += reader.feed(piece + b"rubbish behind the end", len(piece))
    return found, reader.fault


key = st.binary(min_size=4, max_size=4)
texts = st.one_of(st.binary(max_size=20), st.integers(0, 10**9).map(media), st.binary(min_size=120, max_size=400))
whole = st.builds(lambda kind, payload, key: [(kind, payload, True, key)], st.sampled_from([TEXT, BINARY]), texts, key)
control = st.builds(
    lambda kind, payload, key: [(kind, payload, True, key)], st.sampled_from([PING, PONG]), st.binary(max_size=125), key
)
sound = st.builds(lambda number, key: [(TEXT, media(number), True, key)], st.integers(0, 10**9), key)


@st.composite
def fragments(draw):
    pieces = draw(st.lists(texts, min_size=2, max_size=4))
    out = []
    for place, piece in enumerate(pieces):
        out.append((TEXT if place == 0 else 0, piece, place == len(pieces) - 1, draw(key)))
        if place < len(pieces) - 1 and draw(st.booleans()):
            out += draw(control)
    return out


@settings(deadline=None)
@given(
    st.lists(st.one_of(whole, control, sound, fragments()), max_size=12), st.lists(st.integers(0, 6000), max_size=12)
)
def test_the_same_bytes_in_other_pieces_are_the_same_messages(messages, cuts):
    data, expected, parts = b"", [], []
    for kind, payload, fin, mask in [frame for message in messages for frame in message]:
        data += client_frame(kind, payload, fin, mask)
        if kind >= CLOSE:
            expected.append((kind, payload))
            continue
        whole = fin and kind and not parts
        parts = [*parts, payload]
        if fin:
            if not (whole and kind == TEXT and payload.startswith(SKIP) and len(payload) >= 126):
                expected.append((kind or TEXT, b"".join(parts)))
            parts = []

    assert read(data, cuts) == (expected, 0)


@settings(deadline=None)
@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=8), st.booleans())
def test_whatever_comes_is_understood_in_the_same_way_however_it_is_cut(data, cuts, skips):
    skip = SKIP if skips else b""

    assert read(data, cuts, skip) == read(data, [], skip)


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=20), st.lists(st.integers(0, 8000), max_size=10))
def test_the_callers_sound_is_passed_over_and_nothing_else_is(numbers, cuts):
    key = client_frame(TEXT, b'{"event":"dtmf","dtmf":{"digit":"1"}}')
    data = key.join(client_frame(TEXT, media(number)) for number in numbers)

    found, fault = read(data, cuts)

    assert (len(found), fault) == (len(numbers) - 1, 0)
    assert all(payload.startswith(b'{"event":"dtmf"') for _, payload in found)


def test_all_is_heard_where_nothing_is_to_be_passed_over():
    assert read(client_frame(TEXT, media(7)), [], b"")[0] == [(TEXT, media(7))]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (framed("not masked"), 1002),
        (client_frame(3, b"x"), 1002),
        (client_frame(TEXT | 0x40, b"x"), 1002),
        (client_frame(0, b"goes on with nothing"), 1002),
        (client_frame(TEXT, b"a", fin=False) + client_frame(TEXT, b"b"), 1002),
        (client_frame(PING, b"x", fin=False), 1002),
        (client_frame(PING, b"x" * 126), 1002),
        (client_frame(TEXT, b"x" * (frames.MOST_MESSAGE + 1)), 1009),
        (client_frame(TEXT, b"x" * 40000, fin=False) + client_frame(0, b"x" * 40000), 1009),
        (client_frame(TEXT, b"", fin=False) + 100 * client_frame(0, b"", fin=False), 1008),
        (100 * client_frame(PING, b""), 1008),
    ],
)
def test_what_breaks_the_rules_ends_the_stream(data, code):
    assert read(data, [])[1] == code
    assert read(data + client_frame(TEXT, b"more"), [])[1] == code


def test_a_message_that_is_too_long_is_refused_by_its_head_and_never_kept():
    reader = Reader()
    head = client_frame(TEXT, b"x" * (frames.MOST_MESSAGE + 1))[:14]

    reader.feed(head, len(head))

    assert (reader.fault, reader.rest) == (1009, b"")


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65535, 65536, 70000])
def test_frames_are_written_as_the_standard_says(length):
    frame = framed("x" * length)

    short, head = frame[1], 2 if length < 126 else 4 if length < 65536 else 10
    told = short if head == 2 else int.from_bytes(frame[2:head], "big")
    assert frame[0] == 0x81
    assert short < 128, "a server does not mask"
    assert (told, len(frame)) == (length, head + length)
    assert framed(b"x")[0] == 0x82


@pytest.mark.parametrize(
    ("said", "answered"), [(b"", 1000), (b"\x03\xe9", 1001), (b"\x03\xed", 1002), (b"\x0f\xa0", 4000)]
)
def test_a_close_is_answered_with_its_code_if_it_is_one(said, answered):
    assert frames.code_of(said) == answered


sounds = st.lists(
    st.sampled_from([media(7), media(8), b'{"event":"dtmf"' + b" " * (len(media(7)) - 15), b"{}", media(1234)]),
    max_size=9,
)


@given(sounds)
def test_what_is_told_column_by_column_is_what_is_told_one_by_one(said):
    reader = Reader(SKIP)
    reader.feed(client_frame(TEXT, media(1)), len(client_frame(TEXT, media(1))))
    length = reader.frame
    data = bytearray(b"".join(client_frame(TEXT, one) for one in said))

    only = reader.only_sound(data, len(data))

    assert only == all(one.startswith(SKIP) and len(client_frame(TEXT, one)) == length for one in said)
