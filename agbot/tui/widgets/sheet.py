"""A table that draws only the lines in sight: fixed header, columns that share the width, a row that is selected."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar, Final, NamedTuple

import attrs
from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from agbot.tui.state import Dashboard

Cell = tuple[str, str]
"""(text, tone); a tone is good, bad, warn, dim or empty."""
TONES: Final = ("good", "bad", "warn", "dim")

_NUMBER: Final = re.compile(r"[+−-]?\d[\d,]*(\.\d+)?(?![\d:])")


class Row(NamedTuple):
    """One line. `key` stays while the row moves; `story` is the order it belongs to, empty when to none."""

    key: str
    cells: Sequence[Cell]
    story: str = ""


@attrs.frozen
class Column:
    """A column of at least `width` cells; `weight` is its share of what is left over; 0 `priority` is never hidden."""

    title: str
    width: int
    weight: int = 0
    right: bool = False
    priority: int = 0


class Sheet(ScrollView, can_focus=True):
    """Base of the tables. Subclasses name `COLUMNS` and turn a dashboard into rows.

    The selection stays on its row while rows come and go; with FOLLOWS it stays at the top until it is moved.
    """

    COLUMNS: ClassVar[tuple[Column, ...]] = ()
    EMPTY: ClassVar[str] = ""
    FOLLOWS: ClassVar[bool] = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"sheet--head", "sheet--cursor", *(f"sheet--{tone}" for tone in TONES)}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)"),
        Binding("down", "move(1)"),
        Binding("pageup", "page(-1)"),
        Binding("pagedown", "page(1)"),
        Binding("home", "end(-1)"),
        Binding("end", "end(1)"),
        Binding("s", "sort"),
        Binding("r", "reverse"),
    ]

    class Selected(Message):
        """Another row is selected."""

    def __init__(self, title: str, *, id: str) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self._named = self._said = ""
        self.entitle(title)
        self.note = ""
        self.words = ""
        self._all: Sequence[Row] = ()
        self._rows: Sequence[Row] = ()
        self._sort: tuple[int, bool] | None = None
        self._at = 0
        self._key = ""
        self._styles: dict[str, Style] = {}
        self._fitted: tuple[int, list[tuple[Column, int, int]]] = (-1, [])

    def rows(self, dashboard: Dashboard) -> Sequence[Row]:
        """Return what to show, one cell a column. `note` may be set to what the border is to say of them."""
        raise NotImplementedError

    def show(self, dashboard: Dashboard) -> None:
        """Draw the dashboard's newest rows, if they differ from those on the screen."""
        found = self.rows(dashboard)
        if found != self._all:
            self._all = found
            self._arrange()
        self._say()

    def entitle(self, title: str) -> None:
        """Write the title; as it is, a market may be called anything. One that does not change costs nothing."""
        if title != self._named:
            self._named = title
            self.border_title = Text(title)

    @property
    def selected(self) -> Row | None:
        """Return the row that is selected, None when there is none."""
        return self._rows[self._at] if self._at < len(self._rows) else None

    def filter(self, words: str) -> None:
        """Show only rows that have each of these words somewhere, whatever their case; all when there is none."""
        if words != self.words:
            self.words = words
            self._arrange()
            self._say()

    def action_sort(self) -> None:
        """Sort by the next column in sight; after the last, in the order they come."""
        seen = [at for _, _, at in self._columns()]
        last = self._sort[0] if self._sort else -1
        self.sort(next((at for at in seen if at > last), None))

    def action_reverse(self) -> None:
        """Turn the order round."""
        column, backwards = self._sort or (0, False)
        self.sort(column, backwards=not backwards)

    def sort(self, column: int | None, *, backwards: bool = False) -> None:
        """Sort by a column: numbers by value, before words. None is the order they come in."""
        self._sort = None if column is None else (column, backwards)
        self._arrange()
        self._say()

    def action_move(self, by: int) -> None:
        """Select the row so many lines further down."""
        self.select(self._at + by)

    def action_page(self, by: int) -> None:
        """Select the row a screenful further down."""
        self.select(self._at + by * max(1, self.scrollable_content_region.height - 2))

    def action_end(self, which: int) -> None:
        """Select the first row or the last."""
        self.select(0 if which < 0 else len(self._rows) - 1)

    def select(self, at: int) -> None:
        """Select the row at this position, or the nearest there is, and bring it into sight."""
        self._at = max(0, min(at, len(self._rows) - 1))
        self._key = self._rows[self._at].key if self._rows and (self._at or not self.FOLLOWS) else ""
        top, lines = int(self.scroll_offset.y), max(1, self.scrollable_content_region.height - 1)
        if not top <= self._at < top + lines:
            self.scroll_to(y=self._at if self._at < top else self._at - lines + 1, animate=False, immediate=True)
        self.refresh()
        self.post_message(self.Selected())

    def on_click(self, event: events.Click) -> None:
        """Select a row, or sort by the column of the header that was clicked; once more turns it round."""
        place = event.get_content_offset(self)
        if place is None:
            return
        if place.y:
            at = place.y - 1 + int(self.scroll_offset.y)
            if at < len(self._rows):
                self.select(at)
            return
        left = 0
        for _, cells, at in self._columns():
            left += cells + 1
            if place.x < left:
                again = self._sort is not None and self._sort == (at, False)
                self.sort(at, backwards=again)
                return

    def _arrange(self) -> None:
        """Filter and sort, then find the selected row again."""
        shown = [row for row in self._all if _has(row, self.words)] if self.words else self._all
        if self._sort is not None:
            column, backwards = self._sort
            shown = sorted(shown, key=lambda row: _rank(row.cells[column][0]), reverse=backwards)
        before, known, self._rows = self._at, self._rows, shown
        self.virtual_size = Size(0, len(shown) + 1)
        self._at = self._found()
        if self._at != before and self.scroll_offset.y:  # the row stays where the eye is
            self.scroll_to(y=max(0, self.scroll_offset.y + self._at - before), animate=False, immediate=True)
        self._repaint(known, before)

    def _repaint(self, known: Sequence[Row], cursor: int) -> None:
        """Paint the lines that differ from those on the screen."""
        if not known or not self._rows:
            self.refresh()
            return
        width, top = self.size.width, int(self.scroll_offset.y)
        for y in range(1, self.size.height):
            at = top + y - 1
            was, now = (rows[at] if at < len(rows) else None for rows in (known, self._rows))
            if was != now or (cursor != self._at and at in (cursor, self._at)):
                self.refresh(Region(0, y, width, 1))

    def _found(self) -> int:
        if self._key:
            for at, row in enumerate(self._rows):
                if row.key == self._key:
                    return at
        if self.FOLLOWS or not self._rows:
            return 0
        at = min(self._at, len(self._rows) - 1)
        self._key = self._rows[at].key
        return at

    def _say(self) -> None:
        parts = [self.note]
        if self.words:
            parts.append(f"/{self.words}: {len(self._rows)} of {len(self._all)}")
        if self._sort is not None:
            parts.append(f"by {self.COLUMNS[self._sort[0]].title} {'↓' if self._sort[1] else '↑'}")
        if (said := " · ".join(part for part in parts if part)) != self._said:
            self._said = said
            self.border_subtitle = Text(said)

    def render_line(self, y: int) -> Strip:
        """Return line `y` of the visible part."""
        width, columns = self.scrollable_content_region.width, self._columns()
        index = y - 1 + int(self.scroll_offset.y)
        if y == 0:
            head = self._style("head")
            segments = [Segment(_cell(column, cells, column.title), head) for column, cells, _ in columns]
        elif not self._rows:
            empty = "nothing has these words" if self._all else self.EMPTY
            segments = [Segment(empty if y == 1 else "", self._style("dim"))]
        elif index < len(self._rows):
            cells_of, over = self._rows[index].cells, self._cursor() if index == self._at else Style.null()
            segments = [
                Segment(_cell(column, cells, cells_of[at][0]), self._style(cells_of[at][1]) + over)
                for column, cells, at in columns
            ]
            return Strip(segments).adjust_cell_length(width, self._style("") + over)
        else:
            segments = []
        return Strip(segments).adjust_cell_length(width, self._style(""))

    def notify_style_update(self) -> None:
        """Forget the styles: the theme or the focus has changed."""
        super().notify_style_update()
        self._styles.clear()

    def _style(self, tone: str) -> Style:
        """Return the style of a tone; the styles of the sheet are asked for once, they cost more than the text."""
        found = self._styles.get(tone)
        if found is None:
            named = tone in TONES or tone in ("head", "cursor")
            found = self.get_component_rich_style(f"sheet--{tone}") if named else self.rich_style
            self._styles[tone] = found
        return found

    def _columns(self) -> list[tuple[Column, int, int]]:
        width = self.scrollable_content_region.width
        if self._fitted[0] != width:
            self._fitted = width, fit(self.COLUMNS, width)
        return self._fitted[1]

    def _cursor(self) -> Style:
        if not self.has_focus:
            return Style.null()
        if self.app.no_color:
            return Style(reverse=True)
        return Style(bgcolor=self._style("cursor").bgcolor)


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


def _has(row: Row, words: str) -> bool:
    text = " ".join(cell for cell, _ in row.cells).lower()
    return all(word in text for word in words.lower().split())


def _rank(said: str) -> tuple[int, float, str]:
    """Return what a cell is sorted by: a number's value, then words, then what is empty."""
    if (found := _NUMBER.match(said)) and (number := found[0].replace(",", "").replace("−", "-")):
        return 0, float(number), said
    return (2, 0.0, "") if said in ("", "–", "·") else (1, 0.0, said.lower())
