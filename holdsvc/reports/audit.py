"""The conservation law: every call that was offered ended in exactly one way or waits still, however it is counted.

Three books say the same thing in different words: the rows of the log, the facts, and the sums that `/metrics` shows. They were
kept in the same transactions; here each is counted by itself and held against the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TypeVar

from msgspec import Struct

from holdsvc.ports import Evidence, Ledger

WAITING = "waiting"

Cell = tuple[str, str, str]  # platform, queue, outcome or "waiting"
AnyCell = TypeVar("AnyCell", bound=tuple[str, ...])


class Verdict(Struct, frozen=True):
    """`sentences` say what was compared and found; `differences` what does not agree, empty when the law holds."""

    sentences: tuple[str, ...]
    differences: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.differences

    @property
    def exit_code(self) -> int:
        return 0 if self.holds else 1

    def __str__(self) -> str:
        end = "The law holds." if self.holds else f"The law does not hold: {len(self.differences)} differences."
        return "\n".join((*self.sentences, *self.differences, end))


def audit(ledger: Ledger) -> Verdict:
    evidence = ledger.evidence()
    return Verdict(tuple(account(evidence)), tuple(differences(evidence)))


def account(evidence: Evidence) -> Iterator[str]:
    """What the log says, in words."""
    offered = sum(evidence.rows.values())
    outcomes: Counter[str] = Counter()
    for (*_, outcome), count in evidence.rows.items():
        outcomes[outcome] += count
    waiting = outcomes.pop(WAITING, 0)
    parts = [f"{count} {outcome.replace('_', ' ')}" for outcome, count in sorted(outcomes.items())]
    yield f"{offered} offered = {' + '.join([*parts, f'{waiting} waiting'])}."
    amended = sum(evidence.amended.values())
    told = sum(evidence.ended.values())
    yield f"{told} ends were told, and {amended} amendments of them later; {evidence.facts - evidence.facts_gone} facts are kept."
    if evidence.rows_gone:
        yield f"{evidence.rows_gone} of these waits, and {evidence.facts_gone} facts, were counted and let go: they were old."
    if evidence.facts_late:
        yield f"{evidence.facts_late} of those facts were told when the wait had gone, and are counted with it."


def differences(evidence: Evidence) -> Iterator[str]:
    totals = evidence.totals
    offered = sum(evidence.rows.values())
    yield from differ("Offered", {"rows of the log": offered, "facts": evidence.began, "totals": totals.offered})
    stands = sum(totals.outcomes.values()) + totals.waiting
    yield from differ("Offered", {"totals": totals.offered, "outcomes + waiting in the totals": stands})
    yield from compare("rows of the log", cells(evidence.rows), "totals", by_totals(evidence))
    yield from compare("rows of the log", cells(evidence.rows), "facts", by_facts(evidence))
    yield from compare("facts", amendments(evidence), "totals", dict(totals.amendments), "Amendments ")
    yield from compare("rows of the log", evidence.came, "totals", totals.came_now, "Agents who came ")
    yield from differ("Facts", {"kept": evidence.facts, "counted": evidence.facts_counted})
    for what, calls in evidence.faults.items():
        yield f"DIFFERENCE: {what}: {', '.join(calls)}."


def differ(what: str, counts: Mapping[str, int]) -> Iterator[str]:
    if len(set(counts.values())) > 1:
        yield f"DIFFERENCE: {what}: {', '.join(f'{count} by {book}' for book, count in counts.items())}."


def compare(
    one: str, ones: Mapping[AnyCell, int], other: str, others: Mapping[AnyCell, int], what: str = ""
) -> Iterator[str]:
    for cell in sorted(ones.keys() | others.keys()):
        yield from differ(what + " / ".join(cell), {one: ones.get(cell, 0), other: others.get(cell, 0)})


def cells(rows: Mapping[tuple[str, ...], int]) -> dict[Cell, int]:
    """The rows as the totals can tell them: who waits is summed up over platforms and queues."""
    counted: Counter[Cell] = Counter()
    for (platform, queue, outcome), count in rows.items():
        counted[cell(platform, queue, outcome)] += count
    return counted


def cell(platform: str, queue: str, outcome: str) -> Cell:
    return ("all", "all", WAITING) if outcome == WAITING else (platform, queue, outcome)


def by_totals(evidence: Evidence) -> dict[Cell, int]:
    return {**evidence.totals.outcomes, cell("", "", WAITING): evidence.totals.waiting}


def by_facts(evidence: Evidence) -> dict[Cell, int]:
    """Each end where it was told, then moved by each amendment."""
    counted: Counter[Cell] = Counter({cell("", "", WAITING): evidence.began})
    for (platform, queue, outcome), count in evidence.ended.items():
        counted[cell("", "", WAITING)] -= count
        counted[cell(platform, queue, outcome)] += count
    for (platform, queue, was, became), count in evidence.amended.items():
        counted[cell(platform, queue, was)] -= count
        counted[cell(platform, queue, became)] += count
    return counted


def amendments(evidence: Evidence) -> dict[Cell, int]:
    counted: Counter[Cell] = Counter()
    for (_, queue, was, became), count in evidence.amended.items():
        counted[queue, was, became] += count
    return counted
