import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from holdsvc.calls.airing import Aired, AiredSum
from holdsvc.errors import StoreUnavailable
from holdsvc.stores.airings import AiringLog

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def aired(id, content, minutes=0, seconds=10.0, listened=20.0):
    return Aired(id, "jazz", content, NOON + timedelta(minutes=minutes), seconds, listened)


async def test_what_is_kept_is_summed_by_item_and_the_latest_word_counts(tmp_path):
    log = AiringLog(tmp_path / "airings.sqlite3")
    for one in (aired("1", "waltz"), aired("2", "swing"), aired("1", "waltz", 0, 30.0, 90.0), aired("3", "waltz", 5)):
        await log.keep(one)

    assert list(AiringLog(tmp_path / "airings.sqlite3").sums()) == [
        AiredSum("waltz", 2, 40.0, 110.0, NOON + timedelta(minutes=5)),
        AiredSum("swing", 1, 10.0, 20.0, NOON),
    ]


async def test_a_period_has_the_airings_that_began_in_it(tmp_path):
    log = AiringLog(tmp_path / "airings.sqlite3")
    for minutes in range(4):
        await log.keep(aired(str(minutes), "waltz", minutes))

    found = list(log.sums(NOON + timedelta(minutes=1), NOON + timedelta(minutes=3)))

    assert [one.airings for one in found] == [2]
    assert list(log.sums(NOON + timedelta(minutes=9))) == []


async def test_before_the_first_airing_there_are_none(tmp_path):
    assert list(AiringLog(tmp_path / "airings.sqlite3").sums()) == []
    assert not list(tmp_path.iterdir()), "looking makes no file"


async def test_a_file_that_will_not_do_is_said_in_our_words(tmp_path):
    (tmp_path / "airings.sqlite3").write_bytes(b"no database at all, but long enough to look at" * 40)

    with pytest.raises(StoreUnavailable):
        await AiringLog(tmp_path / "airings.sqlite3").keep(aired("1", "waltz"))
    with pytest.raises(StoreUnavailable):
        list(AiringLog(tmp_path / "airings.sqlite3").sums())


async def test_it_is_on_the_disk_when_it_is_said_to_be(tmp_path):
    await AiringLog(tmp_path / "airings.sqlite3").keep(aired("1", "waltz"))

    with sqlite3.connect(tmp_path / "airings.sqlite3") as db:
        assert db.execute("SELECT content, listened FROM airings").fetchall() == [("waltz", 20.0)]
