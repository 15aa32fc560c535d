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

from tests.faults.service import HOST, TOKEN, Service, free_port
from tests.ops.programs import program
from tests.ops.test_dashboards import BOARDS, ROOT, queries, recorded
from tests.ops.test_day import HOUR, Day

PATIENCE = 60.0  # seconds until everything is there
CALLERS = "number,name\n+15005550100,Ada\n"
A_SCRAPE = (
    10  # minutes of the day of four hours that pass from one scrape to the next: an hour of the day it stands for
)


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
        with a_day() as day:
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


def test_nothing_pages_while_all_is_well(prometheus: str) -> None:
    firing = asked(f"{prometheus}/api/v1/query", query='ALERTS{alertstate="firing",severity="page"}')["result"]

    assert firing == []
