"""The wheel against a list that is looked through as a whole."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from holdsvc.engine.wheel import NEAR, NEVER, SLOT, SLOTS, Wheel


class One:
    def __init__(self, name: int = 0) -> None:
        self.slot, self.name = NEVER, name
        self.wanted: float | None = None
        self.put = 0.0

    def serve(self, now: float) -> float | None:
        return None


def test_nobody_is_served_before_the_moment_and_nobody_much_later():
    wheel, one = Wheel(), One()
    list(wheel.due(100.0))
    wheel.put(one, 100.0302)

    assert list(wheel.due(100.03)) == []
    assert list(wheel.due(100.0302 + SLOT)) == [one]
    assert list(wheel.due(101.0)) == []


def test_who_is_put_elsewhere_is_served_there_and_only_there():
    wheel, one, other = Wheel(), One(), One()
    list(wheel.due(100.0))
    wheel.put(one, 100.1)
    wheel.put(other, 100.1)
    wheel.put(one, 100.2)
    wheel.sooner(other, 100.05)
    wheel.sooner(other, 100.3)

    assert list(wheel.due(100.06)) == [other]
    assert list(wheel.due(100.15)) == []
    assert list(wheel.due(100.21)) == [one]


def test_after_a_long_stall_everybody_is_served_at_once_and_once():
    wheel, many = Wheel(), [One() for _ in range(50)]
    list(wheel.due(5.0))
    for number, one in enumerate(many):
        wheel.put(one, 5.0 + number * 0.03)

    served = []
    for one in wheel.due(5.0 + 10 * SLOTS * SLOT):
        served.append(one)
        wheel.put(one, 5.0 + 10 * SLOTS * SLOT + 0.1)

    assert set(served) == set(many)
    assert len(served) == 50
    assert len(list(wheel.due(5.2 + 10 * SLOTS * SLOT))) == 50


def test_who_wants_to_come_in_a_minute_is_looked_at_in_between_and_never_lost():
    wheel, one, now, seen = Wheel(), One(), 3.0, []
    list(wheel.due(now))
    wheel.put(one, 63.0)

    while now < 62.9:
        now += 0.5
        for found in wheel.due(now):
            seen.append(now)
            wheel.put(found, 63.0)

    assert 12 < len(seen) < 20
    assert list(wheel.due(63.0 + SLOT)) == [one]


steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 4), st.floats(-0.1, 1.9)),
        st.tuples(st.just("sooner"), st.integers(0, 4), st.floats(-0.1, 1.9)),
        st.tuples(st.just("wait"), st.just(0), st.one_of(st.floats(0, 0.05), st.floats(0, 5))),
    ),
    max_size=60,
)


@settings(deadline=None)
@given(steps, st.floats(0, 1e6))
def test_each_is_served_within_a_slot_of_its_moment(steps, now):
    wheel, many = Wheel(), [One(name) for name in range(5)]
    list(wheel.due(now))

    for what, which, amount in [*steps, ("wait", 0, 5.0)]:
        one = many[which]
        if what == "put":
            one.wanted, one.put = now + amount, now
            wheel.put(one, one.wanted)
        elif what == "sooner":
            if one.wanted is None or now + amount < one.wanted:
                one.wanted, one.put = now + amount, now
            wheel.sooner(one, now + amount)
        else:
            now += amount
            for found in wheel.due(now):
                assert found.wanted is not None, "it was served twice"
                assert found.wanted <= now + 2 * NEAR
                found.wanted = None
            late = [other for other in many if other.wanted is not None]
            assert all(max(other.wanted, other.put) > now - SLOT - 2 * NEAR for other in late)
