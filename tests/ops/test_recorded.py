"""What the recording rules hold is what happened: callers whose every wait is known go through the service's own decisions and
metrics, Prometheus' own engine records, and the figures are worked out a second time from the callers alone, by the definitions."""

from __future__ import annotations

import json
import math
import random
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import replace

from holdsvc.calls.decide import decide
from holdsvc.calls.events import AgentAnswered, AnyEvent, CallerHungUp, CallHeld, Departure, LeftQueue, WentSilent
from holdsvc.calls.model import CallId, CallRef, EventId, QueueName
from holdsvc.calls.promise import Promise, Span
from holdsvc.calls.session import HoldSession
from holdsvc.engine.metrics import Metrics
from holdsvc.engine.roster import Roster
from holdsvc.ports import Totals
from holdsvc.simulator.ledger import read_metrics
from tests.engine.test_watching import Clock
from tests.ops.programs import program
from tests.ops.test_dashboards import ROOT
from tests.plans import NOON, a_plan

RULES = ROOT / "config" / "prometheus" / "recording.yml"
ANSWERED, GAVE_UP, UNKNOWN = "answered", "gave up", "unknown"
LEFT = {
    "left": Departure.CHOICE,
    "call-back": Departure.CALLBACK,
    "moved on": Departure.OVERFLOW,
    "failed": Departure.FAILURE,
}
WITHIN, SHORT = 20.0, 5.0  # seconds: the target, and a hang-up sooner than that is a short one
MINUTES = 400  # that the day takes
ASKED_AT = (95, 200, 380)  # minutes
WINDOWS = {"5m": 5, "30m": 30, "1h": 60, "6h": 360}
DIGITS = 1e6
ASKED_FOR = ("holdsvc_wait_seconds", "holdsvc_waits_told", "holdsvc_calls_waiting", "holdsvc_longest_wait")
TOLD_AFTER = 10.0  # seconds on hold after which a caller is told the wait


class Caller(Struct, frozen=True):
    """`came`: seconds after the day began. `told`: from so many minutes to so many more."""

    queue: str
    came: float
    waits: float
    end: str
    told: tuple[int, int] | None = None

    @property
    def over(self) -> float:
        return self.came + self.waits


def callers() -> list[Caller]:
    """Two busy queues and one in which hardly anybody calls; waits of exactly a bucket's edge among them."""
    rng, made = random.Random(6), []
    for queue, a_minute, mean in (("support", 1.6, 50.0), ("billing", 0.5, 15.0), ("night", 0.01, 200.0)):
        came = 0.0
        while (came := came + rng.expovariate(a_minute / 60)) < 60 * MINUTES:
            end = rng.choices((ANSWERED, GAVE_UP, UNKNOWN, *LEFT), (70, 20, 2, 2, 2, 2, 2))[0]
            waits = rng.choice((0.0, 2.0, 5.0, 20.0)) if rng.random() < 0.1 else quarter(rng.expovariate(1 / mean))
            told = rng.choice(((0, 1), (0, 2), (1, 3), None)) if waits >= TOLD_AFTER else None
            made.append(Caller(queue, quarter(came), waits, end, told))
    return made


def quarter(seconds: float) -> float:
    return round(seconds * 4) / 4


# --- what the service makes of them --------------------------------------------------------------------------------------------


