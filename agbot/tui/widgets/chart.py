"""A line chart over the last seconds, small enough for five lines of text and right at fifty."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Final

from textual.color import Color
from textual_plotext import PlotextPlot

from agbot.tui.state import Dashboard

Points = Sequence[tuple[int, float]]
TALL: Final = 8
"""Lines from which there is room for the time axis."""
TONES_OF_MANY: Final = ("primary", "warning", "success", "accent", "secondary", "error")


class Chart(PlotextPlot):
    """Base of the charts. Subclasses say what the lines are; the newest value stands in the border."""

    def __init__(self, title: str, *, id: str) -> None:  # noqa: A002 - Textual's word
        super().__init__(id=id)
        self.border_title = title
        self._drawn: object = None

    def lines(self, dashboard: Dashboard) -> Mapping[str, Points]:
        """Return the points (UTC ms, value) of every line by its name."""
        raise NotImplementedError

    def newest(self, dashboard: Dashboard) -> tuple[str, str]:
        """Return the text for the border and the theme colour of the first line."""
        raise NotImplementedError

    def show(self, dashboard: Dashboard) -> None:
        """Draw the newest points, unless points, size and colours are those on the screen."""
        lines = {name: tuple(points) for name, points in self.lines(dashboard).items() if points}
        said, tone = self.newest(dashboard)
        if said != (self.border_subtitle or ""):
            self.border_subtitle = said
        colours = [Color.parse(self.app.theme_variables[name]).rgb for name in (tone, *TONES_OF_MANY[1:])]
        if self._drawn != (drawn := (lines, self.size, colours)):
            self._drawn = drawn
            self._draw(lines, colours)
            self.refresh()

    def _draw(self, lines: Mapping[str, Points], colours: Sequence[tuple[int, int, int]]) -> None:
        plot = self.plt
        plot.clear_data()
        if not lines:
            plot.frame(False)
            plot.xticks([])
            plot.yticks([])
            return
        newest = max(points[-1][0] for points in lines.values())
        oldest = min(points[0][0] for points in lines.values())
        for (name, points), colour in zip(lines.items(), itertools.cycle(colours), strict=False):
            few = thin(points, 2 * max(10, self.size.width))
            label = name if len(lines) > 1 and self.size.height >= TALL else None
            ago_s = [(at_ms - newest) / 1000 for at_ms, _ in few]
            plot.plot(ago_s, [value for _, value in few], marker="braille", color=colour, label=label)
        self._frame(min(-1.0, (oldest - newest) / 1000), [v for points in lines.values() for _, v in points])

    def _frame(self, from_s: float, values: Sequence[float]) -> None:
        """Set limits and ticks: whole seconds below, a few rounded values at the left."""
        plot = self.plt
        low, high = limits(values)
        plot.ylim(low, high)
        plot.xlim(from_s, 0)
        marks = max(2, min(6, self.size.height // 3))
        ticks = [low + (high - low) * i / (marks - 1) for i in range(marks)]
        plot.yticks(ticks, [short(value, high - low) for value in ticks])
        spots = max(2, min(6, self.size.width // 14))
        seconds = [from_s * (spots - 1 - i) / (spots - 1) for i in range(spots)]
        plot.xaxes(self.size.height >= TALL, False)
        plot.yaxes(True, False)
        plot.xticks(seconds, [f"{second:.0f}s" if second < -0.5 else "now" for second in seconds])


def thin(points: Points, most: int) -> Points:
    """Return at most about `most` of the points, evenly taken, always with the newest."""
    step = -(-len(points) // most)
    return points if step <= 1 else [*points[:-1:step], points[-1]]


def limits(values: Sequence[float]) -> tuple[float, float]:
    """Return the lower and upper end of an axis that shows all values, never an empty range."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = (high - low) * 0.05 or max(abs(high) * 0.05, 0.5)
    return (low - room if low < 0 else max(0.0, low - room)), high + room  # what is never negative has no axis below 0


def short(value: float, span: float) -> str:
    """Return a tick's label with as many decimals as the axis' span needs."""
    decimals = 0 if span >= 20 else 1 if span >= 2 else 2
    return f"{round(value, decimals) + 0.0:,.{decimals}f}"  # + 0.0: no negative zero
