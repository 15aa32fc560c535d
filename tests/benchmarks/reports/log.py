"""A data folder whose wait log holds the draws: in the tables of the service, written in bulk.

Sessions and facts are there as far as the audit counts them: each call's session without what is in it, and that its wait began and
ended. So no service can be started on it.
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import numpy as np

from holdsvc.calls.callback import Attempt, Callback, State
from holdsvc.calls.model import CallerId, CallId, CallRef, QueueName
from holdsvc.stores import rows, schema
from tests.benchmarks.reports import draws
from tests.benchmarks.reports.draws import (
    CALLBACK,
    NONE,
    OUTCOMES,
    OWED,
    PATIENCE,
    RANGES,
    SECOND,
    SERVED,
    STATES,
    TOLD_AFTER,
    TOLD_AGAIN,
    VIAS,
    Draws,
    Whole,
)  # fmt: skip
from tests.benchmarks.reports.truth import CAME, Figures, came_first, figures

FILE = "holdsvc.sqlite3"
PLATFORM = "twilio"
AT_ONCE = 20_000  # waits that are written in one go

Row: TypeAlias = tuple[str | int | float | bytes | None, ...]


def prepare(folder: Path, waits: int) -> Figures:
    """Fill the folder; return what is true of it."""
    now = int(time.time()) * SECOND
    drawn = draws.draw(waits, now)
    fill(folder / FILE, drawn)
    return figures(drawn, now)


def fill(path: Path, of: Draws) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = OFF")
    db.execute("PRAGMA synchronous = OFF")
    schema.migrate(db)
    db.execute("BEGIN")
    came = came_first(of)
    for first in range(0, len(of), AT_ONCE):
        part = slice(first, first + AT_ONCE)
        some = Draws(*(getattr(of, name)[part] for name in Draws.__struct_fields__))
        began, ended = written(some.began), written(some.ended)
        insert(db, "sessions", session_rows(some, first))
        insert(db, "facts", fact_rows(some, first, came[part].tolist(), began, ended))
        insert(db, "waits", wait_rows(some, first, came[part].tolist(), began))
        insert(db, "callbacks", callback_rows(some, first))
    insert(db, "totals", total_rows(of, came))
    db.execute("COMMIT")
    db.execute("PRAGMA journal_mode = WAL")
    db.close()


def insert(db: sqlite3.Connection, table: str, some: Iterator[Row]) -> None:
    first = next(some, None)
    if first is not None:
        sql = f"INSERT INTO {table} VALUES ({','.join('?' * len(first))})"
        db.execute(sql, first)
        db.executemany(sql, some)


def written(moments: Whole) -> list[str]:
    return [f"{one}Z" for one in np.datetime_as_string(moments.astype("datetime64[ms]"), unit="ms").tolist()]


def call(number: int) -> str:
    return f"CA{number:032x}"


def caller(who: int) -> str | None:
    return None if who == NONE else f"c{who:015x}"


def session_rows(of: Draws, first: int) -> Iterator[Row]:
    for number, (who, waits) in enumerate(zip(of.caller.tolist(), of.waiting.tolist(), strict=True), first + 1):
        facts = 1 if waits else 2
        yield number, PLATFORM, call(number), facts, waits, facts, caller(who), False, b""


def fact_rows(of: Draws, first: int, came: Sequence[int], began: Sequence[str], ended: Sequence[str]) -> Iterator[Row]:
    names = list(SERVED)
    columns = (of.queue.tolist(), of.outcome.tolist(), of.began.tolist(), of.ended.tolist())
    for place, (queue, outcome, start, end) in enumerate(zip(*columns, strict=True)):
        number, of_queue = first + place + 1, f'"queue":"{names[queue]}"'
        yield number, 1, 0, "WaitBegan", start / SECOND, f'{{"type":"WaitBegan","at":"{began[place]}",{of_queue}}}'
        if outcome != NONE:
            told = f'"{CAME[came[place]]}"' if came[place] != NONE else "null"
            yield (
                number, 2, 0, "WaitEnded", end / SECOND,
                f'{{"type":"WaitEnded","at":"{ended[place]}",{of_queue},"began":"{began[place]}","ended":"{ended[place]}",'
                f'"outcome":"{OUTCOMES[outcome]}","came":{told}}}',
            )  # fmt: skip


def wait_rows(of: Draws, first: int, came: Sequence[int], began: Sequence[str]) -> Iterator[Row]:
    """In the order of the table's columns."""
    names = list(SERVED)
    first_told, last_told = written(of.began + TOLD_AFTER), written(of.began + TOLD_AGAIN)
    columns = (
        of.began.tolist(), of.length.tolist(), of.queue.tolist(), of.outcome.tolist(), of.caller.tolist(),
        heard(of), choices(of, began), waits_told(of, first_told, last_told), of.told.tolist(),
    )  # fmt: skip
    for place, (start, length, queue, outcome, who, items, picked, ranges, told) in enumerate(
        zip(*columns, strict=True)
    ):
        number, ended = first + place + 1, outcome != NONE
        most = RANGES[told][1] if told != NONE else None
        yield (
            number, number, PLATFORM, call(number), names[queue], caller(who), start / SECOND,
            (start + length) / SECOND if ended else None, length / SECOND if ended else None,
            OUTCOMES[outcome] if ended else None, False, None, most * 60.0 if most else None, items, picked, "[]",
            ranges, CAME[came[place]] if came[place] != NONE else None,
        )  # fmt: skip


