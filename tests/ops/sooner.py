"""The shipped files of Prometheus and Alertmanager in a time that goes by faster: every duration in them is divided by the same
number, and nothing else is changed but addresses. What rules say of each other stays as it is shipped."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

from tests.faults.service import HOST, free_port
from tests.ops.programs import program
from tests.ops.test_alerts import RULES

MILLISECONDS = {"s": 1_000, "m": 60_000, "h": 3_600_000}
DURATION = re.compile(r"(?P<before>: |\[|(?<=[smh]):|\boffset )(?P<number>\d+)(?P<unit>[smh])\b")
A_MINUTE = 4  # scrapes
READY_WITHIN, GLANCE = 30.0, 0.05  # seconds
# What Prometheus does unless it is told otherwise; these are flags, not in the files.
RESEND, LOOKBACK = "1m", "5m"


def sooner(text: str, times: float) -> str:
    """`for: 5m`, `[3h:1m]` and `offset 15m`, wherever they stand."""
    return DURATION.sub(lambda found: found["before"] + shorter(found["number"] + found["unit"], times), text)


def shorter(duration: str, times: float) -> str:
    return f"{round(int(duration[:-1]) * MILLISECONDS[duration[-1]] / times)}ms"


def shipped(name: str, times: float) -> Any:
    return yaml.safe_load(sooner((RULES / name).read_text("utf-8"), times))


def as_shipped(config: Any) -> Any:
    return config


def without_mutes(config: Any) -> Any:
    return {**config, "inhibit_rules": []}


@contextmanager
def alertmanager(
    folder: Path, receiver: str, times: float, changed: Callable[[Any], Any] = as_shipped
) -> Iterator[str]:
    """Its address. Each of its receivers has a webhook, RECEIVER/NAME."""
    folder.mkdir(parents=True)
    config = changed(shipped("alertmanager.yml", times))
    for one in config["receivers"]:
        one["webhook_configs"] = [{"url": f"{receiver}/{one['name']}"}]
    (folder / "alertmanager.yml").write_text(json.dumps(config), "utf-8")
    port = free_port()
    words = (
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'kept'}",
        f"--web.listen-address={HOST}:{port}",
        "--cluster.listen-address=",
    )
    with running(folder, program("prometheus-alertmanager", "prometheus-alertmanager"), *words):
        yield f"{HOST}:{port}"


@contextmanager
def prometheus(folder: Path, scraped: Sequence[str], told: Sequence[str], times: float) -> Iterator[str]:
    """Its address, once it has scraped them all. Those whom it tells are ready by then, too.

    It takes five real seconds until it scrapes for the first time, and gets its rules only then: five minutes without a single
    target would rightly be told.
    """
    folder.mkdir(parents=True)
    config = shipped("prometheus.yml", times)
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [*scraped]
    config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [*told]
    (folder / "prometheus.yml").write_text(json.dumps({**config, "rule_files": []}), "utf-8")
    for name in config["rule_files"]:
        (folder / name).write_text(sooner((RULES / name).read_text("utf-8"), times), "utf-8")
    port = free_port()
    words = (
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'kept'}",
        f"--web.listen-address={HOST}:{port}",
        "--web.enable-lifecycle",
        f"--rules.alert.resend-delay={shorter(RESEND, times)}",
        f"--query.lookback-delta={shorter(LOOKBACK, times)}",
    )
    with running(folder, program("prometheus", "prometheus"), *words):
        for address in (*told, f"{HOST}:{port}"):
            until(lambda address=address: asked(f"http://{address}/-/ready") is not None)
        until(lambda: scraped_targets(f"http://{HOST}:{port}") == len(scraped))
        (folder / "prometheus.yml").write_text(json.dumps(config), "utf-8")
        assert asked(f"http://{HOST}:{port}/-/reload", b"") is not None
        yield f"http://{HOST}:{port}"


@contextmanager
def running(folder: Path, *words: str) -> Iterator[None]:
    with ExitStack() as stack:
        log = stack.enter_context((folder / "log").open("wb"))
        process = subprocess.Popen(words, stdout=log, stderr=log)
        stack.callback(process.wait, 10)
        stack.callback(process.kill)  # nothing of it is of use any more
        yield


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + READY_WITHIN
    while not holds():
        assert time.monotonic() < end, "Prometheus and Alertmanager do not come up"
        time.sleep(GLANCE)


def scraped_targets(base: str) -> int:
    answer = asked(f"{base}/api/v1/query?query=up")
    return sum(one["value"][1] == "1" for one in json.loads(answer)["data"]["result"]) if answer else 0


def stood_still(base: str, scraped: Sequence[str]) -> bool:
    """The machine gave us no time: so many scrapes of these failed that a minute may have passed without one. They all answered."""
    failed = asked(f"{base}/api/v1/query?{urlencode({'query': 'count_over_time(up[1h]) - sum_over_time(up[1h])'})}")
    assert failed is not None
    lost = {one["metric"]["instance"]: float(one["value"][1]) for one in json.loads(failed)["data"]["result"]}
    return any(lost[one] >= A_MINUTE for one in scraped)


def asked(url: str, posted: bytes | None = None) -> bytes | None:
    """None where nobody answers yet."""
    try:
        with urlopen(url, posted, timeout=5) as answer:
            return bytes(answer.read())
    except (URLError, OSError):
        return None
