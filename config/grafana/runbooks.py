"""The pages of docs/runbooks as dashboards, each beside the panels that show what its alert watches.

A page has its alert's name for its address, /d/HoldsvcDown: it can be guessed, found by search, and does not move when others
come or go. Grafana shows the words whether holdsvc and Prometheus are up or not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from boards import BOARDS, Board
from grafana_foundation_sdk.builders import text
from grafana_foundation_sdk.models.dashboard import GridPos
from grafana_foundation_sdk.models.text import TextMode
from panels import Panel

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "runbooks"
TAG = "holdsvc-runbook"
NAMED = re.compile(r"(?<!\[)`(Holdsvc\w+)`(?!\])")  # another alert
LINK = re.compile(r"\[([^\]]+)\]\(([^)#]+)(#[^)]*)?\)")
HALF, TALL, LOW = 12, 22, 9  # of the grid: 24 wide, a step down is 38 pixels

WATCHED = {  # alert -> what the queries of the panels that show its symptom have in them
    "HoldsvcDown": "up{",
    "HoldsvcFewReplicas": "up{",
    "HoldsvcReplicaDown": "up{",
    "HoldsvcStoreAway": "holdsvc_degraded",
    "HoldsvcPartAway": "holdsvc_degraded",
    "HoldsvcLongestWait": "holdsvc_longest_wait_seconds",
    "HoldsvcCallbackOverdue": "holdsvc_callback_oldest_seconds",
    "HoldsvcAbandonment": "holdsvc_abandonment",
    "HoldsvcServiceLevelBurnsFast": "holdsvc_service_level_v1",
    "HoldsvcServiceLevelBurnsSlowly": "holdsvc_service_level_v1",
    "HoldsvcDeadAir": "holdsvc_content_per_waiting",
    "HoldsvcUnderruns": "holdsvc_stream_underruns",
    "HoldsvcLateSound": "holdsvc_stream_lateness_seconds",
    "HoldsvcRejectedWebhooks": "holdsvc_webhooks_rejected",
    "HoldsvcFaults": "holdsvc_webhooks_rejected",
    "HoldsvcSlowWebhooks": "holdsvc_webhook_duration_seconds_bucket",
    "HoldsvcSilentPlatform": "holdsvc_webhook_duration_seconds_count",
    "HoldsvcSlowJournal": "holdsvc_journal_commit_seconds",
    "HoldsvcUnknownEnds": "holdsvc_calls_total",
    "HoldsvcAmendments": "holdsvc_waits_amended",
    "HoldsvcSlowLookups": "holdsvc_lookup_duration_seconds_bucket",
    "HoldsvcDeadLetters": "holdsvc_outbox_dead",
    "HoldsvcFailingLookups": "holdsvc_lookup_duration_seconds_count",
}


def pages() -> Iterator[Board]:
    for file in sorted(PAGES.glob("*.md")):
        words = file.read_text("utf-8")
        heading, _, rest = words.partition("\n")
        panels = (page(rest.strip()), *beside(file.stem))
        yield Board(file.stem, heading.removeprefix("# "), f"Made of docs/runbooks/{file.name}.", panels)


def page(words: str) -> text.Panel:
    known = NAMED.sub(lambda found: f"[{found[0]}]({found[1]}.md)", words)
    shown = LINK.sub(lambda found: readable(found[1], found[2]) or found[0], known)
    return text.Panel().mode(TextMode.MARKDOWN).content(shown).span(HALF).height(TALL)


def readable(words: str, target: str) -> str:
    """A link as Grafana can follow it; to a document that it does not have, the name of the file; "" for one as it is."""
    if target.startswith("https://"):
        return ""
    file = (PAGES / target).resolve()
    if not file.is_file():
        raise ValueError(f"a runbook links to {target}, which is not there")
    return f"[{words}](/d/{file.stem})" if file.parent == PAGES else f"{words} (`{file.relative_to(ROOT)}`)"


def beside(alert: str) -> Iterator[Panel]:
    shown = (panel for make in BOARDS for panel in make().panels if alert in alerts_of(panel))
    for number, panel in enumerate(shown):
        yield panel.grid_pos(GridPos(h=LOW, w=HALF, x=HALF, y=LOW * number))


def alerts_of(panel: Panel) -> list[str]:
    """Those whose symptom it shows."""
    asked = [getattr(query, "expr", "") for query in panel.build().targets or ()]
    return [alert for alert, series in WATCHED.items() if any(series in expr for expr in asked)]
