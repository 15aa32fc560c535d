from __future__ import annotations

import asyncio
import csv
import io
import json
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from holdsvc.calls.model import Outcome
from holdsvc.calls.service_level import Target
from holdsvc.cli import run
from holdsvc.ports import WaitColumns, WaitQuery
from holdsvc.reports.book import TITLES, report
from holdsvc.reports.html import as_html
from holdsvc.reports.page import Report, Section
from holdsvc.reports.patience import MOST_POINTS, drawn, never_came_back, patience
from holdsvc.reports.plays import Shelved
from holdsvc.reports.show import as_csv, as_json, as_text
from holdsvc.reports.survival import kaplan_meier
from holdsvc.reports.table import table
from holdsvc.reports.waits import service_level, three_minutes
from holdsvc.stores.ledger import SqliteLedger
from holdsvc.stores.sqlite import SqliteStore
from tests.reports.figures import times, waits
from tests.stores.calls import ITEMS, START, after, gone, held, known, one_call, tell

SHELF = Shelved({item.id: item for item in ITEMS})
ANSWERED, ABANDONED = Outcome.ANSWERED, Outcome.ABANDONED
DAY = 24 * 3600.0


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two answered calls, one caller who gave up after 40 s, and one who waits."""
    file = tmp_path_factory.mktemp("log") / "holdsvc.db"

    async def calls() -> None:
        store = SqliteStore(file)
        await store.open()
        await tell(store, "CA1", *one_call("anna"))
        await tell(store, "CA2", *one_call("boris"))
        await tell(store, "CA3", held(), known("carl"), gone(40))
        await tell(store, "CA4", held(10), known("dora"))
        await store.close()

    asyncio.run(calls())
    return file


def made(log: Path, name: str = "all") -> Report:
    with SqliteLedger(log) as ledger:
        return report(name, ledger, WaitQuery(most=1000), SHELF, Target(), after(100))


def rows(section: Section) -> list[dict[str, object]]:
    return [dict(zip((column.name for column in section.columns), row, strict=True)) for row in section.rows]


def test_one_report_holds_all_of_them_and_each_can_be_asked_for(log: Path) -> None:
    whole = made(log)

    alone = [section.name for name in TITLES if name != "all" for section in made(log, name).sections]

    assert [section.name for section in whole.sections] == alone
    assert whole.waits == 4


def test_the_figures_are_those_of_the_log(log: Path) -> None:
    sections = {section.name: section for section in made(log).sections}

    (waited,) = rows(sections["waits"])
    assert (waited["offered"], waited["answered"], waited["abandoned"], waited["waiting"]) == (4, 2, 1, 1)
    assert (waited["asa"], waited["time_to_abandon"], waited["abandonment"]) == (60.0, 40.0, 0.25)
    assert {row["outcome"]: row["waits"] for row in rows(sections["outcomes"])} == {
        "answered": 2,
        "abandoned": 1,
        "waiting": 1,
    }
    assert {(row["choice"], row["via"]): row["times"] for row in rows(sections["choices"])}[("podcast", "key")] == 2


def test_all_forms_say_the_same(log: Path) -> None:
    whole = made(log)

    text, data = as_text(whole), json.loads(as_json(whole))
    lines = list(csv.reader(io.StringIO(as_csv(made(log, "service-level")).decode())))

    assert data["sections"]["waits"]["rows"][0]["asa"] == 60.0
    assert "60.0 s" in text
    assert [line[1] for line in lines[1:]] == [f"V{n}" for n in range(1, 8)]
    for section in whole.sections:
        assert section.title in text


def test_the_page_is_whole_needs_nothing_from_outside_and_makes_no_markup_of_names() -> None:
    evil = waits((10, ANSWERED), (20, ABANDONED), queue="<script>alert(1)</script>")
    page = as_html(Report("T", START, None, None, "", 2, (service_level(evil, Target()), patience(evil)))).decode()

    tags: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append(tag)
            assert not any(name in ("src", "href") for name, _ in attrs)

    Tags().feed(page)
    assert "script" not in tags
    assert tags.count("table") == 2


def test_patience_is_told_per_content_with_whether_it_differs_by_more_than_luck() -> None:
    rng = np.random.default_rng(7)
    now, told = START.timestamp(), []
    for content, mean in (("music", 60.0), ("podcast", 240.0)):
        for gives_up, served in zip(rng.exponential(mean, 2000), rng.exponential(90.0, 2000), strict=True):
            ends = (gives_up, "abandoned") if gives_up < served else (served, "answered")
            told.append(WaitColumns("support", None, now, ends[0], ends[1], content))

    section = patience(table(told, START))

    means = {row["content"]: row["mean"] for row in rows(section)}
    assert means["music"] == pytest.approx(60, rel=0.1)
    assert means["podcast"] == pytest.approx(240, rel=0.1)
    assert "under 1 in 10,000" in " ".join(section.notes)
    assert section.plot is not None
    assert {series.name for series in section.plot.series} == {"music", "podcast"}


def test_a_curve_of_very_many_is_drawn_as_true_at_its_end_as_at_its_beginning() -> None:
    rng = np.random.default_rng(4)
    curve = kaplan_meier(rng.exponential(60.0, 20_000), np.ones(20_000, np.bool_))

    shown = drawn("gave up", curve)

    assert len(shown.x) <= MOST_POINTS
    step = float(curve.times[-1]) / (MOST_POINTS - 1)
    for moment in np.arange(1.0, curve.times[-1], 7.3):
        there = shown.y[int(np.searchsorted(shown.x, moment, side="right")) - 1]
        assert curve.at(moment) <= there <= curve.at(moment - step)


def test_who_may_still_call_back_is_not_counted_as_gone() -> None:
    now = START + timedelta(days=30)
    rows_ = [
        WaitColumns("q", "anna", START.timestamp(), 30.0, "abandoned", None),
        WaitColumns("q", "anna", START.timestamp() + 3600, 30.0, "answered", None),
        WaitColumns("q", "boris", START.timestamp(), 30.0, "abandoned", None),
        WaitColumns("q", "carl", now.timestamp() - 3600, 30.0, "abandoned", None),
        WaitColumns("q", None, START.timestamp(), 30.0, "abandoned", None),
        WaitColumns("q", None, START.timestamp() + 60, 30.0, "answered", None),
    ]

    section = never_came_back(table(rows_, now), now.timestamp())

    day = rows(section)[0]
    assert (day["abandoned"], day["returned"], day["pending"], day["never"], day["share"]) == (3, 1, 1, 1, 0.5)
    assert "1 more gave up with a withheld number" in " ".join(section.notes)


def test_who_came_back_while_others_still_may_makes_no_share_look_better() -> None:
    now = START + timedelta(hours=2)
    fresh = [
        WaitColumns("q", "anna", START.timestamp(), 30.0, "abandoned", None),
        WaitColumns("q", "anna", START.timestamp() + 3600, 30.0, "answered", None),
        WaitColumns("q", "boris", START.timestamp(), 30.0, "abandoned", None),
    ]

    day = rows(never_came_back(table(fresh, now), now.timestamp()))[0]

    assert (day["returned"], day["pending"], day["over"], day["never"], day["share"]) == (1, 1, 0, 0, None)


def test_a_return_after_the_window_is_none() -> None:
    late = [
        WaitColumns("q", "anna", START.timestamp(), 30.0, "abandoned", None),
        WaitColumns("q", "anna", START.timestamp() + 2 * DAY, 30.0, "answered", None),
    ]

    day, week = rows(never_came_back(table(late, START + timedelta(days=30)), START.timestamp() + 30 * DAY))

    assert (day["returned"], day["never"]) == (0, 1)
    assert (week["returned"], week["never"]) == (1, 0)


def test_a_window_that_goes_on_behind_the_end_of_the_log_is_not_over() -> None:
    old = [
        WaitColumns("q", "anna", START.timestamp(), 30.0, "abandoned", None),
        WaitColumns("q", "boris", START.timestamp() + 3600, 30.0, "answered", None),
    ]
    now = START + timedelta(days=300)

    day = rows(never_came_back(table(old, now), now.timestamp()))[0]

    assert (day["pending"], day["over"], day["never"], day["share"]) == (1, 0, 0, None)


def test_the_law_counts_whoever_waits_too_long_already_and_says_whether_it_is_met() -> None:
    good = waits(*times(ANSWERED, 180, 95), *times(ANSWERED, 181, 5))
    bad = waits(*times(ANSWERED, 180, 95), *times(ANSWERED, 181, 5), *times(ABANDONED, 10, 1))

    assert rows(three_minutes(good))[0]["meets"] == "yes"
    told = rows(three_minutes(bad))[0]
    assert (told["meets"], told["calls"], told["share_kind"]) == ("no", 101, 0.95)

    begun = table([WaitColumns("q", None, START.timestamp(), None, None, None)], START + timedelta(seconds=200))
    assert rows(three_minutes(begun))[0]["share"] == 0.0


def test_an_empty_log_is_told_and_not_divided_by(tmp_path: Path) -> None:
    empty = table([], START)

    text = as_text(Report("T", START, None, None, "", 0, (service_level(empty, Target()), patience(empty))))

    assert "–" in text


def test_the_command_says_in_one_sentence_that_there_is_no_log_yet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDSVC_SERVICE__DATA_DIR", str(tmp_path))

    assert run(["report", "plays"]) == 2
    assert "there is no wait log" in capsys.readouterr().err
