"""The comparison: what really happened against what the service wrote down, in plain sentences."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from holdsvc.simulator.findings import Finding
from holdsvc.simulator.ledger import Row, Samples
from holdsvc.simulator.staffing import Measured
from holdsvc.simulator.truth import SHORT, Call, End, Truth, Wait

NEVER: Mapping[str, float] = {}
ENOUGH = 20  # keys and words after which their effect can be judged
LEAST_CHANGED = 0.3  # of them that must change what is heard
PARTED = frozenset({"left_by_choice", "callback_taken"})
SHOWN = 20  # differences that a report lists


class Exactness(Struct, frozen=True):
    """How far the log may be from the truth, in seconds."""

    own: float  # where the service's own receipt tells
    told: float  # where only the platform's whole seconds do
    listened: float = 4.0  # content in the log beyond what was heard: a word stops the sound seconds before it is told
    short: float = SHORT  # the threshold of a short abandon


VIRTUAL = Exactness(own=0.002, told=1.0)
REAL = Exactness(own=0.25, told=1.25)  # the time that a call's slowest request took comes on top
PROMPTLY = 0.5  # seconds; what took longer to be answered was no prompt news


class Verdict(Struct, frozen=True):
    calls: int
    waits: int
    outcomes: dict[str, int]  # of the truth, in its own words
    exact: int  # waits whose end the service heard of at the moment itself
    amended: int
    differences: tuple[str, ...]
    findings: tuple[Finding, ...]
    figures: dict[str, float]
    steps: int = 0  # moments at which the conservation law was looked at
    measured: Measured | None = None  # of traffic by the textbook
    speed: float = 1.0  # how much faster people lived

    @property
    def ok(self) -> bool:
        return not self.differences and not self.findings


def compare_waits(
    truth: Truth, rows: Sequence[Row], exactness: Exactness, delays: Mapping[str, float] = NEVER
) -> Iterator[str]:
    """What the wait log has wrong. Rows of calls that are not the simulation's are not looked at.

    `delays`: by call, seconds that its slowest request took to be answered; in real time the log may be off as far.
    """
    written: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        written[row.call].append(row)
    for call in truth.calls.values():
        waits = [wait for wait in call.waits if not wait.hold]
        found = written[call.sid]
        if len(found) != len(waits):
            yield f"{call.sid}: {_number(len(waits), 'wait')} happened, {_number(len(found), 'row')} in the log"
            continue
        for wait, row in zip(waits, sorted(found, key=lambda row: row.began), strict=True):
            yield from _compare(call, wait, row, exactness, delays.get(call.sid, 0.0))


def _compare(call: Call, wait: Wait, row: Row, exactness: Exactness, delay: float) -> Iterator[str]:
    exact = wait.prompt and delay <= PROMPTLY
    slack = (exactness.own if exact else exactness.told) + wait.slack + delay
    if wait.end is None:
        yield f"{call.sid}: the simulation ended before the wait did"
        return
    if row.outcome is None or row.seconds is None:
        yield f"{call.sid}: {wait.end} after {wait.seconds:.3f} s, still open in the log"
        return
    may = wait.outcomes(slack, exactness.short)
    if (
        row.outcome in PARTED
        and wait.end in (End.HUNG_UP, End.SENT_AWAY)
        and _at_a_key(wait, row.seconds, exactness.own)
    ):
        # On a stream the wait is over with the wish to leave; how long the good-bye took is not the log's affair.
        return
    at_once = call.mode == "stream" and abs(row.seconds - wait.seconds) <= exactness.own
    if row.outcome == "overflowed" and wait.end is End.HUNG_UP and at_once:
        return  # moved on in the moment of the hang-up: which was first, the two sides see differently
    if row.outcome not in may:
        yield f"{call.sid}: {wait.end} after {wait.seconds:.3f} s, the log says {row.outcome} after {row.seconds:.3f} s"
    if abs(row.seconds - wait.seconds) > slack:
        kind = "exactly" if exact else "in whole seconds"
        yield f"{call.sid}: waited {wait.seconds:.3f} s, the log says {row.seconds:.3f} s ({kind}; {wait.end})"
    if abs((row.began - wait.began).total_seconds()) > slack:
        yield f"{call.sid}: began to wait at {wait.began:%H:%M:%S.%f}, the log says {row.began:%H:%M:%S.%f}"
    heard, listened = sum(call.heard.values()), sum(stretch.seconds for stretch in row.listened)
    if exact and listened > heard + exactness.listened:
        yield f"{call.sid}: heard {heard:.1f} s of sound, the log says {listened:.1f} s of content"
    if row.queue != wait.queue:
        yield f"{call.sid}: waited in {wait.queue}, the log says {row.queue}"


def _at_a_key(wait: Wait, seconds: float, slack: float) -> bool:
    return any(abs((key - wait.began).total_seconds() - seconds) <= slack for key in wait.keys)


def compare_metrics(before: Samples, after: Samples, rows: Sequence[Row]) -> Iterator[str]:
    """Totals and amendments together against the log, as far as they moved since `before`."""
    logged = Counter(row.outcome for row in rows if row.outcome)
    counted = after.logged()
    counted.subtract(before.logged())
    for outcome in sorted({*logged, *(word for word in counted if word)}):
        if counted[outcome] != logged[outcome]:
            yield f"/metrics with amendments counts {counted[outcome]} {outcome}, the log has {logged[outcome]}"


def compare_rejected(before: Samples, after: Samples, forged: int) -> Iterator[str]:
    """The carrier's own requests are genuine: only forged ones may be refused or not understood."""
    rejected = after.rejected - before.rejected
    if rejected.total() != forged:
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(rejected.items())) or "none"
        yield f"/metrics counts {rejected.total()} rejected webhooks ({reasons}), {forged} were forged"


