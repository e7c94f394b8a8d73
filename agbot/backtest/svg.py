"""Charts as SVG text, by hand: lines over time, bars, dots. Colours are classes of `STYLE`, for light and dark."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Final

import attrs

WIDTH: Final = 480
HEIGHT: Final = 220
LEFT, RIGHT, TOP, BOTTOM = 62, 10, 26, 24
_DAY_S: Final = 86_400
_FORMS: Final = ((4 * _DAY_S, "%Y-%m-%d"), (_DAY_S, "%m-%d %H:%M"), (600, "%H:%M"), (0, "%H:%M:%S"))

STYLE: Final = """
svg { display: block; width: 100%; height: auto; font: 13px system-ui, sans-serif; }
svg text { fill: var(--quiet); } svg .title { fill: var(--text); font-weight: 600; font-size: 14px; }
svg .grid { stroke: var(--grid); stroke-width: 1; } svg .zero { stroke: var(--quiet); stroke-width: 1; }
svg .line { fill: none; stroke-width: 1.6; stroke-linejoin: round; } svg .faint { opacity: .55; }
svg .a { stroke: var(--a); } svg .b { stroke: var(--b); } svg .c { stroke: var(--c); }
svg .area { fill: var(--b); opacity: .3; stroke: none; }
svg .good { fill: var(--c); } svg .bad { fill: var(--b); } svg .plain { fill: var(--a); }
svg text.a { fill: var(--a); stroke: none; } svg text.b { fill: var(--b); stroke: none; }
svg text.c { fill: var(--c); stroke: none; }
"""
THEME: Final = """
:root { color-scheme: light dark; --text: #1b1f24; --quiet: #5c6670; --grid: #e3e7eb; --page: #fff; --card: #f7f8fa;
  --a: #1f6fb2; --b: #c2453c; --c: #2d8659; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e9ec; --quiet: #9aa5b1; --grid: #2e353d; --page: #14181c;
  --card: #1b2026; --a: #62aee8; --b: #ee8078; --c: #6cc79a; } }
"""

Words = Callable[[float], str]


@attrs.frozen(kw_only=True)
class Line:
    """A named series; None breaks the line. `colour` is a, b or c."""

    name: str
    ys: Sequence[float | None]
    colour: str = "a"
    area: bool = False
    faint: bool = False


@attrs.frozen(kw_only=True)
class Mark:
    """Something that happened at (`x`, `y`); `up` points up and is good news' colour."""

    x: float
    y: float
    up: bool
    words: str


@attrs.frozen
class _Frame:
    """Data to pixels."""

    x0: float
    x1: float
    y0: float
    y1: float
    height: int = HEIGHT

    def x(self, value: float) -> float:
        return LEFT + (value - self.x0) / (self.x1 - self.x0) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return TOP + (self.y1 - value) / (self.y1 - self.y0) * (self.height - TOP - BOTTOM)


def over_time(
    title: str, seconds: Sequence[float], lines: Sequence[Line], *, marks: Sequence[Mark] = (), words: Words = str
) -> str:
    """Return lines over UTC time; `words` spells a value of the axis."""
    values = [y for line in lines for y in line.ys if y is not None] + [mark.y for mark in marks]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    frame = _Frame(seconds[0], max(seconds[-1], seconds[0] + 1), *_room(low, high))
    body = [*_grid(frame, words), *_times(frame)]
    for line in lines:
        body += _drawn(frame, seconds, line)
    body += [_mark(frame, mark) for mark in marks]
    return _svg(title, body, [(line.name, line.colour) for line in lines] if len(lines) > 1 else [])


def bars(title: str, rows: Sequence[tuple[str, float]], *, words: Words = str, signed: bool = True) -> str:
    """Return one horizontal bar a row; where `signed`, gains and losses differ in colour."""
    height = TOP + 10 + 22 * len(rows)
    most = max((abs(value) for _, value in rows), default=0) or 1.0
    name_end, value_room = 186, 80
    low = -most if any(value < 0 for _, value in rows) else 0.0
    high = most if low == 0 or any(value > 0 for _, value in rows) else 0.0
    scale = (WIDTH - name_end - value_room) / (high - low)
    zero = name_end + 8 - low * scale
    body = [f'<line class="zero" x1="{zero:.1f}" x2="{zero:.1f}" y1="{TOP}" y2="{height - 8}"/>']
    for i, (name, value) in enumerate(rows):
        y = TOP + 4 + 22 * i
        kind = ("good" if value >= 0 else "bad") if signed else "plain"
        x, width = min(zero, zero + value * scale), abs(value) * scale
        body.append(f'<text x="{name_end}" y="{y + 11}" text-anchor="end">{escape(_short(name, 26))}</text>')
        body.append(f'<rect class="{kind}" x="{x:.1f}" y="{y}" width="{max(width, 0.5):.1f}" height="15" rx="2"/>')
        body.append(f'<text x="{WIDTH - 2}" y="{y + 11}" text-anchor="end">{escape(words(value))}</text>')
    return _svg(title, body, [], height)


def dots(title: str, points: Sequence[tuple[float, float, float, str]], axes: tuple[str, str]) -> str:
    """Return dots (x, y, weight, words) in the unit square, with the diagonal on which they should lie."""
    frame = _Frame(0, 1, 0, 1)
    most = max((weight for _, _, weight, _ in points), default=1.0)
    body = [*_grid(frame, lambda value: f"{value:.2g}")]
    body += [
        f'<text x="{frame.x(x):.1f}" y="{HEIGHT - 6}" text-anchor="middle">{x:g}</text>' for x in (0, 0.25, 0.5, 0.75)
    ]
    body.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 6}" text-anchor="end">{escape(axes[0])}</text>')
    body.append(f'<text x="{WIDTH - RIGHT}" y="14" text-anchor="end">{escape(axes[1])}</text>')
    ends = [f"{frame.x(v):.1f},{frame.y(v):.1f}" for v in (0, 1)]
    body.append(f'<polyline class="zero line faint" points="{" ".join(ends)}"/>')
    for x, y, weight, words in points:
        radius = 3 + 7 * math.sqrt(weight / most)
        place = f'cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}" r="{radius:.1f}"'
        body.append(f'<circle class="plain" fill-opacity=".75" {place}><title>{escape(words)}</title></circle>')
    return _svg(title, body, [])


