from __future__ import annotations

import asyncio
import io
import json
import random
import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from holdsvc.calls.model import ContentId, Kind
from holdsvc.ports import HeardSum, WaitQuery
from holdsvc.reports.export import Form, export
from holdsvc.reports.plays import COLUMNS, plays, section
from holdsvc.stores.ledger import SqliteLedger
from holdsvc.stores.sqlite import SqliteStore
from tests.stores.calls import ITEMS, after, answered, held, known, one_call, pressed, tell

SHELF = {item.id: item for item in ITEMS}
TUNE = ContentId("tune")


def test_the_report_of_a_period_equals_the_exported_log_of_that_period(tmp_path: Path) -> None:
    file = tmp_path / "holdsvc.db"

    async def four_calls() -> None:
        store = SqliteStore(file)
        await store.open()
        for name, caller in (("CA1", "anna"), ("CA2", "anna"), ("CA3", "boris"), ("CA4", "carl")):
            await tell(store, name, *one_call(caller))
        await store.close()

    asyncio.run(four_calls())
    with SqliteLedger(file) as ledger:
        out = io.BytesIO()
        export(ledger.waits(WaitQuery(until=after(1))), Form.JSONL, out)
        found = plays(ledger.heard(WaitQuery(until=after(1))), SHELF)
        none = plays(ledger.heard(WaitQuery(since=after(1))), SHELF)

    logged: Counter[str] = Counter()
    for line in out.getvalue().splitlines():
        for one in json.loads(line)["heard"]:
            logged[one["content"]] += one["seconds"]
    assert {one.content: one.seconds for one in found} == dict(logged)
    assert {one.content: (one.plays, one.callers) for one in found}[TUNE] == (4, 3)
    assert none == ()


def test_after_a_week_of_calls_the_report_equals_the_log_and_the_facts(tmp_path: Path) -> None:
    """200 callers with 1 to 10 calls each, who listen for as long as they like; counted by three books."""
    file, rng = tmp_path / "holdsvc.db", random.Random(7)

    async def a_week() -> None:
        store = SqliteStore(file)
        await store.open()
        for caller in range(200):
            for number in range(rng.randint(1, 10)):
                seconds = rng.choice((1.0, 7.5, 20.0, 60.0, 170.0))
                news = (held(), known(f"c{caller}"), pressed("2", seconds, heard=seconds), answered(seconds + 40))
                await tell(store, f"CA{caller}-{number}", *news)
        await store.close()

    asyncio.run(a_week())
    with SqliteLedger(file) as ledger:
        found = {one.content: one for one in plays(ledger.heard(WaitQuery(most=10**6)), SHELF)}
        out = io.BytesIO()
        export(ledger.waits(WaitQuery(most=10**6)), Form.JSONL, out)
    logged: Counter[str] = Counter()
    times: Counter[str] = Counter()
    for line in out.getvalue().splitlines():
        for one in json.loads(line)["heard"]:
            logged[one["content"]] += one["seconds"]
            times[one["content"]] += 1
    db = sqlite3.connect(file)
    facts = dict(
        db.execute(
            "SELECT json_extract(fact, '$.content'),"
            " sum(json_extract(fact, '$.until_second') - json_extract(fact, '$.from_second'))"
            " FROM facts WHERE kind = 'ContentHeard' GROUP BY 1"
        )
    )
    db.close()

    assert times[TUNE] > 800
    assert {name: one.plays for name, one in found.items()} == dict(times)
    assert {name: one.seconds for name, one in found.items()} == pytest.approx(dict(logged))
    assert {name: one.seconds for name, one in found.items()} == pytest.approx(facts)
    assert found[TUNE].callers == 200


def test_what_is_on_no_shelf_any_more_is_still_told() -> None:
    gone = plays([HeardSum(ContentId("gone"), Kind.MUSIC, 1, 1, 30.0)], SHELF)

    told = dict(zip(COLUMNS, section(gone).rows[0], strict=True))

    assert (told["content"], told["title"]) == ("gone", "(on no shelf any more)")


def test_every_column_stands_beside_its_licence() -> None:
    made = section(plays([HeardSum(TUNE, Kind.MUSIC, 2, 1, 60.0)], SHELF))

    assert [column.name for column in made.columns] == list(COLUMNS)
    assert made.rows[0][:3] == ("tune", "music", "A tune")
