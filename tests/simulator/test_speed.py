"""Faster is the same in less time: who calls, who is answered and who gives up stays; only how long it takes does not."""

from __future__ import annotations

import random

import msgspec
import pytest
from msgspec.structs import asdict

from holdsvc.commands.simulate import compared, expected
from holdsvc.simulator.callers import Crowd
from holdsvc.simulator.clock import VirtualClock
from holdsvc.simulator.habits import Habits
from holdsvc.simulator.run import simulate
from holdsvc.simulator.staffing import Staffing
from holdsvc.simulator.verdict import report
from tests.simulator.exchange import opened
from tests.simulator.house import House

SPEED = 10.0
TEXTBOOK = Staffing(14, 6.0, 180.0, 120.0)  # 18 callers for 14 agents: a quarter gives up
SECONDS = {"patience", "fiddle", "talk", "wrap", "hold", "late"}
SHARES = {"staffed", "holds", "transfers", "wordless", "withheld", "known"}
WHOLE = 1.0  # second: as finely as a platform tells what nobody heard of at the moment itself


async def ran(speed: float | None, **given):
    clock = VirtualClock()
    house = House(clock)
    async with opened(house) as target:
        verdict = await simulate(target, clock=clock, seed=11, speed=speed, **given)
    assert verdict.ok, report(verdict)  # the ledger is the truth, at any speed
    return verdict, house.rows(), clock.monotonic()


async def test_ten_times_as_fast_is_the_same_traffic_in_a_tenth_of_the_time():
    slow, slow_log, slow_took = await ran(1.0, calls=150, staffing=TEXTBOOK)
    fast, fast_log, fast_took = await ran(SPEED, calls=150, staffing=TEXTBOOK)

    assert slow.outcomes == fast.outcomes
    assert slow.outcomes["hung up"] > 10
    assert fast_took == pytest.approx(slow_took / SPEED, rel=1e-6)
    assert slow.measured is not None
    assert fast.measured is not None
    assert (fast.measured.abandoned, fast.measured.waited) == (slow.measured.abandoned, slow.measured.waited)
    assert fast.measured.busy == pytest.approx(slow.measured.busy)
    assert fast.measured.mean_wait == pytest.approx(slow.measured.mean_wait / SPEED, rel=1e-3)
    assert [row["call"] for row in slow_log] == [row["call"] for row in fast_log]


async def test_the_log_of_a_faster_run_has_the_same_waits_shorter():
    _, slow, _ = await ran(1.0, calls=150, staffing=TEXTBOOK)
    _, fast, _ = await ran(SPEED, calls=150, staffing=TEXTBOOK)

    exact = [(one, other) for one, other in zip(slow, fast, strict=True) if one["exact"] and other["exact"]]
    assert len(exact) > 100
    assert sum(one["seconds"] > 10 for one, _ in exact) > 20
    for one, other in exact:
        assert one["seconds"] == pytest.approx(other["seconds"] * SPEED, abs=1e-4)
    for one, other in zip(slow, fast, strict=True):
        assert one["seconds"] == pytest.approx(other["seconds"] * SPEED, abs=(1 + SPEED) * WHOLE)
        gave_up = {
            "abandoned",
            "short_abandoned",
        }  # five seconds stay five seconds: more of the shorter waits are short
        assert one["outcome"] == other["outcome"] or {one["outcome"], other["outcome"]} <= gave_up


async def test_people_who_key_and_talk_live_faster_too():
    """As often as they call: with ten times the rate they meet as many agents, and each other."""
    slow, slow_log, slow_took = await ran(None, calls=80, rate=0.5)
    fast, fast_log, fast_took = await ran(SPEED, calls=80, rate=0.5 * SPEED)

    assert (slow.speed, fast.speed) == (1.0, SPEED)
    assert fast_took == pytest.approx(slow_took / SPEED, rel=0.05)
    assert [row["call"] for row in slow_log] == [row["call"] for row in fast_log]
    for end in (
        "answered",
        "hung up",
        "left",
    ):  # what documents take is the service's time: a key may fall into another one
        assert fast.outcomes[end] == pytest.approx(slow.outcomes[end], abs=4)


def test_every_length_of_a_life_is_shorter_and_no_share_is():
    whole, fast = asdict(Habits(transfers=0.2)), asdict(Habits(transfers=0.2).faster(SPEED))

    named = {one.name for one in msgspec.structs.fields(Habits)}
    assert named == SECONDS | SHARES | {"rings", "words_in_talk"}
    assert {name: fast[name] for name in SHARES} == {name: whole[name] for name in SHARES}
    assert fast == whole | {name: whole[name] / SPEED for name in SECONDS} | {"rings": (0.1, 0.4)}


def test_the_same_people_call_at_any_speed():
    habits = Habits()
    numbers = [[Crowd(one, random.Random(4)).number() for _ in range(3)] for one in (habits, habits.faster(SPEED))]

    assert numbers[0] == numbers[1]


async def test_what_was_measured_is_held_against_the_formula_for_the_time_that_was_lived():
    verdict, _, _ = await ran(SPEED, calls=400, staffing=TEXTBOOK)

    model = expected(TEXTBOOK.faster(verdict.speed))
    assert verdict.measured is not None
    assert model.mean_wait == pytest.approx(29.904 / SPEED, abs=1e-3)  # the reference is for one time as fast
    assert model.abandoned == pytest.approx(0.24920, abs=1e-5)
    assert model.occupancy == pytest.approx(0.9653, abs=1e-4)
    assert (
        abs(verdict.measured.mean_wait - model.mean_wait) < 4 * verdict.measured.mean_wait_error < 0.7 * model.mean_wait
    )
    assert "Erlang A:    2.99 s" in compared(verdict.measured, model)
