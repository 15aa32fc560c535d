"""The life of a call-back: handed out to one at a time, owed again where nobody was reached, over once."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdsvc.calls.callback import (
    FORGOTTEN,
    LEASE,
    Callback,
    State,
    Wish,
    erased,
    id_of,
    in_order,
    moved,
    now,
    owed,
)
from holdsvc.calls.model import CallerId, CallId, CallRef, Contact, QueueName
from holdsvc.errors import CallbackRefused
from tests.plans import CALL, NOON, QUEUE, after

OWED = Callback(
    id_of(CALL, QUEUE),
    CALL,
    QUEUE,
    CallerId("pseudonym"),
    NOON,
    after(90),
    "+15…23",
    "en",
    Contact(name="Ada Lovelace"),
)
A_LEASE = LEASE.total_seconds()


def calling(by="", at=100.0):
    return moved(OWED, Wish(State.CALLING, after(at), by))


def test_it_is_handed_out_once_and_the_second_hears_until_when():
    one = calling()

    assert (one.state, one.until, [attempt.at for attempt in one.attempts]) == (
        State.CALLING,
        after(100) + LEASE,
        [after(100)],
    )
    with pytest.raises(CallbackRefused, match="somebody is calling already; it is owed again at 2026-03-02T12:06:40Z"):
        moved(one, Wish(State.CALLING, after(101)))


def test_whoever_gave_a_name_may_say_it_twice():
    one = calling("desk-3")

    assert moved(one, Wish(State.CALLING, after(101), "desk-3")) == one
    with pytest.raises(CallbackRefused):
        moved(one, Wish(State.CALLING, after(101), "desk-4"))


def test_where_nothing_was_heard_it_is_owed_again_and_the_attempt_stays():
    one = calling()

    late = now(one, after(100 + A_LEASE))

    assert now(one, after(99 + A_LEASE)) == one
    assert (late.state, late.until, len(late.attempts)) == (State.OWED, None, 1)
    assert len(moved(one, Wish(State.CALLING, after(101 + A_LEASE))).attempts) == 2


@pytest.mark.parametrize("end", [State.REACHED, State.GIVEN_UP, State.WITHDRAWN])
def test_it_ends_once_and_saying_so_again_changes_nothing(end):
    over = moved(calling(), Wish(end, after(130)))

    assert (over.state, over.ended, over.open) == (end, after(130), False)
    assert moved(over, Wish(end, after(200))) == over
    for other in set(State) - {end}:
        with pytest.raises(CallbackRefused, match=f"it is over: {end} at 2026-03-02T12:02:10Z"):
            moved(over, Wish(other, after(200)))


def test_who_was_reached_after_the_lease_was_reached_all_the_same():
    late = moved(calling(), Wish(State.REACHED, after(200 + A_LEASE)))

    assert late.state is State.REACHED


def test_it_can_be_handed_back():
    back = moved(calling(), Wish(State.OWED, after(120)))

    assert (back.state, len(back.attempts)) == (State.OWED, 1)
    assert moved(back, Wish(State.OWED, after(121))) == back


def test_a_forgotten_caller_is_owed_nothing_and_nothing_of_the_person_stays():
    gone = erased(calling(), after(300))

    assert (gone.state, gone.reason, gone.caller, gone.masked, gone.contact) == (
        State.WITHDRAWN,
        FORGOTTEN,
        None,
        "",
        None,
    )
    reached = erased(moved(calling(), Wish(State.REACHED, after(130))), after(300))
    assert (reached.state, reached.ended, reached.caller) == (State.REACHED, after(130), None)


def test_they_come_in_the_order_in_which_the_waits_began_not_in_that_of_the_asking():
    early = Callback("b", CALL, QUEUE, None, NOON, after(500))
    late = Callback("a", CALL, QUEUE, None, after(60), after(100))

    assert in_order([late, early]) == [early, late]


def test_what_is_over_is_owed_no_more():
    over = moved(OWED, Wish(State.REACHED, after(130)))

    assert [one.asked for one in owed([OWED, over, calling()])] == [after(90), after(90)]


def test_each_wait_has_a_name_of_its_own_that_fits_into_an_address():
    names = {id_of(CallRef("p", CallId(call)), QueueName(queue)) for call in ("a", "b/c", "é") for queue in "xy"}

    assert len(names) == 6
    assert all(name.isalnum() and name.isascii() for name in names)


wishes = st.builds(
    Wish,
    st.sampled_from(State),
    st.integers(0, 3000).map(lambda second: after(float(second))),
    st.sampled_from(["", "a", "b"]),
)


@given(st.lists(wishes, max_size=12))
def test_whatever_is_asked_of_it_it_ends_at_most_once_and_never_changes_behind_its_end(asked):
    one, end = OWED, None
    for wish in sorted(asked, key=lambda wish: wish.at):
        with contextlib.suppress(CallbackRefused):
            one = moved(one, wish)
        if end is not None:
            assert one == end
        elif not one.open:
            end = one
        assert (one.state is State.CALLING) == (one.until is not None)
        assert one.open == (one.ended is None)
