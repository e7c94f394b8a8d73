"""Profit and loss of all strategies together, the last ten minutes."""

from __future__ import annotations

from collections.abc import Mapping

from agbot.tui.state import Dashboard
from agbot.tui.widgets.chart import Chart, Points
from agbot.tui.widgets.figures import usd


class PnlChart(Chart):
    """Green while it is not negative, red below."""

    def lines(self, dashboard: Dashboard) -> Mapping[str, Points]:
        """Return the one line."""
        return {"": tuple(dashboard.pnl.points)}

    def newest(self, dashboard: Dashboard) -> tuple[str, str]:
        """Return the newest profit or loss and its colour."""
        total = dashboard.pnl_usd()
        return ("" if total is None else f"{usd(total, signed=True)} usd"), "error" if (total or 0) < 0 else "success"
