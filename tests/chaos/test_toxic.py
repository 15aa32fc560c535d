"""The short form: a Redis that resets, and a CRM that is a black hole meanwhile. The long form is `python -m tests.chaos toxic`."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.chaos.proxy import TOXICS
from tests.chaos.toxic import HEALED, SILENCE, SLOWEST, Row, raised
from tests.chaos.verdict import Verdict

RATE = 6.0  # calls a second
WAITS = (1.0, 2.5)  # seconds of patience
SPOILT = 2.0  # seconds


async def test_no_caller_waits_for_a_redis_that_resets_and_a_crm_that_swallows_what_it_is_asked():
    async with raised(replicas=1) as trial:
        trial.waits = WAITS
        await trial.ways["crm"].turn(TOXICS["black hole"])
        seen = await trial.row("redis", TOXICS["reset"], SPOILT, seed=1, rate=RATE, patience=HEALED)

    assert seen.wrong == []
    assert seen.verdict.webhooks > 5 * RATE


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
