"""The account and the bot's state at one look."""

from __future__ import annotations

from rich.text import Text

from agbot.tui import wire
from agbot.tui.state import Dashboard
from agbot.tui.widgets.feeds import feed_lines
from agbot.tui.widgets.figures import usd
from agbot.tui.widgets.panel import Panel
from agbot.tui.widgets.risk import limits_used, switch_lines
from agbot.words import many

MODES = {
    "LIVE": ("REAL MONEY", "bad"),
    "SHADOW": ("decides, sends nothing", "dim"),
    "READ-ONLY": ("looks on", "dim"),
    "PAPER": ("no real money", "dim"),
    "REPLAY": ("a recording", "dim"),
    "DEMO": ("no real money", "dim"),
}


class AccountPanel(Panel):
    """What there is, what it made and what it may lose."""

    def lines(self, dashboard: Dashboard) -> list[Text]:
        """Return a line a figure."""
        gauge = dashboard.gauge
        said, tone = MODES.get(dashboard.run.mode, ("", ""))
        wallet = wire.text(dashboard.told.of("status"), "wallet")
        day, pnl = gauge("risk.daily_pnl_usd"), dashboard.pnl_usd()
        live = [order.state for order in dashboard.orders.values() if order.live]
        unknown = live.count("UNKNOWN")
        return [
            self.line("mode", dashboard.run.mode or "–", tone if tone != "dim" else "", f"  {wallet or said}"),
            self.line("equity", usd(gauge("agbot.equity_usd")), "", " usd"),
            self.line("day pnl", usd(day, signed=True), _tone(day)),
            self.line("run pnl", usd(pnl, signed=True), _tone(pnl), _taken_over(dashboard)),
            self.line("cash", usd(gauge("agbot.cash_usd"))),
            self.line("exposure", usd(gauge("polymarket.inventory.value_usd")), "", " usd held"),
            self.line("worst case", usd(gauge("risk.worst_case_usd")), "", " usd with orders"),
            self.line("orders", f"{len(live)} live", "", f", {unknown} UNKNOWN" if unknown else ""),
            self.line("fills", f"{len(dashboard.fills)}", "", " in sight"),
        ]


class StatePanel(Panel):
    """Switches, feeds, limits, and when the account was last compared with the venue's."""

    def lines(self, dashboard: Dashboard) -> list[Text]:
        """Return a line a part."""
        limits = [self.bar_line(name, part, 8) for name, part in limits_used(dashboard)[:3]]
        return [
            *switch_lines(self, dashboard),
            *feed_lines(self, dashboard),
            *(limits or [self.line("limits", "–")]),
            reconciled(self, dashboard),
        ]


def reconciled(panel: Panel, dashboard: Dashboard) -> Text:
    """Return when our figures were last compared with the venue's, and what differed."""
    status = dashboard.told.of("status")
    told = wire.mapping(status.get("reconcile"))
    if not status:
        return panel.line("reconciled", "–", "", f"  {dashboard.told.why}")
    if "reads" not in told:
        return panel.line("reconciled", "–", "", "  no account to compare")
    checked, differ = wire.whole(told.get("checked_ns")), len(wire.items(told.get("differences")))
    ago = max(0, dashboard.at_ms - checked // 1_000_000) // 1000
    when = f"{ago} s ago" if checked else "at the start"
    failed = wire.whole(told.get("failed_reads"))
    more = f", {many(failed, 'read')} failed" if failed else ""
    return panel.line("reconciled", when, "", f", {differ or 'nothing'} differs{more}" if not differ else "") + (
        Text(f", {differ} differ{more}", style=panel.ink("bad")) if differ else Text()
    )


def _taken_over(dashboard: Dashboard) -> str:
    cost = wire.decimal(dashboard.told.of("status"), "taken_over_usd")
    return f" usd ({usd(cost)} usd taken over at cost)" if cost else ""


def _tone(value: float | None) -> str:
    return "" if value is None else "bad" if value < 0 else "good"
