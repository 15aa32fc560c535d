"""Live streams on a clock that is advanced by hand, with a far end that plays what it is sent and so knows the truth."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from holdsvc.audio.formats import FRAME, RATE
from holdsvc.audio.player import FADE
from holdsvc.calls import programme
from holdsvc.calls.decide import decide
from holdsvc.calls.events import CallArrived, ContentEnded, DigitPressed, Heard, StreamClosed, StreamOpened
from holdsvc.calls.facts import ContentChosen, ContentHeard
from holdsvc.calls.instructions import Listen, Play, Release, Say, Stop
from holdsvc.calls.menu import Menu
from holdsvc.calls.model import CallId, CallRef, ContentId, EventId, Outcome, PromptId, QueueName
from holdsvc.calls.plan import Media
from holdsvc.calls.session import HoldSession
from holdsvc.engine import limits
from holdsvc.engine import stream as live
from holdsvc.engine.intake import Taken
from holdsvc.engine.streams import Full, Streams
from holdsvc.errors import BadContent
from tests.engine.far_end import STEP, FarEnd, PlainWire, SharingWire, Time, settle
from tests.plans import a_plan

REF, QUEUE = CallRef("acme", CallId("CA1")), QueueName("billing")
EAR = Listen(Menu(()), "en")
SECONDS = {"waltz": 30, "news": 30, "short": 3, "house": 20}


def coded(step: int, length: int) -> memoryview:
    """Sound in which every sample tells its place, near enough."""
    return memoryview(((np.arange(length) * step + step) % 251).astype(np.uint8).tobytes())


class Shelf:
    def __init__(self) -> None:
        steps = dict(zip(SECONDS, (7, 11, 17, 19), strict=True))
        self.sounds = {name: coded(steps[name], SECONDS[name] * RATE) for name in SECONDS}
        self.prompts = {"hello": coded(13, 4000), "connecting": coded(23, 8000)}

    def content(self, content: ContentId) -> memoryview:
        if content not in self.sounds:
            raise BadContent(f"no prepared sound for {content!r}")
        return self.sounds[content]

    def prompt(self, language: str, prompt: PromptId) -> memoryview:
        if prompt not in self.prompts:
            raise BadContent(f"no prepared sound for {prompt!r}")
        return self.prompts[prompt]

    def content_hash(self, content: ContentId) -> str:
        return f"hash of {content}"

    def prompt_hash(self, language: str, prompt: PromptId) -> str:
        return f"hash of {prompt} in {language}"


class Counts:
    def __init__(self) -> None:
        self.opened = self.closed = self.underruns = self.cuts = 0
        self.late: list[float] = []
        self.switches: list[float] = []
        self.refused: list[str] = []

    def stream_opened(self, wire: str) -> None:
        self.opened += 1

    def stream_closed(self, wire: str) -> None:
        self.closed += 1

    def stream_underrun(self, wire: str) -> None:
        self.underruns += 1

    def stream_cut(self, wire: str) -> None:
        self.cuts += 1

    def stream_refused(self, platform: str, reason: str) -> None:
        self.refused.append(reason)

    def stream_late(self, wire: str, seconds: float, blocks: int = 1) -> None:
        self.late.append(seconds)

    def stream_switched(self, wire: str, seconds: float) -> None:
        self.switches.append(seconds)


class Told(Struct, frozen=True):
    instructions: tuple = ()


class Decider:
    """Keeps the news and answers each kind of it as told; `wait` holds the answers back."""

    def __init__(self) -> None:
        self.events: list = []
        self.answers = {StreamOpened: (play("waltz"), EAR)}
        self.wait: asyncio.Event | None = None
        self.fails = False

    async def take(self, ref, queue, events):
        self.events += events
        if self.wait is not None:
            await self.wait.wait()
        if self.fails:
            raise OSError("the store is gone")
        answer = self.answers.get(type(events[-1]), ())
        return Told(answer(events[-1]) if callable(answer) else answer)

    def seen(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def heard(self):
        return [event.heard for event in self.events if event.heard]


def play(name: str, start: float = 0.0, until: float | None = None, gain: float = 0.0) -> Play:
    return Play(ContentId(name), start, until, gain)


def say(*names: str) -> Say:
    return Say(tuple(PromptId(name) for name in names), "en")


def most_ahead(house: House) -> int:
    """Bytes: the wire's lead; where blocks are shared they go out by threes, two of them ahead of their time."""
    return 6400 if isinstance(house.wire, SharingWire) else 3200


