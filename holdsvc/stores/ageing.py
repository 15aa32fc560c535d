"""Letting go of waits that are older than they are to be kept: their rows, facts and sessions, some at a time, the oldest first.

What goes is counted in the same transaction, among the sums over the whole log. So the audit holds as before, and no sum that
`/metrics` shows goes back. News of a wait that is gone move these sums. The newest wait stays, however old: the next one's number
comes from it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from msgspec.structs import replace

from holdsvc.calls.facts import AnyFact, WaitAmended, WaitBegan, WaitEnded
from holdsvc.calls.session import HoldSession
from holdsvc.ports import Evidence
from holdsvc.stores import rows, tally
from holdsvc.stores.dialect import Dialect
from holdsvc.stores.evidence import ends

Ask: TypeAlias = Callable[[str], Iterable[tuple[Any, ...]]]  # Any: each question has its own columns

BEFORE = "gone_before"  # under this name among the sums: when the youngest of them began
ROWS, CAME, FACTS, BEGAN, ENDED, AMENDED, LATE = (
    *("gone_rows", "gone_came", "gone_facts", "gone_began", "gone_ended", "gone_amended", "gone_late"),
)
BECAME = ">"  # between the outcome that stood and the one that took its place
SHIFT = 3600.0  # seconds by which news may put the beginning of a wait later than it was when the wait went

# In words that both databases take. A wait that is not over is never old.
OLD = """
SELECT session, began FROM waits WHERE began < ? AND ended < ?
 AND row < (SELECT max(row) FROM waits) AND session < (SELECT max(id) FROM sessions) ORDER BY began LIMIT ?"""
MOVED_ON = replace(
    rows.TOTALS,
    then="ON CONFLICT (name, a, b, c) DO UPDATE SET"
    " value = CASE WHEN excluded.value > totals.value THEN excluded.value ELSE totals.value END",
)
GONE = "SELECT name, a, b, c, value FROM totals WHERE name LIKE 'gone%'"
LAST = f"SELECT value FROM totals WHERE name = '{BEFORE}'"  # noqa: S608  a constant


def among(put: Dialect) -> str:
    """One value: a JSON list of sessions' numbers."""
    return f"IN (SELECT CAST(CAST(one.value AS text) AS bigint) FROM {put.each('?')})"  # noqa: S608  constants


def calls(put: Dialect) -> str:
    return f"SELECT platform, call FROM sessions WHERE id {among(put)}"  # noqa: S608


def questions(put: Dialect) -> Iterator[str]:
    """Each with one value; what they find is for `sums`."""
    # S608: every word that is put together is a constant of ours
    those = f"WHERE session {among(put)}"
    yield f"SELECT '{ROWS}', platform, queue, outcome, count(*) FROM waits {those} GROUP BY 2, 3, 4"  # noqa: S608
    yield f"SELECT '{CAME}', queue, came, '', count(*) FROM waits {those} AND came IS NOT NULL GROUP BY 2, 3"  # noqa: S608
    yield f"SELECT '{FACTS}', '', '', '', count(*) FROM facts {those}"  # noqa: S608
    yield f"SELECT '{BEGAN}', '', '', '', count(*) FROM facts {those} AND kind = 'WaitBegan'"  # noqa: S608
    yield ends(put, f"AND f.session {among(put)}")


def sums(found: Iterable[tuple[Any, ...]]) -> list[rows.Row]:
    """Rows for the table of sums."""
    told: list[rows.Row] = []
    for row in found:
        if len(row) == len(rows.TOTALS.columns):
            told.append((*row[:4], float(row[4])))
            continue
        kind, platform, queue, outcome, became, count = row
        ended = kind == "WaitEnded"
        last = outcome if ended else f"{outcome}{BECAME}{became}"
        told.append((ENDED if ended else AMENDED, platform, queue, last, float(count)))
    return [one for one in told if one[4]]


def deletions(put: Dialect) -> Iterator[str]:
    """Each with one value."""
    for table, column in (("facts", "session"), ("waits", "session"), ("sessions", "id")):
        yield f"DELETE FROM {table} WHERE {column} {among(put)}"  # noqa: S608


def went(session: HoldSession, facts: Sequence[AnyFact], last: float | None) -> bool:
    """A call that the log does not know is one that was let go: its wait had been told to its end, and is as old as those that are
    gone. `last`: when the youngest of them began."""
    wait = session.history.wait
    if (
        wait is None
        or last is None
        or not session.reported
        or any(isinstance(one, WaitBegan | WaitEnded) for one in facts)
    ):
        return False
    return wait.began.timestamp() <= last + SHIFT


def late(platform: str, facts: Sequence[AnyFact]) -> list[tally.Change]:
    """What news of a wait that is gone add to the sums of those that are, as if it had heard them before it went."""
    told: list[tally.Change] = [((name, "", "", ""), float(len(facts))) for name in (FACTS, LATE) if facts]
    for fact in facts:
        if isinstance(fact, WaitAmended):
            was, became = tally.word(fact.was), tally.word(fact.became)
            told += [
                *tally.came(CAME, fact.queue, fact.came_was, -1.0),
                *tally.came(CAME, fact.queue, fact.came, 1.0),
                ((ROWS, platform, fact.queue, was), -1.0),
                ((ROWS, platform, fact.queue, became), 1.0),
                ((AMENDED, platform, fact.queue, f"{was}{BECAME}{became}"), 1.0),
            ]
    return told


def whole(evidence: Evidence, ask: Ask) -> Evidence:
    """What the log holds, and what it held."""
    gone: dict[str, Counter[tuple[str, ...]]] = {}
    for name, a, b, c, value in ask(GONE):
        gone.setdefault(name, Counter())[a, b, c] += int(value)

    def of(name: str) -> Counter[tuple[str, ...]]:
        return gone.get(name, Counter())

    amended = {(a, b, *c.split(BECAME)): count for (a, b, c), count in of(AMENDED).items()}
    came = {(a, b): count for (a, b, _), count in of(CAME).items()}
    facts = of(FACTS).total()
    return replace(
        evidence,
        rows=added(evidence.rows, of(ROWS)),
        began=evidence.began + of(BEGAN).total(),
        ended=added(evidence.ended, of(ENDED)),
        amended=added(evidence.amended, amended),
        facts=evidence.facts + facts,
        came=added(evidence.came, came),
        rows_gone=of(ROWS).total(),
        facts_gone=facts,
        facts_late=of(LATE).total(),
    )


def added(one: Mapping[Any, int], other: Mapping[Any, int]) -> dict[Any, int]:
    both = {cell: one.get(cell, 0) + other.get(cell, 0) for cell in (*one, *other)}
    return {cell: count for cell, count in both.items() if count}
