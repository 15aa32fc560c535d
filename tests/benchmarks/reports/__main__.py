"""`python -m tests.benchmarks.reports [--waits 1000000] [--whole]`: how long a report takes over very many waits, and is it true?

The waits are drawn by chance and written into a log; what must be found in it is counted from the draws. Each report is the real
command in a process of its own. Exits with 1 if a figure is not the true one, or the whole report takes half a minute.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from html import unescape
from math import isclose, sqrt
from multiprocessing import get_context
from pathlib import Path
from typing import Any, cast

import msgspec
from msgspec import Struct

from tests.benchmarks.reports.log import FILE, prepare
from tests.benchmarks.reports.truth import Figure, Figures, Rows, expected_patience
from tests.benchmarks.streams.__main__ import alone, machine, show_line
from tests.benchmarks.streams.contenders import first_in_line

BOOKS = ("service-level", "waits", "estimates", "callbacks", "abandonment", "patience", "choices", "plays", "law")
WITHIN = 30.0  # seconds, of the whole report
NAMES = {  # the columns that name a row
    "service_level": ("queue", "variant"),
    "waits": ("queue",),
    "outcomes": ("queue", "outcome"),
    "estimates": ("queue",),
    "estimates_by_range": ("range",),
    "callbacks": ("queue",),
    "abandonment_curve": ("seconds",),
    "never_came_back": ("window",),
    "patience": ("content",),
    "choices": ("choice", "via"),
    "plays": ("content",),
    "three_minutes": ("queue",),
}

Sections = Mapping[str, Sequence[Mapping[str, Figure]]]


class Run(Struct, frozen=True):
    name: str
    wall: float
    cpu: float
    megabytes: float  # at the most, of the process
    status: int
    body: bytes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--waits", type=int, default=1_000_000)
    parser.add_argument("--whole", action="store_true", help="not each report by itself as well")
    parser.add_argument("--html", type=Path, help="a file for the report, to look at")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="holdsvc-benchmark-") as name, alone():
        folder = Path(name)
        show_line(f"writing {given.waits:,} waits")
        truth = written(folder, given.waits)
        log = (folder / FILE).stat().st_size / 1e6
        show_line(f"the log has {log:,.0f} MB")
        runs = [shown(one) for one in all_runs(folder, given.whole)]
    if given.html:
        given.html.write_bytes(runs[1].body)
    wrong = [line for one in runs for line in judged(one, truth)]
    print(f"\n{machine(sorted(os.sched_getaffinity(0)))}; {given.waits:,} waits, a log of {log:,.0f} MB\n")
    print(table(runs))
    figures = sum(len(row) for rows in truth.values() for row in rows.values())
    print(f"\n{figures} figures of the whole report compared, {len(wrong)} differences in all runs.")
    print("\n".join(wrong[:40]))
    if runs[0].wall >= WITHIN:
        print(f"The whole report took {runs[0].wall:.1f} s.")
    return 1 if wrong or runs[0].wall >= WITHIN else 0


def written(folder: Path, waits: int) -> Figures:
    """In a process of its own: the peak of memory that a child is said to have begins with its parent's."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(prepare, folder, waits).result()


def all_runs(folder: Path, whole: bool) -> Iterator[Run]:
    """The whole first, as JSON and as HTML."""
    yield run(folder, "whole, JSON", "report", "all", "--format", "json")
    yield run(folder, "whole, HTML", "report", "all", "--format", "html")
    if whole:
        return
    for book in BOOKS:
        yield run(folder, book, "report", book, "--format", "json")
    yield run(folder, "holdsvc audit", "audit")


def run(folder: Path, name: str, *words: str) -> Run:
    others = {key: value for key, value in os.environ.items() if not key.startswith("HOLDSVC_")}
    began = time.monotonic()
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "holdsvc", *words],
            env={**others, "HOLDSVC_SERVICE__DATA_DIR": str(folder)},
            stdout=out,
        )
        first_in_line(process.pid)
        _, status, used = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    cpu = used.ru_utime + used.ru_stime
    return Run(name, wall, cpu, used.ru_maxrss / 1000, process.returncode, (folder / "out").read_bytes())


def shown(one: Run) -> Run:
    show_line(f"{one.name}: {one.wall:.1f} s, {one.megabytes:.0f} MB")
    return one


# --- is it true? -------------------------------------------------------------------------------------------------------


def judged(one: Run, truth: Figures) -> Iterator[str]:
    if one.status:
        yield f"{one.name}: ended with {one.status}: {one.body[:300].decode(errors='replace')}"
    elif one.name == "whole, HTML":
        yield from on_the_page(one.body.decode(), truth)
    elif one.body.startswith(b"{"):
        found = sections(one.body)
        if one.name == "whole, JSON" and found.keys() != truth.keys():
            yield f"{one.name}: sections {sorted(found.keys() ^ truth.keys())}"
        yield from (f"{one.name}: {line}" for name in found for line in differences(name, found[name], truth[name]))
        yield from (f"{one.name}: {line}" for line in unexpected(found.get("patience", ())))


def sections(body: bytes) -> Sections:
    told = cast(dict[str, Any], msgspec.json.decode(body))  # Any: what comes out is compared cell by cell
    return {name: section["rows"] for name, section in told["sections"].items()}


def differences(section: str, found: Sequence[Mapping[str, Figure]], truth: Rows) -> Iterator[str]:
    rows = {tuple(row[name] for name in NAMES[section]): row for row in found}
    if len(rows) != len(found) or rows.keys() != truth.keys():
        yield f"{section}: rows {sorted(map(str, rows.keys() ^ truth.keys()))}, {len(found)} in all"
    for key in rows.keys() & truth.keys():
        for column, value in truth[key].items():
            if not same(rows[key].get(column, "no such column"), value):
                yield f"{section} {key} {column}: {rows[key].get(column)} reported, {value} true"


def same(found: Figure, true: Figure) -> bool:
    """Counts to the one; shares and seconds but for how sums are rounded."""
    if isinstance(found, float) and isinstance(true, float):
        return isclose(found, true, rel_tol=1e-9, abs_tol=1e-6)
    return type(found) is type(true) and found == true


def unexpected(patience: Sequence[Mapping[str, Figure]]) -> Iterator[str]:
    """Held against what callers were drawn from: within 1 %, or the luck of five standard deviations where few gave up."""
    for row in patience:
        median, mean = expected_patience()[str(row["content"])]
        reach = max(0.01, 5 / sqrt(cast(int, row["abandoned"])))
        for column, true in (("median", median), ("mean", mean)):
            found = row[column]
            if not isinstance(found, float) or abs(found / true - 1) > reach:
                yield f"patience {row['content']} {column}: {found} reported, drawn with {true:.2f}"


def on_the_page(page: str, truth: Figures) -> Iterator[str]:
    """Every count stands in its section's table."""
    for name, rows in truth.items():
        _, _, behind = page.partition(f'<section id="{name}">')
        cells = {unescape(one) for one in re.findall(r"<td[^>]*>([^<]*)</td>", behind.partition("</section>")[0])}
        for key, row in rows.items():
            for column, value in row.items():
                if isinstance(value, int) and f"{value:,}" not in cells:
                    yield f"whole, HTML: {name} {key} {column}: {value:,} is not on the page"


def table(runs: Sequence[Run]) -> str:
    rows = [f"| {one.name} | {one.wall:.1f} | {one.cpu:.1f} | {one.megabytes:.0f} |" for one in runs]
    return "\n".join(["| report | seconds | CPU seconds | peak memory, MB |", "| --- | --- | --- | --- |", *rows])


if __name__ == "__main__":
    sys.exit(main())
