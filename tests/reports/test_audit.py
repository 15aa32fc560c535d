from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from holdsvc.calls.events import WentSilent
from holdsvc.calls.model import EventId
from holdsvc.reports.audit import Verdict, audit
from holdsvc.stores.ledger import SqliteLedger
from holdsvc.stores.sqlite import SqliteStore
from tests.stores.calls import after, answered, gone, held, known, one_call, pressed, tell


async def a_day(path: Path) -> None:
    """Every sort of wait: answered, abandoned, amended in each direction, waiting, never held."""
    store = SqliteStore(path)
    await store.open()
    silent = WentSilent(at=after(100), id=EventId("silent"))
    for n in range(5):
        await tell(store, f"answered{n}", *one_call(f"caller{n}"))
    await tell(store, "abandoned", held(), gone(70))
    await tell(store, "short", held(), gone(2))
    await tell(store, "amended", held(), gone(70), answered(30))
    await tell(store, "twice amended", held(), silent, pressed("1", 200), answered(300))
    await tell(store, "back", held(), silent, pressed("1", 200))
    await tell(store, "waiting", held(), pressed("1", 20, heard=20))
    await tell(store, "never held", known("somebody"))
    await store.close()


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    path = tmp_path / "holdsvc.sqlite3"
    await a_day(path)
    return path


def verdict(path: Path) -> Verdict:
    with SqliteLedger(path) as ledger:
        return audit(ledger)


async def test_a_sound_log_holds_and_says_so_in_a_sentence(path: Path) -> None:
    told = verdict(path)

    assert told.differences == ()
    assert told.exit_code == 0
    assert told.sentences[0] == "11 offered = 1 abandoned + 7 answered + 1 short abandoned + 2 waiting."
    assert str(told).endswith("The law holds.")


async def test_an_empty_log_holds(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "holdsvc.sqlite3")
    await store.open()
    await store.close()

    assert verdict(store.path).holds


async def test_the_law_holds_beside_a_live_service_at_every_step(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "holdsvc.sqlite3")
    await store.open()

    for event in (*one_call(), gone(30)):
        await tell(store, "CA1", event)
        assert verdict(store.path).holds

    await store.close()


def damages() -> Iterator[tuple[str, str]]:
    yield "a row is lost", "DELETE FROM waits WHERE call = 'abandoned'"
    yield (
        "a row is lost, and the totals were made to agree",
        (
            "DELETE FROM waits WHERE call = 'abandoned';"
            " UPDATE totals SET value = value - 1 WHERE name = 'offered' OR c = 'abandoned'"
        ),
    )
    yield (
        "a row is doubled",
        (
            "INSERT INTO waits SELECT 99, 99, platform, 'copy', queue, caller, began, ended, seconds, outcome, amended,"
            " position_told, estimate_told, heard, choices, holds, waits_told, came FROM waits WHERE call = 'abandoned'"
        ),
    )
    yield "an outcome was changed by hand", "UPDATE waits SET outcome = 'answered' WHERE call = 'abandoned'"
    yield (
        "two outcomes were swapped",
        (
            "UPDATE waits SET outcome = CASE call WHEN 'abandoned' THEN NULL ELSE 'abandoned' END,"
            " ended = CASE call WHEN 'abandoned' THEN NULL ELSE began END WHERE call IN ('abandoned', 'waiting')"
        ),
    )
    yield "an amendment is lost", "DELETE FROM facts WHERE kind = 'WaitAmended'"
    yield "the first fact of a version is lost", "DELETE FROM facts WHERE version = 1 AND n = 0 AND session = 1"
    yield "the last fact of a call is lost", "DELETE FROM facts WHERE kind = 'HandedOver' AND session = 1"
    yield "a choice is lost", "DELETE FROM facts WHERE kind = 'ContentChosen' AND session = 2"
    yield (
        "a fact is lost, and the count of the call made to agree",
        (
            "DELETE FROM facts WHERE kind = 'ContentChosen' AND session = 2;"
            " UPDATE sessions SET facts = (SELECT count(*) FROM facts WHERE session = 2) WHERE id = 2"
        ),
    )
    yield "a session is lost", "DELETE FROM sessions WHERE call = 'abandoned'"
    yield "offered was counted wrong", "UPDATE totals SET value = value + 1 WHERE name = 'offered'"
    yield "who waits was counted wrong", "UPDATE totals SET value = value - 1 WHERE name = 'waiting'"
    yield "amendments were counted wrong", "UPDATE totals SET value = value + 1 WHERE name = 'amended'"
    yield "when agents came was counted wrong", "INSERT INTO totals VALUES ('came_now', 'support', 'within', '', 1)"
    yield "when an agent came was changed by hand", "UPDATE waits SET came = 'within' WHERE call = 'abandoned'"
    yield "a wait is longer than its ends are apart", "UPDATE waits SET seconds = seconds + 1 WHERE call = 'abandoned'"
    yield "a wait ended before it began", "UPDATE waits SET ended = began - 1 WHERE call = 'abandoned'"
    yield "the session forgot that its caller waits", "UPDATE sessions SET waiting = 0 WHERE call = 'waiting'"


@pytest.mark.parametrize(("what", "sql"), list(damages()), ids=[what for what, _ in damages()])
async def test_a_damaged_log_is_found_out(path: Path, what: str, sql: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executescript(sql)

    told = verdict(path)

    assert not told.holds, what
    assert told.exit_code == 1
    assert all(sentence.startswith("DIFFERENCE: ") and sentence.endswith(".") for sentence in told.differences)


async def test_a_missing_row_is_named_by_its_call(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executescript("DELETE FROM waits WHERE call = 'abandoned'")

    assert "DIFFERENCE: a wait was told and has no row: twilio/abandoned." in verdict(path).differences
