"""A call never waits longer than the budget for a directory, whatever the directory does."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

import pytest

from holdsvc.calls.model import CallId, CallRef, Contact, PhoneNumber
from holdsvc.engine.lookup import Found, Limits, Lookup
from holdsvc.errors import OutboundFailed

CALL = CallRef("twilio", CallId("CA1"))
OTHER = CallRef("twilio", CallId("CA2"))
ANN = PhoneNumber("+15005550100")
BOB = PhoneNumber("+15005550101")
ANN_THERE = Contact(name="Ann Example", source="crm")
SOON = Limits(budget=0.01)  # seconds of real time: the only time that these tests spend


class Hands:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds


class Book:
    """A directory that answers when it is let, with what it was given: a contact, None or an error."""

    def __init__(self, name: str, answer: Contact | Exception | None = None, *, at_once: bool = True) -> None:
        self.name = name
        self.answer = answer
        self.asked: list[PhoneNumber] = []
        self.closed = False
        self.let = asyncio.Event()
        if at_once:
            self.let.set()

    async def find(self, number: PhoneNumber) -> Contact | None:
        self.asked.append(number)
        await self.let.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def close(self) -> None:
        self.closed = True


class Desk:
    """A lookup with everything that it told others."""

    def __init__(self, *books: Book, limits: Limits = SOON) -> None:
        self.clock = Hands()
        self.news: list[tuple[CallRef, Contact]] = []
        self.seen: list[tuple[str, str]] = []
        self.told = asyncio.Event()
        self.lookup = Lookup(books, self.clock, self.late, self.observe, limits)

    def late(self, ref: CallRef, contact: Contact) -> None:
        self.news.append((ref, contact))
        self.told.set()

    def observe(self, source: str, result: Found, seconds: float) -> None:
        assert seconds >= 0
        self.seen.append((source, result))

    async def ask(self, number: PhoneNumber = ANN, ref: CallRef = CALL) -> Contact | None:
        return await self.lookup.ask(ref, number)


async def settle() -> None:
    """Let everything run that can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_who_is_known_is_told_and_who_is_not_is_nobody() -> None:
    known, unknown = Desk(Book("crm", ANN_THERE)), Desk(Book("crm"))

    assert await known.ask() == ANN_THERE
    assert await unknown.ask() is None

    assert known.seen == [("crm", "hit")]
    assert unknown.seen == [("crm", "miss")]


async def test_without_directories_nobody_is_known() -> None:
    assert await Desk().ask() is None


async def test_directories_are_asked_side_by_side_and_the_first_in_order_counts() -> None:
    table, crm = Book("table", Contact(name="From the table"), at_once=False), Book("crm", ANN_THERE, at_once=False)
    desk = Desk(table, crm, limits=Limits(budget=60))
    asking = asyncio.create_task(desk.ask())
    await settle()

    crm.let.set()
    await settle()
    waited_for_the_better = not asking.done()
    table.let.set()

    assert (table.asked, crm.asked) == ([ANN], [ANN])
    assert waited_for_the_better
    assert await asking == Contact(name="From the table")
    assert desk.news == []


async def test_a_known_caller_does_not_wait_for_directories_that_count_less() -> None:
    desk = Desk(Book("table", ANN_THERE), Book("crm", at_once=False), limits=Limits(budget=3600))

    assert await desk.ask() == ANN_THERE


async def test_a_late_answer_comes_as_news_and_is_remembered() -> None:
    crm = Book("crm", ANN_THERE, at_once=False)
    desk = Desk(crm)

    assert await desk.ask() is None
    crm.let.set()
    await desk.told.wait()

    assert desk.news == [(CALL, ANN_THERE)]
    assert await desk.ask() == ANN_THERE
    assert desk.seen == [("crm", "late"), ("crm", "cached")]


async def test_a_late_no_is_no_news() -> None:
    crm = Book("crm", None, at_once=False)
    desk = Desk(crm)

    await desk.ask()
    crm.let.set()
    await settle()

    assert (desk.news, desk.seen) == ([], [("crm", "late")])


