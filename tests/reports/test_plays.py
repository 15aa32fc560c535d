from __future__ import annotations

import asyncio
import io
import json
import random
import sqlite3
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from holdsvc.calls.airing import AiredSum
from holdsvc.calls.events import DigitPressed, HeardUntil
from holdsvc.calls.model import ContentId, EventId, Kind, Licence
from holdsvc.ports import HeardSum, WaitQuery
from holdsvc.reports.book import played
from holdsvc.reports.export import Form, export
from holdsvc.reports.plays import COLUMNS, Played, Shelved, plays, section
from holdsvc.reports.show import section_text
from holdsvc.stores.ledger import SqliteLedger
from holdsvc.stores.sqlite import SqliteStore
from tests.calls.test_freshness import Week
from tests.stores.calls import ITEMS, START, after, answered, held, known, one_call, pressed, tell

SHELF = Shelved({item.id: item for item in ITEMS})
TUNE = ContentId("tune")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_the_report_of_a_period_equals_the_exported_log_of_that_period(tmp_path: Path) -> None:
    file = tmp_path / "holdsvc.db"

    async def four_calls() -> None:
        store = SqliteStore(file)
        await store.open()
        for name, caller in (("CA1", "anna"), ("CA2", "anna"), ("CA3", "boris"), ("CA4", "carl")):
            await tell(store, name, *one_call(caller))
        await store.close()

    asyncio.run(four_calls())
    with SqliteLedger(file) as ledger:
        out = io.BytesIO()
        export(ledger.waits(WaitQuery(until=after(1))), Form.JSONL, out)
        found = plays(ledger.heard(WaitQuery(until=after(1))), SHELF)
        none = plays(ledger.heard(WaitQuery(since=after(1))), SHELF)

    logged: Counter[str] = Counter()
    for line in out.getvalue().splitlines():
        for one in json.loads(line)["heard"]:
            logged[one["content"]] += one["seconds"]
    assert {one.content: one.seconds for one in found} == dict(logged)
    assert {one.content: (one.plays, one.callers) for one in found}[TUNE] == (4, 3)
    assert none == ()


def test_after_a_week_of_calls_the_report_equals_the_log_and_the_facts(tmp_path: Path) -> None:
    """200 callers with 1 to 10 calls each, who listen for as long as they like; counted by three books."""
    file, rng = tmp_path / "holdsvc.db", random.Random(7)

    async def a_week() -> None:
        store = SqliteStore(file)
        await store.open()
        for caller in range(200):
            for number in range(rng.randint(1, 10)):
                seconds = rng.choice((1.0, 7.5, 20.0, 60.0, 170.0))
                news = (held(), known(f"c{caller}"), pressed("2", seconds, heard=seconds), answered(seconds + 40))
                await tell(store, f"CA{caller}-{number}", *news)
        await store.close()

    asyncio.run(a_week())
    with SqliteLedger(file) as ledger:
        found = {one.content: one for one in plays(ledger.heard(WaitQuery(most=10**6)), SHELF)}
        out = io.BytesIO()
        export(ledger.waits(WaitQuery(most=10**6)), Form.JSONL, out)
    logged: Counter[str] = Counter()
    times: Counter[str] = Counter()
    for line in out.getvalue().splitlines():
        for one in json.loads(line)["heard"]:
            logged[one["content"]] += one["seconds"]
            times[one["content"]] += 1
    db = sqlite3.connect(file)
    facts = dict(
        db.execute(
            "SELECT json_extract(fact, '$.content'),"
            " sum(json_extract(fact, '$.until_second') - json_extract(fact, '$.from_second'))"
            " FROM facts WHERE kind = 'ContentHeard' GROUP BY 1"
        )
    )
    db.close()

    assert times[TUNE] > 800
    assert {name: one.plays for name, one in found.items()} == dict(times)
    assert {name: one.seconds for name, one in found.items()} == pytest.approx(dict(logged))
    assert {name: one.seconds for name, one in found.items()} == pytest.approx(facts)
    assert found[TUNE].callers == 200


