"""How old market data is when we see it, by topic, the last minute."""

from __future__ import annotations

from collections.abc import Mapping

from agbot.tui.state import Dashboard
from agbot.tui.widgets.chart import Chart, Points


class LagChart(Chart):
    """One line a topic, in milliseconds; negative means that a clock is off."""

    def lines(self, dashboard: Dashboard) -> Mapping[str, Points]:
        """Return the lines by topic."""
        return {topic: tuple(series.points) for topic, series in sorted(dashboard.lag.items())}

    def newest(self, dashboard: Dashboard) -> tuple[str, str]:
        """Return the slowest topic's newest lag and the colour."""
        lag = dashboard.lag_ms()
        return ("" if lag is None else f"{lag:.1f} ms"), "primary"
