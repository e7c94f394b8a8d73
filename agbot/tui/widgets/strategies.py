"""The strategies: whether they run, what they earn, their quotes with reasons, what they say of themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from rich.text import Text

from agbot.tui import wire
from agbot.tui.state import PNL, Dashboard
from agbot.tui.widgets.figures import plain_price, usd
from agbot.tui.widgets.orders import STATES, filled_of, side_tone
from agbot.tui.widgets.panel import Panel
from agbot.tui.widgets.sheet import Column, Row, Sheet

SIGNALS = "strategy.signals_generated"


class StrategiesSheet(Sheet):
    """A row a strategy. The selected one's quotes are shown below."""

    EMPTY = "no strategy has been heard of"
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("strategy", 10, weight=1),
        Column("kind", 10, weight=1, priority=3),
        Column("state", 14, weight=2),
        Column("pnl", 9, right=True),
        Column("quotes", 6, right=True),
        Column("orders", 7, right=True, priority=2),
    )

    def rows(self, dashboard: Dashboard) -> Sequence[Row]:
        """Return a row a strategy, in the order they are asked."""
        told = {wire.text(row, "id"): row for row in dashboard.told.rows("strategies", "strategies")}
        live = [order.strategy_id for order in dashboard.orders.values() if order.live]
        pnl, signals = by_strategy(dashboard, PNL), by_strategy(dashboard, SIGNALS)
        heard = dict.fromkeys((*told, *sorted({*pnl, *signals, *live})))
        self.note = str(len(heard)) if heard else ""
        rows = []
        for name in heard:
            stopped = wire.text(told[name], "stopped") if name in told else ""
            state = (f"STOPPED: {stopped}", "bad") if stopped else ("running", "good") if name in told else ("–", "dim")
            earned = pnl.get(name)
            cells = (
                (name, ""),
                (wire.text(told.get(name, {}), "kind"), "dim"),
                state,
                (usd(earned, signed=True), "" if earned is None else "bad" if earned < 0 else "good"),
                (str(live.count(name)), ""),
                (f"{signals.get(name, 0):,.0f}", "dim"),
            )
            rows.append(Row(name, cells))
        return rows

    def show(self, dashboard: Dashboard) -> None:
        """Draw, and tell whose quotes are wanted."""
        super().show(dashboard)
        dashboard.told.strategy = self.selected.key if self.selected else ""


class QuotesSheet(Sheet):
    """The selected strategy's live orders, by market, each with the reason it was placed for."""

    EMPTY = "no quote rests"
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("market", 10, weight=1),
        Column("side", 8),
        Column("price", 6),
        Column("filled", 8, right=True),
        Column("state", 9, priority=1),
        Column("why", 24, weight=6),
    )

    def rows(self, dashboard: Dashboard) -> Sequence[Row]:
        """Return a row an order."""
        wanted = dashboard.told.strategy
        found = [order for order in dashboard.orders.values() if order.live and order.strategy_id == wanted]
        self.entitle(f"quotes of {wanted}" if wanted else "quotes")
        self.note = str(len(found)) if found else ""
        return [
            Row(
                order.client_order_id,
                (
                    (dashboard.market_name(order.market_id), ""),
                    (f"{order.side} {order.outcome}".strip(), side_tone(order.side)),
                    (plain_price(order.price), ""),
                    (filled_of(order), "dim"),
                    STATES.get(order.state, (order.state.lower(), "warn")),
                    (order.why, ""),
                ),
                order.client_order_id,
            )
            for order in sorted(found, key=lambda o: (dashboard.market_name(o.market_id), o.side, o.outcome))
        ]


class MetadataPanel(Panel):
    """What the selected strategy says of itself."""

    def lines(self, dashboard: Dashboard) -> list[Text]:
        """Return a line a value, indented by depth."""
        told, wanted = dashboard.told, dashboard.told.strategy
        row = next((r for r in told.rows("strategies", "strategies") if wire.text(r, "id") == wanted), None)
        if row is None:
            return [Text(told.why or "not heard of yet", style=self.ink("dim"))]
        stopped = wire.text(row, "stopped")
        markets = len(wire.items(row.get("markets")))
        about = list(_flat(wire.mapping(row.get("metadata"))))
        lines = [Text(stopped, style=self.ink("bad"))] if stopped else []
        lines += [self.line("kind", wire.text(row, "kind")), self.line("markets", str(markets))]
        nothing = [Text("it says nothing of itself", style=self.ink("dim"))]
        return lines + ([self._value(*each) for each in about] or nothing)

    def _value(self, depth: int, name: str, said: str) -> Text:
        return Text.assemble((f"{'  ' * depth}{name}  ", self.ink("dim")), (said, "bold"))


def by_strategy(dashboard: Dashboard, name: str) -> dict[str, float]:
    """Return a metric's sum by `strategy_id`."""
    found: dict[str, float] = {}
    for labels, value in dashboard.gauges(name).items():
        strategy = dict(labels).get("strategy_id", "")
        found[strategy] = found.get(strategy, 0.0) + value
    return found


def _flat(values: wire.Mapping, depth: int = 0) -> Iterator[tuple[int, str, str]]:
    for name in values:
        value = values[name]
        key = wire.text({"key": name}, "key")
        if isinstance(value, dict):
            yield depth, key, "" if value else "–"
            yield from _flat(value, depth + 1)
        else:
            yield depth, key, _said(value)


def _said(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_said, value)) or "–"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "–" if value is None else wire.text({"value": value}, "value")
