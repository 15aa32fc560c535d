from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdsvc.calls.airing import airs, faults, is_sound
from holdsvc.calls.model import Airing, ContentId, ContentItem, Kind

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def on_air(hours_after_monday, **airing):
    item = ContentItem(ContentId("x"), Kind.MUSIC, "jazz", "X", 60.0, airing=Airing(**airing))
    return airs(item, MONDAY + timedelta(hours=hours_after_monday))


def test_days_and_hours_are_kept():
    assert on_air(9, days=("mon",))
    assert not on_air(33, days=("mon",))
    assert on_air(9, hours=("09:00-17:00",))
    assert on_air(16.99, hours=("09:00-17:00",))
    assert not on_air(17, hours=("09:00-17:00",))
    assert on_air(17, hours=("9-12", "17-24"))


def test_a_night_belongs_to_the_day_on_which_it_began():
    assert on_air(23, days=("mon",), hours=("22:00-06:00",))
    assert on_air(24 + 5, days=("mon",), hours=("22:00-06:00",)), "Tuesday morning"
    assert not on_air(5, days=("mon",), hours=("22:00-06:00",)), "Monday morning was Sunday's night"
    assert not on_air(24 + 23, days=("mon",), hours=("22:00-06:00",))


@given(st.integers(0, 1439), st.integers(0, 1440), st.integers(0, 7 * 24 * 60 - 1))
def test_a_span_airs_as_long_as_it_is_each_day(begins, ends, minute):
    if begins == ends % 1440:
        return
    hours = f"{begins // 60:02}:{begins % 60:02}-{ends // 60:02}:{ends % 60:02}"
    inside = (minute - begins) % 1440 < (ends - begins) % 1440 or (ends == 1440 and minute % 1440 >= begins)

    assert on_air(minute / 60, hours=(hours,)) == inside


@pytest.mark.parametrize(
    ("airing", "sentence"),
    [
        (Airing(days=("monday",)), "'monday' is no day"),
        (Airing(hours=("8",)), "'8' is no span of hours"),
        (Airing(hours=("08:00-08:00",)), "never comes"),
        (Airing(hours=("24:00-08:00",)), "never comes"),
        (Airing(hours=("08:00-25:00",)), "no time of the day"),
        (Airing(hours=("08:60-09:00",)), "no time of the day"),
        (Airing(weight=0.0), "never plays"),
        (Airing(every_items=0), "leaves no room"),
        (Airing(every_minutes=0.0), "leaves no room"),
    ],
)
def test_a_schedule_with_a_fault_never_plays_and_says_why(airing, sentence):
    item = ContentItem(ContentId("x"), Kind.MUSIC, "jazz", "X", 60.0, airing=airing)

    assert sentence in " ".join(faults(airing))
    assert not any(airs(item, MONDAY + timedelta(hours=hour)) for hour in range(168))


def test_what_has_no_fault_is_sound():
    assert is_sound(Airing(2.0, ("sat", "sun"), ("22:00-02:00", "8-9"), 5, 30.0))
