"""What a stream's caller hears, in words, when it begins to be heard."""

import asyncio
import contextlib

import pytest
from msgspec.structs import replace

from holdsvc.calls.events import DigitPressed, StreamOpened
from holdsvc.calls.instructions import Listen, Stop
from holdsvc.calls.menu import Menu
from holdsvc.calls.model import CallId
from holdsvc.engine.captions import MOST, Captions, Tape, Understanding, cues
from tests.engine.far_end import settle
from tests.engine.test_streams import House, Shelf, play, say

EAR = Listen(Menu(()), "en")
RATE = 8000


class Texts:
    def content_words(self, content):
        return "" if content == "short" else f"The {content}"

    def prompt_words(self, language, prompt):
        return f"{prompt}, she said"


@pytest.fixture
def shelf():
    return Shelf()


@pytest.fixture
def house():
    return House(captions=lambda sounds: Captions(sounds, Texts()))


class Reader:
    """Reads a call's captions as they come, and when they came."""

    def __init__(self, house, call="CA1"):
        self.house, self.read, self.began = house, [], house.time.seconds
        self.task = asyncio.create_task(self.follow(house.streams.captions.of(call)))

    async def follow(self, captions):
        async for text in captions:
            self.read.append((round(self.house.time.seconds - self.began, 2), text))

    @property
    def texts(self):
        return [text for _, text in self.read]

    async def leave(self):
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task


@pytest.fixture
async def reader(house):
    made = Reader(house)
    await settle()
    yield made
    await made.leave()


def test_each_text_hangs_on_the_sound_before_it(shelf):
    turn = (say("hello", "connecting"), play("waltz", 10, 20), say("hello"), play("news", 5), EAR)

    assert cues(turn, shelf, Texts()) == [
        (0, "hello, she said"),
        (4000, "connecting, she said"),
        (12000, "The waltz"),
        (92000, "hello, she said"),
        (96000, "The news"),
    ]


def test_what_goes_on_under_prompts_is_told_when_it_is_alone_and_costs_no_time(shelf):
    music = replace(play("waltz", 10, 20), ducks=True)

    assert cues((say("hello", "connecting"), music, say("hello"), play("news", 5)), shelf, Texts()) == [
        (0, "hello, she said"),
        (4000, "connecting, she said"),
        (12000, "The waltz"),
        (80000, "hello, she said"),
        (84000, "The news"),
    ]


def test_what_cannot_be_heard_or_has_no_words_is_not_told(shelf):
    turn = (say("nowhere", "hello"), play("lost"), play("short"), play("waltz"))

    assert cues(turn, shelf, Texts()) == [(0, "hello, she said"), (4000 + 3 * RATE, "The waltz")]


def test_what_was_to_come_before_a_stop_is_not_told(shelf):
    assert cues((play("waltz"), Stop(), say("connecting")), shelf, Texts()) == [(0, "connecting, she said")]


async def test_a_caption_comes_when_its_sound_does(house, reader):
    house.decider.answers[StreamOpened] = (say("hello"), play("waltz", 0, 6), say("connecting"), play("waltz", 6), EAR)

    await house.begin()
    await house.advance(8)

    assert reader.read == [
        (0.0, "hello, she said"),
        (0.5, "The waltz"),
        (6.5, "connecting, she said"),
        (7.5, "The waltz"),
    ]


async def test_a_key_takes_back_the_captions_that_were_still_to_come(house, reader):
    house.decider.answers[StreamOpened] = (play("waltz", 0, 3), say("connecting"), play("waltz", 3), EAR)
    house.decider.answers[DigitPressed] = (say("hello"), play("news"), EAR)
    far = await house.begin()
    await house.advance(2)

    await house.press(far, "2")
    await house.advance(5)

    assert reader.read == [(0.0, "The waltz"), (2.0, "hello, she said"), (2.5, "The news")]


async def test_what_follows_is_told_after_what_is_being_heard(house, reader):
    house.decider.answers[StreamOpened] = (play("short"), EAR)

    await house.begin()
    house.streams._by_call[next(iter(house.streams._by_call))].perform((play("news"), EAR), follows=True)
    await house.advance(4)

    assert reader.read == [(3.0, "The news")]


async def test_a_second_stream_of_the_call_is_read_too_and_another_call_is_not(house, reader):
    far = await house.begin()
    await house.advance(1)
    house.tell(far, "stop")
    await settle()

    await house.begin()
    await house.advance(1)

    assert reader.texts == ["The waltz", "The waltz"]
    assert house.streams.captions.tape(CallId("CA2")) is None


async def test_nothing_is_kept_of_a_call_that_nobody_reads_any_more(house):
    reader = Reader(house)
    await settle()
    assert house.streams.captions.tape(CallId("CA1")) is not None

    await reader.leave()

    assert house.streams.captions.tape(CallId("CA1")) is None


def test_a_reader_who_does_not_read_holds_nothing_up(shelf):
    waiting = asyncio.Queue(MOST)
    tape = Tape(shelf, Texts(), [waiting])

    for place in range(MOST + 5):
        tape.put(place, (say("hello"),))
        tape.heard(place)

    assert waiting.qsize() == MOST


async def test_what_a_caller_said_is_shown_to_who_looks_at_that_call_and_to_nobody_else():
    captions = Captions(None, None)
    own, other = captions.of("own"), captions.of("other")
    waiting = [asyncio.ensure_future(anext(one)) for one in (own, other)]
    await asyncio.sleep(0)

    captions.understood("own", Understanding("near", "music:jazz", 0.12, "quiz", 0.1, 0.3))

    shown = await asyncio.wait_for(waiting[0], 1)
    assert (shown["result"], shown["choice"], shown["score"]) == ("near", "music:jazz", 0.12)
    assert not waiting[1].done()
    waiting[1].cancel()
    captions.understood("gone", Understanding("sure", "quiz", 1.0))
    await asyncio.gather(*waiting, return_exceptions=True)
