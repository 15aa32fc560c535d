"""Waits by chance, from a fixed seed: who called when, what they heard, how long they would have stayed, what became of them.

Each caller has a patience of their own, exponential with a mean that depends on what they hear, and independent of everything that
may come before it is over; so what a report may find of patience is known beforehand. Moments and lengths are whole milliseconds,
so that there are ties. Nothing of holdsvc is used here.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Whole: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]

SEED = 20261122
OUTCOMES = (
    "answered", "abandoned", "callback_taken", "left_by_choice", "overflowed", "failed", "unknown", "short_abandoned",
)  # fmt: skip
ANSWERED, ABANDONED, CALLBACK, LEFT, OVERFLOWED, FAILED, UNKNOWN, SHORT = range(8)
WAITING = NONE = -1
SERVED = {"billing": 200.0, "booking": 90.0, "sales": 45.0, "support": 120.0}  # mean seconds until an agent is there
FULL = {"billing": 420.0, "booking": 900.0, "sales": 900.0, "support": 900.0}  # seconds after which it moves callers on
PATIENCE = {"music": 150.0, "podcast": 320.0, "daily": 240.0, "quiz": 400.0, "quiet": 70.0, "nothing": 45.0}
LIKED = (0.45, 0.2, 0.1, 0.1, 0.1, 0.05)  # what callers hear, in the order above
NOTHING = 5
VIAS, BY_THEM = ("key", "voice", "remembered", "default"), (0.45, 0.1, 0.2, 0.25)
RANGES = ((0, 1), (0, 2), (1, 3), (2, 5), (5, 10), (60, None))  # minutes; the last without end
STATES = ("owed", "reached", "given_up", "withdrawn")
OWED, REACHED, GIVEN_UP, WITHDRAWN = range(4)
SECOND, HOUR, DAY = 1000, 3_600_000, 86_400_000  # milliseconds
DAYS = 120
TOLD_AFTER, TOLD_AGAIN = 10 * SECOND, 45 * SECOND
SHELF = Path(__file__).parents[3] / "media" / "index.toml"


class Draws(Struct, frozen=True):
    """One place a wait, in the order in which they began. -1: none of it."""

    began: Whole
    length: Whole  # 0 for who waits still
    outcome: Whole  # into OUTCOMES; WAITING
    queue: Whole  # into SERVED
    caller: Whole
    kind: Whole  # into PATIENCE: what was heard longest
    item: Whole  # into the items
    heard: Whole
    second: Whole  # another item, for a quarter of the time
    second_heard: Whole
    via: Whole  # into VIAS, of the first choice and of the second
    second_via: Whole
    told: Whole  # into RANGES, TOLD_AFTER the beginning
    again: Whole  # TOLD_AGAIN
    longer: Flags  # with the words that it takes longer
    state: Whole  # of the call-back, into STATES
    took: Whole  # until it was over
    attempts: Whole

    @property
    def ended(self) -> Whole:
        """The beginning, for who waits still."""
        return self.began + self.length

    @property
    def waiting(self) -> Flags:
        flags: Flags = self.outcome == WAITING
        return flags

    def __len__(self) -> int:
        return len(self.began)


def items() -> tuple[tuple[str, int], ...]:
    """Names of all on the shipped shelf that callers choose, each with its kind; and the quiet."""
    shelf = tomllib.loads(SHELF.read_text("utf-8"))["item"]
    kinds = list(PATIENCE)
    chosen = [(one["id"], kinds.index(one["kind"])) for one in shelf if one["kind"] in kinds]
    return (*chosen, ("quiet", kinds.index("quiet")))


def draw(waits: int, now: int) -> Draws:
    """All began before `now`, milliseconds since 1970."""
    rng = np.random.default_rng(SEED)
    queue, kind = rng.integers(len(SERVED), size=waits), rng.choice(len(LIKED), waits, p=LIKED)
    outcome, length, at_once = ends(rng, queue, kind)
    kind[at_once] = NOTHING
    began, caller = calls(rng, outcome, length, now)
    still = rng.choice(waits, max(3, waits // 50_000), replace=False)
    began[still] = now - rng.integers(1000 * SECOND, 3000 * SECOND, len(still))
    outcome[still], length[still] = WAITING, 0
    order = np.argsort(began, kind="stable")
    began, length, outcome, queue, caller, kind = (one[order] for one in (began, length, outcome, queue, caller, kind))
    item, sound, second, more, via, other = heard(
        rng, kind, np.where(outcome == WAITING, 60 * SECOND, length * 9 // 10)
    )
    first, again, longer = told(rng, np.where(outcome == WAITING, HOUR, length))
    asked = outcome == CALLBACK
    state = np.where(asked, rng.choice(len(STATES), waits, p=(0.1, 0.7, 0.12, 0.08)), NONE)
    tried = np.isin(state, (REACHED, GIVEN_UP))
    return Draws(
        began, length, outcome, queue, caller, kind, item, sound, second, more, via, other, first, again, longer, state,
        milliseconds(rng.exponential(1800.0, waits)), np.where(tried, rng.integers(1, 4, waits), 0),
    )  # fmt: skip


def ends(rng: np.random.Generator, queue: Whole, kind: Whole) -> tuple[Whole, Whole, Flags]:
    """Whatever comes first ends the wait; some are answered at once."""
    many = len(queue)
    at_once = rng.random(many) < 0.08
    service = rng.exponential(np.array(list(SERVED.values()))[queue])
    first = np.stack(
        (
            np.where(at_once, 0.0, service),
            rng.exponential(np.array(list(PATIENCE.values()))[kind]),
            some(rng, 0.06, rng.uniform(30.0, 300.0, many)),
            some(rng, 0.02, rng.exponential(60.0, many)),
            np.array(list(FULL.values()))[queue],
            some(rng, 0.002, rng.exponential(40.0, many)),
            some(rng, 0.004, rng.exponential(90.0, many)),
        )
    )
    outcome = first.argmin(0).astype(np.int64)
    length = milliseconds(first.min(0))
    outcome[(outcome == ABANDONED) & (length < 5 * SECOND)] = SHORT
    return outcome, length, at_once


def calls(rng: np.random.Generator, outcome: Whole, length: Whole, now: int) -> tuple[Whole, Whole]:
    """When each began and who called: strangers, regulars, withheld numbers, and those who gave up and called again."""
    many = len(outcome)
    began = now - rng.integers(1, DAYS + 1, many) * DAY
    began = began + milliseconds(np.clip(rng.normal(11.0, 3.5, many), 0.0, 22.0) * 3600)
    regulars = max(3, many // 200)
    caller = np.where(rng.random(many) < 0.3, rng.integers(0, regulars, many), regulars + np.arange(many))
    caller[rng.random(many) < 0.05] = NONE
    first = many * 85 // 100
    gone = np.flatnonzero(np.isin(outcome[:first], (ABANDONED, SHORT)))
    back = rng.permutation(gone)[: min(many - first, len(gone) * 2 // 3)]
    delay = milliseconds(rng.exponential(rng.choice((0.5, 30.0, 192.0), len(back), p=(0.5, 0.35, 0.15)) * 3600))
    again, callers = (began + length)[back] + delay, caller[back]
    in_time = again < now - 2 * HOUR
    places = first + np.flatnonzero(in_time)
    began[places], caller[places] = again[in_time], callers[in_time]
    for window in (DAY, 7 * DAY):  # nobody's window may end while the report is made
        near = (began >= now - window - 2 * HOUR) & (began < now - window + HOUR)
        began[near] -= 3 * HOUR
    return began, caller


def heard(rng: np.random.Generator, kind: Whole, sound: Whole) -> tuple[Whole, Whole, Whole, Whole, Whole, Whole]:
    """One item for the whole time, or two, the first for three quarters of it; and how they were chosen."""
    many, shelf = len(kind), items()
    kinds = np.array([one for _, one in shelf])
    item = np.full(many, NONE, np.int64)
    for one in range(NOTHING):
        item[kind == one] = rng.choice(np.flatnonzero(kinds == one), np.count_nonzero(kind == one))
    listens = item != NONE
    both = listens & (rng.random(many) < 0.3)
    second = np.where(both, (item + rng.integers(1, len(shelf), many)) % len(shelf), NONE)
    return (
        item,
        np.where(both, sound * 3 // 4, np.where(listens, sound, 0)),
        second,
        np.where(both, sound // 4, 0),
        np.where(listens, rng.choice(len(VIAS), many, p=BY_THEM), NONE),
        np.where(both, rng.integers(0, 2, many), NONE),
    )


def told(rng: np.random.Generator, length: Whole) -> tuple[Whole, Whole, Flags]:
    many, odds = len(length), (0.15, 0.2, 0.25, 0.2, 0.15, 0.05)
    first = (length > 15 * SECOND) & (rng.random(many) < 0.5)
    again = first & (length > 60 * SECOND) & (rng.random(many) < 0.3)
    return (
        np.where(first, rng.choice(len(RANGES), many, p=odds), NONE),
        np.where(again, rng.choice(len(RANGES), many, p=odds), NONE),
        again & (rng.random(many) < 0.4),
    )


def some(rng: np.random.Generator, share: float, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """To the others it never happens."""
    return np.where(rng.random(len(seconds)) < share, seconds, np.inf)


def milliseconds(seconds: NDArray[np.float64]) -> Whole:
    return np.rint(seconds * SECOND).astype(np.int64)
