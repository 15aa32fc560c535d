from __future__ import annotations

import asyncio
import io
import json
from collections import Counter
from pathlib import Path

from holdsvc.calls.model import ContentId, Kind
from holdsvc.ports import HeardSum, WaitQuery
from holdsvc.reports.export import Form, export
from holdsvc.reports.plays import COLUMNS, plays, section
from holdsvc.stores.ledger import SqliteLedger
from holdsvc.stores.sqlite import SqliteStore
from tests.stores.calls import ITEMS, after, one_call, tell

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


def test_what_is_on_no_shelf_any_more_is_still_told() -> None:
    gone = plays([HeardSum(ContentId("gone"), Kind.MUSIC, 1, 1, 30.0)], SHELF)

    told = dict(zip(COLUMNS, section(gone).rows[0], strict=True))

    assert (told["content"], told["title"]) == ("gone", "(on no shelf any more)")


def test_every_column_stands_beside_its_licence() -> None:
    made = section(plays([HeardSum(TUNE, Kind.MUSIC, 2, 1, 60.0)], SHELF))

    assert [column.name for column in made.columns] == list(COLUMNS)
    assert made.rows[0][:3] == ("tune", "music", "A tune")
