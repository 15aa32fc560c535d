"""How long callers are willing to wait, told from waits of which most were cut short by an agent.

Abandoned is the event; answered, called back, moved on and still waiting are censored. Ties: events come before censorings.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, lgamma, log

import numpy as np
from msgspec import Struct

from holdsvc.calls.service_level import Z95
from holdsvc.reports.table import Flags, Numbers


class Curve(Struct, frozen=True):
    """Steps: from `times[i]` on the value is `values[i]`, within `low[i]` to `high[i]` (95 %)."""

    times: Numbers
    values: Numbers
    low: Numbers
    high: Numbers
    at_risk: Numbers
    events: int
    waits: int

    def at(self, time: float, before: float = 1.0) -> float:
        """The value at a moment; `before` the first step."""
        place = int(np.searchsorted(self.times, time, side="right")) - 1
        return float(self.values[place]) if place >= 0 else before

    def median(self) -> float | None:
        """The moment at which half are gone; None where the waits are too short to tell."""
        below = np.flatnonzero(self.values <= 0.5)
        return float(self.times[below[0]]) if len(below) else None


def kaplan_meier(seconds: Numbers, event: Flags) -> Curve:
    """The share that would still wait, were nobody served. Bands: Greenwood's variance on the log-log scale."""
    times, gone, risk = steps(seconds, event)
    values: Numbers = np.asarray(np.cumprod(1 - gone / risk), np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt(np.cumsum(gone / (risk * (risk - gone)))) / np.abs(np.log(values))
        low, high = values ** np.exp(Z95 * spread), values ** np.exp(-Z95 * spread)
    certain = ~np.isfinite(low) | ~np.isfinite(high)
    low, high = np.where(certain, values, low), np.where(certain, values, high)
    return Curve(times, values, low, high, risk, int(gone.sum()), len(seconds))


def aalen_johansen(seconds: Numbers, event: Flags, other: Flags) -> Curve:
    """The share that has really gone by a moment, where `other` ends compete: what a floor sees.

    Bands by the delta method, cut to 0 and 1.
    """
    times, any_end, risk = steps(seconds, event | other)
    gone = counted(times, seconds[event])
    before = np.concatenate(([1.0], np.cumprod(1 - any_end / risk)[:-1]))
    values = np.cumsum(before * gone / risk)
    reach = Z95 * np.sqrt(_variance(values, before, gone, any_end, risk))
    return Curve(
        times,
        values,
        np.clip(values - reach, 0, 1),
        np.clip(values + reach, 0, 1),
        risk,
        int(gone.sum()),
        len(seconds),
    )


def _variance(values: Numbers, before: Numbers, gone: Numbers, any_end: Numbers, risk: Numbers) -> Numbers:
    """Of the cumulative incidence at each step, by sums that are carried along instead of a double loop."""
    with np.errstate(divide="ignore", invalid="ignore"):
        a = np.nan_to_num(any_end / (risk * np.maximum(risk - any_end, 0)), posinf=0.0)
    b = before**2 * gone * np.maximum(risk - gone, 0) / risk**3
    c = before * gone / risk**2
    # sum over j <= i of (I_i - I_j)^2 a_j + b_j - 2 (I_i - I_j) c_j
    whole: Numbers = (
        values**2 * np.cumsum(a)
        - 2 * values * np.cumsum(values * a)
        + np.cumsum(values**2 * a)
        + np.cumsum(b)
        - 2 * (values * np.cumsum(c) - np.cumsum(values * c))
    )
    return np.maximum(whole, 0.0)


def log_rank(groups: Sequence[tuple[Numbers, Flags]]) -> tuple[float, int, float]:
    """Do the groups' callers wait alike? Chi-square, its degrees of freedom, and the chance of as much by luck alone.

    A group in which nobody gave up says as much as any other; one in which nobody waited until anybody did says nothing.
    """
    together = np.unique(np.concatenate([seconds[event] for seconds, event in groups]))
    groups = [group for group in groups if len(together) and at_risk(together, group[0]).any()]
    if not groups:
        return 0.0, 0, 1.0
    risks = np.array([at_risk(together, seconds) for seconds, _ in groups])
    deaths = np.array([counted(together, seconds[event]) for seconds, event in groups])
    risk, dead = risks.sum(0), deaths.sum(0)
    told = (deaths - risks * dead / risk).sum(1)[:-1]
    weight = np.where(risk > 1, dead * (risk - dead) / np.maximum(risk - 1, 1), 0.0)
    share = risks / risk
    spread = np.array(
        [
            [(weight * share[i] * ((i == j) - share[j])).sum() for j in range(len(groups) - 1)]
            for i in range(len(groups) - 1)
        ]
    )
    freedom = len(groups) - 1
    if not freedom or not len(together) or np.linalg.matrix_rank(spread) < freedom:
        return 0.0, freedom, 1.0
    chi = float(told @ np.linalg.solve(spread, told))
    return chi, freedom, chance(chi, freedom)


def chance(chi: float, freedom: int) -> float:
    """The upper tail of chi-square: the regularised incomplete gamma function by its series and continued fraction."""
    a, x = freedom / 2, chi / 2
    if x <= 0:
        return 1.0
    front = exp(a * log(x) - x - lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        for n in range(1, 1000):
            term *= x / (a + n)
            total += term
            if term < total * 1e-15:
                break
        return 1 - front * total
    b = x + 1 - a
    c, d = 1e300, 1 / b
    fraction = d
    for n in range(1, 1000):
        step = -n * (n - a)
        b += 2
        d = 1 / (step * d + b)
        c = b + step / c
        fraction *= (change := c * d)
        if abs(change - 1) < 1e-15:
            break
    return front * fraction


def mean_patience(seconds: Numbers, event: Flags) -> float | None:
    """Were patience exponential: all that was waited, over those who gave up. None if nobody did."""
    events = int(event.sum())
    return float(seconds.sum()) / events if events else None


def steps(seconds: Numbers, event: Flags) -> tuple[Numbers, Numbers, Numbers]:
    """The moments of events, how many there were, and how many were there to have one."""
    times = np.unique(seconds[event])
    return times, counted(times, seconds[event]), at_risk(times, seconds)


def counted(times: Numbers, seconds: Numbers) -> Numbers:
    """How many of the moments are exactly each of the times."""
    in_order = np.sort(seconds)
    first, last = np.searchsorted(in_order, times, "left"), np.searchsorted(in_order, times, "right")
    return (last - first).astype(np.float64)


def at_risk(times: Numbers, seconds: Numbers) -> Numbers:
    return (len(seconds) - np.searchsorted(np.sort(seconds), times, "left")).astype(np.float64)
