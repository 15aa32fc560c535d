"""`holdsvc backup`: what cannot be made again, beside a live service, and a service that starts with the copy."""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from holdsvc import cli
from holdsvc.callers.pseudonym import key_from
from holdsvc.calls.airing import Aired
from holdsvc.calls.model import ContentId, Licence
from holdsvc.commands import backup
from holdsvc.commands.backup import KEPT, LOG, MADE_AGAIN, copy_all, undecided
from holdsvc.content.feeds import PodcastSettings
from holdsvc.content.fetched import FOLDER as FETCHED
from holdsvc.content.fetched import FetchedShelf, State
from holdsvc.content.index import read_index, write_index
from holdsvc.content.shelf_history import FILE as HISTORY
from holdsvc.content.shelf_history import ShelfHistory
from holdsvc.content.subscriptions import Subscriptions
from holdsvc.errors import ConfigError, StoreUnavailable
from holdsvc.stores.airings import FILE as AIRINGS
from holdsvc.stores.airings import AiringLog
from tests.content.shelf import entry, fill
from tests.service import running
from tests.stores.calls import ITEMS, one_call, sound, tell

SONGS, COPIES = 200, 5  # put up while the first copies are made
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
TUNE = replace(ITEMS[0], licence=Licence("our agreement", "us", until=date(2027, 1, 31), territories=("US",)))


