"""The pacer against a far end that is played out sample by sample."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdsvc.audio.formats import RATE
from holdsvc.audio.pacer import TICK, Pacer, Playout

LEAD, BLOCK = 0.4, 10


class FarEnd:
    """Plays what it has, at real time, and is dry when it has nothing."""

    def __init__(self, now: float) -> None:
        self.now, self.buffered, self.played, self.dry = now, 0.0, 0.0, 0.0

    def until(self, now: float) -> None:
        passed, self.now = now - self.now, now
        played = min(self.buffered, passed)
        self.buffered -= played
        self.played += played
        self.dry += passed - played


def send(pacer: Pacer, now: float) -> int:
    frames = pacer.due(now)
    pacer.mark_sent(frames)
    return frames


def test_the_lead_is_sent_at_the_start():
    pacer = Pacer(LEAD, BLOCK)
    pacer.hang(100.0)

    assert send(pacer, 100.0) == 20
    assert send(pacer, 100.0) == 0


def test_from_then_on_a_block_is_due_each_time_one_was_played():
    pacer = Pacer(LEAD, BLOCK)
    pacer.hang(100.0)
    send(pacer, 100.0)

    assert pacer.next_at == pytest.approx(100.2)
    assert send(pacer, 100.19) == 0
    assert send(pacer, 100.2) == BLOCK


def test_nothing_is_due_before_the_moment_it_hangs_on():
    pacer = Pacer(LEAD, BLOCK)
    pacer.hang(100.1)

    assert send(pacer, 100.0) == 0
    assert pacer.next_at == 100.1
    assert send(pacer, 100.1) == 20


def test_small_delays_are_caught_up_with_and_never_add_up():
    pacer = Pacer(LEAD, BLOCK)
    pacer.hang(0.0)

    sent = sum(send(pacer, step * 0.2 + (step * 7 % 15) * 0.01) for step in range(3000))

    last = 2999 * 0.2 + (2999 * 7 % 15) * 0.01
    assert pacer.gaps == 0
    assert last + LEAD - 0.2 < sent * TICK <= last + LEAD


@pytest.mark.parametrize("stall", [0.45, 1.0, 1.5, 60.0])
def test_after_a_stall_there_is_a_gap_and_no_burst(stall):
    pacer = Pacer(LEAD, BLOCK)
    pacer.hang(0.0)
    send(pacer, 0.0)

    assert send(pacer, stall) == 20
    assert pacer.gaps == 1
    assert pacer.next_at == pytest.approx(stall + 0.2)


def test_a_wire_paced_to_the_frame_catches_up_with_what_is_within_its_slack():
    pacer = Pacer(0.02, 1, slack=0.06)
    pacer.hang(0.0)

    moments = [0.0, 0.02, 0.0405, 0.095, 0.1, 0.5]
    sent = [send(pacer, moment) for moment in moments]

    assert sent == [1, 1, 1, 2, 1, 4]
    assert pacer.gaps == 1


def test_it_tells_how_late_it_is():
    pacer = Pacer(LEAD, BLOCK)
    pacer.hang(0.0)
    send(pacer, 0.0)

    assert pacer.late(0.15) == 0.0
    assert pacer.late(0.26) == pytest.approx(0.06)


waits = st.lists(st.one_of(st.floats(0, 0.3), st.floats(0, 3)), min_size=1, max_size=60)
leads = st.sampled_from([(0.4, 10), (0.2, 10), (0.3, 10), (0.02, 1), (0.06, 1), (0.4, 5)])


@given(leads, waits)
def test_the_far_end_never_holds_more_than_the_lead_and_is_dry_only_while_we_are_away(wire, steps):
    lead, block = wire
    pacer, now = Pacer(lead, block), 50.0
    pacer.hang(now)
    far = FarEnd(now)
    away = 0.0

    for step in [0.0, *steps]:
        now += step
        far.until(now)
        assert far.buffered == pytest.approx(pacer.ahead(now), abs=1e-4)
        away += max(0.0, step - (lead - block * TICK))
        far.buffered += send(pacer, now) * TICK
        assert far.buffered <= lead + 1e-4
        assert far.buffered > lead - block * TICK - 1e-4

    assert far.dry <= away + 1e-4
    assert (pacer.gaps > 0) == (far.dry > 1e-4) or far.dry < 1e-4


@given(waits)
def test_what_was_played_is_right_to_the_frame_without_any_mark(steps):
    pacer, far, playout, now, sent = Pacer(LEAD, BLOCK), FarEnd(0.0), Playout(), 0.0, 0
    pacer.hang(now)

    for step in [0.0, *steps]:
        now += step
        far.until(now)
        told = playout.played(now, sent, pacer.ahead(now))
        assert told % 160 == 0
        assert far.played * RATE - 161 <= told <= min(sent, far.played * RATE + 1)
        frames = send(pacer, now)
        far.buffered += frames * TICK
        sent += frames * 160


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.integers(0, 15), st.integers(0, 15))
def test_nothing_is_heard_that_was_not_but_for_the_way_there_until_a_mark_is_back(ticks, there, back):
    """In ticks of 20 ms: we wake after so many of them, sound takes `there` to arrive and a mark `back` to come back."""
    pacer, far, playout, sent = Pacer(LEAD, BLOCK), FarEnd(0.0), Playout(), 0
    travelling, marks, returning, marked = [], [], [], False
    wakes = {sum(ticks[:count]) for count in range(len(ticks) + 1)}
    pacer.hang(0.0)

    for tick in range(sum(ticks) + 1):
        now = tick * TICK
        far.until(now)
        far.buffered += sum(frames for at, frames in travelling if at == tick) * TICK
        returning += [(tick + back, name) for name, behind in marks if far.played * RATE >= behind - 1]
        marks = [(name, behind) for name, behind in marks if far.played * RATE < behind - 1]
        for name in [name for at, name in returning if at == tick]:
            marked = playout.returned(name, now) or marked
        told = playout.played(now, sent, pacer.ahead(now))
        unsure = 0 if marked and not pacer.gaps else there * 160  # of sound under way, when the far end was dry
        assert told <= far.played * RATE + 1 + unsure
        if tick in wakes and (frames := send(pacer, now)):
            travelling.append((tick + there, frames))
            far.buffered += 0 if there else frames * TICK
            sent += frames * 160
            marks.append((playout.mark(sent), sent))


def test_a_mark_says_more_than_the_clock():
    playout = Playout()
    name = playout.mark(1600)

    assert playout.played(0.3, 3200, ahead=0.1) == 2400
    assert playout.returned(name, 0.31)
    assert playout.played(0.31, 3200, ahead=0.05) == 1600
    assert playout.played(0.47, 3200, ahead=0.0) == 2880


def test_a_mark_that_is_still_out_holds_the_place():
    playout = Playout()
    first, _ = playout.mark(1600), playout.mark(3200)
    playout.returned(first, 1.0)

    assert playout.played(9.0, 4800, ahead=0.0) == 3200


def test_marks_that_come_back_because_of_a_clear_were_not_heard():
    playout = Playout()
    name = playout.mark(1600)
    playout.taken_back(800)

    assert not playout.returned(name, 0.1)
    assert playout.played(0.1, 800, ahead=0.0) == 800
    assert playout.mark(1600) != name


def test_a_mark_that_nobody_sent_changes_nothing():
    playout = Playout()
    playout.mark(1600)

    assert not playout.returned("nonsense", 0.1)
    assert playout.played(0.1, 1600, ahead=0.1) == 800


@given(st.floats(0.0, 0.02), st.integers(0, 1 << 30))
def test_looks_that_fall_onto_the_moments_of_frames_never_send_none_and_two_in_turn(phase, seed):
    """A wire paced to the frame, looked at every 20 ms, a little late each time."""
    pacer = Pacer(0.02, 1, slack=0.06)
    pacer.hang(0.0)
    send(pacer, 0.0)

    chance = random.Random(seed)
    moments = [phase + look * TICK + chance.random() * 0.002 for look in range(500)]
    sent = [send(pacer, now) if pacer.is_due(now) else 0 for now in moments]

    assert sum(frames != 1 for frames in sent) <= 1
    assert pacer.gaps == 0
    assert abs(sum(sent) - 500) <= 1


def test_news_of_a_mark_that_was_held_up_moves_nothing():
    playout = Playout()
    names = [playout.mark(second * RATE) for second in (1, 2, 3)]

    playout.returned(names[0], 101.0)
    playout.returned(names[1], 102.13)

    assert playout.played(102.5, 4 * RATE, 0.0) == round(2.5 * RATE)


def test_sound_that_was_held_up_is_believed():
    playout = Playout()
    names = [playout.mark(second * RATE) for second in (1, 2, 3)]

    playout.returned(names[0], 101.0)
    playout.returned(names[1], 102.5)

    assert playout.played(103.0, 4 * RATE, 0.0) == round(2.5 * RATE)
