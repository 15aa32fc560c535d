"""Spools of several processes of one data folder: of those that there are no more of nothing is left behind."""

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