async def test_a_late_answer_that_counts_less_is_no_news_and_one_that_counts_more_is() -> None:
    first, second, third = Book("a", ANN_THERE, at_once=False), Book("b", Contact(name="B")), Book("c", at_once=False)
    third.answer = Contact(name="C")
    desk = Desk(first, second, third)

    got = await desk.ask()
    third.let.set()
    await settle()
    nothing_yet = list(desk.news)
    first.let.set()
    await desk.told.wait()

    assert got == Contact(name="B")
    assert nothing_yet == []
    assert desk.news == [(CALL, ANN_THERE)]


async def test_of_two_late_answers_the_one_that_counts_less_is_no_news_after_the_other() -> None:
    first, second = Book("a", ANN_THERE, at_once=False), Book("b", Contact(name="B"), at_once=False)
    desk = Desk(first, second)

    await desk.ask()
    first.let.set()
    await settle()
    second.let.set()
    await settle()

    assert desk.news == [(CALL, ANN_THERE)]
    assert desk.seen == [("a", "late"), ("b", "late")]


async def test_two_calls_with_one_number_share_a_question_and_both_get_the_news() -> None:
    crm = Book("crm", ANN_THERE, at_once=False)
    desk = Desk(crm)

    await asyncio.gather(desk.ask(ref=CALL), desk.ask(ref=OTHER))
    crm.let.set()
    await settle()

    assert crm.asked == [ANN]
    assert sorted(ref.call for ref, _ in desk.news) == ["CA1", "CA2"]


async def test_answers_are_believed_for_their_time_and_no_longer() -> None:
    crm = Book("crm", ANN_THERE)
    desk = Desk(crm)
    await desk.ask()

    desk.clock.seconds = 299.9
    await desk.ask()
    before = len(crm.asked)
    desk.clock.seconds = 300.0
    await desk.ask()

    assert (before, len(crm.asked)) == (1, 2)


async def test_not_known_is_believed_for_a_shorter_time() -> None:
    crm = Book("crm")
    desk = Desk(crm)
    await desk.ask()

    desk.clock.seconds = 59.9
    await desk.ask()
    before = len(crm.asked)
    desk.clock.seconds = 60.0
    await desk.ask()

    assert (before, len(crm.asked)) == (1, 2)


async def test_the_answers_that_were_not_asked_for_longest_go_first() -> None:
    crm = Book("crm", ANN_THERE)
    desk = Desk(crm, limits=Limits(remembered=2))
    third = PhoneNumber("+15005550102")

    for number in (ANN, BOB, ANN, third, ANN, BOB):
        await desk.ask(number)

    assert crm.asked == [ANN, BOB, third, BOB]


async def test_a_forgotten_number_is_asked_for_again() -> None:
    crm = Book("crm", ANN_THERE)
    desk = Desk(crm)
    await desk.ask()

    desk.lookup.forget(ANN)
    await desk.ask()

    assert len(crm.asked) == 2


async def test_errors_are_not_remembered() -> None:
    crm = Book("crm", OutboundFailed("HTTP 500"))
    desk = Desk(crm)

    assert await desk.ask() is None
    crm.answer = ANN_THERE

    assert await desk.ask() == ANN_THERE
    assert desk.seen == [("crm", "error"), ("crm", "hit")]


@pytest.mark.parametrize(
    "mistake", [OutboundFailed("HTTP 500"), ValueError("+15005550100"), KeyError("name"), TimeoutError()]
)
async def test_no_mistake_of_a_directory_reaches_the_call(mistake: Exception) -> None:
    desk = Desk(Book("bad", mistake), Book("crm", ANN_THERE))

    assert await desk.ask() == ANN_THERE
    assert ("bad", "error") in desk.seen


