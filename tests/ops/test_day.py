"""A whole day in four hours: what the service exports is written down every minute of it, and Prometheus' own engine records
every rule and asks every panel's query. What a quiet quarter of an hour has nothing of, a day has."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from holdsvc.calls.callback import State
from holdsvc.calls.estimate import Expected, Ground
from holdsvc.calls.facts import AnyFact, ContentChosen, ContentHeard, WaitAmended, WaitEnded
from holdsvc.calls.model import ContentId, Kind, Outcome, QueueName, Via
from holdsvc.calls.promise import Came
from holdsvc.calls.session import HoldSession
from holdsvc.engine.lookup import Found
from holdsvc.engine.metrics import Metrics
from holdsvc.ports import Totals
from holdsvc.simulator.ledger import read_metrics
from tests.engine.test_watching import Clock
from tests.ops.test_alerts import listed, promtool
from tests.ops.test_dashboards import BOARDS, families, queries, recorded
from tests.ops.test_exposition import session
from tests.plans import NOON

MIDNIGHT = NOON.replace(hour=0)
HOUR = 10  # minutes that an hour of the day takes; there is a look at each
QUEUES = (QueueName("support"), QueueName("billing"))
PLATFORMS = ("twilio", "audiosocket")
# Calls a minute by the hour: a night, two rushes, an evening.
PROFILE = (1, 1, 0, 0, 0, 1, 2, 4, 8, 12, 12, 9, 6, 6, 9, 10, 8, 6, 4, 3, 3, 2, 2, 1)
OUTCOMES = {Outcome.ANSWERED: 70, Outcome.ABANDONED: 14, Outcome.SHORT_ABANDONED: 5, Outcome.CALLBACK_TAKEN: 3} | {
    Outcome.LEFT_BY_CHOICE: 3,
    Outcome.OVERFLOWED: 2,
    Outcome.FAILED: 1,
    Outcome.UNKNOWN: 2,
}
SHORT, WITHIN = 5.0, 20.0  # seconds
ASKED_AT = ("110m", "155m", "239m")


class Over(NamedTuple):
    """A wait, as it was."""

    queue: QueueName
    seconds: float
    outcome: Outcome
    came: Came | None


class Day:
    """What happens goes into the metrics of the service itself, as the service would put it there."""

    def __init__(self) -> None:
        self.rng, self.clock = random.Random(1), Clock()
        self.metrics = Metrics("1.2.3", self.clock)
        self.waiting: list[HoldSession] = []
        self.over: list[Over] = []
        names = (*QUEUES, QueueName("default"))
        self.metrics.start_from(
            Totals(), lambda: self.waiting, names, lambda queue, now: Expected(20, 60, 120, Ground.PLACE)
        )

    def series(self) -> dict[str, str]:
        """As promtool wants them: a name with its labels, and its values all day long."""
        steps = [self.after(step) for step in range(24 * HOUR)]
        names = sorted({name for step in steps for name in step})
        return {name: " ".join(f"{step[name]:g}" if name in step else "_" for step in steps) for name in names}

    def after(self, step: int) -> dict[str, float]:
        found = {'up{job="holdsvc",instance="a"}': 1.0}
        for name, labels, value in read_metrics(self.scraped(step).decode()):
            inside = ",".join(f'{key}="{text}"' for key, text in {**labels, "job": "holdsvc", "instance": "a"}.items())
            found[f"{name}{{{inside}}}"] = value
        return found

    def scraped(self, step: int) -> bytes:
        """What the service exports once this minute has passed."""
        hour = step // HOUR
        self.clock.at = MIDNIGHT + timedelta(minutes=step)
        self.waiting = [
            session(self.rng.choice(PLATFORMS), queue)
            for queue in QUEUES
            for _ in range(self.rng.randint(0, PROFILE[hour]))
        ]
        for _ in range(PROFILE[hour]):
            self.call(hour)
        self.beside(hour)
        return self.metrics.exposition()

    def call(self, hour: int) -> None:
        platform, queue = self.rng.choice(PLATFORMS), self.rng.choice(QUEUES)
        self.metrics.facts(session(platform, queue), list(self.facts(queue, hour)))
        for step in ("call", "wait", "input", "left"):
            self.metrics.webhook_answered(platform, step, self.rng.expovariate(100))
        self.metrics.committed(self.rng.expovariate(1000))
        self.metrics.looked_up("crm", self.rng.choice(list(Found)).value, self.rng.expovariate(20))
        self.metrics.utterance_heard(queue, self.rng.choice(("sure", "near", "none")), self.rng.expovariate(5))
        self.metrics.echo_suppressed(queue, 0.3)
        if self.rng.random() < 0.1:
            self.metrics.webhook_repeated(platform)
        if self.rng.random() < 0.02:
            self.metrics.webhook_rejected(platform, "bad_signature")

    def facts(self, queue: QueueName, hour: int) -> Iterator[AnyFact]:
        now = self.clock.at
        seconds = self.rng.expovariate(1 / (10 + 10 * PROFILE[hour]))
        (outcome,) = self.rng.choices(list(OUTCOMES), list(OUTCOMES.values()))
        if outcome is Outcome.SHORT_ABANDONED:
            seconds = min(seconds, 0.9 * SHORT)
        began = now - timedelta(seconds=seconds)
        yield ContentChosen(at=began, queue=queue, choice=self.rng.choice(("music", "podcast", "quiz")), via=Via.KEY)
        kind = self.rng.choice(list(Kind))
        yield ContentHeard(
            at=now, queue=queue, content=ContentId("x"), kind=kind, shelf="", from_second=0, until_second=seconds
        )
        came = self.rng.choice((*Came, *[Came.WITHIN] * 7)) if outcome is Outcome.ANSWERED else None
        self.over.append(Over(queue, seconds, outcome, came))
        yield WaitEnded(at=now, queue=queue, began=began, ended=now, outcome=outcome, came=came)
        if outcome is Outcome.UNKNOWN:
            yield WaitAmended(at=now, queue=queue, began=began, ended=now, was=outcome, became=Outcome.ANSWERED)

    def beside(self, hour: int) -> None:
        """Streams, and a directory that is away for an hour; what happens rarely happens for certain before noon."""
        rare = hour == 11
        self.metrics.degraded("crm", away=hour == 13)
        self.metrics.degraded("store", away=False)
        self.metrics.utterances_asked(PROFILE[hour] // 4)
        self.metrics.callback(self.rng.choice(QUEUES), self.rng.choice(list(State)).value)
        if rare:
            self.metrics.webhook_rejected(PLATFORMS[0], "bad_signature")
        for wire in PLATFORMS:
            self.metrics.stream_opened(wire)
            self.metrics.stream_late(wire, 0.6, blocks=600)
            self.metrics.stream_switched(wire, self.rng.expovariate(20))
            if rare or self.rng.random() < 0.01:
                self.metrics.stream_underrun(wire)
                self.metrics.stream_cut(wire)


@pytest.fixture(scope="module")
def series() -> dict[str, str]:
    return Day().series()


def asked(expressions: Sequence[str], values: dict[str, str]) -> dict[str, object]:
    """Each must give at least one number, NaN not among them, at every one of the moments."""
    tests = [
        {
            "expr": f"clamp_max(count(({one}) == ({one})), 1)",
            "eval_time": when,
            "exp_samples": [{"labels": "{}", "value": 1}],
        }
        for one in expressions
        for when in ASKED_AT
    ]
    return {"interval": "1m", "input_series": listed(values), "promql_expr_test": tests}


def test_every_metric_that_is_exported_is_in_the_day(series: dict[str, str]) -> None:
    seen = {name.partition("{")[0] for name in series}

    assert {name for name in families() if not {name, f"{name}_bucket"} & seen} == set()


def test_every_recorded_figure_and_every_panel_has_a_number_in_the_rushes_and_at_the_end_of_a_day(
    series: dict[str, str], tmp_path: Path
) -> None:
    panels = {expr for board in BOARDS for expr in queries(board)}
    assert len(panels) >= 40
    assert len(recorded()) >= 30

    assert promtool([asked(sorted(panels | recorded()), series)], tmp_path) == ""


def test_a_query_that_gives_nothing_is_found(series: dict[str, str], tmp_path: Path) -> None:
    """The control: of a metric that is not there, and of one without which a recorded figure cannot be."""
    here, gone = "holdsvc_calls_waiting", ("rate(holdsvc_gone_total[5m])", "queue:holdsvc_service_level_v1:ratio1h")

    found = promtool([asked([here, *gone], only(series, "up", here))], tmp_path)

    assert [one for one in (here, *gone) if f"count(({one})" in found] == list(gone)


def test_a_day_in_which_a_directory_is_away_for_an_hour_is_a_ticket_and_no_page(
    series: dict[str, str], tmp_path: Path
) -> None:
    test: dict[str, object] = {
        "interval": "1m",
        "input_series": listed(only(series, "up", "holdsvc_degraded")),
        "promql_expr_test": [
            firing('severity="ticket",alertname="HoldsvcPartAway"', "137m", 1),
            firing('severity="ticket"', "150m", 0),
            *(firing('severity="page"', when, 0) for when in ("137m", "150m")),
        ],
    }

    assert promtool([test], tmp_path) == ""


def only(series: dict[str, str], *names: str) -> dict[str, str]:
    return {name: values for name, values in series.items() if name.partition("{")[0] in names}


def firing(labels: str, when: str, number: int) -> dict[str, object]:
    samples = [{"labels": "{}", "value": number}] if number else []
    return {"expr": f'count(ALERTS{{{labels},alertstate="firing"}})', "eval_time": when, "exp_samples": samples}
