"""kill -9 of a real service at each point on the way of what it is to tell outside: it is told all the same, by one id."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import aiohttp
import pytest
from twilio.request_validator import RequestValidator

from holdsvc.engine.webhook import secret_of, signature
from tests.engine.test_outbox import Desk
from tests.faults.dies_at import LEASE
from tests.faults.service import TOKEN, Service
from tests.service import a_call, until
from tests.stores.redis_server import emptied, shared_node

SECRET = "a secret of the tests, and long enough"
NUMBER = "+15005550123"
POINTS = {"undecided": 1, "committed": 1, "sent": 2, "answered": 2, "forgetful": 0}  # how often it is told then
REPLICA = "beside another"


def service(folder: Path, point: str, desk: Desk, like: Service | None = None, **more: str) -> Service:
    one = Service(
        folder,
        before=(sys.executable, "-m", "tests.faults.dies_at", point),
        SUBSCRIBERS__DESK__URL=desk.url,
        SUBSCRIBERS__DESK__SECRET=SECRET,
        SUBSCRIBERS__DESK__TELLS="wait.ended",
        SERVICE__ALLOW_OUTGOING="127.0.0.0/8",
        LOG__LEVEL="debug",
        **more,
    )
    if like is not None:
        one.port, one.base = like.port, like.base
    return one


async def hook(one: Service, step: str, **more: str) -> int | None:
    """None: the service died over it."""
    fields = a_call(**{"CallStatus": "in-progress", "From": NUMBER, **more})
    url = f"{one.base}/hooks/twilio/{step}?queue=support"
    signed = {"X-Twilio-Signature": RequestValidator(TOKEN).compute_signature(url, fields)}
    try:
        async with aiohttp.ClientSession() as client, client.post(url, data=fields, headers=signed) as answer:
            return answer.status
    except aiohttp.ClientError:
        return None


async def killed_at(point: str, folder: Path) -> tuple[Desk, str]:
    """A call that hangs up, a service that dies over it and is started again; the platform repeats what was not answered."""
    async with Desk().listening() as desk:
        one = service(folder, point, desk)
        one.start()
        again = service(folder, "never", desk, one)
        try:
            await asyncio.to_thread(one.wait_until_ready)
            assert [await hook(one, "call"), await hook(one, "wait")] == [200, 200]
            answered = await hook(one, "status", CallStatus="completed", CallDuration="7")
            await until(lambda: not one.running, 10.0)
            again.start()
            await asyncio.to_thread(again.wait_until_ready)
            if answered is None:
                assert await hook(again, "status", CallStatus="completed", CallDuration="7") in (200, 204)
            await asyncio.sleep(LEASE + 2)
            again.stop()
            return desk, one.log()
        finally:
            one.kill()
            again.kill()


async def killed_beside_another(folder: Path) -> tuple[Desk, str]:
    """Of two replicas on one Redis the first dies when it has committed; the platform turns to the other."""
    shared = {
        "STORE__URL": emptied(shared_node()).url,
        "LEDGER__URL": f"sqlite:{folder / 'log.sqlite3'}",
        "SERVICE__SECRET": "the same for both of the two replicas",
    }
    async with Desk().listening() as desk:
        one, other = (service(folder / point, point, desk, **shared) for point in ("committed", "never"))
        try:
            for each in (one, other):
                each.start()
            for each in (one, other):
                await asyncio.to_thread(each.wait_until_ready)
            assert [await hook(one, "call"), await hook(one, "wait")] == [200, 200]
            assert await hook(one, "status", CallStatus="completed", CallDuration="7") is None
            await until(lambda: not one.running, 10.0)
            assert await hook(other, "status", CallStatus="completed", CallDuration="7") in (200, 204)
            await asyncio.sleep(LEASE + 2)
            other.stop()
            return desk, one.log() + other.log()
        finally:
            one.kill()
            other.kill()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Desk, str]]:
    """All at once: most of it is waiting."""

    async def each() -> list[tuple[Desk, str]]:
        folder = tmp_path_factory.mktemp("told")
        alone = (killed_at(point, folder / point) for point in POINTS)
        return list(await asyncio.gather(*alone, killed_beside_another(folder / REPLICA)))

    return dict(zip((*POINTS, REPLICA), asyncio.run(each()), strict=True))


@pytest.mark.parametrize(("point", "times"), [*((point, n) for point, n in POINTS.items() if n), (REPLICA, 1)])
def test_it_is_told_by_the_next_process_with_one_id_and_one_wording(
    told: dict[str, tuple[Desk, str]], point: str, times: int
) -> None:
    desk, _ = told[point]

    assert len(desk.heard) == times
    assert len(desk.ids()) == len({one.body for one in desk.heard}) == 1
    for one in desk.heard:
        head = one.headers
        assert head["idempotency-key"] == head["webhook-id"]
        assert head["webhook-signature"] == signature(
            secret_of(SECRET), head["webhook-id"], head["webhook-timestamp"], one.body
        )
        said = json.loads(one.body)
        assert (said["type"], said["data"]["outcome"]) == ("wait.ended", "short_abandoned")


def test_control_without_letters_the_same_kill_loses_it(told: dict[str, tuple[Desk, str]]) -> None:
    desk, _ = told["forgetful"]

    assert desk.heard == []


def test_no_log_and_no_message_holds_the_number_the_secret_or_the_address(told: dict[str, tuple[Desk, str]]) -> None:
    for desk, log in told.values():
        text = log + "".join(one.body.decode() for one in desk.heard)
        assert '"event": "' in log
        for word in (NUMBER.removeprefix("+"), NUMBER[2:], SECRET, "a-token-in-the-path"):
            assert word not in text
