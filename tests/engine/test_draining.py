"""A process that is asked to stop: it waits for its streams, for whoever looks whether it is ready, and for nobody once hurried."""

import asyncio

from holdsvc.engine import draining
from holdsvc.engine.draining import LINGER, drain


class Streams:
    """So many, of which each look finds one fewer when `ending`; none is left by a parting."""

    def __init__(self, number, ending=False):
        self.number, self.ending, self.draining, self.parted = number, ending, False, []

    def __len__(self):
        if self.ending and self.number:
            self.number -= 1
        return self.number

    async def part(self, most):
        parted = min(most, self.number)
        self.parted.append(parted)
        self.number -= parted
        return parted


class Plans:
    begins_streams = True


async def spent(streams, window, *, others=False, hurry=None, plans=None):
    """Seconds of the loop."""
    hurry = hurry or asyncio.Event()
    loop = asyncio.get_running_loop()
    began = loop.time()
    await drain(streams, plans or Plans(), window, hurry, lambda: others)
    assert streams.draining
    return loop.time() - began


async def test_alone_and_without_streams_it_ends_at_once():
    assert await spent(Streams(0), 600.0) < 0.2


async def test_streams_that_end_by_themselves_are_waited_for_and_no_longer():
    streams = Streams(4, ending=True)

    assert await spent(streams, 600.0) < 2.0
    assert streams.parted == []


async def test_at_the_end_of_the_window_they_are_parted_from_a_few_at_a_time(monkeypatch):
    monkeypatch.setattr(draining, "COME_BACK", 0.2)
    streams = Streams(60)

    assert 0.2 < await spent(streams, 0.1) < 2.0
    assert streams.parted == [25, 25, 10]


async def test_where_there_are_others_a_balancer_has_time_to_find_out_and_they_take_the_streams(monkeypatch):
    plans = Plans()

    took = await spent(Streams(0), 0.0, others=True, plans=plans)

    assert LINGER <= took < LINGER + 1.0
    assert plans.begins_streams


async def test_alone_nobody_who_comes_now_is_sent_to_a_stream():
    plans = Plans()

    await spent(Streams(0), 600.0, plans=plans)

    assert not plans.begins_streams


async def test_a_second_word_ends_the_wait():
    hurry = asyncio.Event()
    asyncio.get_running_loop().call_later(0.2, hurry.set)
    streams = Streams(3)

    assert await spent(streams, 600.0, hurry=hurry) < 1.0
    assert streams.parted == []