class Floor:
    """The core decides, the roster and the metrics listen, as in the service; a look a minute."""

    def __init__(self, queues: Sequence[str]) -> None:
        self._clock = Clock()
        self._roster, self._metrics = Roster(self._clock), Metrics("1", self._clock)
        self._metrics.start_from(Totals(), self._roster.live, queues)
        self._sessions: dict[int, HoldSession] = {}

    def series(self, all_of_them: Sequence[Caller], minutes: int) -> dict[str, str]:
        """As promtool wants them, from the first minute on."""
        news = sorted(self._news(all_of_them), key=lambda one: one[0])
        looks, at = list[dict[str, float]](), 0
        for minute in range(minutes + 1):
            while at < len(news) and news[at][0] <= 60 * minute:
                news[at][1]()
                at += 1
            self._clock.at = moment(60.0 * minute)
            looks.append(self._look())
        names = sorted({name for look in looks for name in look})
        return {name: " ".join(repr(look[name]) if name in look else "_" for look in looks) for name in names}

    def _news(self, all_of_them: Sequence[Caller]) -> Iterator[tuple[float, Callable[[], None]]]:
        for number, one in enumerate(all_of_them):
            yield one.came, lambda number=number, one=one: self._begin(number, one)  # type: ignore[misc]
            yield one.over, lambda number=number, one=one: self._end(number, one)  # type: ignore[misc]

    def _begin(self, number: int, one: Caller) -> None:
        session = HoldSession(CallRef("twilio", CallId(f"call-{number}")), QueueName(one.queue))
        at = moment(one.came)
        self._take(number, session, CallHeld(at=at, id=EventId("held"), began=at))

    def _end(self, number: int, one: Caller) -> None:
        session, at, id_ = self._sessions.pop(number), moment(one.over), EventId("over")
        if one.told is not None:
            told = Promise(moment(one.came + TOLD_AFTER), Span(*one.told))
            session = replace(session, waits_told=(told,))
        if one.end in LEFT:
            event: AnyEvent = LeftQueue(at=at, id=id_, why=LEFT[one.end])
        else:
            event = {ANSWERED: AgentAnswered, GAVE_UP: CallerHungUp, UNKNOWN: WentSilent}[one.end](at=at, id=id_)
        self._take(number, session, event)
        self._sessions.pop(number)

    def _take(self, number: int, session: HoldSession, event: AnyEvent) -> None:
        decision = decide(session, event, a_plan(queue=session.queue))
        self._sessions[number] = decision.session
        self._roster.facts(decision.session, decision.facts)
        self._metrics.facts(decision.session, decision.facts)

    def _look(self) -> dict[str, float]:
        lines = (line for line in self._metrics.exposition().decode().splitlines() if line.startswith(ASKED_FOR))
        found = {}
        for name, labels, value in read_metrics("\n".join(lines)):
            inside = ",".join(f'{key}="{text}"' for key, text in labels.items())
            found[f"{name}{{{inside}}}"] = value
        return found


def moment(seconds: float) -> datetime:
    return NOON.replace(hour=0) + timedelta(seconds=seconds)


# --- what happened -------------------------------------------------------------------------------------------------------------


def truth(all_of_them: Sequence[Caller], minute: int) -> dict[str, dict[str, float]]:
    """Each recorded figure of the callers at that minute, by queue; a share of nothing is none."""
    figures: dict[str, dict[str, float]] = {}

    def told(name: str, queue: str, above: float, below: float = 1.0) -> None:
        if below:
            figures.setdefault(f"queue:holdsvc_{name}", {})[queue] = above / below

    for queue in sorted({one.queue for one in all_of_them}):
        here = [one for one in all_of_them if one.queue == queue]
        waiting = [60 * minute - one.came for one in here if one.came <= 60 * minute < one.over]
        told("calls_waiting:sum", queue, len(waiting))
        told("longest_wait_seconds:max", queue, max(waiting, default=0.0))
        for window, minutes in WINDOWS.items():
            for name, above, below in over_a_window(
                [one for one in here if 0 <= 60 * minute - one.over < 60 * minutes]
            ):
                told(f"{name}{window}", queue, above, below)
    return {name: by_queue for name, by_queue in figures.items() if name in recorded()}