def standalone(charts: Sequence[str]) -> str:
    """Return charts below each other as one SVG file that carries its own colours."""
    heights = [int(chart.split('viewBox="0 0 ', 1)[1].split('"', 1)[0].split()[1]) for chart in charts]
    placed, y = [], 0
    for chart, height in zip(charts, heights, strict=True):
        placed.append(chart.replace("<svg", f'<svg x="0" y="{y}" width="{WIDTH}" height="{height}"', 1))
        y += height + 8
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{2 * WIDTH}">'
    page = f'<rect width="{WIDTH}" height="{y}" style="fill: var(--page)"/>'
    return f"{head}<style>{THEME}{STYLE}</style>{page}{''.join(placed)}</svg>\n"


def _svg(title: str, body: Sequence[str], key: Sequence[tuple[str, str]], height: int = HEIGHT) -> str:
    names = []
    x = WIDTH - RIGHT
    for name, colour in reversed(key):
        names.append(f'<text class="{colour}" x="{x}" y="14" text-anchor="end">{escape(name)}</text>')
        x -= 8 * len(name) + 8
    head = f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">'
    return f'{head}<text class="title" x="4" y="14">{escape(title)}</text>{"".join(names)}{"".join(body)}</svg>'


def _drawn(frame: _Frame, seconds: Sequence[float], line: Line) -> list[str]:
    runs: list[list[str]] = [[]]
    for at, value in zip(seconds, line.ys, strict=True):
        if value is None:
            runs.append([])
        else:
            runs[-1].append(f"{frame.x(at):.1f},{frame.y(value):.1f}")
    drawn = [run for run in runs if len(run) > 1]
    kind = f"line {line.colour} faint" if line.faint else f"line {line.colour}"
    areas = [_area(run, frame.y(0)) for run in drawn] if line.area else []
    return [*areas, *(f'<polyline class="{kind}" points="{" ".join(run)}"/>' for run in drawn)]


def _area(run: Sequence[str], base: float) -> str:
    first, last = run[0].split(",")[0], run[-1].split(",")[0]
    return f'<polygon class="area" points="{first},{base:.1f} {" ".join(run)} {last},{base:.1f}"/>'


def _mark(frame: _Frame, mark: Mark) -> str:
    x, y, way = frame.x(mark.x), frame.y(mark.y), 1 if mark.up else -1
    corners = f"{x:.1f},{y:.1f} {x - 4:.1f},{y + 7 * way:.1f} {x + 4:.1f},{y + 7 * way:.1f}"
    kind = "good" if mark.up else "bad"
    return f'<polygon class="{kind}" points="{corners}"><title>{escape(mark.words)}</title></polygon>'


def _grid(frame: _Frame, words: Words) -> list[str]:
    drawn = []
    for value in ticks(frame.y0, frame.y1, 4):
        y = frame.y(value)
        kind = "zero" if value == 0 else "grid"
        drawn.append(f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        drawn.append(f'<text x="{LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{escape(words(value))}</text>')
    return drawn


def _times(frame: _Frame) -> list[str]:
    span = frame.x1 - frame.x0
    form = (
        "%Y-%m-%d" if span > 4 * _DAY_S else "%m-%d %H:%M" if span > _DAY_S else "%H:%M" if span > 600 else "%H:%M:%S"
    )
    drawn = []
    for part, anchor in ((0, "start"), (1 / 3, "middle"), (2 / 3, "middle"), (1, "end")):
        at = frame.x0 + part * span
        text = datetime.fromtimestamp(at, UTC).strftime(form)
        drawn.append(f'<text x="{frame.x(at):.1f}" y="{frame.height - 6}" text-anchor="{anchor}">{text}</text>')
    return drawn


def ticks(low: float, high: float, about: int) -> list[float]:
    """Return round values within [`low`, `high`], roughly `about` of them."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= rough)
    first = math.ceil(low / step - 1e-9)
    return [round((first + i) * step, 12) for i in range(int((high - first * step) / step + 1e-9) + 1)]


def _room(low: float, high: float) -> tuple[float, float]:
    if low == high:
        return low - (abs(low) * 0.01 or 1), high + (abs(high) * 0.01 or 1)
    return low - 0.06 * (high - low), high + 0.06 * (high - low)


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
