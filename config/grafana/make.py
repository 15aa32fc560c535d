"""Makes the dashboards: `python config/grafana/make.py` writes dashboards/*.json beside this file.

Needs `grafana-foundation-sdk` (in the development extra). What they show stands in boards.py.
"""

from __future__ import annotations

from pathlib import Path

from boards import BOARDS, Board
from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DashboardLinkType
from panels import variable

HERE = Path(__file__).parent


def drawn(board: Board) -> dashboard.Dashboard:
    made = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.text)
        .tags(["holdsvc"])
        .refresh("10s")
        .time(board.since, "now")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(variable("queue", "Queue", "holdsvc_calls_waiting", "queue"))
        .with_variable(variable("platform", "Platform", "holdsvc_webhook_duration_seconds_count", "platform"))
        .with_variable(variable("replica", "Replica", "holdsvc_build_info", "instance"))
        .link(
            dashboard.DashboardLink("Other boards")
            .type(DashboardLinkType.DASHBOARDS)
            .tags(["holdsvc"])
            .as_dropdown(True)
            .keep_time(True)
        )
    )
    for panel in board.panels:
        made = made.with_panel(panel)
    return made


def made() -> dict[str, str]:
    """Path beside this file -> JSON."""
    written = {}
    for make in BOARDS:
        path = f"dashboards/{make.__name__.replace('_', '-')}.json"
        written[path] = JSONEncoder(sort_keys=True, indent=2).encode(drawn(make()).build()) + "\n"
    return written


if __name__ == "__main__":
    for path, text in made().items():
        (HERE / path).write_text(text, "utf-8")
        print(f"{path}: {len(text):,} bytes")
