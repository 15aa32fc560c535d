"""What a report must say, counted from the draws alone and in other ways than holdsvc counts.

Curves are counted on a grid of all milliseconds, who called again by walking back from the last call; shares and intervals are
the formulas of the literature, written down once more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import log, sqrt
from typing import TypeAlias

import numpy as np

from tests.benchmarks.reports import draws
from tests.benchmarks.reports.draws import (
    ABANDONED,
    ANSWERED,
    CALLBACK,
    DAY,
    FAILED,
    GIVEN_UP,
    NONE,
    OUTCOMES,
    OVERFLOWED,
    OWED,
    PATIENCE,
    RANGES,
    REACHED,
    SECOND,
    SERVED,
    SHORT,
    TOLD_AFTER,
    TOLD_AGAIN,
    UNKNOWN,
    VIAS,
    WITHDRAWN,
    Draws,
    Flags,
    Whole,
)  # fmt: skip

Figure: TypeAlias = str | int | float | None
Rows: TypeAlias = dict[tuple[Figure, ...], dict[str, Figure]]  # by what names a row
Figures: TypeAlias = dict[str, Rows]  # by section

MINUTE = 60 * SECOND
NOBODY_KNOWS, EARLIER, WITHIN, LATER = -1, 0, 1, 2
CAME = ("earlier", "within", "later")
NEVER = 1 << 60


def figures(of: Draws, now: int) -> Figures:
    return {
        "service_level": service_levels(of),
        "waits": {(name,): waited(of, here) for name, here in queues(of)},
        "outcomes": ends(of),
        "estimates": {(name,): estimates(of, here & (of.told != NONE)) for name, here in queues(of)},
        "estimates_by_range": by_range(of),
        "callbacks": {(name,): callbacks(of, here & (of.outcome == CALLBACK)) for name, here in queues(of)},
        "abandonment_curve": given_up(of),
        "never_came_back": never(of, now),
        "patience": {(name,): patience(of, of.kind == code) for code, name in enumerate(PATIENCE)},
        "choices": choices(of),
        "plays": plays(of),
        "three_minutes": {(name,): law(of, here) for name, here in queues(of)},
    }


def expected_patience() -> dict[str, tuple[float, float]]:
    """Median and mean of each content's callers, by the distribution that they were drawn from."""
    return {name: (log(2) * mean, mean) for name, mean in PATIENCE.items()}


def queues(of: Draws) -> Iterator[tuple[str, Flags]]:
    yield "all", np.ones(len(of), np.bool_)
    for code, name in enumerate(SERVED):
        yield name, of.queue == code


def service_levels(of: Draws) -> Rows:
    rows: Rows = {}
    for name, here in queues(of):
        a, b, f = here & (of.outcome == ANSWERED), here & gone(of), here & (of.outcome == OVERFLOWED)
        in_time, short = of.length <= 20 * SECOND, of.length <= 5 * SECOND
        at, bt, bs = count(a & in_time), count(b & in_time), count(b & short)
        both = count(a) + count(b)
        for variant, part, whole in (
            ("V1", at + bt, both),
            ("V2", at, count(a)),
            ("V3", at, both),
            ("V4", at, both - bt),
            ("V5", at + bs, both),
            ("V6", at, both - bs),
            ("V7", at, both + count(f)),
        ):
            low, high = wilson(part, whole)
            rows[name, variant] = {"share": part / whole, "low": low, "high": high, "part": part, "whole": whole}
    return rows


def waited(of: Draws, here: Flags) -> dict[str, Figure]:
    a, b = here & (of.outcome == ANSWERED), here & gone(of)
    offered, short = count(here), count(b & (of.length <= 5 * SECOND))
    answered = np.sort(of.length[a])
    return {
        "offered": offered,
        "answered": count(a),
        "abandoned": count(b),
        "waiting": count(here & of.waiting),
        "asa": int(answered.sum()) / len(answered) / SECOND,
        "median": at_share(answered, 0.5),
        "p90": at_share(answered, 0.9),
        "longest": int(of.length[here].max()) / SECOND,
        "time_to_abandon": int(of.length[b].sum()) / count(b) / SECOND,
        "abandonment": count(b) / offered,
        "abandonment_net": (count(b) - short) / (offered - short),
    }


def ends(of: Draws) -> Rows:
    rows: Rows = {}
    for name, here in queues(of):
        for code, outcome in [*enumerate(OUTCOMES), (draws.WAITING, "waiting")]:
            if many := count(here & (of.outcome == code)):
                rows[name, outcome] = {"waits": many, "share": many / count(here)}
    return rows


