"""What the benchmark of words counts is right: who holds a stream, who is asked, what is told. No time is judged here."""

from pathlib import Path

import pytest

from tests.benchmarks import words
from tests.benchmarks.streams import shelf
from tests.faults.callers import callers
from tests.stores.redis_server import emptied, shared_node

SHORT = 20.0  # seconds of sound of an item


async def test_callers_are_released_by_the_worker_that_does_not_hold_their_streams(tmp_path: Path) -> None:
    redis = emptied(shared_node())
    async with words.serving(tmp_path, shelf.fill(tmp_path, SHORT), redis, 2) as service:
        asking = await words.one_line_each(service)
        assert set(asking) == set(service.pids)

        async with callers(service.base) as there:
            some = await words.placed(there, service, asking, 6)
            assert len(some) == 6
            whose = service.whose()
            for caller, line in some:
                assert caller.leg.stream is not None
                holds = whose[words.port_of(caller.leg.stream._socket)]
                asked = whose[words.port_of(line._transport)]
                assert {holds, asked} == set(service.pids)

                released = await words.one(service.pids, line, caller.leg)
                assert not caller.on_stream
                assert released.took >= 0.0
                assert len(released.waited) == 2
        assert service.complaints() == "none"


def test_what_two_workers_take_is_told_by_what_one_takes_round_by_round(capsys: pytest.CaptureFixture[str]) -> None:
    words.tell_costs([words.Cost(n, 1000 * n, cores, "") for n, cores in ((1, 0.2), (2, 0.44), (1, 0.3), (2, 0.54))])

    assert capsys.readouterr().out.splitlines()[-1] == "CPU of a stream, two workers by one: 1.10, 0.90"


def test_a_release_for_which_somebody_waited_for_a_core_is_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    quiet, busy = words.Released(0.012, 0.001, (0.002, 0.0), 5.5), words.Released(0.130, 0.001, (0.09, 0.0), 7.1)

    words.tell_releases([quiet, busy])
    words.tell_slow([quiet, busy], {7: 31})

    every, undisturbed, slow = capsys.readouterr().out.splitlines()
    assert every == "2 releases: p50 130.0 ms, p99 130.0 ms, max 130.0 ms"
    assert undisturbed.startswith("1 of them")
    assert undisturbed.endswith("p50 12.0 ms, p99 12.0 ms, max 12.0 ms")
    assert "130 ms: workers and Redis waited 90, 0 ms for a core" in slow
    assert slow.endswith("31 ms")
