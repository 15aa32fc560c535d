"""`config/compose.yaml` without an engine: what it says is read, and the same service, with the same settings, runs beside a
Redis, a PostgreSQL and a Prometheus of this machine instead of the containers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
import yaml

from holdsvc.commands.check import look
from holdsvc.commands.checks.codes import Level
from holdsvc.config import load
from holdsvc.simulator.ledger import read_metrics
from tests.commands.workshop import GOOD, NOW, Still
from tests.faults.service import HOST, TOKEN, Service, free_port
from tests.ops.programs import program
from tests.ops.test_dashboards import ROOT
from tests.ops.test_prometheus import asked
from tests.stores.postgres_server import new_database, shared_server, told
from tests.stores.redis_server import RedisServer
from tests.stores.redis_server import program as redis_program

FOLDER = ROOT / "config"
SET = {  # what the head of the file asks for
    "HOLDSVC_API__TOKEN": "a-token-that-is-long-enough-for-the-api",
    "POSTGRES_PASSWORD": "s3cret",
    "GRAFANA_PASSWORD": "s3cret",
    "HOLDSVC_PLATFORMS__TWILIO__AUTH_TOKEN": TOKEN,
    "HOLDSVC_SERVICE__PUBLIC_URL": "https://hold.acme.eu",
}
VARIABLE = re.compile(r"\$\{(\w+)(?::\?[^}]*)?\}")
CALLS = 8
PATIENCE = 60.0  # seconds


@pytest.fixture(scope="module")
def file() -> Mapping[str, Any]:
    read: Mapping[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))
    return read


def environment(service: Mapping[str, Any]) -> dict[str, str]:
    """As the engine makes it: a variable without a value is passed on where it is set."""
    given = {
        name: SET.get(name) if value is None else filled(str(value)) for name, value in service["environment"].items()
    }
    return {name: value for name, value in given.items() if value is not None}


def filled(text: str) -> str:
    return VARIABLE.sub(lambda found: SET[found[1]], text)


def of_the_image() -> dict[str, str]:
    """What the Dockerfile sets for the service."""
    return dict(re.findall(r"\b(HOLDSVC_\w+)=(\S+)", (ROOT / "Dockerfile").read_text("utf-8")))


def held_to_the_schema(path: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    return subprocess.run([*words, str(path)], capture_output=True, text=True, check=False)


def test_it_is_what_the_engine_takes() -> None:
    done = held_to_the_schema(FOLDER / "compose.yaml")

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_slip_would_be_found(tmp_path: Path) -> None:
    text = (FOLDER / "compose.yaml").read_text("utf-8").replace("stop_grace_period:", "stop_grace_perod:")
    (tmp_path / "compose.yaml").write_text(text, "utf-8")

    assert "stop_grace_perod" in held_to_the_schema(tmp_path / "compose.yaml").stdout


def test_all_that_it_names_is_there(file: Mapping[str, Any]) -> None:
    services, volumes = file["services"], set(file["volumes"])
    mounts = [mount.split(":")[0] for one in services.values() for mount in one.get("volumes", ())]

    assert {"holdsvc", "redis", "postgres", "prometheus", "alertmanager", "grafana"} == set(services)
    assert {name for name in mounts if not name.startswith(".")} == volumes
    assert [name for name in mounts if name.startswith(".") and not (FOLDER / name).exists()] == []
    assert all(set(one.get("depends_on", ())) <= set(services) for one in services.values())
    assert {port.split(":")[0] for one in services.values() for port in one.get("ports", ())} == {"8080", "3000"}


def test_who_asks_whom_is_one_of_them_by_its_port(file: Mapping[str, Any]) -> None:
    prometheus = yaml.safe_load((FOLDER / "prometheus" / "prometheus.yml").read_text("utf-8"))
    source = yaml.safe_load((FOLDER / "grafana/provisioning/datasources/prometheus.yml").read_text("utf-8"))
    service = environment(file["services"]["holdsvc"])

    named = [service["HOLDSVC_STORE__URL"], service["HOLDSVC_LEDGER__URL"], source["datasources"][0]["url"]]
    named += [f"//{one}" for job in prometheus["scrape_configs"] for one in job["static_configs"][0]["targets"]]
    named += [
        f"//{one}" for job in prometheus["alerting"]["alertmanagers"] for one in job["static_configs"][0]["targets"]
    ]
    assert {(urlsplit(one).hostname, urlsplit(one).port) for one in named} == {
        ("redis", 6379),
        ("postgres", 5432),
        ("prometheus", 9090),
        ("holdsvc", 8080),
        ("alertmanager", 9093),
    }
    log, database = urlsplit(service["HOLDSVC_LEDGER__URL"]), environment(file["services"]["postgres"])
    assert (log.username, log.password, log.path) == (
        database["POSTGRES_USER"],
        database["POSTGRES_PASSWORD"],
        f"/{database['POSTGRES_DB']}",
    )


def test_the_engine_waits_as_long_as_live_streams_may_take_to_end(file: Mapping[str, Any]) -> None:
    assert file["services"]["holdsvc"]["stop_grace_period"] == "11m"
    assert load(environ=environment(file["services"]["holdsvc"])).service.drain_seconds in (None, 600)


def test_the_check_has_nothing_against_its_settings(file: Mapping[str, Any], tmp_path: Path) -> None:
    environ = {**of_the_image(), **environment(file["services"]["holdsvc"])}
    assert environ["HOLDSVC_SERVICE__HOST"] == "0.0.0.0"

    environ["HOLDSVC_SERVICE__DATA_DIR"] = str(tmp_path)
    outcome = look(None, environ, measure=lambda folder, held: GOOD, clock=Still(NOW))

    assert [str(one) for one in outcome.found if one.level is not Level.NOTE] == []
    assert outcome.refusal is None


class Stand:
    """The same without containers: only addresses and ports are this machine's."""

    def __init__(self, file: Mapping[str, Any], folder: Path, stack: ExitStack) -> None:
        services = file["services"]
        redis = RedisServer(folder / "redis")
        at = ("--port", str(redis.port), "--bind", HOST, "--dir", str(redis.folder))
        redis.start_as(redis_program(), *at, *services["redis"]["command"][1:])
        stack.callback(redis.kill)
        self.database = new_database(shared_server())
        given = {**of_the_image(), **environment(services["holdsvc"])}
        given["HOLDSVC_STORE__URL"] = given["HOLDSVC_STORE__URL"].replace("redis:6379", f"{HOST}:{redis.port}")
        given["HOLDSVC_LEDGER__URL"] = self.database.replace("holdsvc@", "holdsvc:s3cret@")
        given["HOLDSVC_METRICS__ALLOW"] += f", {HOST}/32"  # where this Prometheus asks from
        given["HOLDSVC_SERVICE__DATA_DIR"] = str(folder / "data")
        settings = {name.removeprefix("HOLDSVC_"): value for name, value in given.items()}
        self.service = Service(folder / "data", **settings)
        self.service._settings["SERVICE__PORT"] = str(self.service.port)  # where its commands look for it
        self.service.start()
        stack.callback(self.service.kill)
        self.service.wait_until_ready()
        self.prometheus = self._scraping(folder, stack)

    def _scraping(self, folder: Path, stack: ExitStack) -> str:
        """The shipped file, with this machine's address in it and no alertmanager."""
        config = yaml.safe_load((FOLDER / "prometheus" / "prometheus.yml").read_text("utf-8"))
        config["scrape_configs"][0]["static_configs"][0]["targets"] = [f"{HOST}:{self.service.port}"]
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [str(FOLDER / "prometheus" / name) for name in config["rule_files"]]
        del config["alerting"]
        (folder / "prometheus.yml").write_text(json.dumps(config), "utf-8")
        port = free_port()
        words = [
            program("prometheus", "prometheus"),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address={HOST}:{port}",
        ]
        with (folder / "prometheus.log").open("wb") as log:
            process = subprocess.Popen(words, stdout=log, stderr=log)
        stack.callback(process.wait, 10)
        stack.callback(process.terminate)
        return f"http://{HOST}:{port}"

    def totals(self) -> dict[tuple[str, str], float]:
        with urlopen(f"{self.service.base}/metrics", timeout=10) as answer:
            found = read_metrics(answer.read().decode())
        return {
            (labels["queue"], labels["outcome"]): value
            for name, labels, value in found
            if name == "holdsvc_calls_total"
        }


