"""The risk log: every decision, the kill switch, positions and the bot's own log lines, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from agbot.tui.state import Dashboard
from agbot.tui.widgets.figures import clock
from agbot.tui.widgets.sheet import Cell, Column, Sheet


class RiskSheet(Sheet):
    """One line an event that is no order and no fill."""

    EMPTY = "nothing to tell yet"
    COLUMNS: ClassVar[tuple[Column, ...]] = (
        Column("time", 8),
        Column("what", 8),
        Column("market", 12, weight=1, priority=1),
        Column("text", 16, weight=5),
    )

    def rows(self, dashboard: Dashboard) -> Sequence[Sequence[Cell]]:
        """Return a row an event."""
        denied = sum(row.label == "denied" for row in dashboard.log)
        self.border_subtitle = f"{denied} denied" if denied else ""
        return [
            (
                (clock(row.at_ms), "dim"),
                (row.label, "good" if row.label == "allowed" else row.tone),
                (dashboard.market_name(row.market_id), "dim"),
                (row.text, row.tone),
            )
            for row in reversed(dashboard.log)
        ]
