"""Spools of several processes of one data folder: of those that there are no more of nothing is left behind."""

import os

from msgspec import Struct

from holdsvc.stores.spool import FileSpool, gather, spool_of


class News(Struct, frozen=True):
    text: str


def put(folder, worker, text):
    spool = FileSpool(spool_of(folder, worker))
    spool.append(News(text))
    spool.close()


def kept(folder, worker):
    spool = FileSpool(spool_of(folder, worker))
    spool.close()
    return [one.text for one in spool.read(News)]


def test_what_a_process_that_is_no_more_left_goes_to_the_first_and_the_others_keep_theirs(tmp_path):
    for worker, text in ((0, "a"), (1, "b"), (2, "c"), (3, "d")):
        put(tmp_path, worker, text)

    gather(tmp_path, 2)

    assert kept(tmp_path, 0) == ["a", "c", "d"]
    assert kept(tmp_path, 1) == ["b"]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["spool-1.jsonl", "spool.jsonl"]


def test_where_there_was_one_process_nothing_changes(tmp_path):
    put(tmp_path, 0, "a")

    gather(tmp_path, 1)
    gather(tmp_path, 4)

    assert kept(tmp_path, 0) == ["a"]


async def test_what_comes_while_the_disk_is_busy_is_flushed_together_and_all_of_it_before_the_answer(
    tmp_path, monkeypatch
):
    flushes, flush = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (flushes.append(file), flush(file)))
    spool = FileSpool(spool_of(tmp_path, 0))

    for n in range(500):
        spool.append(News(str(n)))
    await spool.flushed()

    assert kept(tmp_path, 0) == [str(n) for n in range(500)]
    assert 1 <= len(flushes) < 500
    spool.close()


async def test_what_comes_after_a_clearing_stays_and_what_was_before_does_not(tmp_path):
    spool = FileSpool(spool_of(tmp_path, 0))
    for n in range(100):
        spool.append(News(f"old {n}"))
        if n % 10 == 9:
            spool.clear()
    for n in range(3):
        spool.append(News(f"new {n}"))

    await spool.flushed()

    assert kept(tmp_path, 0) == ["new 0", "new 1", "new 2"]
    spool.close()


async def test_a_file_that_cannot_be_written_holds_nobody_up_and_is_told_of_once(tmp_path, caplog):
    spool = FileSpool(tmp_path / "there is no such folder" / "spool.jsonl")

    for _ in range(3):
        spool.append(News("a"))
        await spool.flushed()

    assert [record.message for record in caplog.records] == ["spool_failed"]
    spool.close()
