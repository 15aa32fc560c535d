"""What is added by command, or forgotten, while the service is running and somebody is listening."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urljoin

import pytest

from holdsvc import app
from holdsvc.calls.model import ContentItem
from holdsvc.clock import SystemClock
from holdsvc.content import shelf_command
from holdsvc.content.fetched import LINGER
from holdsvc.content.keeper import TICK, Keeper
from holdsvc.content.library import Library
from tests.content.shelf import FREE
from tests.content.signals import file, tone
from tests.service import Service, a_call, running, settings_for


class Ahead(SystemClock):
    """The clock on the wall, put forward."""

    ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


class Shop:
    """The operator at the command line, beside a service on the same data folder."""

    def __init__(self, folder: Path, service: Service, clock: Ahead, looked: list[float]) -> None:
        self.folder, self.service, self.clock, self.looked = folder, service, clock, looked

    async def looks(self, times: int) -> None:
        """Wait until the service has looked around so many times more."""
        async with asyncio.timeout(20):
            before = len(self.looked)
            while len(self.looked) < before + times:
                await asyncio.sleep(0.01)

    @property
    def library(self) -> Library:
        return app.open_library(settings_for(self.folder), self.folder)

    async def add(self, title: str) -> ContentItem:
        song = self.folder / f"{title}.wav"
        song.write_bytes(file(tone(40.0, 300 + len(title)), ".wav"))
        where = {"overlay": self.folder / "media", "into": self.folder / "sound", "out": io.StringIO()}
        said = {"kind": "podcast", "shelf": "ours", "title": title, "licence": FREE, "language": "en", "id": title}
        return await asyncio.to_thread(shelf_command.add, song, library=self.library, **where, **said)

    async def forget(self, name: str) -> None:
        where = {"overlay": self.folder / "media", "into": self.folder / "sound"}
        await asyncio.to_thread(shelf_command.forget, name, library=self.library, **where, heard=True)

    async def offered(self) -> set[str]:
        return {one["id"] for one in (await self.service.json("/api/v1/content"))["items"]}

    async def until_offered(self, *names: str) -> None:
        async with asyncio.timeout(20):
            while await self.offered() & {"first", "second"} != set(names):
                await asyncio.sleep(0.02)

    async def hears(self, number: int, step: str = "wait", **more: str) -> list[bytes]:
        """What one caller is given to hear, as it sounds."""
        document = await self.service.document(step, {**a_call(f"CA{number:032x}"), "QueueTime": "0", **more})
        return [await self.sound(play.text or "") for play in document.iter("Play")]

    async def sound(self, address: str) -> bytes:
        async with self.service.client.get(urljoin(self.service.base, address)) as response:
            assert response.status == 200, address
            return await response.read()


@pytest.fixture
async def shop(tmp_path: Path, unused_tcp_port: int) -> AsyncIterator[Shop]:
    clock, looked = Ahead(), list[float]()

    async def sleep(seconds: float) -> None:
        task = asyncio.current_task()
        keeper = task is not None and task.get_coro().__qualname__ == Keeper.run.__qualname__  # others sleep as long
        looked.extend([seconds] if keeper and seconds == TICK else [])
        await asyncio.sleep(min(seconds, 0.02))

    options = app.Options(ingest=False, fetch=True, sleep=sleep)
    async with running(tmp_path, unused_tcp_port, clock=clock, options=options) as service:
        yield Shop(tmp_path, service, clock, looked)


async def test_what_is_added_by_command_is_heard_without_a_new_start(shop: Shop) -> None:
    assert not await shop.offered() & {"first"}

    item = await shop.add("first")
    await shop.until_offered("first")

    await shop.hears(1)
    assert bytes(shop.library.sound(item.id)[:8000]) in b"".join(await shop.hears(1, "input", Digits="2"))


async def test_a_caller_who_hears_an_item_that_is_forgotten_goes_on_with_another(shop: Shop) -> None:
    items = [await shop.add("first"), await shop.add("second")]
    first, second = (bytes(shop.library.sound(item.id)) for item in items)
    await shop.until_offered("first", "second")
    await shop.hears(1)
    document = await shop.service.document("input", {**a_call(f"CA{1:032x}"), "QueueTime": "5", "Digits": "2"})
    addresses = [play.text or "" for play in document.iter("Play")]

    await shop.forget("first")
    await shop.until_offered("second")

    assert first[:8000] in b"".join([await shop.sound(address) for address in addresses]), (
        "what was begun is still there"
    )
    assert second[:8000] in b"".join(await shop.hears(1, "wait", QueueTime="60"))
    assert second[:8000] in b"".join([*await shop.hears(2), *await shop.hears(2, "input", Digits="2")])


async def test_sound_of_what_was_forgotten_goes_when_nobody_can_be_listening_any_more(shop: Shop) -> None:
    item = await shop.add("first")
    sound = shop.folder / "sound" / f"{shop.library.hash_of(item.id)}.ulaw"
    await shop.until_offered("first")

    await shop.forget("first")
    await shop.until_offered()
    shop.clock.ahead = LINGER - timedelta(minutes=5)
    await shop.looks(3)
    assert sound.is_file()

    shop.clock.ahead = LINGER + timedelta(seconds=1)
    await shop.looks(3)
    assert not sound.exists()
    kept = app.shelf_history(shop.folder).as_of(None)["first"]
    assert (kept.title, kept.licence) == ("first", FREE), "who is owed for it is known for ever"


async def test_a_broken_index_changes_nothing_and_is_told_once(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    await shop.add("first")
    await shop.until_offered("first")

    (shop.folder / "media" / "index.toml").write_text("[[item]\n", "utf-8")
    await shop.looks(4)

    assert caplog.text.count("shelf_unreadable") == 1
    assert "first" in await shop.offered()