class House:
    """Streams, a clock, one caller's line."""

    def __init__(self, wire: PlainWire | None = None, most: int = 10, captions=lambda sounds: None) -> None:
        self.time, self.decider, self.counts, self.shelf = Time(), Decider(), Counts(), Shelf()
        self.wire = wire or SharingWire()
        self.streams = Streams(
            self.decider.take,
            self.shelf,
            self.time,
            self.counts,
            lambda queue: ContentId("house"),
            most,
            captions=captions(self.shelf),
        )
        self.tokens = self.streams.tokens
        self.presses = 0
        self.lines: list[tuple[FarEnd, live.Stream]] = []

    def open(self, ref: CallRef = REF) -> FarEnd:
        ticket = self.tokens.redeem("acme", self.tokens.issue(ref, QUEUE))
        far = FarEnd(self.time)
        self.lines.append((far, self.streams.open(ticket, self.wire, far)))
        return far

    async def begin(self, ref: CallRef = REF) -> FarEnd:
        far = self.open(ref)
        self.tell(far, f"start MZ{len(self.lines)} {ref.call}")
        await settle()
        return far

    def tell(self, far: FarEnd, frame: str) -> None:
        next(stream for one, stream in self.lines if one is far).hear(frame)

    async def press(self, far: FarEnd, digit: str) -> None:
        self.presses += 1
        self.tell(far, f"digit {digit} {self.presses}")
        await settle()

    async def advance(self, seconds: float, *, frames: bool = True) -> None:
        """Time passes in frames of 20 ms; the far end plays, its marks come back, and it sends the caller's own sound."""
        for _ in range(round(seconds / STEP)):
            self.time.seconds += STEP
            for far, stream in self.lines:
                far.play()
                while far.marks:
                    stream.hear(f"mark {far.marks.pop(0)}")
                if frames and far.closed is None:
                    stream.hear("audio")
            self.streams.turn(self.time.monotonic())
            await settle()


@pytest.fixture(params=[SharingWire, PlainWire])
def house(request):
    return House(request.param())


# --- the start ---------------------------------------------------------------------------------------------------------


async def test_sound_is_on_in_the_same_turn_as_the_start(house):
    far = await house.begin()

    assert far.sound() == house.shelf.sounds["waltz"][:3200]
    assert house.decider.seen(StreamOpened)[0].id == "MZ1:start"
    assert house.counts.opened == 1


async def test_the_caller_hears_the_content_without_a_gap_and_never_much_ahead(house):
    far = await house.begin()

    await house.advance(12)

    assert far.heard == house.shelf.sounds["waltz"][: 12 * RATE]
    assert (far.dry, house.counts.underruns) == (0, 0)
    assert far.most <= most_ahead(house)


async def test_a_belt_that_fails_takes_no_other_stream_with_it(house, monkeypatch, caplog):
    far = await house.begin()

    def fails(now: float) -> None:
        raise ValueError("a fault of ours")

    monkeypatch.setattr(house.streams.belt, "turn", fails)
    await house.advance(5)

    assert far.heard == house.shelf.sounds["waltz"][: 5 * RATE]
    assert "belt_failed" in caplog.messages


async def test_a_stream_for_another_call_is_refused(house):
    far = house.open()

    house.tell(far, "start MZ1 CA2")
    await settle()

    assert far.closed == live.NOT_ALLOWED
    assert not house.decider.events
    assert len(house.streams) == 0


async def test_a_start_with_another_token_is_refused(house):
    far = house.open()

    house.tell(far, "start MZ1 CA1 sesame")

    assert far.closed == live.NOT_ALLOWED


