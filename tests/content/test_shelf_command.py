import io
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from holdsvc.calls.model import Airing, Licence
from holdsvc.content.index import read_index
from holdsvc.content.ingest import ingest
from holdsvc.content.library import Library
from holdsvc.content.shelf_command import add, check, forget, prepare_shown
from holdsvc.errors import BadContent
from tests.content.shelf import FREE, entry, fill
from tests.content.signals import file, tone


class Shop:
    """A data folder with its library, and what was written to the screen."""

    def __init__(self, folder: Path) -> None:
        self.media, self.own, self.into = folder / "media", folder / "data" / "media", folder / "data" / "sound"
        self.media.mkdir()
        fill(self.media, entry("ours", house=True))
        self.library = Library.open(self.media, [self.into], self.own)
        self.out = io.StringIO()
        self.song = folder / "My Song (final).wav"
        self.song.write_bytes(file(tone(3.5, 440), ".wav"))

    def add(self, source: Path | None = None, **changes: Any) -> Any:
        said: dict[str, Any] = {"kind": "music", "shelf": "jazz", "title": 'A "Song" – Ü', "licence": FREE, **changes}
        return add(source or self.song, library=self.library, overlay=self.own, into=self.into, out=self.out, **said)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_a_song_that_is_added_can_be_heard_at_once(shop):
    item = shop.add(artist="Somebody", language="en", order=3)

    assert item.seconds == pytest.approx(3.5, abs=0.1)
    assert (item.title, item.artist, item.language, item.order) == ('A "Song" – Ü', "Somebody", "en", 3)
    assert len(shop.library.sound(item.id)) == item.seconds * 8000
    assert item.id == "music-a-song-u", "it can be typed"
    assert "Song" not in read_index(shop.own)[0].file, "the name of a file is ours"
    assert "1/1" in shop.out.getvalue()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"licence": Licence("", "mine")}, "a licence is needed"),
        ({"licence": Licence("CC0-1.0", " ")}, "a source is needed"),
        ({"kind": "movie"}, "none of music, podcast"),
        ({"shelf": ""}, "a shelf is needed"),
        ({"title": ""}, "a title is needed"),
        ({"title": "two\nlines"}, "one line"),
        ({"title": "\x1b[31mred"}, "one line"),
        ({"artist": "x" * 201}, "at most 200"),
        ({"id": "../up"}, "made of"),
        ({"language": "English!"}, "not a tag"),
        ({"source": Path("nowhere.mp3")}, "not a file"),
        ({"kind": ""}, "a kind is needed"),
        ({"mood": "happy"}, "its mood 'happy' is none of"),
        ({"tags": ("adverts",)}, "'advert' would"),
        ({"licence": replace(FREE, territories=("UK",))}, "write GB"),
        ({"licence": replace(FREE, rights="two\nlines")}, "the rights must be one line"),
        ({"airing": Airing(days=("friday",))}, "never plays: 'friday' is no day"),
        ({"segment": "x" * 201}, "the segment must be"),
    ],
)
def test_what_is_missing_or_wrong_is_said_in_one_sentence_and_nothing_changes(shop, changes, sentence):
    with pytest.raises(BadContent, match=sentence) as caught:
        shop.add(**changes)

    assert "\n" not in str(caught.value)
    assert not shop.own.exists()


def test_a_file_that_turns_out_bad_leaves_everything_as_it_was(shop, tmp_path):
    shop.add()
    before = read_index(shop.own)
    bad = tmp_path / "bad.mp3"
    bad.write_bytes(b"no sound in here" * 50)

    with pytest.raises(BadContent, match=r"bad\.mp3 was not added"):
        shop.add(bad)

    assert read_index(shop.own) == before
    assert len(list((shop.own / "files").iterdir())) == 1
    assert not shop.library.quarantined


def test_adding_the_same_file_again_says_other_things_about_it(shop):
    first = shop.add()

    second = shop.add(title="Renamed")

    assert (second.id, second.title) == (first.id, "Renamed")
    assert len(read_index(shop.own)) == 1


SAID = {
    "licence": Licence("own", "us", "Anna", "telephone only", date(2099, 1, 31), ("de", "AT")),
    "artist": "Anna",
    "language": "de",
    "order": 4,
    "mood": "warm",
    "tags": ("advert",),
    "queues": ("sales", "support"),
    "segment": "gold",
    "airing": Airing(days=("mon",), hours=("08:00-18:00",)),
}


def test_all_that_is_said_of_an_item_stands_in_the_index_and_on_the_shelf(shop):
    item = shop.add(**SAID)

    licence = Licence("own", "us", "Anna", "telephone only", date(2099, 1, 31), ("DE", "AT"))
    assert {name: getattr(item, name) for name in SAID} == {**SAID, "licence": licence}
    assert read_index(shop.own)[0].licence == licence


