"""What is moved into SQL in one transaction: rows out of entries, the same for every database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from holdsvc.calls.model import CallerId, CallRef
from holdsvc.stores import ageing, rows, tally
from holdsvc.stores.callbacks import counted
from holdsvc.stores.erasure import anonymous
from holdsvc.stores.mover import FIRST, Entry, Placed, number_of

# Several versions of a call come at once, so that the last one stands.
SESSIONS = replace(rows.SESSIONS, then=rows.SESSIONS.then.partition(" WHERE ")[0])
LAST_SESSION = "SELECT coalesce(max(id), 0) FROM sessions"
POSITIONS = "SELECT part, last FROM moved"
REACHED = rows.Table("moved", ("part", "last"), "ON CONFLICT (part) DO UPDATE SET last = excluded.last")


class Known(Struct):
    """What SQL holds of a call."""

    number: int
    version: int
    facts: int
    forgotten: bool


class Draft:
    """One transaction's rows. `last` is the last number that was given to a call, `known` what there is of the calls in it, `gone`
    when the youngest of the waits began that were let go (None: none was)."""

    def __init__(self, last: int, known: Mapping[CallRef, Known], gone: float | None = None) -> None:
        self._last, self._known, self._gone = last, dict(known), gone
        self._sessions: dict[int, rows.Row] = {}
        self._waits: dict[int, rows.Row] = {}
        self._facts: list[rows.Row] = []
        self._numbers: dict[CallerId, rows.Row] = {}
        self._callbacks: dict[str, rows.Row] = {}
        self._sums: dict[tally.Key, float] = {}

    def take(self, entry: Entry) -> None:
        if entry.caller is not None and entry.number:
            self._numbers[entry.caller] = (entry.caller, entry.number)
        if entry.callback is not None:
            self._callbacks[entry.callback.id] = rows.callback_row(entry.callback)
            tally.add(self._sums, counted([entry.callback]))
        session = entry.session
        if session is None:
            return
        tally.add(self._sums, tally.changes(session.ref.platform, entry.facts))
        if session.ref not in self._known and ageing.went(session, entry.facts, self._gone):
            tally.add(self._sums, ageing.late(session.ref.platform, entry.facts))
            return
        known = self._of(session.ref)
        known.forgotten = known.forgotten or entry.forgotten
        if known.forgotten:
            session = anonymous(session)
        # A version that is there already belongs to a Redis that lost its own and began anew: the facts count all the same.
        known.version = max(session.version, known.version + 1)
        known.facts += len(entry.facts)
        session = replace(session, version=known.version)
        self._sessions[known.number] = rows.session_row(known.number, session, known.facts, known.forgotten)
        self._facts += rows.fact_rows(known.number, known.version, entry.facts)
        wait = rows.wait_row(known.number, session)
        if wait is not None:
            self._waits[known.number] = wait

    def rows(self) -> Iterator[tuple[rows.Table, Sequence[rows.Row]]]:
        yield SESSIONS, list(self._sessions.values())
        yield rows.FACTS, self._facts
        yield rows.WAITS, list(self._waits.values())
        yield rows.NUMBERS, list(self._numbers.values())
        yield rows.CALLBACKS, list(self._callbacks.values())
        yield rows.TOTALS, [(*key, value) for key, value in self._sums.items()]

    def _of(self, ref: CallRef) -> Known:
        known = self._known.get(ref)
        if known is None:
            self._last += 1
            known = self._known[ref] = Known(self._last, 0, 0, forgotten=False)
        return known


def fresh(placed: Iterable[Placed], reached: dict[int, str]) -> list[Entry]:
    """Those that were not moved yet. `reached` goes on with them."""
    before, new = dict(reached), []
    for one in placed:
        if number_of(one.id) > number_of(before.get(one.part, FIRST)):
            reached[one.part] = max(one.id, reached.get(one.part, FIRST), key=number_of)
            if one.entry is not None:
                new.append(one.entry)
    return new


def calls_of(entries: Iterable[Entry]) -> list[CallRef]:
    return list({entry.session.ref: None for entry in entries if entry.session is not None})
