"""The charts of a report, each as SVG text."""

from __future__ import annotations

from collections import Counter
from typing import Final

from agbot.backtest.result import BacktestResult, Fill, Measured, Report
from agbot.backtest.svg import Line, Mark, bars, dots, over_time
from agbot.backtest.words import moment
from agbot.units import NS_PER_S, SCALE, complement, to_text, usd_text

MARKETS_SHOWN: Final = 3
BARS_MAX: Final = 24
MARKS_MAX: Final = 400


def equity(run: BacktestResult) -> str:
    """Return equity over time."""
    return over_time("Equity, usd", _seconds(run), [Line(name="equity", ys=_usd(_equities(run)))], words=short_usd)


def drawdown(run: BacktestResult) -> str:
    """Return by how much equity is below its peak so far, on the curve's grid."""
    peak, falls = 0, []
    for value in _equities(run):
        peak = max(peak, value)
        falls.append(value - peak)
    lines = [Line(name="drawdown", ys=_usd(falls), colour="b", area=True)]
    return over_time("Below the peak, usd", _seconds(run), lines, words=short_usd)


def inventory(run: BacktestResult) -> str:
    """Return what was held over time, at liquidation value."""
    held = [point.inventory for point in run.points]
    return over_time("Inventory, usd", _seconds(run), [Line(name="inventory", ys=_usd(held))], words=short_usd)


def prices(run: BacktestResult) -> list[str]:
    """Return price and fills of the markets that traded most."""
    traded = Counter(fill.market for fill in run.fills if fill.market in run.mids)
    return [_price(run, market) for market, _ in traded.most_common(MARKETS_SHOWN)]


def calibration(run: Measured) -> str:
    """Return price paid against the part that paid; empty when nothing resolved."""
    if run.calibration is None:
        return ""
    points = [
        (b.price, b.paid, float(b.shares), f"{to_text(b.shares)} shares at {b.price:.3f}: {b.paid:.3f} of them paid")
        for b in run.calibration.buckets
    ]
    return dots(f"Calibration, Brier {run.calibration.brier:.4f}", points, ("price paid", "part that paid"))


def markouts(run: Measured) -> str:
    """Return the gain a share after each horizon."""
    rows = [(f"after {m.after_ns // NS_PER_S} s", m.a_share / SCALE) for m in run.markouts if m.a_share is not None]
    return bars("Markouts, usd a share", rows, words=lambda value: f"{value:+z.5f}") if rows else ""


def queues(report: Report) -> str:
    """Return the three equity curves: as chosen, and with the fewest and the most fills."""
    runs = {"fewest fills": ("b", report.lower), "most fills": ("c", report.upper), "chosen": ("a", report.chosen)}
    if len({len(run.points) for _, run in runs.values()}) > 1:
        rows = [(name, run.pnl / SCALE) for name, (_, run) in runs.items()]
        return bars("PnL by queue, usd", rows, words=lambda value: f"{value:+z.2f}")
    lines = [
        Line(name=name, ys=_usd([e - run.capital for e in _equities(run)]), colour=colour, faint=name != "chosen")
        for name, (colour, run) in runs.items()
    ]
    return over_time("PnL by queue, usd", _seconds(report.chosen), lines, words=short_usd)


def attribution(run: BacktestResult) -> str:
    """Return PnL by strategy and market, the largest by amount."""
    rows = sorted(run.attribution, key=lambda row: -abs(row.pnl))[:BARS_MAX]
    named = [(f"{row.strategy} · {row.market}", row.pnl / SCALE) for row in rows]
    return bars("PnL by strategy and market, usd", named, words=lambda value: f"{value:+z.2f}") if named else ""


def denials(run: BacktestResult) -> str:
    """Return how often each policy said no."""
    rows = sorted(run.denials.items(), key=lambda row: -row[1])[:BARS_MAX]
    named = [(name, float(count)) for name, count in rows]
    return bars("Denied by policy", named, words=lambda value: f"{value:.0f}", signed=False) if named else ""


def _price(run: BacktestResult, market: str) -> str:
    mids = [None if mid is None else mid / SCALE for mid in run.mids[market]]
    fills = [fill for fill in run.fills if fill.market == market]
    every = -(-len(fills) // MARKS_MAX) or 1
    marks = [_marked(fill) for fill in fills[::every]]
    title = f"{market}: YES price and fills"
    return over_time(title, _seconds(run), [Line(name="middle", ys=mids)], marks=marks, words=lambda p: f"{p:.3g}")


def _marked(fill: Fill) -> Mark:
    price = fill.price if fill.yes else complement(fill.price)
    token = "YES" if fill.yes else "NO"
    did = f"{'buy' if fill.buy else 'sell'} {to_text(fill.size)} {token} at {to_text(fill.price)}"
    words = f"{moment(fill.ts_ns)} {fill.strategy}: {did}, fee {usd_text(fill.fee)}"
    return Mark(x=fill.ts_ns / NS_PER_S, y=price / SCALE, up=fill.yes == fill.buy, words=words)


def _seconds(run: BacktestResult) -> list[float]:
    return [point.ts_ns / NS_PER_S for point in run.points]


def _equities(run: BacktestResult) -> list[int]:
    return [point.equity for point in run.points]


def _usd(values: list[int]) -> list[float]:
    return [value / SCALE for value in values]


def short_usd(value: float) -> str:
    """Return usd as an axis has room for."""
    size = abs(value)
    return f"{value:,.0f}" if size >= 1000 and value == int(value) else f"{value:.6g}"
