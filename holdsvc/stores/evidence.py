"""The log counted anew, for the audit: in few passes over the file, because it may be long."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict

from holdsvc.ports import Evidence, Totals

MOST_NAMED = 5  # calls that are named when something is wrong with more

ROWS = "SELECT platform, queue, coalesce(outcome, 'waiting'), count(*) FROM waits GROUP BY 1, 2, 3"
ENDS = """
SELECT f.kind, s.platform, json_extract(f.fact, '$.queue'),
  coalesce(json_extract(f.fact, '$.outcome'), json_extract(f.fact, '$.was'), 'waiting'),
  coalesce(json_extract(f.fact, '$.became'), 'waiting'),
  count(*)
FROM facts f CROSS JOIN sessions s ON s.id = f.session
WHERE f.kind IN ('WaitEnded', 'WaitAmended') GROUP BY 1, 2, 3, 4, 5
"""
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
# S608: constants of this module
CALLS = f"""
WITH calls AS (
  SELECT s.platform, s.call, s.facts, s.version, s.waiting,
    w.row, w.outcome, w.began, w.ended, w.seconds, w.amended, w.platform AS row_platform, w.call AS row_call,
    count(f.n) AS told, max(f.version) AS latest,
    count(f.n) FILTER (WHERE f.kind = 'WaitBegan') AS told_began,
    count(f.n) FILTER (WHERE f.kind = 'WaitEnded') AS told_ended
  FROM sessions s LEFT JOIN waits w ON w.session = s.id LEFT JOIN facts f ON f.session = s.id GROUP BY s.id
)
SELECT platform, call, {", ".join(FAULTS.values())} FROM calls WHERE {" OR ".join(f"({fault})" for fault in FAULTS.values())}
"""  # noqa: S608
# What belongs to no call, and what is missing in the middle.
OTHERS = {
    "a row has no session": "SELECT platform, call FROM waits WHERE session NOT IN (SELECT id FROM sessions)",
    "facts have no session": "SELECT DISTINCT 'session', session FROM facts WHERE session NOT IN (SELECT id FROM sessions)",
    "facts of one version have a gap": """
        SELECT 'session', session FROM facts GROUP BY session, version HAVING max(n) <> count(*) - 1""",
}


def gather(db: sqlite3.Connection, totals: Totals) -> Evidence:
    facts, began, facts_counted = db.execute(COUNTED).fetchone()
    ended: Counter[tuple[str, ...]] = Counter()
    amended: Counter[tuple[str, ...]] = Counter()
    for kind, platform, queue, outcome, became, count in db.execute(ENDS):
        if kind == "WaitEnded":
            ended[platform, queue, outcome] += count
        else:
            amended[platform, queue, outcome, became] += count
    return Evidence(
        totals=totals,
        rows={tuple(row[:-1]): row[-1] for row in db.execute(ROWS)},
        began=began,
        ended=ended,
        amended=amended,
        facts=facts,
        facts_counted=int(facts_counted),
        faults=faults(db),
    )


def faults(db: sqlite3.Connection) -> dict[str, tuple[str, ...]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for platform, call, *guilty in db.execute(CALLS):
        for what, is_so in zip(FAULTS, guilty, strict=True):
            if is_so:
                name(found[what], f"{platform}/{call}")
    for what, sql in OTHERS.items():
        for kind, call in db.execute(sql).fetchmany(MOST_NAMED + 1):
            name(found[what], f"{kind}/{call}")
    return {what: tuple(calls) for what, calls in found.items()}


def name(calls: list[str], call: str) -> None:
    if len(calls) <= MOST_NAMED:
        calls.append(call if len(calls) < MOST_NAMED else "and more")
