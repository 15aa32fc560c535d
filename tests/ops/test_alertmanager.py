"""A real Alertmanager with the shipped file: what follows from one dead dependency stays quiet, what does not still pages."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
import yaml

from tests.faults.service import HOST, free_port
from tests.ops.programs import program
from tests.ops.test_alerts import CASES, RULES

PATIENCE = 20.0


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    words = [
        program("prometheus-alertmanager", "prometheus-alertmanager"),
        f"--config.file={RULES / 'alertmanager.yml'}",
        f"--storage.path={tmp_path}",
        f"--web.listen-address={HOST}:{port}",
        "--cluster.listen-address=",
    ]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
    base = f"http://{HOST}:{port}"
    try:
        ready(base)
        yield base
    finally:
        process.terminate()
        process.wait(10)


def ready(base: str) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            urlopen(f"{base}/-/ready", timeout=2).read()
        except URLError:
            assert time.monotonic() < until
        else:
            return


def told(base: str, *alerts: dict[str, str]) -> list[str]:
    """The names of those that somebody is paged for, once all have been looked at."""
    body = json.dumps([{"labels": labels} for labels in alerts]).encode()
    urlopen(Request(f"{base}/api/v2/alerts", body, {"Content-Type": "application/json"}), timeout=5).read()
    until = time.monotonic() + PATIENCE
    while True:
        with urlopen(f"{base}/api/v2/alerts", timeout=5) as answer:
            known: list[dict[str, Any]] = json.load(answer)
        if len(known) == len(alerts) and all(one["status"]["state"] != "unprocessed" for one in known):
            break
        assert time.monotonic() < until
    active = [one for one in known if one["status"]["state"] == "active"]
    return sorted(one["labels"]["alertname"] for one in active if one["labels"]["severity"] == "page")


def alert(name: str, severity: str = "page", **labels: str) -> dict[str, str]:
    return {"alertname": name, "severity": severity, **labels}


def as_prometheus_labels_it(name: str) -> dict[str, str]:
    """With the labels that its rule leaves it: sums have no job."""
    rule = (RULES / "alerts.yml").read_text("utf-8").partition(f"- alert: {name}\n")[2].partition("- alert:")[0]
    expr, severity = re.search(r"expr: >\n(.*?)\n        for:", rule, re.DOTALL), re.search(r"severity: (\w+)", rule)
    assert expr is not None
    assert severity is not None
    kept = re.search(r"by \(([\w, ]+)\)|\b(queue|platform|wire|job|source):holdsvc", expr[1])
    names = (kept[1] or kept[2]).split(", ") if kept else ["job", "instance"]
    return alert(name, severity[1], **dict.fromkeys(names, "holdsvc"))


def test_a_store_that_is_away_is_one_page(alertmanager: str) -> None:
    paged = told(
        alertmanager,
        alert("HoldsvcStoreAway", job="holdsvc"),
        alert("HoldsvcSlowWebhooks", platform="twilio"),
        alert("HoldsvcDeadAir", queue="support"),
        alert("HoldsvcSlowJournal", "ticket"),
        alert("HoldsvcFaults", "ticket", platform="twilio"),
        alert("HoldsvcPartAway", "ticket", part="crm"),
    )

    assert paged == ["HoldsvcStoreAway"]


@pytest.mark.parametrize(
    "cause", ["HoldsvcStoreAway", "HoldsvcFailingLookups", "HoldsvcUnderruns", "HoldsvcFewReplicas"]
)
def test_what_follows_waits_longer_than_its_cause_so_that_it_is_not_told_before_it_is_muted(cause: str) -> None:
    rules = yaml.safe_load((RULES / "alerts.yml").read_text("utf-8"))["groups"][0]["rules"]
    waits = {rule["alert"]: int(rule["for"].removesuffix("m")) for rule in rules}
    (mute,) = (
        " ".join(one["target_matchers"])
        for one in yaml.safe_load((RULES / "alertmanager.yml").read_text("utf-8"))["inhibit_rules"]
        if one["source_matchers"] == [f'alertname="{cause}"']
    )

    muted = re.findall(r"Holdsvc\w+", mute)
    assert muted
    assert [one for one in muted if waits[one] <= waits[cause]] == []


def test_a_service_that_is_down_is_one_page(alertmanager: str) -> None:
    all_of_them = [as_prometheus_labels_it(one.alert) for one in CASES if one.alert != "HoldsvcStoreAway"]

    assert sum("job" not in one for one in all_of_them) > 10
    assert told(alertmanager, *all_of_them) == ["HoldsvcDown"]


def test_a_replica_that_is_down_mutes_nothing_of_the_others(alertmanager: str) -> None:
    others = [alert("HoldsvcLongestWait", queue="a"), alert("HoldsvcSlowWebhooks", platform="twilio")]
    gone = alert("HoldsvcReplicaDown", "ticket", job="holdsvc", instance="b:8080")

    assert told(alertmanager, gone, *others) == ["HoldsvcLongestWait", "HoldsvcSlowWebhooks"]


def test_too_few_replicas_are_one_page_and_the_others_alerts_are_heard(alertmanager: str) -> None:
    gone = [alert("HoldsvcReplicaDown", "ticket", job="holdsvc", instance=f"{name}:8080") for name in "ab"]

    assert told(
        alertmanager, *gone, alert("HoldsvcFewReplicas", job="holdsvc"), alert("HoldsvcDeadAir", queue="a")
    ) == [
        "HoldsvcDeadAir",
        "HoldsvcFewReplicas",
    ]


def test_what_has_nothing_to_do_with_it_still_pages(alertmanager: str) -> None:
    """The control: without its cause an alert is heard."""
    assert told(
        alertmanager, alert("HoldsvcSlowWebhooks", platform="twilio"), alert("HoldsvcLongestWait", queue="a")
    ) == [
        "HoldsvcLongestWait",
        "HoldsvcSlowWebhooks",
    ]
