"""`serve --workers`: several real processes on one port serve as one, add up what they count, and are started anew."""

import os
import re
import signal
import time
from pathlib import Path

import aiohttp
import pytest

from tests.faults.callers import API, STREAMING, callers, until
from tests.faults.service import POLL, READY_WITHIN, Service
from tests.stores.redis_server import emptied, shared_node

BEARER = {"Authorization": f"Bearer {API}"}
CALLS = 12
REACHED = 0.5  # seconds, on a machine that does other things as well


class Workers(Service):
    def start(self) -> None:
        super().start("--workers", "2")

    def wait_until_all_are_ready(self) -> None:
        self.wait_until_ready()
        until = time.monotonic() + READY_WITHIN
        while self.log().count('"event": "ready"') < 2:
            assert time.monotonic() < until, self.log()
            time.sleep(POLL)

    @property
    def children(self) -> list[int]:
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]


@pytest.fixture
def service(tmp_path):
    one = Workers(tmp_path, **STREAMING, STORE__URL=emptied(shared_node()).url, LOG__LEVEL="info")
    one.start()
    one.wait_until_all_are_ready()
    yield one
    one.kill()


def test_the_embedded_store_is_refused_in_one_sentence(tmp_path):
    one = Service(tmp_path)

    said = one.command("serve", "--workers", "2")

    assert said.returncode == 2
    (line,) = said.stderr.splitlines()
    assert "store.url" in line
    assert "redis://" in line


async def metric(there, name: str) -> float:
    """Summed over its labels."""
    async with there.client.get(f"{there.base}/metrics", headers={**BEARER, "Connection": "close"}) as answer:
        text = await answer.text()
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if re.match(rf"{name}[{{ ]", line))


async def release(there, call: str) -> None:
    headers = {**BEARER, "Connection": "close"}  # so that any of the workers gets it
    async with there.client.post(f"{there.base}/api/v1/calls/{call}/release", headers=headers) as answer:
        assert answer.status == 200


async def test_two_workers_serve_as_one_count_as_one_and_outlive_a_death(service):
    async with callers(service.base) as there:
        on_stream = [there.call() for _ in range(CALLS)]
        await until(lambda: all(one.ear.sounds for one in on_stream), 20.0)

        for _ in range(5):  # whichever worker is asked
            assert await metric(there, "holdsvc_streams") == CALLS
            assert await metric(there, "holdsvc_calls_waiting") == CALLS
        for one in on_stream[: CALLS // 2]:
            await release(there, one.leg.sid)
            assert await until(lambda one=one: not one.on_stream) < REACHED
        assert there.findings == set()

        before = service.children
        os.kill(before[0], signal.SIGKILL)
        killed = time.monotonic()
        left = on_stream[CALLS // 2 :]
        await until(lambda: all(one.ear.heard_since(killed + 1.0) for one in left), 15.0)
        await until(lambda: len(service.children) == 2, 10.0)
        assert before[0] not in service.children

        service.process.send_signal(signal.SIGTERM)
        again = time.monotonic()
        async with aiohttp.ClientSession() as client:
            while True:
                async with client.get(f"{service.base}/readyz") as answer:
                    if answer.status == 503:
                        break
                assert time.monotonic() - again < 1.0
        for pid in service.children:
            os.kill(pid, signal.SIGTERM)  # a second word
        assert service.process.wait(15) == 0
