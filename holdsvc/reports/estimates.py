"""What callers were told of their wait, against how long it took: by queue, and by the range that was told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median

from holdsvc.calls.promise import SPANS, Came, Span, kept, spoken
from holdsvc.calls.service_level import wilson
from holdsvc.ports import ToldWait
from holdsvc.reports.page import Cell, Column, Section, Unit

COUNTS = (Column("told", "told", Unit.COUNT), *(Column(came, came, Unit.COUNT) for came in Came))
SHARE = (Column("kept", "kept", Unit.SHARE), Column("low", "from", Unit.SHARE), Column("high", "to", Unit.SHARE))


def estimates(told: Iterable[ToldWait]) -> tuple[Section, ...]:
    waits = list(told)
    return by_queue(waits), by_span(waits)


def by_queue(waits: Sequence[ToldWait]) -> Section:
    return Section(
        "estimates",
        "The wait that was told, against the wait",
        (
            Column("queue", "queue"),
            *COUNTS,
            *SHARE,
            Column("kept_last", "kept, as told last", Unit.SHARE),
            Column("longer", "told that it takes longer", Unit.COUNT),
            Column("error", "off by, half of them", Unit.SECONDS),
            Column("bias", "too long by, in the middle", Unit.SECONDS),
        ),
        tuple(queue_row(queue, some) for queue, some in queues(waits) if some),
        (
            "Told: waits in which the caller was told a range, ended or not. Earlier, within, later: when the agent came, against "
            "what was told first; who left unanswered counts as later where what was told had passed, and else in none of them.",
            "Kept: earlier or within, of those three. From and to: Wilson's interval, 95 %.",
            "Off by: the median of how far the time from the telling to the answer was from the middle of the range; too long by: "
            "the same with its sign. Of the answered, where the range had an end.",
        ),
    )


def queue_row(queue: str, waits: Sequence[ToldWait]) -> tuple[Cell, ...]:
    off = [one for wait in waits if (one := error(wait)) is not None]
    last = Counter(judged(wait, -1) for wait in waits)
    longer = sum(wait.promises[-1].longer for wait in waits)
    whole = sum(last[one] for one in Came)
    return (
        queue,
        *verdict(waits),
        (whole - last[Came.LATER]) / whole if whole else None,
        longer,
        median(map(abs, off)) if off else None,
        median(off) if off else None,
    )


def by_span(waits: Sequence[ToldWait]) -> Section:
    spans = {span: [wait for wait in waits if wait.promises[0].span == span] for span in in_order(SPANS)}
    return Section(
        "estimates_by_range",
        "By the range that was told first",
        (Column("range", "told"), *COUNTS, *SHARE, Column("median", "half answered in", Unit.SECONDS)),
        tuple((spoken(span), *verdict(some), middle(some)) for span, some in spans.items() if some),
        ("Half answered in: seconds from the telling, of the answered.",),
    )


def in_order(spans: Sequence[Span]) -> list[Span]:
    return sorted(spans, key=lambda one: (one.high is None, one.high or 0, one.low))


def verdict(waits: Sequence[ToldWait]) -> tuple[Cell, ...]:
    came = Counter(judged(wait, 0) for wait in waits)
    whole = sum(came[one] for one in Came)
    held = whole - came[Came.LATER]
    low, high = wilson(held, whole) or (None, None)
    return (len(waits), *(came[one] for one in Came), held / whole if whole else None, low, high)


def judged(wait: ToldWait, place: int) -> Came | None:
    """By the first telling (0) or the last (-1)."""
    if wait.ended is None or wait.outcome is None:
        return None
    return kept(wait.promises[place], wait.ended, wait.outcome)


def error(wait: ToldWait) -> float | None:
    """Seconds by which the middle of what was told first is longer than it took."""
    took, span = seconds(wait), wait.promises[0].span
    return None if took is None or span.high is None else 30.0 * (span.low + span.high) - took


def middle(waits: Sequence[ToldWait]) -> float | None:
    took = [one for wait in waits if (one := seconds(wait)) is not None]
    return median(took) if took else None


def seconds(wait: ToldWait) -> float | None:
    """From the first telling to the answer."""
    if not wait.answered or wait.ended is None:
        return None
    return max(0.0, (wait.ended - wait.promises[0].at).total_seconds())


def queues(waits: Sequence[ToldWait]) -> Iterable[tuple[str, Sequence[ToldWait]]]:
    yield "all", waits
    names = sorted({wait.queue for wait in waits})
    if len(names) > 1:
        for queue in names:
            yield queue, [wait for wait in waits if wait.queue == queue]
