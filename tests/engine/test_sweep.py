"""Lines that are read many at once: each hears its own, whatever comes beside it and however it was cut."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdsvc.engine.belt import MANY, ROUND
from holdsvc.engine.lines import MOST_FRAMES
from holdsvc.engine.ring import RECEIVE, UNREAD, Entries, Results, Ring, fields
from holdsvc.engine.rows import RingRows
from holdsvc.engine.sweep import EACH, MOST, Sweep
from tests.engine.lines import BY_RING, END, KEY, ON_PAPER, SOUND, WHOLE, House, frame, spoken

RINGS = (BY_RING, ON_PAPER)
OTHER = frame(0xFF, b"1")
said = st.lists(st.sampled_from([SOUND, SOUND, SOUND, KEY, OTHER, frame(0x10, b"12")]), max_size=20)


@pytest.mark.parametrize("way", RINGS)
@settings(deadline=None, max_examples=50)
@given(all_said=st.lists(said, min_size=ROUND * MANY, max_size=ROUND * MANY), cut=st.integers(0, 2000))
def test_many_that_are_read_together_hear_each_their_own(way, all_said, cut):
    house = House(way)
    fars = [house.dial() for _ in all_said]
    for far, frames in zip(fars, all_said, strict=True):
        far.end.send(b"".join(frames)[:cut])
    house.turn(0.1)
    for far, frames in zip(fars, all_said, strict=True):
        far.end.send(b"".join(frames)[cut:])
    house.turn(0.9)

    try:
        for far, frames in zip(fars, all_said, strict=True):
            assert far.heard == [one for one in frames if not one.startswith(b"\x10")]
            assert not far.refused
    finally:
        for far in fars:
            far.close()


@pytest.mark.parametrize("way", RINGS)
def test_more_lines_than_are_read_at_once_with_ends_floods_and_nonsense_among_them(way):
    house = House(way)
    fars = [house.dial() for _ in range(ROUND * (MOST + 10))]
    kinds = ["sound", "key", "end", "much", "nonsense", "nothing"]
    for number, far in enumerate(fars):
        kind = kinds[number % len(kinds)]
        if kind == "end":
            far.end.send(SOUND)
            far.end.close()
        elif kind != "nothing":
            words = {
                "sound": SOUND * 20,
                "key": SOUND + KEY + SOUND,
                "much": SOUND * (EACH // WHOLE) + KEY + SOUND * 10,
                "nonsense": SOUND + b"\x10\xff\xff",
            }
            far.end.send(words[kind])

    house.turn(0.3)

    for number, far in enumerate(fars):
        kind = kinds[number % len(kinds)]
        assert far.heard == {"key": [KEY], "much": [KEY], "end": [END]}.get(kind, []), kind
        assert far.refused == (["too_long"] if kind == "nonsense" else []), kind
    assert len(house.belt) == sum(far.heard != [END] and not far.refused for far in fars)


@pytest.mark.parametrize("way", RINGS)
def test_who_sends_without_end_is_refused_among_many_and_the_others_are_sent_their_frames(way):
    house = House(way)
    fars = [house.dial() for _ in range(ROUND * 8)]
    flood, *good = fars
    came = dict.fromkeys(good, b"")
    for far in good:
        far.put(*range(200))

    rounds = 0
    while not flood.refused:
        with contextlib.suppress(BlockingIOError):
            flood.end.send(SOUND * 50)
        house.turn(0.02)
        rounds += 1
        for far in good:
            far.end.send(SOUND)
            came[far] += far.read()
        assert rounds < 40 * MOST_FRAMES // 50

    assert flood.refused == ["too_many_frames"]
    for far in good:
        assert came[far] == b"".join(spoken(*range(200)))[: len(came[far])]
        assert not far.refused


def sweeps_of(house: House, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Of each line that is read with others: 0x20 where its bytes are let go unread."""
    seen: list[int] = []
    run = Ring.run

    def watched(self: Ring, entries: Entries, into: Results) -> None:
        of = fields(entries)
        seen.extend((of["how"][of["opcode"] == RECEIVE] & UNREAD).tolist())
        run(self, entries, into)

    monkeypatch.setattr(Ring, "run", watched)
    return seen


def presses(number: int, step: int) -> bool:
    """A few of them; who is silent is read with many others at once."""
    return number % 5 == 0 and (step * 7 + number * 13) % 97 == 0


def test_sound_is_let_go_unread_and_each_key_between_it_is_heard_once(monkeypatch):
    house = House(BY_RING, over_tcp=True)
    seen = sweeps_of(house, monkeypatch)
    if house.ring is None or not house.ring.asks:
        pytest.skip("this kernel does not tell the ring what waits")
    fars = [house.dial() for _ in range(40)]
    for far in fars:
        far.put(*range(250))  # what goes out acknowledges at once what came
    try:
        for step in range(250):
            for number, far in enumerate(fars):
                far.read()
                far.end.send(SOUND)
                if presses(number, step):
                    far.end.send(KEY)
            house.turn(0.02)
        house.turn(1.5)

        for number, far in enumerate(fars):
            assert far.heard == [KEY] * sum(presses(number, step) for step in range(250))
            assert not far.refused
        assert seen.count(UNREAD) > 100
        assert seen.count(0) > 100
    finally:
        for far in fars:
            far.close()


def test_what_is_as_long_as_sound_and_is_none_is_found_soon_all_the_same(monkeypatch):
    house = House(BY_RING, over_tcp=True)
    seen = sweeps_of(house, monkeypatch)
    fars = [house.dial() for _ in range(40)]
    strange = frame(0xFF, bytes(WHOLE - 3))
    for far in fars:
        far.put(*range(250))
    try:
        for _ in range(250):
            for far in fars:
                far.read()
                far.end.send(strange)
            house.turn(0.02)

        assert all(strange in far.heard for far in fars)
        assert UNREAD in seen
    finally:
        for far in fars:
            far.close()


def test_one_that_is_closed_by_what_another_said_hears_no_more():
    house = House(ON_PAPER)
    first, second = house.dial(), house.dial()
    first.line.answer_to(lambda said: second.line.close(1000), first.refuse)
    for far in (first, second):
        far.end.send(KEY)

    Sweep(house.ring).read([first.line, second.line], house.now)

    assert second.heard == []
    assert not second.refused


def test_what_is_known_of_the_bytes_that_wait_is_told_once_and_only_of_what_two_glances_saw():
    house = House(BY_RING, over_tcp=True)
    if house.ring is None or not house.ring.asks:
        pytest.skip("this kernel does not tell the ring what waits")
    fars = sound, key, cut = house.dial(), house.dial(), house.dial()
    rows = RingRows(house.ring)
    for far in fars:
        rows.add(far.line.sock, WHOLE)
        far.end.send(SOUND * 3)
    lines = [far.line for far in fars]
    assert rows.spoken_to(lines) == []
    assert rows.pure([0, 1, 2]) == [0, 0, 0]
    for frames in (2, 3):
        for far in fars:
            far.end.send(SOUND * frames)
        assert rows.spoken_to(lines) == []
    sound.end.send(SOUND)
    key.end.send(SOUND + KEY)
    cut.end.send(SOUND + KEY + SOUND[: -len(KEY)])  # as long as whole frames, by chance

    assert rows.spoken_to(lines) == [key.line]
    assert rows.pure([0, 1, 2]) == [8 * WHOLE, 0, 8 * WHOLE]
    assert rows.pure([0, 1, 2]) == [0, 0, 0]
    cut.end.send(SOUND[-len(KEY) :] + SOUND)
    assert cut.line in rows.spoken_to(lines)
    for far in fars:
        far.close()
