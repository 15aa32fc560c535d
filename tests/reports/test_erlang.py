from __future__ import annotations

import pytest

from holdsvc.reports.erlang import blocked, erlang_a, erlang_c, service_level_c


@pytest.mark.parametrize(("agents", "share"), [(10, 0.214582), (14, 0.056819)])
def test_erlang_b(agents: int, share: float) -> None:
    assert blocked(10, agents) == pytest.approx(share, abs=1e-6)


@pytest.mark.parametrize(
    ("offered", "agents", "handling", "within", "share", "wait", "level", "busy"),
    [
        (10, 11, 180, 20, 0.682118, 122.7813, 38.961, 90.91),
        (10, 12, 180, 20, 0.449388, 40.4449, 64.016, 83.33),
        (10, 13, 180, 20, 0.285270, 17.1162, 79.559, 76.92),
        (10, 14, 180, 20, 0.174132, 7.8359, 88.835, 71.43),
        (10, 15, 180, 20, 0.102042, 3.6735, 94.145, 66.67),
        (48, 55, 240, 15, 0.238701, 8.1840, 84.588, 87.27),
        (18, 21, 180, 20, 0.395872, 23.7523, 71.635, 85.71),
        (48, 50, 60, 20, 0.694456, 20.8337, 64.345, 96.0),
    ],
)
def test_erlang_c(
    offered: float, agents: int, handling: float, within: float, share: float, wait: float, level: float, busy: float
) -> None:
    staffed = erlang_c(offered, agents, handling)

    assert staffed.wait_share == pytest.approx(share, abs=1e-6)
    assert staffed.mean_wait == pytest.approx(wait, abs=1e-4)
    assert 100 * staffed.occupancy == pytest.approx(busy, abs=0.01)
    assert 100 * service_level_c(offered, agents, handling, within) == pytest.approx(level, abs=1e-3)


def test_more_load_than_agents_has_no_answer_without_abandonment() -> None:
    with pytest.raises(ValueError, match="without end"):
        erlang_c(10, 10, 180)


@pytest.mark.parametrize(
    ("arrivals", "service", "impatience", "agents", "share", "abandoned", "seconds", "queue", "busy"),
    [
        (48, 1, 0.5, 50, 0.46777, 3.0912, 3.7095, 2.9676, 93.03),
        (10, 1, 1, 10, 0.54207, 12.511, 7.507, 1.2511, 87.49),
        (10 / 3, 1 / 3, 0.5, 10, 0.49685, 13.746, 16.496, 0.91643, 86.25),
        (10 / 3, 1 / 3, 0.5, 12, 0.27981, 6.160, 7.392, 0.41065, 78.20),
        (6, 1 / 3, 0.5, 14, 0.80007, 24.920, 29.904, 2.99038, 96.53),
    ],
)
def test_erlang_a(
    arrivals: float,
    service: float,
    impatience: float,
    agents: int,
    share: float,
    abandoned: float,
    seconds: float,
    queue: float,
    busy: float,
) -> None:
    model = erlang_a(arrivals, service, impatience, agents)

    assert model.wait_share == pytest.approx(share, abs=1e-5)
    assert 100 * model.abandoned == pytest.approx(abandoned, abs=1e-3)
    assert 60 * model.mean_wait == pytest.approx(seconds, abs=1e-3)
    assert model.queue == pytest.approx(queue, abs=1e-4)
    assert 100 * model.occupancy == pytest.approx(busy, abs=0.01)


def test_without_impatience_the_two_models_agree() -> None:
    patient, endless = erlang_a(10, 1, 1e-9, 12), erlang_c(10, 12, 1)

    assert patient.wait_share == pytest.approx(endless.wait_share, rel=1e-6)
    assert patient.mean_wait == pytest.approx(endless.mean_wait, rel=1e-5)