def over_a_window(ended: Sequence[Caller]) -> Iterator[tuple[str, float, float]]:
    """The published formulas, as shares: A answered, B gave up, _T of them within the target, B_s so soon that it is short."""
    answered, gave_up = (
        [one.waits for one in ended if one.end == ANSWERED],
        [one.waits for one in ended if one.end == GAVE_UP],
    )
    a, a_t = len(answered), sum(one <= WITHIN for one in answered)
    b, b_t, b_s = len(gave_up), sum(one <= WITHIN for one in gave_up), sum(one < SHORT for one in gave_up)
    yield from (("answered:increase", a, 1), ("answered_in_time:increase", a_t, 1), ("abandoned:increase", b, 1))
    yield from (("abandoned_in_time:increase", b_t, 1), ("abandoned_short:increase", b_s, 1))
    yield "ended:increase", len(ended), 1
    yield "service_level_v1:ratio", a_t + b_t, a + b
    yield "service_level_v2:ratio", a_t, a
    yield "service_level_v3:ratio", a_t, a + b
    yield "service_level_v4:ratio", a_t, a + b - b_t
    yield "service_level_v5:ratio", a_t + b_s, a + b
    yield "service_level_v6:ratio", a_t, a + b - b_s
    yield "asa_seconds:mean", sum(answered), a
    yield "time_to_abandon_seconds:mean", sum(gave_up), b
    yield "abandonment:ratio", b, len(ended)
    yield "abandonment_net:ratio", b - b_s, len(ended) - b_s
    known = [kept for kept in map(kept_to, ended) if kept is not None]
    yield "told:increase", len(known), 1
    yield "told_kept:ratio", sum(known), len(known)


def kept_to(one: Caller) -> bool | None:
    """Of whom nobody can say it: who was told nothing, who left while it could still be kept, and whose end nobody knows."""
    if one.told is None or one.end in (UNKNOWN, "failed"):
        return None
    in_time = one.waits <= TOLD_AFTER + 60 * one.told[1]
    return in_time if one.end == ANSWERED else None if in_time else False


def recorded() -> set[str]:
    return set(re.findall(r"- record: (queue:\S+)", RULES.read_text("utf-8")))


def groups() -> list[str]:
    """In the file's order; promtool takes any, and figures of figures are then a minute old now and then."""
    return re.findall(r"- name: (\S+)", RULES.read_text("utf-8"))


# --- the two side by side ------------------------------------------------------------------------------------------------------


