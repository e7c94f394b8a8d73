"""A report as one HTML file: nothing to fetch, light and dark, readable on a phone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Final

from agbot.backtest import charts, table
from agbot.backtest.result import Report
from agbot.backtest.svg import STYLE, THEME
from agbot.units import usd_text

_STYLE: Final = """
* { box-sizing: border-box; } body { margin: 0 auto; max-width: 1120px; padding: 16px; background: var(--page);
  color: var(--text); font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 20px; margin: 4px 0 2px; } h2 { font-size: 16px; margin: 24px 0 8px; }
.quiet { color: var(--quiet); } .tiles { display: grid; gap: 8px; margin: 14px 0;
  grid-template-columns: repeat(4, 1fr); } @media (max-width: 700px) { .tiles { grid-template-columns: 1fr 1fr; } }
.tile { background: var(--card); border-radius: 8px; padding: 8px 12px; } .tile b { display: block; font-size: 19px;
  font-variant-numeric: tabular-nums; } .tile span { color: var(--quiet); font-size: 12px; }
.charts { display: grid; gap: 12px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); }
.chart { background: var(--card); border-radius: 8px; padding: 8px 6px 4px; min-width: 0; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 14px; }
td, th { padding: 3px 14px 3px 0; text-align: left; vertical-align: top; } th { color: var(--quiet); font-weight: 500; }
td { border-top: 1px solid var(--grid); } .number { text-align: right; white-space: nowrap; }
.break { overflow-wrap: anywhere; } .warn { color: var(--b); font-weight: 600; }
"""


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
        '<div class="charts">' + "".join(f'<div class="chart">{chart}</div>' for chart in drawn if chart) + "</div>",
        _section("Figures", table.figures(report)),
        _section("PnL by strategy and market", table.attribution(run)),
        _section("Markouts", table.markouts(run)),
        _section("Calibration", table.calibration(run)),
        "<h2>What was run</h2>",
        _rows(None, [{"name": name, "value": value} for name, value in told.items()]),
    ]
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Backtest: {escape(told['strategies'])}</title><style>{THEME}{STYLE}{_STYLE}</style></head><body>"
    )
    return head + "".join(parts) + "</body></html>\n"


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
    cells = (
        f'<div class="tile"><b>{escape(value)}</b><span>{escape(name)}</span></div>' for name, value in tiles.items()
    )
    return f'<div class="tiles">{"".join(cells)}</div>'


def _section(title: str, rows: Sequence[Mapping[str, str]]) -> str:
    return f"<h2>{escape(title)}</h2>{_rows(list(rows[0]), rows)}" if rows else ""


def _rows(head: Sequence[str] | None, rows: Sequence[Mapping[str, str]]) -> str:
    first, *others = rows[0]
    numbers = {name for name in others if head and all(_numeric(row[name]) for row in rows)}
    kinds = {name: "number" if name in numbers else "break" for name in (first, *others)}
    top = "".join(f'<th class="{kinds[name]}">{escape(name)}</th>' for name in head or ())
    body = "".join(
        "<tr>" + "".join(f'<td class="{kinds[name]}">{escape(row[name])}</td>' for name in row) + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><tr>{top}</tr>{body}</table></div>'


def _numeric(text: str) -> bool:
    return text in ("", "-") or text.lstrip("+-").replace(",", "").replace(".", "").rstrip("%").isdigit()
