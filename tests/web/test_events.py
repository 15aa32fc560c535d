"""When those who watch the wall are told: all at the same moments, none twice for one of them, each within a second of a change."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdsvc.errors import StoreUnavailable
from holdsvc.web.events import EVERY, FRESH, until_all
from tests.service import Service, running, until

MOMENTS = st.floats(0, 1e6)
EARLY = 0.01  # seconds by which a timer may go off before its time, and more


@given(MOMENTS)
def test_whoever_comes_is_told_with_all_others_and_soon(now):
    told = now + until_all(now)

    assert 0 < told - now <= 1.11 * EVERY
    assert told / EVERY == pytest.approx(round(told / EVERY), abs=1e-6)


@given(MOMENTS, st.floats(-EARLY, EARLY))
def test_a_timer_that_goes_off_a_little_early_or_late_misses_no_moment_and_repeats_none(now, off):
    first = now + until_all(now)

    second = first + off + until_all(first + off)

    assert second - first == pytest.approx(EVERY, abs=1e-6)


def test_a_change_that_just_missed_the_figures_is_told_within_a_second():
    assert FRESH + EVERY < 0.9, "something must be left for the way"


async def first_event(service: Service) -> dict:
    async with service.client.get(f"{service.base}/api/v1/events") as stream:
        async for line in stream.content:
            if line.startswith(b"data: "):
                return msgspec.json.decode(line.removeprefix(b"data: "))
    raise AssertionError("the stream ended")


async def degraded(service: Service) -> tuple[list[str], bool]:
    """As the wall is told when it asks, and whether the metric says it of the store."""
    figures = await (await service.get("/metrics")).text()
    return (await service.json("/api/v1/wall"))["degraded"], 'holdsvc_degraded{part="store"} 1.0' in figures


async def test_a_wall_is_told_that_the_store_is_away_as_long_as_the_metric_says_so(
    tmp_path, unused_tcp_port, monkeypatch
):
    async def away(now, most):
        raise StoreUnavailable("its disk is gone")

    async with running(tmp_path, unused_tcp_port) as service:
        assert await degraded(service) == ([], False)

        with monkeypatch.context() as outage:
            outage.setattr(service.house.store, "due", away)
            await until(service.house.roster.away)
            assert await degraded(service) == (["store"], True)
            assert (await first_event(service))["degraded"] == ["store"]
        await until(lambda: not service.house.roster.away())

        assert await degraded(service) == ([], False)
