"""Callers who come from one queue of the real service into another, by an overflow or by an agent: the books are right."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from holdsvc.commands.simulate import service, settings_for
from holdsvc.config import Settings, load
from holdsvc.ports import Destination
from holdsvc.simulator.clock import RealClock, SimClock, VirtualClock
from holdsvc.simulator.habits import Habits
from holdsvc.simulator.run import simulate
from holdsvc.simulator.verdict import report

ROUND = (("support", "sales"), ("sales", "support"))


def settings(folder: Path, max_wait: float, media: str = "") -> Settings:
    found = settings_for(load(None), folder, "support, sales")
    queues = dict(found.queues)
    for name, onward in ROUND:
        overflow = Destination(redirect=f"/hooks/twilio/call?queue={onward}{media}")
        queues[name] = replace(queues[name], max_wait=max_wait, departures={"overflow": overflow})
    return replace(found, queues=queues)


@pytest.mark.parametrize(("bad", "seed"), [(0.0, 1), (0.3, 2)])
async def test_whoever_is_sent_on_has_a_row_a_wait(tmp_path, bad, seed):
    clock: SimClock = VirtualClock()
    async with service(settings(tmp_path, 50.0), clock) as target:
        verdict = await simulate(
            target,
            calls=60,
            clock=clock,
            seed=seed,
            queue="support, sales",
            duplicate=bad,
            reorder=bad,
            habits=Habits(transfers=0.5, holds=0.1),
        )

    assert verdict.ok, report(verdict)
    assert verdict.waits > verdict.calls + 5
    assert verdict.outcomes["left"] > 3
    assert verdict.steps > 20


async def test_on_streams_as_well(tmp_path):
    async with service(settings(tmp_path, 3.0, "&media=stream"), RealClock()) as target:
        verdict = await simulate(
            target,
            calls=12,
            rate=5.0,
            mode="stream",
            queue="support, sales",
            habits=Habits(transfers=0.5, patience=72.0),
        )

    assert verdict.ok, report(verdict)
    assert verdict.waits > verdict.calls + 3
