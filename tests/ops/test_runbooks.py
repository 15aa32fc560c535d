"""Whoever is paged opens the runbook by one click: what alerts, dashboards and pages link to is there, and says what
docs/runbooks says."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml

from tests.faults.service import HOST, free_port
from tests.ops.programs import program
from tests.ops.test_alertmanager import alertmanager as alertmanager
from tests.ops.test_alerts import RULES, RUNBOOKS, named
from tests.ops.test_dashboards import ROOT

GRAFANA = ROOT / "config" / "grafana"
BOARDS = {file: json.loads(file.read_text("utf-8")) for file in sorted(GRAFANA.glob("*/*.json"))}
PAGES = {file.stem: board for file, board in BOARDS.items() if file.parent.name == "runbooks"}
LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")
LONGEST = 40  # characters of a uid that Grafana takes
PATIENCE = 20.0


def spoken(markdown: str) -> str:
    """Without what differs between a file and its page: where links lead."""
    return re.sub(r" \(`docs/[^`]+`\)", "", LINK.sub(r"\1", markdown)).strip()


def linked() -> Iterator[tuple[str, str]]:
    for file, board in BOARDS.items():
        for panel in board["panels"]:
            yield from ((file.stem, link["url"]) for link in panel["links"])
            yield from ((file.stem, url) for _, url in LINK.findall((panel["options"] or {}).get("content", "")))


def test_every_alert_links_to_its_page_and_the_page_says_what_the_runbook_says() -> None:
    links = dict(
        zip(named(RULES / "alerts.yml"), re.findall(r"runbook_url: (.+)", read(RULES / "alerts.yml")), strict=True)
    )

    assert links == {name: f'"{{{{ $externalLabels.grafana }}}}/d/{name}"' for name in PAGES}
    for name, page in PAGES.items():
        heading, _, words = read(RUNBOOKS / f"{name}.md").partition("\n")
        assert (page["uid"], f"# {page['title']}") == (name, heading)
        assert page["panels"][0]["type"] == "text"
        assert spoken(page["panels"][0]["options"]["content"]) == spoken(words)


def test_every_link_leads_to_a_board_that_there_is() -> None:
    there = {f"/d/{board['uid']}" for board in BOARDS.values()}

    assert [link for link in linked() if link[1] not in there and not link[1].startswith("https://")] == []
    tags = {tag for board in BOARDS.values() for tag in board["tags"]}
    assert {tag for board in BOARDS.values() for link in board["links"] for tag in link["tags"]} == tags


def test_every_alert_is_a_click_away_from_a_panel_that_shows_its_symptom_and_has_that_panel_beside_its_page() -> None:
    from_panels = {
        panel["title"]: {link["url"].removeprefix("/d/") for link in panel["links"]}
        for file, board in BOARDS.items()
        if file.parent.name == "dashboards"
        for panel in board["panels"]
    }

    assert set().union(*from_panels.values()) == set(PAGES)
    for name, page in PAGES.items():
        shown = {title for title, alerts in from_panels.items() if name in alerts}
        assert {panel["title"] for panel in page["panels"][1:]} == shown
    assert from_panels["Longest wait now"] == {"HoldsvcLongestWait"}
    assert from_panels["Version"] == set()


def test_addresses_and_panels_are_told_apart() -> None:
    uids = [board["uid"] for board in BOARDS.values()]

    assert len(set(uids)) == len(uids)
    assert all(re.fullmatch(rf"[\w-]{{1,{LONGEST}}}", uid) for uid in uids)
    for board in BOARDS.values():
        numbers = [panel["id"] for panel in board["panels"]]
        assert len(set(numbers)) == len(numbers)


def test_compose_hands_every_folder_of_boards_to_a_provider() -> None:
    mounts = yaml.safe_load(read(ROOT / "config/compose.yaml"))["services"]["grafana"]["volumes"]
    providers = yaml.safe_load(read(GRAFANA / "provisioning/dashboards/holdsvc.yml"))["providers"]

    inside = {mount.split(":")[0].removeprefix("./grafana/"): mount.split(":")[1] for mount in mounts}
    assert {inside[file.parent.name] for file in BOARDS} == {one["options"]["path"] for one in providers}


@pytest.fixture
def prometheus(alertmanager: str, tmp_path: Path) -> Iterator[str]:
    """With the shipped file, Grafana elsewhere, nobody to scrape and no patience; the address that it told of Grafana."""
    config = yaml.safe_load(read(RULES / "prometheus.yml"))
    config["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s"}
    assert config["global"]["external_labels"] == {"grafana": "http://localhost:3000"}
    config["global"]["external_labels"]["grafana"] = "https://example.com/grafana"
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [f"{HOST}:{free_port()}"]
    config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [alertmanager.removeprefix("http://")]
    (tmp_path / "prometheus.yml").write_text(json.dumps(config), "utf-8")
    (tmp_path / "recording.yml").write_text(read(RULES / "recording.yml"), "utf-8")
    (tmp_path / "alerts.yml").write_text(re.sub(r"for: \w+", "for: 0s", read(RULES / "alerts.yml")), "utf-8")
    words = [
        program("prometheus", "prometheus"),
        f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'tsdb'}",
        f"--web.listen-address={HOST}:{free_port()}",
        "--rules.alert.resend-delay=1s",  # what was told before it had found Alertmanager is told again
    ]
    with (tmp_path / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        yield "https://example.com/grafana"
    finally:
        process.terminate()
        process.wait(10)


def test_a_page_carries_the_whole_address_of_its_runbook_and_no_label_more(prometheus: str, alertmanager: str) -> None:
    until = time.monotonic() + PATIENCE
    while not (told := alerts(alertmanager)):
        assert time.monotonic() < until
        time.sleep(0.1)

    (down,) = told
    assert down["labels"]["alertname"] == "HoldsvcDown"
    assert "grafana" not in down["labels"]
    assert down["annotations"]["runbook_url"] == f"{prometheus}/d/HoldsvcDown"


def alerts(alertmanager: str) -> list[dict[str, Any]]:
    with urlopen(f"{alertmanager}/api/v2/alerts", timeout=5) as answer:
        told: list[dict[str, Any]] = json.load(answer)
    return told


def read(file: Path) -> str:
    return file.read_text("utf-8")
