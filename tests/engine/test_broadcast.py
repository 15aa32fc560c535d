"""Endless sound: one reel a shelf, the same chunks for all, and slow listeners hurt nobody."""

import asyncio
import itertools
from datetime import UTC, datetime, timedelta

import pytest

from holdsvc.calls.airing import Part
from holdsvc.engine.airings import EVERY
from holdsvc.engine.broadcast import AHEAD, BURST, LINGER, ROW, SLICE, Broadcast
from holdsvc.errors import StoreUnavailable
from tests.service import until

CHUNK = 0.5
BEGAN = datetime(2026, 3, 2, 9, tzinfo=UTC)


class CountingReel:
    def __init__(self):
        self.made = 0

    def more(self, chunks):
        """Items of ten chunks each, but that the first is of four and a half."""
        self.made += chunks
        return [(b"%08d" % number, parts(number)) for number in range(self.made - chunks, self.made)]


def parts(number):
    if number == 4:
        return (Part(0, "item 0", CHUNK / 2), Part(1, "item 1", CHUNK / 2))
    turn = 0 if number < 4 else 1 + (number - 4) // 10
    return (Part(turn, f"item {turn}", CHUNK),)


class Shelves:
    chunk, bitrate = CHUNK, 64

    def __init__(self):
        self.reels = []

    def shelves(self):
        return ("jazz", "music")

    def tune(self, shelf):
        self.reels.append(CountingReel())
        return self.reels[-1]


