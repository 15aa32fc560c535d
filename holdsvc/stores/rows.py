"""How our values lie in the SQLite file: rows out of values, values out of rows, and the statements that write many rows at once.

The interpreter's lock changes hands at every step of a statement, so a batch is written in few statements of many rows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from holdsvc.calls.callback import Callback
from holdsvc.calls.facts import AnyFact, CallerRecognised
from holdsvc.calls.history import Hold
from holdsvc.calls.model import CallerId, Outcome, Profile, QueueName, parted
from holdsvc.calls.promise import Came, Promise
from holdsvc.calls.record import WaitRecord, record
from holdsvc.calls.session import Chosen, HoldSession, Listened
from holdsvc.ports import Due
from holdsvc.stores.outbox import pack_letter

Value = str | int | float | bytes | None
Row = tuple[Value, ...]

pack = msgspec.msgpack.Encoder().encode
unpack_session = msgspec.msgpack.Decoder(HoldSession).decode
unpack_callback = msgspec.msgpack.Decoder(Callback).decode
unpack_profile = msgspec.msgpack.Decoder(Profile).decode
write_json = msgspec.json.Encoder().encode
read_fact = msgspec.json.Decoder(AnyFact).decode
read_heard = msgspec.json.Decoder(tuple[Listened, ...]).decode
read_choices = msgspec.json.Decoder(tuple[Chosen, ...]).decode
read_promises = msgspec.json.Decoder(tuple[Promise, ...]).decode
read_holds = msgspec.json.Decoder(tuple[Hold, ...]).decode

MOST_ROWS = 32  # in one statement, for each takes memory; made for powers of two, so that few serve batches of any size


class Table(Struct, frozen=True):
    """How rows get into one table. `then` says what happens to a row that is there already."""

    name: str
    columns: tuple[str, ...]
    then: str = ""
    counted: str = ""  # a column that nobody gives: SQLite counts it up by itself


SESSIONS = Table(
    "sessions",
    ("id", "platform", "call", "version", "waiting", "facts", "caller", "forgotten", "session"),
    "ON CONFLICT (id) DO UPDATE SET version = excluded.version, waiting = excluded.waiting, facts = excluded.facts,"
    " caller = excluded.caller, forgotten = excluded.forgotten, session = excluded.session"
    " WHERE sessions.version = excluded.version - 1",
)
FACTS = Table("facts", ("session", "version", "n", "kind", "at", "fact"))
WAIT_COLUMNS = (
    "platform", "call", "queue", "caller", "began", "ended", "seconds", "outcome", "amended",
    "position_told", "estimate_told", "heard", "choices", "holds", "waits_told", "came",
)  # fmt: skip
WAITS = Table(
    "waits",
    ("session", *WAIT_COLUMNS),
    "ON CONFLICT (session) DO UPDATE SET " + ", ".join(f"{column} = excluded.{column}" for column in WAIT_COLUMNS[2:]),
    counted="row",
)
PROFILES = Table("profiles", ("caller", "profile"), "ON CONFLICT (caller) DO UPDATE SET profile = excluded.profile")
NUMBERS = Table(
    "numbers",
    ("caller", "number"),
    "ON CONFLICT (caller) DO UPDATE SET number = excluded.number WHERE numbers.number <> excluded.number",
)
CALLBACKS = Table(
    "callbacks",
    ("id", "queue", "caller", "state", "began", "asked", "ended", "callback"),
    "ON CONFLICT (id) DO UPDATE SET caller = excluded.caller, state = excluded.state, ended = excluded.ended,"
    " callback = excluded.callback",
)
OUTBOX = Table(
    "outbox", ("key", "destination", "line", "turn", "due", "dead", "letter"), "ON CONFLICT (key) DO NOTHING"
)
TOTALS = Table(
    "totals",
    ("name", "a", "b", "c", "value"),
    "ON CONFLICT (name, a, b, c) DO UPDATE SET value = totals.value + excluded.value",
)


@cache
def insert(table: Table, rows: int) -> str:
    one = "(" + ",".join("?" * len(table.columns)) + ")"
    # S608: every word of the statement is a constant of this module
    return f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES {','.join([one] * rows)} {table.then}"  # noqa: S608


def write(db: sqlite3.Connection, table: Table, rows: Sequence[Row]) -> int:
    """Return how many rows were really inserted or changed."""
    changed, at = 0, 0
    while at < len(rows):
        size = min(MOST_ROWS, 1 << ((len(rows) - at).bit_length() - 1))
        some = tuple(chain.from_iterable(rows[at : at + size]))
        changed += db.execute(insert(table, size), some).rowcount
        at += size
    return changed


# --- values into rows --------------------------------------------------------------------------------------------------


def is_waiting(session: HoldSession) -> bool:
    return session.history.wait is not None and session.history.wait.ended is None


def session_row(number: int, session: HoldSession, facts: int, forgotten: bool) -> Row:
    return (
        number,
        session.ref.platform,
        session.ref.key,
        session.version,
        is_waiting(session),
        facts,
        session.caller,
        forgotten,
        pack(session),
    )


def fact_rows(number: int, version: int, facts: Iterable[AnyFact]) -> list[Row]:
    return [fact_row(number, version, n, fact) for n, fact in enumerate(facts)]


def fact_row(number: int, version: int, n: int, fact: AnyFact) -> Row:
    """Who called stands in the session and the wait alone, so that forgetting a caller rewrites no fact."""
    if isinstance(fact, CallerRecognised):
        fact = replace(fact, caller=None)
    return (number, version, n, type(fact).__name__, fact.at.timestamp(), write_json(fact).decode())


def same_wait(before: HoldSession, after: HoldSession) -> bool:
    """The wait log's row of the call stands as it is."""
    return (
        before.history == after.history
        and before.listened == after.listened
        and before.choices == after.choices
        and before.caller == after.caller
        and before.queue == after.queue
        and before.amended == after.amended
    )


