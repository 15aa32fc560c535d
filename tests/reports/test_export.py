from __future__ import annotations

import csv
import io
import itertools
import json
import sys
import tracemalloc
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace

from holdsvc.calls.model import CallerId, CallId, PhoneNumber
from holdsvc.calls.promise import Came, Promise, Span
from holdsvc.calls.record import WaitRecord, record
from holdsvc.errors import ConfigError
from holdsvc.ports import WaitQuery
from holdsvc.reports.export import COLUMNS, Form, export
from holdsvc.stores.ledger import SqliteLedger
from holdsvc.stores.sqlite import SqliteStore
from tests.stores.calls import after, held, known, one_call, steps, tell

NUMBER = PhoneNumber("+15005550123")


def wait(name: str = "CA1") -> WaitRecord:
    *_, last = steps(name, *one_call())
    made = record(last.session)
    assert made is not None
    return replace(made, row=1)


HEARD = [{"content": one.content, "seconds": one.seconds} for one in wait().listened]


def number_of(caller: CallerId) -> PhoneNumber | None:
    return NUMBER if caller == "pseudonym" else None


def written(form: Form, *waits: WaitRecord, numbers: bool = False) -> io.BytesIO:
    out = io.BytesIO()
    assert export(iter(waits), form, out, number_of if numbers else None) == len(waits)
    out.seek(0)
    return out


def test_csv_has_every_column_that_is_documented_and_reads_back() -> None:
    (row,) = csv.DictReader(io.TextIOWrapper(written(Form.CSV, wait(), numbers=True), "utf-8"))

    assert list(row) == list(COLUMNS)
    assert (row["call"], row["queue"], row["outcome"], row["amended"]) == ("CA1", "support", "answered", "false")
    assert (float(row["seconds"]), datetime.fromisoformat(row["began"])) == (60.0, after(0))
    assert json.loads(row["heard"]) == HEARD
    assert {"content": "tune", "seconds": 20.0} in HEARD
    assert [choice["what"] for choice in json.loads(row["choices"])] == ["music", "podcast"]
    assert row["number"] == NUMBER.e164


def test_json_lines_keep_lists_as_lists() -> None:
    (row,) = [json.loads(line) for line in written(Form.JSONL, wait())]

    assert row["choices"][1] == {"what": "podcast", "via": "key", "at": "2026-03-02T09:00:20Z"}
    assert row["ended"] == "2026-03-02T09:01:00Z"


@pytest.mark.parametrize("form", [Form.CSV, Form.JSONL, Form.PARQUET])
def test_what_was_told_of_the_wait_is_in_every_form(form: Form) -> None:
    promises = Promise(after(20), Span(2, 5)), Promise(after(90), Span(60), longer=True)
    out = written(form, replace(wait(), waits_told=promises, came=Came.WITHIN))

    if form is Form.PARQUET:
        (row,) = pq.read_table(out).to_pylist()
    elif form is Form.JSONL:
        row = json.loads(out.read())
    else:
        (row,) = csv.DictReader(io.TextIOWrapper(out, "utf-8"))
        row["waits_told"] = json.loads(row["waits_told"])
    assert row["came"] == "within"
    told = [(one["low"], one["high"], one["longer"]) for one in row["waits_told"]]
    assert told == [(2, 5, False), (60, None, True)]


def test_parquet_keeps_types_and_says_what_columns_mean() -> None:
    table = pq.read_table(written(Form.PARQUET, *[wait(f"CA{n}") for n in range(6000)]))

    assert table.num_rows == 6000
    assert table.schema.field("began").metadata[b"doc"].decode() == COLUMNS["began"]
    (row,) = table.slice(5999, 1).to_pylist()
    assert (row["call"], row["began"], row["seconds"]) == ("CA5999", after(0), 60.0)
    assert row["heard"] == HEARD


@pytest.mark.parametrize("form", Form)
def test_numbers_are_written_only_when_they_are_asked_for(form: Form) -> None:
    without, with_numbers = written(form, wait()).getvalue(), written(form, wait(), numbers=True).getvalue()

    assert b"5005550123" not in without
    assert b"number" not in without
    assert b"5005550123" in with_numbers


@pytest.mark.parametrize("form", Form)
def test_an_empty_log_and_a_caller_who_waits_still_can_be_written(form: Form) -> None:
    (decision,) = steps("CA1", held())
    waiting = record(decision.session)
    assert waiting is not None

    written(form)
    assert b"waiting" in written(form, waiting).getvalue()


@pytest.mark.parametrize("evil", ["=1+1", "@SUM(A1)", "+cmd|x", "-2+3", "\t=1"])
def test_a_spreadsheet_sees_no_formula(evil: str) -> None:
    (row,) = csv.DictReader(
        io.TextIOWrapper(written(Form.CSV, replace(wait(), call=CallId(evil))), "utf-8", newline="")
    )

    assert row["call"] == f"'{evil}"


@pytest.mark.parametrize("form", Form)
def test_a_long_log_takes_no_more_memory_than_a_short_one(form: Form) -> None:
    class Nowhere(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, some: object) -> int:
            return len(bytes(some))  # type: ignore[call-overload]  # any buffer has bytes

    def peak(rows: int) -> int:
        tracemalloc.start()
        export(itertools.repeat(wait(), rows), form, io.BufferedWriter(Nowhere()))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(10)
    short, long = peak(5_000), peak(20_000)

    assert long < short * 1.5 + 300_000


def test_without_pyarrow_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(ConfigError, match=r"pip install 'holdsvc\[parquet\]'"):
        written(Form.PARQUET, wait())


async def test_the_log_is_exported_beside_a_live_service(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "holdsvc.sqlite3")
    await store.open()
    await store.remember_number(CallerId("pseudonym"), NUMBER)
    await tell(store, "CA1", *one_call())
    await tell(store, "CA2", held(), known("withheld"))

    out = io.BytesIO()
    with SqliteLedger(store.path) as ledger:
        await tell(store, "CA3", held())
        count = export(ledger.waits(WaitQuery()), Form.JSONL, out, ledger.number)
    await store.close()

    assert count == 2
    assert [json.loads(line)["number"] for line in out.getvalue().splitlines()] == [NUMBER.e164, None]
