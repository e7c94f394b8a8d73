"""Text for a terminal that can be pasted: aligned tables, and the ladder of an order book."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from agbot.located.value import shown
from agbot.model.events import Level
from agbot.units import SCALE, to_text

CELL_MAX: Final = 80
"""Characters of a cell; what venues write is cut there, and made harmless to a terminal."""

WIDTH_MAX: Final = 120
"""Characters of a line that most terminals have room for."""
MIDDLE_MIN: Final = 16

_NUMBER: Final = re.compile(r"[-+]?\d[\d,]*\.?\d*%?|-", re.ASCII)


def table(rows: Sequence[Mapping[str, object]], empty: str = "none") -> str:
    """Return rows (same keys each) as an aligned table, columns of numbers to the right; `empty` when there is none."""
    if not rows:
        return empty
    columns = list(rows[0])
    cells = [[shown(str(row[column]), CELL_MAX) for column in columns] for row in rows]
    lines = zip(*(_column(name, [line[i] for line in cells]) for i, name in enumerate(columns)), strict=True)
    return "\n".join("  ".join(line).rstrip() for line in lines)


def fitted(rows: Sequence[Mapping[str, object]], column: str, empty: str = "none") -> str:
    """Return a table as `table` does, `column` with as much of its middle left out as makes it at most 120 wide."""
    text = table(rows, empty)
    over = max(map(len, text.splitlines())) - WIDTH_MAX
    if not rows or over <= 0:
        return text
    cells = [shown(str(row[column]), CELL_MAX) for row in rows]
    room = max(max(map(len, cells)) - over, MIDDLE_MIN)
    return table([{**row, column: _middle(cell, room)} for row, cell in zip(rows, cells, strict=True)])


def _middle(text: str, room: int) -> str:
    head, tail = room // 2, room - room // 2 - 1
    return text if len(text) <= room else f"{text[:head]}…{text[-tail:]}"


def _column(name: str, cells: list[str]) -> list[str]:
    width = max(len(name), *map(len, cells))
    right = all(_NUMBER.fullmatch(cell) or not cell for cell in cells) and any(cells)
    return [cell.rjust(width) if right else cell.ljust(width) for cell in (name, "-" * width, *cells)]


def pairs(rows: Mapping[str, object]) -> str:
    """Return aligned ``name  value`` lines; a value of several lines stays under its column."""
    width = max(map(len, rows))
    lines = []
    for name, value in rows.items():
        first, *rest = [shown(line, 400) for line in str(value).splitlines()] or [""]
        lines += [f"{name:<{width}}  {first}", *(f"{'':<{width}}  {line}" for line in rest)]
    return "\n".join(line.rstrip() for line in lines)


def summary(result: Mapping[str, object]) -> str:
    """Return what came of a run, as `pairs` with names in words and counts in one line."""
    return pairs({name.replace("_", " "): _counted(value) for name, value in result.items()})


def _counted(value: object) -> object:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {count}" for name, count in value.items()) or "none"
    return value


def ladder(
    bids: Sequence[Level], asks: Sequence[Level], *, depth: int = 10, own: Mapping[tuple[str, int], int] | None = None
) -> str:
    """Return the best `depth` levels of each side, asks above bids, with what stands up to each level.

    Args:
        bids: (price, size) in 10⁻⁶, in any order; so are `asks`. One of size 0 is shown and is no best price.
        own: what of ours rests, by (``"ask"`` or ``"bid"``, price), in 10⁻⁶ shares.
    """
    above = _levels("ask", sorted(asks)[:depth], own or {})
    below = _levels("bid", sorted(bids, reverse=True)[:depth], own or {})
    lines = table([*reversed(above), *below], empty="").splitlines()
    cut = 2 + len(above)
    return "\n".join([*lines[:cut], f"      {_between(bids, asks)}", *lines[cut:]])


def _levels(side: str, levels: Sequence[Level], own: Mapping[tuple[str, int], int]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    total = 0
    for price, size in levels:
        total += size
        mine = own.get((side, price), 0)
        row: dict[str, object] = {"side": side, "price": to_text(price), "size": shares(size), "total": shares(total)}
        rows.append({**row, "own": shares(mine) if mine else ""} if own else row)
    return rows


def _between(bids: Sequence[Level], asks: Sequence[Level]) -> str:
    bids, asks = ([level for level in side if level[1]] for side in (bids, asks))
    if not bids or not asks:
        return "no bids and no asks" if not bids and not asks else "no bids" if not bids else "no asks"
    bid, ask = max(bids)[0], min(asks)[0]
    if bid >= ask:
        return f"crossed: bid {to_text(bid)}, ask {to_text(ask)}; do not believe this book"
    return f"spread {to_text(ask - bid)}, middle {to_text((bid + ask) // 2)}"


def shares(units: int) -> str:
    """Return a size in 10⁻⁶ shares with two decimals, more only where they are not zero."""
    text = to_text(units)
    whole, _, part = text.partition(".")
    return f"{whole}.{part:<02}"


def percent(part: int, whole: int = SCALE) -> str:
    """Return `part` of `whole` in percent with one decimal."""
    return f"{100 * part / whole:z.1f}%" if whole else "-"
