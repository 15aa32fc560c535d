"""What callers are told of their wait, held against what it turned out to be: by the formula's own traffic and by the service."""

from __future__ import annotations

import asyncio
import random
from datetime import datetime
from math import exp
from statistics import fmean
from typing import NamedTuple

import aiohttp
import pytest
from msgspec.structs import replace

from holdsvc.calls.estimate import SHARE
from holdsvc.commands.simulate import service
from holdsvc.commands.simulate import settings_for as embedded
from holdsvc.config import load
from holdsvc.reports.erlang import erlang_a
from holdsvc.simulator.clock import VirtualClock
from holdsvc.simulator.habits import Habits
from holdsvc.simulator.hooks import Target
from holdsvc.simulator.run import simulate
from holdsvc.simulator.staffing import Staffing, error
from holdsvc.simulator.verdict import report
from tests.simulator.foretold import ROWS, average, callers, foretold

FAR = 4.0  # standard errors that chance hardly ever makes


@pytest.mark.parametrize("staff", [ROWS[1], ROWS[4], ROWS[5]], ids=lambda one: f"{one.agents} agents")
def test_as_many_waits_end_within_the_range_as_is_stated_and_no_plain_estimate_comes_closer(staff):
    judged = foretold(staff, 2500, 7)

    assert len(judged.within) > 1000
    assert judged.coverage_error < 0.03, "so wide a band would hold anything"
    assert abs(judged.coverage - SHARE) < FAR * judged.coverage_error
    assert average(judged.off) < 0.85 * average(judged.average_off)
    assert average(judged.off) < 0.85 * average(judged.last_off)
    assert judged.silent < 0.1 * len(judged.within)


@pytest.mark.parametrize("kind", [{"even": True}, {"away": 4}], ids=str)
def test_where_talks_remember_and_agents_come_and_go_it_still_holds_nearly(kind):
    judged = foretold(ROWS[2], 2500, 7, **kind)

    assert judged.coverage > SHARE - 0.05 - FAR * judged.coverage_error
    assert average(judged.off) < average(judged.average_off)


def test_the_traffic_is_erlang_a():
    """A truth that were itself wrong would prove nothing."""
    for staff in ROWS[1:3]:
        came = list(callers(staff, 20_000, random.Random(5)))
        model = erlang_a(staff.rate, 1 / staff.handling, 1 / staff.patience, staff.agents)

        gave_up = fmean(one.ended < one.due for one in came)
        waits = [fmean(one.ended - one.began for one in came[n * 1000 : (n + 1) * 1000]) for n in range(20)]
        assert gave_up == pytest.approx(model.abandoned, abs=0.02)
        assert abs(fmean(waits) - model.mean_wait) < FAR * error(waits)


class Prompt(Staffing, frozen=True):
    """Every agent takes a caller by a document of ours, so that an answer is known when it happens, not after the talk."""

    def habits(self) -> Habits:
        return replace(super().habits(), wordless=0.0)


class Screen:
    """Somebody who looks at the calls every so often, for as long as the run lasts, and writes down what each was told."""

    def __init__(self, target: Target, clock: VirtualClock) -> None:
        self.seen: list[tuple[str, datetime, dict | None]] = []
        self._target, self._clock = target, clock

    async def watch(self) -> None:
        async with aiohttp.ClientSession() as client:
            while True:
                await self._clock.sleep(10.0)
                with self._clock.busy():
                    calls = (await self._get(client, "calls"))["calls"]
                self.seen += [(one["call"], self._clock.now(), one["expected_seconds"]) for one in calls]

    async def waits(self) -> dict[str, Row]:
        async with aiohttp.ClientSession() as client:
            rows = (await self._get(client, "waits?most=1000"))["waits"]
        moments = datetime.fromisoformat
        return {one["call"]: Row(moments(one["began"]), moments(one["ended"]), one["outcome"]) for one in rows}

    async def _get(self, client: aiohttp.ClientSession, what: str) -> dict:
        async with client.get(f"{self._target.base}/api/v1/{what}") as response:
            assert response.status == 200
            return await response.json()


class Row(NamedTuple):
    began: datetime
    ended: datetime
    outcome: str

    @property
    def seconds(self) -> float:
        return (self.ended - self.began).total_seconds()


async def test_what_the_service_told_callers_is_how_it_came(tmp_path):
    clock, staff = VirtualClock(), Prompt(3, 2.0, 120.0, 180.0)
    async with service(embedded(load(None), tmp_path, "support"), clock) as target:
        screen = Screen(target, clock)
        watching = asyncio.create_task(screen.watch())
        verdict = await simulate(target, calls=140, clock=clock, seed=1, staffing=staff)
        watching.cancel()
        log = await screen.waits()

    assert verdict.ok, report(verdict)
    assert sum(told is not None for _, _, told in screen.seen) > 0.8 * len(screen.seen)
    weights, within, off, average_off = [], [], [], []
    for call, at, told in screen.seen:
        row, before = log[call], [one.seconds for one in log.values() if one.outcome == "answered" and one.ended < at]
        if told is None or row.outcome != "answered":
            continue
        truth, waited = (row.ended - at).total_seconds(), (at - row.began).total_seconds()
        weights.append(exp(truth / staff.patience))  # it stands for those, too, who had no patience for so long a wait
        within.append(weights[-1] * (told["low"] <= truth <= told["high"]))
        off.append(weights[-1] * abs(told["likely"] - truth))
        average_off.append(weights[-1] * abs(max(0.0, fmean(before) - waited) - truth))
    assert 0.65 < sum(within) / sum(weights) < 0.95, "of so few waits, and looked at again and again"
    assert sum(off) < 0.9 * sum(average_off)
