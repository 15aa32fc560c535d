"""What the outside is told: the same words for the same facts, to whom it concerns, and nothing of the caller."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from holdsvc.calls.callback import id_of
from holdsvc.calls.facts import AnyFact, CallbackAsked, WaitAmended, WaitBegan, WaitEnded
from holdsvc.calls.model import CallerId, CallId, CallRef, Contact, Outcome, QueueName
from holdsvc.calls.session import HoldSession
from holdsvc.calls.telling import CALLBACK_ASKED, WAIT_AMENDED, WAIT_ENDED, Subscriber, effects
from tests.plans import NOON, after

QUEUE = QueueName("support")
DESK, WALL = Subscriber("desk"), Subscriber("wall")
SESSION = HoldSession(
    CallRef("twilio", CallId("CA1")),
    QUEUE,
    version=7,
    caller=CallerId("pseudonym"),
    masked="+15…23",
    contact=Contact(name="Ada Lovelace", account="A-7"),
)
ENDED = WaitEnded(at=after(61), queue=QUEUE, began=NOON, ended=after(60), outcome=Outcome.ANSWERED)
AMENDED = WaitAmended(
    at=after(90), queue=QUEUE, began=NOON, ended=after(50), was=Outcome.ANSWERED, became=Outcome.ABANDONED
)
ASKED = CallbackAsked(at=after(40), queue=QUEUE, began=NOON)


def said(fact: AnyFact, session: HoldSession = SESSION) -> dict:
    (one,) = effects([DESK], session, [fact])
    return msgspec.json.decode(one.body)


def test_a_waits_end_is_told_in_words_that_need_no_other_system() -> None:
    assert said(ENDED) == {
        "type": "wait.ended",
        "timestamp": "2026-03-02T12:01:01Z",
        "data": {
            "platform": "twilio",
            "call": "CA1",
            "wait": 1,
            "queue": "support",
            "began": "2026-03-02T12:00:00Z",
            "ended": "2026-03-02T12:01:00Z",
            "seconds": 60.0,
            "outcome": "answered",
        },
    }


def test_what_is_told_otherwise_later_says_what_it_was_and_what_it_is() -> None:
    assert said(AMENDED)["data"] | {"was": "answered", "outcome": "abandoned"} == said(AMENDED)["data"]
    waiting = said(replace(AMENDED, became=None, ended=None))["data"]
    assert waiting["outcome"] is None
    assert "ended" not in waiting


def test_a_call_back_is_told_by_its_name_in_the_api_and_only_the_first_time() -> None:
    assert said(ASKED)["data"]["callback"] == id_of(SESSION.ref, QUEUE)
    assert effects([DESK], SESSION, [replace(ASKED, again=True)]) == ()


def test_other_facts_are_nobodys_business() -> None:
    assert effects([DESK, WALL], SESSION, [WaitBegan(at=NOON, queue=QUEUE)]) == ()
    assert effects([], SESSION, [ENDED]) == ()


@pytest.mark.parametrize("fact", [ENDED, AMENDED, ASKED])
def test_nothing_of_the_caller_is_in_it(fact: AnyFact) -> None:
    (one,) = effects([DESK], SESSION, [fact])

    for word in (b"pseudonym", b"15", b"Ada", b"A-7", "…".encode()):
        assert word not in one.body.replace(b"2026-03-02T12", b""), word
    (bare,) = effects([DESK], replace(SESSION, caller=None, masked="", contact=None), [fact])
    assert bare == one


def test_the_same_facts_make_the_same_and_another_decision_of_one_end_has_the_same_key() -> None:
    again = replace(SESSION, version=9)

    assert effects([DESK], SESSION, [ENDED, AMENDED]) == effects([DESK], SESSION, [ENDED, AMENDED])
    assert [one.key for one in effects([DESK], SESSION, [ENDED, ASKED])] == [
        one.key for one in effects([DESK], again, [ENDED, ASKED])
    ]


def test_each_that_is_not_the_same_has_a_key_of_its_own() -> None:
    sessions = [
        SESSION,
        replace(SESSION, ref=SESSION.ref.nth(2)),
        replace(SESSION, ref=CallRef("other", CallId("CA1"))),
    ]
    made = [one for each in sessions for one in effects([DESK, WALL], each, [ENDED, AMENDED, ASKED, AMENDED])]

    assert len({one.key for one in made}) == len(made) == 24


def test_those_of_one_wait_have_turns_and_a_call_back_waits_for_none() -> None:
    ended, first, second, asked = effects([DESK], SESSION, [ENDED, AMENDED, AMENDED, ASKED])
    (later,) = effects([DESK], replace(SESSION, version=8), [AMENDED])

    assert len({one.line for one in (ended, first, second, later)}) == 1
    assert ended.turn < first.turn < second.turn < later.turn
    assert asked.line != ended.line


def test_who_wants_less_is_told_less() -> None:
    ends = Subscriber("ends", tells=frozenset({WAIT_ENDED}))
    sales = Subscriber("sales", queues=frozenset({"sales"}))
    fresh = Subscriber("fresh", tells=frozenset({WAIT_AMENDED, CALLBACK_ASKED}), most_age=timedelta(minutes=5))

    told = effects([ends, sales, fresh], SESSION, [ENDED, AMENDED, ASKED])

    assert [(one.to, one.kind) for one in told] == [
        ("ends", WAIT_ENDED),
        ("fresh", WAIT_AMENDED),
        ("fresh", CALLBACK_ASKED),
    ]
    assert [one.until for one in told] == [None, after(90 + 300), after(40 + 300)]


@given(st.text(st.characters(), min_size=1, max_size=40))
def test_whatever_a_platform_calls_a_call_it_can_be_told(name: str) -> None:
    session = replace(SESSION, ref=CallRef("twilio", CallId(name)))

    (one,) = effects([DESK], session, [ENDED])

    assert msgspec.json.decode(one.body)["data"]["call"] == name.encode("utf-8", "replace").decode()
    assert one.key.isalnum()
    assert len(one.key) == 24
