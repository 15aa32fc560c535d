from datetime import UTC, date, datetime, timedelta

import pytest
from msgspec.structs import replace

from holdsvc.calls.model import Airing, ContentId, ContentItem, Kind, Licence
from holdsvc.content.library import Library
from holdsvc.content.shelf_history import ShelfHistory
from tests.content.shelf import FREE, entry, fill
from tests.content.test_library import pretend_prepared

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
WALTZ = ContentItem(ContentId("waltz"), Kind.MUSIC, "classical", "Waltz", 130.0, licence=Licence("own", "us"))
RENEWED = replace(WALTZ, licence=Licence("own", "us", until=date(2027, 1, 31), territories=("DE",)))


class Days:
    def __init__(self):
        self.day = 0

    def __call__(self):
        return NOON + timedelta(days=self.day)


@pytest.fixture
def days():
    return Days()


@pytest.fixture
def history(tmp_path, days):
    return ShelfHistory(tmp_path / "shelf-history.jsonl", days)


def test_an_item_is_told_as_it_was_at_the_moment_that_is_asked_for(history, days):
    history.note([WALTZ])
    days.day = 10
    history.note([RENEWED])

    assert history.as_of(NOON + timedelta(days=5)) == {"waltz": WALTZ}
    assert history.as_of(NOON + timedelta(days=11)) == {"waltz": RENEWED}
    assert history.as_of(None) == {"waltz": RENEWED}
    assert history.as_of(NOON - timedelta(days=5)) == {"waltz": WALTZ}, "before it was known, as it was told first"


def test_what_has_gone_is_still_known(history):
    history.note([WALTZ])
    history.note([])

    assert history.as_of(None) == {"waltz": WALTZ}


def test_nothing_is_written_as_long_as_nothing_changes(history, tmp_path, days):
    history.note([WALTZ])
    before = (tmp_path / "shelf-history.jsonl").read_bytes()

    history.note([WALTZ])
    ShelfHistory(tmp_path / "shelf-history.jsonl", days).note([replace(WALTZ, airing=Airing(weight=2.0))])

    assert (tmp_path / "shelf-history.jsonl").read_bytes() == before


def test_a_line_that_was_cut_off_costs_that_line_alone(history, tmp_path, days):
    history.note([WALTZ])
    with (tmp_path / "shelf-history.jsonl").open("ab") as file:
        file.write(b'{"at":"2026-03-0')

    again = ShelfHistory(tmp_path / "shelf-history.jsonl", days)
    again.note([RENEWED])

    assert ShelfHistory(tmp_path / "shelf-history.jsonl", days).as_of(None) == {"waltz": RENEWED}


def test_a_disk_that_does_not_take_it_stops_nobody(tmp_path, days, caplog):
    ShelfHistory(tmp_path, days).note([WALTZ])  # a folder can be appended to no more than a full disk

    assert "shelf_history_not_kept" in caplog.text


def test_the_library_tells_of_each_change_of_the_shelves(tmp_path, history):
    media, made = tmp_path / "media", tmp_path / "sound"
    media.mkdir()
    fill(media, entry("house", house=True))
    pretend_prepared(media / "house.wav", made)
    library = Library.open(media, [made], noted=history.note)

    fill(media, replace(entry("house", house=True), licence=replace(FREE, until=date(2027, 1, 31))))
    library.refresh()

    assert history.as_of(None)["house"].licence.until == date(2027, 1, 31)
