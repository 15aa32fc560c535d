"""What the reports' benchmark holds them against is right, and they say it. No time is judged here."""

from pathlib import Path

import msgspec
import pytest

from holdsvc.calls.facts import AnyFact
from holdsvc.stores.ledger import SqliteLedger
from tests.benchmarks.reports import __main__ as benchmark
from tests.benchmarks.reports.log import FILE, prepare
from tests.benchmarks.reports.truth import Figures

WAITS = 2_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reports")


@pytest.fixture(scope="module")
def truth(folder: Path) -> Figures:
    return prepare(folder, WAITS)


@pytest.mark.parametrize(("name", "form"), [("whole, JSON", "json"), ("whole, HTML", "html")])
def test_the_whole_report_says_what_is_true(name: str, form: str, folder: Path, truth: Figures) -> None:
    one = benchmark.run(folder, name, "report", "all", "--format", form)

    assert not list(benchmark.judged(one, truth))
    assert f"{WAITS:,}" in one.body.decode() or b'"waits": 2000' in one.body


def test_the_law_holds_in_the_log_that_is_reported_on(folder: Path, truth: Figures) -> None:
    one = benchmark.run(folder, "holdsvc audit", "audit")

    assert one.status == 0, one.body.decode()


def test_facts_are_written_as_the_service_reads_them(folder: Path, truth: Figures) -> None:
    with SqliteLedger(folder / FILE) as ledger:
        told = [fact for (fact,) in ledger._ask("SELECT fact FROM facts LIMIT 100")]

    assert len([msgspec.json.decode(one, type=AnyFact) for one in told]) == 100


def test_a_figure_that_is_not_the_true_one_is_named(folder: Path, truth: Figures) -> None:
    one = benchmark.run(folder, "law", "report", "law", "--format", "json")
    key = ("all",)
    answered = truth["three_minutes"][key]["answered"]
    assert isinstance(answered, int)
    lie = {
        **truth,
        "three_minutes": {**truth["three_minutes"], key: {**truth["three_minutes"][key], "answered": answered + 1}},
    }

    found = list(benchmark.judged(one, lie))

    assert found == [f"law: three_minutes ('all',) answered: {answered} reported, {answered + 1} true"]
