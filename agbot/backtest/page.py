"""A report as one HTML file: nothing to fetch, light and dark, readable on a phone."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from agbot.backtest import charts, html, table
from agbot.backtest.result import Report
from agbot.units import usd_text


def page(report: Report) -> str:
    """Return the report as HTML."""
    run = report.chosen
    told = table.lines(report)
    drawn = [
        charts.equity(run),
        charts.drawdown(run),
        charts.queues(report),
        charts.inventory(run),
        *charts.prices(run),
        charts.markouts(run),
        charts.calibration(run),
        charts.attribution(run),
        charts.denials(run),
    ]
    parts = [
        f"<h1>Backtest: {escape(told['strategies'])}</h1>",
        f'<div class="quiet">{escape(told["data"])}, {escape(told["span"])}</div>',
        *(f'<p class="warn">{escape(words)}</p>' for words in _warnings(report)),
        _tiles(report),
        html.charts(drawn),
        html.section("Figures", table.figures(report)),
        html.section("PnL by strategy and market", table.attribution(run)),
        html.section("Markouts", table.markouts(run)),
        html.section("Calibration", table.calibration(run)),
        "<h2>What was run</h2>",
        html.table(None, [{"name": name, "value": value} for name, value in told.items()]),
    ]
    return html.document(f"Backtest: {told['strategies']}", parts)


def _warnings(report: Report) -> Iterable[str]:
    run = report.chosen
    if run.stopped:
        yield f"The kill switch tripped: {run.stopped}. Nothing was traded after it."
    for name, reason in run.failed.items():
        yield f"The strategy {name} was stopped: {reason}"


def _tiles(report: Report) -> str:
    found = {row["figure"]: row["chosen"] for row in table.figures(report)}
    bounds = dict.fromkeys(usd_text(pnl) for pnl in sorted((report.lower.pnl, report.upper.pnl)))
    tiles = {
        "PnL, usd": found["PnL usd"],
        "PnL with fewest and most fills, usd": " … ".join(bounds),
        "of capital": found["PnL of capital"],
        "drawdown": found["drawdown"],
        "fills": found["fills"],
        "fill rate": found["fill rate"],
        "fees, usd": found["fees usd"],
        "trials": str(report.trials),
    }
    return html.tiles(tiles)