@pytest.mark.parametrize("segment", [10, 60])
def test_in_a_week_of_200_callers_the_report_equals_the_log_and_what_their_ears_heard(
    tmp_path: Path, segment: int
) -> None:
    """One to ten calls each on two platforms, with keys, words and prompts: the week that freshness is judged by."""
    week, file = Week(seed=1, segment=segment), tmp_path / "holdsvc.db"

    async def keep() -> None:
        store = SqliteStore(file)
        await store.open()
        for line in week.lines:
            await store.save(replace(line.session, version=1), tuple(line.facts))
        await store.close()

    asyncio.run(keep())
    with SqliteLedger(file) as ledger:
        found = {one.content: one for one in plays(ledger.heard(WaitQuery(most=10**6)), SHELF)}
        out = io.BytesIO()
        export(ledger.waits(WaitQuery(most=10**6)), Form.JSONL, out)
    logged, times, heard = Counter[str](), Counter[str](), Counter[str]()
    for row in out.getvalue().splitlines():
        for one in json.loads(row)["heard"]:
            logged[one["content"]] += one["seconds"]
            times[one["content"]] += 1
    for person in week.people:
        for stretch in person.ear:
            heard[stretch.item.id] += stretch.end - stretch.begin

    assert len(out.getvalue().splitlines()) == len(week.calls) > 1000
    assert {name: one.plays for name, one in found.items()} == dict(times)
    assert {name: one.seconds for name, one in found.items()} == pytest.approx(dict(logged))
    assert {name: one.seconds for name, one in found.items()} == pytest.approx(dict(heard))


def rows(*found: Played) -> list[dict[str, object]]:
    return [dict(zip(COLUMNS, one, strict=True)) for one in section(found).rows]


def licensed(**terms: object) -> Shelved:
    """A tune that may be played on these terms, in a house whose queues are in Germany and the United States."""
    tune = replace(SHELF.items[TUNE], licence=Licence("own", "us", "Anna", **terms))
    places = {"support": "DE", "sales": "US"}
    return Shelved({TUNE: tune}, frozenset({TUNE}), places, "US", (UTC, ZoneInfo("America/Los_Angeles")))


def test_what_nobody_knows_any_more_is_still_told() -> None:
    [told] = rows(*plays([HeardSum(ContentId("gone"), Kind.MUSIC, 1, 1, 30.0)], SHELF))

    assert (told["content"], told["title"], told["remark"]) == ("gone", "", "on no shelf any more")


def test_of_what_nobody_knows_it_is_not_said_that_its_licence_was_kept() -> None:
    found = plays([HeardSum(name, Kind.MUSIC, 1, 1, 30.0) for name in (TUNE, ContentId("gone"))], SHELF)

    assert section(found).notes[-2:] == (
        "Of 1 rows nothing is known any more here, nor whether their licence was kept.",
        "No other play was outside the term or the territory of its licence.",
    )


def test_what_has_left_its_shelf_keeps_its_licence_in_the_report() -> None:
    shelved = replace(licensed(), there=frozenset())

    [told] = rows(*plays([HeardSum(TUNE, Kind.MUSIC, 1, 1, 30.0, "DE")], shelved))

    assert (told["title"], told["licence"], told["remark"]) == ("A tune", "own", "on no shelf any more")


def test_every_row_tells_who_is_owed_and_on_which_terms() -> None:
    shelved = licensed(until=date(2026, 12, 31), territories=("DE", "AT"))

    [told] = rows(*plays([HeardSum(TUNE, Kind.MUSIC, 2, 1, 60.0, "DE")], shelved))

    assert told == {
        "content": "tune",
        "way": "call",
        "plays": 2,
        "callers": 1,
        "seconds": 60.0,
        "heard_in": "DE",
        "licence": "own",
        "until": "2026-12-31",
        "territories": "DE AT",
        "kind": "music",
        "title": "A tune",
        "artist": "",
        "shelf": "classical",
        "attribution": "Anna",
        "source": "us",
        "remark": "",
    }


def test_a_play_outside_its_territory_is_flagged_in_its_own_row() -> None:
    shelved = licensed(territories=("DE",))
    heard = [HeardSum(TUNE, Kind.MUSIC, 2, 1, 60.0, "DE"), HeardSum(TUNE, Kind.MUSIC, 1, 1, 5.0, "US")]
    aired = [AiredSum(TUNE, 3, 100.0, 250.0, NOON)]

    found = plays(heard, shelved, aired=aired)

    assert [one["remark"] for one in rows(*found)] == ["", *["OUTSIDE ITS LICENCE: not for this territory"] * 2]
    assert "2 of these rows have plays outside their licence" in section(found).notes[-1]
    assert section(found[:1]).notes[-1] == "No play was outside the term or the territory of its licence."


