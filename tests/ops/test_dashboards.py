"""What dashboards, rules and documents say of metrics is true of the metrics there are."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from holdsvc.engine.metrics import Metrics
from tests.ops.programs import program

ROOT = Path(__file__).parents[2]
BOARDS = sorted((ROOT / "config" / "grafana" / "dashboards").glob("*.json"))
WINDOWS = {"$__rate_interval": "1m", "$__range": "1h"}
NAME = re.compile(r"\bholdsvc_[a-z0-9_]+")
RECORDED = re.compile(r"[a-z]+:holdsvc_[a-z0-9_]+:[a-z0-9_]+")


class NoClock:
    def now(self) -> datetime:
        return datetime(2026, 3, 2, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0


def exported() -> set[str]:
    """As queries name them: a histogram by its three series."""
    names = set()
    for family in Metrics("0", NoClock()).registry.collect():
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}.get(family.type, ("",))
        names |= {family.name + ending for ending in endings}
    return names


def families() -> set[str]:
    return {
        family.name + ("_total" if family.type == "counter" else "")
        for family in Metrics("0", NoClock()).registry.collect()
        if family.name.startswith("holdsvc_")
    }


def recorded() -> set[str]:
    return set(re.findall(r"- record: (\S+)", (ROOT / "config/prometheus/recording.yml").read_text("utf-8")))


def queries(board: Path) -> Iterator[str]:
    def within(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for name, inner in value.items():
                if name == "expr":
                    yield inner
                else:
                    yield from within(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from within(inner)

    for expr in within(json.loads(board.read_text("utf-8"))["panels"]):
        for wild, plain in WINDOWS.items():
            expr = expr.replace(wild, plain)
        yield re.sub(r"\$(queue|platform|replica)", ".*", expr)


def everything() -> dict[str, str]:
    """Where -> all that asks for metrics there."""
    rules = {name: (ROOT / "config/prometheus" / name).read_text("utf-8") for name in ("recording.yml", "alerts.yml")}
    return rules | {board.name: "\n".join(queries(board)) for board in BOARDS}


def test_the_shipped_dashboards_are_those_that_the_script_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = ROOT / "config/grafana"
    monkeypatch.syspath_prepend(folder)
    make = importlib.import_module("make")

    shipped = {str(file.relative_to(folder)): file.read_text("utf-8") for file in folder.glob("*/*.json")}
    assert shipped == make.made()


@pytest.mark.parametrize("where", [*everything()])
def test_every_metric_that_is_asked_for_exists(where: str) -> None:
    text = "\n".join(line.partition("#")[0] for line in everything()[where].splitlines())

    assert set(RECORDED.findall(text)) <= recorded()
    assert (
        set(NAME.findall(RECORDED.sub("", text)))
        - {"holdsvc_counts", "holdsvc_service_level", "holdsvc_service", "holdsvc_waits"}
        <= exported()
    )


def test_every_metric_that_is_exported_is_documented_and_none_besides() -> None:
    text = (ROOT / "docs/metrics.md").read_text("utf-8")

    assert set(re.findall(r"^\| `(holdsvc_\w+)`", text, re.MULTILINE)) == families()


def test_every_metric_that_is_exported_is_shown_somewhere() -> None:
    asked = "\n".join(everything().values())

    assert {name for name in families() if name not in asked} == set()


@pytest.mark.parametrize("board", BOARDS, ids=[board.stem for board in BOARDS])
def test_prometheus_understands_every_query_of_a_dashboard(board: Path, tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(queries(board))]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}), "utf-8")

    done = subprocess.run(
        [program("promtool", "prometheus"), "check", "rules", str(file)], capture_output=True, text=True, check=False
    )

    assert rules
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_and_alertmanager_accept_their_files() -> None:
    folder = ROOT / "config" / "prometheus"
    for words in (
        [program("promtool", "prometheus"), "check", "config", str(folder / "prometheus.yml")],
        [program("amtool", "prometheus-alertmanager"), "check-config", str(folder / "alertmanager.yml")],
    ):
        assert subprocess.run(words, capture_output=True, check=False).returncode == 0
