"""A mistyped queue is said to be none, in every command that takes one; whatever there is or was is taken."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from holdsvc.calls.model import QueueName
from holdsvc.cli import run
from holdsvc.commands.queues import MOST_NAMED, check, none_such
from holdsvc.commands.simulate import chosen
from holdsvc.errors import ConfigError
from holdsvc.stores.sqlite import SqliteStore
from tests.service import running
from tests.stores.calls import START, answered, decided, held, new, opened

CONFIGURED = """
[queues.sales]
[queues.billing]
"""
SAID = "holdsvc: --queue: there is no queue 'biling'; there are billing, "


async def a_wait(store: SqliteStore, name: str, queue: str, at: float) -> None:
    session = new(name, QueueName(queue))
    for event in (held(at), answered(at + 9)):
        decision = decided(session, event)
        session = decision.session
        await store.save(session, decision.facts)


async def a_log(folder: Path) -> None:
    """One wait in a queue that nobody configures any more, and one that left the log by its age."""
    async with opened(folder / "holdsvc.sqlite3") as store:
        await a_wait(store, "CA1", "long ago", 0)
        await a_wait(store, "CA2", "last year", 9_000)
        assert await store.let_go(START + timedelta(hours=1), 10) == 1


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("HOLDSVC_SERVICE__DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    asyncio.run(a_log(tmp_path / "data"))
    (tmp_path / "holdsvc.toml").write_text(CONFIGURED)
    return str(tmp_path / "holdsvc.toml")


@pytest.mark.parametrize("command", [("report",), ("report", "law", "--format", "json"), ("export",)])
def test_out_of_the_log_nothing_is_told_of_a_queue_that_never_was(config, tmp_path, capsys, command) -> None:
    out = tmp_path / "out"

    assert run([*command, "--config", config, "--queue", "biling", "--out", str(out)]) == 2

    said = capsys.readouterr()
    assert said.err.startswith(SAID)
    assert set(said.err.removeprefix(SAID).strip().split(", ")) >= {"default", "sales", "last year", "long ago"}
    assert said.out == ""
    assert not out.exists()


@pytest.mark.parametrize("queue", ["billing", "default", "last year", "long ago", ""])
@pytest.mark.parametrize("command", ["report", "export"])
def test_a_queue_that_is_configured_or_stands_or_stood_in_the_log_is_one(config, capsys, command, queue) -> None:
    assert run([command, "--config", config, "--queue", queue]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("queue", ["biling", "billing,biling", "sales, biling"])
def test_no_callers_are_sent_to_a_queue_that_is_none(config, capsys, queue) -> None:
    assert run(["simulate", "--config", config, "--calls", "1", "--queue", queue]) == 2
    assert capsys.readouterr().err.startswith(SAID)


@pytest.mark.parametrize("named", [(), ("--queue", "billing,"), ("--queue", " , sales,,")])
def test_where_none_is_named_or_a_comma_too_many_stands_callers_go_to_a_queue_that_there_is(
    config, capsys, named
) -> None:
    assert run(["simulate", "--config", config, "--calls", "1", *named]) == 0, capsys.readouterr()


@pytest.mark.parametrize(
    ("named", "there", "goes_to"),
    [
        (None, ["default", "billing", "support"], "support"),
        (None, ["default", "billing", "sales"], "billing"),
        (None, ["default"], "default"),
        (None, None, "support"),
        ("sales, billing,", ["default", "billing", "sales"], "sales,billing"),
        ("sales,", None, "sales"),
    ],
)
def test_callers_go_where_they_were_sent_else_to_support_else_to_the_first_queue(named, there, goes_to) -> None:
    assert chosen(named, there) == goes_to


@pytest.mark.parametrize("named", ["", " ", ",", " , "])
def test_an_option_that_names_no_queue_says_so(config, capsys, named) -> None:
    assert run(["simulate", "--config", config, "--calls", "1", "--queue", named]) == 2
    assert capsys.readouterr().err.startswith("holdsvc: --queue: names none: ")


async def test_a_running_service_says_which_queues_it_has(tmp_path, unused_tcp_port, capsys) -> None:
    async with running(tmp_path, unused_tcp_port) as service:
        words = ["simulate", "--url", service.base, "--calls", "1", "--queue", "suport"]
        assert await asyncio.to_thread(run, words) == 2

    assert capsys.readouterr().err.startswith("holdsvc: --queue: there is no queue 'suport'; there are support, ")


def test_audit_is_of_all_queues(config, capsys) -> None:
    with pytest.raises(SystemExit) as left:
        run(["audit", "--config", config, "--queue", "biling"])

    assert left.value.code == 2
    assert "unrecognized arguments: --queue biling" in capsys.readouterr().err


def test_the_nearest_stands_first_and_of_very_many_not_all_are_listed() -> None:
    many = [f"line {n}" for n in range(40)]

    assert none_such("SUPORT", ["default", "sales", "support"]) == (
        "there is no queue 'SUPORT'; there are support, default, sales"
    )
    said = none_such("line 17a", many)
    assert said.startswith("there is no queue 'line 17a'; there are line 17, ")
    assert said.count(",") == MOST_NAMED - 1
    assert said.endswith(f" and {40 - MOST_NAMED} more")


def test_it_is_a_mistake_of_words_like_any_other() -> None:
    with pytest.raises(ConfigError) as refused:
        check("--queue", ["a"], ["b"])
    assert refused.value.key == "--queue"
