"""`holdsvc simulate`: words that go together, the view on a terminal and beside one, and the log that is kept."""

from __future__ import annotations

import argparse
import asyncio
import io
import sys
from pathlib import Path

import pytest

from holdsvc.cli import parser
from holdsvc.cli import run as cli
from holdsvc.commands.simulate import Screen, log_file, staffing
from holdsvc.errors import ConfigError
from holdsvc.simulator.staffing import Staffing
from holdsvc.simulator.view import Progress

ALL_FOUR = ("--agents", "10", "--arrivals", "12", "--handling", "60", "--patience", "90")


def words(*given: str) -> argparse.Namespace:
    return parser().parse_args(["simulate", *given])


def test_traffic_by_the_textbook_wants_all_four():
    assert staffing(words()) is None
    assert staffing(words(*ALL_FOUR)) == Staffing(10, 12.0, 60.0, 90.0)


@pytest.mark.parametrize(
    ("given", "key"),
    [
        (ALL_FOUR[:-2], "--patience"),
        (("--arrivals", "12"), "--agents"),
        ((*ALL_FOUR, "--agents", "0"), "--agents"),
        ((*ALL_FOUR, "--patience", "-3"), "--patience"),
        ((*ALL_FOUR, "--patience", "nan"), "--patience"),
        ((*ALL_FOUR, "--arrivals", "inf"), "--arrivals"),
        ((*ALL_FOUR, "--rate", "2"), "--rate"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(given, key):
    with pytest.raises(ConfigError) as refused:
        staffing(words(*given))

    assert refused.value.key == key


@pytest.mark.parametrize("speed", ["0", "-3", "nan", "inf"])
def test_a_speed_that_is_none_is_one_sentence(speed, capsys):
    assert cli(["simulate", "--calls", "1", "--speed", speed]) == 2
    assert "--speed" in capsys.readouterr().err


def test_a_log_is_never_written_over_and_never_taken_from_a_running_service(tmp_path):
    (tmp_path / "holdsvc.sqlite3").touch()

    with pytest.raises(ConfigError, match="exists already"):
        log_file(words("--record", str(tmp_path)))
    with pytest.raises(ConfigError, match="keeps its own"):
        log_file(words("--record", str(tmp_path / "new"), "--url", "http://127.0.0.1:8080"))


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_on_a_terminal_each_picture_is_drawn_over_the_last():
    there = Terminal()
    screen = Screen(there)
    at = Progress(3, 1, 10, 5.0, {"support": 2})

    screen.show(at)
    first = there.getvalue()
    screen.show(at)

    assert first.count("\n") == 4
    assert there.getvalue() == first + "\x1b[4A" + first


def test_beside_a_terminal_there_is_a_line_now_and_then_and_one_at_the_end():
    there, now = io.StringIO(), [0.0]
    screen = Screen(there, lambda: now[0])
    for now[0], over in ((0.0, 0), (4.0, 3), (11.0, 6), (12.0, 10)):
        screen.show(Progress(10, over, 10, 5.0))

    said = there.getvalue()
    assert [text.split("/")[0] for text in said.splitlines()] == ["0", "6", "10"]
    assert "\x1b" not in said


async def test_a_run_is_compared_with_the_formula_and_its_log_is_kept_for_reports(tmp_path: Path):
    kept = tmp_path / "kept"
    code, said = await run(tmp_path, "simulate", "--calls", "60", "--record", str(kept), *ALL_FOUR)
    reported, report = await run(kept, "report", "waits")

    assert code == 0, said
    assert "Erlang A:" in said
    assert "verdict: no difference" in said
    assert [path.name for path in kept.iterdir()] == ["holdsvc.sqlite3"]
    assert reported == 0, report
    assert "60 waits" in report


async def run(data: Path, *given: str) -> tuple[int, str]:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "holdsvc", *given),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"HOLDSVC_SERVICE__DATA_DIR": str(data), "PATH": "/usr/bin:/bin"},
    )
    said, _ = await child.communicate()
    assert child.returncode is not None
    return child.returncode, said.decode()
