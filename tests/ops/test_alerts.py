"""Every alert fires in time, stays quiet at a near miss, and resolves; told by promtool on series written down here."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from msgspec import Struct

from tests.ops.programs import program

ROOT = Path(__file__).parents[2]
RULES = ROOT / "config" / "prometheus"
RUNBOOKS = ROOT / "docs" / "runbooks"
Series = dict[str, str]

LONG = 400  # minutes that quiet goes on after the trouble


def steady(value: float, minutes: int) -> str:
    return f"{value:g}x{minutes}"


def trouble(bad: float, good: float, minutes: int) -> str:
    """A gauge that is bad for so long and good afterwards."""
    return f"{bad:g}+0x{minutes} {good:g}+0x{LONG}"


def growing(a_minute: float, minutes: int, then: float = 0.0) -> str:
    """A counter that grows for so long, and by `then` a minute afterwards."""
    return f"0+{a_minute:g}x{minutes} {a_minute * minutes:g}+{then:g}x{LONG}"


def waits(minutes: int, then: dict[str, tuple[float, float]] | None = None, **ends: tuple[float, float]) -> Series:
    """`outcome=(a minute, of them within 20 s)`; `then`: the same for the time after the trouble."""
    made = {}
    for outcome, (all_of_them, in_time) in ends.items():
        later = (then or {}).get(outcome, (0.0, 0.0))
        labels = f'queue="support",outcome="{outcome}"'
        made[f"holdsvc_wait_seconds_count{{{labels}}}"] = growing(all_of_them, minutes, later[0])
        made[f'holdsvc_wait_seconds_bucket{{{labels},le="20.0"}}'] = growing(in_time, minutes, later[1])
    return made


def spread(name: str, labels: str, minutes: int, fast: float, slow: float, edge: str, then: float = 60.0) -> Series:
    """A histogram: so many a minute up to `edge`, so many over it; afterwards all are fast."""
    return {
        f'{name}_bucket{{{labels},le="{edge}"}}': growing(fast, minutes, then),
        f'{name}_bucket{{{labels},le="10.0"}}': growing(fast + slow, minutes, then),
        f'{name}_bucket{{{labels},le="+Inf"}}': growing(fast + slow, minutes, then),
        f"{name}_count{{{labels}}}": growing(fast + slow, minutes, then),
    }


def up(**replicas: str) -> Series:
    return {f'up{{job="holdsvc",instance="{name}"}}': values for name, values in replicas.items()}


def looked_up(**results: tuple[float, float]) -> Series:
    """So many a minute while the directory is in trouble, so many afterwards."""
    name = "holdsvc_lookup_duration_seconds_count"
    return {f'{name}{{source="crm",result="{one}"}}': growing(bad, 30, good) for one, (bad, good) in results.items()}


class Case(Struct):
    alert: str
    bad: Series
    near: Series
    fires: str  # by when it must
    resolves: str
    minutes: int = 60


def case(alert: str, bad: Series, near: Series, fires: str, resolves: str) -> Case:
    return Case(alert, bad, near, fires, resolves)


HOOKS = "holdsvc_webhook_duration_seconds"
CASES = (
    case(
        "HoldsvcDown",
        up(a=trouble(0, 1, 10), b=trouble(0, 1, 10)),
        up(a=trouble(0, 1, 10), b=steady(1, LONG)),  # one of two
        "2m",
        "20m",
    ),
    case(
        "HoldsvcFewReplicas",
        up(a=trouble(0, 1, 10), b=trouble(0, 1, 10), c=steady(1, LONG)),
        up(a=trouble(0, 1, 10), b=steady(1, LONG)),  # half of them is not fewer
        "2m",
        "15m",
    ),
    case(
        "HoldsvcReplicaDown",
        up(a=trouble(0, 1, 10), b=steady(1, LONG), c=steady(1, LONG)),
        up(a=trouble(0, 1, 3), b=steady(1, LONG), c=steady(1, LONG)),  # started anew
        "6m",
        "15m",
    ),
    case(
        "HoldsvcStoreAway",
        {'holdsvc_degraded{part="store",job="holdsvc",instance="a"}': trouble(1, 0, 10)},
        {'holdsvc_degraded{part="crm",job="holdsvc",instance="a"}': trouble(1, 0, 10)},
        "2m",
        "25m",
    ),
    case(
        "HoldsvcPartAway",
        {'holdsvc_degraded{part="crm",job="holdsvc"}': trouble(1, 0, 20)},
        {'holdsvc_degraded{part="crm",job="holdsvc"}': trouble(1, 0, 4)},
        "6m",
        "30m",
    ),
    case(
        "HoldsvcLongestWait",
        {'holdsvc_longest_wait_seconds{queue="support"}': trouble(901, 30, 10)},
        {'holdsvc_longest_wait_seconds{queue="support"}': trouble(899, 30, 10)},
        "3m",
        "15m",
    ),
    case(
        "HoldsvcCallbackOverdue",
        {'holdsvc_callback_oldest_seconds{queue="support"}': trouble(3700, 0, 20)},
        {'holdsvc_callback_oldest_seconds{queue="support"}': trouble(3500, 0, 20)},
        "6m",
        "30m",
    ),
    case(
        "HoldsvcAbandonment",
        waits(60, answered=(1.0, 0.5), abandoned=(0.5, 0.1)),
        waits(60, answered=(0.25, 0.125), abandoned=(0.25, 0.125)),  # the same share of too few calls
        "40m",
        "120m",
    ),
    case(
        "HoldsvcServiceLevelBurnsFast",
        waits(60, answered=(2.0, 0.6)),
        waits(60, answered=(2.0, 0.9)),
        "20m",
        "90m",
    ),
    case(
        "HoldsvcServiceLevelBurnsSlowly",
        waits(300, answered=(1.0, 0.5)),
        waits(300, answered=(1.0, 0.7)),
        "120m",
        "400m",
    ),
    case(
        "HoldsvcDeadAir",
        {
            'holdsvc_calls_waiting{queue="support"}': trouble(10, 0, 30),
            'holdsvc_content_seconds_total{queue="support",kind="music"}': growing(200, 30, 600),
        },
        {
            'holdsvc_calls_waiting{queue="support"}': trouble(10, 0, 30),
            'holdsvc_content_seconds_total{queue="support",kind="music"}': growing(360, 30, 600),
        },
        "15m",
        "45m",
    ),
    case(
        "HoldsvcUnderruns",
        {
            'holdsvc_streams{wire="twilio"}': steady(100, 500),
            'holdsvc_stream_underruns_total{wire="twilio"}': growing(90, 30),
        },
        {
            'holdsvc_streams{wire="twilio"}': steady(100, 500),
            'holdsvc_stream_underruns_total{wire="twilio"}': growing(30, 30),
        },
        "15m",
        "45m",
    ),
    case(
        "HoldsvcLateSound",
        {'holdsvc_streams{wire="twilio"}': steady(100, 500)}
        | spread("holdsvc_stream_lateness_seconds", 'wire="twilio"', 30, 900, 100, "0.1"),
        {'holdsvc_streams{wire="twilio"}': steady(100, 500)}
        | spread("holdsvc_stream_lateness_seconds", 'wire="twilio"', 30, 999, 1, "0.1"),
        "15m",
        "45m",
    ),
    case(
        "HoldsvcRejectedWebhooks",
        {
            f'{HOOKS}_count{{platform="twilio",step="call"}}': growing(60, 30, 60),
            'holdsvc_webhooks_rejected_total{platform="twilio",reason="bad_signature"}': growing(6, 30),
        },
        {
            f'{HOOKS}_count{{platform="twilio",step="call"}}': growing(60, 30, 60),
            'holdsvc_webhooks_rejected_total{platform="twilio",reason="bad_signature"}': growing(2, 30),
        },
        "15m",
        "45m",
    ),
    case(
        "HoldsvcFaults",
        {'holdsvc_webhooks_rejected_total{platform="twilio",reason="fault"}': growing(1, 5)},
        {'holdsvc_webhooks_rejected_total{platform="twilio",reason="late"}': growing(1, 5)},
        "5m",
        "30m",
    ),
    case(
        "HoldsvcSlowWebhooks",
        spread(HOOKS, 'platform="twilio",step="call"', 30, 50, 10, "1.0"),
        spread(HOOKS, 'platform="twilio",step="call"', 30, 3, 1, "1.0", then=3),  # too few to tell
        "15m",
        "45m",
    ),
    case(
        "HoldsvcSilentPlatform",
        {f'{HOOKS}_count{{platform="twilio",step="call"}}': f"0+60x240 14400+0x60 14400+60x{LONG}"},
        {f'{HOOKS}_count{{platform="twilio",step="call"}}': f"0+1x240 240+0x60 240+1x{LONG}"},  # it never said much
        "275m",
        "320m",
    ),
    case(
        "HoldsvcSlowJournal",
        spread("holdsvc_journal_commit_seconds", 'job="holdsvc"', 30, 90, 10, "0.1"),
        spread("holdsvc_journal_commit_seconds", 'job="holdsvc"', 30, 999, 1, "0.1"),
        "15m",
        "45m",
    ),
    case(
        "HoldsvcUnknownEnds",
        waits(60, answered=(1.0, 0.5), unknown=(0.3, 0.0)),
        waits(60, answered=(1.0, 0.5), unknown=(0.05, 0.0)),
        "45m",
        "150m",
    ),
    case(
        "HoldsvcAmendments",
        waits(60, answered=(1.0, 0.5))
        | {'holdsvc_waits_amended_total{queue="support",from="abandoned",to="answered"}': growing(0.3, 60)},
        waits(60, answered=(1.0, 0.5))
        | {'holdsvc_waits_amended_total{queue="support",from="abandoned",to="answered"}': growing(0.05, 60)},
        "45m",
        "150m",
    ),
    case(
        "HoldsvcSlowLookups",
        spread("holdsvc_lookup_duration_seconds", 'source="crm",result="found"', 40, 50, 50, "0.3"),
        spread("holdsvc_lookup_duration_seconds", 'source="crm",result="found"', 40, 99, 1, "0.3"),
        "25m",
        "60m",
    ),
    case(
        "HoldsvcFailingLookups",
        looked_up(error=(10, 0), refused=(50, 0), hit=(0, 60), cached=(600, 600)),
        looked_up(error=(20, 0), hit=(40, 60), cached=(0, 600)),
        "15m",
        "45m",
    ),
    case(
        "HoldsvcDeadLetters",
        {'holdsvc_outbox_dead{job="holdsvc",instance="a"}': trouble(1, 0, 20)},
        {'holdsvc_outbox_dead{job="holdsvc",instance="a"}': trouble(1, 0, 4)},  # seen to at once
        "6m",
        "30m",
    ),
)


def test_every_alert_has_its_case() -> None:
    assert [one.alert for one in CASES] == named(RULES / "alerts.yml")


@pytest.mark.parametrize("one", CASES, ids=[one.alert for one in CASES])
def test_an_alert_fires_in_time_stays_quiet_at_a_near_miss_and_resolves(one: Case, tmp_path: Path) -> None:
    tests = [
        told(one.bad, [(one.fires, one.alert, True), (one.resolves, one.alert, False)]),
        told(one.near, [], never=one.alert),
    ]

    assert promtool(tests, tmp_path) == ""


FEW = {  # as bad as can be, for too few to tell; steps that add up exactly, else the end of growing is a reset
    "HoldsvcAbandonment": waits(60, answered=(0.125, 0.0), abandoned=(0.5, 0.0)),
    "HoldsvcServiceLevelBurnsFast": waits(60, answered=(0.25, 0.0)),
    "HoldsvcServiceLevelBurnsSlowly": waits(300, answered=(0.125, 0.0)),
    "HoldsvcDeadAir": {'holdsvc_calls_waiting{queue="support"}': trouble(2, 0, 30)},
    "HoldsvcUnderruns": {
        'holdsvc_streams{wire="twilio"}': steady(4, 500),
        'holdsvc_stream_underruns_total{wire="twilio"}': growing(90, 30),
    },
    "HoldsvcLateSound": {'holdsvc_streams{wire="twilio"}': steady(4, 500)}
    | spread("holdsvc_stream_lateness_seconds", 'wire="twilio"', 30, 0, 1000, "0.1"),
    "HoldsvcRejectedWebhooks": {
        f'{HOOKS}_count{{platform="twilio",step="call"}}': growing(1, 30),
        'holdsvc_webhooks_rejected_total{platform="twilio",reason="bad_signature"}': growing(1, 30),
    },
    "HoldsvcSlowWebhooks": spread(HOOKS, 'platform="twilio",step="call"', 30, 0, 4, "1.0", then=4),
    "HoldsvcFailingLookups": looked_up(error=(1, 1)),
    "HoldsvcUnknownEnds": waits(60, unknown=(0.25, 0.0)),
    "HoldsvcAmendments": waits(60, answered=(0.25, 0.25))
    | {'holdsvc_waits_amended_total{queue="support",from="abandoned",to="answered"}': growing(0.25, 60)},
}


@pytest.mark.parametrize("alert", FEW)
def test_few_calls_page_nobody_however_badly_they_go(alert: str, tmp_path: Path) -> None:
    assert promtool([told(FEW[alert], [], never=alert)], tmp_path) == ""


def test_callers_who_never_heard_anything_are_dead_air(tmp_path: Path) -> None:
    """Of a queue in which nothing was ever heard there is no series of content."""
    silence = {'holdsvc_calls_waiting{queue="support"}': trouble(10, 0, 30)}

    assert (
        promtool([told(silence, [("15m", "HoldsvcDeadAir", True), ("45m", "HoldsvcDeadAir", False)])], tmp_path) == ""
    )


def test_a_service_that_nobody_can_find_any_more_is_down(tmp_path: Path) -> None:
    """Its last target is gone, and with it the series."""
    gone = {'up{job="holdsvc",instance="a"}': f"1x5 _x20 1x{LONG}"}

    assert promtool([told(gone, [("12m", "HoldsvcDown", True), ("40m", "HoldsvcDown", False)])], tmp_path) == ""


LEADER_DIES = {
    'holdsvc_calls_waiting{queue="support",instance="a"}': f"10x90 stale _x{LONG}",
    'holdsvc_calls_waiting{queue="support",instance="b"}': f"_x91 10x{LONG}",
    'holdsvc_content_seconds_total{queue="support",kind="music",instance="a"}': f"0+540x90 stale _x{LONG}",
    'holdsvc_content_seconds_total{queue="support",kind="music",instance="b"}': f"_x91 49140+540x{LONG}",
}


def test_a_leader_that_dies_is_no_dead_air(tmp_path: Path) -> None:
    """Its last figures are in the window beside those of its heir, and callers hear what they did."""
    assert promtool([told(LEADER_DIES, [], never="HoldsvcDeadAir")], tmp_path) == ""


def test_every_alert_says_how_urgent_it_is_what_is_wrong_and_where_help_is() -> None:
    for rule in (RULES / "alerts.yml").read_text("utf-8").split("- alert: ")[1:]:
        name = rule.partition("\n")[0]
        said = dict(re.findall(r"^\s+(severity|summary|runbook_url): (.+)$", rule, re.MULTILINE))
        assert said["severity"] in ("page", "ticket"), name
        assert len(said["summary"]) > 10, name
        assert said["runbook_url"] == f'"{{{{ $externalLabels.grafana }}}}/d/{name}"'


def test_a_wrong_expectation_is_found(tmp_path: Path) -> None:
    """The control: what promtool is asked can fail."""
    down = CASES[0]

    assert "FAILED" in promtool([told(down.near, [(down.fires, down.alert, True)])], tmp_path)


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert sorted(one.stem for one in RUNBOOKS.glob("Holdsvc*.md")) == sorted(one.alert for one in CASES)
    for one in CASES:
        text = (RUNBOOKS / f"{one.alert}.md").read_text("utf-8")
        for part in ("## What callers notice", "## Look first", "## Do", "## Afterwards"):
            assert part in text, f"{one.alert} has no {part}"


def test_the_recorded_service_levels_are_those_of_the_published_example(tmp_path: Path) -> None:
    """860 of 1,000 answered in time, 60 abandoned, 20 of them in time and 10 of these short."""
    ends = waits(60, answered=(100, 86), abandoned=(5, 1), short_abandoned=(1, 1))
    shares = {"v1": 88 / 106, "v2": 86 / 100, "v3": 86 / 106, "v4": 86 / 104, "v5": 87 / 106, "v6": 86 / 105}
    expected = [
        {
            "expr": f"round(queue:holdsvc_service_level_{name}:ratio1h, 0.0001)",
            "eval_time": "60m",
            "exp_samples": [{"labels": '{queue="support"}', "value": round(share, 4)}],
        }
        for name, share in shares.items()
    ]
    test: dict[str, object] = {"interval": "1m", "input_series": listed(ends), "promql_expr_test": expected}

    assert promtool([test], tmp_path) == ""


def told(series: Series, wanted: Iterable[tuple[str, str, bool]], never: str = "") -> dict[str, object]:
    """`never`: what fires at no minute, however short the trouble was."""
    at_no_minute = {
        "expr": f'count(count_over_time(ALERTS{{alertname="{never}",alertstate="firing"}}[{LONG}m]))',
        "eval_time": f"{LONG}m",
        "exp_samples": [],
    }
    return {
        "interval": "1m",
        "input_series": listed(series),
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})',
                "eval_time": when,
                "exp_samples": [{"labels": "{}", "value": 1}] if fires else [],
            }
            for when, alert, fires in wanted
        ]
        + [at_no_minute] * bool(never),
    }


def listed(series: Series) -> list[dict[str, str]]:
    return [{"series": name, "values": values} for name, values in series.items()]


def promtool(tests: list[dict[str, object]], folder: Path) -> str:
    """What it finds wrong; "" for nothing."""
    rules = [str(RULES / name) for name in ("recording.yml", "alerts.yml")]
    file = folder / "tests.yml"
    file.write_text(json.dumps({"rule_files": rules, "evaluation_interval": "1m", "tests": tests}), "utf-8")
    done = subprocess.run(
        [program("promtool", "prometheus"), "test", "rules", str(file)], capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def named(file: Path) -> list[str]:
    return re.findall(r"^\s+- alert: (\w+)$", file.read_text("utf-8"), re.MULTILINE)
