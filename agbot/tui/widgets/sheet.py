"""A table that draws only the lines in sight: fixed header, columns that share the width, cells with a tone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

import attrs
from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from agbot.tui.state import Dashboard

Cell = tuple[str, str]
"""(text, tone); a tone is good, bad, warn, dim or empty."""
TONES: Final = ("good", "bad", "warn", "dim")


@attrs.frozen
class Column:
    """A column of at least `width` cells; `weight` is its share of what is left over; 0 `priority` is never hidden."""

    title: str
    width: int
    weight: int = 0
    right: bool = False
    priority: int = 0


class Sheet(ScrollView, can_focus=True):
    """Base of the tables. Subclasses name `COLUMNS` and turn a dashboard into rows of cells."""

    COLUMNS: ClassVar[tuple[Column, ...]] = ()
    EMPTY: ClassVar[str] = ""
    COMPONENT_CLASSES: ClassVar[set[str]] = {"sheet--head", *(f"sheet--{tone}" for tone in TONES)}

    def __init__(self, title: str, *, id: str) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self.border_title = title
        self._rows: Sequence[Sequence[Cell]] = ()

    def rows(self, dashboard: Dashboard) -> Sequence[Sequence[Cell]]:
        """Return what to show, one cell a column."""
        raise NotImplementedError

    def show(self, dashboard: Dashboard) -> None:
        """Draw the dashboard's newest rows, if they differ from those on the screen."""
        found = self.rows(dashboard)
        if found != self._rows:
            self._rows = found
            self.virtual_size = Size(0, len(found) + 1)
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return line `y` of the visible part."""
        width = self.scrollable_content_region.width
        columns = fit(self.COLUMNS, width)
        index = y - 1 + self.scroll_offset.y
        if y == 0:
            head = self.get_component_rich_style("sheet--head")
            segments = [Segment(_cell(column, cells, column.title), head) for column, cells, _ in columns]
        elif not self._rows:
            segments = [Segment(self.EMPTY if y == 1 else "", self._tone("dim"))]
        elif index < len(self._rows):
            row = self._rows[index]
            segments = [
                Segment(_cell(column, cells, row[at][0]), self._tone(row[at][1])) for column, cells, at in columns
            ]
        else:
            segments = []
        return Strip(segments).adjust_cell_length(width, self.rich_style)

    def _tone(self, tone: str) -> Style:
        return self.get_component_rich_style(f"sheet--{tone}") if tone in TONES else self.rich_style


def fit(columns: Sequence[Column], width: int) -> list[tuple[Column, int, int]]:
    """Return (column, cells it gets, its position) for the columns that fit `width`, hiding high priorities first."""
    kept = list(enumerate(columns))
    while len(kept) > 1 and sum(column.width + 1 for _, column in kept) - 1 > width:
        last = max(kept, key=lambda entry: (entry[1].priority, entry[0]))
        if last[1].priority == 0:
            break
        kept.remove(last)
    spare = max(0, width - sum(column.width + 1 for _, column in kept) + 1)
    weights = sum(column.weight for _, column in kept)
    fitted = []
    for at, column in kept:
        share = spare * column.weight // weights if weights else 0
        fitted.append((column, column.width + share, at))
        spare, weights = spare - share, weights - column.weight
    return fitted


def _cell(column: Column, cells: int, said: str) -> str:
    """Return `said` in exactly `cells` cells and a blank behind; what is too long ends in an ellipsis."""
    if cell_len(said) > cells:
        said = set_cell_size(said, max(0, cells - 1)) + "…"
    blank = " " * (cells - cell_len(said))
    return f"{blank}{said} " if column.right else f"{said}{blank} "
