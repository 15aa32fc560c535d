"""What was acknowledged against what the wait log holds at the end, read with SQL alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

import asyncpg
from msgspec import Struct, field

from tests.chaos.cluster import LEAVE
from tests.chaos.load import Load

SILENCE = 5.0  # seconds within which every caller must hear sound again
SHOWN = 12  # sentences
BESIDE = (
    "hook_status",
    "stream_refused",
    "release",
)  # findings that are counted elsewhere, or are no matter of webhooks
ONCE = {"WaitBegan": "beginning", "WaitEnded": "end"}  # facts that a wait has once
KEYED = ("ContentChosen", "NotUnderstood")  # of these, each key gives one
WAITS = "SELECT call, outcome FROM holdsvc.waits"
FACTS = "SELECT s.call, f.kind, count(*) FROM holdsvc.facts f JOIN holdsvc.sessions s ON s.id = f.session"
TOLD_ONCE = f"{FACTS} WHERE f.kind = ANY($1) GROUP BY s.call, f.kind"
CHOICES = f"""{FACTS} WHERE f.kind = ANY($1) AND f.fact::json ->> 'via' = 'key' GROUP BY s.call, f.kind"""


class Kept(Struct):
    """What the log has of one call."""

    outcomes: list[str | None] = field(default_factory=list)  # one for each row
    choices: int = 0
    facts: Counter[str] = field(default_factory=Counter)


class Verdict(Struct):
    """A row of the table. `sentences` tell what was lost, doubled, or otherwise not as it should be."""

    calls: int
    webhooks: int
    refused: Counter[str]
    lost: list[str]
    doubled: list[str]
    other: list[str]
    silence: float
    p99: float
    streams: int = 0
    turned_away: int = 0  # streams that found nobody to take them: their callers hear documents instead
    slowest: float = 0.0  # seconds of the slowest answer
    late: float = 0.0  # seconds by which the test itself was behind
    silences: list[str] = field(default_factory=list)  # how the longest came about

    @property
    def ok(self) -> bool:
        return not (self.refused or self.lost or self.doubled or self.other) and self.silence <= SILENCE

    @property
    def sentences(self) -> list[str]:
        refused = [f"{what}: {times} times" for what, times in self.refused.items()]
        found = []
        for word, some in (("refused", refused), ("lost", self.lost), ("doubled", self.doubled), ("other", self.other)):
            found += [f"{word}: {one}" for one in some[:SHOWN]]
            found += [f"{word}: and {len(some) - SHOWN} more"] * (len(some) > SHOWN)
        return found + [f"silence of {one}" for one in self.silences]


async def read(database: str) -> dict[str, Kept]:
    """By call."""
    connection = await asyncpg.connect(database)
    try:
        rows, facts = await connection.fetch(WAITS), await connection.fetch(TOLD_ONCE, list(ONCE))
        choices = await connection.fetch(CHOICES, list(KEYED))
    finally:
        await connection.close()
    kept: defaultdict[str, Kept] = defaultdict(Kept)
    for call, outcome in rows:
        kept[call].outcomes.append(outcome)
    for call, kind, times in facts:
        kept[call].facts[kind] += times
    for call, _, times in choices:
        kept[call].choices += times
    return kept


def judge(load: Load, kept: dict[str, Kept]) -> Verdict:
    findings = load.carrier.findings.all()
    verdict = Verdict(
        calls=len(load.carrier.truth.calls),
        webhooks=load.webhooks,
        refused=load.refused,
        lost=list(lost(load, kept)),
        doubled=list(doubled(load, kept)),
        other=[f"{one.sentence} ({one.times} times, first {one.url})" for one in findings if one.code not in BESIDE],
        silence=load.silence,
        p99=load.p99,
        slowest=load.slowest,
        late=load.late,
        turned_away=sum(one.times for one in findings if one.code == "stream_refused"),
        streams=sum(call.mode == "stream" for call in load.carrier.truth.calls.values()),
    )
    verdict.other += untrue(load, kept)
    return verdict


def lost(load: Load, kept: dict[str, Kept]) -> Iterator[str]:
    """Acknowledged, and not there."""
    told, nothing = load.acknowledged, Kept()
    for call in sorted(told.began):
        have = kept.get(call, nothing)
        if not have.outcomes:
            yield f"{call}: its wait"
        elif call in told.ended and have.outcomes == [None]:
            yield f"{call}: its end"
        for kind, word in ONCE.items():
            if have.outcomes and not have.facts[kind] and (kind != "WaitEnded" or call in told.ended):
                yield f"{call}: the fact of its {word}"
    for call, keyed in sorted(load.presses.items()):
        have = kept.get(call, nothing)
        if have.choices < keyed:
            yield f"{call}: {keyed - have.choices} of {keyed} choices"


def doubled(load: Load, kept: dict[str, Kept]) -> Iterator[str]:
    """More often in the log than in life."""
    calls = load.carrier.truth.calls
    for call, have in sorted(kept.items()):
        if call.partition(":")[0] not in calls:
            continue
        if len(have.outcomes) > 1:
            yield f"{call}: {len(have.outcomes)} rows"
        for kind, word in ONCE.items():
            if have.facts[kind] > 1:
                yield f"{call}: {have.facts[kind]} facts of its {word}"
        pressed = len(calls[call].pressed) if call in calls else 0
        if have.choices > pressed:
            yield f"{call}: {have.choices} choices, {pressed} keys"


def untrue(load: Load, kept: dict[str, Kept]) -> Iterator[str]:
    """An end that is another one than was acknowledged."""
    for call, outcomes in sorted(load.acknowledged.ended.items()):
        have = kept.get(call)
        if LEAVE in {digit for digit, _ in load.carrier.truth.calls[call].pressed}:
            outcomes = {*outcomes, "left_by_choice"}  # on a stream the wait is over with the wish, which is no webhook
        if have is not None and have.outcomes and have.outcomes[0] and have.outcomes[0] not in outcomes:
            yield f"{call}: the end was acknowledged as {sorted(outcomes)}, the log says {have.outcomes[0]}"
