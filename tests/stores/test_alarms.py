from __future__ import annotations

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from holdsvc.calls.model import CallRef
from holdsvc.stores.alarms import Alarms
from tests.stores.calls import after, ref

moments = st.none() | st.integers(0, 20).map(float).map(after)
changes = st.tuples(st.sampled_from(["CA1", "CA2", "CA3", "CA4"]), moments)


@given(st.lists(st.one_of(changes, st.integers(0, 20)), max_size=60))
def test_due_are_those_whose_moment_has_come_earliest_first(steps: list[tuple[str, datetime | None] | int]) -> None:
    truth: dict[CallRef, datetime] = {}
    alarms = Alarms(truth.get)

    for step in steps:
        if isinstance(step, int):
            now = after(step)
            due = alarms.due(now, 99)
            assert set(due) == {call for call, when in truth.items() if when <= now}
            assert [truth[call] for call in due] == sorted(truth[call] for call in due)
            assert alarms.due(now, 2) == due[:2]
        else:
            name, when = step
            if when is None:
                truth.pop(ref(name), None)
            else:
                truth[ref(name)] = when
            alarms.set(ref(name), when)


def test_signs_of_life_leave_no_litter() -> None:
    truth: dict[CallRef, datetime] = {}
    alarms = Alarms(truth.get)

    for second in range(10_000):
        truth[ref("CA1")] = after(second + 180)
        alarms.set(ref("CA1"), truth[ref("CA1")])

    assert len(alarms._heap) == 1
