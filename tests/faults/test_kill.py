"""kill -9 in the middle of 200 calls, twenty times. More rounds: `python -m tests.faults.kills --rounds 10`."""

import sqlite3

from tests.faults import books
from tests.faults.kills import run
from tests.faults.traffic import Acknowledged, Kept, read

READY = 2.0  # seconds


async def test_nothing_acknowledged_is_lost_or_doubled_by_twenty_kills(tmp_path):
    done = await run(tmp_path, calls=200, kills=20, seed=1, settings={})
    print(done)

    assert done.wrong == [], str(done)
    assert (done.calls, len(done.kills)) == (200, 20)
    assert done.waits > 100  # some callers hang up before they wait, more of them where the machine is busy
    assert "The law holds." in done.audit
    assert max(kill.own for kill in done.kills) < READY, str(done)
    assert sum(kill.under_way for kill in done.kills) >= 10, f"the kills came at quiet moments: {done}"
    assert done.outcomes["answered"] > 20
    assert done.outcomes["abandoned"] + done.outcomes["short_abandoned"] > 20
    assert set(done.books) == {books.METRICS, books.WALL, books.API, books.LEDGER}
    offered = sum(count for (_, word), count in done.books[books.METRICS].items() if word == books.OFFERED)
    assert offered == done.waits
    assert done.waiting > 0, "the books were not compared while somebody waited"


async def test_a_store_that_forgets_is_found_out_by_the_same_kills(tmp_path):
    done = await run(tmp_path, calls=25, kills=3, seed=2, settings={"STORE__URL": "memory:"})

    assert any("was acknowledged, 0 rows are kept" in sentence for sentence in done.wrong)
    assert any(sentence.endswith(f"by {books.TRUTH}") for sentence in done.wrong)


def test_each_way_of_losing_is_told():
    promised = Acknowledged(began={"a", "b", "c", "d"}, ended={"b": {"answered"}}, version={"c": 4})
    kept = {
        "a": Kept(rows=2, outcome=None, version=1),
        "b": Kept(rows=1, outcome="abandoned", version=1),
        "c": Kept(rows=1, outcome=None, version=3),
    }

    assert promised.lost(kept) == [
        "a: its wait was acknowledged, 2 rows are kept",
        "b: the end was acknowledged as ['answered'], abandoned is kept",
        "c: version 4 was acknowledged, 3 is kept",
        "d: its wait was acknowledged, 0 rows are kept",
    ]


def test_a_row_that_lies_twice_in_the_file_is_counted_twice(tmp_path):
    db = sqlite3.connect(tmp_path / "file")
    db.execute("CREATE TABLE sessions (call TEXT, version INTEGER)")
    db.execute("CREATE TABLE waits (row INTEGER PRIMARY KEY, call TEXT, outcome TEXT)")
    db.execute("INSERT INTO sessions VALUES ('a', 3)")
    db.execute("INSERT INTO waits (call, outcome) VALUES ('a', NULL), ('a', 'answered')")
    db.commit()

    assert read(tmp_path / "file") == {"a": Kept(rows=2, outcome="answered", version=3)}
