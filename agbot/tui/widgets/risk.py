"""Risk: how far each limit is used, what could be lost, and which switches are closed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from rich.text import Text

from agbot.tui import wire
from agbot.tui.state import Dashboard
from agbot.tui.widgets.figures import usd
from agbot.tui.widgets.panel import Panel, bar, tone_of
from agbot.tui.widgets.sheet import Column, Row, Sheet

USED: Final = "risk.limit_used"
BAR: Final = 14


class LimitsSheet(Sheet):
    """A row a limit: the most used first, then those that are for each order on its own."""

    EMPTY = "no limit has been told of"
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("policy", 14, weight=1),
        Column("used", 7, right=True),
        Column("of it", BAR),
        Column("says", 24, weight=3, priority=1),
    )

    def rows(self, dashboard: Dashboard) -> Sequence[Row]:
        """Return a row a limit."""
        parts = dict(limits_used(dashboard))
        says = {wire.text(row, "policy"): wire.text(row, "says") for row in dashboard.told.rows("risk", "limits")}
        rows = []
        for name in (*parts, *(name for name in says if name not in parts)):
            part = parts.get(name)
            used = ("–", "dim") if part is None else (f"{part:z.1%}", tone_of(part))
            drawn = ("", "") if part is None else (bar(part, BAR), tone_of(part))
            rows.append(Row(name, ((name, ""), used, drawn, (says.get(name, ""), "dim"))))
        near = sum(part >= 0.7 for part in parts.values())
        self.note = (f"{len(rows)}" + (f", {near} over 70 %" if near else "")) if rows else ""
        return rows


class SwitchesPanel(Panel):
    """The kill switches and the figures they and the limits look at."""

    def lines(self, dashboard: Dashboard) -> list[Text]:
        """Return the switches, then the figures."""
        return [*switch_lines(self, dashboard), *loss_lines(self, dashboard)]


def switch_lines(panel: Panel, dashboard: Dashboard) -> list[Text]:
    """Return the kill switch of the account and those that are closed for a market, a strategy or a venue."""
    on = dashboard.kill_on
    said = f"ON{': ' + dashboard.kill_reason if dashboard.kill_reason else ''}" if on else "off"
    lines = [panel.line("kill switch", said, "bad" if on else "good")]
    for row in dashboard.told.rows("status", "kill_scopes"):
        scope, name, reason = (wire.text(row, field) for field in ("scope", "name", "reason"))
        lines.append(panel.line(f"  {scope}", f"{name} ON", "bad", f"  {reason}"))
    if halted := wire.text(dashboard.told.of("status"), "halted"):
        lines.append(panel.line("halted", halted, "bad"))
    return [*lines, *denied_lines(panel, dashboard)]


def denied_lines(panel: Panel, dashboard: Dashboard) -> list[Text]:
    """Return, when every order of the last minute was denied, by what: policies, figures and limits."""
    told = wire.mapping(dashboard.told.of("status").get("denied"))
    names = [str(name) for name in wire.items(told.get("policies"))]
    rows = [wire.mapping(row) for row in wire.items(told.get("figures"))]
    figures = {wire.text(row, "rule"): wire.text(row, "figure") for row in rows}
    lines = [panel.line("denied", "every order of the last minute", "bad")] if names else []
    return lines + [panel.line("  by", name, "bad", f"  {figures.get(name, '')}") for name in names]


def loss_lines(panel: Panel, dashboard: Dashboard) -> list[Text]:
    """Return what the day made and what could be lost, usd."""
    gauge = dashboard.gauge
    day, fall = gauge("risk.daily_pnl_usd"), gauge("risk.current_drawdown")
    share, delta = gauge("risk.position_concentration"), gauge("risk.portfolio_delta")
    return [
        panel.line("day pnl", usd(day, signed=True), "" if day is None else "bad" if day < 0 else "good"),
        panel.line("drawdown", "–" if fall is None else f"{fall:z.2%}", "", " of the peak"),
        panel.line("worst case", usd(gauge("risk.worst_case_usd")), "", " usd with orders"),
        panel.line("var 95 %", usd(dashboard.total("risk.var_95")), "", " usd with orders"),
        panel.line("largest", "–" if share is None else f"{share:.0%}", "", " of what can be lost"),
        panel.line("delta", usd(delta), "", " usd a logit"),
    ]


def limits_used(dashboard: Dashboard) -> list[tuple[str, float]]:
    """Return (policy, used part of its limit), the most used first."""
    found = [(dict(labels).get("policy", ""), part) for labels, part in dashboard.gauges(USED).items()]
    return sorted(found, key=lambda each: (-each[1], each[0]))
