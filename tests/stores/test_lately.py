from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from holdsvc.stores.lately import Lately

MOST = 8
steps = st.lists(st.tuples(st.sampled_from(("put", "find", "pop")), st.integers(0, 12)), max_size=80)


@given(steps)
def test_what_was_asked_for_last_is_found_and_no_more_is_kept_than_allowed(history: list[tuple[str, int]]) -> None:
    lately: Lately[int, str] = Lately(MOST)
    put: dict[int, str] = {}
    order: list[int] = []  # of the latest use, those that were taken away since included
    gone: set[int] = set()

    for number, (step, key) in enumerate(history):
        if step == "put":
            lately[key] = put[key] = f"{key} at {number}"
        elif step == "find" and key in lately:
            assert lately[key] == put[key]
        elif step == "pop":
            lately.pop(key)
            gone.add(key)
        if step != "pop" and key in lately:
            order = [one for one in order if one != key] + [key]
            gone.discard(key)

        assert len(lately) <= MOST
        assert all(one in lately for one in order[-MOST // 2 :] if one not in gone)
        assert sorted(lately.values()) == sorted(put[one] for one in range(13) if one in lately)


def test_what_nobody_asked_for_any_more_makes_room() -> None:
    lately: Lately[int, int] = Lately(MOST)

    for key in range(100):
        lately[key] = key
        assert lately[max(0, key - 1)] == max(0, key - 1)

    assert 0 not in lately
    assert 99 in lately