# --- what was told -----------------------------------------------------------------------------------------------------


def came(of: Draws, span: Whole, after: Whole) -> Whole:
    """When the agent came against a range that was told so long after the beginning."""
    low = np.array([one * MINUTE for one, _ in RANGES])[span]
    high = np.array([NEVER if one is None else one * MINUTE for _, one in RANGES])[span]
    since = of.length - after
    late, answered = since > high, of.outcome == ANSWERED
    said = np.where(late, LATER, np.where(answered, np.where(since < low, EARLIER, WITHIN), NOBODY_KNOWS))
    blank = (span == NONE) | of.waiting | np.isin(of.outcome, (FAILED, UNKNOWN))
    return np.where(blank, NOBODY_KNOWS, said)


def came_first(of: Draws) -> Whole:
    return came(of, of.told, np.full(len(of), TOLD_AFTER))


def came_last(of: Draws) -> Whole:
    twice = of.again != NONE
    return came(of, np.where(twice, of.again, of.told), np.where(twice, TOLD_AGAIN, TOLD_AFTER))


def verdict(of: Draws, here: Flags) -> dict[str, Figure]:
    by = [count(here & (came_first(of) == one)) for one in (EARLIER, WITHIN, LATER)]
    low, high = wilson(by[0] + by[1], sum(by))
    counts: dict[str, Figure] = dict(zip(CAME, by, strict=True))
    return {"told": count(here), **counts, "kept": (by[0] + by[1]) / sum(by), "low": low, "high": high}


