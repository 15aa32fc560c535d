"""`holdsvc outbox`: what could not be told, beside a live service and without one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from holdsvc import cli
from holdsvc.calls.telling import Subscriber, effects
from holdsvc.ports import Due, Letter, Verdict
from holdsvc.settings import SubscriberSettings
from holdsvc.stores.sqlite import SqliteStore
from tests.service import a_call, running, until
from tests.stores.calls import one_call, tell

NUMBER = "5005550123"


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int) -> int:
    monkeypatch.setenv("HOLDSVC_SERVICE__DATA_DIR", str(tmp_path))
    monkeypatch.setenv("HOLDSVC_SERVICE__PORT", str(unused_tcp_port))
    return unused_tcp_port


async def with_dead_letters(folder: Path, number: int = 3) -> list[Letter]:
    """Of two subscribers; one letter more is still on its way."""
    store = SqliteStore(folder / "holdsvc.sqlite3")
    desks = [Subscriber("desk"), Subscriber("crm")]
    store.outbox.causes = lambda session, facts: [Due(Letter(one), 0.0) for one in effects(desks, session, facts)]
    await store.open()
    for n in range(number):
        await tell(store, f"CA{n}", *one_call())
    dead = [
        replace(one, tries=5, fault="status", died=1e9 + n)
        for to in ("desk", "crm")
        for n, one in enumerate(await store.outbox.hand_out(to, 1.0, 2.0, 9))
    ]
    await store.outbox.settle([Verdict(replace(one, tries=0, fault="", died=None), one) for one in dead])
    await tell(store, "CA9", *one_call())
    await store.close()
    return dead


async def holdsvc(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = await asyncio.to_thread(cli.run, ["outbox", *words])
    told = capsys.readouterr()
    return code, told.out + told.err


async def test_the_dead_are_listed_brought_back_and_discarded_where_no_service_runs(
    tmp_path: Path, environment: int, capsys: pytest.CaptureFixture[str]
) -> None:
    first, *_ = dead = await with_dead_letters(tmp_path)

    code, told = await holdsvc(capsys, "list")
    assert code == 0
    assert told.splitlines()[-1] == "6 dead letters, 2 still to be delivered"
    assert all(one.effect.key in told for one in dead)
    assert "wait.ended" in told
    assert "outcome" not in told

    assert await holdsvc(capsys, "retry", first.effect.key) == (0, "1 letters will be tried again\n")
    assert await holdsvc(capsys, "discard", "--to", "crm") == (0, "3 letters were taken out\n")
    assert await holdsvc(capsys, "retry", "--to", "crm") == (1, "0 letters will be tried again\n")
    _, told = await holdsvc(capsys, "list", "--format", "json")
    left = json.loads(told)
    assert (left["dead"], left["waiting"]) == (2, 3)
    assert {one["to"] for one in left["letters"] if one["died"]} == {"desk"}


async def test_beside_a_live_service_they_go_through_it(
    tmp_path: Path, environment: int, capsys: pytest.CaptureFixture[str]
) -> None:
    first, *_ = await with_dead_letters(tmp_path)
    async with running(tmp_path, environment) as service:
        assert (await holdsvc(capsys, "list"))[1].splitlines()[-1] == "6 dead letters, 2 still to be delivered"
        assert (await holdsvc(capsys, "discard", first.effect.key))[0] == 0
        assert (await service.json("/api/v1/outbox"))["dead"] == 5

        told = [await service.client.post(f"{service.base}/api/v1/outbox", data=body) for body in BAD]
        assert [one.status for one in told] == [400] * len(BAD)


BAD = (b"", b"{}", b'{"do": "retry"}', b'{"do": "retry", "key": "a", "to": "b"}', b'{"do": "send", "key": "a"}')


@pytest.mark.parametrize("words", [("retry",), ("discard",), ("retry", "a", "--to", "b")])
async def test_one_says_which_is_meant(
    tmp_path: Path, environment: int, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    code, told = await holdsvc(capsys, *words)

    assert code == 2
    assert "name one letter by its key" in told


async def test_where_nothing_was_ever_kept_it_says_so(
    tmp_path: Path, environment: int, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = await holdsvc(capsys, "list")

    assert code == 2
    assert "there is no wait log" in told


async def test_a_service_counts_what_it_tells_and_says_so_where_it_is_scraped(
    tmp_path: Path, unused_tcp_port_factory, caplog: pytest.LogCaptureFixture
) -> None:
    desk = SubscriberSettings("http://127.0.0.1:9/", "a secret of the tests, and long enough")
    caplog.set_level("DEBUG", "holdsvc")
    async with running(tmp_path, unused_tcp_port_factory(), subscribers={"desk": desk}) as service:
        for step, more in (("call", {}), ("wait", {}), ("status", {"CallStatus": "completed"})):
            assert (await service.hook(step, a_call(**more))).status in (200, 204)
        await until(lambda: any(one.getMessage() == "effect_failed" for one in caplog.records))
        await service.house.outbox.look()
        scraped = await (await service.get("/metrics")).text()
        shown = await (await service.get("/api/v1/outbox")).text()

    assert 'holdsvc_outbox_tries_total{result="failed"} 1.0' in scraped
    assert "holdsvc_outbox_waiting 1.0" in scraped
    assert "holdsvc_outbox_dead 0.0" in scraped
    lines = [str(vars(one)) for one in caplog.records if one.name == "holdsvc.engine.outbox"]
    assert any("'fault': 'address'" in line for line in lines)  # loopback is not allowed by itself
    for text in (shown, *lines):
        assert NUMBER not in text
        assert "127.0.0.1" not in text
