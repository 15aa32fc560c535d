"""A real Prometheus scrapes a real service under simulated calls, and a day that goes by in seconds: every rule evaluates,
every panel has something to show."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from holdsvc.calls.model import Outcome
from holdsvc.calls.promise import Came
from tests.faults.service import HOST, TOKEN, Service, free_port
from tests.ops.programs import program
from tests.ops.test_dashboards import BOARDS, ROOT, queries, recorded
from tests.ops.test_day import HOUR, WITHIN, Day

ONLY_HERE = "billing"  # the service itself has no such queue
CLOSE = 0.06  # of a figure: the first of two dozen scrapes is where increases begin, and they are drawn out to half a scrape
PATIENCE = 60.0  # seconds until everything is there
CALLERS = "number,name\n+15005550100,Ada\n"
A_SCRAPE = (
    10  # minutes of the day of four hours that pass from one scrape to the next: an hour of the day it stands for
)


@pytest.fixture(scope="module")
def day() -> Iterator[Replica]:
    with a_day() as replica:
        yield replica


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory, day: Replica) -> Iterator[str]:
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
        process = started(folder, port, f"{HOST}:{service.port}", f"{HOST}:{day.port}")
        try:
            traffic(service)
            assert day.over.wait(PATIENCE)
            yield f"http://{HOST}:{port}"
        finally:
            process.terminate()
            process.wait(10)
    finally:
        service.kill()


class Replica:
    """A second one, whose day goes by as it is scraped: with all that the calls of this test have nothing of."""

    def __init__(self) -> None:
        self.over, self._day, self._step = threading.Event(), Day(), 0
        replica = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = replica.scraped()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words: object) -> None:
                """A scrape a second is nothing to tell."""

        self.server = HTTPServer((HOST, 0), Answer)
        self.port = self.server.server_port

    def truth(self) -> dict[str, float]:
        """What the day's calls of this queue have come to, by the definitions."""
        here = [one for one in self._day.over if one.queue == ONLY_HERE]
        gave_up = {Outcome.ABANDONED, Outcome.SHORT_ABANDONED}
        answered = [one.seconds for one in here if one.outcome is Outcome.ANSWERED]
        left = [one.seconds for one in here if one.outcome in gave_up]
        short = sum(one.outcome is Outcome.SHORT_ABANDONED for one in here)
        told = [one.came is not Came.LATER for one in here if one.came is not None]
        a_t, b_t, both = (
            sum(one <= WITHIN for one in answered),
            sum(one <= WITHIN for one in left),
            len(answered) + len(left),
        )
        return {
            "service_level_v1:ratio1h": (a_t + b_t) / both,
            "service_level_v2:ratio1h": a_t / len(answered),
            "service_level_v3:ratio1h": a_t / both,
            "service_level_v4:ratio1h": a_t / (both - b_t),
            "service_level_v5:ratio1h": (a_t + short) / both,
            "service_level_v6:ratio1h": a_t / (both - short),
            "abandonment:ratio1h": len(left) / len(here),
            "abandonment_net:ratio1h": (len(left) - short) / (len(here) - short),
            "asa_seconds:mean1h": sum(answered) / len(answered),
            "time_to_abandon_seconds:mean1h": sum(left) / len(left),
            "told_kept:ratio1h": sum(told) / len(told),
        }

    def scraped(self) -> bytes:
        body = self._day.scraped(min(self._step, 24 * HOUR - 1))
        self._step += A_SCRAPE
        if self._step >= 24 * HOUR:
            self.over.set()
        return body


@contextmanager
def a_day() -> Iterator[Replica]:
    replica = Replica()
    thread = threading.Thread(target=replica.server.serve_forever)
    thread.start()
    try:
        yield replica
    finally:
        replica.server.shutdown()
        thread.join()
        replica.server.server_close()


def started(folder: Path, port: int, *scraped: str) -> subprocess.Popen[bytes]:
    """With the shipped rules; only the addresses and the pace are the test's."""
    rules = [str(ROOT / "config/prometheus" / name) for name in ("recording.yml", "alerts.yml")]
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": rules,
        "scrape_configs": [{"job_name": "holdsvc", "static_configs": [{"targets": [*scraped]}]}],
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
    """Callers in documents and callers on streams, at the same time."""
    words = ("--calls", "40", "--mode", "mixed", "--seed", "1", "--rate", "20")
    done = service.command("simulate", "--url", service.base, *words)
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
    wanted = recorded() | {expr for board in BOARDS for expr in queries(board)}
    until = time.monotonic() + PATIENCE
    while True:
        empty = {expr for expr in wanted if not asked(f"{prometheus}/api/v1/query", query=expr)["result"]}
        if not empty or time.monotonic() > until:
            break
    assert empty == set()


def test_what_is_recorded_is_what_the_day_came_to(prometheus: str, day: Replica) -> None:
    """Within what scrapes a second apart allow; `test_recorded` has it to the digit. The day goes on, a call a scrape."""
    until = time.monotonic() + PATIENCE
    while True:
        happened = day.truth()
        held = {name: recorded_value(prometheus, f'queue:holdsvc_{name}{{queue="{ONLY_HERE}"}}') for name in happened}
        off = {name: (held[name], share) for name, share in happened.items() if abs(held[name] / share - 1) > CLOSE}
        if not off or time.monotonic() > until:
            break
    assert off == {}
    assert max(happened.values()) > 20, "the means are of real waits"


def recorded_value(base: str, expr: str) -> float:
    (sample,) = asked(f"{base}/api/v1/query", query=expr)["result"]
    return float(sample["value"][1])


def test_nothing_pages_while_all_is_well(prometheus: str) -> None:
    firing = asked(f"{prometheus}/api/v1/query", query='ALERTS{alertstate="firing",severity="page"}')["result"]

    assert firing == []
