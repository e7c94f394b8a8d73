"""A result as text plots for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import plotext  # type: ignore[import-untyped]

from agbot.backtest.result import BacktestResult, Fill
from agbot.backtest.words import lasting, moment
from agbot.units import SCALE, complement, usd_text
from agbot.words import many

MARKETS_SHOWN: Final = 2
HEIGHT: Final = 15
_Ticks = tuple[list[float], list[str]]


def drawn(run: BacktestResult, width: int, *, colour: bool) -> str:
    """Return equity, and price with fills of the markets that traded most, `width` characters wide."""
    head = f"{', '.join(run.strategies)} on {run.source}: PnL {usd_text(run.pnl)} usd, {many(run.trades, 'fill')}"
    traded = Counter(fill.market for fill in run.fills if fill.market in run.mids)
    plots = [_equity(run, width), *(_price(run, market, width) for market, _ in traded.most_common(MARKETS_SHOWN))]
    text = "\n\n".join([head, *plots])
    return text if colour else str(plotext.uncolorize(text))


def _equity(run: BacktestResult, width: int) -> str:
    _begin("equity, usd", run, width)
    plotext.plot(_minutes(run), [point.equity / SCALE for point in run.points], marker="braille", color="blue")
    return _built()


def _price(run: BacktestResult, market: str, width: int) -> str:
    _begin(f"{market}: YES price; B gains when it rises, S when it falls", run, width)
    known = [(at, mid / SCALE) for at, mid in zip(_minutes(run), run.mids[market], strict=True) if mid is not None]
    if known:
        at, mids = zip(*known, strict=True)
        plotext.plot(at, mids, marker="braille", color="blue")
    for rises, marker, colour in ((True, "B", "green"), (False, "S", "red")):
        fills = [fill for fill in run.fills if fill.market == market and (fill.yes == fill.buy) is rises]
        if fills:
            times = [_minute(run, fill.ts_ns) for fill in fills]
            plotext.scatter(times, [_yes_price(fill) for fill in fills], marker=marker, color=colour)
    return _built()


def _begin(title: str, run: BacktestResult, width: int) -> None:
    plotext.clear_figure()
    plotext.plotsize(width, HEIGHT)
    plotext.theme("clear")
    plotext.title(title)
    places = [_minute(run, run.first_ns + (run.last_ns - run.first_ns) * part // 3) for part in range(4)]
    ends = [moment(run.first_ns), *(f"+{lasting(int(at * 60e9))}" for at in places[1:])]
    plotext.xticks(places, ends)


def _built() -> str:
    return str(plotext.build())


def _minutes(run: BacktestResult) -> Sequence[float]:
    return [_minute(run, point.ts_ns) for point in run.points]


def _minute(run: BacktestResult, ts_ns: int) -> float:
    return (ts_ns - run.first_ns) / 60e9


def _yes_price(fill: Fill) -> float:
    return (fill.price if fill.yes else complement(fill.price)) / SCALE
