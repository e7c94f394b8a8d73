"""The log: decisions, the kill switch, positions and the bot's own lines, newest first, from a level on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from agbot.tui.state import Dashboard
from agbot.tui.widgets.figures import clock
from agbot.tui.widgets.sheet import Column, Row, Sheet
from agbot.tui.wire import LEVELS, LogRow

COLUMNS = (
    Column("time", 8),
    Column("what", 8),
    Column("market", 9, weight=1, priority=1),
    Column("text", 16, weight=5),
)


class LogSheet(Sheet):
    """One line an event that is no order and no fill; `l` goes through the levels."""

    EMPTY = "nothing of this level yet: l shows all"
    FOLLOWS = True
    COLUMNS: ClassVar[tuple[Column, ...]] = COLUMNS
    BINDINGS: ClassVar[list[BindingType]] = [Binding("l", "level")]

    def __init__(self, title: str, *, id: str, level: int = 1) -> None:  # noqa: A002 - Textual's word
        super().__init__(title, id=id)
        self.level = level

    def rows(self, dashboard: Dashboard) -> Sequence[Row]:
        """Return a row an event of this level or above; what was allowed is told with `all` only."""
        self.note = "everything" if self.level == 0 else f"{LEVELS[self.level]} and above"
        found = [row for row in dashboard.log if row.level >= self.level]
        if self.level == 0:
            found = sorted([*found, *dashboard.allowed], key=lambda row: row.at_ms)
        return list(log_rows(dashboard, found))

    def action_level(self) -> None:
        """Go to the next level; after the highest to all."""
        self.level = (self.level + 1) % len(LEVELS)
        self.post_message(self.Selected())


class DenialsSheet(Sheet):
    """What risk denied, newest first."""

    EMPTY = "nothing was denied"
    FOLLOWS = True
    COLUMNS: ClassVar[tuple[Column, ...]] = tuple(column for column in COLUMNS if column.title != "what")

    def rows(self, dashboard: Dashboard) -> Sequence[Row]:
        """Return a row a denial."""
        self.note = f"{len(dashboard.denied)} denied" if dashboard.denied else ""
        return [row._replace(cells=(row.cells[0], *row.cells[2:])) for row in log_rows(dashboard, dashboard.denied)]


def log_rows(dashboard: Dashboard, found: Sequence[LogRow]) -> Iterator[Row]:
    """Yield a row a line, the newest first."""
    for row in reversed(found):
        cells = (
            (clock(row.at_ms), "dim"),
            (row.label, "good" if row.label == "allowed" else row.tone),
            (dashboard.market_name(row.market_id), "dim"),
            (row.text, row.tone),
        )
        yield Row(f"{row.at_ms} {row.label} {row.market_id} {row.order_id} {row.text}", cells, row.order_id)
