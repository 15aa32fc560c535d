"""A stream that we end ourselves, for the call to go on elsewhere, and the same told by the platform: no trouble, no apology."""

from datetime import UTC, datetime, timedelta

from holdsvc.calls.decide import decide
from holdsvc.calls.events import CallArrived, CallEvent, StreamClosed, StreamOpened
from holdsvc.calls.instructions import Instruction, OpenStream, Say
from holdsvc.calls.model import EventId
from holdsvc.calls.plan import Media
from holdsvc.calls.session import HoldSession
from tests.plans import PROMPTS, a_plan, a_session

BEGAN = datetime(2026, 3, 2, 9, tzinfo=UTC)
PLAN = a_plan(media=Media.STREAM, prompts={"en": {**PROMPTS, "sorry_trouble": 2.0}})


def at(seconds: float) -> dict[str, object]:
    return {"at": BEGAN + timedelta(seconds=seconds), "id": EventId(f"at {seconds}")}


def after(*events: CallEvent) -> tuple[HoldSession, tuple[Instruction, ...]]:
    session, answer = a_session(), ()
    for event in events:
        decision = decide(session, event, PLAN)
        session, answer = decision.session, decision.instructions
    return session, answer


ON_STREAM = (CallArrived(**at(0)), StreamOpened(**at(1)))


def test_a_stream_that_we_moved_is_opened_elsewhere_without_a_word():
    session, answer = after(*ON_STREAM, StreamClosed(**at(5), moved=True), StreamClosed(**at(6)))

    assert answer == (OpenStream(session.queue),)
    assert (session.broken, session.moved, session.streaming, session.sorry) == (0, False, False, False)


def test_a_stream_that_broke_without_us_is_told_on_the_next_one():
    broke = (*ON_STREAM, StreamClosed(**at(6)))
    session, answer = after(*broke)
    _, (sorry, *_) = after(*broke, StreamOpened(**at(7)))

    assert answer == (OpenStream(session.queue),)
    assert session.broken == 1
    assert sorry == Say(("sorry_trouble",), "en")


def test_the_end_of_the_next_stream_counts_again():
    moved = StreamClosed(**at(5), moved=True)

    session, _ = after(*ON_STREAM, moved, StreamOpened(**at(7)), StreamClosed(**at(8)))

    assert session.broken == 1


def test_news_of_our_own_parting_is_answered_with_nothing():
    assert after(*ON_STREAM, StreamClosed(**at(5), moved=True))[1] == ()
