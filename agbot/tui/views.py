"""What stands on each of the nine screens; the style sheet says how it stands at each width."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from textual.containers import Container
from textual.widget import Widget

from agbot.tui.state import SUBMIT_TO_ACK, TICK_TO_ORDER
from agbot.tui.widgets.feeds import FeedsSheet, LinksPanel
from agbot.tui.widgets.fills import FillsSheet
from agbot.tui.widgets.ladder import LadderSheet
from agbot.tui.widgets.lag import LagChart
from agbot.tui.widgets.latency import CallsSheet, SpreadPanel
from agbot.tui.widgets.log import DenialsSheet, LogSheet
from agbot.tui.widgets.markets import MarketsSheet
from agbot.tui.widgets.orders import HereSheet, OrdersSheet
from agbot.tui.widgets.overview import AccountPanel, StatePanel
from agbot.tui.widgets.pnl import PnlChart
from agbot.tui.widgets.positions import PositionsSheet
from agbot.tui.widgets.risk import LimitsSheet, SwitchesPanel
from agbot.tui.widgets.strategies import MetadataPanel, QuotesSheet, StrategiesSheet


def overview() -> Iterable[Widget]:
    """Yield the account, the state, and what is newest."""
    yield AccountPanel("account", id="account")
    yield StatePanel("state", id="state")
    yield PnlChart("pnl", id="pnl")
    yield LagChart("lag", id="lag")
    yield LogSheet("newest", id="newest", level=0)


def markets() -> Iterable[Widget]:
    """Yield the markets, the selected one's ladder, and our orders there."""
    yield MarketsSheet("markets", id="market-list")
    yield LadderSheet("ladder", id="ladder")
    yield HereSheet("our orders here", id="here")


def orders() -> Iterable[Widget]:
    """Yield the orders."""
    yield OrdersSheet("orders", id="order-list")


def fills() -> Iterable[Widget]:
    """Yield the fills and what they add up to."""
    yield FillsSheet("fills", id="fill-list")
    yield PositionsSheet("positions", id="positions")


def strategies() -> Iterable[Widget]:
    """Yield the strategies, and of the selected one what it says and its quotes."""
    yield StrategiesSheet("strategies", id="strategy-list")
    yield MetadataPanel("says of itself", id="metadata")
    yield QuotesSheet("quotes", id="quotes")


def risk() -> Iterable[Widget]:
    """Yield limits, switches, denials."""
    yield LimitsSheet("limits", id="limits")
    yield SwitchesPanel("account", id="switches")
    yield DenialsSheet("denied", id="denials")


def feeds() -> Iterable[Widget]:
    """Yield each feed, all together, and the lag."""
    yield FeedsSheet("feeds", id="feed-list")
    yield LinksPanel("links", id="links")
    yield LagChart("lag", id="feed-lag")


def latency() -> Iterable[Widget]:
    """Yield two histograms and the venue's answers."""
    yield SpreadPanel("tick → order, ms", TICK_TO_ORDER, id="tick-to-order")
    yield SpreadPanel("submit → ack, ms", SUBMIT_TO_ACK, id="submit-to-ack")
    yield CallsSheet("the venue's answers", id="calls")


def log() -> Iterable[Widget]:
    """Yield the log."""
    yield LogSheet("log", id="log-list")


VIEWS: Final[Mapping[str, Callable[[], Iterable[Widget]]]] = {
    view.__name__: view for view in (overview, markets, orders, fills, strategies, risk, feeds, latency, log)
}
"""The screens in the order of their keys; each is made when it is first asked for."""


def view(name: str) -> Container:
    """Return a new screen of this name."""
    return Container(*VIEWS[name](), id=name)
