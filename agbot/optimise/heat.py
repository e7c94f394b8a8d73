"""The mean Sharpe ratio over two parameters, as a table for a terminal and as a picture: is the best one alone?"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import product
from typing import Final
from xml.sax.saxutils import escape

import attrs

from agbot.errors import ConfigError
from agbot.located.value import suggest
from agbot.optimise.outcome import Trial, Value, text_of

BINS_MAX: Final = 12
"""Rows and columns; more values than that are put together with their neighbours."""
_SHADES: Final = " ░▒▓█"
_CELL: Final = (64, 26)
_LEFT, _TOP = 110, 58
_LOW, _HIGH, _NONE = (33, 102, 172), (178, 24, 43), "#eeeeee"


@attrs.frozen
class Heat:
    """Rows and columns with their labels; a cell is None where nothing was tried, or nothing has a ratio."""

    row: str
    column: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[float | None, ...], ...]

    @property
    def largest(self) -> float:
        """Return the largest ratio without its sign, 0 where there is none."""
        return max((abs(cell) for row in self.cells for cell in row if cell is not None), default=0.0)


def heat_of(trials: Sequence[Trial], row: str, column: str) -> Heat:
    """Return the means over whatever else differs: the best over it would show luck.

    Raises:
        ConfigError: AGB-578, there is no such parameter, or it is named twice.
    """
    known = list(dict.fromkeys(name for trial in trials for name in trial.params))
    for name in (row, column):
        if name not in known:
            reason = f"there is no parameter '{name[:60]}'"
            raise ConfigError(reason, id="AGB-578", key="--heatmap", remedy=suggest(name, known))
    if row == column:
        raise ConfigError("one parameter has no map", id="AGB-578", key="--heatmap", remedy="name two, A,B")
    rows, columns = (_bins(trials, name) for name in (row, column))
    found: dict[tuple[int, int], list[float]] = {}
    for trial in trials:
        ratio = trial.sharpe()
        if ratio is not None and row in trial.params and column in trial.params:
            found.setdefault((rows[trial.params[row]], columns[trial.params[column]]), []).append(ratio)
    places = product(range(1 + max(rows.values())), range(1 + max(columns.values())))
    means = {place: sum(values) / len(values) if (values := found.get(place)) else None for place in places}
    names = _labels(rows), _labels(columns)
    cells = tuple(tuple(means[i, j] for j in range(len(names[1]))) for i in range(len(names[0])))
    return Heat(row, column, *names, cells)


def _bins(trials: Sequence[Trial], name: str) -> dict[Value, int]:
    values = sorted({trial.params[name] for trial in trials if name in trial.params}, key=_order)
    count = min(BINS_MAX, len(values))
    return {value: i * count // len(values) for i, value in enumerate(values)}


def _order(value: Value) -> tuple[bool, Decimal, str]:
    number = isinstance(value, Decimal)
    return not number, value if isinstance(value, Decimal) else Decimal(0), text_of(value)


def _labels(bins: dict[Value, int]) -> tuple[str, ...]:
    members: dict[int, list[str]] = {}
    for value, place in bins.items():
        members.setdefault(place, []).append(text_of(value))
    return tuple(texts[0] if len(texts) == 1 else f"{texts[0]}…{texts[-1]}" for texts in members.values())


def rows_of(heat: Heat) -> list[dict[str, str]]:
    """Return rows for a table: each ratio with two decimals, and a shade that tells how high it is."""
    corner = f"{heat.row} \\ {heat.column}"
    return [
        {corner: label, **dict(zip(heat.columns, (_shaded(cell, heat.largest) for cell in cells), strict=True))}
        for label, cells in zip(heat.rows, heat.cells, strict=True)
    ]


def _shaded(cell: float | None, largest: float) -> str:
    if cell is None:
        return ""
    part = cell / largest if largest else 0.0
    return f"{_SHADES[max(0, round(part * (len(_SHADES) - 1)))]} {cell:z.2f}"


def svg_of(heat: Heat, title: str) -> str:
    """Return the map as a picture, with `title` above it."""
    width, height = _CELL
    wide = max(_LEFT + width * len(heat.columns) + 20, 8 * len(title))
    high = _TOP + height * len(heat.rows) + 20
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}" '
        'font-family="sans-serif" font-size="12">'
    )
    lines = [
        head,
        f'<rect width="{wide}" height="{high}" fill="#ffffff"/>',
        _text(10, 18, title, "start"),
        _text(10, 36, f"mean Sharpe ratio a period; down: {heat.row}, across: {heat.column}", "start"),
        *(_text(_LEFT + width * (j + 0.5), _TOP - 6, label, "middle") for j, label in enumerate(heat.columns)),
    ]
    for i, (label, cells) in enumerate(zip(heat.rows, heat.cells, strict=True)):
        y = _TOP + height * i
        lines.append(_text(_LEFT - 8, y + height * 0.65, label, "end"))
        lines += [_square(_LEFT + width * j, y, cell, heat.largest) for j, cell in enumerate(cells)]
    return "\n".join([*lines, "</svg>\n"])


def _square(x: float, y: float, cell: float | None, largest: float) -> str:
    width, height = _CELL
    part = cell / largest if cell is not None and largest else 0.0
    end = _HIGH if part > 0 else _LOW
    shade = "rgb(" + ",".join(str(round(255 + (c - 255) * abs(part))) for c in end) + ")"
    fill = _NONE if cell is None else shade
    square = f'<rect x="{x}" y="{y}" width="{width - 1}" height="{height - 1}" fill="{fill}"/>'
    if cell is None:
        return square
    ink = "#ffffff" if abs(part) > 0.6 else "#000000"
    return square + _text(x + width / 2, y + height * 0.65, f"{cell:z.2f}", "middle", ink)


def _text(x: float, y: float, text: str, anchor: str, ink: str = "#000000") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{ink}">{escape(text)}</text>'