@pytest.fixture
def stand(file: Mapping[str, Any], tmp_path: Path) -> Iterator[Stand]:
    with ExitStack() as stack:
        yield Stand(file, tmp_path, stack)


def until(holds: Callable[[], bool]) -> None:
    over = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < over
        time.sleep(0.1)


def test_the_same_service_serves_is_scraped_and_writes_its_log_into_postgresql(stand: Stand) -> None:
    traffic = ("--calls", str(CALLS), "--rate", "20", "--seed", "2", "--speed", "24")
    done = stand.service.command("simulate", "--url", stand.service.base, *traffic)
    # Its verdict wants the law to hold at every glance; with Redis a wait is counted as ended a moment before it is off the list.
    over = re.search(rf"^calls {CALLS} · waits (\d+) ·", done.stdout)
    assert over is not None, done.stdout + done.stderr
    count = int(over[1])  # not everybody is still there when the queue is reached

    until(lambda: told(stand.database, "SELECT count(*) FROM holdsvc.waits WHERE outcome IS NOT NULL") == [(count,)])
    audit = stand.service.command("audit")
    assert f"{count} offered = " in audit.stdout
    assert "The law holds." in audit.stdout
    totals = stand.totals()
    assert sum(totals.values()) == count
    until(lambda: scraped(stand.prometheus) == [count])

    whose = "SELECT number, count(*) FROM holdsvc.numbers JOIN holdsvc.waits USING (caller) GROUP BY 1"
    ((number, waits), *_) = told(stand.database, whose)
    forgotten = stand.service.command("callers", "forget", str(number))
    assert f"erased; {waits} waits" in forgotten.stdout, forgotten.stderr
    assert forgotten.stderr == ""  # the service that runs did it, and tells others
    assert (number,) not in told(stand.database, "SELECT number FROM holdsvc.numbers")

    stand.service.kill()
    stand.service.start()
    stand.service.wait_until_ready()
    until(lambda: stand.totals() == totals)  # counted on, once the dead process is known to be gone


def scraped(prometheus: str) -> list[float]:
    found = asked(f"{prometheus}/api/v1/query", query="sum(holdsvc_calls_total)")["result"]
    return [float(one["value"][1]) for one in found]
