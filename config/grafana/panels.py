"""The kinds of panel and variable that the dashboards are made of."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import bargauge, common, dashboard, heatmap, prometheus, stat, text, timeseries
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    HeatmapCellLayout,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
)
from grafana_foundation_sdk.models.dashboard import DataSourceRef, Threshold, ThresholdsMode, VariableRefresh
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = DataSourceRef(type_val="prometheus", uid="holdsvc-prometheus")
QUEUE, PLATFORM, REPLICA = 'queue=~"$queue"', 'platform=~"$platform"', 'instance=~"$replica"'
GREEN, AMBER, RED = "green", "orange", "red"
ABANDONED = 'outcome=~"abandoned|short_abandoned"'

Panel = timeseries.Panel | stat.Panel | heatmap.Panel | bargauge.Panel | text.Panel
Steps = Sequence[tuple[float | None, str]]


def query(expr: str, legend: str = "", *, instant: bool = False, heat: bool = False) -> prometheus.Dataquery:
    made = prometheus.Dataquery().expr(expr).legend_format(legend or "__auto")
    if heat:
        made = made.format(PromQueryFormat.HEATMAP)
    return made.instant() if instant else made.range()


def thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    told = [Threshold(value=value, color=colour) for value, colour in steps]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(told)


def number(title: str, text: str, unit: str, expr: str, steps: Steps = ((None, GREEN),), width: int = 6) -> stat.Panel:
    """One large figure a queue, readable from afar."""
    return (
        stat.Panel()
        .title(title)
        .description(text)
        .unit(unit)
        .datasource(SOURCE)
        .thresholds(thresholds(steps))
        .color_mode(BigValueColorMode.BACKGROUND)
        .graph_mode(BigValueGraphMode.AREA)
        .no_value("too few calls")
        .span(width)
        .height(8)
        .with_target(query(expr, "{{queue}}"))
    )


def lines(
    title: str,
    text: str,
    unit: str,
    *asked: tuple[str, str],
    stack: bool = False,
    top: float | None = None,
    width: int = 12,
) -> timeseries.Panel:
    panel = (
        timeseries.Panel()
        .title(title)
        .description(text)
        .unit(unit)
        .min(0)
        .datasource(SOURCE)
        .span(width)
        .height(9)
        .fill_opacity(25 if stack else 5)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
        )
    )
    if top is not None:
        panel = panel.max(top)
    if stack:
        panel = panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
    for expr, legend in asked:
        panel = panel.with_target(query(expr, legend))
    return panel


def bars(title: str, text: str, unit: str, expr: str, legend: str, width: int = 12) -> bargauge.Panel:
    return (
        bargauge.Panel()
        .title(title)
        .description(text)
        .unit(unit)
        .min(0)
        .datasource(SOURCE)
        .span(width)
        .height(9)
        .with_target(query(expr, legend, instant=True))
    )


def heat(title: str, text: str, unit: str, expr: str, width: int = 24) -> heatmap.Panel:
    return (
        heatmap.Panel()
        .title(title)
        .description(text)
        .datasource(SOURCE)
        .span(width)
        .height(10)
        .calculate(False)
        .y_axis(heatmap.YAxisConfig().unit(unit))
        .rows_frame(heatmap.RowsHeatmapOptions().layout(HeatmapCellLayout.LE))
        .with_target(query(expr, "{{le}}", heat=True))
    )


def variable(name: str, label: str, series: str, tag: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query(f"label_values({series}, {tag})")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .include_all(True)
        .all_value(".*")
        .multi(True)
    )
