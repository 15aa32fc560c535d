"""The queueing models that staffing is planned with, to hold what was measured against what theory expects.

Erlang B and C for callers who never give up, Erlang A for those who do. All rates are per the same unit of time.
"""

from __future__ import annotations

from math import exp

from msgspec import Struct

MOST_WAITING = 100_000  # states of the birth-death chain that are looked at


class Staffed(Struct, frozen=True):
    """`offered` load in erlangs (arrivals times handling time) on so many agents."""

    wait_share: float  # of callers who wait at all
    mean_wait: float  # of all, in the unit of the handling time
    occupancy: float
    queue: float  # mean number waiting


def blocked(offered: float, agents: int) -> float:
    """Erlang B: the share that finds all agents busy, where nobody waits."""
    share = 1.0
    for k in range(1, agents + 1):
        share = offered * share / (k + offered * share)
    return share


def erlang_c(offered: float, agents: int, handling: float) -> Staffed:
    """More load than agents has no answer here: ValueError."""
    if offered >= agents:
        raise ValueError("the queue grows without end")
    share = blocked(offered, agents)
    share = share / (1 - offered / agents * (1 - share))
    mean = share * handling / (agents - offered)
    return Staffed(share, mean, offered / agents, mean * offered / handling)


def service_level_c(offered: float, agents: int, handling: float, within: float) -> float:
    return 1 - erlang_c(offered, agents, handling).wait_share * exp(-(agents - offered) * within / handling)


class Impatient(Struct, frozen=True):
    wait_share: float
    abandoned: float  # share of all callers
    mean_wait: float  # of all callers
    queue: float
    occupancy: float


def erlang_a(arrivals: float, service: float, impatience: float, agents: int) -> Impatient:
    """Arrivals, an agent's rate of service and a caller's rate of giving up, per unit of time."""
    weights = [1.0]
    while len(weights) < MOST_WAITING:
        k = len(weights)
        out = service * min(k, agents) + impatience * max(0, k - agents)
        weights.append(weights[-1] * arrivals / out)
        if k > agents and weights[-1] < max(weights) * 1e-17:
            break
        if weights[-1] > 1e250:  # only ratios matter
            weights = [one / 1e250 for one in weights]
    whole = sum(weights)
    chances = [one / whole for one in weights]
    queue = sum((k - agents) * chance for k, chance in enumerate(chances) if k > agents)
    busy = sum(min(k, agents) * chance for k, chance in enumerate(chances))
    return Impatient(
        wait_share=sum(chances[agents:]),
        abandoned=impatience * queue / arrivals,
        mean_wait=queue / arrivals,
        queue=queue,
        occupancy=busy / agents,
    )
