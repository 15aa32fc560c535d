"""How long callers are likely to wait, as the whole service tells it: from hooks in to the API, the wall and the quiz out."""

from datetime import UTC, datetime, timedelta

import pytest
from jsonschema import Draft202012Validator

from holdsvc import __version__
from holdsvc.web.openapi import description
from tests.service import Service, a_call, running

BEGIN = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
EVERY = 30.0  # seconds, in which one comes and one is answered
BEHIND = 3  # of them wait at any moment, each for a minute and a half


class HandClock:
    def __init__(self) -> None:
        self.at = BEGIN

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - BEGIN).total_seconds()

    def pass_by(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def caller(number: int, **more: str) -> dict[str, str]:
    return a_call(f"CA{number:032x}", From=f"+1500555{number:04d}", **more)


async def a_busy_time(service: Service, clock: HandClock, calls: range = range(20)) -> None:
    for number in calls:
        await service.document("wait", caller(number, QueueTime="0"))
        if number >= BEHIND:
            await service.document("agent", caller(number - BEHIND, DequeingCallSid="CA" + "9" * 32))
        clock.pass_by(EVERY)


async def told(service: Service) -> tuple[list[dict | None], dict | None, dict | None]:
    """Of each call, of the queue, and of the queue on the wall."""
    calls = (await service.json("/api/v1/calls?queue=support"))["calls"]
    queues = (await service.json("/api/v1/queues"))["queues"]
    wall = (await service.json("/api/v1/wall"))["queues"]
    queue, shown = (next(one for one in rows if one["queue"] == "support") for rows in (queues, wall))
    return [one["expected_seconds"] for one in calls], queue["expected_seconds"], shown["expected_seconds"]


async def test_each_caller_the_queue_and_the_wall_have_a_range_once_enough_were_answered(tmp_path, unused_tcp_port):
    clock = HandClock()
    async with running(tmp_path, unused_tcp_port, clock=clock) as service:
        nothing = await told(service)
        await a_busy_time(service, clock, range(6))
        too_few = await told(service)
        await a_busy_time(service, clock, range(6, 26))
        calls, queue, wall = await told(service)

    assert nothing == ([], None, None)
    assert too_few == ([None] * BEHIND, None, None)
    assert len(calls) == BEHIND
    assert [one["likely"] for one in calls] == pytest.approx([EVERY, 2 * EVERY, 3 * EVERY], rel=0.2)
    assert all(one["low"] < one["likely"] < one["high"] and one["ground"] == "place" for one in calls)
    assert queue["likely"] == pytest.approx(4 * EVERY, rel=0.2)
    assert wall == queue


async def test_the_platform_s_own_count_of_the_place_is_heeded(tmp_path, unused_tcp_port):
    clock = HandClock()
    async with running(tmp_path, unused_tcp_port, clock=clock) as service:
        await a_busy_time(service, clock)
        await service.document("wait", caller(19, QueueTime="30", QueuePosition="1"))
        calls, _, _ = await told(service)

    assert calls[-1]["likely"] == calls[0]["likely"], "two in front of it are gone, and we were not told yet"


async def test_after_a_restart_the_log_says_how_the_queue_moves(tmp_path, unused_tcp_port):
    clock = HandClock()
    async with running(tmp_path, unused_tcp_port, clock=clock) as service:
        await a_busy_time(service, clock)
        before = await told(service)

    async with running(tmp_path, unused_tcp_port, clock=clock) as service:
        after = await told(service)
        clock.pass_by(7200)
        much_later = await told(service)

    assert before[1] is not None
    assert after == before
    assert much_later == ([None] * BEHIND, None, None)


async def test_what_is_told_is_what_the_description_says(tmp_path, unused_tcp_port):
    clock = HandClock()
    described = description(__version__)
    async with running(tmp_path, unused_tcp_port, clock=clock) as service:
        await a_busy_time(service, clock, range(2))
        early = [(name, await service.json(f"/api/v1/{name}")) for name in ("calls", "queues", "wall")]
        await a_busy_time(service, clock, range(2, 22))
        late = [(name, await service.json(f"/api/v1/{name}")) for name in ("calls", "queues", "wall")]

    for name, told in (*early, *late):
        answer = described["paths"][f"/api/v1/{name}"]["get"]["responses"]["200"]["content"]["application/json"]
        Draft202012Validator({**answer["schema"], "components": described["components"]}).validate(told)
    shown = described["components"]["schemas"]["WaitingCall"]
    assert "expected_seconds" in shown["required"]
    assert set(described["components"]["schemas"]["Expected"]["required"]) == {"low", "likely", "high", "ground"}
