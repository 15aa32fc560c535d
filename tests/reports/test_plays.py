from __future__ import annotations

import asyncio
import csv
import io
import json
from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace

from holdsvc.calls.model import CallerId, ContentId
from holdsvc.calls.record import WaitRecord, record
from holdsvc.cli import run
from holdsvc.ports import WaitQuery
from holdsvc.reports.export import Form, export
from holdsvc.reports.plays import COLUMNS, as_csv, as_json, as_table, plays
from holdsvc.stores.ledger import SqliteLedger
from holdsvc.stores.sqlite import SqliteStore
from tests.stores.calls import ITEMS, after, one_call, steps, tell

SHELF = {item.id: item for item in ITEMS}
TUNE = ContentId("tune")


def waits(*callers: str | None) -> list[WaitRecord]:
    made = []
    for number, caller in enumerate(callers, 1):
        *_, last = steps(f"CA{number}", *one_call(caller or "x"))
        wait = record(last.session)
        assert wait is not None
        made.append(replace(wait, row=number, caller=CallerId(caller) if caller else None))
    return made


def test_a_play_is_one_item_in_one_call_and_its_seconds_are_those_of_the_log() -> None:
    log = waits("anna", "anna", "boris", None)

    found = {one.content: one for one in plays(log, SHELF)}

    heard: Counter[str] = Counter()
    for wait in log:
        heard.update({one.content: one.seconds for one in wait.listened})
    assert {content: one.seconds for content, one in found.items()} == dict(heard)
    assert (found[TUNE].plays, found[TUNE].callers) == (4, 2)


def test_the_report_of_a_period_equals_the_exported_log_of_that_period(tmp_path: Path) -> None:
    file = tmp_path / "holdsvc.db"

    async def three_calls() -> None:
        store = SqliteStore(file)
        await store.open()
        for name in ("CA1", "CA2", "CA3"):
            await tell(store, name, *one_call(name))
        await store.close()

    asyncio.run(three_calls())
    with SqliteLedger(file) as ledger:
        out = io.BytesIO()
        export(ledger.waits(WaitQuery(until=after(1))), Form.JSONL, out)
        found = plays(ledger.waits(WaitQuery(until=after(1))), SHELF)
        none = plays(ledger.waits(WaitQuery(since=after(1))), SHELF)

    logged: Counter[str] = Counter()
    for line in out.getvalue().splitlines():
        for one in json.loads(line)["heard"]:
            logged[one["content"]] += one["seconds"]
    assert logged
    assert {one.content: one.seconds for one in found} == dict(logged)
    assert none == ()


def test_what_is_on_no_shelf_any_more_is_still_told() -> None:
    (one, *_) = plays(waits("anna"), {})

    assert one.item is None
    assert "(on no shelf any more)" in as_table([one])


def test_csv_and_json_carry_every_column_that_is_documented() -> None:
    found, text, data = plays(waits("anna"), SHELF), io.BytesIO(), io.BytesIO()

    as_csv(found, text)
    as_json(found, data)

    rows = list(csv.DictReader(io.StringIO(text.getvalue().decode())))
    assert list(rows[0]) == list(COLUMNS)
    assert [row["content"] for row in rows] == [row["content"] for row in json.loads(data.getvalue())]
    assert {row["title"] for row in rows} == {"A tune", "An episode"}


def test_the_command_says_in_one_sentence_that_there_is_no_log_yet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDSVC_SERVICE__DATA_DIR", str(tmp_path))

    assert run(["report", "plays"]) == 2
    assert "there is no wait log" in capsys.readouterr().err