def compare_choices(truth: Truth) -> Iterator[str]:
    """What callers key and say must be heard to do something, as a rule: some entries are on no menu."""
    changed = [told for call in truth.calls.values() for told in call.changed]
    if len(changed) >= ENOUGH and sum(changed) < LEAST_CHANGED * len(changed):
        yield f"of {len(changed)} keys and words only {sum(changed)} changed what was heard"


def conserved(before: Samples, now: Samples, least: int, most: int) -> str | None:
    """The conservation law at one moment: what began is what ended plus what waits. None: it holds."""
    ended = _ended(now) - _ended(before)
    waiting = now.waiting - before.waiting
    if least <= ended + waiting <= most:
        return None
    offered = str(least) if least == most else f"{least} to {most}"
    return f"offered {offered}, but ended {ended} + waiting {waiting:.0f}"


def _ended(samples: Samples) -> int:
    return sum(count for word, count in samples.logged().items() if word)


def report(verdict: Verdict) -> str:
    """The verdict for a terminal."""
    lines = [
        f"calls {verdict.calls} · waits {verdict.waits} · "
        + " · ".join(f"{word} {count}" for word, count in sorted(verdict.outcomes.items())),
        f"known to the moment {verdict.exact} · amended {verdict.amended} · "
        f"conservation law looked at {verdict.steps} times",
        " · ".join(f"{name} {_figure(value)}" for name, value in verdict.figures.items()),
    ]
    lines += [f"difference: {sentence}" for sentence in verdict.differences[:SHOWN]]
    if len(verdict.differences) > SHOWN:
        lines.append(f"... and {len(verdict.differences) - SHOWN} more")
    lines += [f"finding: {f.sentence} ({f.times} times, first in {f.call} {f.url})" for f in verdict.findings]
    faults = len(verdict.differences) + len(verdict.findings)
    lines.append("verdict: no difference" if verdict.ok else f"verdict: {_number(faults, 'difference')}")
    return "\n".join(lines)


def _figure(value: float) -> str:
    return f"{value:.0f}" if value == int(value) else f"{value:.3f}"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
