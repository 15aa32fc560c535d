"""What the runs say, as tables in Markdown: each server's figures, and ours as ratios against what they must be."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence

from tests.benchmarks.streams.measure import Run

Figure = Callable[[Run], float]
CUSHION = 60.0  # milliseconds that a telephone keeps, in the client


def told(run: Run) -> str:
    """One line, while it goes on."""
    heard = run.heard
    figures = [
        f"{heard.alive} streams, {run.share:.3f} cores = {run.per_thousand:.3f} a thousand",
        f"underruns {heard.underruns}, silence {heard.silence_ppm:.0f} ppm, wrong {heard.wrong}",
        f"keys {heard.keys_heard} of {heard.keys}, missed {heard.keys_missed}, heard p99 {heard.key_to_heard.p99:.1f} ms, "
        f"silent for p99 {heard.after_clear.p99:.1f} ms",
        f"first sound p99 {heard.start_to_first_sound.p99:.1f} ms",
        f"{run.kilobytes:.1f} kB a stream",
        f"client {run.client.cpu / run.client.wall:.2f} cores, late p99 {heard.own_lateness.p99:.1f} ms",
        f"server kept off {run.kept_off / run.server.wall:.0%}, others took {run.taken:.0%}",
    ]
    if not run.carried:
        figures.append(f"NOT CARRIED: offered {run.offered}, refused {heard.refused}, lost {heard.lost}")
    return "; ".join(figures)


def cost(run: Run) -> float:
    return run.per_thousand


def servers(runs: Sequence[Run], names: Mapping[str, str]) -> str:
    rows = [
        "| server | streams | core/1000 | underruns | silence ppm | wrong tone / missed keys | key to heard ms p50 / p99 "
        "| silent at a key ms p99 | first sound ms p50 / p99 | kB a stream | runs (void) |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for plan in dict.fromkeys((run.plan.name, run.plan.streams) for run in runs):
        mine = [run for run in runs if (run.plan.name, run.plan.streams) == plan]
        good = counted(mine)
        alive = min(min(run.heard.alive, run.heard.first_sounds) for run in good)
        carried = str(plan[1]) if alive == plan[1] else f"{plan[1]} (carried {alive})"
        rows.append(
            f"| {names[plan[0]]} | {carried} | {spread(good, cost, 3)} "
            f"| {max(run.heard.underruns for run in good)} | {most(good, lambda run: run.heard.silence_ppm)} "
            f"| {max(run.heard.wrong for run in good)} / {max(run.heard.keys_missed for run in good)} "
            f"| {middle(good, lambda run: run.heard.key_to_heard.p50):.0f} / "
            f"{middle(good, lambda run: run.heard.key_to_heard.p99):.0f} "
            f"| {middle(good, lambda run: run.heard.after_clear.p99):.1f} "
            f"| {middle(good, lambda run: run.heard.start_to_first_sound.p50):.1f} / "
            f"{middle(good, lambda run: run.heard.start_to_first_sound.p99):.1f} "
            f"| {middle(good, lambda run: run.kilobytes):.1f} | {len(mine)} ({sum(bool(run.void) for run in mine)}) |"
        )
    return "\n".join(rows)


def ratios(runs: Sequence[Run]) -> str:
    """The measures of a release, as far as these runs tell them."""
    rows = ["| measure | found | must | reach for |", "| --- | --- | --- | --- |"]
    by = {(run.plan.name, run.plan.streams): [] for run in runs}  # type: dict[tuple[str, int], list[Run]]
    for run in runs:
        by[run.plan.name, run.plan.streams].append(run)
    rows += lines(by)
    mine = next((by[key] for key in sorted(by) if key[0] == "ours" and key[1] >= 1000), None)
    mine = mine or next((by[key] for key in sorted(by) if key[0] == "ours"), None)
    if mine is None:
        return "\n".join(rows)
    for other, must, reach in (("naive", "12x", "20x"), ("pipecat", "50x", "90x"), ("picows", "", "")):
        theirs = next((by[key] for key in sorted(by) if key[0] == other), None)
        if theirs:
            rows.append(f"| CPU per stream, {other} / ours | {ratio(theirs, mine)}x | {must} | {reach} |")
    bare = next((by[key] for key in sorted(by) if key[0] == "bare"), None)
    if bare:
        rows.append(f"| CPU per stream, ours / bare C | {ratio(mine, bare)} | 2.5 | 1.7 |")
    for (name, number), many in by.items():
        if name == "ours" and number >= 2000:
            rows += crowd(number, counted(many))
    sizes = {number: middle(counted(many), cost) for (name, number), many in sorted(by.items()) if name == "ours"}
    if len(sizes) > 1:
        steps = ", ".join(f"{number:,}: {sizes[number]:.3f}" for number in sizes)
        rows.append(f"| core/1000 as the streams grow | {steps} | flat or falling | |")
    good = counted(mine)
    rows += [
        f"| own memory per stream | {spread(good, lambda run: run.kilobytes, 1)} kB | 10 | 3 |",
        f"| key to new content heard, p99 | {spread(good, lambda run: run.heard.key_to_heard.p99, 0)} ms | 120 | 60 |",
        f"| stream start to first sound, {good[0].plan.rate:.0f} calls/s, p99 "
        f"| {spread(good, lambda run: run.heard.start_to_first_sound.p99, 1)} ms | 50 | 10 |",
    ]
    return "\n".join(rows)


def lines(by: Mapping[tuple[str, int], Sequence[Run]]) -> list[str]:
    """AudioSocket, where a frame is to come when it is to be heard."""
    theirs = next((by[key] for key in sorted(by) if key[0] == "naive-lines"), None)
    mine = next((by[key] for key in sorted(by, reverse=True) if key[0] == "ours-lines"), None)
    if mine is None:
        return []
    good = counted(mine)
    rows = [
        f"| AudioSocket: underruns behind a cushion of 60 ms | {max(run.heard.underruns for run in good)} | 0 | 0 |",
        f"| AudioSocket: most that a frame came before its time | {most(good, ahead_of_time)} ms | 20 | |",
        f"| AudioSocket: key to new content sent, p99 | {spread(good, lambda run: run.heard.key_to_heard.p99, 0)} ms | | |",
    ]
    if bare := next((by[key] for key in sorted(by) if key[0] == "bare-lines"), None):
        rows.insert(0, f"| AudioSocket, CPU per stream: ours / bare C | {ratio(mine, bare)} | | |")
        if theirs:
            rows.insert(0, f"| AudioSocket, CPU per stream: naive / bare C | {ratio(theirs, bare)}x | | |")
    if theirs:
        rows.insert(0, f"| AudioSocket, CPU per stream: naive / ours | {ratio(theirs, mine)}x | 3.5x | 6x |")
    return rows


def ahead_of_time(run: Run) -> float:
    return run.heard.lead.most - CUSHION


def crowd(number: int, runs: Sequence[Run]) -> list[str]:
    carried = min(run.heard.alive for run in runs)
    return [
        f"| {number:,} streams: carried | {carried:,} | {number:,} | |",
        f"| {number:,} streams: share of a core | {spread(runs, lambda run: run.share, 2)} | 0.7 | 0.4 |",
        f"| {number:,} streams: underruns | {max(run.heard.underruns for run in runs)} | 0 | 0 |",
        f"| {number:,} streams: silence | {most(runs, lambda run: run.heard.silence_ppm)} ppm | 0 | 0 |",
    ]


def counted(runs: Sequence[Run]) -> list[Run]:
    """Those that are not void; all, if there is no other."""
    return [run for run in runs if not run.void] or list(runs)


def ratio(over: Sequence[Run], under: Sequence[Run]) -> str:
    """Round against the same round; the median (least - most)."""
    found = [a.per_thousand / b.per_thousand for a, b in zip(over, under, strict=False) if not a.void and not b.void]
    note = ""
    if not found:
        found = [a.per_thousand / b.per_thousand for a, b in zip(over, under, strict=False)]
        note = " (void)"
    return f"{statistics.median(found):.2f} ({min(found):.2f} - {max(found):.2f}){note}"


def middle(runs: Sequence[Run], figure: Figure) -> float:
    return statistics.median(figure(run) for run in runs)


def spread(runs: Sequence[Run], figure: Figure, digits: int) -> str:
    values = [figure(run) for run in runs]
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} - {max(values):.{digits}f})"


def most(runs: Sequence[Run], figure: Figure) -> str:
    return f"{max(figure(run) for run in runs):.0f}"