def test_what_is_not_said_again_stays_so_that_no_limit_of_a_licence_is_lost(shop):
    first = shop.add(**SAID)

    second = shop.add(title="Renamed", licence=Licence("own", "us, renewed"))

    assert second == replace(first, title="Renamed", licence=replace(first.licence, source="us, renewed"))
    third = shop.add(licence=replace(FREE, territories=("CH",)), mood="calm")
    assert (third.licence.territories, third.licence.until, third.mood) == (("CH",), date(2099, 1, 31), "calm")


def test_an_index_written_by_hand_is_left_to_the_byte_by_a_file_that_turns_out_bad(shop, tmp_path):
    shop.own.mkdir(parents=True)
    (shop.own / "index.toml").write_text("# nothing here yet\n", "utf-8")
    bad = tmp_path / "bad.mp3"
    bad.write_bytes(b"no sound in here" * 50)

    with pytest.raises(BadContent, match="was not added"):
        shop.add(bad)

    assert (shop.own / "index.toml").read_text("utf-8") == "# nothing here yet\n"


def test_a_territory_that_no_country_has_is_a_problem_of_the_check(shop):
    fill(shop.media, replace(entry("ours", house=True), licence=replace(FREE, territories=("UK",))))
    shop.library.refresh()
    ingest(shop.library, shop.into)

    check(shop.library, shop.out)

    assert "no-country  ours: its territory 'UK' is no country; write GB" in shop.out.getvalue()


def test_an_id_that_is_made_of_a_title_is_never_somebody_elses(shop, tmp_path):
    fill(shop.media, entry("music-ours"), entry("ours", house=True))
    shop.library.refresh()
    other = tmp_path / "other.wav"
    other.write_bytes(file(tone(3.5, 880), ".wav"))

    (tmp_path / "third.wav").write_bytes(file(tone(3.5, 660), ".wav"))

    first = shop.add(title="Ours")
    again = shop.add(title="Another title of the same sound")
    second = shop.add(other, title="Ours")
    foreign = shop.add(tmp_path / "third.wav", title="为什么")

    assert first.id.startswith("music-ours-")
    assert again.id == first.id
    assert second.id.startswith("music-ours-")
    assert foreign.id.startswith("music-")
    assert len({first.id, second.id, foreign.id, "music-ours", "music-"}) == 5


def test_an_id_is_not_given_to_another_file(shop, tmp_path):
    shop.add(id="mine")
    other = tmp_path / "other.wav"
    other.write_bytes(file(tone(3.5, 880), ".wav"))

    with pytest.raises(BadContent, match="taken"):
        shop.add(other, id="mine")


def test_what_is_forgotten_is_gone_and_what_ships_stays(shop):
    item = shop.add()

    forget(item.id, library=shop.library, overlay=shop.own, into=shop.into)

    assert item.id not in [each.id for each in shop.library.items]
    assert not list((shop.own / "files").iterdir())
    assert not list(shop.into.iterdir())
    for name, sentence in (("ours", "ships with the service"), ("quiet", "ships"), ("nothing", "media list")):
        with pytest.raises(BadContent, match=sentence):
            forget(name, library=shop.library, overlay=shop.own, into=shop.into)


def test_of_what_somebody_may_be_listening_to_the_sound_stays(shop):
    item = shop.add()
    sound = shop.library.hash_of(item.id)

    forget(item.id, library=shop.library, overlay=shop.own, into=shop.into, heard=True)

    assert item.id not in [each.id for each in shop.library.items]
    assert (shop.into / f"{sound}.ulaw").is_file()


def test_the_check_counts_what_is_wrong_and_says_what_to_do(shop):
    fill(
        shop.media,
        entry("ours", house=True),
        entry("gone", where="missing.wav"),
        replace(entry("named"), licence=Licence("CC-BY-4.0", "a friend")),
        prompts={"hello": "Good day."},
    )
    shop.library.refresh()
    prepare_shown(shop.library, shop.into, shop.out)

    count = check(shop.library, shop.out)

    said = shop.out.getvalue()
    assert count == 2
    assert "bad-content  gone: missing.wav is not there" in said
    assert "no-attribution  named: CC-BY-4.0 asks for an attribution" in said
    assert "2 problems" in said


def test_a_sound_shelf_has_no_problems(shop):
    fill(shop.media, entry("ours", house=True), prompts={"hello": "Good day."})
    shop.library.refresh()
    ingest(shop.library, shop.into)

    assert check(shop.library, shop.out) == 0


def test_progress_is_a_bar_on_a_terminal(shop):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()

    prepare_shown(shop.library, shop.into, screen)

    assert "\r" in screen.getvalue()
    assert "[" + "#" * 30 + "] 1/1 ours" in screen.getvalue()
    assert screen.getvalue().endswith("\n")
