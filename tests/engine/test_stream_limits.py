"""What one far end can do to us: floods, silence, a network that takes nothing, and wires that keep nothing."""

from __future__ import annotations

import pytest

from holdsvc.audio.formats import FRAME, RATE
from holdsvc.audio.player import COMFORT
from holdsvc.calls.events import StreamOpened
from holdsvc.calls.instructions import Release, Stop
from holdsvc.engine import limits
from tests.engine.far_end import PlainWire, settle
from tests.engine.test_streams import EAR, REF, House, play, say


@pytest.fixture
def house():
    return House()


def straight() -> PlainWire:
    """A wire whose far end plays what comes as it comes."""
    return PlainWire(lead=0.02, block=FRAME, can_clear=False)


# --- floods --------------------------------------------------------------------------------------------------------------


async def test_who_sends_without_end_is_hung_up_on(house):
    far = await house.begin()

    for _ in range(limits.MOST_FRAMES):
        house.tell(far, "audio")

    assert far.closed == 1008
    assert len(house.streams) == 0


async def test_what_a_network_held_back_may_come_at_once(house):
    far = await house.begin()
    await house.advance(limits.IDLE - 2, frames=False)

    for _ in range(round((limits.IDLE - 2) * 50)):
        house.tell(far, "audio")
    await house.advance(60)

    assert far.closed is None


async def test_a_little_too_much_adds_up(house):
    far = await house.begin()

    second = 0
    while not far.closed and second < 200:
        second += 1
        for _ in range(2 * limits.FRAMES_A_SECOND):
            house.tell(far, "connected")
        await house.advance(0 if far.closed else 1, frames=False)

    assert far.closed == 1008
    assert second == pytest.approx(limits.MOST_FRAMES / limits.FRAMES_A_SECOND, abs=2)


async def test_fifty_a_second_are_borne_for_ever(house):
    far = await house.begin()

    await house.advance(2 * limits.MOST_FRAMES / 50)

    assert far.closed is None


# --- a network that takes nothing ------------------------------------------------------------------------------------


async def test_each_time_that_a_network_takes_no_more_is_counted_once(house):
    far = await house.begin()
    for _ in range(3):
        await house.advance(1)
        far.backlog = house.wire.high_mark + 1
        await house.advance(2)
        far.backlog = 0

    assert house.counts.cuts == 3


async def test_a_wire_says_how_much_may_be_left_behind():
    wire = straight()
    wire.high_mark = 1000
    house = House(wire)
    far = await house.begin()
    await house.advance(1)
    before = len(far.frames)

    far.backlog = 1000
    await house.advance(1)
    within = len(far.frames)
    far.backlog = 1001
    await house.advance(1)

    assert (within - before, len(far.frames) - within) == (50, 0)


# --- a far end that keeps nothing ------------------------------------------------------------------------------------


async def test_it_hears_a_line_that_is_open_until_the_first_answer():
    house = House(straight())
    house.decider.answers[StreamOpened] = ()
    far = await house.begin()

    await house.advance(0.08)

    assert len(far.heard) >= 3 * FRAME
    assert far.heard == bytes(COMFORT[: len(far.heard)])
    assert house.counts.underruns == 0, "nothing had run dry, nothing had begun"

    await house.advance(0.2)
    assert house.shelf.sounds["house"][:FRAME] in far.sound()
    assert far.dry == 0


async def test_it_is_never_left_without_sound_after_a_stop():
    house = House(straight())
    far = await house.begin()
    await house.advance(1)

    await house.streams.perform(REF, (Stop(), say("connecting")))
    await house.advance(5)

    assert len(far.heard) == pytest.approx(6 * RATE, abs=3 * FRAME)
    assert far.dry <= 0.021
    assert far.closed is None
    assert house.counts.underruns == 0


async def test_its_release_is_heard_to_the_end_and_not_beyond():
    house = House(straight())
    far = await house.begin()
    await house.advance(1)
    goodbye = (Stop(), say("connecting"), Release())

    await house.streams.perform(REF, goodbye)
    await house.advance(0.5)
    await house.streams.perform(REF, goodbye)
    await house.advance(0.4)
    before = far.closed
    await house.advance(0.2)

    assert (before, far.closed) == (None, 1000)
    assert far.sound().endswith(house.shelf.prompts["connecting"][4000:])
    assert len(far.sound()) == pytest.approx(2 * RATE, abs=3 * FRAME)


async def test_it_is_asked_for_no_marks():
    house = House(straight())
    house.decider.answers[StreamOpened] = (play("waltz"), EAR)
    far = await house.begin()

    await house.advance(5)
    await settle()

    assert not far.said("mark")
    playout = house.streams._by_call[REF]._voice.playout
    assert playout.mark(0) == "0.0"
    assert len(playout._pending) == 1
