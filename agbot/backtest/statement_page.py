"""A statement as one HTML file."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from agbot.backtest import charts, html
from agbot.backtest.statement import Statement
from agbot.backtest.statement_table import lines, sections
from agbot.backtest.svg import Line, bars, over_time
from agbot.units import NS_PER_S, SCALE, usd_text


def page(said: Statement) -> str:
    """Return the statement as HTML."""
    told = lines(said)
    title = f"{said.mode.capitalize()} account, {said.period} to {said.days[-1].day}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<div class="quiet">{escape(told[said.period])}</div>',
        *(f'<p class="warn">{escape(met.kind)}: {escape(met.words)}</p>' for met in said.incidents if _loud(met.kind)),
        _tiles(said),
        html.charts(_drawn(said)),
        *(html.section(name, rows) for name, rows in sections(said).items()),
        "<h2>What this is of</h2>",
        html.table(None, [{"name": name, "value": value} for name, value in told.items()]),
    ]
    return html.document(title, parts)


def _loud(kind: str) -> bool:
    return kind.startswith(("kill switch", "contradiction", "journal damaged"))


def _tiles(said: Statement) -> str:
    return html.tiles(
        {
            "PnL, usd": usd_text(said.pnl),
            "equity, usd": usd_text(said.closing),
            "brought in, usd": usd_text(said.brought),
            "unrealised, usd": usd_text(said.unrealised),
            "fees, usd": usd_text(said.fees),
            "fills": str(said.fills),
            "denials": str(sum(denial.times for denial in said.denials)),
            "incidents": str(sum(met.times for met in said.incidents)),
        }
    )


def _drawn(said: Statement) -> Iterator[str]:
    if len(said.points) > 1:
        seconds = [point.ts_ns / NS_PER_S for point in said.points]
        equity = [point.equity / SCALE for point in said.points]
        held = [point.inventory / SCALE for point in said.points]
        yield over_time("Equity, usd", seconds, [Line(name="equity", ys=equity)], words=charts.short_usd)
        yield over_time("Inventory, usd", seconds, [Line(name="inventory", ys=held)], words=charts.short_usd)
    if len(said.days) > 1:
        yield bars("PnL by day, usd", [(day.day, day.pnl / SCALE) for day in said.days], words=_signed)
    made = sorted(said.attribution(), key=lambda row: -abs(row.pnl))[: charts.BARS_MAX]
    if made:
        rows = [(f"{row.strategy} {row.market}", row.pnl / SCALE) for row in made]
        yield bars("PnL by strategy and market, usd", rows, words=_signed)
    yield charts.markouts(said)
    yield charts.calibration(said)
    if said.denials:
        denied = [(f"{d.rule} {d.strategy}", float(d.times)) for d in said.denials[: charts.BARS_MAX]]
        yield bars("Denials", denied, words=lambda value: f"{value:.0f}", signed=False)


def _signed(value: float) -> str:
    return f"{value:+,.2f}"
