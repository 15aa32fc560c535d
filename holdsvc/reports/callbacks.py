"""What became of the call-backs that were promised: by queue, out of their rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import median

from holdsvc.calls.callback import Callback, State
from holdsvc.reports.page import Cell, Column, Section, Unit


def callbacks(asked: Sequence[Callback]) -> Section:
    return Section(
        "callbacks",
        "Call-backs that were promised",
        (
            Column("queue", "queue"),
            Column("asked", "asked for", Unit.COUNT),
            Column("reached", "reached", Unit.COUNT),
            Column("given_up", "given up", Unit.COUNT),
            Column("withdrawn", "withdrawn", Unit.COUNT),
            Column("open", "still owed", Unit.COUNT),
            Column("completion", "reached, of those that are over", Unit.SHARE),
            Column("attempts", "attempts for each reached", Unit.NUMBER),
            Column("median", "half reached within", Unit.SECONDS),
            Column("saved", "not spent on the line", Unit.SECONDS),
        ),
        tuple(row(queue, some) for queue, some in queues(asked) if some),
        (
            "Asked for in the period, whatever became of it later. Withdrawn: the caller came again and was answered, or was "
            "forgotten, or the desk said so; those are not among the ones that are over in the share.",
            "Within: from the asking to the word that somebody was reached; who was not is in no such time. Not spent on the "
            "line: the same, of all who were reached together.",
        ),
    )


def queues(asked: Sequence[Callback]) -> list[tuple[str, list[Callback]]]:
    """All of them first, where there are several queues."""
    names = sorted({one.queue for one in asked})
    each = [(str(name), [one for one in asked if one.queue == name]) for name in names]
    return [("all", list(asked)), *each] if len(each) > 1 else each


def row(queue: str, some: Sequence[Callback]) -> tuple[Cell, ...]:
    states = Counter(one.state for one in some)
    reached = [one for one in some if one.state is State.REACHED]
    over = states[State.REACHED] + states[State.GIVEN_UP]
    took = [(one.ended - one.asked).total_seconds() for one in reached if one.ended is not None]
    tries = sum(len(one.attempts) for one in some)
    return (
        queue,
        len(some),
        len(reached),
        states[State.GIVEN_UP],
        states[State.WITHDRAWN],
        sum(one.open for one in some),
        len(reached) / over if over else None,
        tries / len(reached) if reached else None,
        median(took) if took else None,
        sum(took),
    )