def compared(
    series: dict[str, str],
    figures: dict[int, dict[str, dict[str, float]]],
    folder: Path,
    rules: str = "",
    digits: float = DIGITS,
) -> str:
    """What promtool finds different; "" for nothing. `rules`: others than the shipped ones."""
    (folder / "rules.yml").write_text(rules or RULES.read_text("utf-8"), "utf-8")
    asked = [
        {
            "expr": f"round({name}, {1 / digits:g})",
            "eval_time": f"{minute}m",
            "exp_samples": [
                {"labels": f'{{queue="{queue}"}}', "value": math.floor(value * digits + 0.5) / digits}
                for queue, value in by_queue.items()
            ],
        }
        for minute, of_then in figures.items()
        for name, by_queue in of_then.items()
    ]
    listed = [{"series": name, "values": values} for name, values in series.items()]
    test = {"interval": "1m", "input_series": listed, "promql_expr_test": asked}
    file = folder / "tests.yml"
    given = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [test], "group_eval_order": groups()}
    file.write_text(json.dumps(given), "utf-8")
    words = [program("promtool", "prometheus"), "test", "rules", str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.fixture(scope="module")
def day() -> list[Caller]:
    return callers()


@pytest.fixture(scope="module")
def series(day: list[Caller]) -> dict[str, str]:
    return Floor(sorted({one.queue for one in day})).series(day, MINUTES)


def test_the_day_has_all_that_figures_could_be_wrong_about(day: list[Caller]) -> None:
    figures = truth(day, ASKED_AT[0])
    levels = [figures[f"queue:holdsvc_service_level_v{n}:ratio1h"]["support"] for n in range(1, 7)]

    assert len({round(level, 3) for level in levels}) == len(levels), "two variants agree by chance"
    assert {one.end for one in day} == {ANSWERED, GAVE_UP, UNKNOWN, *LEFT}
    assert {0.0, 5.0, 20.0} <= {one.waits for one in day if one.end == GAVE_UP} & {
        one.waits for one in day if one.end == ANSWERED
    }
    assert 0.2 < figures["queue:holdsvc_told_kept:ratio1h"]["support"] < 0.95
    assert "night" not in figures["queue:holdsvc_service_level_v1:ratio5m"], "a queue with nothing to share"
    assert figures["queue:holdsvc_longest_wait_seconds:max"]["support"] > 20


def test_every_figure_of_a_queue_is_what_happened_to_its_callers(
    day: list[Caller], series: dict[str, str], tmp_path: Path
) -> None:
    figures = {minute: truth(day, minute) for minute in ASKED_AT}
    unchecked = recorded() - {name for of_then in figures.values() for name in of_then}

    assert unchecked == {"queue:holdsvc_content_per_waiting:ratio5m"}
    assert compared(series, figures, tmp_path) == ""


WRONG = {  # what somebody could write, and a figure that it makes wrong
    "another target": (
        'outcome="answered", le="20.0"}[1h]',
        'outcome="answered", le="30.0"}[1h]',
        "service_level_v2:ratio1h",
    ),
    "short ones are forgotten": (
        'count{outcome=~"abandoned|short_abandoned"}[1h]',
        'count{outcome="abandoned"}[1h]',
        "abandonment:ratio1h",
    ),
    "another window": ('sum{outcome="answered"}[1h]', 'sum{outcome="answered"}[30m]', "asa_seconds:mean1h"),
    "earlier is not kept either": (
        'told_total{came="later"}',
        'told_total{came=~"later|earlier"}',
        "told_kept:ratio1h",
    ),
    "net of nothing": (
        "ended:increase1h - queue:holdsvc_abandoned_short:increase1h",
        "ended:increase1h - 0 * queue:holdsvc_abandoned_short:increase1h",
        "abandonment_net:ratio1h",
    ),
    "the means of those who were answered": (
        'seconds_sum{outcome=~"abandoned|short_abandoned"}',
        'seconds_sum{outcome="abandoned"}',
        "time_to_abandon_seconds:mean1h",
    ),
    "the mean and not the longest": (
        "max by (queue) (holdsvc_longest_wait_seconds)",
        "min by (queue) (0.5 * holdsvc_longest_wait_seconds)",
        "longest_wait_seconds:max",
    ),
}


def test_rules_that_count_wrongly_are_found(day: list[Caller], series: dict[str, str], tmp_path: Path) -> None:
    """The control."""
    rules, names = RULES.read_text("utf-8"), [f"queue:holdsvc_{name}" for _, _, name in WRONG.values()]
    for old, new, _ in WRONG.values():
        assert old in rules
        rules = rules.replace(old, new)
    few = {one: values for one, values in series.items() if 'queue="support"' in one}
    happened = truth(day, ASKED_AT[0])

    found = compared(
        few, {ASKED_AT[0]: {name: {"support": happened[name]["support"]} for name in names}}, tmp_path, rules
    )

    assert [name for name in names if f"round({name}," not in found] == []


def test_the_published_example_comes_out_of_the_rules(tmp_path: Path) -> None:
    """1,000 answered, 860 of them within 20 s; 60 gave up, 20 of them within 20 s and 10 of these within 5 s."""
    waits = ((ANSWERED, 12.0, 860), (ANSWERED, 40.0, 140), (GAVE_UP, 3.0, 10), (GAVE_UP, 15.0, 10), (GAVE_UP, 50.0, 40))
    example = [
        Caller("support", 60.0 + 3.0 * number, seconds, end)
        for number, (end, seconds) in enumerate((end, seconds) for end, seconds, times in waits for _ in range(times))
    ]
    shares = {
        "service_level_v1": 0.830,
        "service_level_v2": 0.860,
        "service_level_v3": 0.811,
        "service_level_v4": 0.827,
    }
    shares |= {"service_level_v5": 0.821, "service_level_v6": 0.819, "abandonment": 0.057, "abandonment_net": 0.048}
    figures = {60: {f"queue:holdsvc_{name}:ratio1h": {"support": share} for name, share in shares.items()}}

    assert len(example) == 1060
    assert compared(Floor(["support"]).series(example, 60), figures, tmp_path, digits=1e3) == ""
