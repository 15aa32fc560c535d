"""`holdsvc media`: subscribing, what stands on the shelves, and what is wrong, as the command line says it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from holdsvc.content.feeds import PodcastSettings
from holdsvc.content.fetched import FetchedShelf, Refused, State
from holdsvc.content.subscriptions import Subscriptions
from tests.content.canaries import ALLOWED, Honest, honest
from tests.content.kitchen import episode, rss
from tests.content.shelf import entry, fill
from tests.content.signals import file, tone


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


async def media(data: Path, *words: str, allow: bool = True) -> tuple[int, str]:
    """The command in a process of its own: its exit code and all that it says."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "holdsvc", "media", *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={
            "HOLDSVC_SERVICE__DATA_DIR": str(data),
            "HOLDSVC_MEDIA__FOLDER": str(data.parent / "shelf"),
            "HOLDSVC_FETCH__ALLOW": f"{ALLOWED}/32" if allow else "",
            "HOLDSVC_FETCH__PORTS": "0",
            "PATH": "/usr/bin:/bin",
        },
    )
    said, _ = await child.communicate()
    assert child.returncode is not None
    return child.returncode, said.decode()


async def test_a_podcast_is_subscribed_to_listed_and_ended(there: Honest, data: Path) -> None:
    added = await media(data, "add", there.url("/feed"), "--id", "stories", "--licence", "CC-BY-4.0", "--keep", "3")
    listed = await media(data, "list")
    ended = await media(data, "forget", "stories")

    assert added[0] == 0, added[1]
    assert "stories: Small Histories, 8 episodes; the newest 3 come to the shelf stories" in added[1]
    assert "podcast stories: 0 on the shelf, last heard of never" in listed[1]
    assert ended[0] == 0
    assert Subscriptions(data).read() == {}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("{feed}", "--id", "x"), "--licence"),
        (("{feed}", "--licence", "CC0-1.0"), "the name ''"),
        (("{feed}", "--id", "x", "--licence", " "), "says no licence"),
        (("ftp://example.org/", "--id", "x", "--licence", "CC0-1.0"), "does not begin with https://"),
        (("{feed}/none", "--id", "x", "--licence", "CC0-1.0"), "HTTP 404"),
        (("{feed}/page", "--id", "x", "--licence", "CC0-1.0"), "begins with <html>"),
        (("{feed}/silent", "--id", "x", "--licence", "CC0-1.0"), "no episode with sound"),
        (("http://127.0.0.1:1/", "--id", "x", "--licence", "CC0-1.0"), "not one that we may connect to"),
        (("no-such-file.wav", "--id", "x", "--licence", "CC0-1.0"), "is not a file"),
    ],
)
async def test_what_cannot_be_added_is_said_in_one_sentence(
    there: Honest, data: Path, words: tuple[str, ...], sentence: str
) -> None:
    there.body("/feed/none", b"", 404)
    there.body("/feed/page", b"<html></html>")
    there.body("/feed/silent", rss({"title": "Words alone"}))

    code, said = await media(data, "add", *(word.replace("{feed}", there.url("/feed")) for word in words))

    assert code != 0
    assert sentence in said
    assert "Traceback" not in said
    assert Subscriptions(data).read() == {}


async def test_the_list_names_each_fault_once(data: Path) -> None:
    Subscriptions(data).add("stories", PodcastSettings("https://example.org/feed", "CC-BY-4.0"))
    Subscriptions(data).add("broken", PodcastSettings("example.org", "CC-BY-4.0"))
    shelf = FetchedShelf(data / "fetched")
    shelf.states["stories"] = State(
        fault="example.org answered HTTP 500", refused=(Refused("k", "Part 2", "no sound"),)
    )
    shelf.save()

    code, said = await media(data, "list")

    assert code == 0
    assert said.count("fault: example.org answered HTTP 500") == 1
    assert said.count("not heard: Part 2: no sound") == 1
    assert said.count("fault: its URL does not begin with https://") == 1


async def test_a_folder_is_added_file_by_file_and_a_bad_one_is_named(data: Path, tmp_path: Path) -> None:
    songs = tmp_path / "My songs"
    songs.mkdir()
    for number, name in enumerate(("01 First Song.wav", "02_second-song.wav", "03 broken.mp3")):
        (songs / name).write_bytes(file(tone(3.5, 300 + 50 * number), ".wav") if number < 2 else b"no sound" * 99)
    (songs / "cover.jpg").write_bytes(b"x")
    about = ("--kind", "music", "--shelf", "jazz", "--licence", "own", "--source", "us")

    code, said = await media(data, "add", str(songs), *about)
    listed = await media(data, "list")

    assert code == 1
    assert "2 of 3 files stand on the shelf jazz" in said
    assert "03 broken.mp3 was not added" in said
    assert "01 First Song" in listed[1]
    assert "02 second song" in listed[1]
