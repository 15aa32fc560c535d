"""How long callers are willing to wait, what that has to do with what they hear, and whether those who gave up came back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from holdsvc.calls.model import Outcome
from holdsvc.calls.service_level import wilson
from holdsvc.reports import levels
from holdsvc.reports.page import Cell, Column, Plot, Section, Series, Unit
from holdsvc.reports.survival import Curve, aalen_johansen, kaplan_meier, log_rank, mean_patience
from holdsvc.reports.table import NOBODY, Flags, Numbers, WaitTable

DAY = 24 * 3600.0
WINDOWS = ((DAY, "24 hours"), (7 * DAY, "7 days"))  # in which a caller who gave up may come back
MARKS = (10, 20, 30, 60, 120, 180, 300, 600)  # seconds at which curves are read
FEW = 20  # abandonments under which a group's curve says little
MOST_POINTS = 600  # of a plotted curve


def abandonment_curve(waits: WaitTable) -> Section:
    """Twice: as it was, and as it would have been had we taken nobody out of the queue before an agent or patience did."""
    gone = waits.ended_as(Outcome.ABANDONED, Outcome.SHORT_ABANDONED)
    others = ~gone & ~waits.waiting
    taken_out = waits.ended_as(Outcome.CALLBACK_TAKEN, Outcome.OVERFLOWED)
    seen = aalen_johansen(waits.seconds, gone, others)
    left_in = aalen_johansen(waits.seconds, gone, others & ~taken_out)
    shown = [drawn("gave up", seen)]
    if taken_out.any():
        shown.append(drawn("had nobody been called back or moved on", left_in))
    return Section(
        "abandonment_curve",
        "Given up by then",
        (
            Column("seconds", "after", Unit.SECONDS),
            Column("share", "of all callers", Unit.SHARE),
            Column("low", "from", Unit.SHARE),
            Column("high", "to", Unit.SHARE),
            Column("censored", "call-backs and moves cut off", Unit.SHARE),
            Column("censored_low", "from", Unit.SHARE),
            Column("censored_high", "to", Unit.SHARE),
        ),
        tuple((float(mark), *read(seen, mark), *read(left_in, mark)) for mark in MARKS),
        (
            "Cumulative incidence (Aalen and Johansen). Of all callers: being answered, called back or moved on compete with "
            "giving up. Cut off: who took a call-back or was moved on is followed to that moment, as one who might have "
            "given up later; all other ends compete. Who takes a call-back may be who would have given up: the truth lies between.",
        ),
        Plot("Given up by then", "seconds on hold", "share of callers", tuple(shown)),
    )


def patience(waits: WaitTable) -> Section:
    """By the kind of content that a caller heard longest."""
    rows: list[tuple[Cell, ...]] = []
    groups, shown = [], []
    for code, name in enumerate(waits.contents):
        of = waits.only(waits.content == code)
        gone = of.ended_as(Outcome.ABANDONED, Outcome.SHORT_ABANDONED)
        curve = kaplan_meier(of.seconds, gone)
        marks = [curve.at(mark) for mark in (30, 60, 120, 300)]
        mean = mean_patience(of.seconds, gone)
        rows.append((name, len(of), curve.events, *marks, curve.median(), mean, few(curve.events)))
        groups.append((of.seconds, gone))
        if curve.events >= FEW:
            shown.append(drawn(name, curve))
    return Section(
        "patience",
        "Patience by content",
        (
            Column("content", "heard longest"),
            Column("waits", "waits", Unit.COUNT),
            Column("abandoned", "gave up", Unit.COUNT),
            Column("at_30", "still there at 30 s", Unit.SHARE),
            Column("at_60", "60 s", Unit.SHARE),
            Column("at_120", "2 min", Unit.SHARE),
            Column("at_300", "5 min", Unit.SHARE),
            Column("median", "half are gone by", Unit.SECONDS),
            Column("mean", "mean if exponential", Unit.SECONDS),
            Column("note", ""),
        ),
        tuple(rows),
        (
            "Kaplan and Meier: giving up is the event; answered, called back, moved on and waiting still are cut off there. "
            "Bands: Greenwood on the log-log scale, 95 %.",
            told_apart(groups),
            "Callers chose what they heard, and whoever waits longer has more time to choose: this compares, it proves no cause. "
            "A call-back taken is no chance cut-off either, and the same caller may stand in it several times.",
        ),
        Plot("Still waiting, were nobody served", "seconds on hold", "share of callers", tuple(shown)) if shown else None,
    )  # fmt: skip


def few(events: int) -> str:
    return "too few to tell" if events < FEW else ""


def told_apart(groups: Sequence[tuple[Numbers, Flags]]) -> str:
    chi, freedom, luck = log_rank(groups) if groups else (0.0, 0, 1.0)
    if not freedom:
        return "There are not two groups that waited while somebody gave up, so nothing can be compared."
    how = "under 1 in 10,000" if luck < 0.0001 else f"{100 * luck:.2g} %" if luck < 0.1 else f"{100 * luck:.0f} %"
    return f"Log-rank test over all groups: chi-square {chi:.2f}, {freedom} degrees of freedom; as much by luck alone: {how}."


def never_came_back(waits: WaitTable, now: float) -> Section:
    """Known callers who gave up: did they call again? Whoever may still do so is not counted as gone."""
    gone = waits.ended_as(Outcome.ABANDONED, Outcome.SHORT_ABANDONED)
    known = gone & (waits.caller != NOBODY)
    until_next = next_call(waits)[known]
    ended = waits.began + waits.seconds
    left = ended[known]
    told_until = min(
        now, float(ended.max(initial=-np.inf))
    )  # of what came later the log knows nothing, if anything came
    rows: list[tuple[Cell, ...]] = []
    for window, words in WINDOWS:
        back, over = until_next <= window, told_until - left >= window
        never, settled = levels.total(~back & over), levels.total(over)
        low, high = wilson(never, settled) or (None, None)
        share = never / settled if settled else None
        rows.append(
            (words, len(left), levels.total(back), levels.total(~back & ~over), settled, never, share, low, high)
        )
    unknown = levels.total(gone) - levels.total(known)
    return Section(
        "never_came_back",
        "Gave up and never called back",
        (
            Column("window", "within"),
            Column("abandoned", "known callers who gave up", Unit.COUNT),
            Column("returned", "called again", Unit.COUNT),
            Column("pending", "may still call", Unit.COUNT),
            Column("over", "window over", Unit.COUNT),
            Column("never", "did not", Unit.COUNT),
            Column("share", "share", Unit.SHARE),
            Column("low", "from", Unit.SHARE),
            Column("high", "to", Unit.SHARE),
        ),
        tuple(rows),
        (
            "The window begins when the caller hung up. The share is of those whose window is over: that somebody "
            "came back is known sooner than that nobody did, and would make it look too good before. The log tells of "
            "calls until its last wait: a window that goes on behind it is not over.",
            f"{unknown} more gave up with a withheld number, or were forgotten since: nobody can say of them.",
        ),
    )


def next_call(waits: WaitTable) -> Numbers:
    """Seconds from the end of each wait to the beginning of the same caller's next; infinity where there is none."""
    order = np.lexsort((waits.began, waits.caller))
    caller, began = waits.caller[order], waits.began[order]
    ended = began + waits.seconds[order]
    until = np.full(len(waits), np.inf)
    if len(waits) > 1:
        same = (caller[1:] == caller[:-1]) & (caller[1:] != NOBODY)
        until[order[:-1]] = np.where(same, np.maximum(0.0, began[1:] - ended[:-1]), np.inf)
    return until


def read(curve: Curve, mark: float) -> tuple[float, float, float]:
    place = int(np.searchsorted(curve.times, mark, side="right")) - 1
    if place < 0:
        return 0.0, 0.0, 0.0
    return float(curve.values[place]), float(curve.low[place]), float(curve.high[place])


def drawn(name: str, curve: Curve) -> Series:
    """Thinned to what a picture can show, evenly over the time: at the end there are few steps, and each counts for much."""
    many = len(curve.times)
    places = np.arange(many)
    if many > MOST_POINTS:
        grid = np.linspace(curve.times[0], curve.times[-1], MOST_POINTS)
        places = np.unique(np.searchsorted(curve.times, grid, side="right") - 1)
    columns = (curve.times, curve.values, curve.low, curve.high)
    return Series(name, *([float(one) for one in column[places]] for column in columns))