def heard(of: Draws) -> Iterator[str]:
    kinds, shelf = list(PATIENCE), draws.items()

    def one(item: int, length: int) -> str:
        name, kind = shelf[item]
        return f'{{"content":"{name}","kind":"{kinds[kind]}","seconds":{length / SECOND}}}'

    columns = (of.item.tolist(), of.heard.tolist(), of.second.tolist(), of.second_heard.tolist())
    for item, length, second, more in zip(*columns, strict=True):
        parts = [one(which, long) for which, long in ((item, length), (second, more)) if which != NONE]
        yield f"[{','.join(parts)}]"


def choices(of: Draws, began: Sequence[str]) -> Iterator[str]:
    kinds, shelf = list(PATIENCE), draws.items()
    columns = (
        of.item.tolist(),
        of.via.tolist(),
        of.second.tolist(),
        of.second_via.tolist(),
        of.outcome.tolist(),
        began,
    )
    for item, via, second, other, outcome, at in zip(*columns, strict=True):
        picked = [(kinds[shelf[which][1]], VIAS[how]) for which, how in ((item, via), (second, other)) if which != NONE]
        picked += [("callback", VIAS[0])] if outcome == CALLBACK else []
        yield "[" + ",".join(f'{{"what":"{what}","via":"{how}","at":"{at}"}}' for what, how in picked) + "]"


def waits_told(of: Draws, first: Sequence[str], last: Sequence[str]) -> Iterator[str | None]:
    def one(at: str, span: int, longer: bool) -> str:
        low, high = RANGES[span]
        end = "null" if high is None else high
        return f'{{"at":"{at}","span":{{"low":{low},"high":{end}}},"longer":{"true" if longer else "false"}}}'

    columns = (of.told.tolist(), of.again.tolist(), of.longer.tolist(), first, last)
    for told, again, longer, at, later in zip(*columns, strict=True):
        if told == NONE:
            yield None
        elif again == NONE:
            yield f"[{one(at, told, False)}]"
        else:
            yield f"[{one(at, told, False)},{one(later, again, longer)}]"


def callback_rows(of: Draws, first: int) -> Iterator[Row]:
    names = list(SERVED)
    for place in np.flatnonzero(of.outcome == CALLBACK).tolist():
        number, state, asked = first + place + 1, int(of.state[place]), int(of.ended[place])
        who = caller(int(of.caller[place]))
        one = Callback(
            id=f"{number:020x}",
            ref=CallRef(PLATFORM, CallId(call(number))),
            queue=QueueName(names[of.queue[place]]),
            caller=CallerId(who) if who else None,
            began=moment(int(of.began[place])),
            asked=moment(asked),
            state=State(STATES[state]),
            attempts=(Attempt(moment(asked), "desk"),) * int(of.attempts[place]),
            ended=None if state == OWED else moment(asked + int(of.took[place])),
        )
        yield rows.callback_row(one)


def moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds // SECOND, UTC).replace(microsecond=milliseconds % SECOND * 1000)


def total_rows(of: Draws, came: Whole) -> Iterator[Row]:
    """The sums of what the facts here say."""
    names, waiting = list(SERVED), int(of.waiting.sum())
    yield "offered", "", "", "", float(len(of))
    yield "waiting", "", "", "", float(waiting)
    yield "facts", "", "", "", float(2 * len(of) - waiting)
    ended = Counter(zip(of.queue.tolist(), of.outcome.tolist(), strict=True))
    for (queue, outcome), many in sorted(ended.items()):
        if outcome != NONE:
            yield "outcome", PLATFORM, names[queue], OUTCOMES[outcome], float(many)
            yield "ended", PLATFORM, names[queue], OUTCOMES[outcome], float(many)
    for (queue, when), many in sorted(Counter(zip(of.queue.tolist(), came.tolist(), strict=True)).items()):
        if when != NONE:
            yield "came", names[queue], CAME[when], "", float(many)
            yield "came_now", names[queue], CAME[when], "", float(many)
