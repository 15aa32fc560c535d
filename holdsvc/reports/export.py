"""The wait log out of the house: CSV, JSON lines or Parquet, row after row, never the whole log in memory."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from itertools import islice
from typing import BinaryIO

import msgspec

from holdsvc.calls.model import CallerId, PhoneNumber
from holdsvc.calls.record import WaitRecord
from holdsvc.errors import ConfigError

COLUMNS = {
    "row": "place in the log; grows with each wait that is kept",
    "platform": "telephony platform",
    "call": "the platform's id of the call",
    "queue": "queue",
    "caller": "pseudonym of the caller; empty when unknown or forgotten",
    "number": "the caller's number in E.164; only when numbers are asked for",
    "began": "when the caller was put on hold, UTC",
    "ended": "when the wait ended, UTC; empty while it lasts",
    "seconds": "ended less began",
    "outcome": "answered, abandoned, short_abandoned, callback_taken, left_by_choice, overflowed, failed, unknown, or waiting",
    "amended": "whether late news changed what had been told of this wait",
    "position_told": "place in the queue that the caller was told last; 21 stands for all behind the twentieth",
    "estimate_told": "wait in seconds that the caller was told last, at the most",
    "heard": "content, with the seconds heard of each",
    "choices": "what the caller chose, how (key, voice, remembered, default) and when",
    "holds": "holds by the agent later in the call",
    "wait": "which of the call's waits this is: 2 in the second queue",
    "waits_told": "the ranges told first and last: when, from and to in minutes, and whether it was said that it takes longer",
    "came": "when the agent came, against what was told first: earlier, within, later; empty when nobody knows",
}
BLOCK = 2000  # rows that go into a Parquet file together

NumberOf = Callable[[CallerId], PhoneNumber | None]
Row = dict[str, object]


class Form(StrEnum):
    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


def export(waits: Iterable[WaitRecord], form: Form, out: BinaryIO, number_of: NumberOf | None = None) -> int:
    """Return how many rows were written. Without `number_of` there is no column for numbers at all."""
    columns = tuple(name for name in COLUMNS if number_of or name != "number")
    rows = (row(wait, number_of) for wait in waits)
    match form:
        case Form.CSV:
            return write_csv(rows, columns, out)
        case Form.JSONL:
            return write_jsonl(rows, out)
        case Form.PARQUET:
            return write_parquet(rows, columns, out)


def row(wait: WaitRecord, number_of: NumberOf | None) -> Row:
    number = number_of(wait.caller) if number_of and wait.caller else None
    told: Row = {
        "row": wait.row,
        "platform": wait.platform,
        "call": wait.call,
        "queue": wait.queue,
        "caller": wait.caller,
        "number": number.e164 if number else None,
        "began": wait.began,
        "ended": wait.ended,
        "seconds": wait.seconds,
        "outcome": wait.outcome.value if wait.outcome else "waiting",
        "amended": wait.amended,
        "position_told": wait.position_told,
        "estimate_told": wait.estimate_told,
        "heard": [{"content": one.content, "seconds": one.seconds} for one in wait.listened],
        "choices": [{"what": one.what, "via": one.via.value, "at": one.at} for one in wait.choices],
        "holds": [{"began": one.began, "ended": one.ended} for one in wait.holds],
        "wait": wait.wait,
        "waits_told": [
            {"at": one.at, "low": one.span.low, "high": one.span.high, "longer": one.longer} for one in wait.waits_told
        ],
        "came": wait.came.value if wait.came else None,
    }
    if number_of is None:
        del told["number"]
    return told


# --- CSV ---------------------------------------------------------------------------------------------------------------


def write_csv(rows: Iterable[Row], columns: tuple[str, ...], out: BinaryIO) -> int:
    text = io.TextIOWrapper(out, "utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(columns)
    count = 0
    for one in rows:
        writer.writerow([in_a_cell(one[name]) for name in columns])
        count += 1
    text.detach()
    return count


def in_a_cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.astimezone(UTC).isoformat()
        case list():
            return json.dumps(msgspec.to_builtins(value), ensure_ascii=False)
        case str():
            return harmless(value)
        case _:
            return str(value)


def harmless(text: str) -> str:
    """What a spreadsheet would take for a formula gets an apostrophe. A number in E.164 is none."""
    if text.startswith(("=", "@", "\t", "\r")) or (text[:1] in ("+", "-") and not text[1:].isdigit()):
        return f"'{text}"
    return text


# --- JSON lines --------------------------------------------------------------------------------------------------------


def write_jsonl(rows: Iterable[Row], out: BinaryIO) -> int:
    encoder, count = msgspec.json.Encoder(), 0
    for one in rows:
        out.write(encoder.encode(one) + b"\n")
        count += 1
    return count


# --- Parquet -----------------------------------------------------------------------------------------------------------


def write_parquet(rows: Iterable[Row], columns: tuple[str, ...], out: BinaryIO) -> int:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ConfigError("", "Parquet needs one more package: pip install 'holdsvc[parquet]'") from error
    moment, text = pa.timestamp("us", "UTC"), pa.string()
    types = {
        "row": pa.int64(),
        "began": moment,
        "ended": moment,
        "seconds": pa.float64(),
        "amended": pa.bool_(),
        "position_told": pa.int32(),
        "wait": pa.int32(),
        "estimate_told": pa.float64(),
        "heard": pa.list_(pa.struct([("content", text), ("seconds", pa.float64())])),
        "choices": pa.list_(pa.struct([("what", text), ("via", text), ("at", moment)])),
        "holds": pa.list_(pa.struct([("began", moment), ("ended", moment)])),
        "waits_told": pa.list_(
            pa.struct([("at", moment), ("low", pa.int32()), ("high", pa.int32()), ("longer", pa.bool_())])
        ),
    }
    schema = pa.schema([pa.field(name, types.get(name, text), metadata={"doc": COLUMNS[name]}) for name in columns])
    count = 0
    with pq.ParquetWriter(out, schema, compression="zstd") as writer:
        for block in blocks(rows):
            writer.write_batch(pa.RecordBatch.from_pylist(block, schema))
            count += len(block)
    return count


def blocks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    rows = iter(rows)
    while block := list(islice(rows, BLOCK)):
        yield block