class HearingEar:
    """Takes all, or so many bytes a look, or nothing; goes away when told to."""

    def __init__(self, most=1 << 30):
        self.most, self.heard, self.pieces, self.closed, self.gone = most, b"", [], False, False

    def take(self, piece):
        if self.gone:
            raise BrokenPipeError
        taken = min(self.most, len(piece))
        self.heard += bytes(piece[:taken])
        self.pieces.append(piece)
        return taken

    def close(self):
        self.closed = True

    @property
    def numbers(self):
        return [int(self.heard[at : at + 8]) for at in range(0, len(self.heard) // 8 * 8, 8)]


class Time:
    """Moves when told to; whoever sleeps is woken in order."""

    def __init__(self):
        self.sleepers = []
        self.at = 0.0

    def monotonic(self):
        return self.at

    def now(self):
        return BEGAN + timedelta(seconds=self.at)

    async def sleep(self, seconds):
        woken = asyncio.get_running_loop().create_future()
        self.sleepers.append((self.at + seconds, woken))
        await woken

    async def pass_by(self, seconds):
        end = self.at + seconds
        while True:
            await until(lambda: self.sleepers)
            when, woken = min(self.sleepers, key=lambda sleeper: sleeper[0])
            if when > end:
                break
            self.sleepers.remove((when, woken))
            self.at = max(self.at, when)
            woken.set_result(None)
            for _ in range(100):  # on a busy machine the worker thread takes its time
                await settle()
                if self.sleepers:
                    break
            else:
                break  # nobody will sleep any more
        self.at = end


async def settle():
    """What was woken has its turn, the worker thread too."""
    await asyncio.to_thread(lambda: None)
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def time():
    return Time()


@pytest.fixture
async def broadcast(time):
    made = Broadcast(Shelves(), time, 1000, time.sleep)
    yield made
    await made.close()


def shelves_of(broadcast):
    return broadcast._tuner


async def test_a_newcomer_gets_a_burst_and_then_every_chunk_once_in_real_time(broadcast, time):
    ear = HearingEar()

    broadcast.join("jazz", ear)
    await until(lambda: ear.heard)
    burst = len(ear.numbers)
    await time.pass_by(10.0)

    assert burst == BURST
    assert ear.numbers == list(range(BURST + 20))


async def test_all_listeners_of_a_shelf_are_sent_the_same_object_made_once(broadcast, time):
    ears = [HearingEar() for _ in range(3 * SLICE)]

    for ear in ears:
        broadcast.join("jazz", ear)
    await until(lambda: all(ear.heard for ear in ears))
    await time.pass_by(5.0)

    assert len(shelves_of(broadcast).reels) == 1
    for row in zip(*(ear.pieces for ear in ears), strict=True):
        assert len({id(piece) for piece in row}) == 1


async def test_one_who_comes_later_hears_what_the_others_hear_with_a_burst_before(broadcast, time):
    first, second = HearingEar(), HearingEar()

    broadcast.join("jazz", first)
    await until(lambda: first.heard)
    await time.pass_by(7.0)
    broadcast.join("jazz", second)

    assert second.numbers == first.numbers[-BURST:]
    await time.pass_by(3.0)
    assert second.numbers == first.numbers[-len(second.numbers) :]


async def test_who_takes_pieces_gets_every_byte_in_order(broadcast, time):
    ears = [HearingEar(most) for most in (3, 5, 9)]

    for ear in ears:
        broadcast.join("jazz", ear)
    await until(lambda: all(ear.heard for ear in ears))
    await time.pass_by(4.0)

    whole = b"".join(b"%08d" % number for number in range(40))
    for ear in ears:
        assert whole.startswith(ear.heard)
        assert not ear.closed


async def test_who_takes_nothing_is_cut_when_the_row_has_passed_and_nobody_else_notices(broadcast, time):
    slow, well = HearingEar(0), HearingEar()

    broadcast.join("jazz", slow)
    broadcast.join("jazz", well)
    await until(lambda: well.heard)
    await time.pass_by((ROW - BURST - 1) * CHUNK)
    before = slow.closed
    await time.pass_by(3 * CHUNK)

    assert (before, slow.closed, well.closed) == (False, True, False)
    assert len(broadcast) == 1
    assert well.numbers == list(range(len(well.numbers)))


async def test_who_goes_away_is_let_go_at_the_next_chunk(broadcast, time):
    ear, other = HearingEar(), HearingEar()

    broadcast.join("jazz", ear)
    broadcast.join("jazz", other)
    await until(lambda: other.heard)
    ear.gone = True
    await time.pass_by(CHUNK)

    assert ear.closed
    assert len(broadcast) == 1


async def test_a_shelf_is_encoded_only_while_somebody_listens_and_a_little_longer(broadcast, time):
    ear = HearingEar()
    assert broadcast.on_air == ()

    broadcast.join("jazz", ear)
    await until(lambda: ear.heard)
    ear.gone = True
    await time.pass_by(LINGER - 2.0)
    lingering = broadcast.on_air
    await time.pass_by(4.0)
    await until(lambda: not broadcast.on_air)

    made = shelves_of(broadcast).reels[0].made
    assert lingering == ("jazz",)
    assert made <= BURST + LINGER / CHUNK + 2 * AHEAD


async def test_one_who_comes_back_while_it_lingers_finds_it_going_on(broadcast, time):
    ear, again = HearingEar(), HearingEar()

    broadcast.join("jazz", ear)
    await until(lambda: ear.heard)
    ear.gone = True
    await time.pass_by(5.0)
    broadcast.join("jazz", again)
    await time.pass_by(LINGER + 5.0)

    assert len(shelves_of(broadcast).reels) == 1
    assert again.numbers[0] > 0


async def test_after_a_short_stall_nothing_is_missing_and_after_a_long_one_it_goes_on_without_a_rush(broadcast, time):
    ear = HearingEar()

    broadcast.join("jazz", ear)
    await until(lambda: ear.heard)
    await time.pass_by(2.0)
    time.at += 3.0
    await time.pass_by(2.0)
    short = len(ear.numbers)
    time.at += 3600.0
    await time.pass_by(2.0)

    assert ear.numbers == list(range(len(ear.numbers)))
    assert short == BURST + 14
    assert len(ear.numbers) < short + 10


async def test_no_more_are_let_in_than_the_settings_say(time):
    broadcast = Broadcast(Shelves(), time, 2, time.sleep)

    full = []
    for _ in range(2):
        full.append(broadcast.full)
        broadcast.join("jazz", HearingEar())
    full.append(broadcast.full)
    await broadcast.close()

    assert full == [False, False, True]


async def test_a_reel_that_breaks_ends_its_shelf_and_the_next_listener_starts_it_anew(time):
    shelves = Shelves()
    broadcast = Broadcast(shelves, time, 10, time.sleep)
    ear = HearingEar()
    broadcast.join("jazz", ear)
    await until(lambda: ear.heard)

    def broken(chunks):
        raise RuntimeError("the codec gave up")

    shelves.reels[0].more = broken
    await time.pass_by(AHEAD * CHUNK)
    await until(lambda: not broadcast.on_air)
    again = HearingEar()
    broadcast.join("jazz", again)
    await until(lambda: again.heard)
    await broadcast.close()

    assert ear.closed
    assert again.numbers[:BURST] == list(range(BURST))


async def test_closing_lets_everybody_go_and_nobody_in(broadcast, time):
    ears = [HearingEar() for _ in range(3)]
    for ear, shelf in zip(ears, itertools.cycle(("jazz", "music")), strict=False):
        broadcast.join(shelf, ear)
    await until(lambda: ears[0].heard)

    await broadcast.close()

    assert all(ear.closed for ear in ears)
    assert broadcast.full


# --- what was on the air, and for how many -------------------------------------------------------------------------------


class Ledger:
    """Keeps the latest word on each airing, as a table would; `away`: the disk is full."""

    def __init__(self):
        self.rows, self.told, self.away = {}, [], False

    async def keep(self, aired):
        if self.away:
            raise StoreUnavailable("the disk is full")
        self.rows[aired.id] = aired
        self.told.append(aired)

    def sums(self):
        return {one.content: (one.seconds, one.listened) for one in self.rows.values()}


@pytest.fixture
async def ledger():
    return Ledger()


@pytest.fixture
async def counted(time, ledger):
    made = Broadcast(Shelves(), time, 1000, time.sleep, ledger.keep)
    yield made
    await made.close()


def truth(*ears):
    """By item, from what each listener really had: seconds with anybody there, and seconds of all."""
    alone, all_of_them = {}, {}
    for number in sorted({number for ear in ears for number in ear.numbers}):
        takers = sum(number in ear.numbers for ear in ears)
        for _, item, seconds in parts(number):
            alone[item] = alone.get(item, 0.0) + seconds
            all_of_them[item] = all_of_them.get(item, 0.0) + seconds * takers
    return {item: (alone[item], all_of_them[item]) for item in alone}


async def test_what_is_kept_of_a_shelf_is_what_its_two_listeners_had(counted, time, ledger):
    first, second = HearingEar(), HearingEar()

    counted.join("jazz", first)
    await until(lambda: first.heard)
    await time.pass_by(8.0)
    counted.join("jazz", second)
    await time.pass_by(5.0)
    first.gone = True
    await time.pass_by(4.0)
    await counted.close()

    assert ledger.sums() == truth(first, second)
    assert len(first.numbers) == BURST + 26
    assert len(second.numbers) == BURST + 18
    assert ledger.sums()["item 0"] == (2.25, 2.25)
    assert ledger.sums()["item 2"] == (5.0, pytest.approx(10.0, abs=2.0))
    assert [one.began for one in ledger.rows.values()][:2] == [BEGAN, BEGAN + timedelta(seconds=0.5)]


async def test_an_item_that_nobody_is_there_for_is_not_counted(counted, time, ledger):
    ear = HearingEar()

    counted.join("jazz", ear)
    await until(lambda: ear.heard)
    await time.pass_by(3.0)
    ear.gone = True
    await time.pass_by(LINGER + 3.0)
    await until(lambda: not counted.on_air)

    assert ledger.sums() == truth(ear)
    assert set(ledger.sums()) == {"item 0", "item 1"}


async def test_one_who_takes_only_pieces_counts_for_what_was_taken_whole(counted, time, ledger):
    well, slow = HearingEar(), HearingEar(3)

    counted.join("jazz", well)
    counted.join("jazz", slow)
    await until(lambda: slow.heard)
    await time.pass_by(6.0)
    await counted.close()

    assert 0 < len(slow.numbers) < len(well.numbers)
    assert ledger.sums() == truth(well, slow)


async def test_each_time_on_the_air_is_an_airing_of_its_own(counted, time, ledger):
    for _ in range(2):
        ear = HearingEar()
        counted.join("jazz", ear)
        await until(lambda ear=ear: ear.heard)
        await time.pass_by(1.0)
        ear.gone = True
        await time.pass_by(LINGER + 3.0)
        await until(lambda: not counted.on_air)

    assert [one.content for one in ledger.rows.values()].count("item 0") == 2


async def test_an_airing_that_goes_on_is_kept_now_and_then_so_that_a_crash_costs_little(
    counted, time, ledger, monkeypatch
):
    monkeypatch.setattr("tests.engine.test_broadcast.parts", lambda number: (Part(0, "long", CHUNK),))
    ear = HearingEar()
    counted.join("jazz", ear)
    await until(lambda: ear.heard)

    await time.pass_by(2 * EVERY * CHUNK + ROW * CHUNK)
    await settle()

    assert [one.seconds for one in ledger.told] == [EVERY * CHUNK, 2 * EVERY * CHUNK]
    assert len(ledger.rows) == 1


async def test_what_the_disk_does_not_take_is_kept_when_it_does_again_and_nobody_hears_of_it(counted, time, ledger):
    ear = HearingEar()
    ledger.away = True
    counted.join("jazz", ear)
    await until(lambda: ear.heard)
    await time.pass_by(30.0)
    assert (ledger.rows, ear.closed) == ({}, False)

    ledger.away = False
    await time.pass_by(10.0)
    await counted.close()

    assert ledger.sums() == truth(ear)
    assert len(ear.numbers) == BURST + 80
