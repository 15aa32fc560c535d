"""Makes the dashboards: `python config/grafana/make.py` writes dashboards/*.json and runbooks/*.json beside this file.

Needs `grafana-foundation-sdk` (in the development extra). What they show stands in boards.py and in docs/runbooks: make them
anew when one of the two has changed.
"""

from __future__ import annotations

from pathlib import Path

from boards import BOARDS, Board
from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DashboardLinkType
from grafana_foundation_sdk.models.dashboard import DashboardLink as Link
from panels import Panel, variable
from runbooks import TAG, alerts_of, pages

HERE = Path(__file__).parent


def drawn(board: Board, tag: str = "holdsvc") -> str:
    made = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.text)
        .tags([tag])
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
        .link(dashboard.DashboardLink("Runbooks").type(DashboardLinkType.DASHBOARDS).tags([TAG]).as_dropdown(True))
    )
    for number, panel in enumerate(board.panels, 1):
        made = made.with_panel(panel.id(number).links(links(panel, board.uid)))
    return JSONEncoder(sort_keys=True, indent=2).encode(made.build()) + "\n"


def links(panel: Panel, here: str) -> list[Builder[Link]]:
    """To the page of each alert whose symptom the panel shows, but the one that it stands on."""
    return [
        dashboard.DashboardLink(f"Runbook: {alert}").type(DashboardLinkType.LINK).url(f"/d/{alert}").target_blank(True)
        for alert in alerts_of(panel)
        if alert != here
    ]


def made() -> dict[str, str]:
    """Path beside this file -> JSON."""
    boards = {f"dashboards/{make.__name__.replace('_', '-')}.json": drawn(make()) for make in BOARDS}
    return boards | {f"runbooks/{page.uid}.json": drawn(page, TAG) for page in pages()}


if __name__ == "__main__":
    written = made()
    for file in HERE.glob("*/*.json"):
        if str(file.relative_to(HERE)) not in written:
            file.unlink()  # of a page that has another name now
    for path, text in written.items():
        (HERE / path).write_text(text, "utf-8")
        print(f"{path}: {len(text):,} bytes")
