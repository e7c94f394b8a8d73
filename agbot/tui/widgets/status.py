"""The line at the top: mode, connection, kill switch and the account's figures; two lines where one is too narrow."""

from __future__ import annotations

import enum
from typing import Final

from rich.text import Text
from textual.widgets import Static

from agbot.tui.state import Dashboard
from agbot.tui.widgets.figures import usd
from agbot.tui.widgets.inks import ink

ONE_LINE: Final = 118
MODE_COLOURS: Final = {
    "LIVE": "error",
    "SHADOW": "secondary",
    "READ-ONLY": "secondary",
    "PAPER": "success",
    "REPLAY": "accent",
    "DEMO": "primary",
}
HEALTH: Final = {
    0: ("● live", "text-success"),
    1: ("● live, venue degraded", "text-warning"),
    2: ("● live, venue down", "text-error"),
}


class Link(enum.Enum):
    """How the terminal stands with the monitor."""

    CONNECTING = "connecting"
    UP = "up"
    RECONNECTING = "reconnecting"


class StatusBar(Static):
    """Always in sight: whether this is real money, whether it is fresh, and whether the kill switch is on."""

    def __init__(self) -> None:
        super().__init__(id="status")
        self._dashboard = Dashboard()
        self._link = Link.CONNECTING
        self._why = ""

    def show(self, dashboard: Dashboard, link: Link, why: str) -> None:
        """Draw the newest figures. `why` is the reason of the last loss of the link."""
        self._dashboard, self._link, self._why = dashboard, link, why
        self.set_class(dashboard.kill_on, "-killed")
        self.update(self._said(), layout=False)

    def on_resize(self) -> None:
        """Choose anew between one line and two."""
        self.update(self._said(), layout=False)

    def _said(self) -> Text:
        first = [Text(" agbot", style="bold"), self._mode(), self._connection(), self._kill_switch()]
        second = self._figures()
        wide = self.size.width >= ONE_LINE
        self.styles.height = 1 if wide else 2
        gap = Text("  ")
        return gap.join(first + second) if wide else gap.join(first) + Text("\n ") + gap.join(second)

    def _mode(self) -> Text:
        mode = self._dashboard.run.mode or "–"
        return Text(
            f" {mode} ", style=f"bold {self._ink('background')} on {self._ink(MODE_COLOURS.get(mode, 'primary'))}"
        )

    def _connection(self) -> Text:
        run = self._dashboard.run
        if self._link is Link.CONNECTING:
            return Text("○ connecting to the monitor", style=self._ink("text-warning"))
        if self._link is Link.RECONNECTING:
            return Text(f"○ reconnecting ({self._why})", style=self._ink("text-warning"))
        if run.ended:
            return Text(f"■ run ended, exit {run.exit_code or '?'}", style=self._ink("text-warning"))
        if not self._dashboard.connected:
            return Text("◌ bot away", style=self._ink("text-warning"))
        said, ink = HEALTH.get(self._dashboard.venue_health(), HEALTH[0])
        return Text(said, style=self._ink(ink))

    def _kill_switch(self) -> Text:
        if not self._dashboard.kill_on:
            return Text("kill switch off", style="dim")
        reason = self._dashboard.kill_reason
        return Text(f" KILL SWITCH ON{': ' + reason if reason else ''} ", style=f"bold white on {self._ink('error')}")

    def _figures(self) -> list[Text]:
        board = self._dashboard
        pnl, rate = board.pnl_usd(), board.rate()
        figures = [
            ("equity", usd(board.gauge("agbot.equity_usd")), ""),
            ("cash", usd(board.gauge("agbot.cash_usd")), ""),
            ("pnl", usd(pnl, signed=True), self._ink("text-error" if (pnl or 0) < 0 else "text-success")),
            ("inventory", usd(board.gauge("polymarket.inventory.value_usd")), ""),
            ("msg/s", "–" if rate is None else f"{rate:,.0f}", ""),
        ]
        return [Text.assemble((f"{name} ", "dim"), (value, f"bold {style}")) for name, value, style in figures]

    def _ink(self, name: str) -> str:
        return ink(self.app, name)