def aired(number: int, content: str = "tune") -> Aired:
    return Aired(f"airing{number}", "music", ContentId(content), NOON, 60.0, 90.0 + number)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder in which something of everything lies."""
    data = tmp_path / "data"
    (data / "media").mkdir(parents=True)
    fill(data / "media", entry("waltz"))
    (data / "spool.jsonl").touch()
    ShelfHistory(data / HISTORY, lambda: NOON).note([TUNE])  # it has left its shelf since
    Subscriptions(data).add("stories", PodcastSettings(url="https://example.org/feed", licence="CC-BY-4.0"))
    episodes = FetchedShelf(data / FETCHED)
    episodes.states["stories"] = State(tag="seen")
    episodes.save()
    return data


async def plays(data: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    monkeypatch.setenv("HOLDSVC_SERVICE__DATA_DIR", str(data))
    await asyncio.to_thread(cli.run, ("report", "plays", "--format", "csv", "--out", str(out)))
    return out.read_bytes()


async def test_a_service_starts_with_the_copy_and_reports_and_history_are_as_they_were(data, tmp_path, monkeypatch):
    copy = tmp_path / "copy"
    async with running(data, free_port()) as service:
        for number, caller in enumerate(("anna", "anna", "boris")):
            await tell(service.house.store, f"CA{number}", *one_call(caller))
            await AiringLog(data / AIRINGS).keep(aired(number))
        service.house.notices.post("", "notice_storm", NOON, NOON.replace(year=2099))
        monkeypatch.setenv("HOLDSVC_SERVICE__DATA_DIR", str(data))
        assert await asyncio.to_thread(cli.run, ("backup", str(copy))) == 0
    as_it_was, history = await plays(data, tmp_path / "1.csv", monkeypatch), ShelfHistory(data / HISTORY, lambda: NOON)

    assert await plays(copy, tmp_path / "2.csv", monkeypatch) == as_it_was
    assert b"tune,call,3,2,60.0,US,our agreement,2027-01-31" in as_it_was
    assert b"tune,live,3,," in as_it_was
    assert ShelfHistory(copy / HISTORY, lambda: NOON).as_of(None) == history.as_of(None)
    assert len(history.as_of(None)) > 1
    assert sound(copy / LOG)
    assert key_from(copy / "callers.key") == key_from(data / "callers.key")
    assert [one.id for one in read_index(copy / "media")] == ["waltz"]
    assert (copy / "media" / "waltz.wav").read_bytes() == (data / "media" / "waltz.wav").read_bytes()
    async with running(copy, free_port()) as service:
        assert (await service.get("/readyz")).status == 200
        assert [one.prompt for one in service.house.notices.all(NOON)] == ["notice_storm"]
        assert (await service.house.store.totals()).offered == 3
    assert dict(Subscriptions(copy).read()) == dict(Subscriptions(data).read())
    assert FetchedShelf(copy / FETCHED).states["stories"].tag == "seen"


async def test_the_name_of_each_thing_in_a_data_folder_says_whether_it_is_copied(data, tmp_path):
    log = data / LOG
    async with running(data, free_port()) as service:
        await tell(service.house.store, "CA1", *one_call())
        await AiringLog(data / AIRINGS).keep(aired(1))
        service.house.notices.post("", "notice_storm", NOON, NOON.replace(year=2099))
        (data / "sound").mkdir(exist_ok=True)
        (data / "letters.txt").write_text("of somebody else")
        told: list[str] = []

        copy_all(data, log, tmp_path / "copy", told.append)

        assert undecided(data, log) == ["letters.txt"]
        assert "letters.txt: not copied, it is nothing of ours" in told
        assert {path.name for path in (tmp_path / "copy").iterdir()} == set(KEPT)
        assert not set(KEPT) & set(MADE_AGAIN)
    assert (tmp_path / "copy").stat().st_mode & 0o077 == 0
    assert not [path for path in (tmp_path / "copy").rglob("*") if path.stat().st_mode & 0o077 and path.is_file()]


async def test_what_is_written_meanwhile_is_in_the_copy_whole_or_not_at_all(data, tmp_path):
    """Airings are kept, and items are put on the shelf and taken off, while copies are made.

    As by `media add` and `media forget`: the index is written after the file, and files stay for a while.
    """
    media, airings, stop = data / "media", AiringLog(data / AIRINGS), asyncio.Event()
    await airings.keep(aired(0))
    done = 1

    async def broadcast() -> None:
        nonlocal done
        while not stop.is_set():
            await airings.keep(aired(done))
            done += 1

    def put_up() -> None:
        kept = [entry("waltz")]
        for number in range(SONGS):
            if stop.is_set():
                return
            (media / f"song{number}.wav").write_bytes(b"sound")
            kept = [*kept[-20:], entry(f"song{number}")]
            write_index(media, tuple(kept))

    async with running(data, free_port()):
        busy = [asyncio.create_task(broadcast()), asyncio.create_task(asyncio.to_thread(put_up))]
        try:
            for number in range(COPIES):
                before = done
                copy = tmp_path / f"copy{number}"
                await asyncio.to_thread(copy_all, data, data / LOG, copy, lambda told: None)

                assert sum(one.airings for one in AiringLog(copy / AIRINGS).sums()) >= before
                named = [copy / "media" / one.file for one in read_index(copy / "media")]
                assert named
                assert all(file.read_bytes() for file in named)
        finally:
            stop.set()
            await asyncio.gather(*busy)
    assert done


async def test_what_is_put_up_or_leaves_just_as_its_index_is_copied_is_in_the_copy_or_missed_by_nobody(
    data, tmp_path, monkeypatch
):
    media, copy_file = data / "media", backup._copy_file
    (media / "leaving.wav").write_bytes(b"sound")

    def meanwhile(source: Path, target: Path) -> None:
        if source == media / "index.toml":
            (media / "late.wav").write_bytes(b"sound")
            write_index(media, (entry("waltz"), entry("late")))
            (media / "leaving.wav").unlink()
        copy_file(source, target)

    monkeypatch.setattr(backup, "_copy_file", meanwhile)
    async with running(data, free_port()):
        copy_all(data, data / LOG, tmp_path / "copy", print)

    assert [one.id for one in read_index(tmp_path / "copy" / "media")] == ["waltz", "late"]
    assert {path.name for path in (tmp_path / "copy" / "media").iterdir()} == {"index.toml", "waltz.wav", "late.wav"}


async def test_a_backup_overwrites_nothing_and_one_that_fails_leaves_nothing(data, tmp_path, monkeypatch):
    async with running(data, free_port()):
        pass
    (tmp_path / "there").mkdir()
    (tmp_path / "gone.part").mkdir()
    (tmp_path / "gone.part" / "left").write_text("by one that was cut off")

    with pytest.raises(ConfigError, match="exists already"):
        copy_all(data, data / LOG, tmp_path / "there", print)
    with monkeypatch.context() as without_room:
        without_room.setattr(backup, "_flush", full)
        with pytest.raises(StoreUnavailable, match="No space left"):
            copy_all(data, data / LOG, tmp_path / "copy", print)
    copy_all(data, data / LOG, tmp_path / "gone", print)

    assert not list((tmp_path / "there").iterdir())
    assert not list(tmp_path.glob("copy*"))
    assert not list(tmp_path.glob("*.part"))
    assert not (tmp_path / "gone" / "left").exists()


def full(folder: Path) -> None:
    raise OSError(28, "No space left on device")


def test_the_documentation_names_everything_that_a_data_folder_holds():
    words = (Path(__file__).parents[2] / "docs" / "backup.md").read_text("utf-8")

    for name, copied in [*((name, "yes") for name in KEPT), *((name, "no") for name in MADE_AGAIN)]:
        assert f"`{name}" in words
        row = next(line for line in words.splitlines() if line.startswith(f"| `{name}"))
        assert f"| {copied}" in row