async def test_what_fails_five_times_rests_ten_seconds_and_is_then_tried_once() -> None:
    crm = Book("crm", OutboundFailed("HTTP 500"))
    desk = Desk(crm)

    for _ in range(7):
        await desk.ask()
    after_seven = len(crm.asked)
    desk.clock.seconds = 9.9
    await desk.ask()
    resting = len(crm.asked)
    desk.clock.seconds = 10.0
    await asyncio.gather(desk.ask(ANN), desk.ask(BOB))
    tried = len(crm.asked)
    desk.clock.seconds = 19.9
    await desk.ask()
    again_resting = len(crm.asked)
    crm.answer = ANN_THERE
    desk.clock.seconds = 20.0
    healed = await desk.ask()
    await desk.ask(BOB)

    assert (after_seven, resting, tried, again_resting, len(crm.asked)) == (5, 5, 6, 6, 8)
    assert healed == ANN_THERE
    assert [result for _, result in desk.seen[5:8]] == ["refused", "refused", "refused"]


async def test_failures_count_only_in_a_row() -> None:
    crm = Book("crm", OutboundFailed("HTTP 500"))
    desk = Desk(crm)

    for _ in range(4):
        await desk.ask()
    crm.answer = ANN_THERE
    await desk.ask(BOB)
    crm.answer = OutboundFailed("HTTP 500")
    for _ in range(4):
        await desk.ask()

    assert len(crm.asked) == 9
    assert ("crm", "refused") not in desk.seen


async def test_one_directory_that_rests_leaves_the_others_alone() -> None:
    bad, good = Book("bad", OutboundFailed("HTTP 500")), Book("good", ANN_THERE)
    desk = Desk(bad, good, limits=Limits(known_for=0))

    answers = [await desk.ask() for _ in range(8)]

    assert (len(bad.asked), len(good.asked)) == (5, 8)
    assert answers == [ANN_THERE] * 8


async def test_a_directory_that_hangs_gets_only_so_many_questions() -> None:
    crm = Book("crm", at_once=False)
    desk = Desk(crm, limits=Limits(budget=0.01, outstanding=3))

    numbers = [PhoneNumber(f"+150055501{n:02}") for n in range(10)]
    await asyncio.gather(*(desk.ask(number) for number in numbers))

    assert len(crm.asked) == 3
    assert desk.seen == [("crm", "refused")] * 7


async def test_a_directory_that_hangs_too_long_is_given_up_and_then_left_alone() -> None:
    crm = Book("crm", at_once=False)
    desk = Desk(crm, limits=Limits(budget=1.0, patience=0.01))

    for _ in range(6):
        assert await desk.ask() is None

    assert desk.seen == [("crm", "error")] * 5 + [("crm", "refused")]


async def test_the_budget_holds_for_a_call_while_the_directory_hangs() -> None:
    loop = asyncio.get_running_loop()
    desk = Desk(Book("crm", at_once=False), limits=Limits())
    began = loop.time()

    await desk.ask()

    assert 0.29 <= loop.time() - began < 0.6


async def test_a_call_that_goes_away_takes_no_other_calls_answer_with_it() -> None:
    crm = Book("crm", ANN_THERE, at_once=False)
    desk = Desk(crm, limits=Limits(budget=60))
    leaving, staying = asyncio.create_task(desk.ask()), asyncio.create_task(desk.ask(ref=OTHER))
    await settle()

    leaving.cancel()
    await settle()
    crm.let.set()

    assert await staying == ANN_THERE


async def test_closing_ends_open_questions_and_closes_the_directories() -> None:
    crm = Book("crm", ANN_THERE, at_once=False)
    desk = Desk(crm, limits=Limits(budget=60))
    asking = asyncio.create_task(desk.ask())
    await settle()

    await desk.lookup.close()

    assert crm.closed
    assert await asking is None
    assert desk.news == []


async def test_no_number_stands_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said = OutboundFailed("cannot get https://crm.example/find?n=%2B15005550100")
    desk = Desk(Book("crm", said), Book("raw", ValueError("no +15005550100 here")))

    for _ in range(6):
        await desk.ask()

    assert "directory_left_alone source=crm" in caplog.text
    assert "5005550100" not in caplog.text