async def test_nothing_is_heard_before_the_start(house):
    far = house.open()

    for frame in ("connected", "digit 1 1", "mark 0.1", "stop", "audio"):
        house.tell(far, frame)
    await settle()

    assert not house.decider.events
    assert far.frames == []


async def test_a_socket_that_never_starts_is_closed(house):
    far = house.open()

    await house.advance(4.8)
    before = far.closed
    await house.advance(1.5)

    assert (before, far.closed) == (None, live.NOT_ALLOWED)
    assert house.counts.closed == 1


async def test_while_the_answer_is_late_the_house_plays(house):
    house.decider.wait = asyncio.Event()
    far = await house.begin()

    await house.advance(1)
    house.decider.wait.set()
    await settle()
    await house.advance(1)

    assert far.heard[: RATE // 2] == house.shelf.sounds["house"][: RATE // 2]
    assert far.heard[-RATE // 2 :] in bytes(house.shelf.sounds["waltz"][: 2 * RATE])
    assert far.dry < 0.05


async def test_a_failing_decider_is_never_silence(house):
    house.decider.fails = True
    far = await house.begin()

    await house.advance(45)

    assert far.dry < 0.05
    assert far.heard[:RATE] == house.shelf.sounds["house"][:RATE]


# --- keys --------------------------------------------------------------------------------------------------------------


async def test_a_key_takes_back_what_was_sent_and_brings_the_new_sound_in_the_same_turn(house):
    house.decider.answers[DigitPressed] = (say("hello"), play("news"), EAR)
    far = await house.begin()
    await house.advance(3.1)
    far.frames.clear()

    await house.press(far, "2")

    assert [frame.split(" ")[0] for frame in far.frames[:2]] == ["clear", "audio"]
    assert far.sound()[FADE:3200] == house.shelf.prompts["hello"][FADE:3200]
    assert house.counts.switches == [0.0]


async def test_what_was_heard_before_a_key_is_exact_to_the_frame(house):
    far = await house.begin()
    await house.advance(3.1)

    await house.press(far, "2")

    assert [(one.content, one.from_second, one.until_second) for one in house.decider.heard] == [("waltz", 0.0, 3.1)]
    assert len(far.heard) == 3.1 * RATE


async def test_content_goes_on_at_the_very_sample(house):
    house.decider.answers[DigitPressed] = lambda event: (say("hello"), play("waltz", event.heard.until_second), EAR)
    far = await house.begin()
    await house.advance(3.1)

    await house.press(far, "9")
    await house.advance(2)

    at, waltz = int(3.1 * RATE), house.shelf.sounds["waltz"]
    assert far.heard[:at] == waltz[:at]
    assert far.heard[at + FADE : at + 4000] == house.shelf.prompts["hello"][FADE:]
    assert far.heard[at + 4000 + FADE : at + 12000] == waltz[at + FADE : at + 8000]


async def test_marks_that_a_clear_gives_back_do_not_count_as_heard(house):
    house.decider.answers[DigitPressed] = lambda event: (play("news"), EAR)
    far = await house.begin()
    await house.advance(4.2)

    await house.press(far, "2")
    given_back = list(far.marks)
    await house.advance(0.1)
    await house.press(far, "2")

    assert given_back
    assert [(one.content, one.until_second) for one in house.decider.heard] == [("waltz", 4.2), ("news", 0.1)]


async def test_a_key_that_changes_nothing_lets_the_sound_go_on_where_it_was(house):
    far = await house.begin()
    await house.advance(2)

    await house.press(far, "7")
    await house.advance(2)

    assert far.heard == house.shelf.sounds["waltz"][: 4 * RATE]


async def test_a_key_that_gets_no_answer_lets_the_sound_go_on_after_a_moment(house):
    far = await house.begin()
    await house.advance(2)
    house.decider.wait = asyncio.Event()

    await house.press(far, "7")
    await house.advance(2)

    assert far.heard == house.shelf.sounds["waltz"][: len(far.heard)]
    assert 3.85 * RATE < len(far.heard) < 4 * RATE


async def test_two_keys_at_once_are_answered_in_turn(house):
    house.decider.answers[DigitPressed] = lambda event: (play("news" if event.digit == "2" else "short"), EAR)
    far = await house.begin()
    await house.advance(1)

    house.tell(far, "digit 2 1")
    house.tell(far, "digit 3 2")
    await settle()
    await house.advance(1)

    assert [event.digit for event in house.decider.seen(DigitPressed)] == ["2", "3"]
    assert far.heard[-RATE // 2 :] in bytes(house.shelf.sounds["short"])


async def test_a_missing_sound_is_left_out_and_the_rest_is_heard(house):
    house.decider.answers[StreamOpened] = (say("missing", "hello"), play("waltz"), EAR)

    far = await house.begin()
    await house.advance(1)

    assert far.heard[:4000] == house.shelf.prompts["hello"]
    assert far.heard[4000:8000] == house.shelf.sounds["waltz"][:4000]


async def test_content_that_is_missing_is_replaced_by_the_house(house):
    house.decider.answers[StreamOpened] = (play("missing"), EAR)

    far = await house.begin()
    await house.advance(1)

    assert far.heard[:4000] == house.shelf.sounds["house"][:4000]


# --- one item after the other ------------------------------------------------------------------------------------------


async def test_the_next_item_follows_without_a_gap(house):
    house.decider.answers[StreamOpened] = (play("short"), EAR)
    house.decider.answers[ContentEnded] = (play("news"), EAR)
    far = await house.begin()

    await house.advance(5)

    assert far.heard == bytes(house.shelf.sounds["short"]) + house.shelf.sounds["news"][: 2 * RATE]
    assert len(house.decider.seen(ContentEnded)) == 1
    assert house.counts.underruns == 0


async def test_an_item_that_ended_counts_as_over_for_the_core(house):
    house.decider.answers[StreamOpened] = (play("short"), EAR)
    house.decider.answers[ContentEnded] = (play("news"), EAR)
    await house.begin()

    await house.advance(5)

    heard = house.decider.seen(ContentEnded)[0].heard
    assert heard.until_second >= 3 - limits.LOOK_AHEAD, "all that was sent: the far end is sure to play it"
    assert limits.LOOK_AHEAD < programme.NEARLY_OVER


async def test_all_of_an_item_is_reported_in_the_end(house):
    house.decider.answers[StreamOpened] = (play("short"), EAR)
    house.decider.answers[ContentEnded] = (play("news"), EAR)
    far = await house.begin()

    await house.advance(12)
    house.tell(far, "stop")
    await settle()

    spans = [(one.content, one.from_second, one.until_second) for one in house.decider.heard]
    assert joined(spans) == [("short", 0.0, 3.0), ("news", 0.0, 9.0)]


def joined(spans):
    whole: list = []
    for content, begin, end in spans:
        if whole and whole[-1][0] == content and whole[-1][2] == begin:
            begin = whole.pop()[1]
        whole.append((content, begin, end))
    return whole


async def test_the_menu_between_two_stretches_costs_no_sample(house):
    house.decider.answers[StreamOpened] = (play("waltz", 0, 1.5), say("hello"), play("waltz", 1.5), EAR)
    far = await house.begin()

    await house.advance(4)

    waltz = house.shelf.sounds["waltz"]
    assert far.heard[:12000] == waltz[:12000]
    assert far.heard[16000 + FADE :] == waltz[12000 + FADE : len(far.heard) - 4000]


async def test_every_ten_seconds_it_says_what_was_heard(house):
    await house.begin()

    await house.advance(21)

    spans = [(one.heard.from_second, one.heard.until_second) for one in house.decider.seen(Heard)]
    assert len(spans) == 2
    assert spans[0][0] == 0.0
    assert spans[0][1] == spans[1][0] == pytest.approx(10, abs=1)


async def test_without_an_answer_to_the_end_of_an_item_the_house_plays_after_a_moment(house):
    house.decider.answers[StreamOpened] = (play("short"), EAR)
    far = await house.begin()

    await house.advance(5)

    assert (far.dry, house.counts.underruns) == (0, 0)
    assert far.heard == bytes(house.shelf.sounds["short"]) + house.shelf.sounds["house"][: 2 * RATE]


# --- the end -----------------------------------------------------------------------------------------------------------


async def test_a_release_stops_the_sound_and_closes_normally(house):
    far = await house.begin()
    await house.advance(2)

    assert await house.streams.perform(REF, (Release(),))
    await settle()

    assert far.frames[-1].startswith("clear")
    assert far.closed == 1000
    assert house.decider.heard[-1].until_second == 2.0
    assert not house.decider.seen(StreamClosed), "the platform comes back and says so"
    assert len(house.streams) == 0


async def test_an_alarm_reaches_the_stream_of_its_call(house):
    far = await house.begin()

    house.streams.anew(Taken(HoldSession(CallRef("acme", CallId("CA2")), QUEUE), (Release(),), (), False))
    others = far.closed
    house.streams.anew(Taken(HoldSession(REF, QUEUE), (Release(),), (), False))

    assert (others, far.closed) == (None, 1000)


async def test_a_release_waits_for_the_word_that_somebody_is_there(house):
    far = await house.begin()
    await house.advance(2)

    await house.streams.perform(REF, (Stop(), say("connecting")))
    await house.advance(0.3)
    await house.streams.perform(REF, (Release(),))
    await house.advance(0.5)
    before = far.closed
    await house.advance(0.4)

    assert (before, far.closed) == (None, 1000)
    assert far.heard[2 * RATE + FADE : 3 * RATE] == house.shelf.prompts["connecting"][FADE:]
    assert len(far.heard) == 3 * RATE


async def test_a_caller_who_leaves_hears_the_last_prompt_to_its_end(house):
    house.decider.answers[DigitPressed] = (say("connecting"), Release())
    far = await house.begin()
    await house.advance(1)

    await house.press(far, "0")
    await house.press(far, "1")
    await house.advance(1.1)

    assert far.closed == 1000
    assert far.heard[RATE + FADE :] == house.shelf.prompts["connecting"][FADE:]
    assert len(house.decider.seen(DigitPressed)) == 1


async def test_a_far_end_that_gives_no_marks_back_is_closed_all_the_same(house):
    far = await house.begin()
    await house.streams.perform(REF, (say("hello"), Release()))

    for _ in range(100):
        house.time.seconds += STEP
        far.marks.clear()
        house.streams.turn(house.time.monotonic())

    assert far.closed == 1000


async def test_after_stop_there_is_silence_and_nothing_is_asked(house):
    far = await house.begin()
    await house.advance(1)

    await house.streams.perform(REF, (Stop(),))
    await house.advance(20)

    assert len(far.heard) == RATE
    assert house.counts.underruns == 0
    assert not house.decider.seen(ContentEnded)


async def test_a_hang_up_is_told_with_what_was_heard(house):
    far = await house.begin()
    await house.advance(2.5)

    house.tell(far, "stop")
    await settle()

    closed = house.decider.seen(StreamClosed)[0]
    assert closed.by_caller
    assert closed.heard.until_second == 2.5
    assert len(house.streams) == 0


async def test_a_lost_socket_says_what_was_heard_and_no_more(house):
    far = await house.begin()
    await house.advance(2.5)

    house.lines[0][1].lost()
    house.lines[0][1].lost()
    await settle()

    assert [type(event) for event in house.decider.events] == [StreamOpened, Heard]
    assert house.decider.heard[0].until_second == 2.5
    assert house.counts.closed == 1
    assert far.closed is None


async def test_a_new_stream_of_the_same_call_takes_the_place_of_the_old(house):
    old = await house.begin()
    await house.advance(1)

    new = await house.begin()
    await house.advance(1)

    assert old.closed == live.GOING_AWAY
    assert len(new.heard) == RATE
    assert await house.streams.perform(REF, (Release(),))
    assert new.closed == 1000


async def test_a_platform_that_falls_silent_is_given_up(house):
    far = await house.begin()

    await house.advance(28, frames=False)
    for _ in range(200):
        house.time.seconds += STEP
        house.streams.turn(house.time.monotonic())
    early = far.closed
    for _ in range(1500):
        house.time.seconds += STEP
        house.streams.turn(house.time.monotonic())

    assert (early, far.closed) == (None, live.NOT_ALLOWED)


async def test_nonsense_is_borne_for_a_while(house):
    far = await house.begin()

    for number in range(limits.MOST_BROKEN):
        house.tell(far, f"nonsense {number} of it")
    borne = far.closed
    house.tell(far, "once more")

    assert (borne, far.closed) == (None, live.NOT_ALLOWED)


async def test_when_there_is_no_room_a_stream_is_refused(house):
    house = House(most=1)
    await house.begin()

    with pytest.raises(Full):
        house.open(CallRef("acme", CallId("CA2")))


async def test_closing_the_house_ends_every_stream_and_keeps_what_was_heard(house):
    far = await house.begin()
    await house.advance(1)

    await house.streams.close()

    assert far.closed == live.GOING_AWAY
    assert house.decider.heard[-1].until_second == 1.0
    assert house.streams.full


# --- trouble on the way ------------------------------------------------------------------------------------------------


async def test_after_a_stall_there_is_a_gap_and_no_burst(house):
    far = await house.begin()
    await house.advance(1)

    house.time.seconds += 3
    await house.advance(1)

    assert far.most <= most_ahead(house)
    assert house.counts.underruns == 1
    assert far.heard == house.shelf.sounds["waltz"][: len(far.heard)]
    assert 3.02 - most_ahead(house) / RATE <= far.dry <= 3.02 - 0.2 + 1e-6
    assert max(house.counts.late) > 2.5


async def test_a_network_that_takes_nothing_is_not_filled_up(house):
    far = await house.begin()
    await house.advance(1)

    far.backlog = house.wire.high_mark + 1
    sent = len(far.frames)
    await house.advance(2)
    stuck = len(far.frames)
    far.backlog = 0
    await house.advance(1)

    assert stuck == sent
    assert house.counts.cuts == 1
    assert far.heard == house.shelf.sounds["waltz"][: len(far.heard)], "no sample is lost, only time"
    assert far.most <= most_ahead(house)


async def test_who_takes_nothing_for_long_is_given_up_and_counted_once(house):
    far = await house.begin()
    await house.advance(1)

    far.backlog = house.wire.high_mark + 1
    await house.advance(limits.STUCK_FOR - 1)
    before = far.closed
    await house.advance(3)

    assert (before, far.closed) == (None, live.NOT_ALLOWED)
    assert house.counts.cuts == 1
    assert len(house.streams) == 0


async def test_one_stream_that_fails_takes_no_other_with_it(house):
    broken, sound = await house.begin(), await house.begin(CallRef("acme", CallId("CA2")))
    broken.send = None

    await house.advance(2)

    assert broken.closed == 1000
    assert len(sound.heard) == 2 * RATE
    assert len(house.streams) == 1


async def test_a_wire_that_cannot_take_sound_back_is_paced_to_the_frame():
    house = House(PlainWire(lead=0.02, block=FRAME, can_clear=False))
    house.decider.answers[DigitPressed] = lambda event: (play("news"), EAR)
    far = await house.begin()
    await house.advance(1)

    await house.press(far, "2")
    await house.advance(1)

    assert not far.said("clear")
    assert far.most <= 2 * FRAME
    heard = house.decider.heard[0].until_second
    assert heard == pytest.approx(1.0, abs=0.041)
    assert far.heard[: round(heard * RATE)] == house.shelf.sounds["waltz"][: round(heard * RATE)]


moves = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.integers(1, 120)),
        st.tuples(st.just("press"), st.integers(0, 2)),
        st.tuples(st.just("stall"), st.integers(1, 150)),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(moves)
def test_whatever_a_caller_does_each_item_goes_on_where_the_ear_left_it(history):
    """The decider resumes each item at what it was told; the far end says what was really heard."""

    async def scene() -> None:
        house, offsets = House(), {"waltz": 0.0, "news": 0.0}

        def answer(event):
            if event.heard:
                offsets[event.heard.content] = event.heard.until_second
            name = {"0": "waltz", "1": "news"}.get(getattr(event, "digit", "0"), "waltz")
            return (say("hello"), play(name, offsets[name]), EAR)

        async def take(ref, queue, events):
            house.decider.events += events
            for event in events:
                answer(event)
            return Told(() if isinstance(events[-1], Heard) else answer(events[-1]))

        house.streams._take = take
        far = await house.begin()
        for what, amount in history:
            if what == "wait":
                await house.advance(amount * STEP)
            elif what == "stall":
                house.time.seconds += amount * STEP
                await house.advance(STEP)
            else:
                await house.press(far, str(amount))
        house.tell(far, "stop")
        await settle()

        told = {name: pieces(house.decider.heard, name) for name in offsets}
        for stretches in told.values():
            assert all(one[1] == other[0] for one, other in pairwise(stretches)), stretches
        reported = sum(end - begin for stretches in told.values() for begin, end in stretches)
        assert reported * RATE <= len(far.heard)
        assert far.most <= most_ahead(house)

    asyncio.run(scene())


def pieces(heard, name):
    return [(one.from_second, one.until_second) for one in heard if one.content == name]


# --- with the core itself ----------------------------------------------------------------------------------------------


class Core:
    """The real decider behind the streams, without a store."""

    def __init__(self, house: House) -> None:
        self.plan = a_plan(media=Media.STREAM)
        self.session = HoldSession(REF, QUEUE)
        self.facts: list = []
        for number, item in enumerate(self.plan.items):
            house.shelf.sounds[item.id] = coded(7 + 2 * number, int(item.seconds * RATE))
        house.shelf.prompts |= {name: coded(101, 12000) for name in self.plan.prompts["en"]}
        arrived = CallArrived(at=house.time.now(), id=EventId("arrived"))
        self.session = decide(self.session, arrived, self.plan).session
        house.streams._take = self.take

    async def take(self, ref, queue, events):
        instructions: tuple = ()
        for event in events:
            decision = decide(self.session, event, self.plan)
            self.session, instructions = decision.session, decision.instructions or instructions
            self.facts += decision.facts
        return Told(instructions)


async def test_there_and_back_again_with_the_core_costs_no_sample(house):
    core = Core(house)
    far = await house.begin()
    await house.advance(5)
    await house.press(far, digit_of(core, "podcast"))
    await house.advance(6)

    await house.press(far, digit_of(core, "music"))
    await house.advance(4)

    waltz, podcast = house.shelf.sounds["waltz"], house.shelf.sounds["episode-1"]
    assert far.heard[: 5 * RATE] == waltz[: 5 * RATE]
    assert bytes(podcast[FADE : 4 * RATE]) in far.heard
    assert far.heard[-RATE:] == waltz[8 * RATE : 9 * RATE], "on from second 5, under the prompt"
    assert (far.dry, house.counts.underruns) == (0, 0)


async def test_item_follows_item_with_the_core_and_the_log_says_each_second_once(house):
    core = Core(house)
    far = await house.begin()
    await house.press(far, digit_of(core, "daily"))

    await house.advance(200)
    house.tell(far, "stop")
    await settle()

    assert (far.dry, house.counts.underruns) == (0, 0)
    spans = [
        (fact.content, fact.from_second, fact.until_second) for fact in core.facts if isinstance(fact, ContentHeard)
    ]
    total = sum(end - begin for _, begin, end in spans)
    spoken = sum(1 for _ in core.facts if isinstance(_, ContentChosen)) * 1.5
    assert total == pytest.approx(len(far.heard) / RATE, abs=spoken + 0.5)
    assert {content for content, _, _ in spans} == {"today"}
    assert core.session.history.wait.outcome is Outcome.ABANDONED


def digit_of(core: Core, choice: str) -> str:
    return core.plan.menu.by_id(choice).digit
