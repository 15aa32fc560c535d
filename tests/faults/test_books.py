"""That one book alone is wrong by one is found, whichever it is; that the wall's day has turned is no difference."""

from collections import Counter
from datetime import UTC, datetime, timedelta, timezone

import pytest

from holdsvc.simulator.ledger import Row
from tests.faults.books import (
    API,
    GAVE_UP,
    LEDGER,
    METRICS,
    OFFERED,
    SUMS,
    TODAY,
    WAITING,
    WALL,
    Board,
    Happened,
    HourOnWall,
    QueueOnWall,
    by_metrics,
    by_rows,
    by_wall,
    came_by_metrics,
    came_by_rows,
    came_by_sums,
    came_by_wall,
    differences,
    of_today,
    today,
    untrue,
    wrong_day,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
METRICS_TEXT = """# TYPE holdsvc_calls_total counter
holdsvc_calls_total{platform="twilio",queue="support",outcome="answered"} 1.0
holdsvc_calls_total{platform="audiosocket",queue="support",outcome="answered"} 1.0
holdsvc_calls_total{platform="twilio",queue="support",outcome="abandoned"} 2.0
holdsvc_waits_amended_total{queue="support",from="abandoned",to="answered"} 1.0
holdsvc_waits_amended_total{queue="support",from="abandoned",to="waiting"} 1.0
holdsvc_calls_waiting{queue="support"} 1.0
holdsvc_calls_waiting{queue="billing"} 0.0
"""
ROWS = [
    Row("a", "support", NOON, 60.0, NOON + timedelta(seconds=60), "answered"),
    Row("b", "support", NOON, 70.0, NOON + timedelta(seconds=70), "answered"),
    Row("c", "support", NOON, 80.0, NOON + timedelta(seconds=80), "answered", amended=True),
    Row("d", "support", NOON),
]


def board(at: datetime, queue: QueueOnWall) -> Board:
    midnight = at.replace(hour=0, minute=0, second=0)
    return Board(at, (queue,), tuple(HourOnWall(midnight + timedelta(hours=hour)) for hour in range(at.hour + 1)))


def test_the_same_calls_give_the_same_counts_in_every_book() -> None:
    wall = board(NOON, QueueOnWall("support", 1, 3, 0, 0, 4))

    books = {METRICS: by_metrics(METRICS_TEXT), API: by_rows(ROWS), WALL: by_wall(wall), TODAY: today(ROWS, wall)}

    assert books[API] == {("support", "answered"): 3, ("support", WAITING): 1, ("support", OFFERED): 4}
    assert list(differences(books)) == []


@pytest.mark.parametrize("wrong", [METRICS, API, LEDGER, WALL])
@pytest.mark.parametrize("word", ["answered", "short_abandoned", WAITING, OFFERED])
def test_a_book_that_is_wrong_by_one_is_found(wrong: str, word: str) -> None:
    books = {name: by_rows(ROWS) for name in (METRICS, API, LEDGER, WALL)}

    books[wrong]["support", word] += 1

    [sentence] = differences(books)
    assert sentence.startswith(f"support {word}: ")
    assert f"{books[wrong]['support', word]} by {wrong}" in sentence


@pytest.mark.parametrize("counted", ["answered", "abandoned"])
def test_what_happened_once_more_or_once_less_than_it_was_told_is_found(counted: str) -> None:
    certain = [Happened("support", frozenset({"answered"})), Happened("support", GAVE_UP)]
    told = Counter({("support", "answered"): 1, ("support", "abandoned"): 1, ("support", OFFERED): 2})

    assert list(untrue(certain, METRICS, told)) == []
    more = told + Counter({("support", counted): 1, ("support", OFFERED): 1})
    assert "support offered: 3 by /metrics, 2 by what happened" in list(untrue(certain, METRICS, more))
    other = "abandoned" if counted == "answered" else "answered"
    swapped = told + Counter({("support", counted): 1}) - Counter({("support", other): 1})
    assert any("answered:" in sentence for sentence in untrue(certain, METRICS, swapped))
    assert list(untrue([*certain, Happened("billing", GAVE_UP)], METRICS, told)) != []


def test_where_the_truth_allows_two_outcomes_either_will_do_and_no_third() -> None:
    missed = [Happened("support", frozenset({"answered", "abandoned"}))]

    for word, right in (("answered", True), ("abandoned", True), ("failed", False)):
        told = Counter({("support", word): 1, ("support", OFFERED): 1})
        assert (list(untrue(missed, METRICS, told)) == []) is right


def test_midnight_between_two_calls_takes_the_first_off_the_wall_and_nothing_else() -> None:
    midnight = NOON.replace(hour=0)
    rows = [
        Row("a", "support", midnight - timedelta(minutes=5), 60.0, midnight - timedelta(minutes=4), "answered"),
        Row("b", "support", midnight - timedelta(minutes=5), 400.0, midnight + timedelta(seconds=100), "abandoned"),
    ]

    wall = board(midnight + timedelta(minutes=2), QueueOnWall("support", 0, 0, 1, 0, 1))

    assert list(differences({WALL: by_wall(wall), TODAY: today(rows, wall)})) == []
    stale = board(midnight + timedelta(minutes=2), QueueOnWall("support", 0, 1, 1, 0, 2))
    assert list(differences({WALL: by_wall(stale), TODAY: today(rows, stale)})) != []


TOLD = """holdsvc_waits_told_total{queue="support",came="within"} 2.0
holdsvc_waits_told_total{queue="support",came="later"} 1.0
"""


def test_the_same_tellings_give_the_same_counts_in_every_book_and_one_more_in_any_of_them_is_found() -> None:
    ends = [(NOON, "within"), (NOON, "within"), (NOON.replace(hour=0) - timedelta(minutes=1), "later"), (NOON, None)]
    rows = [Row("a", "support", ended, 60.0, ended, "answered", came=came) for ended, came in ends]
    wall = board(NOON, QueueOnWall("support", 0, 2, 0, 0, 2, {"earlier": 0, "within": 2, "later": 0}))
    sums = {("support", "within"): 2, ("support", "later"): 1}

    books = {METRICS: came_by_metrics(TOLD), API: came_by_rows(rows), SUMS: came_by_sums(sums)}
    day = {WALL: came_by_wall(wall), TODAY: came_by_rows(of_today(rows, wall))}

    assert list(differences(books)) == list(differences(day)) == []
    for counts in (books, day):
        for name in counts:
            wrong = {one: Counter(cells) for one, cells in counts.items()}
            wrong[name]["support", "within"] += 1
            assert [sentence.partition(":")[0] for sentence in differences(wrong)] == ["support within"]


def test_a_wall_whose_day_begins_at_no_midnight_is_found() -> None:
    queue = QueueOnWall("support", 0, 0, 0, 0, 0)
    right = board(NOON.astimezone(timezone(timedelta(hours=9))), queue)
    late = Board(right.at, right.queues, right.hours[1:])
    yesterday = Board(right.at + timedelta(days=1), right.queues, right.hours)

    assert [len(list(wrong_day(one))) for one in (right, late, yesterday)] == [0, 1, 1]