async def test_a_play_after_its_term_is_flagged_and_one_that_was_begun_in_time_is_not(tmp_path: Path) -> None:
    """The tune is 180 s long; its last day is over in the last of our zones at eight in the morning of the next."""
    over = datetime(2026, 3, 2, 8, tzinfo=UTC)
    shelved = licensed(until=date(2026, 3, 1))
    assert over == START - timedelta(hours=1)

    def flagged(late: int) -> str:
        return f"OUTSIDE ITS LICENCE: {late} after its term" if late else ""

    store = SqliteStore(tmp_path / "holdsvc.db")
    await store.open()
    for name, minutes, seconds in (
        ("in time", -90, 60.0),
        ("over the end", -61, 100.0),
        ("in a long wait", -120, 4000.0),
    ):
        begins = minutes * 60.0
        heard = HeardUntil(TUNE, seconds - 20.0 if name == "in a long wait" else 0.0, seconds)
        key = DigitPressed(at=after(begins + seconds), id=EventId("k"), digit="2", heard=heard)
        await tell(store, name, held(begins), known(name, begins), key, answered(begins + seconds + 1))
    for name, seconds in (("late", 30.0), ("later", 50.0)):
        await tell(store, name, held(), known(name), pressed("2", seconds, heard=seconds), answered(seconds + 1))
    await store.close()

    with SqliteLedger(tmp_path / "holdsvc.db") as ledger:
        for until, late in ((START - timedelta(hours=1), 0), (None, 2)):
            query = WaitQuery(until=until, most=100)
            found = played(ledger, query, shelved, ())
            assert [one["remark"] for one in rows(*(one for one in found if one.content == TUNE))] == [flagged(late)]


@pytest.mark.parametrize(("minutes", "remark"), [(2, ""), (4, "OUTSIDE ITS LICENCE: 1 after its term")])
def test_an_airing_that_began_after_the_term_is_flagged(minutes: int, remark: str) -> None:
    latest = datetime(2026, 3, 2, 8, minutes, tzinfo=UTC)

    found = plays([], licensed(until=date(2026, 3, 1)), aired=[AiredSum(TUNE, 1, 5.0, 5.0, latest)])

    assert [one["remark"] for one in rows(*found)] == [remark]


async def test_plays_are_told_apart_by_where_they_were_heard(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "holdsvc.db")
    await store.open()
    for name, caller in (("CA1", "anna"), ("CA2", "anna"), ("CA3", "boris")):
        await tell(store, name, *one_call(caller))
    await store.close()

    with SqliteLedger(tmp_path / "holdsvc.db") as ledger:
        named = {one.territory for one in ledger.heard(WaitQuery(most=9), {"support": "DE"}, "US")}
        others = {one.territory for one in ledger.heard(WaitQuery(most=9), {"sales": "DE"}, "US")}
        sums = {
            (one.content, one.plays, one.callers) for one in ledger.heard(WaitQuery(most=9), {"support": "DE"}, "US")
        }

    assert (named, others) == ({"DE"}, {"US"})
    assert (TUNE, 3, 2) in sums


def test_live_shelves_have_rows_of_their_own_with_airings_and_the_hours_of_all_listeners() -> None:
    aired = [AiredSum(TUNE, 7, 1000.0, 7200.0, NOON)]

    found = plays([HeardSum(TUNE, Kind.MUSIC, 2, 1, 60.0, "DE")], licensed(), aired=aired)

    call, live = rows(*found)
    assert (call["way"], call["plays"], call["callers"], call["seconds"], call["heard_in"]) == (
        "call",
        2,
        1,
        60.0,
        "DE",
    )
    assert (live["way"], live["plays"], live["callers"], live["seconds"], live["heard_in"]) == (
        "live",
        7,
        None,
        7200.0,
        "US",
    )
    assert "7 airings on live shelves, 2.0 hours of all listeners together" in section(found).notes[1]


async def test_a_queue_alone_has_no_live_rows(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "holdsvc.db")
    await store.open()
    await tell(store, "CA1", *one_call("anna"))
    await store.close()
    aired = [AiredSum(TUNE, 7, 1000.0, 7200.0, NOON)]

    with SqliteLedger(tmp_path / "holdsvc.db") as ledger:
        ways = {
            queue: {one.way for one in played(ledger, WaitQuery(queue=queue, most=9), SHELF, aired)}
            for queue in ("", "support")
        }

    assert ways == {"": {"call", "live"}, "support": {"call"}}


def test_on_a_terminal_a_row_fits_and_its_words_stand_beneath_it() -> None:
    shelved = licensed(until=date(2026, 12, 31), territories=("DE", "AT"))
    found = plays([HeardSum(TUNE, Kind.MUSIC, 2, 1, 60.0, "US")], shelved)

    lines = list(section_text(section(found)))

    assert max(map(len, lines)) <= 118
    place = next(place for place, line in enumerate(lines) if line.startswith("tune "))
    assert lines[place].split() == ["tune", "call", "2", "1", "60.0", "s", "US", "own", "2026-12-31", "DE", "AT"]
    assert (
        lines[place + 1] == "    music · A tune · classical · Anna · us · OUTSIDE ITS LICENCE: not for this territory"
    )
