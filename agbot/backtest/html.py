"""Pages as one HTML file each: nothing to fetch, light and dark, readable on a phone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Final

from agbot.backtest.svg import STYLE, THEME

_STYLE: Final = """
* { box-sizing: border-box; } body { margin: 0 auto; max-width: 1120px; padding: 16px; background: var(--page);
  color: var(--text); font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 20px; margin: 4px 0 2px; } h2 { font-size: 16px; margin: 24px 0 8px; }
.quiet { color: var(--quiet); } .tiles { display: grid; gap: 8px; margin: 14px 0;
  grid-template-columns: repeat(4, 1fr); } @media (max-width: 700px) { .tiles { grid-template-columns: 1fr 1fr; } }
.tile { background: var(--card); border-radius: 8px; padding: 8px 12px; } .tile b { display: block; font-size: 19px;
  font-variant-numeric: tabular-nums; } .tile span { color: var(--quiet); font-size: 12px; }
.charts { display: grid; gap: 12px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); }
.chart { background: var(--card); border-radius: 8px; padding: 8px 6px 4px; min-width: 0; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 14px; }
td, th { padding: 3px 14px 3px 0; text-align: left; vertical-align: top; } th { color: var(--quiet); font-weight: 500; }
td { border-top: 1px solid var(--grid); } .number { text-align: right; white-space: nowrap; }
.break { overflow-wrap: anywhere; } .warn { color: var(--b); font-weight: 600; }
"""


def document(title: str, parts: Iterable[str]) -> str:
    """Return a whole page; `parts` are HTML."""
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{THEME}{STYLE}{_STYLE}</style></head><body>"
    )
    return head + "".join(parts) + "</body></html>\n"


def tiles(figures: Mapping[str, str]) -> str:
    """Return figures by name, large."""
    cells = (
        f'<div class="tile"><b>{escape(value)}</b><span>{escape(name)}</span></div>' for name, value in figures.items()
    )
    return f'<div class="tiles">{"".join(cells)}</div>'


def charts(drawn: Iterable[str]) -> str:
    """Return charts beside each other; empty ones are left out."""
    return '<div class="charts">' + "".join(f'<div class="chart">{chart}</div>' for chart in drawn if chart) + "</div>"


def section(title: str, rows: Sequence[Mapping[str, str]]) -> str:
    """Return a table under its title, nothing where there are no rows."""
    return f"<h2>{escape(title)}</h2>{table(list(rows[0]), rows)}" if rows else ""


def table(head: Sequence[str] | None, rows: Sequence[Mapping[str, str]]) -> str:
    """Return rows as a table, columns of numbers to the right."""
    first, *others = rows[0]
    numbers = {name for name in others if head and all(_numeric(row[name]) for row in rows)}
    kinds = {name: "number" if name in numbers else "break" for name in (first, *others)}
    top = "".join(f'<th class="{kinds[name]}">{escape(name)}</th>' for name in head or ())
    body = "".join(
        "<tr>" + "".join(f'<td class="{kinds[name]}">{escape(row[name])}</td>' for name in row) + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><tr>{top}</tr>{body}</table></div>'


def _numeric(text: str) -> bool:
    return text in ("", "-") or text.lstrip("+-").replace(",", "").replace(".", "").rstrip("%").isdigit()
