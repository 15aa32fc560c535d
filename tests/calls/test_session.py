import gc

from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from holdsvc.calls.model import CallId, CallRef, EventId, QueueName
from holdsvc.calls.session import MOST_SEEN, OWN, HoldSession, noted, own_id
from tests.stores.calls import new, one_call, steps


def parts(value):
    yield value
    fields = [getattr(value, name) for name in value.__struct_fields__] if isinstance(value, Struct) else value
    for part in fields if isinstance(fields, list | tuple) else ():
        yield from parts(part)


def test_the_garbage_collector_has_nothing_to_walk_in_a_kept_session():
    *_, last = steps("call", *one_call())

    gc.collect()  # it lets go of tuples that hold nothing to walk

    walked = {type(part).__name__ for part in parts(last.session) if isinstance(part, Struct) and gc.is_tracked(part)}
    assert walked == set()
    assert len(list(parts(last.session))) > len(list(parts(new("call"))))


A_CALL = CallRef("twilio", CallId("CA1"))


def remembering(*ids: str) -> HoldSession:
    seen: tuple[EventId, ...] = ()
    for one in ids:
        seen = noted(seen, EventId(one))
    return HoldSession(A_CALL, QueueName("support"), seen=seen)


def test_what_a_stream_counts_is_remembered_by_its_latest_number_however_long_the_call():
    session = remembering("key", *(own_id("MZ1", number) for number in range(1, 1001)), own_id("MZ2", 1))

    assert session.seen == ("key", own_id("MZ1", 1000), own_id("MZ2", 1))
    assert all(session.has(own_id("MZ1", number)) for number in (1, 999, 1000))
    assert session.has(EventId("key"))
    assert not session.has(own_id("MZ1", 1001))
    assert not session.has(own_id("MZ2", 2)), "another stream of the call counts by itself"
    assert not session.has(EventId("MZ1:7"))
    assert not remembering("key#2").has(EventId("key#1")), "a key's name is no number of ours"


@given(
    st.lists(
        st.text("ab#12 ²:", max_size=6)
        | st.builds(lambda maker, number: f"{maker}{OWN}{number}", st.sampled_from("ab"), st.text("012²", max_size=3)),
        max_size=40,
    )
)
def test_an_id_that_was_noted_is_known_whatever_it_looks_like(ids):
    assert all(remembering(*ids).has(EventId(one)) for one in ids)


def test_ids_that_nobody_counts_are_remembered_one_by_one_up_to_a_bound():
    session = remembering(*(f"key {number}" for number in range(MOST_SEEN + 5)))

    assert len(session.seen) == MOST_SEEN
    assert session.has(EventId(f"key {MOST_SEEN}"))
    assert not session.has(EventId("key 0"))
