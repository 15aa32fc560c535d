from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from holdsvc.calls.facts import NoticeTold
from holdsvc.calls.model import CallId, CallRef, QueueName
from holdsvc.calls.session import HoldSession
from holdsvc.engine.notices import MOST, Notices, TooMany

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SUPPORT = QueueName("support")


@pytest.fixture
def board(tmp_path: Path) -> Notices:
    return fresh(tmp_path)


def fresh(folder: Path) -> Notices:
    numbers = itertools.count(1)
    return Notices(folder / "notices.json", lambda: f"n{next(numbers)}")


def test_a_queues_own_notice_goes_before_one_for_all(board: Notices) -> None:
    own = board.post("billing", "notice_storm", NOON, NOON + HOUR)
    everywhere = board.post("", "notice_outage", NOON + HOUR / 2, NOON + HOUR)

    assert board.of("billing", NOON) == own
    assert board.of("support", NOON) == everywhere


def test_it_ends_by_itself_and_when_it_is_withdrawn(board: Notices) -> None:
    posted = board.post("", "notice_storm", NOON, NOON + HOUR)

    assert board.of("support", NOON + HOUR) is None
    assert board.withdraw(posted.id)
    assert not board.withdraw(posted.id)
    assert board.of("support", NOON) is None


def test_a_new_one_takes_the_place_of_the_queues_old_one_and_changes_the_generation(board: Notices) -> None:
    board.post("billing", "notice_storm", NOON, NOON + HOUR)
    before = board.generation

    new = board.post("billing", "notice_outage", NOON, NOON + HOUR)

    assert board.all(NOON) == (new,)
    assert board.generation > before


def test_it_outlives_a_restart(board: Notices, tmp_path: Path) -> None:
    posted = board.post("", "notice_storm", NOON, NOON + HOUR)

    assert fresh(tmp_path).of("support", NOON) == posted


def test_callers_are_counted_when_they_are_told_and_an_older_file_counts_on(tmp_path: Path) -> None:
    kept = {"id": "n7", "queue": "", "prompt": "notice_storm", "since": NOON, "until": NOON + HOUR, "heard": 3}
    (tmp_path / "notices.json").write_bytes(msgspec.json.encode([kept]))
    board = fresh(tmp_path)

    board.facts(
        HoldSession(CallRef("twilio", CallId("CA1")), SUPPORT), [NoticeTold(at=NOON, queue=SUPPORT, notice="n7")]
    )
    board.save()

    assert board.told("n7") == 4
    assert fresh(tmp_path).told("n7") == 4


def test_a_file_that_cannot_be_read_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "notices.json").write_text("{", "utf-8")

    assert fresh(tmp_path).all(NOON) == ()


def test_there_is_a_bound(board: Notices) -> None:
    for number in range(MOST):
        board.post(f"queue-{number}", "notice_storm", NOON, NOON + HOUR)

    with pytest.raises(TooMany):
        board.post("one more", "notice_storm", NOON, NOON + HOUR)
    board.post("queue-0", "notice_outage", NOON, NOON + HOUR)  # in place of its own
