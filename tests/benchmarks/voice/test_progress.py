"""Whoever waits for a long run sees how far it is, on a terminal and in a file."""

from __future__ import annotations

import pytest

from tests.benchmarks.voice.progress import WIDTH, Progress


def run_of(count: int) -> None:
    progress = Progress()
    for place in range(1, count + 1):
        progress.at(place / count, f"call {place} of {count}")


@pytest.mark.parametrize("count", [10, 36, 100, 364])
def test_into_a_file_each_tenth_has_one_line(capsys: pytest.CaptureFixture[str], count: int) -> None:
    run_of(count)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert lines[-1] == f"call {count} of {count}"


def test_of_few_each_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    run_of(3)
    assert capsys.readouterr().err.splitlines() == ["call 1 of 3", "call 2 of 3", "call 3 of 3"]


def test_on_a_terminal_it_is_told_in_place_and_a_line_ends_with_the_stage(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    run_of(100)
    told = capsys.readouterr().err
    assert told.count("\r") == 100
    assert told.count("\n") == 1
    assert told.endswith(f"\r{'call 100 of 100':{WIDTH}}\n")
