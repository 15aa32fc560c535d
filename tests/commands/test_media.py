"""`holdsvc media`: subscribing, what stands on the shelves, and what is wrong, as the command line says it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from pathlib import Path

import pytest

from holdsvc import cli
from holdsvc.calls.model import Licence
from holdsvc.content.feeds import PodcastSettings
from holdsvc.content.fetched import FetchedShelf, Refused, State
from holdsvc.content.index import read_index
from holdsvc.content.subscriptions import Subscriptions
from holdsvc.stores.lock import FileLock
from tests.content.canaries import ALLOWED, Honest, honest
from tests.content.kitchen import episode, rss
from tests.content.shelf import entry, fill
from tests.content.signals import file, tone

Media = Callable[..., Awaitable[tuple[int, str]]]
FREE = ("--licence", "CC0-1.0")
OWN = ("--kind", "music", "--shelf", "jazz", "--licence", "own", "--source", "us")


@pytest.fixture
async def there() -> AsyncIterator[Honest]:
    async with honest() as server:
        server.body("/feed", rss(*(episode(number) for number in range(1, 9)), title="Small Histories"))
        yield server


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "shelf").mkdir()
    fill(tmp_path / "shelf", entry("house", house=True))
    return tmp_path / "data"


@pytest.fixture(autouse=True)
def surroundings(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDSVC_SERVICE__DATA_DIR", str(data))
    monkeypatch.setenv("HOLDSVC_MEDIA__FOLDER", str(data.parent / "shelf"))
    monkeypatch.setenv("HOLDSVC_FETCH__ALLOW", f"{ALLOWED}/32")
    monkeypatch.setenv("HOLDSVC_FETCH__PORTS", "0")
    monkeypatch.setenv("COLUMNS", "100")  # whatever terminal the tests have


@pytest.fixture
def media(capsys: pytest.CaptureFixture[str]) -> Media:
    """The command, beside the servers of this test: its exit code and all that it says."""

    async def run(*words: str) -> tuple[int, str]:
        capsys.readouterr()
        try:
            code = await asyncio.to_thread(cli.run, ("media", *words))
        except SystemExit as left:  # words that are no words of ours
            code = int(left.code or 0)
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def test_the_command_stands_in_a_process_of_its_own(data: Path) -> None:
    child = subprocess.run([sys.executable, "-m", "holdsvc", "media", "add", "no.wav"], capture_output=True, text=True)

    assert child.returncode == 1
    for option in ("--kind (music, podcast or daily)", "--shelf", "--licence", "--source"):
        assert option in child.stderr
    assert child.stderr.count("\n") == 1


async def test_a_podcast_is_subscribed_to_listed_and_ended(there: Honest, data: Path, media: Media) -> None:
    added = await media("add", there.url("/feed"), "--id", "stories", "--licence", "CC-BY-4.0", "--keep", "3")
    listed = await media("list")
    ended = await media("forget", "stories")

    assert added[0] == 0, added[1]
    assert "stories: Small Histories, 8 episodes; the newest 3 come to the shelf stories" in added[1]
    assert "podcast stories: 0 on the shelf, last heard of never" in listed[1]
    assert ended[0] == 0
    assert Subscriptions(data).read() == {}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("{feed}", "--id", "x"), "--licence"),
        (("{feed}", "--licence", "CC0-1.0"), "say also --id (a short name, such as stories)"),
        (("{feed}", "--id", "x", "--licence", " "), "says no licence"),
        (("ftp://example.org/", "--id", "x", "--licence", "CC0-1.0"), "does not begin with https://"),
        (("{feed}/none", "--id", "x", "--licence", "CC0-1.0"), "HTTP 404"),
        (("{feed}/page", "--id", "x", "--licence", "CC0-1.0"), "begins with <html>"),
        (("{feed}/silent", "--id", "x", "--licence", "CC0-1.0"), "no episode with sound"),
        (("http://127.0.0.1:1/", "--id", "x", "--licence", "CC0-1.0"), "fetch.allow names the private networks"),
        (("no-such-file.wav", "--id", "x", *OWN), "is not a file"),
        (("example.org/feed.xml",), "if it is a feed, say https:// or http:// before it"),
        (("example.org:8080/feed", "--id", "x", *FREE), "if it is a feed, say https:// or http:// before it"),
        (("no.such/folder.wav", "--id", "x", *OWN), "is no file here"),
        (("{feed}", "--id", "x", *FREE, "--until", "soon"), "--until 'soon' is no day; write it as 2027-03-31"),
        (("{feed}", "--id", "x", *FREE, "--until", "2020-01-31"), "ended on 2020-01-31"),
        (("{feed}", "--id", "x", *FREE, "--territories", "DE,UK"), "'UK' is no country; write GB"),
        (("{feed}", "--id", "x", *FREE, "--tags", "adverts"), "'advert' would"),
        (("{feed}", "--id", "x", *FREE, "--mood", "calm"), "--mood is for files"),
        (("{feed}", "--id", "x", *FREE, "--language", "deutsch!"), "not a tag such as en"),
        (("{song}", *FREE), "say also --kind (music, podcast or daily), --shelf"),
        (("{song}", "--kind", "music", "--shelf", "jazz", *FREE), "say also --source"),
        (("{song}", *OWN, "--licence", " "), "a licence is needed"),
        (("{song}", *OWN, "--until", "31.3.2027"), "is no day"),
        (("{song}", *OWN, "--territories", "Germany"), "is no country; write two letters, as DE"),
        (("{song}", *OWN, "--mood", "happy"), "none of calm, sober"),
        (("{song}", *OWN, "--queues", "suport"), "there is no queue 'suport'; there are support, default"),
        (("{song}", *OWN, "--days", "monday"), "'monday' is no day"),
        (("{folder}", *OWN, "--id", "x"), "--id and --title are for one file"),
        (("{empty}", *OWN), "there is no sound file in"),
    ],
)
async def test_what_cannot_be_added_is_said_in_one_sentence(
    there: Honest, data: Path, media: Media, words: tuple[str, ...], sentence: str
) -> None:
    there.body("/feed/none", b"", 404)
    there.body("/feed/page", b"<html></html>")
    there.body("/feed/silent", rss({"title": "Words alone"}))
    (data.parent / "empty").mkdir()
    (data.parent / "song.wav").write_bytes(b"RIFF")
    places = {"feed": there.url("/feed"), "folder": data.parent, "empty": data.parent / "empty"}
    places["song"] = data.parent / "song.wav"

    code, said = await media("add", *(word.format(**places) for word in words))

    assert code != 0
    assert sentence in said
    assert "Traceback" not in said
    assert said.count("holdsvc: ") == 1 or "usage" in said
    assert Subscriptions(data).read() == {}
    assert read_index(data / "media") == ()


async def test_all_that_the_command_takes_of_a_file_stands_in_the_index_and_the_list(
    data: Path, media: Media, tmp_path: Path
) -> None:
    (tmp_path / "spring-song.wav").write_bytes(file(tone(3.5), ".wav"))
    terms = ("--until", "2099-03-31", "--territories", "de, AT", "--rights", "telephone only", "--attribution", "Anna")
    more = ("--mood", "warm", "--tags", "advert,seasonal", "--queues", "support", "--segment", "gold")
    when = ("--days", "mon,tue", "--hours", "08:00-18:00")

    code, said = await media("add", str(tmp_path / "spring-song.wav"), *OWN, *terms, *more, *when)
    _, shown = await media("list")
    _, told = await media("list", "--format", "json")

    assert code == 0, said
    assert "'spring song', 4 s." in said or "'spring song', 3 s." in said
    [entry] = read_index(data / "media")
    assert entry.licence == Licence("own", "us", "Anna", "telephone only", date(2099, 3, 31), ("DE", "AT"))
    assert (entry.mood, entry.tags, entry.queues) == ("warm", ("advert", "seasonal"), ("support",))
    assert (entry.segment, entry.airing.days, entry.airing.hours) == ("gold", ("mon", "tue"), ("08:00-18:00",))
    assert "spring song · own · warm · advert seasonal · for support · for callers of gold" in shown
    assert "until 2099-03-31\n    not here: in DE, AT alone, and our queues are in US\n" in shown
    item = next(one for one in json.loads(told)["items"] if one["id"] == entry.id)
    assert (item["here"], item["expired"], item["playable"], item["ready"]) == (False, False, False, True)


async def test_all_that_the_command_takes_of_a_podcast_is_kept(there: Honest, data: Path, media: Media) -> None:
    terms = ("--until", "2099-03-31", "--territories", "DE,AT", "--tags", "comedy", "--language", "de")

    await media("add", there.url("/feed"), "--id", "stories", *FREE, *terms)

    kept = Subscriptions(data).read()["stories"]
    assert (kept.until, kept.territories, kept.tags, kept.language) == (
        date(2099, 3, 31),
        ("DE", "AT"),
        ("comedy",),
        "de",
    )


async def test_programs_are_told_of_sources_too(data: Path, media: Media) -> None:
    Subscriptions(data).add("broken", PodcastSettings("example.org", "CC-BY-4.0"))

    _, told = await media("list", "--format", "json")

    [source] = json.loads(told)["sources"]
    assert (source["name"], source["kind"], source["items"]) == ("broken", "podcast", 0)
    assert "does not begin with https://" in source["fault"]


async def test_an_item_is_forgotten_beside_a_service_and_without_one(data: Path, media: Media, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.wav").write_bytes(file(tone(3.5, 300 + ord(name[0])), ".wav"))
        await media("add", str(tmp_path / f"{name}.wav"), "--id", name, *OWN)
    lock = FileLock(data / "holdsvc.lock")

    lock.take()
    _, beside = await media("forget", "one")
    lock.release()
    _, alone = await media("forget", "two")
    code, twice = await media("forget", "two")

    assert "one (one) is off its shelf. The running service plays it to nobody new within seconds" in beside
    assert "two (two) is off its shelf, and its sound off the disk." in alone
    assert (code, twice.count("\n")) == (1, 1)
    assert "there is no item 'two' of your own" in twice
    assert list((data / "sound").glob("*.ulaw")) == []


async def test_the_list_names_each_fault_once(data: Path, media: Media) -> None:
    Subscriptions(data).add("stories", PodcastSettings("https://example.org/feed", "CC-BY-4.0"))
    Subscriptions(data).add("broken", PodcastSettings("example.org", "CC-BY-4.0"))
    shelf = FetchedShelf(data / "fetched")
    shelf.states["stories"] = State(
        fault="example.org answered HTTP 500", refused=(Refused("k", "Part 2", "no sound"),)
    )
    shelf.save()

    code, said = await media("list")

    assert code == 0
    assert said.count("fault: example.org answered HTTP 500") == 1
    assert said.count("not heard: Part 2: no sound") == 1
    assert said.count("fault: its URL does not begin with https://") == 1


async def test_a_folder_is_added_file_by_file_and_a_bad_one_is_named(media: Media, tmp_path: Path) -> None:
    songs = tmp_path / "My songs"
    songs.mkdir()
    for number, name in enumerate(("01 First Song.wav", "02_second-song.wav", "03 broken.mp3")):
        (songs / name).write_bytes(file(tone(3.5, 300 + 50 * number), ".wav") if number < 2 else b"no sound" * 99)
    (songs / "cover.jpg").write_bytes(b"x")
    about = ("--kind", "music", "--shelf", "jazz", "--licence", "own", "--source", "us")

    code, said = await media("add", str(songs), *about)
    listed = await media("list")

    assert code == 1
    assert "2 of 3 files stand on the shelf jazz" in said
    assert "03 broken.mp3 was not added" in said
    assert "01 First Song" in listed[1]
    assert "02 second song" in listed[1]
