"""The short form: Redis behind a black hole, and one that resets, while the CRM is no better. The long form is
`python -m tests.chaos toxic`."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.chaos.proxy import TOXICS
from tests.chaos.toxic import HEALED, SILENCE, SLOWEST, Row, raised
from tests.chaos.verdict import Verdict

RATE = 6.0  # calls a second
WAITS = (1.0, 2.5)  # seconds of patience
SPOILT = 2.0  # seconds


async def test_no_caller_waits_for_a_redis_or_a_crm_that_resets_or_swallows_what_is_asked():
    rows = []
    async with raised(replicas=1) as trial:
        trial.waits = WAITS
        for seed, (redis, crm) in enumerate((("reset", "black hole"), ("black hole", "reset")), 1):
            await trial.ways["crm"].turn(TOXICS[crm])
            rows.append(await trial.row("redis", TOXICS[redis], SPOILT, seed=seed, rate=RATE, patience=HEALED))

    assert [row.wrong for row in rows] == [[], []]
    assert all(row.verdict.webhooks > 5 * RATE for row in rows)


def row(slowest: float = 0.1, healed: float | None = 1.0, **more: object) -> Row:
    fine = {"refused": Counter(), "lost": [], "doubled": [], "other": [], "silence": 0.1, "p99": 0.1}
    return Row("redis", "reset", Verdict(calls=1, webhooks=3, **fine | more), slowest, healed)


@pytest.mark.parametrize(
    ("seen", "wrong"),
    [
        (row(), []),
        (row(slowest=SLOWEST + 0.1), ["an answer took 2.6 s"]),
        (row(silence=SILENCE + 0.1), ["a caller heard nothing for 2.1 s"]),
        (row(healed=HEALED + 1), ["it was not well within 30 s"]),
        (row(healed=None), ["it was not well within 30 s"]),
        (row(refused=Counter({"wait 502": 2})), ["wait 502: 2"]),
        (row(lost=["CA1: its wait"]), ["CA1: its wait"]),
    ],
)
def test_what_is_not_borne_is_told(seen: Row, wrong: list[str]) -> None:
    assert seen.wrong == wrong
