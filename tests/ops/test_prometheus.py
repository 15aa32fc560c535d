"""A real Prometheus scrapes a real service under simulated calls: every rule evaluates, every panel has something to show."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from tests.faults.service import HOST, TOKEN, Service, free_port
from tests.ops.programs import program
from tests.ops.test_dashboards import BOARDS, ROOT, queries, recorded

PATIENCE = 60.0  # seconds until everything is there
CALLERS = "number,name\n+15005550100,Ada\n"
# What a healthy hour with these calls has nothing of, and what is off until a recogniser is set.
QUIET = re.compile(r"amended|rejected|stream_cuts|degraded|underruns|content_per_waiting|duplicate|utterance|echo")


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address, with the traffic of some seconds in it."""
    folder = tmp_path_factory.mktemp("ops")
    (folder / "callers.csv").write_text(CALLERS, "utf-8")
    service = Service(
        folder / "service",
        SERVICE__PUBLIC_URL="https://hold.example.com",  # else no stream is opened
        API__TOKEN=TOKEN,
        METRICS__ALLOW="127.0.0.0/8",
        DIRECTORIES__CUSTOMERS__KIND="table",
        DIRECTORIES__CUSTOMERS__PATH=str(folder / "callers.csv"),
    )
    service.start()
    try:
        service.wait_until_ready()
        port = free_port()
        process = started(folder, port, service.port)
        try:
            traffic(service)
            yield f"http://{HOST}:{port}"
        finally:
            process.terminate()
            process.wait(10)
    finally:
        service.kill()


def started(folder: Path, port: int, scraped: int) -> subprocess.Popen[bytes]:
    """With the shipped rules; only the addresses and the pace are the test's."""
    rules = [str(ROOT / "config/prometheus" / name) for name in ("recording.yml", "alerts.yml")]
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": rules,
        "scrape_configs": [{"job_name": "holdsvc", "static_configs": [{"targets": [f"{HOST}:{scraped}"]}]}],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config), "utf-8")
    words = [
        program("prometheus", "prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address={HOST}:{port}",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        return subprocess.Popen(words, stdout=log, stderr=log)


def traffic(service: Service) -> None:
    for mode, seed in (("documents", 1), ("stream", 2)):
        done = service.command(
            "simulate", "--url", service.base, "--calls", "20", "--mode", mode, "--seed", str(seed), "--rate", "20"
        )
        assert done.returncode == 0, done.stdout + done.stderr


def asked(url: str, **query: str) -> Any:
    with urlopen(f"{url}?{urlencode(query)}", timeout=10) as answer:
        return json.load(answer)["data"]


def test_every_rule_evaluates_without_an_error(prometheus: str) -> None:
    groups = asked(f"{prometheus}/api/v1/rules")["groups"]

    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) >= 50
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []


def test_every_recorded_figure_and_every_panel_has_data(prometheus: str) -> None:
    wanted = {expr for expr in recorded() if not QUIET.search(expr)}
    wanted |= {expr for board in BOARDS for expr in queries(board) if not QUIET.search(expr)}
    until = time.monotonic() + PATIENCE
    while True:
        empty = {expr for expr in wanted if not asked(f"{prometheus}/api/v1/query", query=expr)["result"]}
        if not empty or time.monotonic() > until:
            break
    assert empty == set()


def test_nothing_pages_while_all_is_well(prometheus: str) -> None:
    firing = asked(f"{prometheus}/api/v1/query", query='ALERTS{alertstate="firing",severity="page"}')["result"]

    assert firing == []
