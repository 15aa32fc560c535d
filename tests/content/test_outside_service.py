"""The whole service while everything out there misbehaves: callers hear content throughout, and each fault is named once."""

from __future__ import annotations

import asyncio
import io
import logging
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
from aiohttp import web
from msgspec.structs import replace

from holdsvc import app
from holdsvc.commands.media import list_sources
from holdsvc.config import FetchSettings, SynthesiserSettings
from holdsvc.content.daily import UpdateSettings
from holdsvc.content.feeds import PodcastSettings
from holdsvc.content.fetch import ANY_PORT, Limits
from holdsvc.content.subscriptions import Subscriptions
from tests.content.canaries import ALLOWED, Canary, Honest, honest
from tests.content.kitchen import episode, rss, talk
from tests.content.test_fetch import endless, silent
from tests.service import Service, a_call, running, settings_for

FAULTS = {
    "slow": "did not answer within",
    "huge": "more than 8 MB",
    "endless": "more than 8 MB",
    "broken": "HTTP 500",
    "inward": "not one that we may connect to",
    "words": "not XML",
    "bomb": "DOCTYPE",
    "picture": "not XML",
}


async def huge(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-length": str(10**12)})
    await response.prepare(request)
    await asyncio.Event().wait()
    return response


@pytest.fixture
async def there() -> AsyncIterator[Honest]:
    bird = Canary()
    await bird.open()
    async with honest() as server:
        server.body("/good", rss(episode(1), episode(2)))
        server.body("/hls", rss(episode(3), episode(4, "/list.mp3")))
        server.body("/list.mp3", f"#EXTM3U\nhttp://127.0.0.1:{bird.port}/\n".encode(), content_type="audio/mpeg")
        for number in (1, 2, 3):
            server.body(f"/{number}.opus", talk(number, 12.0), content_type="audio/ogg")
        server.paths |= {"/slow": silent, "/huge": huge, "/endless": endless}
        server.body("/broken", b"", 500)
        server.redirect("/inward", f"http://127.0.0.1:{bird.port}/")
        server.body("/words", b"Hello, this is no feed.", content_type="application/rss+xml")
        server.body("/bomb", b'<!DOCTYPE rss [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><rss>&b;</rss>')
        server.body("/picture", b"\x89PNG\r\n" * 99, content_type="image/png")
        yield server
    await bird.close()
    assert bird.sung == 0


def outside(there: Honest) -> dict[str, object]:
    names = ("good", "hls", *FAULTS)
    return {
        "fetch": FetchSettings((f"{ALLOWED}/32",), (ANY_PORT,)),
        "podcasts": {name: PodcastSettings(there.url(f"/{name}"), "CC-BY-4.0") for name in names},
    }


async def heard(service: Service, number: int, digits: str = "") -> list[str]:
    """The addresses that one caller is given to hear, each asked for and found to sound."""
    call = a_call(f"CA{number:032x}")
    document = await service.document("wait", {**call, "QueueTime": "0"})
    if digits:
        document = await service.document("input", {**call, "Digits": digits})
    addresses = [play.text or "" for play in document.iter("Play")]
    assert addresses
    for address in addresses:
        async with service.client.get(urljoin(service.base, address)) as response:
            sound = await response.read()
            assert response.status == 200, address
            assert len(sound) > 4000
            assert len(set(sound[44:])) > 8, "it is not silence"
    return addresses


def doing(service: Service) -> dict[str, int]:
    return {one.name: one.items for one in service.house.outside() if one.kind in ("podcast", "daily")}


async def test_callers_hear_content_throughout_and_each_fault_is_named_once(
    there: Honest,
    tmp_path: Path,
    unused_tcp_port: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("holdsvc.content.feeds.FEED", Limits(size=8 << 20, seconds=1.0, idle=0.4))
    given = outside(there)
    options = app.Options(ingest=False, fetch=True)
    calls, slowest = 0, 0.0
    loop = asyncio.get_running_loop()

    with caplog.at_level(logging.INFO):
        async with running(tmp_path, unused_tcp_port, options=options, **given) as service:
            async with asyncio.timeout(90):
                while sum(bool(report.fault) for report in service.house.outside()) < len(FAULTS) or (
                    doing(service).get("good"),
                    doing(service).get("hls"),
                ) != (2, 1):
                    calls += 1
                    began = loop.time()
                    await heard(service, calls, digits=("", "1", "2", "3")[calls % 4])
                    slowest = max(slowest, loop.time() - began)
            await service.house.streams.close()
            podcasts = await service.json("/api/v1/sources")
            items = {one["title"]: one for one in (await service.json("/api/v1/content"))["items"]}
            await heard(service, 1000, digits="2")

    reported = {one["name"]: one for one in podcasts["sources"]}
    screen = io.StringIO()
    list_sources(replace(settings_for(tmp_path), **given), tmp_path, screen)
    assert calls >= 10
    assert slowest < 5.0, "a document and its sound, on a machine that has other things to do"
    assert {"Episode 1", "Episode 2", "Episode 3"} <= set(items)
    assert "Episode 4" not in items
    for name, fault in FAULTS.items():
        assert fault in reported[name]["fault"], name
        lines = screen.getvalue().splitlines()
        assert fault in lines[lines.index(f"podcast {name}: 0 on the shelf, last heard of never") + 1]
    named = Counter(getattr(record, "source", "") for record in caplog.records if record.msg == "source_fault")
    assert named == dict.fromkeys(FAULTS, 1)
    assert [record.source for record in caplog.records if record.msg == "item_refused"] == ["hls"]
    assert screen.getvalue().count("not heard: Episode 4: it is a playlist (HLS), not a sound file") == 1
    assert there.url() not in caplog.text


async def test_what_was_fetched_is_there_at_once_after_a_restart_without_asking_anybody(
    there: Honest, tmp_path: Path, unused_tcp_port: int
) -> None:
    given = outside(there)
    given["podcasts"] = {"good": given["podcasts"]["good"]}  # type: ignore[index]
    options = app.Options(ingest=False, fetch=True)
    async with running(tmp_path, unused_tcp_port, options=options, **given) as service, asyncio.timeout(60):
        while doing(service).get("good") != 2:
            await asyncio.sleep(0.05)
    there.requests.clear()

    async with running(tmp_path, unused_tcp_port, options=options, **given) as service:
        titles = [one["title"] for one in (await service.json("/api/v1/content"))["items"] if one["shelf"] == "good"]
        await heard(service, 1, digits="2")
        while doing(service).get("good") is None:
            await asyncio.sleep(0.01)

    assert titles == ["Episode 2", "Episode 1"]
    assert there.requests == []


async def test_a_subscription_by_command_and_an_update_reach_callers_of_a_running_service(
    there: Honest, tmp_path: Path, unused_tcp_port: int
) -> None:
    voice = tmp_path / "voice.wav"
    voice.write_bytes(talk(9, 4.0))
    (tmp_path / "note.txt").write_text("Longer waits today.", "utf-8")
    given = {
        "fetch": FetchSettings((f"{ALLOWED}/32",), (ANY_PORT,)),
        "updates": {"note": UpdateSettings(path=str(tmp_path / "note.txt"), queues=("support",))},
        "synthesiser": SynthesiserSettings(command=("cp", str(voice), "{file}")),
    }
    quick = app.Options(ingest=False, fetch=True, sleep=lambda seconds: asyncio.sleep(min(seconds, 0.05)))

    async with running(tmp_path, unused_tcp_port, options=quick, **given) as service, asyncio.timeout(60):
        Subscriptions(tmp_path).add("stories", PodcastSettings(there.url("/good"), "CC-BY-4.0", keep=1))
        while doing(service) != {"stories": 1, "note": 1}:
            await asyncio.sleep(0.05)
        daily = await heard(service, 1, digits="3")
        podcast = await heard(service, 2, digits="2")
        Subscriptions(tmp_path).remove("stories")
        while doing(service) != {"note": 1}:
            await asyncio.sleep(0.05)
        await heard(service, 2)

    assert daily
    assert podcast


async def test_nothing_is_fetched_unless_the_service_is_told_to(
    there: Honest, tmp_path: Path, unused_tcp_port: int
) -> None:
    async with running(tmp_path, unused_tcp_port, **outside(there)) as service:
        await heard(service, 1)
        assert service.house.outside() == ()

    assert there.requests == []


async def test_a_source_that_will_not_do_is_left_out_and_the_service_serves(
    there: Honest, tmp_path: Path, unused_tcp_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    podcasts = {
        "scheme": PodcastSettings("example.org/feed", "CC-BY-4.0"),
        "licence": PodcastSettings(there.url("/good")),
        "BAD name": PodcastSettings(there.url("/good"), "CC-BY-4.0"),
    }
    Subscriptions(tmp_path).add("stories", PodcastSettings("nonsense", "x"))
    options = app.Options(ingest=False, fetch=True)

    async with running(tmp_path, unused_tcp_port, options=options, podcasts=podcasts) as service:
        await heard(service, 1)
        await heard(service, 2, digits="2")
        reported = doing(service)

    left_out = {record.source: record.reason for record in caplog.records if record.msg == "source_left_out"}
    assert reported == {}
    assert set(left_out) == {"scheme", "licence", "BAD name", "stories"}
    assert "https://" in left_out["scheme"]
    assert "licence" in left_out["licence"]
    assert there.requests == []
