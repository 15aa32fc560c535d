"""Podcasts: what is new is fetched once, what is bad is named once, and what was there stays."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from aiohttp import web

from holdsvc.calls.model import Chapter, Kind
from holdsvc.calls.rights import MANNERS, playable
from holdsvc.content.feeds import EPISODE_IDLE, FEED, Podcast, PodcastSettings
from holdsvc.content.fetch import Limits
from holdsvc.content.keeper import MOST_SOON, TICK
from tests.content.canaries import Canary, Honest, honest
from tests.content.kitchen import Kitchen, episode, kitchen, rss, talk
from tests.content.test_fetch import endless, silent


@pytest.fixture
async def there() -> AsyncIterator[Honest]:
    async with honest() as server:
        for number in range(1, 5):
            server.body(f"/{number}.opus", talk(number), content_type="audio/ogg")
        yield server


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Kitchen]:
    async with kitchen(tmp_path) as made:
        yield made


def podcast(room: Kitchen, there: Honest, name: str = "stories", path: str = "/feed", **more: object) -> Podcast:
    settings = PodcastSettings(url=there.url(path), licence="CC-BY-4.0", **{"keep": 2, **more})  # type: ignore[arg-type]
    return Podcast(name, settings, room.fetcher)


def asked(there: Honest) -> list[str]:
    paths = [request.path for request in there.requests]
    there.requests.clear()
    return paths


async def test_the_newest_episodes_come_to_the_shelf_and_old_ones_go(room: Kitchen, there: Honest) -> None:
    there.body("/feed", rss(*(episode(number) for number in (1, 2))))
    room.take(podcast(room, there))
    await room.look()
    first = room.items("stories")

    there.body("/feed", rss(*(episode(number) for number in (1, 2, 3))))
    await room.look_again()

    assert first == ["Episode 2", "Episode 1"], "the newest is heard first"
    assert room.items("stories") == ["Episode 3", "Episode 2"]
    assert asked(there) == ["/feed", "/2.opus", "/1.opus", "/feed", "/3.opus"]
    item = next(item for item in room.library.items if item.title == "Episode 3")
    assert (item.licence.name, item.licence.source, item.language, item.artist) == (
        "CC-BY-4.0",
        "127.0.0.2",
        "en",
        "Stories",
    )
    assert item.seconds == pytest.approx(3.2, abs=0.6)


async def test_a_serial_is_heard_from_its_beginning(room: Kitchen, there: Honest) -> None:
    there.body("/feed", rss(*(episode(number) for number in (3, 1, 2))))
    room.take(podcast(room, there, order="serial", keep=3))

    await room.look()

    assert room.items("stories") == ["Episode 1", "Episode 2", "Episode 3"]
    assert asked(there) == ["/feed", "/1.opus", "/2.opus", "/3.opus"]


async def test_what_a_subscription_says_of_its_licence_and_its_manner_holds_for_each_episode(
    room: Kitchen, there: Honest
) -> None:
    there.body("/feed", rss(episode(1)))
    room.take(podcast(room, there, tags=("comedy",), until=date(2026, 12, 31), territories=("de",)))

    await room.look()

    (item,) = (one for one in room.library.items if one.kind is Kind.PODCAST and one.shelf == "stories")
    assert playable(item, date(2026, 12, 31), "DE", None)
    assert not playable(item, date(2027, 1, 1), "DE", None)
    assert not playable(item, date(2026, 12, 31), "FR", None)
    assert not playable(item, date(2026, 12, 31), "DE", MANNERS["bereavement"])


async def test_a_restart_fetches_nothing_again(room: Kitchen, there: Honest, tmp_path: Path) -> None:
    async def conditional(request: web.Request) -> web.Response:
        if request.headers.get("if-none-match") == '"7"':
            return web.Response(status=304)
        return web.Response(body=rss(episode(1)), headers={"etag": '"7"'})

    there.paths["/feed"] = conditional
    room.take(podcast(room, there))
    await room.look()
    asked(there)

    async with kitchen(tmp_path) as later:
        assert later.items("stories") == ["Episode 1"]
        later.take(podcast(later, there))
        later.clock.time = room.clock.time
        await later.look()
        assert asked(there) == [], "it is not due yet"
        await later.look_again()

        assert asked(there) == ["/feed"]
        assert later.items("stories") == ["Episode 1"]


async def test_a_restart_need_not_read_the_files_anew(room: Kitchen, there: Honest, tmp_path: Path) -> None:
    there.body("/feed", rss(episode(1)))
    room.take(podcast(room, there))
    await room.look()
    known = room.shelf.hashes()

    async with kitchen(tmp_path) as later:
        assert later.shelf.hashes() == known
        file = next(file for file, _, _ in known)
        assert later.library._hashes[(file, file.stat().st_size, file.stat().st_mtime_ns)] == known[next(iter(known))]


async def test_chapters_come_with_the_episode(room: Kitchen, there: Honest) -> None:
    there.body(
        "/chapters.json",
        b'{"version":"1.2.0","chapters":[{"startTime":1.5,"title":"Tea"},{"startTime":99,"title":"Gone"},{"startTime":0,"title":"Intro"}]}',
    )
    there.body("/bad.json", b"<html>")
    there.body("/feed", rss(episode(1, chapters="/chapters.json"), episode(2, chapters="/bad.json")))
    room.take(podcast(room, there))

    await room.look()

    chapters = {item.title: item.chapters for item in room.library.items if item.shelf == "stories"}
    assert chapters == {"Episode 1": (Chapter(0.0, "Intro"), Chapter(1.5, "Tea")), "Episode 2": ()}, (
        "none is after the end"
    )


async def cut(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-length": "100000", "content-type": "audio/mpeg"})
    await response.prepare(request)
    await response.write(b"ID3")
    assert request.transport is not None
    request.transport.close()
    return response


@pytest.mark.parametrize(
    ("body", "kind", "reason"),
    [
        (b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1/secret.ts\n", "audio/mpeg", "playlist"),
        (b"#EXTM3U\n", "application/vnd.apple.mpegurl", "mpegurl"),
        (b"<html>Sign in</html>", "audio/mpeg", "web page"),
        (b"<html>Sign in</html>", "text/html; charset=utf-8", "text/html"),
        (b"", "audio/mpeg", "empty"),
        (b"not sound " * 500, "audio/mpeg", ""),
        (bytes(2 << 20), "audio/mpeg", "more than 1 MB"),
    ],
)
async def test_an_episode_that_is_no_sound_is_refused_once_and_the_others_are_heard(
    room: Kitchen, there: Honest, caplog: pytest.LogCaptureFixture, body: bytes, kind: str, reason: str
) -> None:
    there.body("/bad.mp3", body, content_type=kind)
    there.body("/feed", rss(episode(1), episode(2, "/bad.mp3")))
    room.take(podcast(room, there, most_megabytes=1))

    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            await room.look_again() if room.shelf.states else await room.look()

    assert room.items("stories") == ["Episode 1"]
    (refused,) = room.state("stories").refused
    assert refused.title == "Episode 2"
    assert reason in refused.reason
    assert asked(there).count("/bad.mp3") == 1
    assert [record.msg for record in caplog.records].count("item_refused") == 1
    assert not room.state("stories").fault
    assert len(list(room.shelf.files.iterdir())) == 1


async def test_an_episode_that_is_longer_than_allowed_is_refused(room: Kitchen, there: Honest) -> None:
    there.body("/feed", rss(episode(1, duration="3:00:00"), episode(2)))
    there.body("/2.opus", talk(2, seconds=65), content_type="audio/ogg")
    room.take(podcast(room, there, most_minutes=1))

    await room.look()

    assert room.items("stories") == []
    assert {one.title: one.reason for one in room.state("stories").refused} == {
        "Episode 1": "it is 180 minutes long, more than 1",
        "Episode 2": "it is 1 minutes long, more than 1",
    }
    assert "/1.opus" not in asked(there)


FAULTS = {
    "500": (lambda there: there.body("/feed", b"", 500), "HTTP 500"),
    "404": (lambda there: there.body("/feed", b"", 404), "HTTP 404"),
    "not XML": (lambda there: there.body("/feed", b"{}"), "not XML"),
    "web page": (lambda there: there.body("/feed", b"<html></html>"), "begins with <html>"),
    "doctype": (lambda there: there.body("/feed", b'<!DOCTYPE rss [<!ENTITY a "b">]><rss/>'), "DOCTYPE"),
    "inward": (lambda there: there.redirect("/feed", "http://127.0.0.1:1/"), "not one that we may connect to"),
    "endless": (lambda there: there.paths.update({"/feed": endless}), "more than 8 MB"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_feed_that_misbehaves_is_named_once_and_asked_less_and_less_while_its_shelf_stays(
    room: Kitchen, there: Honest, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr("holdsvc.content.feeds.FEED", Limits(size=8 << 20, seconds=1.0, idle=0.3))
    there.body("/feed", rss(episode(1)))
    room.take(podcast(room, there))
    await room.look()
    misbehave, reason = FAULTS[fault]
    misbehave(there)
    pauses: list[timedelta] = []

    with caplog.at_level(logging.INFO):
        for _ in range(4):
            await room.look_again()
            next_at = room.state("stories").next_at
            assert next_at is not None
            pauses.append(next_at - room.clock.time)

    assert room.items("stories") == ["Episode 1"]
    assert reason in room.keeper.report()[0].fault
    assert [record.msg for record in caplog.records].count("source_fault") == 1
    assert all(after > before * 1.15 for before, after in pairwise(pauses)), pauses
    assert there.url() not in caplog.text

    there.body("/feed", rss(episode(1), episode(2)))
    await room.look_again()
    assert room.items("stories") == ["Episode 2", "Episode 1"]
    assert room.state("stories").fault == ""


async def test_an_episode_that_breaks_off_is_tried_again_later(room: Kitchen, there: Honest) -> None:
    there.paths["/bad.mp3"] = cut
    there.body("/feed", rss(episode(1), episode(2, "/bad.mp3")), etag='"1"')
    room.take(podcast(room, there))
    await room.look()
    broken = room.state("stories")

    there.body("/bad.mp3", talk(2), content_type="audio/ogg")
    await room.look_again()

    assert "Episode 2: " in broken.fault
    assert [one.entry.title for one in broken.kept] == ["Episode 1"]
    assert room.items("stories") == ["Episode 2", "Episode 1"]


async def test_a_feed_that_cannot_be_reached_is_asked_again_within_the_half_minute_for_a_while(
    room: Kitchen, there: Honest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdsvc.content.feeds.FEED", Limits(size=8 << 20, seconds=1.0, idle=0.05))
    there.paths["/feed"] = silent
    room.take(podcast(room, there))
    pauses = []
    for _ in range(MOST_SOON + 2):
        await room.look_again() if room.shelf.states else await room.look()
        next_at = room.state("stories").next_at
        assert next_at is not None
        pauses.append((next_at - room.clock.time).total_seconds())

    assert max(FEED.idle, EPISODE_IDLE) + max(pauses[:MOST_SOON]) + TICK < 30
    assert 60.0 * 0.75 < pauses[-2] < pauses[-1]
    assert "did not answer within" in room.keeper.report()[0].fault

    there.body("/feed", rss(episode(1)))
    await room.look_again()
    assert (room.state("stories").unreached, room.state("stories").failures) == (0, 0)


@pytest.mark.parametrize(("status", "longest"), [(503, 8.0), (404, 3600.0)])
async def test_a_feed_that_was_away_for_a_moment_is_asked_again_soon_but_only_once(
    room: Kitchen, there: Honest, status: int, longest: float
) -> None:
    there.body("/feed", b"", status)
    room.take(podcast(room, there))
    pauses = []
    for look in (room.look, room.look_again):
        await look()
        next_at = room.state("stories").next_at
        assert next_at is not None
        pauses.append((next_at - room.clock.time).total_seconds())

    assert 3.0 < pauses[0] < longest
    assert pauses[1] > 60.0
    assert (pauses[0] < 60.0) is (status == 503)


async def test_pauses_end_at_a_day_and_differ(room: Kitchen, there: Honest) -> None:
    there.body("/feed", b"", 500)
    room.take(podcast(room, there))
    pauses = []
    for _ in range(25):
        await room.look_again() if room.shelf.states else await room.look()
        next_at = room.state("stories").next_at
        assert next_at is not None
        pauses.append((next_at - room.clock.time).total_seconds())

    assert max(pauses) <= 86_400 * 1.25
    assert min(pauses[-5:]) >= 86_400 * 0.75
    assert len(set(pauses[-5:])) == 5


async def test_a_server_that_asks_for_time_is_given_it(room: Kitchen, there: Honest) -> None:
    there.body("/feed", b"", 429, retry_after="7200")
    room.take(podcast(room, there))
    await room.look()

    there.body("/feed", rss(episode(1)))
    await room.look(timedelta(seconds=7100))
    before = room.items("stories")
    await room.look(timedelta(seconds=100))

    assert before == []
    assert room.items("stories") == ["Episode 1"]


async def test_a_slow_feed_does_not_keep_others_waiting(room: Kitchen, there: Honest) -> None:
    there.paths["/slow"] = silent
    there.body("/feed", rss(episode(1)))
    room.take(podcast(room, there, "slow", "/slow"), podcast(room, there))
    await room.keeper.round()

    async with asyncio.timeout(30):
        while room.items("stories") != ["Episode 1"]:
            await asyncio.sleep(0.01)

    assert [one.doing for one in room.keeper.report() if one.name == "slow"] == [""]
    for task in list(room.keeper._looking.values()):
        task.cancel()


async def test_it_tells_how_far_it_is(room: Kitchen, there: Honest) -> None:
    sound = talk(1)
    half = asyncio.Event()

    async def slowly(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-length": str(len(sound)), "content-type": "audio/ogg"})
        await response.prepare(request)
        await response.write(sound[: len(sound) // 2])
        await half.wait()
        await response.write(sound[len(sound) // 2 :])
        return response

    there.paths["/1.opus"] = slowly
    there.body("/feed", rss(episode(1)))
    room.take(podcast(room, there))
    await room.keeper.round()

    async with asyncio.timeout(10):
        while room.keeper.report()[0].doing not in ("1/1 Episode 1: 49 %", "1/1 Episode 1: 50 %"):
            await asyncio.sleep(0)
        half.set()
        while room.keeper.report()[0].doing != "1/1 Episode 1: preparing":
            await asyncio.sleep(0)
    await room.keeper.settle()

    assert room.keeper.report()[0].doing == ""
    assert room.items("stories") == ["Episode 1"]


async def test_a_subscription_that_is_taken_away_takes_its_shelf_with_it_and_its_sound_a_while_later(
    room: Kitchen, there: Honest
) -> None:
    there.body("/feed", rss(episode(1)))
    room.take(podcast(room, there))
    await room.look()
    (sound,) = {one.sound for one in room.state("stories").kept}

    room.take()
    await room.look()
    still = list(room.into.glob(f"{sound}.*"))
    await room.look(timedelta(hours=2))

    assert room.items("stories") == []
    assert still
    assert not list(room.into.glob(f"{sound}.*"))
    assert not list(room.shelf.files.iterdir())


async def test_no_redirect_of_an_episode_leads_inward(room: Kitchen, there: Honest) -> None:
    bird = Canary()
    await bird.open()
    there.redirect("/in.mp3", f"http://127.0.0.1:{bird.port}/")
    there.redirect("/chapters.json", f"http://[::1]:{bird.port}/")
    there.body(
        "/feed",
        rss(episode(1, chapters="/chapters.json"), episode(2, "/in.mp3"), episode(3, f"http://localhost:{bird.port}/")),
    )
    room.take(podcast(room, there, keep=3))

    await room.look()
    await bird.close()

    assert room.items("stories") == ["Episode 1"]
    assert len(room.state("stories").refused) == 2
    assert bird.sung == 0
