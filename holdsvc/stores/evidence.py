"""The log counted anew, for the audit: in few passes over it, because it may be long."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, TypeAlias

from holdsvc.ports import Evidence, Totals
from holdsvc.stores.dialect import Dialect

Ask: TypeAlias = Callable[[str], Iterable[tuple[Any, ...]]]  # Any: each question has its own columns

MOST_NAMED = 5  # calls that are named when something is wrong with more

ROWS = "SELECT platform, queue, coalesce(outcome, 'waiting'), count(*) FROM waits GROUP BY 1, 2, 3"
CAME = "SELECT queue, came, count(*) FROM waits WHERE came IS NOT NULL GROUP BY 1, 2"
COUNTED = """
SELECT count(*), count(*) FILTER (WHERE kind = 'WaitBegan'),
  (SELECT coalesce(sum(value), 0) FROM totals WHERE name = 'facts')
FROM facts
"""
# What must never be of a call. `told` counts its facts, `w` is its row of the log, whose columns are all NULL when there is none.
FAULTS = {
    "facts are missing or too many": "told <> facts OR latest > version",
    "a wait began or ended more than once": "told_began > 1 OR told_ended > 1",
    "a wait was told and has no row": "told_began > 0 AND row IS NULL",
    "a row has no wait that was told": "told_began = 0 AND row IS NOT NULL",
    "a row has an outcome, and no end was told": "told_ended = 0 AND outcome IS NOT NULL",
    "an end was told, and the row waits without an amendment": "told_ended > 0 AND outcome IS NULL AND NOT amended",
    "row and session differ on whether the caller waits": "row IS NOT NULL AND (outcome IS NULL) <> waiting",
    "row and session are of two calls": "row IS NOT NULL AND (platform, call) <> (row_platform, row_call)",
    "a row contradicts itself": "(outcome IS NULL) <> (ended IS NULL) OR ended < began OR abs(seconds - (ended - began)) > 0.001",
}
# What belongs to no call, and what is missing in the middle.
OTHERS = {
    "a row has no session": """
        SELECT platform, call FROM waits WHERE NOT EXISTS (SELECT 1 FROM sessions WHERE id = waits.session) ORDER BY 1, 2""",
    "facts have no session": """
        SELECT DISTINCT 'session', session FROM facts
        WHERE NOT EXISTS (SELECT 1 FROM sessions WHERE id = facts.session) ORDER BY 2""",
    "facts of one version have a gap": """
        SELECT 'session', session FROM facts GROUP BY session, version HAVING max(n) <> count(*) - 1 ORDER BY 2""",
}


def gather(ask: Ask, put: Dialect, totals: Totals) -> Evidence:
    ((facts, began, facts_counted),) = ask(COUNTED)
    ended: Counter[tuple[str, ...]] = Counter()
    amended: Counter[tuple[str, ...]] = Counter()
    for kind, platform, queue, outcome, became, count in ask(ends(put)):
        if kind == "WaitEnded":
            ended[platform, queue, outcome] += count
        else:
            amended[platform, queue, outcome, became] += count
    return Evidence(
        totals=totals,
        rows={tuple(row[:-1]): row[-1] for row in ask(ROWS)},
        began=began,
        ended=ended,
        amended=amended,
        facts=facts,
        facts_counted=int(facts_counted),
        came={(queue, came): count for queue, came, count in ask(CAME)},
        faults=faults(ask),
    )


def ends(put: Dialect, those: str = "") -> str:
    """`those`: which facts alone are counted, as more of the condition."""
    queue, outcome, was, became = (put.text("f.fact", name) for name in ("queue", "outcome", "was", "became"))
    # S608: here and below, constants of ours alone
    return f"""
SELECT f.kind, s.platform, {queue}, coalesce({outcome}, {was}, 'waiting'), coalesce({became}, 'waiting'), count(*)
FROM facts f {put.in_order} sessions s ON s.id = f.session
WHERE f.kind IN ('WaitEnded', 'WaitAmended') {those} GROUP BY 1, 2, 3, 4, 5"""  # noqa: S608


def guilty() -> str:
    """Each call of which something is so that must not be, and what."""
    return f"""
WITH counted AS (
  SELECT session, count(*) AS told, max(version) AS latest,
    count(*) FILTER (WHERE kind = 'WaitBegan') AS told_began,
    count(*) FILTER (WHERE kind = 'WaitEnded') AS told_ended
  FROM facts GROUP BY session
), calls AS (
  SELECT s.platform, s.call, s.facts, s.version, s.waiting,
    w.row, w.outcome, w.began, w.ended, w.seconds, w.amended, w.platform AS row_platform, w.call AS row_call,
    coalesce(told, 0) AS told, coalesce(latest, 0) AS latest,
    coalesce(told_began, 0) AS told_began, coalesce(told_ended, 0) AS told_ended
  FROM sessions s LEFT JOIN waits w ON w.session = s.id LEFT JOIN counted ON counted.session = s.id
)
SELECT platform, call, {", ".join(FAULTS.values())} FROM calls
WHERE {" OR ".join(f"({fault})" for fault in FAULTS.values())} ORDER BY 1, 2"""  # noqa: S608


def faults(ask: Ask) -> dict[str, tuple[str, ...]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for platform, call, *wrong in ask(guilty()):
        for what, is_so in zip(FAULTS, wrong, strict=True):
            if is_so:
                name(found[what], f"{platform}/{call}")
    for what, sql in OTHERS.items():
        for kind, call in islice(ask(sql), MOST_NAMED + 1):
            name(found[what], f"{kind}/{call}")
    return {what: tuple(calls) for what, calls in found.items()}


def name(calls: list[str], call: str) -> None:
    if len(calls) <= MOST_NAMED:
        calls.append(call if len(calls) < MOST_NAMED else "and more")
