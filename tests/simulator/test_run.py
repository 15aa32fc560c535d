"""Whole simulations against the fake house: a good one is found good, and each flaw is found."""

import asyncio

import pytest

from holdsvc.simulator.clock import RealClock, VirtualClock
from holdsvc.simulator.hooks import Target
from holdsvc.simulator.run import keep_calling, simulate
from holdsvc.simulator.verdict import report
from holdsvc.simulator.view import Progress
from tests.simulator.exchange import opened
from tests.simulator.house import House


async def verdict_on(*flaws, calls=60, **chaos):
    clock = VirtualClock()
    house = House(clock, flaws=frozenset(flaws))
    async with opened(house) as target:
        return await simulate(target, calls=calls, clock=clock, **chaos)


async def test_a_good_service_has_no_difference_although_the_network_is_bad():
    seen: list[Progress] = []

    verdict = await verdict_on(calls=150, duplicate=0.2, reorder=0.2, seed=5, progress=seen.append)

    assert verdict.ok, report(verdict)
    assert verdict.calls == verdict.waits == 150
    assert {"answered", "hung up", "left"} <= verdict.outcomes.keys()
    assert verdict.figures["repeated"] > 50
    assert verdict.steps > 20
    assert (seen[-1].placed, seen[-1].over) == (150, 150)
    assert report(verdict).endswith("verdict: no difference")


@pytest.mark.parametrize(
    ("flaw", "sentence"),
    [
        ("one row twice", "1 wait happened, 2 rows in the log"),
        ("late answers", "(exactly; answered)"),
        ("deaf to hang-ups", "still open in the log"),
        ("lost count", "/metrics with amendments counts"),
        ("lost count", "offered"),
        ("forbidden", "<Dial> is not allowed in a wait document"),
        ("wrong type", "a sound came as text/plain"),
        ("deaf to keys", "keys and words only 0 changed what was heard"),
        ("misunderstands", "rejected webhooks (fault"),
        ("no log", "/api/v1/waits answered with status 500"),
    ],
)
async def test_each_flaw_of_a_service_is_found(flaw, sentence):
    verdict = await verdict_on(flaw)

    assert not verdict.ok
    assert any(sentence in told for told in (*verdict.differences, *(f.sentence for f in verdict.findings)))
    assert "verdict: no difference" not in report(verdict)


async def test_the_same_seed_gives_the_same_calls():
    first, second, other = [await verdict_on(calls=30, seed=seed) for seed in (4, 4, 5)]

    assert first.outcomes == second.outcomes
    assert first.figures["hooks"] == second.figures["hooks"]
    assert first.figures["hooks"] != other.figures["hooks"]


async def test_in_real_time_documents_and_streams_run_beside_each_other():
    house = House(RealClock())
    async with opened(house) as target:
        verdict = await simulate(target, calls=30, rate=20.0, mode="mixed", speed=90.0, duplicate=0.2, reorder=0.2)

    assert verdict.ok, report(verdict)
    assert verdict.outcomes["answered"] > 3
    assert verdict.figures["first sound p99 ms"] > 0
    assert {"call", "wait", "media:start", "media:media"} <= {step for step, _, _ in house.requests}


async def test_a_stream_cannot_run_on_a_virtual_clock():
    with pytest.raises(ValueError, match="real time"):
        await simulate(Target("http://127.0.0.1:1", "t"), mode="stream", clock=VirtualClock())


async def test_a_service_that_is_not_there_is_a_difference_and_no_error():
    verdict = await simulate(Target("http://127.0.0.1:1", "t"), calls=2, clock=VirtualClock())

    assert any("gave no answer" in sentence for sentence in verdict.differences)
    assert any(finding.code == "hook_status" for finding in verdict.findings)


async def test_a_demonstration_goes_on_until_it_is_stopped():
    house = House(RealClock())
    async with opened(house) as target:
        calling = asyncio.create_task(keep_calling(target.base, target.token, 400, seed=1))
        async with asyncio.timeout(5):
            while len(house.kept) < 5:
                await asyncio.sleep(0.01)
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)

    assert calling.cancelled()


async def test_a_service_that_checks_no_signature_is_found():
    verdict = await verdict_on(calls=10, forged=0.5)

    assert [finding.code for finding in verdict.findings] == ["forged"]