def estimates(of: Draws, here: Flags) -> dict[str, Figure]:
    last = [count(here & (came_last(of) == one)) for one in (EARLIER, WITHIN, LATER)]
    ended = np.array([NONE if high is None else (low + high) * MINUTE // 2 for low, high in RANGES])[of.told]
    sure = here & (of.outcome == ANSWERED) & (ended != NONE)
    off = (ended - (of.length - TOLD_AFTER))[sure]
    return {
        **verdict(of, here),
        "kept_last": (last[0] + last[1]) / sum(last),
        "longer": count(here & of.longer),
        "error": at_share(np.sort(np.abs(off)), 0.5),
        "bias": at_share(np.sort(off), 0.5),
    }


def by_range(of: Draws) -> Rows:
    rows: Rows = {}
    for code, (low, high) in enumerate(RANGES):
        words = f"over {low} minutes" if high is None else f"{low} to {high} minutes"
        words = words if low else f"less than {high} minute{'' if high == 1 else 's'}"
        here = of.told == code
        took = np.sort(of.length[here & (of.outcome == ANSWERED)] - TOLD_AFTER)
        rows[(words,)] = {**verdict(of, here), "median": at_share(took, 0.5)}
    return rows


def callbacks(of: Draws, here: Flags) -> dict[str, Figure]:
    reached, given_up = here & (of.state == REACHED), here & (of.state == GIVEN_UP)
    took = np.sort(of.took[reached])
    return {
        "asked": count(here),
        "reached": count(reached),
        "given_up": count(given_up),
        "withdrawn": count(here & (of.state == WITHDRAWN)),
        "open": count(here & (of.state == OWED)),
        "completion": count(reached) / (count(reached) + count(given_up)),
        "attempts": int(of.attempts[here].sum()) / count(reached),
        "median": at_share(took, 0.5),
        "saved": int(took.sum()) / SECOND,
    }


# --- who gave up -------------------------------------------------------------------------------------------------------


def given_up(of: Draws) -> Rows:
    """Nobody is cut off before the last of these marks (who waits still began before), so it is a plain share of all."""
    marks = (10, 20, 30, 60, 120, 180, 300, 600)
    return {(float(one),): {"share": count(gone(of) & (of.length <= one * SECOND)) / len(of)} for one in marks}


def patience(of: Draws, here: Flags) -> dict[str, Figure]:
    """The product over every millisecond. Who waits still is there in all of them: they began longer ago than any wait took."""
    ended, left = of.length[here & ~of.waiting], of.length[here & gone(of)]
    end = int(of.length.max()) + 1
    leave = np.bincount(ended, minlength=end)
    there = count(here) - np.concatenate(([0], np.cumsum(leave)[:-1]))
    stays = np.cumprod(1 - np.bincount(left, minlength=end) / np.maximum(there, 1))
    half = np.flatnonzero(stays <= 0.5)
    marks: dict[str, Figure] = {f"at_{one}": float(stays[min(one * SECOND, end - 1)]) for one in (30, 60, 120, 300)}
    median = int(half[0]) / SECOND if len(half) else None
    return {"waits": count(here), "abandoned": len(left), **marks, "median": median}


def never(of: Draws, now: int) -> Rows:
    known = gone(of) & (of.caller != NONE)
    until_next = next_calls(of.began.tolist(), of.ended.tolist(), of.caller.tolist())[known]
    left = of.ended[known]
    rows: Rows = {}
    for words, window in (("24 hours", DAY), ("7 days", 7 * DAY)):
        back = until_next <= window
        over = now - left >= window
        settled, lost = count(over), count(over & ~back)
        low, high = wilson(lost, settled)
        rows[(words,)] = {
            "abandoned": len(left),
            "returned": count(back),
            "pending": count(~back & ~over),
            "over": settled,
            "never": lost,
            "share": lost / settled,
            "low": low,
            "high": high,
        }
    return rows


def next_calls(began: Sequence[int], ended: Sequence[int], caller: Sequence[int]) -> Whole:
    seen: dict[int, int] = {}
    found = [NEVER] * len(began)
    for place in range(len(began) - 1, -1, -1):
        who = caller[place]
        if who in seen:
            found[place] = max(0, seen[who] - ended[place])
        if who != NONE:
            seen[who] = began[place]
    return np.array(found, np.int64)


# --- what was heard ----------------------------------------------------------------------------------------------------


def choices(of: Draws) -> Rows:
    counted: dict[tuple[str, str], int] = {}
    for what, via in chosen(of):
        key = (what, VIAS[via])
        counted[key] = counted.get(key, 0) + 1
    total = sum(counted.values())
    return {key: {"times": many, "share": many / total} for key, many in counted.items()}


def chosen(of: Draws) -> Iterator[tuple[str, int]]:
    kinds, shelf = list(PATIENCE), draws.items()
    for item, via in zip(
        (*of.item.tolist(), *of.second.tolist()), (*of.via.tolist(), *of.second_via.tolist()), strict=True
    ):
        if item != NONE:
            yield kinds[shelf[item][1]], via
    yield from [("callback", 0)] * count(of.outcome == CALLBACK)


def plays(of: Draws) -> Rows:
    rows: Rows = {}
    kinds = list(PATIENCE)
    for code, (name, kind) in enumerate(draws.items()):
        one, other = of.item == code, of.second == code
        if not (one | other).any():
            continue
        callers = np.unique(of.caller[one | other])
        rows[(name,)] = {
            "kind": kinds[kind],
            "plays": count(one) + count(other),
            "callers": count(callers != NONE),
            "seconds": round((int(of.heard[one].sum()) + int(of.second_heard[other].sum())) / SECOND, 2),
        }
    return rows


def law(of: Draws, here: Flags) -> dict[str, Figure]:
    """Who waits still has done so for over three minutes."""
    in_time = here & ~of.waiting & (of.length <= 180 * SECOND)
    answered, lost = count(in_time & (of.outcome == ANSWERED)), count(in_time & gone(of))
    share = answered / count(here)
    return {
        "calls": count(here),
        "answered": answered,
        "share": share,
        "share_kind": answered / (count(here) - lost),
        "unsure": count(here & np.isin(of.outcome, (FAILED, UNKNOWN))),
        "meets": "yes" if share >= 0.95 else "no",
    }


# --- what they share ---------------------------------------------------------------------------------------------------


def gone(of: Draws) -> Flags:
    flags: Flags = (of.outcome == ABANDONED) | (of.outcome == SHORT)
    return flags


def count(flags: Flags) -> int:
    return int(flags.sum())


def at_share(ordered: Whole, share: float) -> float:
    """Seconds; between two of them on the straight line."""
    place = (len(ordered) - 1) * share
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return float(ordered[below] + (place - below) * (ordered[above] - ordered[below])) / SECOND


def wilson(part: int, whole: int) -> tuple[float, float]:
    z = 1.959963984540054
    share = part / whole
    middle, reach = share + z * z / (2 * whole), z * sqrt((share * (1 - share) + z * z / (4 * whole)) / whole)
    return (middle - reach) / (1 + z * z / whole), (middle + reach) / (1 + z * z / whole)