def wait_row(number: int, session: HoldSession) -> Row | None:
    wait = record(session)
    if wait is None:
        return None
    return (
        number,
        wait.platform,
        session.ref.key,
        wait.queue,
        wait.caller,
        wait.began.timestamp(),
        wait.ended.timestamp() if wait.ended else None,
        wait.seconds,
        wait.outcome.value if wait.outcome else None,
        wait.amended,
        wait.position_told,
        wait.estimate_told,
        write_json(wait.listened).decode(),
        write_json(wait.choices).decode(),
        write_json(wait.holds).decode(),
        write_json(wait.waits_told).decode() if wait.waits_told else None,
        wait.came.value if wait.came else None,
    )


def callback_row(one: Callback) -> Row:
    ended = one.ended.timestamp() if one.ended else None
    began, asked = one.began.timestamp(), one.asked.timestamp()
    return (one.id, one.queue, one.caller, one.state.value, began, asked, ended, pack(one))


def letter_row(one: Due) -> Row:
    effect = one.letter.effect
    return (effect.key, effect.to, effect.line, effect.turn, one.at, 0, pack_letter(one.letter))


# --- rows into values --------------------------------------------------------------------------------------------------

READ_WAITS = f"SELECT row, {', '.join(WAIT_COLUMNS)} FROM waits"  # noqa: S608


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


class WaitRow(NamedTuple):
    """What READ_WAITS selects, in its order."""

    row: int
    platform: str
    call: str
    queue: str
    caller: str | None
    began: float
    ended: float | None
    seconds: float | None
    outcome: str | None
    amended: int
    position_told: int | None
    estimate_told: float | None
    heard: str
    choices: str
    holds: str
    waits_told: str | None
    came: str | None


def wait_record(columns: Iterable[Any]) -> WaitRecord:
    row = WaitRow(*columns)
    call, wait = parted(row.call)
    return WaitRecord(
        platform=row.platform,
        call=call,
        queue=QueueName(row.queue),
        caller=CallerId(row.caller) if row.caller is not None else None,
        began=moment(row.began),
        ended=moment(row.ended) if row.ended is not None else None,
        seconds=row.seconds,
        outcome=Outcome(row.outcome) if row.outcome else None,
        amended=bool(row.amended),
        position_told=row.position_told,
        estimate_told=row.estimate_told,
        listened=read_heard(row.heard),
        choices=read_choices(row.choices),
        holds=read_holds(row.holds),
        waits_told=read_promises(row.waits_told) if row.waits_told else (),
        came=Came(row.came) if row.came else None,
        wait=wait,
        row=row.row,
    )
