"""The reports on waits: service level, waits, abandonment, patience by content, who never called back, choices, the law."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from holdsvc.calls.model import Outcome
from holdsvc.calls.service_level import Target, abandonment
from holdsvc.calls.service_level import levels as variants
from holdsvc.reports import levels
from holdsvc.reports.page import Cell, Column, Section, Unit
from holdsvc.reports.table import OUTCOMES, WAITING, Flags, WaitTable

LAW_SECONDS, LAW_SHARE = 180.0, 0.95


def service_level(waits: WaitTable, target: Target) -> Section:
    rows: list[tuple[Cell, ...]] = []
    for queue, of in by_queue(waits):
        for level in variants(levels.counts(of, target.seconds, target.short)):
            low, high = level.interval or (None, None)
            mark = "contract" if level.name == target.variant else ""
            rows.append(
                (queue, level.name, mark, level.share, low, high, level.part, level.whole, level.words, level.formula)
            )
    return Section(
        "service_level",
        f"Service level within {target.seconds:g} s",
        (
            Column("queue", "queue"),
            Column("variant", "variant"),
            Column("contract", ""),
            Column("share", "share", Unit.SHARE),
            Column("low", "from", Unit.SHARE),
            Column("high", "to", Unit.SHARE),
            Column("part", "counted", Unit.COUNT),
            Column("whole", "of", Unit.COUNT),
            Column("words", "meaning"),
            Column("formula", "formula"),
        ),
        tuple(rows),
        (
            f"A answered, B abandoned, F moved on by the system; _T within {target.seconds:g} s, _s within {target.short:g} s.",
            f"The contract's is {target.variant}, with {100 * target.share:g} % as its target.",
            "From and to: Wilson's interval, 95 %.",
        ),
    )


def waited(waits: WaitTable, target: Target) -> Section:
    rows: list[tuple[Cell, ...]] = []
    for queue, of in by_queue(waits):
        means, counts = levels.means(of), levels.counts(of, target.seconds, target.short)
        gross, net = abandonment(counts)
        middle, ninety = quantiles(of, of.ended_as(Outcome.ANSWERED))
        rows.append(
            (
                queue, len(of), counts.answered, counts.abandoned, means.waiting, means.answer, middle, ninety,
                means.longest, means.abandon, gross.share, net.share,
            )
        )  # fmt: skip
    return Section(
        "waits",
        "Waits",
        (
            Column("queue", "queue"),
            Column("offered", "offered", Unit.COUNT),
            Column("answered", "answered", Unit.COUNT),
            Column("abandoned", "abandoned", Unit.COUNT),
            Column("waiting", "waiting", Unit.COUNT),
            Column("asa", "mean to answer", Unit.SECONDS),
            Column("median", "half answered in", Unit.SECONDS),
            Column("p90", "nine of ten in", Unit.SECONDS),
            Column("longest", "longest", Unit.SECONDS),
            Column("time_to_abandon", "mean to abandon", Unit.SECONDS),
            Column("abandonment", "abandonment", Unit.SHARE),
            Column("abandonment_net", "net of short", Unit.SHARE),
        ),
        tuple(rows),
        (
            "Mean to answer is ASA: all answered calls, those at once included. Mean to abandon is of those who did: not patience.",
            f"Abandonment is B / offered; net of short: without those within {target.short:g} s on both sides.",
        ),
    )


def outcomes(waits: WaitTable) -> Section:
    rows = []
    for queue, of in by_queue(waits):
        for code, name in [*enumerate(one.value for one in OUTCOMES), (WAITING, "waiting")]:
            count = levels.total(of.outcome == code)
            if count:
                rows.append((queue, name, count, count / len(of)))
    return Section(
        "outcomes",
        "How waits ended",
        (
            Column("queue", "queue"),
            Column("outcome", "outcome"),
            Column("waits", "waits", Unit.COUNT),
            Column("share", "of offered", Unit.SHARE),
        ),
        tuple(rows),
        ("Each wait ended in exactly one of these, or goes on.",),
    )


def choices(chosen: Mapping[tuple[str, str], int], waits: int) -> Section:
    total = sum(chosen.values())
    rows = [
        (what, via, count, count / total)
        for (what, via), count in sorted(chosen.items(), key=lambda one: (-one[1], one[0]))
    ]
    return Section(
        "choices",
        "What callers chose",
        (
            Column("choice", "choice"),
            Column("via", "by"),
            Column("times", "times", Unit.COUNT),
            Column("share", "of all", Unit.SHARE),
        ),
        tuple(rows),
        (
            f"{total} choices in {waits} waits. By key and voice callers chose themselves; remembered and default we did for them.",
        ),
    )


def three_minutes(waits: WaitTable) -> Section:
    """Spain, Law 10/2025 on customer services: 95 of 100 calls are to be answered by a person within three minutes."""
    rows: list[tuple[Cell, ...]] = []
    for queue, of in by_queue(waits):
        ended = of.only(~of.waiting | (of.seconds > LAW_SECONDS))
        answered = ended.ended_as(Outcome.ANSWERED) & (ended.seconds <= LAW_SECONDS)
        lost = ended.ended_as(Outcome.ABANDONED, Outcome.SHORT_ABANDONED) & (ended.seconds <= LAW_SECONDS)
        unsure = ended.ended_as(Outcome.UNKNOWN, Outcome.FAILED)
        strict = share(levels.total(answered), len(ended))
        kind = share(levels.total(answered), len(ended) - levels.total(lost))
        meets = None if strict is None else "yes" if strict >= LAW_SHARE else "no"
        rows.append((queue, len(ended), levels.total(answered), strict, kind, levels.total(unsure), meets))
    return Section(
        "three_minutes",
        "Answered within three minutes (Spain, Law 10/2025: 95 %)",
        (
            Column("queue", "queue"),
            Column("calls", "calls", Unit.COUNT),
            Column("answered", "answered in time", Unit.COUNT),
            Column("share", "of all calls", Unit.SHARE),
            Column("share_kind", "early abandons left out", Unit.SHARE),
            Column("unsure", "end not known", Unit.COUNT),
            Column("meets", "95 % of all met"),
        ),
        tuple(rows),
        (
            "Method: from the moment at which the caller was put on hold to the agent's answer, to the second, every call counted; "
            "a call that waits for over three minutes counts as late although it has not ended.",
            "Gaps: time in a menu before the queue is not in it; calls cut before they reached us are not; calls moved on or "
            "called back count as not answered; where the platform never told the end, the call counts as not answered.",
        ),
    )


# --- what they share ---------------------------------------------------------------------------------------------------


def by_queue(waits: WaitTable) -> Iterable[tuple[str, WaitTable]]:
    yield "all", waits
    if len(waits.queues) > 1:
        for queue in sorted(waits.queues):
            yield queue, waits.of_queue(queue)


def share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def quantiles(waits: WaitTable, of: Flags) -> tuple[float | None, float | None]:
    if not of.any():
        return None, None
    middle, ninety = np.quantile(waits.seconds[of], (0.5, 0.9))
    return float(middle), float(ninety)
